"""A person's own table: a CSV, TSV or Parquet file, one column of which is predicted from the others."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from regbench.data.checksums import digest_of_files
from regbench.data.labelling import strata
from regbench.data.memory import require_memory
from regbench.data.row_groups import groups_apart
from regbench.data.splits import TEST_SEED, fifth_apart
from regbench.data.table_files.columns import Column, columns_of, raw
from regbench.data.table_files.csv_rows import Cells, shown_name
from regbench.data.table_files.encoding import Numbers
from regbench.data.table_files.names import Names, group_names
from regbench.data.table_files.reading import read_file
from regbench.data.table_files.rows import TableRows, Taken
from regbench.data.table_files.targets import Asked, Target, labels_of, target_of
from regbench.data.table_files.telling import found, warnings
from regbench.data.text_files.file import require_encoding
from regbench.data.typed import typed
from regbench.errors import brief
from regbench.tasks import Loss

TEST_SHARE = 0.2  # of the groups' rows, where there is no test file


class Table(TableRows):
    """Read rows from a CSV, TSV or Parquet file, and predict one column from the others.

    Numbers are standardized and categories become inputs of 0 and 1, as the kept train rows have them. Rows
    without a target are left out, and counted. Without a val file val is cut from the rows, as select is;
    without a test file a stratified fifth of them, the same whatever split_seed is, becomes the test split.

    Args:
        path: the file.
        target: the column to predict.
        val: a file like it with the val rows, or None.
        test: a file like it with the test rows, or None.
        group: a column whose equal values mark rows that never part between splits; it is no input. None:
            rows stand alone.
        ignore: columns that are no inputs.
        categories: columns whose numbers are names, such as codes.
        numbers: standardize: minus the mean, by the standard deviation; quantile: normal scores.
        rare: categories that train has in fewer rows have one input together, at least 1.
        task: auto: numbers to predict where the target has 21 different ones or more, else classes.
        loss: of numbers to predict.
        unit: what they are counted in, such as EUR; may be empty.
        delimiter: of text files, one character; None: found by the file's name and first line.
        encoding: of text files, by a name that Python knows.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(  # no dataclass, for test and val are keys here and methods of every source
        self,
        path: str,
        target: str,
        val: str | None,
        test: str | None,
        group: str | None,
        ignore: list[str],
        categories: list[str],
        numbers: Numbers,
        rare: int,
        task: Asked,
        loss: Loss,
        unit: str,
        delimiter: str | None,
        encoding: str,
    ) -> None:
        if rare < 1:
            raise ValueError(f"rare must be at least 1, got {rare}")
        self.numbers, self.rare, self.loss = numbers, rare, loss
        given = {"path": path, "val": val, "test": test}
        self.files = {key: file for key, file in given.items() if file is not None}
        self.names = Names(target, group, tuple(ignore), tuple(categories))
        self.task, self.unit, self.encoding = task, unit, encoding
        self.delimiter = None if delimiter is None else delimiter.replace("\\t", "\t")
        if self.delimiter is not None and (len(self.delimiter) != 1 or self.delimiter in '"\r\n\0'):
            raise ValueError(
                f"delimiter must be one character that separates, got {self.delimiter!r}; "
                f"for example {typed('delimiter', ';')}"
            )
        require_encoding(encoding)

    @property
    def columns(self) -> Sequence[Column]:
        return self._columns

    @property
    def classes(self) -> Sequence[str]:
        return self._target.classes or ()

    @property
    def targets(self) -> Sequence[str]:
        return () if self._target.classes else (self._target.name,)

    def fetch(self) -> None:
        """Read the files once.

        Raises:
            ValueError: a file is missing, is no table, or its columns are not what they should be.
        """
        for part in ("train", "test", *(["val"] if "val" in self.files else [])):
            if not len(self._parts[part].rows):
                raise ValueError(f"{self._parts[part].cells.path} must have a row with a target, got none")
        self._require_groups_apart()

    def content(self) -> str:
        return digest_of_files([(key, Path(file).expanduser()) for key, file in self.files.items()])

    def train(self) -> tuple[Tensor, Tensor]:
        return self._parts["train"].labelled

    def val(self) -> tuple[Tensor, Tensor] | None:
        return self._parts["val"].labelled if "val" in self.files else None

    def test(self) -> tuple[Tensor, Tensor]:
        return self._parts["test"].labelled

    def groups(self) -> Tensor | None:
        return _numbered(self._parts["train"].groups)

    def origin(self, part: str, row: int) -> str:
        return self._parts[part].origin(row)

    def found(self) -> str:
        return found(self.files, self._parts, self._whole, self._target, self.names, self._columns)

    def warnings(self) -> Sequence[str]:
        return warnings(self.files, self._parts)

    @cached_property
    def _cells(self) -> dict[str, Cells]:
        return {key: read_file(key, file, self.delimiter, self.encoding) for key, file in self.files.items()}

    @cached_property
    def _target(self) -> Target:
        for key, cells in self._cells.items():
            self.names.require(cells, every=key == "path")
        return target_of(self._cells["path"], self.names.target, self.task)

    @cached_property
    def _columns(self) -> list[Column]:
        cells, names = self._cells["path"], self.names.inputs(self._cells["path"])
        require_memory(2 * 8 * len(cells.frame) * len(names), f"{len(cells.frame):,} rows")
        return columns_of(cells, names, self.names.categories, self.names.ignore)

    @cached_property
    def _whole(self) -> dict[str, Taken]:
        """The rows of each file that have a target."""
        return {key: self._taken(cells) for key, cells in self._cells.items()}

    @cached_property
    def _parts(self) -> dict[str, Taken]:
        """The rows of train, of test, and of val where it is apart."""
        parts = dict(self._whole)
        train = parts.pop("path")
        if "test" not in parts and len(train.rows):
            train, parts["test"] = (train[rows] for rows in _fifth_apart(train))
        return {"train": train, "test": train, **parts}

    def _taken(self, cells: Cells) -> Taken:
        rows, labels = labels_of(cells, self._target)
        groups = None if self.names.group is None else group_names(cells, self.names.group)[rows]
        inputs = torch.from_numpy(raw(cells, self._columns)[rows])
        return Taken(cells, rows, inputs, torch.from_numpy(labels), groups)

    def _require_groups_apart(self) -> None:
        """Refuse too few groups, and files that share one."""
        groups = self._whole["path"].groups
        if self.names.group is None or groups is None:
            return
        needed, there = 5 - len(self.files), len(set(groups.tolist()))  # of train, select, val and test
        if there < needed:
            raise ValueError(
                f"group must name a column of {self.files['path']} with at least {needed} different values, "
                f"one for each split, got {there} in {shown_name(self.names.group)!r}"
            )
        seen: dict[str, str] = {}
        for taken in self._whole.values():
            names = set(taken.groups.tolist() if taken.groups is not None else [])
            shared = sorted(names & seen.keys())
            if shared:
                raise ValueError(
                    f"{taken.cells.path} must have groups of its own in {shown_name(self.names.group)!r}, "
                    f"got {brief(shared[0], 40)!r}, which stands in {seen[shared[0]]} too"
                )
            seen |= dict.fromkeys(names, taken.cells.path)


def _numbered(names: np.ndarray | None) -> Tensor | None:
    return None if names is None else torch.from_numpy(np.unique(names, return_inverse=True)[1])


def _fifth_apart(train: Taken) -> Sequence[Tensor]:
    """The rows of train and of test: a fifth, in whole groups where there are any."""
    groups = _numbered(train.groups)
    if groups is None:
        return fifth_apart(train.labels)
    generator = torch.Generator().manual_seed(TEST_SEED)
    return groups_apart(groups, strata(train.labels), [1 - TEST_SHARE, TEST_SHARE], generator)

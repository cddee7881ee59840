"""What a person is told of a table: what was found, what was left out, what is seldom meant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from regbench.data.checks.duplicates import Part, of_test
from regbench.data.table_files.columns import Column
from regbench.data.table_files.csv_rows import shown_name
from regbench.data.table_files.names import Names
from regbench.data.table_files.rows import Taken
from regbench.data.table_files.targets import Target
from regbench.errors import brief, counted, listed

MOST_NAMED = 10  # classes, or columns


def found(
    files: Mapping[str, str],
    parts: Mapping[str, Taken],
    whole: Mapping[str, Taken],
    target: Target,
    names: Names,
    columns: Sequence[Column],
) -> str:
    """A line: rows, what is predicted, columns, splits, and every row that is not used.

    Args:
        files: the keys that name files, and these.
        parts: the rows of train, test and perhaps val.
        whole: the rows of each file that have a target.
        target: what is predicted.
        names: the columns that are named.
        columns: those that inputs are made of.
    """
    first = whole["path"]
    said = [f"{counted(len(first.rows), 'row')} in {from_here(files['path'])}, {_predicted(first, target)}"]
    words = sum(column.categories is not None for column in columns)
    said.append(
        f"{counted(len(columns), 'column')}: {len(columns) - words} of numbers, {words} of categories"
    )
    if target.why:
        said.append(target.why)
    if names.ignore:
        said.append(f"ignored: {listed(map(shown_name, names.ignore), MOST_NAMED)}")
    if names.group is not None and first.groups is not None:
        said.append(
            f"{counted(len(set(first.groups.tolist())), 'group')} by {shown_name(names.group)}, kept whole"
        )
    for split in ("val", "test"):
        if split in files:
            said.append(f"{split}: {counted(len(parts[split].rows), 'row')} in {from_here(files[split])}")
    if "test" not in files:
        said.append(f"test: a fifth of the rows, {len(parts['test'].rows):,}")
    blank = sum(taken.cells.blank for taken in whole.values())
    without = sum(len(taken.cells.frame) - len(taken.rows) for taken in whole.values())
    if blank:
        said.append(f"passed over: {counted(blank, 'blank line')}")
    if without:
        said.append(f"left out: {counted(without, 'row')} without a target")
    return "; ".join(said)


def warnings(files: Mapping[str, str], parts: Mapping[str, Taken]) -> list[str]:
    """Files that are one and the same, and test rows that stand among the others."""
    seen: dict[Path, str] = {}
    said = []
    for key, file in files.items():
        path = Path(file).expanduser().resolve()
        if path in seen:
            said.append(f"{seen[path]} and {key} are the same file, {file}")
        seen[path] = key
    others = [Part(*taken.labelled, taken.origin) for key, taken in parts.items() if key != "test"]
    test = parts["test"]
    said += of_test(Part(*test.labelled, test.origin), others)
    return [f"dataset: {sentence}" for sentence in said]


def from_here(file: str) -> str:
    """A path as a person in the current folder would type it."""
    path = Path(file).expanduser()
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file


def _predicted(first: Taken, target: Target) -> str:
    name = shown_name(target.name)
    if target.classes is None:
        low, high = first.labels.min().item(), first.labels.max().item()
        return f"target {name}: numbers from {low:g} to {high:g}"
    sizes = torch.bincount(first.labels, minlength=len(target.classes)).tolist()
    each = (f"{brief(value, 40)} ({size:,})" for value, size in zip(target.classes, sizes, strict=True))
    return f"target {name}: {counted(len(target.classes), 'class')}: {listed(each, MOST_NAMED)}"

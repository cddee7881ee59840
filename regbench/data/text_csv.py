"""A person's own sentences: a table with a column of text and one of labels."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import torch

from regbench.data.checksums import digest_of_files
from regbench.data.splits import fifth_apart
from regbench.data.text import Labelled, Text, labelled

Rows = list[tuple[str, str]]  # text and label


@dataclass
class TextCSV(Text):
    """Read sentences and labels from a CSV file with a header line, in UTF-8.

    Classes are the different values of the label column, numbered in alphabetical order. Text is cut into
    lower-case words and single signs. Without a test file a stratified fifth of the rows, the same whatever
    split_seed is, becomes the test split.

    Attributes:
        path: the file.
        test_path: a file like it with the test rows, or None.
        text: name of the column with the text.
        label: name of the column with the label.
        delimiter: what stands between the columns, one character; no quote, no line end. Backslash and t,
            as a command line has it, is a tab.
    """

    cut: ClassVar[str | None] = "words"

    path: str
    test_path: str | None
    text: str
    label: str
    delimiter: str

    def __post_init__(self) -> None:
        super().__post_init__()
        self.delimiter = self.delimiter.replace("\\t", "\t")
        if len(self.delimiter) != 1 or self.delimiter in '"\r\n':
            raise ValueError(f"delimiter must be one character that separates, got {self.delimiter!r}")

    @property
    def num_classes(self) -> int:
        return len(self._classes)

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(self._classes)

    @cached_property
    def _rows(self) -> Rows:
        return _read("path", self.path, self)

    @cached_property
    def _classes(self) -> list[str]:
        return sorted({label for _, label in self._rows})

    def fetch(self) -> None:
        """Read the files once.

        Raises:
            ValueError: a file is missing, is no such table, or has fewer than 2 classes; the test file has no
                rows, or a label that is none of the classes.
        """
        classes = self._classes
        if len(classes) < 2:
            raise ValueError(
                f"{self.path} must have at least 2 different labels, got {', '.join(classes) or 'none'}"
            )
        test = self._test_rows()
        if self.test_path is not None and not test:
            raise ValueError(f"{self.test_path} must have at least one row below its header, got none")
        for _, label in test:
            if label not in classes:
                raise ValueError(f"{self.test_path} must have labels of {self.path} only, got {label!r}")

    def content(self) -> str:
        files = [self.path, *([self.test_path] if self.test_path else [])]
        return digest_of_files((str(place), Path(file).expanduser()) for place, file in enumerate(files))

    def read(self, part: str) -> Labelled:
        classes = {label: number for number, label in enumerate(self._classes)}
        rows = self._test_rows() if part == "test" else self._rows
        if self.test_path is None:
            apart = fifth_apart(torch.tensor([classes[label] for _, label in self._rows]))
            rows = [self._rows[row] for row in apart[part == "test"]]
        return labelled([self.tokens_of(text) for text, _ in rows], [classes[label] for _, label in rows])

    def _test_rows(self) -> Rows:
        """The rows of the test file; none where there is no such file."""
        return [] if self.test_path is None else _read("test_path", self.test_path, self)


def _read(field: str, path: str, table: TextCSV) -> Rows:
    """Text and label of every row of the file that a field names.

    Raises:
        ValueError: it cannot be read, lacks a column, or a row of it lacks a value or has too many.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise ValueError(f"{field} must be a CSV file, got {path}")
    with file.open(encoding="utf-8-sig", newline="") as lines:
        try:
            reader = csv.DictReader(lines, delimiter=table.delimiter, strict=True)
            _require_columns(path, table, reader.fieldnames or [])
            return [_pair(path, table, row, reader.line_num) for row in reader]
        except (csv.Error, UnicodeDecodeError) as error:
            raise ValueError(
                f"{path} must be a CSV file in UTF-8, got one that cannot be read: {error}"
            ) from error


def _require_columns(path: str, table: TextCSV, columns: Sequence[str]) -> None:
    for name in (table.text, table.label):
        if name not in columns:
            raise ValueError(f"{path} must have a column {name!r}, got {', '.join(columns) or 'none'}")


def _pair(path: str, table: TextCSV, row: Mapping[str | None, Any], line: int) -> tuple[str, str]:
    """Text and label of a row that ends in a line; a row's surplus values have the name None."""
    text, label = row[table.text], row[table.label]
    if text is None or not (label or "").strip():
        raise ValueError(f"{path} must have a text and a label in every row, got none in line {line}")
    if None in row:
        raise ValueError(
            f"{path} must have no more values in a row than columns, got more in line {line}; "
            f"a text that holds a {table.delimiter!r} must stand in double quotes"
        )
    return text, label

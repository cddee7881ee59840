"""A person's own sentences: a table with a column of text and one of labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import torch

from regbench.data.checks.suspicions import MOST_NAMED
from regbench.data.checksums import digest_of_files
from regbench.data.splits import fifth_apart
from regbench.data.text_files.file import content_of, decoded, read_better_as, require_encoding
from regbench.data.text_files.sentences import Labelled, Text, is_unspaced, labelled
from regbench.data.text_files.tables import Columns, Row, TextRows, read_table, visible
from regbench.data.typed import typed
from regbench.errors import counted, listed

MANY_UNSPACED = 10  # per cent of the rows
DELIMITERS = {"tab": "\\t", "comma": ",", "semicolon": ";", "pipe": "|", "bar": "|"}  # what they are called
MOST_CLASSES = 10  # that the line on what was found names


@dataclass
class TextCSV(Text):
    """Read sentences and labels from a CSV file with a header line.

    Classes are the different values of the label column, numbered in alphabetical order. Lines without any
    value are passed over. Without a val file val is cut from the rows, as select is; without a test file a
    stratified fifth of them, the same whatever split_seed is, becomes the test split.

    Attributes:
        path: the file.
        val_path: a file like it with the val rows, or None.
        test_path: a file like it with the test rows, or None.
        text: name of the column with the text.
        label: name of the column with the label.
        delimiter: what stands between the columns, one character; no quote, no line end. Backslash and t,
            as a command line has it, is a tab.
        encoding: what the files are written in, by a name that Python knows; a byte order mark is no text.
        tokens: words are lower-case words and single signs; characters, without blanks and in lower case,
            are for languages that set none between words.

    Raises:
        ValueError: a field is out of range.
    """

    path: str
    val_path: str | None
    test_path: str | None
    text: str
    label: str
    delimiter: str
    encoding: str
    tokens: Literal["words", "characters"]

    def __post_init__(self) -> None:
        super().__post_init__()
        self.delimiter = self.delimiter.replace("\\t", "\t")
        if len(self.delimiter) != 1 or self.delimiter in '"\r\n\0':
            meant = typed("delimiter", DELIMITERS.get(self.delimiter.lower(), ";"))
            how = "type" if self.delimiter.lower() in DELIMITERS else "for example"
            raise ValueError(
                f"delimiter must be one character that separates, got {self.delimiter!r}; {how} {meant}"
            )
        if self.text == self.label:
            raise ValueError(f"text and label must be two columns, got {self.text!r} for both")
        require_encoding(self.encoding)

    @property
    def num_classes(self) -> int:
        return len(self.classes)

    @property
    def has_val(self) -> bool:  # type: ignore[override]
        return self.val_path is not None

    @property
    def cut(self) -> str:  # type: ignore[override]
        return self.tokens

    @property
    def unit(self) -> str:
        return self.tokens

    @cached_property
    def classes(self) -> list[str]:
        return sorted({row.label for row in self._tables["path"].rows})

    @property
    def _files(self) -> dict[str, str]:
        """The files that are named, by their fields."""
        named = {"path": self.path, "val_path": self.val_path, "test_path": self.test_path}
        return {field: file for field, file in named.items() if file is not None}

    @cached_property
    def _tables(self) -> dict[str, TextRows]:
        columns = Columns(self.text, self.label, self.delimiter)
        return {
            field: read_table(file, decoded(file, content_of(field, file), self.encoding), columns)
            for field, file in self._files.items()
        }

    @cached_property
    def _parts(self) -> dict[str, Sequence[Row]]:
        """The rows of train, of test, and of val where it is apart."""
        rows, numbers = self._tables["path"].rows, {name: n for n, name in enumerate(self.classes)}
        parts = {field.removesuffix("_path"): table.rows for field, table in self._tables.items()}
        train = parts.pop("path")
        if self.test_path is None:
            apart = fifth_apart(torch.tensor([numbers[row.label] for row in rows]))
            train, parts["test"] = ([rows[row] for row in part] for part in apart)
        return {"train": train, **parts}

    def fetch(self) -> None:
        """Read the files once.

        Raises:
            ValueError: a file is missing, is no such table, or has no rows; the first has fewer than 2
                classes, another a label that is none of them.
        """
        for field, table in self._tables.items():
            if not table.rows:
                raise ValueError(
                    f"{self._files[field]} must have at least one row below its header, got none"
                )
        if len(self.classes) < 2:
            raise ValueError(f"{self.path} must have at least 2 different labels, got {self.classes[0]}")
        for field, table in self._tables.items():
            strange = next((row for row in table.rows if row.label not in self.classes), None)
            if strange is not None:
                raise ValueError(
                    f"{self._files[field]} must have labels of {self.path} only, "
                    f"got {strange.label!r} in line {strange.line}"
                )

    def content(self) -> str:
        files = [self.path, *([self.test_path] if self.test_path else [])]
        places = [(str(place), Path(file).expanduser()) for place, file in enumerate(files)]
        return digest_of_files(
            [*places, *([("val", Path(self.val_path).expanduser())] if self.val_path else [])]
        )

    def read(self, part: str) -> Labelled:
        rows, numbers = self._parts[part], {name: number for number, name in enumerate(self.classes)}
        return labelled([self.tokens_of(row.text) for row in rows], [numbers[row.label] for row in rows])

    def origin(self, part: str, row: int) -> str:
        file = Path((self.val_path if part == "val" else self.path) or "")
        alike = len({other for other in self._files.values() if Path(other).name == file.name}) > 1
        return f"line {self._parts[part][row].line} of {file if alike else file.name}"

    def found(self) -> str:
        """The rows, the classes and their rows, the other splits, and what was passed over."""
        table, sizes = self._tables["path"], Counter(row.label for row in self._tables["path"].rows)
        classes = listed((f"{visible(name)} ({sizes[name]:,})" for name in self.classes), MOST_CLASSES)
        rows = f"{counted(len(table.rows), 'row')} of {counted(len(sizes), 'class')}"
        said = [f"{rows} in {_from_here(self.path)}: {classes}"]
        for split, file in (("val", self.val_path), ("test", self.test_path)):
            if file is not None:
                said.append(f"{split}: {counted(len(self._parts[split]), 'row')} in {_from_here(file)}")
            elif split == "test":
                said.append(f"test: a fifth of the rows, {len(self._parts[split]):,}")
        blank = sum(table.blank for table in self._tables.values())
        return "; ".join([*said, *([f"passed over: {counted(blank, 'blank line')}"] if blank else [])])

    def warnings(self) -> list[str]:
        return [*self._of_files(), *self._of_texts(), *super().warnings()]

    def _of_files(self) -> list[str]:
        """Files that are one and the same, and files that seem to be in another encoding."""
        files = [(field, file, Path(file).expanduser().resolve()) for field, file in self._files.items()]
        said = [
            f"dataset: {one} and {other} are the same file, {file}"
            for place, (one, file, path) in enumerate(files)
            for other, _, twin in files[place + 1 :]
            if path == twin
        ]
        for field, file, _ in files:
            if likely := read_better_as(content_of(field, file), self.encoding):
                said.append(f"dataset: {file} is read as {self.encoding} and looks like {likely}; is it?")
        return said

    def _of_texts(self) -> list[str]:
        said, rows = [], self._parts["train"]
        if empty := [row.line for row in rows if not row.text.strip()]:
            lines = listed((f"line {line}" for line in empty), MOST_NAMED)
            said.append(f"dataset: {counted(len(empty), 'row')} of {self.path} without a text: {lines}")
        unspaced = sum(is_unspaced(row.text) for row in rows)
        if self.tokens == "words" and unspaced * 100 > MANY_UNSPACED * len(rows):
            said.append(
                f"dataset: {unspaced / len(rows):.1%} of the rows have no blanks between their words, as in "
                "Chinese, Japanese or Thai, and a clause counts as a word; type dataset.tokens=characters"
            )
        known = {_even(row.text) for row in rows}
        shown = sum(_even(row.text) in known for row in self._parts["test"])
        if shown:
            total = len(self._parts["test"])
            said.append(
                f"dataset: {shown:,} of the {counted(total, 'test row')} ({shown / total:.1%}) stand among "
                "the rows that train, select and val are cut from"
            )
        return said


def _even(text: str) -> str:
    """A text but for its case and blanks."""
    return " ".join(text.lower().split())


def _from_here(file: str) -> str:
    """A path as a person in the current folder would type it."""
    path = Path(file).expanduser()
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file

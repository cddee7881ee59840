"""The values of a text file with columns, as text, and the line that each row begins in."""

from __future__ import annotations

import csv
import io
from array import array
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from regbench.data.text_files.tables import SEPARATOR, fields_of_any_length
from regbench.errors import listed

MOST_NAMES = 10
LONGEST_NAME = 40
TABS = (".tsv", ".tab")


@dataclass(frozen=True)
class Cells:
    """The rows of a table, nothing made of their values yet.

    Attributes:
        path: what messages call the file.
        frame: a column for each name; of a text file all are text without blanks at the ends, null where
            there is none.
        lines: the line, from 1, that each row begins in; None where the file has no lines.
        blank: lines without a value that were passed over.
    """

    path: str
    frame: pl.DataFrame
    lines: array[int] | None
    blank: int = 0

    def place(self, row: int) -> str:
        """Where a row stands: its line, or its number from 1."""
        return f"row {row + 1}" if self.lines is None else f"line {self.lines[row]}"


def read_csv(path: str, text: str, delimiter: str | None) -> Cells:
    """The rows of a text with a header line.

    Args:
        path: what messages call the file.
        text: its content.
        delimiter: what stands between columns; None: a tab where the file's name says so, else whichever of
            comma, semicolon, tab and bar the first line has most of.

    Raises:
        ValueError: it is empty, has no row, a row has more or fewer values than there are columns, or quotes
            do not match.
    """
    text = SEPARATOR.sub("\n", text.replace("\r\n", "\n").replace("\r", "\n"))
    delimiter = delimiter or _delimiter_of(path, text)
    stream = io.StringIO(text, newline="")
    with fields_of_any_length():
        records = _records(path, stream, delimiter)
        header = next((cells for _, cells in records if any(map(str.strip, cells))), None)
        if header is None:
            raise ValueError(f"{path} must have a header line and rows, got an empty file")
        names = [name.strip() for name in header]
        require_names(path, names)
        body = text[stream.tell() :]
        lines, kept, blank = _structure(path, records, len(names), delimiter)
    if not lines:
        raise ValueError(f"{path} must have at least one row below its header, got none")
    return Cells(path, _frame(path, body, names, delimiter).filter(pl.Series(kept)), lines, blank)


def require_names(path: str, names: list[str]) -> None:
    """Refuse columns that have no name, or one that another has.

    Raises:
        ValueError: there is one.
    """
    for number, name in enumerate(names, 1):
        if not name:
            raise ValueError(
                f"{path} must have a name for every column, got none for column {number} of {len(names)}; "
                "an index that pandas has written is left out by to_csv(..., index=False)"
            )
        if names.index(name) < number - 1:
            raise ValueError(
                f"{path} must have one column {shown_name(name)!r}, got columns {names.index(name) + 1} and "
                f"{number} of that name"
            )


def shown_name(name: str) -> str:
    """A column's name as a message has it."""
    return name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}..."


def shown_names(names: list[str]) -> str:
    """Names of columns as a message lists them."""
    return listed(map(shown_name, names), MOST_NAMES)


def _delimiter_of(path: str, text: str) -> str:
    if path.lower().endswith(TABS):
        return "\t"
    first = next((line for line in text.split("\n", 100) if line.strip()), "")
    return max(",;\t|", key=first.count)  # the first of those that it has equally many of


def _records(path: str, stream: io.StringIO, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The values of every record, and the line, from 1, that it begins in."""
    reader = csv.reader(stream, delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(
            f"{path} must be a CSV file, got one that cannot be read where the row of line {line} begins: "
            f"{error}; a quote within a text in quotes must be doubled"
        ) from error


def _structure(
    path: str, records: Iterator[tuple[int, list[str]]], width: int, delimiter: str
) -> tuple[array[int], list[bool], int]:
    """The lines of the rows, which of the records are rows, and how many are blank."""
    lines, kept = array("q"), []
    for line, cells in records:
        holds = any(map(str.strip, cells))
        if holds and len(cells) != width:
            more = f"; a value that holds a {delimiter!r} must stand in double quotes"
            raise ValueError(
                f"{path} must have as many values in every row as columns, {width}, got {len(cells)} in line "
                f"{line}{more if len(cells) > width else ''}"
            )
        kept.append(holds)
        if holds:
            lines.append(line)
    return lines, kept, len(kept) - len(lines)


def _frame(path: str, body: str, names: list[str], delimiter: str) -> pl.DataFrame:
    """All records below the header, blank ones too."""
    header = delimiter.join(map(str, range(len(names))))  # polars would take the width from a blank line
    try:
        frame = pl.read_csv(io.BytesIO(f"{header}\n{body}".encode()), separator=delimiter, infer_schema=False)
    except (pl.exceptions.PolarsError, UnicodeError) as error:
        said = " ".join(str(error).split("\n")[0].split())
        raise ValueError(
            f"{path} must be a CSV file, got one that polars cannot read ({said}); a value that holds a "
            "quote must stand in quotes, and the quote be doubled"
        ) from error
    values = pl.all().str.strip_chars()
    frame = frame.select(pl.when(values != "").then(values))
    return frame.rename(dict(zip(frame.columns, names, strict=True)))

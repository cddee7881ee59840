"""A column of text and one of labels, out of a table with a header line."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from regbench.data.typed import typed
from regbench.errors import alike, listed

DELIMITERS = ";\t|,"  # those that are looked for where the one that was named is not it
LONGEST_NAME = 40  # signs of a column's name that a message shows
MOST_NAMES = 10
SEPARATOR = re.compile(r"\Asep=.(\r\n|\r|\n)")  # a first line for spreadsheets alone
WORDS_OF_A_TEXT = 4  # no column's name has as many


class Row(NamedTuple):
    """A row of the table, and the line, from 1, that it begins in."""

    text: str
    label: str
    line: int


@dataclass(frozen=True)
class Columns:
    """Which columns are read, and what stands between them."""

    text: str
    label: str
    delimiter: str


@dataclass(frozen=True)
class TextRows:
    """The rows, and how many lines without a value were passed over."""

    rows: Sequence[Row]
    blank: int


def read_table(path: str, content: str, columns: Columns) -> TextRows:
    """The two columns of every row.

    Args:
        path: what messages call the file.
        content: its text.
        columns: what to read.

    Raises:
        ValueError: a column is missing or there twice, quotes do not match, or a row lacks a value or has too
            many.
    """
    content = SEPARATOR.sub("\n", content)
    with fields_of_any_length():
        lines = _records(path, content, columns)
        header = next((cells for _, cells in lines if _holds(cells)), None)
        if header is None:
            raise ValueError(f"{path} must have a column {columns.text!r}, got none: the file is empty")
        _require_columns(path, content, columns, header)
        places = header.index(columns.text), header.index(columns.label)
        rows, blank = [], 0
        for line, cells in lines:
            if _holds(cells):
                rows.append(_row(path, columns, header, places, line, cells))
            else:
                blank += 1
    return TextRows(rows, blank)


def visible(name: str) -> str:
    """A name as a message has it: in quotes where blanks at its end, or nothing at all, could not be seen."""
    return name if name and name == name.strip() and name.isprintable() else repr(name)


@contextmanager
def fields_of_any_length() -> Iterator[None]:
    """A text may be longer than the 131,072 signs at which the csv module stops; its limit is everybody's."""
    before = csv.field_size_limit(2**31 - 1)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _records(path: str, content: str, columns: Columns) -> Iterator[tuple[int, list[str]]]:
    """The values of every record, and the line, from 1, that it begins in."""
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=columns.delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            hint = _other_delimiter(content, columns) if line == 1 else ""
            raise ValueError(
                f"{path} must be a CSV file, got one that cannot be read where the row of line {line} "
                f"begins: {error}{hint or '; a quote within a text in quotes must be doubled'}"
            ) from error
        yield line, cells


def _holds(cells: Sequence[str]) -> bool:
    return any(cell.strip() for cell in cells)


def _row(
    path: str,
    columns: Columns,
    header: Sequence[str],
    places: tuple[int, int],
    line: int,
    cells: Sequence[str],
) -> Row:
    if len(cells) <= max(places) or not cells[places[1]].strip():
        raise ValueError(f"{path} must have a text and a label in every row, got none in line {line}")
    if len(cells) > len(header):
        raise ValueError(
            f"{path} must have no more values in a row than columns, got more in line {line}; "
            f"a text that holds a {columns.delimiter!r} must stand in double quotes"
        )
    return Row(cells[places[0]], cells[places[1]], line)


def _require_columns(path: str, content: str, columns: Columns, header: Sequence[str]) -> None:
    for key, name in (("text", columns.text), ("label", columns.label)):
        if name not in header:
            hint = (
                _other_delimiter(content, columns)
                or _near_name(key, name, header)
                or _no_header(content, columns, header)
            )
            raise ValueError(f"{path} must have a column {name!r}, got {_shown(header)}{hint}")
        if header.count(name) > 1:
            raise ValueError(f"{path} must have one column {name!r}, got {header.count(name)} of them")


def _other_delimiter(content: str, columns: Columns) -> str:
    """What to type where the first line shows that something else stands between the columns."""
    found = {}
    for other in dict.fromkeys([*DELIMITERS, *_signs_between(content, columns)]):
        header = _split(content, other)
        named = {columns.text, columns.label} <= set(header)
        alone = len(_split(content, columns.delimiter)) < 2
        likely = other in DELIMITERS and alone and len(header) > 1
        if other != columns.delimiter and (named or likely):
            found[other] = (named, len(header), header)
    if not found:
        return ""
    other, (named, _, header) = max(found.items(), key=lambda one: one[1][:2])
    shown = "\\t" if other == "\t" else other
    then = "" if named else f", which makes the columns {_shown(header)}"
    return f"; {other!r} stands between them: type {typed('delimiter', shown)}{then}"


def _signs_between(content: str, columns: Columns) -> list[str]:
    """The signs of the first line that could stand between columns, whatever they are."""
    first = next((line for line in content.splitlines() if line.strip()), "")
    within = {*columns.text, *columns.label}
    return [sign for sign in first if not sign.isalnum() and sign not in within and sign not in '"\r\n\0']


def _split(content: str, delimiter: str) -> list[str]:
    """The first record with this delimiter, as well as it can be read."""
    lines = (line for line in io.StringIO(content, newline="") if line.strip())
    return next(csv.reader(lines, delimiter=delimiter), [])


def _near_name(key: str, name: str, header: Sequence[str]) -> str:
    """What to type where a column's name differs in case, blanks or a letter or two."""
    plain = [re.sub(r"[\s\"'_-]", "", column).casefold() for column in header]
    wanted = re.sub(r"[\s\"'_-]", "", name).casefold()
    near = alike(wanted, plain, 0.8)
    return f"; type {typed(key, header[plain.index(near[0])])}" if near else ""


def _no_header(content: str, columns: Columns, header: Sequence[str]) -> str:
    """What to do where the first line is a row like those below it."""
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=columns.delimiter)
    below = [cells for cells, _ in zip(reader, range(1000), strict=False)][1:]
    again = any(
        value and value in (row[place] for row in below if place < len(row))
        for place, value in enumerate(header)
    )
    texts = any(len(value.split()) >= WORDS_OF_A_TEXT for value in header)
    numbers = any(re.fullmatch(r"\s*[-+]?\d+([.,]\d+)?\s*", value) for value in header)
    if not (again or texts or numbers):
        return "; name its columns by dataset.text and dataset.label"
    names = columns.delimiter.join((columns.text, columns.label))
    return f"; its first line looks like a row: put a line with the columns' names above it, such as {names}"


def _shown(names: Sequence[str]) -> str:
    """Names of columns as a message lists them."""
    cut = [name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}..." for name in names]
    return listed(map(visible, cut), MOST_NAMES)

"""Which columns of a table a person names, and for what."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from regbench.data.table_files.columns import first, texts
from regbench.data.table_files.csv_rows import Cells, shown_name, shown_names
from regbench.data.typed import typed
from regbench.errors import alike

DELIMITERS = ";\t|,"


@dataclass(frozen=True)
class Names:
    """The columns that are named.

    Attributes:
        target: is predicted.
        group: holds the groups; None where there are none.
        ignore: are no inputs.
        categories: hold categories, even where these are numbers.

    Raises:
        ValueError: a column is named for two things.
    """

    target: str
    group: str | None
    ignore: tuple[str, ...]
    categories: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.target in self.ignore:
            raise ValueError(f"ignore must not name the target, got {self.target!r}")
        if self.target == self.group:
            raise ValueError(f"group must be another column than the target, got {self.target!r} for both")
        for name in self.categories:
            if name in (self.target, self.group, *self.ignore):
                raise ValueError(f"categories must name inputs, got {name!r}, which is none")

    def require(self, cells: Cells, every: bool) -> None:
        """Refuse a file that lacks one of them.

        Args:
            cells: the file.
            every: whether columns that are ignored, or categories, must be there too.

        Raises:
            ValueError: it does.
        """
        named = [("target", self.target), *([("group", self.group)] if self.group else [])]
        if every:
            named += [(key, name) for key in ("ignore", "categories") for name in getattr(self, key)]
        for key, name in named:
            if name not in cells.frame.columns:
                raise ValueError(
                    f"{key} must name a column of {cells.path}, got {name!r}; there are "
                    f"{shown_names(cells.frame.columns)}{_hint(key, name, cells.frame.columns)}"
                )

    def inputs(self, cells: Cells) -> list[str]:
        """The names of all columns that inputs are made of.

        Raises:
            ValueError: there is none.
        """
        without = {self.target, self.group, *self.ignore}
        names = [name for name in cells.frame.columns if name not in without]
        if not names:
            raise ValueError(
                f"{cells.path} must have a column beside {', '.join(filter(None, without))}, got none"
            )
        return names


def group_names(cells: Cells, group: str) -> np.ndarray:
    """The group of each row (N,), as text.

    Raises:
        ValueError: a row has none.
    """
    values = texts(cells.frame[group])
    if values.null_count():
        raise ValueError(
            f"{cells.path} must have a group in {shown_name(group)!r} in every row, got none in "
            f"{cells.place(first(values.is_null()))}"
        )
    return values.to_numpy()


def _hint(key: str, name: str, columns: list[str]) -> str:
    """What to type where a name is nearly right, or another sign stands between the columns."""
    plain = [_plain(column) for column in columns]
    near = alike(_plain(name), plain, 0.6)
    if near:
        meant = columns[plain.index(near[0])]
        one = key in ("target", "group")
        return f"; type {typed(key, meant)}" if one else f"; did you mean {meant!r}?"
    signs = [sign for sign in DELIMITERS if sign in columns[0]]
    if len(columns) == 1 and signs:
        shown = "\\t" if signs[0] == "\t" else signs[0]
        return f"; {signs[0]!r} may stand between them: type {typed('delimiter', shown)}"
    return ""


def _plain(name: str) -> str:
    return re.sub(r"[\s\"'_-]", "", name).casefold()

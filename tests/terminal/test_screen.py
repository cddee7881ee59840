"""A person's words are shown in signs that steer nothing, and sentences stay short."""

from __future__ import annotations

import io

import pytest
from rich.table import Table
from rich.text import Text

from regbench.errors import CUT, LONGEST, ConfigError, brief, printable
from regbench.terminal.screen import Screen

HOSTILE = "a\x1b[31mb\x07c\u202ed\udcffe"
SHOWN = "a\\x1b[31mb\\x07c\\x202ed\\xdcffe"


def test_a_screen_shows_signs_that_steer_as_text() -> None:
    screen = Screen(file=io.StringIO(), width=200)
    table = Table()
    table.add_row(Text(HOSTILE))
    screen.print(HOSTILE, markup=False)
    screen.print(table)
    shown = screen.file.getvalue()  # type: ignore[attr-defined]
    assert all(line.isprintable() for line in shown.split("\n"))
    assert SHOWN.replace("\\x07", "") in shown  # rich itself drops a bell


def test_a_screen_keeps_its_own_colours_and_lines() -> None:
    screen = Screen(file=io.StringIO(), force_terminal=True, width=80, color_system="standard")
    screen.print("[red]one[/]\ntwo ü")
    shown = screen.file.getvalue()  # type: ignore[attr-defined]
    assert "\x1b[31mone" in shown
    assert shown.endswith("two ü\n")


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (f"seed: got {HOSTILE}", f"seed: got {SHOWN}"),
        ("seed: got a\nb\r\tc", "seed: got a\\x0ab\\x0d\\x09c"),
        ("seed: ü ß 日本 stay", "seed: ü ß 日本 stay"),
    ],
)
def test_a_refusal_is_one_line_of_printable_signs(said: str, shown: str) -> None:
    assert str(ConfigError(said)) == shown


@pytest.mark.parametrize("said", ["x" * 100_000, "a, " * 50_000, "word " + "y" * 5000 + " end"])
def test_a_refusal_loses_its_middle_where_it_is_too_long(said: str) -> None:
    shown = str(ConfigError(f"seed: must be short, got {said}"))
    assert len(shown) <= LONGEST
    assert shown.startswith("seed: must be short, got ")
    assert CUT in shown


def test_what_is_to_be_typed_and_a_path_stay_whole() -> None:
    right, path = "+reg=[" + ",".join(f"name{i}" for i in range(80)) + "]", "/" + "folder/" * 40
    shown = str(ConfigError(f"reg: {path} must be a list, got {'z' * 1000}; type {right}"))
    assert shown.endswith(f"; type {right}")
    assert path in shown


def test_a_short_text_is_not_cut() -> None:
    assert brief("abc") == "abc"
    assert len(brief("a" * 101)) == 100
    assert printable("a b") == "a b"

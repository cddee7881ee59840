"""What is shown of long work, and that nothing is of short work."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from regbench.terminal import bar
from regbench.terminal.bar import _bar, shown

LATER = 1000.0  # seconds


def console(terminal: bool) -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, force_terminal=terminal, width=80), out


@pytest.mark.parametrize("terminal", [True, False])
def test_nothing_is_shown_of_short_work(terminal: bool) -> None:
    where, out = console(terminal)
    with shown(range(500), "preparing", where) as each:
        assert list(each) == list(range(500))
    assert out.getvalue() == ""


def test_in_a_file_long_work_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    where, out = console(terminal=False)
    clock = iter([0.0, 0.5, 1.0, 1.5, 3.0, *[LATER] * 500])
    monkeypatch.setattr(bar.time, "monotonic", lambda: next(clock))
    with shown(range(500), "preparing", where) as each:
        assert len(list(each)) == 500
    assert out.getvalue() == "preparing: 3 of 500\n"


def test_in_a_file_nothing_is_shown_of_few_items(monkeypatch: pytest.MonkeyPatch) -> None:
    where, out = console(terminal=False)
    clock = iter([0.0, *[LATER] * 5])
    monkeypatch.setattr(bar.time, "monotonic", lambda: next(clock))
    with shown(range(5), "preparing", where) as each:
        assert len(list(each)) == 5
    assert out.getvalue() == ""


def test_in_a_terminal_long_work_has_a_bar_that_does_not_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    where, out = console(terminal=True)
    monkeypatch.setattr(bar, "SOON", -1.0)
    with shown(range(5), "preparing", where) as each:
        for number in each:
            assert not number or "preparing" in out.getvalue()
    assert "/5" in out.getvalue()
    assert out.getvalue().endswith("\x1b[2K"), "the line is empty again"
    assert "\x1b[?25h" in out.getvalue(), "and the cursor is back"


def test_the_bar_is_gone_before_what_ends_the_work_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    where, out = console(terminal=True)
    monkeypatch.setattr(bar, "SOON", -1.0)

    def work() -> None:
        with shown(range(5), "preparing", where) as each:
            for number in each:
                if number == 2:
                    raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        work()
    assert caught.value.__traceback__ is not None, "which holds whatever has not been ended"
    assert "\x1b[?25h" in out.getvalue()


def test_brackets_in_what_is_done_are_shown_as_they_are() -> None:
    out = io.StringIO()
    bar = _bar(Console(file=out, force_terminal=True, width=200), "reading [red]mine[/] rows")
    bar.add_task("", total=2)
    bar.start()
    bar.stop()
    assert "reading [red]mine[/] rows" in out.getvalue()

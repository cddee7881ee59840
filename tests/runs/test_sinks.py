"""Several sinks as one: in order, each for as long as it takes what it is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from regbench.runs.sinks import Sinks
from regbench.sinks.base import Sink, Start
from regbench.types import Record
from tests.sinks.starts import start

METHODS = ("start", "step", "write", "show", "tell", "end", "command", "close")
Seen = list[tuple[str, str]]


class Noting(Sink):
    """Notes what it is given; in one of its methods it raises, wherever else it is asked to."""

    def __init__(self, name: str, seen: Seen, raises: str = "", error: BaseException | None = None) -> None:
        self._name, self._seen, self._raises, self._error = name, seen, raises, error or KeyError("mine")
        self._note("init")

    def _note(self, what: str, more: object = "") -> None:
        self._seen.append((self._name, f"{what} {more}".rstrip()))
        if what == self._raises:
            raise self._error

    def start(self, run: Start) -> None:
        self._note("start", run.name)

    def step(self, epoch: int, share: float) -> None:
        self._note("step", epoch + share)

    def write(self, record: Record) -> None:
        self._note("write", record.epoch)
        record.metrics.clear()  # its own copy

    def show(self, pictures: Mapping[str, Tensor], epoch: int = 0) -> None:
        self._note("show", epoch)

    def tell(self, texts: Mapping[str, str], epoch: int) -> None:
        self._note("tell", epoch)

    def end(self, summary: Mapping[str, Any]) -> None:
        self._note("end", summary["status"])

    def command(self) -> str:
        self._note("command")
        return f"look at {self._name}"

    def close(self) -> None:
        self._note("close")


class Failures(list[tuple[str, str, str]]):
    """Of which sink, when, and what."""

    def __call__(self, name: str, when: str, error: BaseException) -> None:
        self.append((name, when, type(error).__name__))


def through(makers: Mapping[str, Callable[[], Sink]], folder: Path) -> tuple[list[str], Failures]:
    """A whole run's worth; the commands at its end, and what failed."""
    failures = Failures()
    sinks = Sinks(makers, start(folder / "run"), failures)
    record = Record(1, {"val/loss": 0.5})
    sinks.step(0, 0.5)
    sinks.write(record)
    sinks.show({"x": torch.zeros(1, 1, 2, 2)}, 3)
    sinks.tell({"x": "text"}, 4)
    sinks.end({"status": "finished"})
    commands = sinks.commands()
    sinks.close()
    sinks.close()  # by then there is nothing to close
    assert record.metrics == {"val/loss": 0.5}
    return commands, failures


WHOLE = ["init", "start run", "step 0.5", "write 1", "show 3", "tell 4", "end finished", "command", "close"]


def test_each_is_given_everything_in_their_order(tmp_path: Path) -> None:
    seen: Seen = []
    makers = {"a": lambda: Noting("a", seen), "none": Sink, "b": lambda: Noting("b", seen)}
    assert through(makers, tmp_path) == (["look at a", "look at b"], [])
    assert seen == [(name, what) for what in WHOLE for name in "ab"]


@pytest.mark.parametrize("raises", ["init", *METHODS])
def test_one_that_raises_is_told_of_once_and_only_closed_and_the_others_get_all(
    tmp_path: Path, raises: str
) -> None:
    seen: Seen = []
    makers = {"bad": lambda: Noting("bad", seen, raises), "good": lambda: Noting("good", seen)}
    _, failures = through(makers, tmp_path)
    when = "when it was made" if raises == "init" else f"in {raises}"
    assert failures == [("bad", when, "KeyError")]
    assert [what for name, what in seen if name == "good"] == WHOLE
    last = next(place for place, what in enumerate(WHOLE) if what.startswith(raises))
    then = [] if raises == "init" else ["close"]  # what was never made cannot be closed
    assert [what for name, what in seen if name == "bad"] == WHOLE[: last + 1] + then


@pytest.mark.parametrize("error", [SystemExit(1), RecursionError(), GeneratorExit(), AssertionError()])
def test_whatever_it_raises(tmp_path: Path, error: BaseException) -> None:
    seen: Seen = []
    _, failures = through({"bad": lambda: Noting("bad", seen, "write", error)}, tmp_path)
    assert failures == [("bad", "in write", type(error).__name__)]


def test_one_that_cannot_even_close_after_it_has_failed_is_told_of_once(tmp_path: Path) -> None:
    class Bad(Sink):
        def write(self, record: Record) -> None:
            raise ValueError

        def close(self) -> None:
            raise ValueError

    assert through({"bad": Bad}, tmp_path)[1] == [("bad", "in write", "ValueError")]


def test_a_signal_is_no_failure_of_a_sink(tmp_path: Path) -> None:
    failures = Failures()
    sinks = Sinks({"one": Signalled}, start(tmp_path), failures)
    with pytest.raises(KeyboardInterrupt):
        sinks.write(Record(1, {}))
    assert failures == []


class Signalled(Sink):
    def write(self, record: Record) -> None:
        import signal

        signal.raise_signal(signal.SIGINT)


def test_what_a_sink_draws_shifts_nobodys_draws(tmp_path: Path) -> None:
    class Drawing(Sink):
        def write(self, record: Record) -> None:
            torch.manual_seed(5)
            torch.rand(7)

    sinks = Sinks({"one": Drawing}, start(tmp_path), Failures())
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    sinks.write(Record(1, {}))
    assert torch.equal(torch.rand(3), expected)

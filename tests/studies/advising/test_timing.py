"""What is timed before a plan: learning alone, and runs side by side; and what a refusal takes away again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from regbench.composition.command_line import CommandLine
from regbench.composition.composer import Composer
from regbench.errors import ConfigError
from regbench.studies.advising import acting, timing
from regbench.studies.advising.advising import Advising
from regbench.studies.advising.settings import Settings
from regbench.sweeps.estimate import Cost
from regbench.sweeps.launcher import Launch
from regbench.terminal.screen import Screen

LINE = CommandLine(("dataset.num_train=97", "model.width=8", "train.epochs=1", "device=cpu"))


@pytest.fixture(autouse=True)
def _there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> list[float | None]:
    """The limits that work was done within; each lets all of it pass, and says that it took no time."""
    found: list[float | None] = []

    @contextmanager
    def within(limit: float | None) -> Iterator[Any]:
        found.append(limit)
        yield lambda: 0.0

    monkeypatch.setattr(acting, "within", within)
    return found


def options(monkeypatch: pytest.MonkeyPatch, *names: str) -> list[acting.Option]:
    every = acting.entries
    monkeypatch.setattr(acting, "entries", lambda *given: [one for one in every(*given) if one.name in names])
    return acting.options_of(LINE, LINE.overrides, Composer(None))


def tried(several: list[acting.Option], run: float) -> Any:
    costs: Any = SimpleNamespace(of=lambda _: Cost(0.0, 0.0))
    job: Any = lambda one: one  # noqa: E731
    return acting.tried(several, job, costs, run)


def test_a_tiny_run_leaves_out_nothing_for_what_it_learns(
    monkeypatch: pytest.MonkeyPatch, limits: list[float | None]
) -> None:
    found = tried(options(monkeypatch, "hide_and_seek", "dropout", "input_noise"), 0.001)
    assert [one.option for one in found[0]] == ["dropout", "hide_and_seek", "input_noise"]
    assert found[1].keys() == {"dropout", "hide_and_seek", "input_noise"}
    assert set(limits) == {acting.LEAST_LIMIT}
    assert acting.LEAST_LIMIT >= 2
    limits.clear()
    tried(options(monkeypatch, "hide_and_seek"), 60.0)
    assert limits == [60.0]


def test_the_audit_is_not_what_is_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    inside: list[bool] = []
    audited: list[bool] = []

    @contextmanager
    def within(_: float | None) -> Iterator[Any]:
        inside.append(True)
        yield lambda: 0.0
        inside.pop()

    def found(*_: Any) -> dict[str, Any]:
        audited.append(bool(inside))
        return {"findings": []}

    monkeypatch.setattr(acting, "within", within)
    monkeypatch.setattr(acting, "audited", found)
    tried(options(monkeypatch, "hide_and_seek"), 1.0)
    assert audited == [False]


def test_what_learns_for_too_long_is_left_out_with_both_times(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def within(_: float | None) -> Iterator[Any]:
        raise acting.TooLongError
        yield

    monkeypatch.setattr(acting, "within", within)
    (one,) = tried(options(monkeypatch, "hide_and_seek"), 0.5)[2]
    assert one.reason == (
        "what it learns before each run must take no longer than 3.0 s, as a run without it takes 0.5 s, and "
        "takes longer"
    )


def test_the_last_round_is_timed_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    jobs: Any = [[SimpleNamespace(folder=number)] for number in range(2)]
    launch: Any = None
    ended = SimpleNamespace(seconds=0.5, status=SimpleNamespace(finished=True))
    monkeypatch.setattr(timing, "undamaged", lambda _: ended)
    monkeypatch.setattr(timing, "run_rounds", lambda _launch, rounds, _words, console: list(rounds))
    clock = iter([0.0, 9.0, 9.0, 9.8]).__next__  # the first round takes 9 s, the last 0.8
    found = timing.besides(jobs, 0.2, 100.0, launch, Screen(), clock)
    assert (found.training, found.fixed) == (pytest.approx(0.3), pytest.approx(0.3))
    assert timing.besides(jobs, 2.1, 100.0, launch, Screen(), clock) == timing.Beside()


def refused() -> None:
    advising = Advising(
        LINE, Composer(None), Settings(0.5, True, "a"), None, "last", None, False, ["budget=500ms"]
    )
    with Launch(LINE, Composer(None)) as launch, pytest.raises(ConfigError, match=r"^budget: must be at"):
        advising.run(launch, advising.options(), 0.0, Screen(), lambda _: None)


def test_a_refusal_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    every = acting.entries
    monkeypatch.setattr(
        acting, "entries", lambda *given: [one for one in every(*given) if one.name == "dropout"]
    )
    monkeypatch.setattr(timing, "MOST", 1e9)  # runs are made, however short the budget
    made: list[Path] = []
    undamaged = timing.undamaged
    monkeypatch.setattr(timing, "undamaged", lambda folder: made.append(folder) or undamaged(folder))
    refused()
    assert made
    assert not Path("outputs").exists()
    earlier = Path("outputs/advice/a/race/of_an_earlier_call")
    earlier.mkdir(parents=True)
    refused()
    assert list(Path("outputs/advice/a").rglob("*")) == [earlier.parent, earlier]


def refuse(folder: Path, beside: Path | None = None) -> None:
    job: Any = SimpleNamespace(folder=folder)
    with timing.undone_if_refused([job], Path("plan.json")):
        folder.mkdir(parents=True, exist_ok=True)
        if beside:
            beside.touch()
        raise ConfigError("budget: no")


def test_what_an_earlier_call_left_or_another_goes_on_with_stays() -> None:
    old, new = Path("race/old"), Path("race/new")
    old.mkdir(parents=True)
    for folder in (old, new):
        with pytest.raises(ConfigError):
            refuse(folder)
    assert list(Path("race").iterdir()) == [old]
    with pytest.raises(ConfigError):
        refuse(new, Path("plan.json"))
    assert new.exists()

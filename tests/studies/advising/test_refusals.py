"""What an advice refuses before it spends anything, and what it says where something comes in between."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from regbench.analysis.searching import Confirmation, Setting
from regbench.assembly.data import load_data
from regbench.composition.command_line import CommandLine
from regbench.composition.composer import Composer
from regbench.errors import ConfigError
from regbench.records.metrics import CLASSES, NUMBERS, Terms
from regbench.studies.advising import testing
from regbench.studies.advising.advising import Advising
from regbench.studies.advising.folder import AdviceFolder
from regbench.studies.advising.searched import open_said
from regbench.studies.advising.settings import Settings
from regbench.studies.searching.confirmed import confirmed_of
from regbench.studies.searching.judging import require_chosen_by
from regbench.studies.searching.rounds import StudyFolder

LINE = ("dataset.num_train=97", "model.width=8", "train.epochs=1", "device=cpu")
WINNER = Setting("a", 0, "dropout", [], {})
BASELINE = Setting("baseline", 0, "tuned baseline", [], {})
SPENT, DIVERGED = "the time is spent", "the baseline diverged"


def advising(
    *words: str,
    seconds: float = 900.0,
    metric: str | None = None,
    test: bool = False,
    margin: float | None = None,
) -> Advising:
    line = CommandLine((*LINE, *words))
    return Advising(
        line, Composer(None), Settings(seconds, True, "a"), metric, "last", margin, test, ["budget=15min"]
    )


@pytest.fixture(autouse=True)
def _there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def confirmation(seeds: int, over: str) -> Confirmation:
    fresh = list(range(100, 100 + seeds))
    return Confirmation("val/accuracy", "last", WINNER, BASELINE, seeds=fresh, over=over)


@pytest.mark.parametrize(
    ("said", "seeds", "over", "expected"),
    [
        (f"x; {SPENT}.", 12, SPENT, f"x; {SPENT}."),
        (f"x; {SPENT}.", 5, SPENT, f"x; {SPENT}; with fewer than 6 fresh seeds nothing can be decided."),
        ("no seed has ended", 6, DIVERGED, f"no seed has ended; {DIVERGED}."),
    ],
    ids=["many", "few", "diverged"],
)
def test_what_there_is_no_verdict_of_is_said_with_its_own_reason(
    said: str, seeds: int, over: str, expected: str
) -> None:
    # 2 of 2^n orders of signs: 6 seeds are the fewest with which the test can resolve anything
    assert open_said(said, confirmation(seeds, over)) == expected


def test_a_budget_is_fixed_by_the_plan_and_no_earlier() -> None:
    first = advising(seconds=60.0)
    first.folder.require(first._about)  # as far as one comes that is refused as too short
    advising(seconds=900.0)
    folder = AdviceFolder("a")
    (folder.root / "plan.json").write_text('{"budget": 900.0}')
    advising(seconds=900.0)
    with pytest.raises(
        ConfigError, match=r"^study: outputs/advice/a holds other advice, whose budget is 900.0"
    ):
        advising(seconds=60.0)


def test_what_has_another_subject_is_refused_without_a_plan() -> None:
    first = advising()
    first.folder.require(first._about)
    with pytest.raises(ConfigError, match=r"whose margin is none and not 0\.5; name"):
        advising(margin=0.5)
    with pytest.raises(ConfigError, match=r"whose metric is"):
        advising(metric="val/loss")


def test_test_is_refused_at_the_start_without_weights_or_a_split(monkeypatch: pytest.MonkeyPatch) -> None:
    advising("checkpoints=none")
    with pytest.raises(ConfigError, match=r"^checkpoints: must not be none with --test"):
        advising("checkpoints=none", test=True)
    advising(test=True)
    monkeypatch.setattr(testing, "load_data", lambda node: replace(load_data(node), read_test=None))
    with pytest.raises(ConfigError, match=r"^advise: --test: must be left out for a dataset"):
        advising(test=True)


def test_what_keeps_test_from_being_read_at_the_end_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any) -> None:
        raise ConfigError("final: x must be a finished run, and is not one any more")

    monkeypatch.setattr(testing, "read_final", refused)
    assert testing.test_of(Path("search"), True, True) == [
        "the test split was not read: x must be a finished run, and is not one any more"
    ]


@pytest.mark.parametrize(
    ("metric", "task"),
    [("val/ece", CLASSES), ("val/r2", CLASSES), ("val/accuracy", NUMBERS), ("test/loss", CLASSES)],
)
def test_a_metric_that_select_does_not_have_is_refused(metric: str, task: Any) -> None:
    with pytest.raises(ConfigError, match=rf"^--metric: must be a figure of val .* got {metric}"):
        require_chosen_by(metric, Terms(task))
    require_chosen_by("val/loss", Terms(task))


def test_it_is_refused_before_anything_runs() -> None:
    with pytest.raises(ConfigError, match=r"^--metric: .*val/balanced_accuracy, .* got val/ece"):
        advising(metric="val/ece")
    assert not Path("outputs").exists()


@pytest.mark.parametrize(
    ("line", "typed"),
    [
        (["regbench", "advise", "model=mlp", "budget=1h"], "regbench advise model=mlp budget=1h"),
        (["+reg=[dropout]", "trials=6"], "regbench search '+reg=[dropout]' trials=6"),
    ],
)
def test_a_search_that_is_not_confirmed_goes_on_by_the_line_that_began_it(
    line: list[str], typed: str
) -> None:
    folder = StudyFolder(Path("search"))
    with folder.held():
        folder.require({"format": 1}, {"line": line})
    with pytest.raises(ConfigError) as error:
        confirmed_of(folder)
    assert f"type `{typed}`, which goes on with it" in str(error.value)

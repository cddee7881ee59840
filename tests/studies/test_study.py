"""What a line asks for, condition by condition, and what is refused before any of it is run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from regbench.analysis.cohorts import Cohort
from regbench.errors import ConfigError
from regbench.studies.study import Condition, Output, Study, carry_out, composed, conditions, options, varied
from tests.conftest import SMALL

QUICK = [*SMALL, "model.width=8"]


def stacks(one: Any) -> list[list[str]]:
    """A job with its members and without them."""
    return [one.overrides, [*one.overrides, *(f"~reg.{name}" for name in one.config["reg"])]]


def needed(jobs: Any) -> list[Condition]:
    """The conditions of jobs, each of which asks for itself and for its stack without members."""
    made = conditions(jobs, lambda job: job.config)
    return [one.needing(words for job in one.jobs for words in stacks(job)) for one in made]


def test_jobs_that_differ_in_the_seed_alone_are_one_condition() -> None:
    _, jobs = composed("ablate", ["+reg=dropout", "model=mlp,cnn", "seed=0,1", *SMALL])
    one, other = needed(jobs)
    assert (one.name, other.name) == ("digits mlp dropout", "digits cnn dropout")
    assert [len(each.jobs) for each in (one, other)] == [2, 2]
    assert len(one.lines) == 4, "with dropout and without, of two seeds"


def test_seeds_with_a_split_each_are_one_condition_and_seeds_crossed_with_splits_are_several() -> None:
    _, jobs = composed("ablate", ["+reg=dropout", "seed=range(3)", "dataset.split_seed=${seed}", *SMALL])
    (one,) = needed(jobs)
    assert (one.name, len(one.jobs), len(one.lines)) == ("digits mlp dropout", 3, 6)
    _, jobs = composed("ablate", ["+reg=dropout", "seed=0,1", "dataset.split_seed=0,1", *SMALL])
    crossed = needed(jobs)
    assert [(each.name, len(each.jobs)) for each in crossed] == [
        ("digits mlp dropout dataset.split_seed=0", 2),
        ("digits mlp dropout dataset.split_seed=1", 2),
    ]


def test_what_several_jobs_ask_for_is_run_once() -> None:
    _, jobs = composed("strength", ["+reg=dropout", "reg.dropout.p=0.1,0.2", "seed=0", *SMALL])
    (one,) = conditions(jobs, lambda job: {**job.config, "reg": list(job.config["reg"])})
    one = one.needing(words for job in one.jobs for words in (job.overrides, ["seed=0"]))
    assert len(one.lines) == 3
    assert one.lines.count(["seed=0"]) == 1


def test_a_condition_is_called_by_what_sets_it_apart() -> None:
    _, jobs = composed("ablate", ["+reg=dropout", "train.lr=0.1,0.2", "threads=1", "device=cpu"])
    assert varied(jobs) == ["train.lr"]
    names = [one.name for one in needed(jobs)]
    assert names == ["digits mlp dropout train.lr=0.1", "digits mlp dropout train.lr=0.2"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["+reg=droput"], "no option 'droput'"),
        (["--cfg", "job"], "ablate: --cfg"),
        (["seed=-1"], "seed: must"),
    ],
)
def test_a_wrong_line_is_refused(words: list[str], sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        composed("ablate", words)
    assert sentence in str(caught.value)


def study(line: list[str], *outputs: Output) -> Any:
    def report(*_: Any) -> Any:
        pytest.fail("nothing has been run")

    typed, jobs = composed("ablate", [*line, *QUICK])
    return Study("ablate", needed(jobs), report, outputs), typed


def asked(*words: str) -> Any:
    return options("ablate", "", "").parse_args(list(words))


def test_a_plan_shows_each_job_once_and_runs_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert carry_out(*study(["+reg=dropout", "seed=0,1"]), asked("--plan")) == 0
    assert "4 jobs, 0 done, 4 left: about " in capsys.readouterr().out
    assert not list(tmp_path.rglob("summary.json"))


@pytest.mark.parametrize("kind", ["a folder", "below nothing", "a file for a folder"])
def test_what_could_not_be_written_is_refused_before_the_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    place = {"a folder": "folder", "below nothing": "no/file", "a file for a folder": "file"}[kind]
    out = Output("--html", Path(place), kind == "a file for a folder", lambda found, path: None)
    with pytest.raises(ConfigError, match=rf"^ablate: --html: must be a f.* got {place}$"):
        carry_out(*study(["+reg=dropout"], out), asked())
    assert {path.name for path in tmp_path.iterdir()} == {"folder", "file"}


def test_a_figure_that_has_no_verdict_is_refused_before_the_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"^ablate: --metric must be a figure of val, .* got gap/accuracy"):
        carry_out(*study(["+reg=dropout"]), asked("--metric", "gap/accuracy"))
    assert list(tmp_path.iterdir()) == []


@dataclass
class Found:
    stacks: list[str]


def test_what_was_found_is_written_as_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    seen: list[Cohort] = []

    def report(condition: Any, cohort: Cohort, question: Any) -> Any:
        seen.append(cohort)
        return Found(sorted(group.name for group in cohort.groups)), lambda _: []

    made, line = study(["+reg=dropout"])
    made = Study("ablate", made.conditions, report)
    assert carry_out(made, line, asked("--json", "found.json")) == 0
    kept = json.loads((tmp_path / "found.json").read_text())
    assert (kept["format"], kept["command"]) == (1, "ablate")
    assert kept["conditions"] == [{"stacks": ["baseline", "dropout"]}]
    assert len(seen) == 1

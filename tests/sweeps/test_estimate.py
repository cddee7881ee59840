"""What a sweep will take, by runs of its kind that have finished, or by a few steps."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from regbench.regularizers.gan_augmentation import GANAugmentation
from regbench.sweeps.estimate import show
from regbench.sweeps.jobs import Job
from tests.conftest import reg_node, tiny
from tests.records.made import figures, summary


def job(root: Path, name: str, reg: dict[str, Any] | None = None, **train: Any) -> Job:
    return Job(0, [], tiny("mlp", reg, **train), root / name)


def finished(done: Job, seconds: float, epochs: int = 3, status: str = "finished") -> None:
    """The folder of a run of that job that has ended."""
    done.folder.mkdir(parents=True)
    made = summary(epochs=[figures(0.5)] * epochs, status=status, seconds=seconds)
    (done.folder / "summary.json").write_text(json.dumps(made | {"config": done.config}))


def shown(capsys: pytest.CaptureFixture[str], *jobs: Job, workers: int = 1) -> str:
    show(jobs, workers)
    return capsys.readouterr().out.splitlines()[-1]


def test_an_epoch_takes_the_median_of_the_finished_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seconds in (3.0, 6.0, 600.0):
        finished(job(tmp_path, f"seed{seconds}"), seconds)
    left = job(tmp_path, "left", epochs=10)
    assert shown(capsys, left).startswith("1 jobs, 0 done, 1 left: about 20.0 s with 1 at once, ")
    more = [job(tmp_path, f"left{number}", epochs=10) for number in range(3)]
    assert shown(capsys, *more, workers=2).startswith("3 jobs, 0 done, 3 left: about 30.0 s with 2 at once, ")
    alone = shown(capsys, left, workers=4)
    assert alone.startswith("1 jobs, 0 done, 1 left: about 20.0 s with 1 at once, "), "one is not divided"


def test_runs_of_the_same_stack_tell_more_than_those_of_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    finished(job(tmp_path, "bare"), 3.0)
    dropout, mixup = ({name: reg_node(name)} for name in ("dropout", "mixup"))
    finished(job(tmp_path, "dropout", dropout), 30.0)
    assert "about 20.0 s" in shown(capsys, job(tmp_path, "left", dropout, epochs=2))
    assert "about 11.0 s" in shown(capsys, job(tmp_path, "other", mixup, epochs=2)), "the median of both"


@pytest.mark.parametrize("reason", ["diverged", "another model", "another version"])
def test_a_run_that_is_not_alike_tells_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], reason: str
) -> None:
    one = job(tmp_path, "one")
    finished(one, 1e6, status="diverged" if reason == "diverged" else "finished")
    made = json.loads((one.folder / "summary.json").read_text())
    made["version"] += reason == "another version"
    made["config"]["model"]["width"] += reason == "another model"
    (one.folder / "summary.json").write_text(json.dumps(made))
    said = shown(capsys, job(tmp_path, "left"))
    assert float(re.search(r"about ([\d.]+) s with", said)[1]) < 100  # type: ignore[index]


def test_jobs_that_differ_in_the_seed_alone_are_estimated_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from regbench.sweeps import estimate

    looked: list[Any] = []
    check = estimate.check
    monkeypatch.setattr(estimate, "check", lambda config: looked.append(config) or check(config))
    jobs = [Job(s, [], tiny() | {"seed": s}, tmp_path / f"seed{s}") for s in range(3)]
    assert shown(capsys, *jobs).startswith("3 jobs, 0 done, 3 left: about ")
    assert len(looked) == 1


def test_what_a_member_learns_before_the_run_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GANAugmentation, "prepare_data", lambda self, split: pytest.fail("it has learned"))
    reg = {"gan_augmentation": reg_node("gan_augmentation")}
    assert "1 left: about " in shown(capsys, job(tmp_path, "left", reg))


def test_what_is_done_is_told_from_what_is_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done, damaged = job(tmp_path, "done"), job(tmp_path, "damaged", epochs=60)
    finished(done, 300.0, epochs=1)
    damaged.folder.mkdir()
    (damaged.folder / "summary.json").write_text("{")
    show([done, damaged], 1)
    said = capsys.readouterr().out
    assert re.search(r"^done +finished *$", said, re.M)
    assert re.search(r"^damaged +left +5 h 0 min ", said, re.M)
    assert "damaged would be run again: summary.json cannot be read: " in said
    assert "2 jobs, 1 done, 1 left: about 5 h 0 min with 1 at once, " in said

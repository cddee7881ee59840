"""Which jobs are trained together, and that nobody can tell afterwards."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from regbench.commands import train
from regbench.errors import ConfigError
from regbench.sweeps import replicas
from regbench.sweeps.jobs import Job
from regbench.sweeps.replicas import choose
from regbench.training.loop import Run
from tests import processes
from tests.conftest import reg_node, tiny

QUICK = ["train.epochs=3", "train.batch_size=32", "model.width=8", "dataset.num_train=97", "device=cpu"]
# the trivial stack, whose records are those of separate runs to the last bit
EXACT = """
import sys
from regbench import cli
from regbench.runs import together, work_together
from regbench.sweeps import replicas
from tests.replicas import in_turn
together.fit_stack = in_turn
work_together.unstackable = replicas.unstackable = lambda runs: ""
sys.argv = ["regbench", *sys.argv[1:]]
cli.main()
"""


@pytest.fixture
def gains(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What a stack is said to gain; how many runs each was measured by comes after it."""
    said = [3.0]

    def pays(runs: Sequence[Run]) -> float:
        said.append(float(len(runs)))
        return said[0]

    monkeypatch.setattr(replicas, "unstackable", lambda runs: "")
    monkeypatch.setattr(replicas, "pays", pays)
    return said


def jobs(tmp_path: Path, count: int, reg: str = "dropout", **keys: Any) -> list[Job]:
    config = tiny("mlp", reg={reg: reg_node(reg)}) | keys
    return [Job(n, [], {**config, "seed": n}, tmp_path / f"{reg}{n}") for n in range(count)]


def sizes(found: replicas.Chosen) -> list[int]:
    return [len(unit) for unit in found.units]


@pytest.mark.parametrize(
    ("asked", "workers", "expected"),
    [
        ("auto", 2, [4, 4]),
        ("auto", 3, [1] * 8),
        ("auto", 1, [8]),
        ("auto", 8, [1] * 8),
        ("off", 1, [1] * 8),
        (1, 1, [1] * 8),
        (4, 1, [4, 4]),
        (8, 2, [8]),
        (256, 8, [8]),
    ],
)
def test_so_many_are_trained_together_that_all_workers_are_busy_or_as_many_as_is_said(
    tmp_path: Path, gains: list[float], asked: Any, workers: int, expected: list[int]
) -> None:
    found = choose(jobs(tmp_path, 8, replicas=asked), workers, can=True)
    assert sorted(sizes(found)) == sorted(expected)
    assert [job.number for unit in found.units for job in unit] == list(range(8))
    assert found.at_once(workers) == sum(sorted(expected)[-workers:])


def test_one_line_says_what_was_chosen_and_why(tmp_path: Path, gains: list[float]) -> None:
    several = jobs(tmp_path, 9)
    said = "a stack of 5 takes 0.33 of the time of its runs one by one"
    chosen = "9 of 9 jobs are trained together, in stacks: 1 of 5 and 1 of 4"
    assert choose(several, 2, can=True).said == f"replicas: {chosen}; {said}"
    asked = jobs(tmp_path, 4, replicas=2)
    assert choose(asked, 1, can=True).said == "replicas: 4 of 4 jobs are trained together, in stacks: 2 of 2"
    assert choose(jobs(tmp_path, 4, replicas="off"), 1, can=True).said == ""
    assert gains == [3.0, 5.0], "measured once, and by auto alone"


def test_what_gains_too_little_is_run_side_by_side_unless_it_is_asked_for(
    tmp_path: Path, gains: list[float]
) -> None:
    gains[0] = 1.05
    found = choose(jobs(tmp_path, 4), 1, can=True)
    assert sizes(found) == [1, 1, 1, 1]
    why = "a stack of 4 takes 0.95 of the time of its runs one by one"
    assert found.said == f"replicas: no jobs are trained together; {why}"
    assert sizes(choose(jobs(tmp_path, 4, replicas=4), 1, can=True)) == [4]


def test_members_that_cannot_be_stacked_say_so_once_and_their_jobs_run_side_by_side(
    tmp_path: Path, gains: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(runs: Sequence[Run]) -> str:
        names = [name for name, _ in runs[0].reg.leaves()]
        return "replicas: these cannot" if names != ["dropout"] else ""

    monkeypatch.setattr(replicas, "unstackable", refusing)
    mixed = [*jobs(tmp_path, 4), *jobs(tmp_path, 4, "sam"), *jobs(tmp_path, 4, "l2", threads=2)]
    found = choose([replace(job, number=n) for n, job in enumerate(mixed)], 1, can=True)
    assert sizes(found) == [4] + [1] * 8
    assert "; sam, l2: these cannot; " in found.said


def test_where_numbers_may_not_differ_seeds_still_may(
    tmp_path: Path, gains: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replicas, "unstackable", lambda runs: "no" if len({r.lr for r in runs}) > 1 else "")
    several = jobs(tmp_path, 4, replicas=4)
    rates = [0.1, 0.2, 0.1, 0.2]
    made = [
        replace(job, config={**job.config, "train": {**job.config["train"], "lr": rate}})
        for job, rate in zip(several, rates, strict=True)
    ]
    found = choose(made, 1, can=True)
    assert [[job.number for job in unit] for unit in found.units] == [[0, 2], [1, 3]]


def test_a_launcher_of_others_runs_each_by_itself_and_takes_no_number(tmp_path: Path) -> None:
    assert sizes(choose(jobs(tmp_path, 3), 1, can=False)) == [1, 1, 1]
    with pytest.raises(ConfigError, match=r"^replicas: must be auto or off where .*, got 2$"):
        choose(jobs(tmp_path, 3, replicas=2), 1, can=False)


def test_where_jobs_are_to_end_by_a_moment_only_what_is_asked_for_is_trained_together(
    tmp_path: Path, gains: list[float]
) -> None:
    assert sizes(choose(jobs(tmp_path, 8), 1, can=True, hurried=True)) == [1] * 8
    assert sizes(choose(jobs(tmp_path, 8, replicas=4), 1, can=True, hurried=True)) == [4, 4]


# --- real processes


def sweep(tmp_path: Path, *words: str, code: str = EXACT) -> Any:
    return processes.run("train", "-m", *QUICK, *words, cwd=tmp_path, code=code)


def left(tmp_path: Path, name: str) -> dict[str, Any]:
    """Of each job by its folder's name its records, times aside, and its summary's status."""
    found = {}
    for folder in sorted((tmp_path / "outputs" / "sweeps" / name).iterdir()):
        lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        records = [{n: v for n, v in one.items() if "time/" not in n} for one in lines]
        summary = json.loads((folder / "summary.json").read_text())
        found[folder.name] = records, summary["status"], summary["identity"], names(folder)
    return found


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in (*folder.iterdir(), *(folder / ".hydra").iterdir()))


def test_a_sweep_leaves_what_it_leaves_without_replicas(tmp_path: Path) -> None:
    words = ["+reg=[],dropout", "seed=0,1", "train.lr=0.01,1e30"]
    assert sweep(tmp_path, *words, "sweep=off", "replicas=off").returncode == 4
    done = sweep(tmp_path, *words, "sweep=on", "replicas=8")
    assert done.returncode == 4, done.stderr
    assert "replicas: 8 of 8 jobs are trained together, in stacks: 2 of 4" in done.stdout
    assert "4 of 8 jobs finished" in done.stdout
    assert done.stdout.count("--force") == 4
    assert left(tmp_path, "on") == left(tmp_path, "off")
    folders = (tmp_path / "outputs/sweeps/on").iterdir()
    assert {json.loads((one / "environment.json").read_text())["replicas"] for one in folders} == {4}
    again = sweep(tmp_path, *words, "sweep=on", "replicas=8")
    assert "are trained together" not in again.stdout, "nothing is left to run"


@pytest.mark.parametrize(
    ("launcher", "number"),
    [
        pytest.param("basic", signal.SIGINT, marks=pytest.mark.long),
        ("side_by_side", signal.SIGKILL),
        pytest.param("basic", signal.SIGKILL, marks=pytest.mark.long),
        pytest.param("side_by_side", signal.SIGINT, marks=pytest.mark.long),
    ],
)
def test_a_sweep_that_is_stopped_or_killed_goes_on_to_the_same_records(
    tmp_path: Path, launcher: str, number: int
) -> None:
    words = ["seed=range(4)", "train.epochs=40", f"hydra/launcher={launcher}"]
    quick = [word for word in QUICK if not word.startswith("train.epochs")]
    started = ["train", "-m", *quick, *words, "sweep=on", "replicas=2"]
    with processes.start(*started, cwd=tmp_path, code=EXACT) as process:
        while not _records(tmp_path) > 8:
            assert process.poll() is None, process.out + process.err
            time.sleep(0.02)
        process.send_signal(number)
        assert process.wait(120) == (130 if number == signal.SIGINT else -9)
    states = [
        json.loads(path.read_text())["status"] for path in tmp_path.glob("outputs/sweeps/on/*/summary.json")
    ]
    if number == signal.SIGINT:
        assert "interrupted" in states
        assert all((path / "metrics.jsonl").exists() for path in tmp_path.glob("outputs/sweeps/on/*"))
    done = processes.run(*started, cwd=tmp_path, code=EXACT)
    assert done.returncode == 0, done.stderr
    done = processes.run("train", "-m", *quick, *words, "sweep=off", "replicas=off", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert left(tmp_path, "on") == left(tmp_path, "off")


def _records(tmp_path: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in tmp_path.glob("outputs/sweeps/on/*/metrics.jsonl"))


@pytest.mark.long
def test_a_worker_that_is_killed_loses_none_of_its_runs(tmp_path: Path) -> None:
    quick = [word for word in QUICK if not word.startswith("train.epochs")]
    words = ["train", "-m", *quick, "seed=range(4)", "train.epochs=40", "replicas=2"]
    with processes.start(*words, "sweep=on", cwd=tmp_path, code=EXACT) as process:
        while not _records(tmp_path) > 8:
            assert process.poll() is None, process.out + process.err
            time.sleep(0.02)
        (server,) = _children(process.pid)
        os.kill(_children(server)[0], signal.SIGKILL)
        assert process.wait(120) == 0, process.out + process.err
        assert "4 of 4 jobs finished" in process.out
    assert processes.run(*words, "sweep=off", cwd=tmp_path, code=EXACT).returncode == 0
    assert left(tmp_path, "on") == left(tmp_path, "off")


def _children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.long
def test_plan_says_it_and_ablate_does_it(tmp_path: Path) -> None:
    words = ["train.epochs=1", *QUICK[1:], "+reg=[dropout,l2]", "seed=range(4)", "replicas=4"]
    planned = processes.run("plan", *words, cwd=tmp_path)
    assert "replicas: 4 of 4 jobs are trained together, in stacks: 1 of 4" in planned.stdout, planned.stderr
    done = processes.run("ablate", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "replicas: 16 of 16 jobs are trained together, in stacks: 4 of 4" in done.stdout
    environments = [json.loads(p.read_text()) for p in tmp_path.glob("outputs/sweeps/*/*/environment.json")]
    assert [one["replicas"] for one in environments] == [4] * 16


RAISING = """
from torch import nn
class Net(nn.Sequential):
    def __init__(self, in_shape, num_classes, scale: float):
        super().__init__(nn.Flatten(), nn.Linear(in_shape[0] * in_shape[1] * in_shape[2], num_classes))
        self.scale = scale
    def forward(self, inputs):
        self.steps = getattr(self, "steps", 0) + self.training
        if self.scale == 2.0 and self.steps > 5:
            raise AssertionError("a fault of its own")
        return super().forward(inputs)
"""


def test_one_that_raises_fails_alone_and_after_it_no_more_are_started_where_that_is_asked_for(
    tmp_path: Path,
) -> None:
    (tmp_path / "nets.py").write_text(RAISING)
    own = [word for word in QUICK if not word.startswith("model.")]
    words = [*own, "model=own", "model._target_=nets.Net", "+model.scale=2.0", "seed=0,1,2,3", "replicas=2"]
    words += ["hydra/launcher=basic"]
    done = processes.run("train", "-m", "--fail-fast", *words, cwd=tmp_path, code=EXACT)
    assert done.returncode == 4, done.stderr
    assert "0 of 4 jobs finished" in done.stdout
    assert "2 jobs were not started, because one has failed (--fail-fast)" in done.stdout
    assert len(list(tmp_path.glob("outputs/sweeps/*/*"))) == 2
    assert re.search(r"AssertionError: a fault of its own", done.stdout)


@pytest.mark.parametrize("value", ["0", "257", "some", "2.5", "true", "null"])
def test_wrong_values_are_answered_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.chdir(tmp_path)
    says = r"^replicas: must be auto, off, or a whole number in \[1, 256\], got .*$"
    with pytest.raises(ConfigError, match=says) as caught:
        train.main(["-m", *QUICK, f"replicas={value}"])
    assert "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == []

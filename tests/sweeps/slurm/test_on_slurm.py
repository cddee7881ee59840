"""hydra/launcher=slurm on a real Slurm: whatever is lost, the records are those of an undisturbed sweep."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import processes, slurm

FEW = [
    *("train.epochs=8", "train.batch_size=50", "dataset.num_train=200", "model.width=8"),
    *("device=cpu", "replicas=off"),
]
SLURM = ["hydra/launcher=slurm", "hydra.launcher.mem_gb=1"]


@pytest.fixture(scope="module")
def conf() -> Iterator[str]:
    with slurm.cluster() as folder:
        yield str(folder / "slurm.conf")


def records(root: Path) -> dict[str, list[dict[str, float]]]:
    """The metrics of each job's epochs, but for times, by the job's folder."""
    found = {}
    for path in sorted(root.glob("*/metrics.jsonl")):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        found[path.parent.name] = [{k: v for k, v in one.items() if "time/" not in k} for one in lines]
    return found


def weights(root: Path) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in sorted(root.glob("*/best.pt"))}


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """A folder in which accidents are noted."""
    folder = tmp_path / "notes"
    folder.mkdir()
    return folder


def calm(tmp_path: Path, *words: str) -> Path:
    """The folder of a sweep to which nothing happens, side by side on this machine."""
    done = processes.run("train", "-m", *words, "sweep=calm", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    return tmp_path / "outputs" / "sweeps" / "calm"


TIMES = {"kill": 1, "term": 1, "limit": 1, "requeued": 1, "doomed": 3, "cancelled": 1}
ENDS = {"doomed": "FAILED", "cancelled": "CANCELLED"}  # what is said of those that do not finish


@pytest.mark.parametrize(
    "kinds",
    [
        pytest.param(["kill", "requeued", "cancelled"], id="few"),
        pytest.param(["none", *TIMES], id="all", marks=pytest.mark.long),
    ],
)
def test_whatever_happens_to_a_job_its_records_are_those_of_an_undisturbed_one(
    kinds: list[str], tmp_path: Path, conf: str, notes: Path
) -> None:
    line = [*slurm.accidents(tmp_path), *FEW, f"reg.accident.kind={','.join(kinds)}"]
    undisturbed = calm(tmp_path, *line)
    words = ["train", "-m", *line, *SLURM, "sweep=wild"]
    done = processes.run(*words, cwd=tmp_path, SLURM_CONF=conf, ACCIDENTS=str(notes))
    assert (done.returncode, done.stderr) == (4, ""), done.stdout
    assert "submitit" not in done.stdout
    said = re.sub(r"accident_seed0_[0-9a-f]+(_\d)?", "JOB", done.stdout)
    left = [ENDS[kind] for kind in kinds if kind in ENDS]
    assert f"{len(kinds) - len(left)} of {len(kinds)} jobs finished" in said
    assert "JOB: its worker was lost (FAILED); it is launched again\n" in said
    assert sorted(re.findall(r"JOB +its worker was lost \((\w+)\)", said)) == sorted(left)
    (notes / "driver").unlink()
    times = {path.name: path.read_text().count("\n") for path in notes.iterdir()}
    assert times == {kind: TIMES[kind] for kind in kinds if kind in TIMES}
    wild, whole = tmp_path / "outputs" / "sweeps" / "wild", records(undisturbed)
    assert [len(one) for one in whole.values()] == [8] * len(kinds)
    assert sum(one == whole[name] for name, one in records(wild).items()) == len(kinds) - len(left)
    again = processes.run(*words, cwd=tmp_path, SLURM_CONF=conf)
    assert (again.returncode, again.stderr) == (0, ""), again.stdout
    assert records(wild) == whole
    assert weights(wild) == weights(undisturbed)


@pytest.mark.long
def test_ctrl_c_cancels_the_jobs_and_the_same_line_takes_them_up(
    tmp_path: Path, conf: str, notes: Path
) -> None:
    line = [*slurm.accidents(tmp_path), *FEW, "reg.accident.kind=interrupt"]
    words = ["train", "-m", *line, *SLURM, "sweep=wild"]
    done = processes.run(*words, cwd=tmp_path, SLURM_CONF=conf, ACCIDENTS=str(notes))
    assert (done.returncode, done.stderr) == (130, "regbench: interrupted\n")
    first, second = done.stdout.splitlines()
    assert re.fullmatch(r"Slurm's jobs \d+ are cancelled, and stop after their step", first)
    assert second == "0 of 1 jobs have ended; the same line goes on"
    again = processes.run(*words, cwd=tmp_path, SLURM_CONF=conf)
    assert (again.returncode, again.stderr) == (0, ""), again.stdout
    assert records(tmp_path / "outputs" / "sweeps" / "wild") == records(calm(tmp_path, *line))


@pytest.mark.long
def test_jobs_whose_driver_is_killed_go_on_and_are_run_once(tmp_path: Path, conf: str, notes: Path) -> None:
    line = [*slurm.accidents(tmp_path), *FEW, "reg.accident.kind=alone,none", "seed=0,1"]
    words = ["train", "-m", *line, *SLURM, "sweep=wild"]
    killed = processes.run(*words, cwd=tmp_path, SLURM_CONF=conf, ACCIDENTS=str(notes))
    assert killed.returncode == -signal.SIGKILL
    again = processes.run(*words, cwd=tmp_path, SLURM_CONF=conf)
    assert (again.returncode, again.stderr) == (0, ""), again.stdout
    assert "4 of 4 jobs finished" in again.stdout
    assert records(tmp_path / "outputs" / "sweeps" / "wild") == records(calm(tmp_path, *line))


@pytest.mark.long
def test_slurms_own_daemons_may_be_killed_and_come_back(tmp_path: Path, conf: str, notes: Path) -> None:
    line = [*slurm.accidents(tmp_path), *FEW, "reg.accident.kind=away,none", "seed=0,1"]
    words = ["train", "-m", *line, *SLURM, "sweep=wild"]
    with processes.start(*words, cwd=tmp_path, SLURM_CONF=conf, ACCIDENTS=str(notes)) as driver:
        end = time.monotonic() + 300
        while "Slurm gives no answer" not in driver.out and time.monotonic() < end:
            time.sleep(0.5)
        for daemon in (["slurmctld"], ["slurmd", "-N", "localhost"]):
            path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
            subprocess.run(daemon, env={**os.environ, "SLURM_CONF": conf, "PATH": path}, check=True)
        assert (driver.wait(600), driver.err) == (0, ""), driver.out
        assert driver.out.count("Slurm gives no answer") == 1
        assert driver.out.count("Slurm answers again\n") == 1
    assert records(tmp_path / "outputs" / "sweeps" / "wild") == records(calm(tmp_path, *line))

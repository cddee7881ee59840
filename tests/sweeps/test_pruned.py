"""Jobs of a sweep that are given up by their watches, and what is said of them afterwards."""

from __future__ import annotations

import json
import pickle
import re
from pathlib import Path
from typing import Any

import pytest

from regbench.sweeps.members import Members
from tests import processes
from tests.watches import SAID, At

QUICK = ["train.epochs=4", "train.batch_size=32", "model.width=8", "dataset.num_train=97", "device=cpu"]
LINE = ["-m", *QUICK, "seed=range(4)"]
# a round whose second job is given up after its second epoch
SEARCH = """
import sys
from regbench.composition.compose import compose_jobs, read_line
from regbench.composition.composer import Composer
from regbench.sweeps.folder import arranged
from regbench.sweeps.launcher import Launch
from regbench.sweeps.sweep import Round, run_rounds
from tests.watches import At
line = read_line(sys.argv[1:])
composer = Composer(line.config_dir)
composed = compose_jobs(line, composer)
with Launch(line, composer) as launch:
    place, jobs = arranged(line, composed)
    watches = {job.name: At(2) for job in jobs if job.config["seed"] == 1}
    sys.exit(run_rounds(launch, [Round(jobs, watches=watches, tries=True)], place.words, line.fail_fast))
"""


def search(tmp_path: Path, *words: str) -> processes.Done:
    root = str(processes.ROOT)
    return processes.run(*LINE, *words, cwd=tmp_path, code=SEARCH, PYTHONPATH=root)


def left(tmp_path: Path, name: str) -> dict[int, tuple[str, list[dict[str, Any]]]]:
    """Of each seed its run's status, and its records, times aside."""
    found = {}
    for folder in (tmp_path / "outputs" / "sweeps" / name).iterdir():
        said = json.loads((folder / "summary.json").read_text())
        lines = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
        records = [{n: v for n, v in line.items() if not n.startswith("time/")} for line in lines]
        found[said["config"]["seed"]] = said["status"], records
    return found


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[int, tuple[str, list[dict[str, Any]]]]:
    """What the jobs leave where nothing is given up."""
    tmp_path = tmp_path_factory.mktemp("whole")
    # together they come to other last bits, and whether that pays is measured
    assert processes.run("train", *LINE, "sweep=whole", "replicas=off", cwd=tmp_path).returncode == 0
    return left(tmp_path, "whole")


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["hydra/launcher=basic", "replicas=off"], marks=pytest.mark.long),
        ["hydra/launcher=side_by_side", "hydra.launcher.n_jobs=2", "replicas=off"],
        ["replicas=4"],
    ],
)
def test_one_is_given_up_and_the_others_do_not_notice(
    tmp_path: Path, whole: dict[int, tuple[str, list[dict[str, Any]]]], words: list[str]
) -> None:
    done = search(tmp_path, *words, "sweep=found", "--fail-fast")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 of 4 jobs finished, 1 pruned in " in done.stdout
    assert "--force" not in done.stdout
    exactly = words != ["replicas=4"]
    found = left(tmp_path, "found")
    assert set(found) == set(whole)
    for seed, (status, records) in found.items():
        assert status == ("pruned" if seed == 1 else "finished")
        assert len(records) == (2 if seed == 1 else 4)
        for line, other in zip(records, whole[seed][1], strict=False):
            assert line == (other if exactly else pytest.approx(other, rel=1e-3, abs=1e-4))
    again = search(tmp_path, *words, "sweep=found")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "3 of 4 jobs finished, 1 pruned in " in again.stdout
    assert left(tmp_path, "found") == found


def test_to_all_others_it_is_a_job_that_has_not_finished(tmp_path: Path) -> None:
    assert search(tmp_path, "sweep=found").returncode == 0
    (folder,) = tmp_path.glob("outputs/sweeps/found/*_seed1_*")

    def said(status: int, *words: str) -> str:
        done = processes.run(*words, cwd=tmp_path)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    plain = said(4, "train", *LINE, "sweep=found")
    assert "3 of 4 jobs finished in " in plain
    assert re.search(rf"{folder.name} +pruned: {SAID}", plain)
    (command,) = [line.strip() for line in plain.splitlines() if line.startswith("  regbench train -m ")]
    assert "seed=1 " in command
    assert command.endswith("--force")
    planned = said(0, "plan", *LINE[1:], "sweep=found")
    assert re.search(rf"{folder.name} +pruned", planned)
    assert "4 jobs, 4 done, 0 left" in planned
    run = str(folder.relative_to(tmp_path))
    resumed = said(0, "resume", run)
    assert f"{run}: the run has ended, status pruned ({SAID}); nothing to continue" in resumed
    longer = said(2, "resume", run, "train.epochs=8")
    assert longer.startswith(f"regbench: train.epochs: {run} was pruned by a search after epoch 2, and ")
    assert "type regbench train " in longer
    assert said(2, "test", run) == f"regbench: {run}: must be a finished run, and is pruned\n"
    exported = said(2, "export", run, "--to", "model")
    assert exported == f"regbench: {run}: must be a run that was not given up, and is pruned\n"
    compared = said(0, "compare", "outputs/sweeps/found")
    assert f"excluded: {run}: unfinished: pruned after epoch 2: {SAID}" in compared
    assert "diverged" not in compared


def test_what_is_done_with_a_job_travels_with_its_watch() -> None:
    made = pickle.loads(pickle.dumps(Members(watches={"job": At(3)})))
    assert made == Members(watches={"job": At(3)})

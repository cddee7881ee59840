"""What a launcher asks of a machine for jobs, where nobody says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from regbench.sweeps.jobs import Job
from regbench.sweeps.needs import asked_for
from regbench.sweeps.sweep import _note


def job(**config: Any) -> Job:
    return Job(0, [], {"threads": None, "device": "auto", **config}, Path("job"))


@pytest.mark.parametrize(
    ("jobs", "cores", "gpus"),
    [
        ([job()], 1, None),
        ([job(threads=4), job(threads=8)], 8, None),
        ([job(device="cuda"), job(device="cpu")], 1, 1),
        ([job(device="cuda:0")], 1, 1),
        ([], 1, None),
    ],
)
def test_cores_are_as_many_as_threads_and_a_gpu_is_for_those_who_name_it(
    jobs: list[Job], cores: int, gpus: int | None
) -> None:
    slurm = {"cpus_per_task": None, "gpus_per_node": None, "partition": None}
    assert asked_for(slurm, jobs) == {"cpus_per_task": cores, "gpus_per_node": gpus}


def test_what_a_person_has_said_stands() -> None:
    launcher = {"cpus_per_task": None, "gpus_per_node": 0, "partition": None}
    found = asked_for(launcher, [job(threads=4, device="cuda")])
    assert found == {"cpus_per_task": 4, "gpus_per_node": 0}
    assert asked_for({"num_gpus": 0.25, "address": None}, [job(device="cuda")]) == {"num_gpus": 0.25}


def test_the_note_of_a_failure_lies_where_all_that_run_jobs_see_it(tmp_path: Path) -> None:
    with _note(tmp_path / "sweep") as shared, _note(None) as own:
        shared.touch()
        own.touch()
        assert shared.parent.parent == tmp_path / "sweep"
        assert tmp_path not in own.parents
    assert not (tmp_path / "sweep").exists()  # no job has come to be
    (tmp_path / "sweep" / "job").mkdir(parents=True)
    with _note(tmp_path / "sweep"):
        pass
    assert [path.name for path in (tmp_path / "sweep").iterdir()] == ["job"]

"""Folders that are looked at: all that changes is seen, and what does not is not read again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from regbench.records.files import read_summary, write_summary
from regbench.records.summary import Summary
from regbench.storage import reading
from regbench.sweeps import watching
from regbench.sweeps.jobs import Job
from regbench.sweeps.watching import Watch
from tests.records.made import figures, record


def jobs(root: Path, count: int) -> list[Job]:
    return [Job(number, [], {}, root / f"job{number}") for number in range(count)]


def ended(job: Job, status: str = "finished") -> None:
    job.folder.mkdir(parents=True, exist_ok=True)
    write_summary(job.folder, record(epochs=[figures(0.9)], status=status))


def begun(job: Job) -> None:
    job.folder.mkdir(parents=True)
    (job.folder / "metrics.jsonl").touch()


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the folders whose state is read."""
    found: list[str] = []
    read = watching.read_state
    monkeypatch.setattr(watching, "read_state", lambda folder: [found.append(folder.name), read(folder)][1])
    return found


def test_jobs_are_seen_to_begin_and_to_end_once_in_order(tmp_path: Path) -> None:
    several = jobs(tmp_path / "sweep", 5)
    watch = Watch(several)
    assert (watch.look(), watch.begun) == ([], {}), "there is no folder yet"
    begun(several[3])
    begun(several[1])
    assert (watch.look(), watch.begun) == ([], {"job1": "left", "job3": "left"})
    assert list(watch.begun) == ["job1", "job3"]
    ended(several[3], "diverged")
    ended(several[0])
    assert watch.look() == [several[0], several[3]]
    assert watch.look() == []
    assert {name: one.status for name, one in watch.ended.items()} == {
        "job0": "finished", "job3": "diverged",
    }  # fmt: skip
    assert watch.begun == {"job1": "left"}


def test_what_has_failed_and_is_run_again_is_seen_to_end(tmp_path: Path) -> None:
    several = jobs(tmp_path, 1)
    ended(several[0], "failed")
    watch = Watch(several)
    assert (watch.look(), watch.begun) == ([], {"job0": "failed"})
    ended(several[0])
    assert watch.look() == several


def test_a_folder_that_has_not_been_changed_for_long_is_not_read_again(
    tmp_path: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    several = jobs(tmp_path, 300)
    for job in several[:100]:
        begun(job)
    watch = Watch(several)
    watch.look()
    assert sorted(reads) == sorted(job.name for job in several[:100]), "those that are not there are not"
    monkeypatch.setattr(watching, "SETTLED", -1.0)
    reads.clear()
    for _ in range(10):
        watch.look()
    assert reads == []
    assert len(watch.begun) == 100
    ended(several[7])
    os.utime(several[7].folder, ns=(1, 1))  # another clock's time is a change as well
    assert watch.look() == [several[7]]
    assert reads == ["job7"]


def test_of_a_summary_only_what_is_shown_is_kept(tmp_path: Path) -> None:
    several = jobs(tmp_path, 1)
    ended(several[0])
    watch = Watch(several)
    watch.look()
    kept, whole = watch.ended["job0"], read_summary(several[0].folder)
    assert whole is not None
    assert (kept.status, kept.seconds, kept.last, kept.best) == (
        whole.status, whole.seconds, whole.last, whole.best,
    )  # fmt: skip
    named = {"train": {"monitor": whole.monitor}}
    assert kept == Summary(
        status=kept.status, seconds=kept.seconds, last=kept.last, best=kept.best, config=named
    )


def test_a_summary_is_read_once_and_a_root_where_nothing_is_waited_for_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    content = reading.content
    monkeypatch.setattr(reading, "content", lambda path: [opened.append(path.parent.name), content(path)][1])
    several = jobs(tmp_path, 3)
    watch = Watch(several)
    for job in several:
        ended(job)
        watch.look()
    assert opened == ["job0", "job1", "job2"]
    monkeypatch.setattr(os, "scandir", None)
    assert watch.look() == []


def test_a_folder_that_is_taken_away_is_no_job_any_more(tmp_path: Path) -> None:
    several = jobs(tmp_path / "sweep", 2)
    begun(several[0])
    watch = Watch(several)
    watch.look()
    (several[0].folder / "metrics.jsonl").unlink()
    several[0].folder.rmdir()
    assert (watch.look(), watch.begun) == ([], {})

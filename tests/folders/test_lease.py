"""Leases: one process at a time where locks keep nobody out, by files that must be new and signs of life."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from regbench.errors import ConfigError
from regbench.folders import holder, lease
from regbench.folders.exclusion import USUAL
from regbench.folders.holder import Holder, encoded, this_process
from regbench.folders.holder_files import FREE, latest, path_of
from regbench.folders.lease import Lease, Locked, Lost, Watch, own, take

ROOT = Path(__file__).parents[2]


class Clock:
    """Seconds that pass where a test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def elsewhere(patience: float = 60.0) -> Holder:
    """A process of another host, of the number of this one."""
    return replace(this_process(patience), host="host-b")


def left_by(folder: Path, one: Holder, number: int = 1) -> Path:
    path = path_of(folder, number)
    path.write_bytes(encoded(one))
    return path


def tried(folder: Path, watch: Watch) -> Lease | None:
    try:
        return take(folder, watch)
    except Locked:
        return None


def waited(folder: Path, watch: Watch, clock: Clock, seconds: float, every: float = 0.5) -> Lease | None:
    """Try again and again for so many seconds."""
    end = clock.now + seconds
    while clock.now < end:
        clock.now += every
        if (found := tried(folder, watch)) is not None:
            return found
    return None


def test_one_has_a_folder_at_a_time_and_no_number_is_given_twice(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        held = take(tmp_path, Watch())
        assert names(tmp_path) == [f".holder.{number}"]
        with pytest.raises(
            Locked, match=f"process {os.getpid()} on .* works in it since .* UTC; wait for it"
        ):
            take(tmp_path, Watch())
        held.require()
        held.close()
        assert path_of(tmp_path, number).read_bytes() == FREE


def test_a_process_of_this_machine_that_has_ended_leaves_its_folder_free_at_once(tmp_path: Path) -> None:
    left_by(tmp_path, replace(this_process(60.0), process=2**22 + 1, start="1"), 7)
    take(tmp_path, Watch()).close()
    assert names(tmp_path) == [".holder.8"]


def test_one_of_this_machine_that_lives_keeps_it_however_slow_it_is(tmp_path: Path) -> None:
    left_by(tmp_path, this_process(1.0))
    clock = Clock()
    assert waited(tmp_path, Watch(clock), clock, 1000, every=10) is None


@pytest.mark.parametrize("mtime", [0, 4_000_000_000])  # the clocks of the hosts need not agree
def test_one_of_another_host_loses_it_when_it_has_given_no_sign_for_as_long_as_it_said(
    tmp_path: Path, mtime: int
) -> None:
    path = left_by(tmp_path, elsewhere(20.0))
    os.utime(path, (mtime, mtime))
    clock = Clock()
    watch = Watch(clock)
    assert waited(tmp_path, watch, clock, 20.0) is None
    assert watch.is_in_doubt(tmp_path)
    held = waited(tmp_path, watch, clock, 1.0)
    assert held is not None
    held.close()
    assert names(tmp_path) == [".holder.2"]


def test_signs_keep_it_whatever_its_clock_says(tmp_path: Path) -> None:
    path = left_by(tmp_path, elsewhere(20.0))
    clock = Clock()
    watch = Watch(clock)
    for mtime in (5, 4, 9_000_000_000, 0):
        assert waited(tmp_path, watch, clock, 19.0) is None
        os.utime(path, (mtime, mtime))
    assert not watch.is_in_doubt(tmp_path)
    assert waited(tmp_path, watch, clock, 19.0) is None


def test_a_server_that_hangs_hides_signs_so_that_the_time_does_not_count(tmp_path: Path) -> None:
    left_by(tmp_path, elsewhere(20.0))
    clock = Clock()
    watch = Watch(clock)
    assert waited(tmp_path, watch, clock, 5_000, every=1000) is None


@pytest.mark.parametrize("kind", ["empty", "half", "a link", "a folder", "a pipe"])
def test_a_file_that_says_nothing_is_a_holder_that_gives_no_sign(tmp_path: Path, kind: str) -> None:
    run, path = tmp_path / "run", tmp_path / "run" / ".holder.3"
    run.mkdir()
    (tmp_path / "precious").write_text("precious")
    if kind == "a folder":
        path.mkdir()
    elif kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a link":
        path.symlink_to("../precious")
    else:
        path.write_bytes(b"" if kind == "empty" else encoded(elsewhere())[:30])
    clock = Clock()
    watch = Watch(clock)
    assert waited(run, watch, clock, USUAL - 1) is None
    held = waited(run, watch, clock, 3)
    assert held is not None
    held.close()
    assert (tmp_path / "precious").read_text() == "precious"
    seen = latest(run)
    assert seen is not None
    assert (seen.number, seen.content) == (4, FREE)


def test_who_was_taken_for_dead_finds_it_and_gives_nothing_back(tmp_path: Path) -> None:
    held = take(tmp_path, Watch())
    mine = own(tmp_path)
    assert mine is not None
    mine.require()
    left_by(tmp_path, elsewhere(), 2)  # before it has deleted the file of number 1
    with pytest.raises(Lost, match="was taken over, as no sign of this process had come for long; process"):
        held.require()
    path_of(tmp_path, 1).unlink()
    for one in (held, mine):
        with pytest.raises(Lost, match="on host-b works in it"):
            one.require()
    held.close()
    assert names(tmp_path) == [".holder.2"]
    assert own(tmp_path) is None


def test_a_holder_gives_signs_until_it_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGBENCH_LEASE_SECONDS", "1")
    held = take(tmp_path, Watch())
    (thread,) = (one for one in threading.enumerate() if one.name == "lease")
    os.utime(path_of(tmp_path, 1), (0, 0))
    for _ in range(600):
        if path_of(tmp_path, 1).stat().st_mtime:
            break
        thread.join(0.05)
    assert path_of(tmp_path, 1).stat().st_mtime
    held.close()
    thread.join(30)
    assert not thread.is_alive()


def test_what_a_host_remembers_of_a_folder_may_be_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It sees no lease where there is one, makes one of a number that was given before, and takes it back."""
    left_by(tmp_path, elsewhere(), 5)
    true, asked = lease.latest, list[int]()

    def old(folder: Path) -> object:
        asked.append(1)
        return None if len(asked) == 1 else true(folder)

    monkeypatch.setattr(lease, "latest", old)
    with pytest.raises(Locked, match="host-b"):
        take(tmp_path, Watch())
    assert names(tmp_path) == [".holder.5"]


def test_a_folder_that_is_renamed_stays_held(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    held = take(tmp_path / "old", Watch())
    os.rename(tmp_path / "old", tmp_path / "new")
    held.follow(tmp_path / "new")
    held.require()
    held.close()
    assert (tmp_path / "new" / ".holder.1").read_bytes() == FREE


def test_a_copy_of_the_process_gives_nothing_back(tmp_path: Path) -> None:
    held = take(tmp_path, Watch())
    child = os.fork()
    if child == 0:
        held.close()
        os._exit(0)
    os.waitpid(child, 0)
    held.require()
    held.close()


@pytest.mark.parametrize("typed", ["soon", "0", "-3", "nan", "inf", "1e9"])
def test_a_patience_that_is_none_is_refused_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    monkeypatch.setenv("REGBENCH_LEASE_SECONDS", typed)
    with pytest.raises(ConfigError, match=r"^REGBENCH_LEASE_SECONDS: must be a number of seconds from 1 to "):
        take(tmp_path, Watch())
    assert names(tmp_path) == []


RACE = """
import os, sys
from pathlib import Path
from regbench.folders import holder, lease

folder, racers = Path(sys.argv[1]), int(sys.argv[2])
begin, end = os.pipe(), os.pipe()
for number in range(racers):
    if os.fork() == 0:
        os.close(begin[1])
        holder.host = lambda: f"host-{number}"  # each is a host of its own
        latest, clock, looks = lease.latest, [0.0], []
        watch = lease.Watch(lambda: clock[0])
        while not watch.is_over(folder, latest(folder)):
            clock[0] += 1

        def seen_by_all(folder):  # that it is free, before any of them takes it
            found = latest(folder)
            if not looks:
                os.write(end[1], b"r")
                os.read(begin[0], 1)
            looks.append(found)
            return found

        lease.latest = seen_by_all
        try:
            lease.take(folder, watch)
            os.write(end[1], b"w")
        except lease.Locked:
            os.write(end[1], b"l")
        os._exit(0)
came = b""
while len(came) < racers:
    came += os.read(end[0], racers)
os.close(begin[1])
came = b""
while len(came) < racers:
    came += os.read(end[0], racers)
print(came.count(b"w"), came.count(b"l"))
"""


@pytest.mark.parametrize("times", [3, pytest.param(20, marks=pytest.mark.long)])
def test_of_many_that_race_for_one_lease_exactly_one_wins(tmp_path: Path, times: int) -> None:
    for time in range(times):
        folder = tmp_path / str(time)
        folder.mkdir()
        left_by(folder, elsewhere(30.0), 4)
        words = [sys.executable, "-c", RACE, str(folder), "20"]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert (done.stdout, done.stderr) == ("1 19\n", "")
        assert names(folder) == [".holder.5"]


def test_hosts_of_one_name_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left_by(tmp_path, replace(this_process(60.0), process=2**22 + 1, start="1"))
    monkeypatch.setattr(holder, "machine", lambda: "another")
    with pytest.raises(Locked):
        take(tmp_path, Watch())

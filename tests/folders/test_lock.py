"""One process at a time in a run folder."""

from __future__ import annotations

import errno
import os
import re
import threading
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from filelock import FileLock

from regbench.errors import ConfigError
from regbench.folders import lock
from regbench.folders.holder import encoded, this_process
from regbench.folders.holder_files import FREE, note, path_of
from regbench.folders.lock import Locked, Lost, is_locked, locked, refuse_locked, wait_for, who_works_in
from tests.folders.hydras import contents

ELSEWHERE = replace(this_process(1.0), host="host-b")


@pytest.fixture
def leased(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders are held by leases, and locks keep nobody out, as if each process ran on a host of its own."""
    monkeypatch.setenv("REGBENCH_LOCKS", "lease")
    monkeypatch.setattr(lock, "_locked_here", lambda _: nullcontext())


def test_a_folder_is_locked_by_one_at_a_time(tmp_path: Path) -> None:
    assert not is_locked(tmp_path)
    with locked(tmp_path):
        assert is_locked(tmp_path)
        with pytest.raises(Locked, match=f"process {os.getpid()} on .* works in it since"), locked(tmp_path):
            pass
    assert not is_locked(tmp_path)
    assert os.listdir(tmp_path) == [".lock"]


@pytest.mark.parametrize("name", [".lock", ".holder.1"])
@pytest.mark.parametrize("kind", ["precious", "nowhere", "itself", "folder", "a folder", "a pipe"])
def test_a_lock_that_leads_elsewhere_is_refused_and_what_it_leads_to_is_left(
    tmp_path: Path, kind: str, name: str
) -> None:
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "folder").mkdir()
    run = tmp_path / "run"
    run.mkdir()
    if kind == "a folder":
        (run / name).mkdir()
    elif kind == "a pipe":
        os.mkfifo(run / name)
    else:
        os.symlink(f"../{kind}" if kind != "itself" else name, run / name)
    before = contents(tmp_path)
    with (
        pytest.raises(ConfigError, match=rf"{re.escape(name)}: must be a plain file of the run's own"),
        locked(run),
    ):
        pass
    assert not is_locked(run)
    assert contents(tmp_path) == before


def test_a_folder_that_has_gone_is_not_made_again(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be locked"), locked(tmp_path / "gone"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_who_holds_a_folder_is_said_where_it_is_known(tmp_path: Path) -> None:
    with FileLock(tmp_path / ".lock"):  # of a version that wrote nothing down
        assert "another process works in it; wait for it, or stop it" in str(who_works_in(tmp_path))
        note(tmp_path)
        assert f"process {os.getpid()} on " in str(who_works_in(tmp_path))
        ended = replace(this_process(), process=2**22 + 1, start="1")  # it has left its name
        (tmp_path / ".holder").write_bytes(encoded(ended))
        assert "another process works in it" in str(who_works_in(tmp_path))
        for content in (b"", b"{", b"\0" * 5000):
            (tmp_path / ".holder").write_bytes(content)
            assert "another process works in it" in str(who_works_in(tmp_path))


def test_a_local_folder_costs_no_thread_and_is_held_though_nothing_can_be_written_down(
    tmp_path: Path,
) -> None:
    (tmp_path / ".holder").mkdir()
    before = threading.active_count()
    with locked(tmp_path):
        assert threading.active_count() == before
        assert is_locked(tmp_path)


def test_where_locks_reach_one_host_a_lease_is_held(tmp_path: Path, leased: None) -> None:
    with locked(tmp_path) as hold:
        assert is_locked(tmp_path)
        hold.require()
        path_of(tmp_path, 2).write_bytes(encoded(ELSEWHERE))
        with pytest.raises(Lost, match=r"process .* on host-b works in it"):
            hold.require()
    assert path_of(tmp_path, 2).read_bytes() == encoded(ELSEWHERE)


def test_a_lease_keeps_out_those_that_rely_on_locks(tmp_path: Path) -> None:
    """As of the server itself, whose locks do not reach those that mount its folder."""
    path_of(tmp_path, 1).write_bytes(encoded(ELSEWHERE))
    assert "on host-b works in it" in str(who_works_in(tmp_path))
    path_of(tmp_path, 1).write_bytes(FREE)
    with locked(tmp_path):
        assert (tmp_path / ".holder").exists()


def test_a_lease_that_is_taken_while_a_lock_is_keeps_it_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "note", lambda folder: path_of(folder, 1).write_bytes(encoded(ELSEWHERE)))
    with pytest.raises(Locked), locked(tmp_path):
        pass
    assert not (tmp_path / ".holder").exists()


def test_a_lock_of_another_host_keeps_out_those_whom_it_does_not_reach(tmp_path: Path, leased: None) -> None:
    (tmp_path / ".holder").write_bytes(encoded(replace(ELSEWHERE, patience=0.0)))
    assert _refusal(tmp_path).endswith(f"; if it has ended, delete {tmp_path / '.holder'}")


def test_who_waits_for_such_a_one_is_told_what_to_do(
    tmp_path: Path, leased: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".holder").write_bytes(encoded(replace(ELSEWHERE, patience=0.0)))
    (tmp_path / ".lock").touch()
    monkeypatch.setattr(lock.time, "sleep", lambda _: (tmp_path / ".holder").unlink())
    said: list[str] = []
    wait_for([tmp_path], said.append)
    assert said[0] == f"waiting for 1 job of process {os.getpid()} on host-b"
    assert said[1].endswith(f"; if it has ended, delete {tmp_path / '.holder'}")
    assert len(said) == 2


def _refusal(folder: Path) -> str:
    with pytest.raises(Locked) as caught, locked(folder):
        pass
    return str(caught.value)


def test_who_waits_takes_over_what_another_host_has_left(tmp_path: Path, leased: None) -> None:
    folders = [tmp_path / name for name in "ab"]
    for folder in folders:
        folder.mkdir()
        path_of(folder, 1).write_bytes(encoded(ELSEWHERE))
    said: list[str] = []
    wait_for(folders, said.append)
    assert said == [f"waiting for 2 jobs of process {os.getpid()} on host-b"]
    for folder in folders:
        assert path_of(folder, 2).read_bytes() == FREE


def test_one_folder_is_looked_at_until_there_is_a_sign(
    tmp_path: Path, leased: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = encoded(replace(ELSEWHERE, patience=1000.0))
    path_of(tmp_path, 1).write_bytes(long)
    monkeypatch.setattr(lock.time, "sleep", lambda _: os.utime(path_of(tmp_path, 1), (0, 0)))
    said: list[str] = []
    with pytest.raises(Locked, match=r"on host-b works in it since .* wait for it, or stop it"):
        refuse_locked(tmp_path, said.append)
    assert len(said) == 1
    assert said[0].endswith("; looking for a sign that it still does")


def test_a_system_without_locks_leaves_it_to_the_lease(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fcntl = pytest.importorskip("fcntl")
    monkeypatch.setenv("REGBENCH_LOCKS", "lease")
    with locked(tmp_path):
        pass

    def none(*_: object) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(fcntl, "flock", none)  # Lustre, mounted without
    with locked(tmp_path):
        assert is_locked(tmp_path)
    assert not is_locked(tmp_path)


def test_what_a_killed_process_was_writing_is_removed_and_nothing_else(tmp_path: Path) -> None:
    ours = ["last.pt.host-a-12.tmp", "summary.json.tmp", "epoch_0003.pt.h-1.tmp", ".holder.0a1b2c.tmp"]
    others = ["mine.tmp", "last.pt.bak", "notes.host-a-12.tmp", "last.pt", "epoch_3.pt.tmp"]
    for name in (*ours, *others):
        (tmp_path / name).touch()
    (tmp_path / "best.pt.tmp").symlink_to("mine.tmp")
    with locked(tmp_path):
        pass
    assert {*os.listdir(tmp_path)} == {*others, "best.pt.tmp", ".lock"}


def test_it_is_a_wrong_word_that_says_how_folders_are_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGBENCH_LOCKS", "fcntl")
    with pytest.raises(ConfigError, match=r"^REGBENCH_LOCKS: must be flock or lease, got 'fcntl'$"):
        locked(tmp_path).__enter__()

"""One sweep on two hosts whose locks do not reach each other: no job twice, none lost, the same records.

The hosts are processes of this machine that take each other for those of another host, and no lock of which
keeps the other out.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from regbench.folders import exclusion
from regbench.folders.filesystems import FileSystem, Reach
from tests import processes
from tests.sampling import some_of

QUICK = ["train.batch_size=32", "model.width=8", "dataset.num_train=97", "device=cpu"]
LINE = ["train", "-m", "+reg=[],dropout", "seed=0,1", "sweep=shared", *QUICK]
HOST = """
import contextlib, os
from regbench.folders import filesystems, holder, lock
from regbench.runs import opening

holder.host = lambda: os.environ["NAME_OF_HOST"]
lock._locked_here = lambda folder: contextlib.nullcontext()
begin = opening.begin

def counted(home):
    with open(os.environ["STARTS"], "a") as file:
        file.write(home.path.name + "\\n")
    return begin(home)

opening.begin = counted
from regbench.cli import main
main()
"""


@pytest.fixture
def on(tmp_path: Path) -> Callable[..., processes.Process]:
    """Starts a line on a host of this name."""

    def started(host: str, *words: str, **environment: str) -> processes.Process:
        about = {"NAME_OF_HOST": host, "STARTS": str(tmp_path / "starts"), "REGBENCH_LOCKS": "lease"}
        return processes.start(*words, cwd=tmp_path, code=HOST, **(about | environment))

    return started


def records(root: Path) -> dict[str, Any]:
    """Of each job what it has measured, and its epochs, times aside."""
    found: dict[str, Any] = {}
    for folder in root.iterdir():
        lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        kept = [{name: value for name, value in line.items() if "time/" not in name} for line in lines]
        found[folder.name] = kept, json.loads((folder / "summary.json").read_text())["status"]
    return found


def undisturbed(tmp_path: Path, *words: str) -> dict[str, Any]:
    alone = tmp_path / "alone"
    alone.mkdir()
    assert processes.run(*LINE, *words, cwd=alone).returncode == 0
    return records(alone / "outputs" / "sweeps" / "shared")


def wait_for(holds: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.long
def test_two_hosts_run_each_job_of_a_sweep_once(tmp_path: Path, on: Callable[..., processes.Process]) -> None:
    with on("host-a", *LINE, "train.epochs=8") as one, on("host-b", *LINE, "train.epochs=8") as other:
        statuses = [process.wait(300) for process in (one, other)]
        said = [process.out + process.err for process in (one, other)]
    assert statuses == [0, 0], said
    assert all("4 of 4 jobs finished" in text for text in said)
    starts = Counter((tmp_path / "starts").read_text().split())
    assert len(starts) == 4
    assert set(starts.values()) == {1}
    assert records(tmp_path / "outputs/sweeps/shared") == undisturbed(tmp_path, "train.epochs=8")


def test_what_a_host_that_died_was_at_is_taken_over_and_gone_on_with(
    tmp_path: Path, on: Callable[..., processes.Process]
) -> None:
    words, short = ["train.epochs=30", "replicas=off"], {"REGBENCH_LEASE_SECONDS": "3"}
    with on("host-a", *LINE, *words, **short) as dead:
        wait_for(lambda: len(list(tmp_path.glob("outputs/sweeps/*/*/last.pt"))) > 0)
        dead.kill()
        dead.wait(60)
    with on("host-b", *LINE, *words, **short) as other:
        assert other.wait(300) == 0, other.out + other.err
        assert " on host-a\n" in other.out, "who is waited for"
        assert "4 of 4 jobs finished" in other.out
    assert records(tmp_path / "outputs/sweeps/shared") == undisturbed(tmp_path, *words)


def test_a_run_that_was_taken_over_stops_with_a_sentence_and_writes_nothing_more(
    tmp_path: Path, on: Callable[..., processes.Process]
) -> None:
    words = ["train", "hydra.run.dir=run", "train.epochs=40", *QUICK]
    with on("host-a", *words, REGBENCH_LEASE_SECONDS="2") as slow:
        wait_for((tmp_path / "run" / "last.pt").exists)
        slow.send_signal(signal.SIGSTOP)
        with on("host-b", "resume", "run") as other:
            assert other.wait(120) == 0, other.out + other.err
            assert f"run: process {slow.pid} on host-a works in it since" in other.out
            assert "looking for a sign that it still does" in other.out
        before = contents(tmp_path / "run")
        slow.send_signal(signal.SIGCONT)
        assert slow.wait(60) == 2, slow.out + slow.err
        assert "run: was taken over, as no sign of this process had come for long" in slow.err
        assert slow.err.count("\n") == 1
    assert contents(tmp_path / "run") == before
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["status"] == "finished"


def test_a_run_of_another_host_that_lives_is_refused(
    tmp_path: Path, on: Callable[..., processes.Process]
) -> None:
    words = ["train", "hydra.run.dir=run", "train.epochs=4000", *QUICK]
    with on("host-a", *words, REGBENCH_LEASE_SECONDS="3") as one:
        wait_for((tmp_path / "run" / "last.pt").exists)
        with on("host-b", "resume", "run") as other:
            assert other.wait(60) == 2, other.out + other.err
            assert f"run: process {one.pid} on host-a works in it since" in other.err
            assert other.err.endswith("UTC; wait for it, or stop it\n")
        assert one.poll() is None


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[list[Path]]:
    """One folder, mounted twice: a file system of FUSE keeps the locks of each mount apart."""
    if not shutil.which("bindfs") or not shutil.which("fusermount"):
        pytest.skip("bindfs is not installed")
    (tmp_path / "real").mkdir()
    with ExitStack() as undo:
        for name in "ab":
            (tmp_path / name).mkdir()
            words = ["bindfs", str(tmp_path / "real"), str(tmp_path / name)]
            done = subprocess.run(words, capture_output=True, text=True)
            if done.returncode:
                pytest.skip(f"bindfs cannot mount: {done.stderr}")
            undo.callback(subprocess.run, ["fusermount", "-u", str(tmp_path / name)], check=True)
        yield [tmp_path / "a", tmp_path / "b"]


@pytest.mark.long
def test_a_folder_with_locks_of_each_mount_is_seen_and_shared(tmp_path: Path, mounted: list[Path]) -> None:
    code = HOST.replace("lock._locked_here =", "unused =")
    about = {"STARTS": str(tmp_path / "starts")}
    line = [*LINE, "train.epochs=30", "replicas=off"]
    with ExitStack() as opened:
        started = [
            opened.enter_context(
                processes.start(*line, cwd=place, code=code, NAME_OF_HOST=place.name, **about)
            )
            for place in mounted
        ]
        assert [one.wait(300) for one in started] == [0, 0], [one.out + one.err for one in started]
        for one in started:
            assert "lies on fuse, where locks may hold on this host alone" in one.out
            assert "4 of 4 jobs finished" in one.out
    assert sorted(Counter((tmp_path / "starts").read_text().split()).values()) == [1] * 4
    found = records(tmp_path / "real" / "outputs" / "sweeps" / "shared")
    assert found == undisturbed(tmp_path, "train.epochs=30", "replicas=off")


SHARED = FileSystem("nfs", Reach.ONE, "nolock", "mount it without nolock")
MOUNTED = """
from pathlib import Path
from regbench.folders import filesystems
filesystems.MOUNTS = Path("mounts")
from regbench.cli import main
main()
"""


@pytest.mark.parametrize(
    "words", some_of([["train", "-m", "seed=0"], ["train", "hydra.run.dir=run"]], every=2)
)
def test_a_line_says_at_the_start_that_locks_hold_on_one_host_and_what_to_do(
    tmp_path: Path, words: list[str]
) -> None:
    (tmp_path / "mounts").write_text("31 1 0:5 / / rw - nfs nas:/home rw,vers=3,nolock,local_lock=all\n")
    done = processes.run(*words, "train.epochs=1", *QUICK, cwd=tmp_path, code=MOUNTED)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].endswith(
        "lies on nfs (nolock), where locks hold on this host alone: runs in it are held by leases, which are "
        "free 60 s after the last sign of a host; mount it without nolock for locks that reach all hosts"
    )
    assert list(tmp_path.rglob(".holder.*")), "and it is held by one"
    done = processes.run(
        *words, "seed=5", "train.epochs=1", *QUICK, cwd=tmp_path, code=MOUNTED, REGBENCH_LOCKS="flock"
    )
    assert "lies on" not in done.stdout


@pytest.mark.parametrize("command", ["train -m", "plan -m", "race"])
def test_a_sweep_is_refused_where_nothing_keeps_two_hosts_apart(tmp_path: Path, command: str) -> None:
    (tmp_path / "mounts").write_text("31 1 0:5 / / rw - fuse.s3fs s3fs rw,user_id=0,group_id=0\n")
    words = [*command.split(), "+reg=[],dropout", "train.epochs=1", *QUICK]
    words += ["seed=0"] if command != "race" else ["budget.seeds=6"]
    done = processes.run(*words, cwd=tmp_path, code=MOUNTED)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "lies on fuse.s3fs, where nothing keeps two hosts from running one job; " in done.stderr
    assert "set REGBENCH_LOCKS=flock where this host alone runs the sweep" in done.stderr
    assert os.listdir(tmp_path) == ["mounts"]


def test_nothing_is_said_of_a_local_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exclusion, "file_system_of", lambda _: FileSystem("ext4", Reach.ALL))
    assert exclusion.said(tmp_path) == ""
    monkeypatch.setattr(exclusion, "file_system_of", lambda _: SHARED)
    assert "nolock" in exclusion.said(tmp_path)
    monkeypatch.setenv("REGBENCH_LOCKS", "lease")  # whoever has said it knows it
    assert exclusion.said(tmp_path) == ""

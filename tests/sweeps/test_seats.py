"""Processes that another's launcher starts: each has a place on a GPU for its life, and no two have one."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
import torch
from joblib.externals.loky import get_reusable_executor
from omegaconf import DictConfig

from regbench.composition.compose import read_line
from regbench.errors import ConfigError
from regbench.folders.lock import locked
from regbench.storage.shared import Shared
from regbench.sweeps.forking import LOST
from regbench.sweeps.launcher import Launch
from regbench.sweeps.placing import Placement
from regbench.sweeps.seats import InWorker, Seats, end_with
from tests import processes
from tests.sweeps.test_placing import SEEN, jobs
from tests.sweeps.test_sweep import QUICK, records

FORK = multiprocessing.get_context("fork")  # as of joblib's backends the one that starts no interpreter
NOT_THERE = "GPU-aa,GPU-bb"  # whatever the machine has, torch finds neither


# --- seats


class Sitting:
    """A process that has asked for a seat, and lives until it is ended."""

    def __init__(self, seats: Seats) -> None:
        self._said, theirs = FORK.Pipe()
        self.process = FORK.Process(target=sit, args=(seats, theirs), daemon=True)
        self.process.start()

    def seat(self, seconds: float = 10) -> str | None:
        return str(self._said.recv()) if self._said.poll(seconds) else None

    def end(self) -> None:
        self.process.kill()
        self.process.join()


def sit(seats: Seats, told: Connection) -> None:
    for _ in range(2):
        seats.take()
    told.send(os.environ["SEAT"])
    signal.pause()


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def seats(folder: Path, *names: str) -> Seats:
    return Seats(folder, [{"SEAT": name} for name in names]).made()


def test_no_two_have_the_same_and_that_of_one_who_was_killed_is_free(
    tmp_path: Path, opened: ExitStack
) -> None:
    there = seats(tmp_path, "a", "b")
    first, second = Sitting(there), Sitting(there)
    for one in (first, second):
        opened.callback(one.end)
    of = {one.seat(): one for one in (first, second)}
    assert set(of) == {"a", "b"}
    waiting = Sitting(there)
    opened.callback(waiting.end)
    assert waiting.seat(0.3) is None, "there is none for it"
    of["b"].end()
    assert waiting.seat() == "b"


def test_nobody_waits_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = seats(tmp_path, "a")
    monkeypatch.setattr("regbench.sweeps.seats.LONGEST", 0.1)
    with locked(tmp_path / "seat_0"), pytest.raises(ConfigError, match="no more processes than the 1 places"):
        there.take()
    assert "SEAT" not in os.environ


def test_a_process_that_is_not_seated_sees_what_it_sees_anyway(tmp_path: Path) -> None:
    before = dict(os.environ)
    Seats(tmp_path, ()).take()
    assert InWorker(str, tmp_path, seats(tmp_path, "a"))(DictConfig({})) == "{}", "the sweep's own process"
    assert dict(os.environ) == before
    assert Shared.folder is None


def test_nobody_sits_where_the_sweep_is_over(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not there"):
        Seats(tmp_path / "gone", [{"SEAT": "a"}]).take()
    assert not (tmp_path / "gone").exists()


def test_jobs_that_name_their_gpu_are_run_by_others_than_those_that_do_not() -> None:
    devices = ["auto", "cuda:1", "cpu", "cuda", "cuda:0"]
    assert Placement(None, ("0", "1")).parts(devices) == [[0, 2, 3], [1, 4]]
    assert Placement(None, ("0", "1")).parts(["cuda:1"]) == [[0]]
    assert Placement(None, ("0",)).parts(devices) == [[0, 1, 2, 3, 4]], "no worker has a seat"
    assert Placement(None, ("0", "1")).weight("cuda:1", 1, 8) == 8, "alone"


def watching(home: int) -> None:
    end_with(home)
    signal.pause()


def test_a_worker_ends_with_the_process_of_the_sweep(
    monkeypatch: pytest.MonkeyPatch, opened: ExitStack
) -> None:
    monkeypatch.setattr("regbench.sweeps.seats.TICK", 0.05)
    home = FORK.Process(target=signal.pause, daemon=True)
    home.start()
    assert home.pid
    worker = FORK.Process(target=watching, args=(home.pid,), daemon=True)
    worker.start()
    opened.callback(worker.kill)
    worker.join(0.3)
    assert worker.exitcode is None
    home.kill()
    home.join()
    worker.join(20)
    assert worker.exitcode == LOST


# --- workers of joblib


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two devices seem to be there, and none of the workers of an earlier test."""
    get_reusable_executor().shutdown(wait=True, kill_workers=True)
    monkeypatch.setenv(SEEN, NOT_THERE)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    yield
    get_reusable_executor().shutdown(wait=True, kill_workers=True)


def seen(cfg: DictConfig) -> tuple[str | None, int, str]:
    from regbench.storage.shared import Shared

    return os.environ.get(SEEN), os.getpid(), str(Shared.folder)


@pytest.mark.long
def test_each_worker_of_joblib_sees_its_device_and_what_is_shared(two: None, tmp_path: Path) -> None:
    """A job that names its GPU is the process's own; one without any has a seat that it does not use."""
    made = jobs(tmp_path, 6)
    for number, device in ((2, "cpu"), (4, "cuda:1")):
        made[number] = replace(made[number], config={**made[number].config, "device": device})
    line = read_line(["-m", "seed=0,1", "devices=all", "hydra/launcher=joblib"])
    with Launch(line) as launch:
        assert launch.at_once(made[:2]) == 2
        found = launch(seen, made, str)
        assert launch(seen, made[:2], str)[0] in found, "workers stay, and their seats"
        shared = str(Shared.folder)
    assert found[4] == (NOT_THERE, os.getpid(), shared)
    others = [one for number, one in enumerate(found) if number != 4]
    assert {device for device, *_ in others} == {"GPU-aa", "GPU-bb"}
    assert len(set(others)) == 2, "a worker stays on its device"
    assert os.getpid() not in {pid for _, pid, _ in others}
    assert {folder for *_, folder in others} == {shared}
    assert not Path(shared).exists()
    assert os.environ[SEEN] == NOT_THERE


@pytest.mark.parametrize(
    ("words", "most"),
    [
        pytest.param(["per_device=3"], 6, marks=pytest.mark.long),
        pytest.param(["hydra.launcher.n_jobs=1"], 1, marks=pytest.mark.long),
        (["per_device=3", "hydra.launcher.n_jobs=4"], 4),
        pytest.param(["devices=1"], 1, marks=pytest.mark.long),
        (["hydra.launcher.n_jobs=-1"], 2),
    ],
)
def test_as_many_of_joblib_as_there_are_places_and_no_more_than_it_is_told(
    two: None, tmp_path: Path, words: list[str], most: int
) -> None:
    with Launch(read_line(["-m", "seed=0,1", "hydra/launcher=joblib", *words])) as launch:
        assert launch.at_once(jobs(tmp_path, 9)) == most


# --- whole sweeps

FAKE = """
import sys
import torch
from regbench import cli
torch.cuda.device_count = lambda: 2
sys.argv = ["regbench", *sys.argv[1:]]
cli.main()
"""
NOTING = """
import os
import time
from pathlib import Path
from torch import nn
class Net(nn.Sequential):
    def __init__(self, in_shape, num_classes):
        super().__init__(nn.Flatten(), nn.Linear(in_shape[0] * in_shape[1] * in_shape[2], num_classes))
    def train(self, mode=True):
        with Path(os.environ["NOTES"], str(os.getpid())).open("a") as file:
            file.write(f"{os.environ['CUDA_VISIBLE_DEVICES']} {time.monotonic()}\\n")
        return super().train(mode)
"""


def of_each_process(notes: Path) -> list[tuple[str, float, float]]:
    """The device that it has seen, from when, and until when."""
    found = []
    for path in notes.iterdir():
        lines = [line.split() for line in path.read_text().splitlines()]
        (device,) = {device for device, _ in lines}
        found.append((device, float(lines[0][1]), float(lines[-1][1])))
    return found


@pytest.mark.long
def test_eight_jobs_on_two_devices_leave_what_they_leave_without(tmp_path: Path) -> None:
    (tmp_path / "nets.py").write_text(NOTING)
    quick = [word for word in QUICK if not word.startswith(("model.", "device="))]
    words = ["train", "-m", *quick, "model=own", "model._target_=nets.Net", "seed=range(8)", "threads=1"]
    for name, more in (
        ("with", ["devices=0,1", "per_device=2", "hydra/launcher=joblib"]),
        ("without", ["hydra/launcher=basic"]),
    ):
        (tmp_path / name).mkdir()
        about = {SEEN: NOT_THERE, "NOTES": str(tmp_path / name)}
        done = processes.run(*words, *more, f"sweep={name}", cwd=tmp_path, code=FAKE, **about)
        assert done.returncode == 0, done.stdout + done.stderr
    workers = [one for one in of_each_process(tmp_path / "with") if one[0] != NOT_THERE]
    assert {device for device, *_ in workers} == {"GPU-aa", "GPU-bb"}
    for device, begun, _ in workers:
        assert sum(other == device and since <= begun <= until for other, since, until in workers) <= 2
    left: dict[str, Any] = {
        name: records(tmp_path / f"outputs/sweeps/{name}") for name in ("with", "without")
    }
    for _, _, config in (job for several in left.values() for job in several.values()):
        for key in ("sweep", "devices", "per_device"):
            del config[key]
    assert left["with"] == left["without"]
    identities = [
        {
            json.loads(path.read_text())["identity"]
            for path in tmp_path.glob(f"outputs/sweeps/{name}/*/summary.json")
        }
        for name in left
    ]
    assert len(identities[0]) == 8
    assert identities[0] == identities[1]

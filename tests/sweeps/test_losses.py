"""Jobs whose worker was lost: run again, as long as that is of any use."""

from __future__ import annotations

import os
import pickle
import signal
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from unittest.mock import MagicMock

import pytest
from hydra.core.plugins import Plugins
from omegaconf import OmegaConf

from hydra_plugins.regbench_sweeper.known_jobs import KnownJobs
from regbench.sweeps.jobs import Job
from regbench.sweeps.losses import MOST_LOSSES, Losses, WorkerLost
from regbench.sweeps.sweep import _given_up
from tests import processes
from tests.sweeps.test_placing import SEEN
from tests.sweeps.test_seats import FAKE, NOT_THERE
from tests.sweeps.test_sweep import LINE, records, wait_for

# --- by hand


def test_losses_in_a_row_at_one_point_are_too_many_in_the_end() -> None:
    losses = Losses()
    assert [losses.add(come) for come in (0, 0, 1, 1, 2, 2, 2, 2)] == [
        *[False, False], *[False, False], *[False, False, True, True],
    ]  # fmt: skip
    assert MOST_LOSSES == 3


def test_what_was_lost_travels_from_one_process_to_another() -> None:
    for lost in (WorkerLost(), WorkerLost("it was cancelled", again=False)):
        found = pickle.loads(pickle.dumps(lost))
        assert (str(found), found.again) == (str(lost), lost.again)


def job(root: Path, name: str, epochs: int | None) -> Job:
    """A job whose run has recorded so many epochs; None: it has not begun."""
    folder = root / name
    folder.mkdir(exist_ok=True)
    if epochs is not None:
        (folder / "metrics.jsonl").write_text("{}\n" * epochs)
    return Job(0, [], {}, folder)


def test_a_death_counts_for_those_that_had_begun(tmp_path: Path) -> None:
    begun, new = job(tmp_path, "begun", 1), job(tmp_path, "new", None)
    losses = {one.name: Losses() for one in (begun, new)}
    found = [_given_up([begun, new], losses) for _ in range(MOST_LOSSES)]
    assert found == [[], [], [begun]]
    assert losses["new"] == Losses(), "it only waited"


def test_where_none_had_begun_it_counts_for_all(tmp_path: Path) -> None:
    new = [job(tmp_path, name, None) for name in ("a", "b")]
    losses = {one.name: Losses() for one in new}
    assert [_given_up(new, losses) for _ in range(MOST_LOSSES)] == [[], [], new]


def test_what_comes_further_each_time_is_not_given_up(tmp_path: Path) -> None:
    losses = {"slow": Losses()}
    for epochs in range(2 * MOST_LOSSES):
        assert _given_up([job(tmp_path, "slow", epochs)], losses) == []


def test_where_a_launcher_s_processes_are_gone_all_of_the_round_are_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    launcher = MagicMock()
    launcher.launch.side_effect = BrokenProcessPool("one was terminated")
    launcher.in_turn = False
    plugins = MagicMock()
    plugins.instantiate_launcher.return_value = launcher
    monkeypatch.setattr(Plugins, "instance", lambda: plugins)
    sweeper, task = KnownJobs(), MagicMock()
    task.unable = lambda error: (type(error), str(error), error.again)
    sweeper.setup(hydra_context=MagicMock(), task_function=task, config=OmegaConf.create())
    assert sweeper.sweep(["seed=0", "seed=1"]) == [(WorkerLost, "its worker was lost", True)] * 2


# --- real processes


def workers_of(pid: int) -> list[int]:
    """Those of joblib, by Linux's word: any of the process's threads may have started them."""
    children = [path.read_text().split() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    several = [int(word) for words in children for word in words]
    return [one for one in several if b"popen_loky" in Path(f"/proc/{one}/cmdline").read_bytes()]


@pytest.mark.long
def test_a_worker_of_joblib_that_is_killed_loses_no_job(tmp_path: Path) -> None:
    """It takes the others along; each job goes on from its checkpoint, on a seat that is free again."""
    line = ["train", *[word for word in LINE if "epochs" not in word and "device" not in word]]
    line += ["seed=0,1", "train.epochs=60", "threads=1"]
    placed = ["devices=0,1", "hydra/launcher=joblib"]
    about = {SEEN: NOT_THERE}
    with processes.start(*line, *placed, "sweep=killed", cwd=tmp_path, code=FAKE, **about) as process:
        wait_for(lambda: len(list(tmp_path.glob("outputs/sweeps/*/*/last.pt"))) == 2)
        killed, *_ = workers_of(process.pid)
        os.kill(killed, signal.SIGKILL)
        assert process.wait(120) == 0, process.out + process.err
        assert ": its worker was lost; it is launched again" in process.out
        assert "4 of 4 jobs finished" in process.out
        assert "Traceback" not in process.err
    assert processes.run(*line, "sweep=whole", "hydra/launcher=basic", cwd=tmp_path).returncode == 0
    left, whole = (records(tmp_path / "outputs" / "sweeps" / name) for name in ("killed", "whole"))
    assert {name: one[:2] for name, one in left.items()} == {name: one[:2] for name, one in whole.items()}

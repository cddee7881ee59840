"""Sweeps on a Ray that runs: they leave what they leave side by side, whatever is killed meanwhile."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from regbench.sweeps.losses import MOST_LOSSES
from tests import processes
from tests.clusters import Ray, ray_cluster, write_accidents

QUICK = ["train.batch_size=32", "model.width=8", "dataset.num_train=97"]
LOCAL = ["hydra/launcher=ray_cluster", "hydra.launcher.address=local"]


@pytest.fixture(scope="module")
def ray() -> Iterator[Ray]:
    with ray_cluster() as made:
        yield made


def line(*words: str, epochs: int = 5) -> list[str]:
    return ["train", "-m", *QUICK, f"train.epochs={epochs}", *words]


def records(folder: Path, sweep: str) -> dict[str, list[str]]:
    """Of each job the lines of its records, as they are written, without times."""
    found = {}
    for path in (folder / "outputs" / "sweeps" / sweep).glob("*/metrics.jsonl"):
        lines = [json.loads(text) for text in path.read_text().splitlines()]
        kept = [{name: value for name, value in one.items() if "time/" not in name} for one in lines]
        found[path.parent.name] = [json.dumps(one) for one in kept]
    return found


def wait_for(holds: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.05)


def begun(folder: Path, sweep: str, count: int = 2) -> Callable[[], bool]:
    return lambda: len([*folder.glob(f"outputs/sweeps/{sweep}/*/last.pt")]) >= count


def side_by_side(folder: Path, *words: str, epochs: int = 5) -> dict[str, list[str]]:
    done = processes.run(*line(*words, "sweep=side", "replicas=off", epochs=epochs), cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return records(folder, "side")


def test_a_killed_worker_s_job_goes_on(tmp_path: Path, ray: Ray) -> None:
    """With code of a person's own, and a folder that is told by the environment."""
    environment = {**ray.environment, "ACCIDENTS": str(write_accidents(tmp_path))}
    words = ["--config-dir", "mine", "+reg=accident", "seed=0", "reg.accident.kind=none,once"]
    done = processes.run(*line(*words, "sweep=ray", *ray.words), cwd=tmp_path, **environment)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    assert done.stdout.count("its worker was lost; it is launched again") == 1
    assert "2 of 2 jobs finished" in done.stdout
    assert len((tmp_path / "notes" / "once").read_text().split()) == 1
    assert records(tmp_path, "ray") == side_by_side(tmp_path, *words)


@pytest.mark.long
def test_a_killed_worker_s_job_goes_on_and_one_that_always_kills_it_is_given_up(
    tmp_path: Path, ray: Ray
) -> None:
    """With code of a person's own, and a folder that is told by the environment."""
    environment = {**ray.environment, "ACCIDENTS": str(write_accidents(tmp_path))}
    words = ["--config-dir", "mine", "+reg=accident", "seed=0"]
    typed = line(*words, "reg.accident.kind=none,once,always", "sweep=ray", *ray.words)
    done = processes.run(*typed, cwd=tmp_path, **environment)
    assert (done.returncode, done.stderr) == (4, ""), done.stdout + done.stderr
    assert done.stdout.count("its worker was lost; it is launched again") == 1
    assert f"its worker was lost (killed, or crashed), {MOST_LOSSES} times without a new epoch" in done.stdout
    assert "2 of 3 jobs finished" in done.stdout
    assert len((tmp_path / "notes" / "always").read_text().split()) == MOST_LOSSES
    assert len((tmp_path / "notes" / "once").read_text().split()) == 1
    whole = side_by_side(tmp_path, *words, "reg.accident.kind=none,once")
    left = records(tmp_path, "ray")
    assert {name: left[name] for name in whole} == whole


def test_more_than_a_machine_has_is_refused_before_anything_is_written(tmp_path: Path, ray: Ray) -> None:
    typed = line("seed=0,1", "hydra.launcher.num_gpus=0.5", *ray.words)
    done = processes.run(*typed, cwd=tmp_path, **ray.environment)
    said = "must be at most 0, which the largest machine of the cluster has, got 0.5"
    assert (done.returncode, done.stderr) == (2, f"regbench: hydra.launcher.num_gpus: {said}\n")
    assert not [*tmp_path.rglob("metrics.jsonl")]


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_line_that_was_stopped_or_killed_goes_on_where_it_was(
    tmp_path: Path, ray: Ray, number: signal.Signals
) -> None:
    words = ["+reg=[],dropout", "seed=0"]
    typed = line(*words, "sweep=ray", *ray.words, epochs=60)
    with processes.start(*typed, cwd=tmp_path, **ray.environment) as process:
        wait_for(begun(tmp_path, "ray"))
        process.send_signal(number)
        status = process.wait(60)
        if number != signal.SIGKILL:
            assert status == 130
            assert "0 of 2 jobs have ended; the same line goes on" in process.out
            assert process.err.count("stopping after this step") == 1
            found = [json.loads(one.read_text()) for one in tmp_path.rglob("summary.json")]
            assert [one["status"] for one in found] == ["interrupted"] * 2
    done = processes.run(*typed, cwd=tmp_path, **ray.environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 of 2 jobs finished" in done.stdout
    assert records(tmp_path, "ray") == side_by_side(tmp_path, *words, epochs=60)


@pytest.mark.long
@pytest.mark.parametrize("part", ["gcs_server", "raylet/raylet"])
def test_a_cluster_that_is_killed_is_a_sentence_and_the_line_goes_on_with_another(
    tmp_path: Path, part: str
) -> None:
    words = ["+reg=[],dropout", "seed=0"]
    with ray_cluster() as doomed:
        typed = line(*words, "sweep=ray", *doomed.words, epochs=200)
        with processes.start(*typed, cwd=tmp_path, **doomed.environment) as process:
            wait_for(begun(tmp_path, "ray"))
            doomed.kill(part)
            assert process.wait(120) == 2, process.out + process.err
            assert process.err.startswith(
                "regbench: hydra/launcher: must have a Ray cluster, and that is gone ("
            )
            assert process.err.count("\n") == 1
            assert "Ray" not in process.out
    done = processes.run(*line(*words, "sweep=ray", *LOCAL, epochs=200), cwd=tmp_path, **doomed.environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert records(tmp_path, "ray") == side_by_side(tmp_path, *words, epochs=200)


def started(pid: int) -> int:
    """When a process began, in ticks since the machine did."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])


@pytest.mark.long
def test_a_machine_that_is_lost_takes_no_job_along(tmp_path: Path) -> None:
    words = ["+reg=[],dropout", "seed=0,1"]
    with ray_cluster() as two:
        two.start(f"--address={two.address}", "--node-ip-address=127.0.0.1")
        raylets = two.pids("raylet/raylet")
        assert len(raylets) == 2
        typed = line(*words, "sweep=ray", *two.words, epochs=100)
        with processes.start(*typed, cwd=tmp_path, **two.environment) as process:
            wait_for(begun(tmp_path, "ray", 4))
            os.kill(max(raylets, key=started), signal.SIGKILL)
            assert process.wait(300) == 0, process.out + process.err
            assert "it is launched again" in process.out
            assert "4 of 4 jobs finished" in process.out
    assert records(tmp_path, "ray") == side_by_side(tmp_path, *words, epochs=100)


@pytest.fixture
def place() -> Iterator[Path]:
    """Where Ray puts its sockets, whose names must be short."""
    folder = Path(tempfile.mkdtemp(prefix="ray"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def living(place: Path) -> list[str]:
    """Commands of processes that name a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found.append(path.read_text(errors="replace"))
    return [one for one in found if str(place) in one]


@pytest.mark.long
def test_a_cluster_of_this_machine_alone_is_there_for_the_sweep_and_no_longer(
    tmp_path: Path, place: Path
) -> None:
    pytest.importorskip("ray")
    typed = line("seed=0,1", "sweep=ray", *LOCAL)
    with processes.start(*typed, cwd=tmp_path, RAY_TMPDIR=str(place)) as process:
        wait_for(lambda: bool(living(place)))
        assert process.wait(300) == 0, process.out + process.err
        assert process.err == ""
        assert "2 of 2 jobs finished" in process.out
    wait_for(lambda: not living(place))
    assert records(tmp_path, "ray") == side_by_side(tmp_path, "seed=0,1")


@pytest.mark.long
def test_what_is_stopped_while_it_waits_for_ray_leaves_nothing_running(tmp_path: Path, place: Path) -> None:
    pytest.importorskip("ray")
    with processes.start(*line("seed=0,1", *LOCAL), cwd=tmp_path, RAY_TMPDIR=str(place)) as process:
        wait_for(lambda: bool(living(place)))
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130, process.out + process.err
        assert process.err.splitlines()[-1] == "regbench: interrupted"
        assert "Traceback" not in process.err
    wait_for(lambda: not living(place))

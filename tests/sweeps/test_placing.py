"""Each job of a sweep on a GPU of its own: which worker sees which one."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import DictConfig

from regbench.composition.compose import compose_jobs, read_line
from regbench.errors import ConfigError
from regbench.sweeps.jobs import Job
from regbench.sweeps.launcher import Launch
from regbench.sweeps.placing import (
    Placement,
    Way,
    chosen,
    placement,
    placement_by,
    places,
    require_placeable,
    visible,
)
from tests.sampling import some_of

SEEN = "CUDA_VISIBLE_DEVICES"


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two devices seem to be there, called as the process's variable calls them; none can be used."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.delenv(SEEN, raising=False)


def jobs(root: Path, count: int, **values: Any) -> list[Job]:
    (composed,) = compose_jobs(read_line(["threads=1"]))
    config = {**composed.config, **values}
    return [
        Job(
            n,
            [f"seed={n}", *(f"{k}={v}" for k, v in values.items())],
            {**config, "seed": n},
            root / f"job{n}",
        )
        for n in range(count)
    ]


def seen(cfg: DictConfig) -> tuple[str | None, int]:
    return os.environ.get(SEEN), os.getpid()


# --- by hand


@pytest.mark.parametrize(
    ("variable", "count", "names"),
    [
        (None, 0, []),
        (None, 2, ["0", "1"]),
        ("3,1", 2, ["3", "1"]),
        ("2, GPU-aa", 2, ["2", "GPU-aa"]),
        ("1,-1,2", 1, ["1"]),
        ("", 0, []),
    ],
)
def test_devices_are_called_as_the_process_sees_them(
    variable: str | None, count: int, names: list[str]
) -> None:
    assert visible(variable, count) == names


@pytest.mark.parametrize(
    ("devices", "names"),
    [(None, ["3", "1"]), ("all", ["3", "1"]), ("cpu", []), (1, ["1"]), ([1, 0], ["1", "3"])],
)
def test_numbers_count_what_is_seen(devices: Any, names: list[str]) -> None:
    assert chosen(devices, ["3", "1"]) == names


def test_workers_spread_over_the_devices_first() -> None:
    assert places(["3", "1"], 1) == ("3", "1")
    assert places(["3", "1"], 2) == ("3", "1", "3", "1")
    assert places(["3", "1"], 2, most=3) == ("3", "1", "3")
    assert places([], 2) == ()


def test_a_device_that_is_not_there() -> None:
    with pytest.raises(ConfigError, match=r"^devices: must name CUDA devices that are there, 0 to 1, got 2$"):
        chosen([0, 2], ["0", "1"])
    with pytest.raises(
        ConfigError, match=r"^devices: must be null, all or cpu where there is no CUDA device"
    ):
        chosen(0, [])


def test_the_process_sees_what_its_workers_may(two: None) -> None:
    found = placement([1], 2)
    assert (found.environment, found.seats) == ({SEEN: "1"}, [{SEEN: "1"}, {SEEN: "1"}])
    with found.here():
        assert os.environ[SEEN] == "1"
    assert SEEN not in os.environ
    assert placement("cpu", 1).environment == {SEEN: ""}
    assert placement(None, 1).environment == {}, "nothing is asked for"
    assert placement([1], 1).seats == [], "a single worker is this process"


# --- workers


def test_each_worker_sees_its_device(two: None, tmp_path: Path) -> None:
    line = read_line(["-m", "seed=range(5)", "devices=all", "per_device=2"])
    with Launch(line) as launch:
        several = jobs(tmp_path, 6)
        assert launch.at_once(several) == 4
        found = launch(seen, several, str)
    assert [device for device, _ in found[:4]] == ["0", "1", "0", "1"]
    assert {device for device, _ in found} == {"0", "1"}
    of = dict((pid, device) for device, pid in found)
    assert set(found) == {(device, pid) for pid, device in of.items()}, "a worker stays on its device"
    assert os.getpid() not in of


def test_the_variable_of_the_process_is_heeded(
    two: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(SEEN, "5,3")
    with Launch(read_line(["-m", "seed=0,1", "devices=1,0"])) as launch:
        found = launch(seen, jobs(tmp_path, 2), str)
    assert [device for device, _ in found] == ["3", "5"]
    assert os.environ[SEEN] == "5,3"


def test_no_more_at_once_than_the_launcher_is_told(two: None, tmp_path: Path) -> None:
    with Launch(read_line(["-m", "seed=0,1", "per_device=8", "hydra.launcher.n_jobs=3"])) as launch:
        assert launch.at_once(jobs(tmp_path, 9)) == 3


@pytest.mark.parametrize("words", some_of([["devices=1", "hydra.launcher.n_jobs=4"], ["devices=1"]], every=2))
def test_where_there_is_one_place_jobs_run_in_turn_here(two: None, tmp_path: Path, words: list[str]) -> None:
    with Launch(read_line(["-m", "seed=0,1", *words])) as launch:
        several = jobs(tmp_path, 3)
        assert launch.at_once(several) == 1
        assert launch(seen, several, str) == [("1", os.getpid())] * 3


@pytest.mark.parametrize(("devices", "sees"), some_of([("[1]", "1"), ("cpu", ""), ("0", "0")], every=3))
def test_one_job_at_a_time_sees_the_one_device_that_is_asked_for(
    two: None, tmp_path: Path, devices: str, sees: str
) -> None:
    with Launch(read_line(["-m", "seed=0,1", f"devices={devices}", "hydra/launcher=basic"])) as launch:
        assert launch(seen, jobs(tmp_path, 2), str) == [(sees, os.getpid())] * 2
    assert SEEN not in os.environ


@pytest.mark.parametrize(
    ("config", "keys", "says"),
    [
        (
            {"devices": "all"},
            ["timeout_min", "gpus_per_node", "num_gpus"],
            "devices: must be null where the launcher gives each job its GPUs itself, by "
            "hydra.launcher.gpus_per_node, hydra.launcher.num_gpus, got all",
        ),
        (
            {"per_device": 2},
            ["partition"],
            "per_device: must be 1 where the launcher starts jobs where it sees fit, got 2",
        ),
    ],
)
def test_a_launcher_that_takes_jobs_away_places_them_itself(
    config: dict[str, Any], keys: list[str], says: str
) -> None:
    default = {"device": "auto", "devices": None, "per_device": 1}
    require_placeable(default, Way.AWAY, keys)
    with pytest.raises(ConfigError, match=f"^{re.escape(says)}$"):
        require_placeable({**default, **config}, Way.AWAY, keys)


def test_a_launcher_that_takes_jobs_away_leaves_the_devices_here_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(torch.cuda, "device_count")
    default = {"device": "auto", "devices": None, "per_device": 1}
    assert placement_by(Way.AWAY, default, None) == Placement()
    assert placement_by(Way.IN_TURN, default, None) == Placement()


@pytest.mark.parametrize(("devices", "sees"), some_of([("cpu", ""), ("[1]", "1")], every=2))
def test_jobs_that_are_not_placed_see_what_is_asked_for(
    two: None, tmp_path: Path, devices: str, sees: str
) -> None:
    with Launch(read_line(["-m", "seed=0,1", f"devices={devices}", "hydra.launcher.n_jobs=2"])) as launch:
        found = launch(seen, jobs(tmp_path, 2, device="cpu"), str)
        alone = launch(seen, jobs(tmp_path / "other", 1, device="cpu"), str)
    assert [device for device, _ in found] == [sees, sees]
    assert alone == [(sees, os.getpid())]
    assert SEEN not in os.environ


def test_jobs_with_a_gpu_and_without_run_beside_each_other(two: None, tmp_path: Path) -> None:
    mixed = [
        replace(one, config={**one.config, "device": "cpu"}) if one.number % 2 else one
        for one in jobs(tmp_path, 4)
    ]
    with Launch(read_line(["-m", "seed=0,1"])) as launch:
        found = launch(seen, mixed, str)
    assert {device for device, _ in found[::2]} <= {"0", "1"}
    assert [device for device, _ in found[1::2]] == [None, None]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["devices=2"], "devices: must name CUDA devices that are there, 0 to 1, got 2"),
        (["devices=cpu", "device=cuda"], "devices: must be all, null or numbers of GPUs beside device=cuda"),
        *(
            (
                [f"devices={devices}", "hydra/launcher=basic"],
                "devices: must be null, cpu or one number where the launcher runs one job at a time, got ",
            )
            for devices in ("all", "[0,1]")
        ),
        (
            ["per_device=2", "hydra/launcher=basic"],
            "per_device: must be 1 where the launcher runs one job at a time, got 2$",
        ),
        (
            ["devices=2", "hydra/launcher=basic"],
            "devices: must name CUDA devices that are there, 0 to 1, got",
        ),
        (
            ["devices=2", "hydra/launcher=joblib"],
            "devices: must name CUDA devices that are there, 0 to 1, got",
        ),
        (["per_device=0"], r"per_device: must lie in \[1, 256\], got 0"),
        (["devices=none"], "devices: must be all, cpu, null or different numbers"),
    ],
)
def test_what_cannot_be_heeded_is_refused(two: None, words: list[str], says: str) -> None:
    with pytest.raises(ConfigError, match=f"^{says}"), Launch(read_line(["-m", "seed=0,1", *words])):
        pass


def test_without_a_gpu_nothing_changes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(SEEN, raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with Launch(read_line(["-m", "seed=0,1", "devices=all", "hydra.launcher.n_jobs=2"])) as launch:
        found = launch(seen, jobs(tmp_path, 2), str)
    assert [device for device, _ in found] == [None, None]

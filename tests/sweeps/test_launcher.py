"""Jobs that run one after the other leave nothing of themselves in the memory."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from regbench.composition.compose import compose_jobs, read_line
from regbench.composition.spelling import quoted
from regbench.sweeps.jobs import Job
from regbench.sweeps.launcher import Launch


def jobs(root: Path, count: int) -> list[Job]:
    """Jobs that differ in their seeds, in folders of their own."""
    (composed,) = compose_jobs(read_line(["threads=1"]))
    return [
        Job(seed, [f"seed={seed}"], {**composed.config, "seed": seed}, root / f"job{seed}")
        for seed in range(count)
    ]


def seed_of(cfg: DictConfig) -> str:
    return str(cfg.seed)


def test_the_configurations_of_earlier_jobs_are_forgotten(tmp_path: Path) -> None:
    line = read_line(["-m", "seed=range(4)"])
    known: list[Any] = []
    alive = []

    def task(cfg: DictConfig) -> int:
        gc.collect()
        alive.append(sum(one() is not None for one in known))
        known.append(weakref.ref(cfg))
        return int(cfg.seed)

    assert Launch(line)(task, jobs(tmp_path, 4), lambda error: -1) == [0, 1, 2, 3]
    assert alive == [0, 0, 0, 0]
    assert [folder.name for folder in sorted(tmp_path.iterdir())] == ["job0", "job1", "job2", "job3"]


@pytest.mark.parametrize(
    "launcher", ["basic", pytest.param("joblib", marks=pytest.mark.long), "side_by_side"]
)
def test_a_folder_that_is_not_its_own_ends_no_other_job(tmp_path: Path, launcher: str) -> None:
    line = read_line(["-m", "seed=range(3)", f"hydra/launcher={launcher}", "threads=1"])
    (tmp_path / "job1").mkdir()
    (tmp_path / "job1" / "mine").touch()
    with Launch(line) as launch:
        found = launch(seed_of, jobs(tmp_path, 3), str)
    assert (found[0], found[2]) == ("0", "2")
    assert found[1].startswith("hydra.sweep.dir: ")
    assert found[1].endswith("holds mine; name another one")
    assert [path.name for path in (tmp_path / "job1").iterdir()] == ["mine"]


@pytest.mark.parametrize(
    "name", ["a b", "a\\b", "a\\\\b", "end\\", "it's", "\\'", "${seed}", "\\${seed}", "$x{1}", "é, [b]", '"']
)
def test_a_folder_s_name_is_read_as_it_is(name: str) -> None:
    word = OverridesParser.create().parse_override(f"folder={quoted(name)}")
    assert OmegaConf.create({"seed": 0, "folder": word.value()}).folder == name


def test_a_job_is_recorded_alike_by_whatever_launcher(tmp_path: Path) -> None:
    """In this process it is composed by us, in another one by Hydra."""
    found = []
    for way in ("basic", "joblib", "side_by_side"):
        root = tmp_path / way
        line = read_line(["-m", "seed=0,1", "+reg=dropout", "hydra.verbose=false", f"hydra/launcher={way}"])
        words = ["+reg=dropout", "reg.dropout.p=0.25", "seed=1", "threads=1"]
        job = replace(jobs(root, 1)[0], overrides=words)
        with Launch(line) as launch:
            assert launch(seed_of, [job, replace(job, folder=root / "other")], str) == ["1", "1"]
        record = job.folder / ".hydra"
        about: Any = OmegaConf.to_container(OmegaConf.load(record / "hydra.yaml"), resolve=False)
        about = about["hydra"]
        assert about["sweeper"]["_target_"].endswith("BasicSweeper"), "as the line has it"
        assert about["overrides"]["task"] == words
        del about["launcher"], about["sweep"], about["job"]["id"], about["overrides"]["hydra"]
        del about["runtime"]["output_dir"], about["runtime"]["choices"]["hydra/launcher"]
        found.append((about, *((record / name).read_text() for name in ("config.yaml", "overrides.yaml"))))
    assert found[0] == found[1] == found[2]

"""Jobs that run one after the other leave nothing of themselves in the memory."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from regbench.composition import parsed
from regbench.launching import Launch


def test_the_configurations_of_earlier_jobs_are_forgotten(tmp_path: Path) -> None:
    args, _ = parsed(["-m", "seed=range(4)"])
    known: list[Any] = []
    alive = []

    def task(cfg: DictConfig) -> int:
        gc.collect()
        alive.append(sum(one() is not None for one in known))
        known.append(weakref.ref(cfg))
        return int(cfg.seed)

    jobs = [([f"seed={seed}"], f"job{seed}") for seed in range(4)]
    assert Launch(args, tmp_path)(task, jobs, lambda error: -1) == [0, 1, 2, 3]
    assert alive == [0, 0, 0, 0]
    assert [folder.name for folder in sorted(tmp_path.iterdir())] == ["job0", "job1", "job2", "job3"]

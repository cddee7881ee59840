"""One run at several ranks, forked from the process of a test."""

from __future__ import annotations

import math
import os
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from regbench.assembly.run import build_run
from regbench.training.loop import EpochEnd, Run, fit
from regbench.training.ranks import SharedSteps

CLOSE = 1e-6  # relative, and absolute below 1
Ended = tuple[list[dict[str, float]], dict[str, Any]]  # records without times, and the state of the run


def apart(one: Any, other: Any, place: str = "") -> list[str]:
    """Where two outcomes differ by more than rounding."""
    if isinstance(one, dict):
        if one.keys() != other.keys():
            return [f"{place}: {one.keys() ^ other.keys()}"]
        return [found for name in one for found in apart(one[name], other[name], f"{place}/{name}")]
    if isinstance(one, list | tuple):
        pairs = enumerate(zip(one, other, strict=True))
        return [found for index, (a, b) in pairs for found in apart(a, b, f"{place}[{index}]")]
    if isinstance(one, Tensor):
        close = torch.allclose(one.double(), other.double(), rtol=CLOSE, atol=CLOSE)
        return [] if close else [f"{place}: {(one - other).abs().max()}"]
    if isinstance(one, float):
        close = math.isclose(one, other, rel_tol=CLOSE, abs_tol=CLOSE)  # losses are above 1
        return [] if close else [f"{place}: {one} {other}"]
    return [] if one == other else [f"{place}: {one} {other}"]


def spread(run: Run, asked: Callable[[], bool] = lambda: False) -> Run:
    """The run, of which this rank works at its micro-batches."""
    run.ranks = SharedSteps(run.model, run.reg, run.optimizer, run.clock, run.seed, run.device, asked)
    run.reg.spread(run.ranks)
    return run


def trained(run: Run) -> Ended:
    """What came of a run."""
    records = [
        {name: value for name, value in event.record.metrics.items() if not name.startswith("time/")}
        for event in fit(run)
        if isinstance(event, EpochEnd)
    ]
    state = {"model": run.model.state_dict(), "reg": run.reg.state_dict()}
    evaluated = run.reg.final_model(run.reg.eval_model(run.model))
    return records, state | {"kept": dict(evaluated.state_dict())}


def trained_by_ranks(config: dict[str, Any], count: int, folder: Path) -> list[Ended]:
    """What came of a run at each of so many ranks."""
    return forked(count, folder, lambda: trained(spread(build_run(config))))


def forked(count: int, folder: Path, work: Callable[[], Any]) -> list[Any]:
    """What each of so many ranks returns; in each there is a process group.

    Raises:
        RuntimeError: one has failed; with its trace.
    """
    children = {}
    for number in range(count):
        if (pid := os.fork()) == 0:
            os._exit(_done(number, count, folder, work))
        children[pid] = number
    while children:
        pid, status = os.wait()
        number = children.pop(pid)
        if status:
            for other in children:
                os.kill(other, 9)
                os.waitpid(other, 0)
            raise RuntimeError((folder / f"failed_{number}").read_text())
    return [torch.load(folder / f"ended_{number}", weights_only=False) for number in range(count)]


def _done(number: int, count: int, folder: Path, work: Callable[[], Any]) -> int:
    try:
        dist.init_process_group(
            "gloo", store=dist.FileStore(str(folder / "store"), count), rank=number, world_size=count
        )
        torch.save(work(), folder / f"ended_{number}")
        dist.destroy_process_group()
    except BaseException:
        (folder / f"failed_{number}").write_text(traceback.format_exc())
        return 1
    return 0

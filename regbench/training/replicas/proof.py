"""Whether several runs can be trained as one stack, tried on copies, and whether it pays."""

from __future__ import annotations

import copy
import random
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from regbench.errors import brief
from regbench.streams import kept_draws
from regbench.training.loop import Run, batch_order, begin_step, train_step
from regbench.training.replicas.numbers import Unlike
from regbench.training.replicas.stack import RunStack
from regbench.training.replicas.walk import same

TOLERANCE = {torch.float32: 1e-4, torch.float64: 1e-9}  # relative to the largest number of a tensor
STEPS = 2  # the second one begins with what the first has left
EQUAL = ("batch_size", "accumulate", "evaluate_every", "bf16", "device", "class_weights")


def unstackable(runs: Sequence[Run]) -> str:
    """Why these runs cannot be trained as one stack, a sentence; empty where they can.

    Copies of the runs make two steps together, and copies of the first and the last make the same alone: what
    they have become must agree, to rounding. So whatever cannot be computed for several runs at once, or
    would come out otherwise, is found here, whoever has written it.

    Args:
        runs: built, all at the end of the same epoch.
    """
    if len(runs) < 2:
        return ""
    try:
        _require_equal(runs)
        _try(runs)
    except Unlike as error:
        return f"replicas: these runs cannot be trained at once, for {error}"
    except Exception as error:
        said = brief(str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__)
        return f"replicas: these runs cannot be trained at once, for a step of several says: {said}"
    return ""


def pays(runs: Sequence[Run], rounds: int = 5) -> float:
    """How many times as much time the steps of the separate runs take as those of their stack, measured.

    On a CPU it is the process's own time, which other processes hardly change; a GPU has its own clock.

    Args:
        runs: that can be stacked; copies of them are used.
        rounds: in each, one step of the stack and one of a single run, in turn; the medians count.
    """
    with kept_draws():
        single, stack = _copied(runs[0]), RunStack(list(map(_copied, runs)))
        alone, at_once = [], []
        for run in [single, *stack.runs]:
            run.model.train()
        for step in range(rounds + 1):
            began = _now(single.device)
            begin_step(single, step, rounds + 1)
            train_step(single, single.data.train[batch_order(single, step)[0]])
            between = _now(single.device)
            for run in stack.runs:
                begin_step(run, step, rounds + 1)
            stack.step(_rows(stack.runs, step))
            at_once.append(_now(single.device) - between)
            alone.append(between - began)
    # the first ones are slower than those that follow
    return len(runs) * statistics.median(alone[1:]) / statistics.median(at_once[1:])


def _now(device: torch.device) -> float:
    """Seconds, when all that the device was told is done."""
    if device.type == "cpu":
        return time.process_time()
    torch.accelerator.synchronize(device)
    return time.perf_counter()


def _require_equal(runs: Sequence[Run]) -> None:
    """Refuse what no stack could have differently."""
    for name in EQUAL:
        if not same([getattr(run, name) for run in runs]):
            raise Unlike(f"{name} differs between them")
    if any(list(run.evaluate) != list(runs[0].evaluate) for run in runs):
        raise Unlike("evaluate differs between them")
    if any([n for n, _ in run.reg.leaves()] != [n for n, _ in runs[0].reg.leaves()] for run in runs):
        raise Unlike("they have other members in reg")
    for name, leaf in runs[0].reg.leaves():
        if leaf.schedules:
            raise Unlike(f"reg.{name} follows a schedule")
    for split in ("train", "select", "val"):
        parts = [getattr(run.data, split) for run in runs]
        if not (same([part.inputs for part in parts]) and same([part.labels for part in parts])):
            raise Unlike("the rows of their datasets differ")


def _try(runs: Sequence[Run]) -> None:
    """Make a few steps of the stack and of its first and last run alone.

    Raises:
        Unlike: they do not agree.
    """
    with kept_draws(), _whole_factors():
        together, ends = list(map(_copied, runs)), [_copied(runs[0]), _copied(runs[-1])]
        stack = RunStack(together)
        for run in [*together, *ends]:
            run.model.train()
            run.reg.begin_epoch(0.0)
        for step in range(STEPS):
            for run in together:
                begin_step(run, step, STEPS)
            terms = stack.step(_rows(together, step))
            for place, run in zip((0, -1), ends, strict=True):
                before = _generators()
                begin_step(run, step, STEPS)
                alone = train_step(run, run.data.train[batch_order(run, step)[0]])
                if not all(map(same, zip(before, _generators(), strict=True))):
                    raise Unlike("something in them draws from the global generators")
                _compare({name: term[place] for name, term in terms.items()}, alone, "terms")
        for run, alone_run in zip((together[0], together[-1]), ends, strict=True):
            state = _state(run)
            for name, alone in _state(alone_run).items():
                _compare(state[name], alone, name)


@contextmanager
def _whole_factors() -> Iterator[None]:
    """Within, no GPU shortens the factors of products to TF32: what that rounds is no other computation."""
    places: list[Any] = [torch.backends.cudnn, torch.backends.cuda.matmul]
    before = [place.allow_tf32 for place in places]
    for place in places:
        place.allow_tf32 = False
    try:
        yield
    finally:
        for place, allowed in zip(places, before, strict=True):
            place.allow_tf32 = allowed


def _rows(runs: Sequence[Run], epoch: int) -> Tensor:
    return torch.stack([batch_order(run, epoch)[0] for run in runs])


def _state(run: Run) -> dict[str, Any]:
    evaluated = run.reg.eval_model(run.model)
    return {
        "model": run.model.state_dict(),
        "reg": run.reg.state_dict(),
        "optimizer": run.optimizer.state_dict()["state"],
        "metrics": run.reg.metrics(evaluated),
    }


def _compare(found: Any, alone: Any, name: str, scale: float | None = None) -> None:
    """Refuse what differs by more than rounding: of a gradient that is 0 but for it, all of it is."""
    if scale is None:
        scale = max([_largest(one) for one in tree_leaves(alone) if isinstance(one, Tensor)] or [0.0])
    if isinstance(alone, Mapping):
        if found.keys() != alone.keys():
            raise Unlike(f"{name} has other parts than alone")
        for key in alone:
            _compare(found[key], alone[key], str(key), scale)
    elif isinstance(alone, list | tuple):
        if len(found) != len(alone):
            raise Unlike(f"{name} has other parts than alone")
        for one, other in zip(found, alone, strict=True):
            _compare(one, other, name, scale)
    elif isinstance(alone, Tensor | float):
        if not _near(torch.as_tensor(found), torch.as_tensor(alone), scale):
            raise Unlike(f"{name} comes out otherwise than alone")
    elif found != alone:
        raise Unlike(f"{name} comes out otherwise than alone")


def _largest(tensor: Tensor) -> float:
    """The size of its largest finite number, 0 where it has none."""
    sizes = tensor.detach().double().abs()
    return sizes.where(sizes.isfinite(), 0.0).max().item() if sizes.numel() else 0.0


def _near(found: Tensor, alone: Tensor, scale: float) -> bool:
    """Apart by less than the tolerance, relative to their size, or to 1/100 of that of their kind."""
    if found.shape != alone.shape:
        return False
    tolerance = TOLERANCE[torch.get_default_dtype()] * max(_largest(alone), scale / 100)
    return torch.allclose(found.double(), alone.double(), rtol=0, atol=tolerance, equal_nan=True)


def _generators() -> list[Any]:
    """The state of the global generators."""
    state: Any = np.random.get_state(legacy=True)[1]  # type: ignore[index]
    return [torch.get_rng_state(), torch.as_tensor(np.asarray(state, np.int64)), random.getstate()]


def _copied(run: Run) -> Run:
    """A copy that shares nothing but the data, and what members read of other runs, which stays as it is."""
    read = [one for _, leaf in run.reg.leaves() for one in leaf.runs.values()]
    return copy.deepcopy(run, {id(one): one for one in [*_parts(run.data), *read]})


def _parts(value: Any) -> Iterator[Any]:
    """A value, and what it is made of where it is a dataclass."""
    yield value
    if is_dataclass(value):
        for field in fields(value):
            yield from _parts(getattr(value, field.name))

"""One optimizer for the weights of all runs of a stack, whose state each run's own optimizer sees."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from regbench.optimizers import Wrapper, innermost
from regbench.training.loop import Run
from regbench.training.replicas.numbers import Unlike
from regbench.training.replicas.tensors import StackedTensors

RATE = "lr"


class StackedUpdate:
    """Updates the stacked weights as each run's own optimizer would: one that acts on each number by itself.

    Where the learning rates differ, the optimizer is asked for its step at the rate 1, of which each run
    goes its own share.

    Raises:
        Unlike: the optimizers differ in more than their learning rates, or call the loss themselves.
    """

    def __init__(self, runs: Sequence[Run], tensors: StackedTensors) -> None:
        self._runs, self._tensors = runs, tensors
        self._optimizers = [innermost(run.optimizer) for run in runs]
        self._wrappers = [_wrappers(run.optimizer) for run in runs]
        self._groups = [optimizer.param_groups for optimizer in self._optimizers]
        first = self._optimizers[0]
        if any(type(one) is not type(first) for one in self._optimizers):
            raise Unlike("the optimizers are not of one class")
        names = {id(own): name for name, own in runs[0].model.named_parameters()}
        self._params = [
            [tensors.parameters[names[id(p)]] for p in group["params"]] for group in self._groups[0]
        ]
        for alike in zip(*self._groups, strict=True):
            _require_alike(alike)
        self._optimizer = _like(first, self._params)
        self._adopt_state()
        self._shared: dict[int, list[Any]] = {}

    @property
    def edits(self) -> bool:
        """Whether a run's own gradients are looked at between the pass and the update."""
        return any(map(len, self._wrappers))

    def step(self) -> None:
        """Update the weights once, by the gradients that are there."""
        for wrappers in self._wrappers:
            for wrapper in wrappers:
                wrapper.begin()
            for wrapper in wrappers:
                wrapper.edit()
        self._move()
        self._share_state()
        for wrappers in self._wrappers:
            for wrapper in reversed(wrappers):
                wrapper.end()

    def _move(self) -> None:
        rates = [[group[RATE] for group in groups] for groups in self._groups]
        if all(one == rates[0] for one in rates):
            for group, rate in zip(self._optimizer.param_groups, rates[0], strict=True):
                group[RATE] = rate
            self._optimizer.step()
            return
        moved = [[(p, p.detach().clone()) for p in params if p.grad is not None] for params in self._params]
        for group in self._optimizer.param_groups:
            group[RATE] = 1.0
        self._optimizer.step()
        with torch.no_grad():
            for index, pairs in enumerate(moved):
                shares = torch.tensor([one[index] for one in rates], dtype=torch.float64)
                for weight, before in pairs:
                    share = shares.to(weight).view(-1, *[1] * (weight.ndim - 1))
                    torch.lerp(before, weight, share, out=weight.detach())

    def _share_state(self) -> None:
        """Let the optimizer of each run hold its part of what the stack's has come to hold."""
        for index, params in enumerate(self._params):
            for place, stacked in enumerate(params):
                state = self._optimizer.state.get(stacked)
                if not state or _held(state, self._shared.get(id(stacked), ())):
                    continue
                self._shared[id(stacked)] = list(state.values())
                for k, optimizer in enumerate(self._optimizers):
                    own = self._groups[k][index]["params"][place]
                    optimizer.state[own] = {n: _part(v, stacked, k) for n, v in state.items()}

    def _adopt_state(self) -> None:
        """Begin with the state that each run's optimizer has."""
        for index, params in enumerate(self._params):
            for place, stacked in enumerate(params):
                states = [
                    optimizer.state.get(groups[index]["params"][place])
                    for optimizer, groups in zip(self._optimizers, self._groups, strict=True)
                ]
                if not any(states):
                    continue
                if not all(states) or any(one.keys() != states[0].keys() for one in states):
                    raise Unlike("the optimizers have come further in some runs than in others")
                self._optimizer.state[stacked] = {
                    n: _joined(n, [one[n] for one in states], stacked) for n in states[0]
                }


def _like(optimizer: Any, params: Sequence[Sequence[Tensor]]) -> Any:
    """An optimizer of the same class and settings, over other parameters, in the same groups."""
    groups = [{**old, "params": new} for old, new in zip(optimizer.param_groups, params, strict=True)]
    taken = inspect.signature(type(optimizer)).parameters
    return type(optimizer)(groups, **{n: v for n, v in optimizer.defaults.items() if n in taken})


def _wrappers(optimizer: Any) -> list[Wrapper]:
    """From the outermost to the innermost.

    Raises:
        Unlike: one has a step of its own, which may ask for the gradient at several places.
    """
    found = []
    while isinstance(optimizer, Wrapper):
        if type(optimizer).step is not Wrapper.step:
            raise Unlike(f"{type(optimizer).__name__} computes the gradient more than once in a step")
        found.append(optimizer)
        optimizer = optimizer.inner
    return found


def _require_alike(groups: Sequence[dict[str, Any]]) -> None:
    """Refuse groups of parameters that differ in more than their learning rates."""
    first = groups[0]
    for other in groups[1:]:
        differing = [
            key
            for key in first.keys() | other.keys()
            if key not in ("params", RATE, "initial_lr") and first.get(key) != other.get(key)
        ]
        if differing:
            raise Unlike(f"the optimizers differ in {differing[0]}")


def _held(state: dict[str, Any], shared: Sequence[Any]) -> bool:
    """Whether a state is the one that was shared before, its tensors the same objects."""
    return len(state) == len(shared) and all(map(operator.is_, state.values(), shared))


def _part(value: Any, stacked: Tensor, index: int) -> Any:
    """What of a state belongs to one run: a view, or all of what has no part for each."""
    if isinstance(value, Tensor) and value.shape == stacked.shape:
        return value[index]
    return value


def _joined(name: str, values: Sequence[Any], stacked: Tensor) -> Any:
    first = values[0]
    if isinstance(first, Tensor) and first.shape == stacked.shape[1:] and stacked.ndim > 1:
        return torch.stack(list(values))
    if isinstance(first, Tensor):
        if any(not torch.equal(value, first) for value in values):
            raise Unlike(f"the optimizers have come further in some runs than in others: {name}")
        return first.clone()
    if any(value != first for value in values):
        raise Unlike(f"the optimizers differ in {name}")
    return first

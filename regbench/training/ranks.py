"""One run at several ranks: each works at some micro-batches of a step, and all make one update of them.

Micro-batch i of a step belongs to rank i mod W. Its draws are those that it has in one process, for streams
are keyed by the clock; what a step learns of them is added up before any member edits it. So W ranks are the
one process with the same `train.accumulate`, but for the order of sums.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import reduce
from operator import add
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from regbench.errors import ConfigError
from regbench.optimizers import innermost
from regbench.regularizers.base import Stack, acts
from regbench.streams import Clock, kept_draws, keyed_seed, seed_draws
from regbench.training.order import without_waiting
from regbench.training.running_figures import RunningFigures


class Lost(ConfigError):
    """Another rank does not answer any more."""


class SharedSteps:
    """This process as one of the ranks; torch's process group is there.

    Args:
        model: in training; all ranks have the same weights.
        reg: whose members act.
        optimizer: of the model.
        clock: of the run.
        seed: of the run.
        device: of this rank.
        asked: whether this rank has been asked to stop.

    Attributes:
        number: of this rank, from 0.
        count: of all.
        stopping: whether any rank had been asked to stop at the last step; on a GPU at the one before, as a
            look at what has just been computed would wait for it.

    Raises:
        ConfigError: the model has what ranks cannot share.
    """

    def __init__(
        self,
        model: nn.Module,
        reg: Stack,
        optimizer: Any,
        clock: Clock,
        seed: int,
        device: torch.device,
        asked: Callable[[], bool] = lambda: False,
    ) -> None:
        self.number, self.count, self.stopping = dist.get_rank(), dist.get_world_size(), False
        self._clock, self._seed, self._device, self._asked = clock, seed, device, asked
        groups = innermost(optimizer).param_groups
        others = (weight for group in groups for weight in group["params"])
        self._weights = [w for w in dict.fromkeys([*model.parameters(), *others]) if w.requires_grad]
        double = any(weight.dtype == torch.float64 for weight in self._weights)
        self._number_format = torch.float64 if double else torch.float32  # of losses, and what goes with them
        self._terms = ["data", *(name for name, leaf in reg.leaves() if acts(leaf, "penalty"))]
        self._running = RunningFigures(model)
        self._on_its_way: tuple[Tensor, Any] | None = None  # from the device: whether any had been asked

    def own(self, parts: int) -> OwnMicroBatches:
        """The numbers of the micro-batches of this rank, to go through once in each pass over the step."""
        return OwnMicroBatches(self, parts)

    def passing(self, parts: int) -> Iterator[int]:
        """One pass; at its end the clock stands where it does in one process, at the last micro-batch."""
        clock = self._clock
        moving = clock.passes >= 0  # before that batches are made, and no model sees them
        if moving:
            self._running.begin(parts)
        for micro in range(self.number, parts, self.count):
            # of what draws from the global generators a rank draws as much as its micro-batches take, and
            # no rank knows of others': so these draws leave no trace
            devices = [self._device] if self._device.type == "cuda" else []
            with kept_draws(devices):
                seed_draws(keyed_seed(self._seed, "micro-batch", clock.step, micro, clock.passes))
                yield micro
            if moving:
                self._running.take(micro)
        clock.micro = parts - 1

    @torch.no_grad()
    def together(self, values: Sequence[Tensor], first: dict[str, Tensor]) -> Tensor:
        """Make what this rank has of a pass what all have: gradients, running figures, loss and terms.

        Args:
            values: the objective of each of its micro-batches, weighed by their rows.
            first: the terms of the objective in the first pass of the step, as far as it has them; then all.

        Returns:
            The objective, a scalar.

        Raises:
            Lost: a rank does not answer.
            ConfigError: a gradient is sparse, or a buffer has changed that only one process can change.
        """
        own_terms = dict(first) if self._clock.passes == 0 else {}
        gradients = [_dense(weight) for weight in self._weights]
        loss = reduce(add, values) if values else self._number(0.0)
        figures = self._of_numbers([loss, *(own_terms.get(name) for name in self._terms)])
        marks = [
            *(weight.grad is not None for weight in self._weights),
            *(n in own_terms for n in self._terms),
        ]
        told = self._number([*marks, self._asked()])
        self.add_up([*gradients, figures, told, *self._running.parcels()])
        self._running.fold()
        self._look_at_requests(told[-1])
        had = marks if all(marks) else told.tolist()  # which waits for the device
        for weight, gradient, there in zip(self._weights, gradients, had, strict=False):
            weight.grad = gradient if there else None
        if self._clock.passes == 0:
            terms = zip(self._terms, figures[1:].unbind(), had[len(self._weights) :], strict=False)
            first.clear()
            first |= {n: f.to(own_terms[n].dtype) if n in own_terms else f for n, f, there in terms if there}
        return figures[0].to(loss.dtype)

    def _of_numbers(self, scalars: Sequence[Tensor | None]) -> Tensor:
        """Scalars as one tensor, 0 for each that is not there."""
        blank = self._number(0.0)
        return torch.stack([blank if one is None else one.detach().to(blank.dtype) for one in scalars])

    def _number(self, values: float | Sequence[float]) -> Tensor:
        return without_waiting(torch.tensor(values, dtype=self._number_format), self._device)

    def _look_at_requests(self, asked: Tensor) -> None:
        if self._device.type == "cpu":
            self.stopping = self.stopping or bool(asked.item())
            return
        if self._on_its_way is not None:  # since the step before
            value, there = self._on_its_way
            there.synchronize()
            self.stopping = self.stopping or bool(value.item())
        self._on_its_way = asked.to("cpu", non_blocking=True), torch.cuda.Event()
        self._on_its_way[1].record()

    @torch.no_grad()
    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Put into each of the tensors its sum over all ranks, by one exchange for each number format.

        Raises:
            Lost: a rank does not answer.
        """
        kinds: dict[torch.dtype, list[Tensor]] = defaultdict(list)
        for tensor in tensors:
            kinds[tensor.dtype].append(tensor)
        for alike in kinds.values():
            flat = torch.cat([tensor.reshape(-1) for tensor in alike])
            with answering():
                dist.all_reduce(flat)
            pieces = flat.split([tensor.numel() for tensor in alike])
            for tensor, piece in zip(alike, pieces, strict=True):
                tensor.copy_(piece.view(tensor.shape))

    @torch.no_grad()
    def begin_alike(self, tensors: Sequence[Tensor]) -> None:
        """Put into each of the tensors what it is at rank 0, whose machine may round in another way.

        Raises:
            Lost: a rank does not answer.
        """
        for tensor in tensors:
            there = tensor.detach().contiguous()
            with answering():
                dist.broadcast(there, 0)
            tensor.copy_(there)


class OwnMicroBatches:
    """The numbers of a rank's micro-batches: whoever goes through them works at each where it is given."""

    def __init__(self, steps: SharedSteps, parts: int) -> None:
        self._steps, self._parts = steps, parts

    def __iter__(self) -> Iterator[int]:
        return self._steps.passing(self._parts)


@contextmanager
def answering() -> Iterator[None]:
    """An exchange between ranks.

    Raises:
        Lost: one does not answer.
    """
    try:
        yield
    except RuntimeError as error:
        raise Lost("another rank does not answer any more") from error


def _dense(weight: Tensor) -> Tensor:
    """The gradient of a weight, zeros where it has none.

    Raises:
        ConfigError: it is sparse.
    """
    if weight.grad is None:
        return torch.zeros_like(weight)
    if weight.grad.is_sparse:
        raise ConfigError("model: must have no sparse gradients for several ranks, which add them up densely")
    return weight.grad

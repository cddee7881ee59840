"""One pass of all runs of a stack over their batches, as one function under `torch.func.vmap`."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial, reduce
from operator import add
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import vmap

from regbench.nn.logits import still_logits
from regbench.training.loop import Run, micro_batches, objective, weighed
from regbench.training.replicas.lifting import Lifting, Read
from regbench.training.replicas.numbers import Lane
from regbench.training.replicas.tensors import StackedTensors
from regbench.training.replicas.walk import Walk
from regbench.types import Batch
from regbench.weights import stand_in


def passes(run: Run, batch: Batch) -> dict[str, Tensor]:
    """The forward passes of one step: the terms of the objective, means over the batch."""
    parts, shown = micro_batches(batch, run.accumulate), []
    run.clock.passes = -1
    for run.clock.micro, micro in enumerate(parts):
        shown.append((run.reg.transform_batch(micro), len(micro) / len(batch)))
    run.clock.passes = 0
    terms: dict[str, Tensor] = {}
    for run.clock.micro, (micro, share) in enumerate(shown):
        for name, term in objective(run, micro).items():
            part = weighed(term, share)
            terms[name] = terms[name] + part if name in terms else part
    return terms


class StackedStep:
    """The loss of each run's batch and its gradient, for all runs at once.

    Args:
        runs: alike in all but seeds and numbers; the first is the template.
        tensors: their weights.

    Raises:
        Unlike: they are not alike.
    """

    def __init__(self, runs: Sequence[Run], tensors: StackedTensors) -> None:
        self._runs, self._tensors = runs, tensors
        self._count = len(runs)
        template = runs[0]
        walk = Walk([run.model for run in runs])
        for position, (name, _) in enumerate(template.reg.leaves()):
            walk.visit(f"reg.{name}", [list(run.reg.leaves())[position][1] for run in runs])
        walk.visit("reg", [run.reg for run in runs])
        walk.visit("model", [run.model for run in runs])
        self._names = {id(own): name for name, own in template.model.named_parameters()}
        lane = Lane(template.device)
        self._lifting = Lifting(walk.found, template.clock, lane, self._names)
        self._vmapped = vmap(self._trained, randomness="error")
        self._places = list(_places(template.model, self._names, dict(template.model.named_buffers())))
        self._index = torch.arange(self._count, device=template.device)

    def terms(self, rows: Tensor) -> dict[str, Tensor]:
        """The terms of each run's objective, (K,) each, with their gradients in the stacked parameters.

        Args:
            rows: of each run's batch, (K, B).
        """
        batch = self._runs[0].data.train[rows.flatten()]
        inputs = batch.inputs.view(*rows.shape, *batch.inputs.shape[1:])
        targets = batch.targets.view(*rows.shape, *batch.targets.shape[1:])
        terms = self._tried(self._vmapped, inputs, targets, rows, self._index, *self._tensors.all)
        reduce(add, terms.values()).sum().backward()
        return {name: term.detach() for name, term in terms.items()}

    def outputs(self, inputs: Tensor) -> Tensor:
        """The logits of all runs' models for the same inputs, (K, rows, C), in the mode that they are in."""
        vmapped = vmap(partial(self._evaluated, inputs), randomness="error")
        return self._tried(vmapped, self._index, *self._tensors.all)

    def _tried(self, vmapped: Callable[..., Any], *batched: Tensor) -> Any:
        """What the function returns for all runs; tried again for each attribute read for the first time."""
        tensors, lifting = self._tensors, self._lifting
        buffers = {name: buffer.clone() for name, buffer in tensors.buffers.items()} if lifting.unread else {}
        while True:
            lifting.begin()
            try:
                with warnings.catch_warnings():
                    # what has no rule of its own is computed run by run; whether it pays is measured
                    warnings.filterwarnings("ignore", "There is a performance drop")
                    return vmapped(*batched)
            except Read as error:
                lifting.use(error.slot)
                for name, buffer in buffers.items():
                    tensors.buffers[name].copy_(buffer)

    def _trained(
        self, inputs: Tensor, targets: Tensor, rows: Tensor, index: Tensor, *weights: Tensor
    ) -> dict[str, Tensor]:
        with self._standing_in(index, weights):
            return passes(self._runs[0], Batch(inputs, targets, rows))

    def _evaluated(self, inputs: Tensor, index: Tensor, *weights: Tensor) -> Tensor:
        run = self._runs[0]
        with self._standing_in(index, weights), run.autocast():
            output = run.model(inputs)
        task = run.data.task
        return still_logits(output, len(inputs), task.outputs, task.returned).float()

    @contextmanager
    def _standing_in(self, index: Tensor, weights: Sequence[Tensor]) -> Iterator[None]:
        """Within, the template stands for all runs: its weights, and whatever differs between them."""
        standing = dict(zip(self._tensors.names, weights, strict=True))
        for name, stacked in self._tensors.parameters.items():
            stand_in(standing[name], stacked)
        kept = [held[key] for held, key, _ in self._places]
        try:
            for held, key, name in self._places:
                held[key] = standing[name]
            with self._lifting.lifted(index, standing):
                yield
        finally:
            for (held, key, _), own in zip(self._places, kept, strict=True):
                held[key] = own


def _places(
    model: nn.Module, parameters: Mapping[int, str], buffers: Mapping[str, Tensor]
) -> Iterator[tuple[dict[str, Any], str, str]]:
    """Where a module of the model holds a parameter or a buffer, and its name; of a tied one all places."""
    names = {**parameters, **{id(buffer): name for name, buffer in buffers.items()}}
    for module in model.modules():
        for held in (module._parameters, module._buffers):
            yield from ((held, key, names[id(one)]) for key, one in held.items() if one is not None)

"""The weights of several runs as one tensor each, of which every run's own model holds its part."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from regbench.training.replicas.numbers import Unlike


class StackedTensors:
    """Parameters (K, ...) and buffers (K, ...) of K models that are alike, by their names in the model.

    Each model's own parameters and buffers become views of them, and its gradients views of the stack's, so
    that whatever works on one run's model works on the stack.

    Raises:
        Unlike: the models have other parameters or buffers.
    """

    def __init__(self, models: Sequence[nn.Module]) -> None:
        self._models = models
        of_each: list[dict[str, Tensor]] = [dict(model.named_parameters()) for model in models]
        buffers = [dict(model.named_buffers()) for model in models]
        _require_alike(of_each)
        _require_alike(buffers)
        self._own = {name: [each[name] for each in of_each] for name in of_each[0]}
        with torch.no_grad():
            self.parameters: dict[str, Tensor] = {
                name: torch.stack([each[name] for each in of_each]).requires_grad_(own.requires_grad)
                for name, own in of_each[0].items()
            }
            self.buffers = {name: torch.stack([each[name] for each in buffers]) for name in buffers[0]}
            for name, stacked in self.parameters.items():
                for one, part in zip(of_each, stacked.detach().unbind(), strict=True):
                    one[name].data = part
            for name, stacked in self.buffers.items():
                for one, part in zip(buffers, stacked.unbind(), strict=True):
                    one[name].data = part
        self.names = [*self.parameters, *self.buffers]
        self.all = [*self.parameters.values(), *self.buffers.values()]
        self.gradients: list[Tensor] = []

    def share_gradients(self) -> None:
        """Let each model's gradients be views of those that the stack has just got, from now on in place."""
        there = [stacked.grad for stacked in self.parameters.values() if stacked.grad is not None]
        if len(there) == len(self.gradients) and all(map(operator.is_, there, self.gradients)):
            return
        self.gradients = there
        for name, stacked in self.parameters.items():
            if stacked.grad is not None:
                for own, part in zip(self._own[name], stacked.grad.unbind(), strict=True):
                    own.grad = part

    def clear_gradients(self) -> None:
        """Forget the gradients; those that are shared become 0, for they stay where they are."""
        if self.gradients:
            torch._foreach_zero_(self.gradients)
        else:
            for stacked in self.parameters.values():
                stacked.grad = None

    def part(self) -> None:
        """Give each model tensors of its own again."""
        for model in self._models:
            for parameter in model.parameters():
                parameter.data, parameter.grad = parameter.data.clone(), None
            for buffer in model.buffers():
                buffer.data = buffer.data.clone()


def _require_alike(of_each: Sequence[Mapping[str, Tensor]]) -> None:
    first = {name: (one.shape, one.dtype, one.requires_grad) for name, one in of_each[0].items()}
    for other in of_each[1:]:
        if {name: (one.shape, one.dtype, one.requires_grad) for name, one in other.items()} != first:
            raise Unlike("the models have parameters of other names or shapes")

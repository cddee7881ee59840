"""Networks that make and judge images beside the model, and how they learn."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from regbench.optimizers import uncompiled
from regbench.types import Ranks

LAYERS = 5


def augmenter(k: int, channels: int, width: int) -> nn.Module:
    """From k images stacked on channels, (B, k * channels, H, W), one of (B, channels, H, W) in [0, 1]."""
    sizes = [k * channels, *[width] * (LAYERS - 1), channels]
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers[:-1], nn.Sigmoid())


def critic(channels: int, width: int) -> nn.Module:
    """Logits (B, 1, H / 4, W / 4), rounded up, above 0 where an image looks like a train image."""
    return nn.Sequential(
        nn.Conv2d(channels, width, 3, stride=2, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(width, 2 * width, 3, stride=2, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(2 * width, 1, 1),
    )


class Learner:
    """A network that learns beside the model, with an Adam optimizer of its own."""

    def __init__(self, net: nn.Module, lr: float) -> None:
        self.net, self.optimizer = net, uncompiled(torch.optim.Adam)(net.parameters(), lr=lr)

    def set_rate(self, lr: float) -> None:
        """Let the network learn at this rate from now on."""
        for group in self.optimizer.param_groups:
            group["lr"] = lr

    def step(
        self,
        outputs: Sequence[Tensor],
        gradients: Sequence[Tensor | None] | None = None,
        ranks: Ranks | None = None,
    ) -> None:
        """Update the weights once.

        Args:
            outputs: what the network has returned, or scalars to descend; of a rank there may be none.
            gradients: the gradient of what is to be descended, for each of the outputs; none for scalars.
            ranks: who descends with it the sum of what all have, each calling this alike.
        """
        self.optimizer.zero_grad()
        if outputs:
            torch.autograd.backward(outputs, gradients)
        if ranks is not None:
            for weight in self.net.parameters():
                weight.grad = torch.zeros_like(weight) if weight.grad is None else weight.grad
            ranks.add_up([weight.grad for weight in self.net.parameters() if weight.grad is not None])
        self.optimizer.step()

    def state_dict(self) -> dict[str, Any]:
        """The network's state and its optimizer's."""
        return {"net": self.net.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what `state_dict` returned."""
        self.net.load_state_dict(state["net"])
        self.optimizer.load_state_dict(state["optimizer"])

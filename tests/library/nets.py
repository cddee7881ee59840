"""A small network with sites, and rows, for the tests of the library."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from regbench.sites import Site

CLASSES = 3


def rows(count: int = 48) -> tuple[Tensor, Tensor]:
    """Images in [0, 1] and whole numbers."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.rand(count, 1, 4, 4, generator=generator)
    return inputs, torch.arange(count) % CLASSES


def net(outputs: int = CLASSES) -> nn.Sequential:
    """The same weights whenever it is made."""
    torch.manual_seed(0)
    hidden = Site("hidden", (8,), body=nn.ReLU())
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 8), hidden, nn.Linear(8, outputs))


def sgd(model: nn.Module, lr: float = 0.1) -> torch.optim.SGD:
    return torch.optim.SGD(model.parameters(), lr=lr)

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


class Plain(nn.Module):
    """A network of somebody who has never heard of sites, with a residual block."""

    def __init__(self, in_shape: tuple[int, ...], num_classes: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(in_shape[0], 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU())
        self.block = Residual()
        self.head = nn.Linear(4, num_classes)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.head(self.block(self.stem(inputs)).mean((2, 3)))


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.act = nn.ReLU()

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs + self.act(self.norm(self.conv(inputs)))


class Numbers(nn.Module):
    """One number a row, without an axis for it."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(16, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.layer(inputs.flatten(1)).squeeze(1)

"""A dense autoencoder of images and how it learns."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from regbench.optimizers import uncompiled

Read = Callable[[Tensor], Tensor]  # row numbers (R,) on the CPU to images (R, ...) in [0, 1], on any device
CHUNK = 4096  # rows to encode at once


class Autoencoder(nn.Module):
    """Images to codes and back, with one hidden layer of rectified units each way.

    Args:
        shape: per-example shape of the images.
        width: units of each hidden layer.
        latent: length of a code.
    """

    def __init__(self, shape: Sequence[int], width: int, latent: int) -> None:
        super().__init__()
        pixels = math.prod(shape)
        self.encode = nn.Sequential(
            nn.Flatten(), nn.Linear(pixels, width), nn.ReLU(), nn.Linear(width, latent)
        )
        self.decode = nn.Sequential(
            nn.Linear(latent, width),
            nn.ReLU(),
            nn.Linear(width, pixels),
            nn.Sigmoid(),
            nn.Unflatten(1, tuple(shape)),
        )

    def forward(self, images: Tensor) -> Tensor:
        return self.decode(self.encode(images))


@dataclass(frozen=True)
class AutoencoderRecipe:
    """How an autoencoder is made: all that its weights depend on beside the images and the random state.

    Attributes:
        width: units of each hidden layer.
        latent: length of a code.
        epochs: passes over the rows.
        lr: Adam's learning rate.
        batch_size: rows of a step; the last step of an epoch has the rest.
    """

    width: int
    latent: int
    epochs: int
    lr: float
    batch_size: int

    def make(self, shape: Sequence[int]) -> Autoencoder:
        """An autoencoder that has learned nothing yet, drawn from the global random state."""
        return Autoencoder(shape, self.width, self.latent)

    def fit(self, autoencoder: Autoencoder, read: Read, rows: int) -> None:
        """Minimize the mean squared error of the pixels over rows 0 to rows - 1, in random order."""
        optimizer = uncompiled(torch.optim.Adam)(autoencoder.parameters(), lr=self.lr)
        for _ in range(self.epochs):
            for batch in torch.randperm(rows).split(self.batch_size):
                images = read(batch)
                loss = F.mse_loss(autoencoder(images), images)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()


@torch.no_grad()
def encoded(autoencoder: Autoencoder, read: Read, rows: int) -> Tensor:
    """The codes (rows, latent) of rows 0 to rows - 1, in order."""
    return torch.cat([autoencoder.encode(read(chunk)) for chunk in torch.arange(rows).split(CHUNK)])


@torch.no_grad()
def squared_errors(autoencoder: Autoencoder, read: Read, rows: int) -> tuple[float, float]:
    """Mean squared error of a pixel over rows 0 to rows - 1, of the autoencoder and of their mean image."""
    error, pixels = 0.0, 0
    total = squares = torch.zeros((), dtype=torch.float64)
    for chunk in torch.arange(rows).split(CHUNK):
        images = read(chunk)
        error += (autoencoder(images) - images).square().sum().item()
        exact = images.double()  # the next two are subtracted from each other
        total, squares = total + exact.sum(0), squares + exact.square().sum(0)
        pixels += images.numel()
    return error / pixels, ((squares - total.square() / rows).sum() / pixels).item()

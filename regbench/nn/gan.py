"""A class-conditional DCGAN for small images: the two networks, and one round of their game."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from regbench.optimizers import uncompiled

NOISE = 100  # entries of the noise vector, as both papers have it
LABEL = 16  # entries of the label's embedding beside it
LEAD = 4  # the discriminator's learning rate over the generator's; at 1 the generator soon ignores its noise
HALVINGS = 2  # a side of 28 pixels is 14, then 7: each network has two strided layers


class Generator(nn.Module):
    """Images from noise and labels: a dense layer, then two transposed convolutions.

    noise and embedded label -> (2 * width, H/4, W/4) -> (width, H/2, W/2) -> (C, H, W), with batch
    normalization and ReLU before the last layer and (tanh + 1) / 2 after it. A side that is no multiple of
    four is made larger and cut.

    Args:
        shape: (C, H, W) of an image.
        num_classes: labels are 0 to num_classes - 1.
        width: channels of the narrower hidden layer.
    """

    def __init__(self, shape: tuple[int, int, int], num_classes: int, width: int) -> None:
        super().__init__()
        channels, *self.sides = shape
        cells = [_cells(side) for side in self.sides]
        self.embed = nn.Embedding(num_classes, LABEL)
        self.dense = nn.Linear(NOISE + LABEL, 2 * width * cells[0] * cells[1], bias=False)
        self.grow = nn.Sequential(
            nn.Unflatten(1, (2 * width, *cells)),
            nn.BatchNorm2d(2 * width),
            nn.ReLU(),
            nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.ConvTranspose2d(width, channels, 4, stride=2, padding=1),
        )

    def forward(self, noise: Tensor, labels: Tensor) -> Tensor:
        """Images (B, C, H, W) in [0, 1] from noise (B, NOISE) and labels (B,)."""
        images = self.grow(self.dense(torch.cat([noise, self.embed(labels)], 1)))
        return images[..., : self.sides[0], : self.sides[1]].tanh().add(1).div(2)


class Discriminator(nn.Module):
    """How real an image looks for its label: two strided convolutions, then one row of weights per class.

    With f the features, the logit is w . f + b + v_label . f. It has no batch normalization, so that a
    batch of any size will do.

    Args:
        shape: (C, H, W) of an image.
        num_classes: labels are 0 to num_classes - 1.
        width: channels of the first layer; the second has twice as many.
    """

    def __init__(self, shape: tuple[int, int, int], num_classes: int, width: int) -> None:
        super().__init__()
        channels, *sides = shape
        cells = [_cells(side) for side in sides]
        down, right = (cell * 2**HALVINGS - side for cell, side in zip(cells, sides, strict=True))
        self.features = nn.Sequential(
            nn.ZeroPad2d((0, right, 0, down)),
            nn.Conv2d(channels, width, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, 2 * width, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Flatten(),
        )
        self.real = nn.Linear(2 * width * cells[0] * cells[1], 1)
        self.of_class = nn.Embedding(num_classes, self.real.in_features)
        nn.init.zeros_(self.of_class.weight)  # at first every class is judged alike

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """Logits (B,) of images (B, C, H, W) in [0, 1] being real, given labels (B,)."""
        features = self.features(2 * images - 1)
        return self.real(features).squeeze(1) + (features * self.of_class(labels)).sum(1)


class Duel:
    """Both networks and their optimizers: Adam, its first beta 0.5, which Radford et al. found stable.

    Args:
        generator: in training mode.
        discriminator: in training mode.
        lr: of the generator; the discriminator has four times that (two time scales, Heusel et al., 2017).
    """

    def __init__(self, generator: Generator, discriminator: Discriminator, lr: float) -> None:
        self.generator, self.discriminator = generator, discriminator
        self._optimizers = [
            uncompiled(torch.optim.Adam)(net.parameters(), rate, betas=(0.5, 0.999))
            for net, rate in ((generator, lr), (discriminator, LEAD * lr))
        ]

    def play(self, images: Tensor, labels: Tensor, noise: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
        """Update the discriminator once, then the generator once.

        Args:
            images: real, (B, C, H, W) in [0, 1].
            labels: theirs, (B,).
            noise: (M, NOISE) for the images to be made.
            wanted: their labels, (M,).

        Returns:
            The losses of the generator and of the discriminator, scalars, in nats.
        """
        generate, discriminate = self._optimizers
        made = self.generator(noise, wanted)
        loss_d = _loss(self.discriminator(images, labels), real=True)
        loss_d = loss_d + _loss(self.discriminator(made.detach(), wanted), real=False)
        discriminate.zero_grad()
        loss_d.backward()
        discriminate.step()
        self.discriminator.requires_grad_(False)  # its gradients would be computed in vain
        loss_g = _loss(self.discriminator(made, wanted), real=True)
        generate.zero_grad()
        loss_g.backward()
        generate.step()
        self.discriminator.requires_grad_(True)
        return loss_g.detach(), loss_d.detach()


def settle(generator: Generator, noise: Tensor, labels: Tensor) -> None:
    """Set the running statistics to those of this one large batch, and switch to evaluation mode.

    Those gathered while it learned are of weights that it no longer has.
    """
    norms = [module for module in generator.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        generator.train()(noise, labels)
    generator.eval()


def _loss(logits: Tensor, real: bool) -> Tensor:
    """Mean of -log sigmoid(logit) where they should look real, else of -log(1 - sigmoid(logit))."""
    return F.softplus(-logits if real else logits).mean()


def _cells(side: int) -> int:
    """The side of the coarsest map."""
    return -(-side // 2**HALVINGS)

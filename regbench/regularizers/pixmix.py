"""PixMix."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from regbench.images.checks import require_images, require_pixels
from regbench.images.fractals import fractals
from regbench.images.geometry import turning_note
from regbench.images.mild_operations import MOST_SEVERE, OPERATIONS, WIDEST_TURN, operations_of
from regbench.images.operations import OPS, apply_chosen
from regbench.regularizers.base import Regularizer
from regbench.space import Domain, Interval
from regbench.types import Batch, Split

IDENTITY = OPS.index("identity")
TINY = 1e-37  # the authors': what is raised to a negative power is at least that
LOOKED_AT = 64  # pictures that are shown


@dataclass
class PixMix(Regularizer):
    """Mix each image several times with a picture of a fractal or with itself, augmented; targets stay.

    With m the image x, in one of two cases augmented, n uniform in 0 to rounds, and f a picture drawn for the
    image, n times: y is x augmented, or f, and m becomes, cut to [0, 1],
    add: (a (2 m - 1) + b (2 y - 1) + 1) / 2, or multiply: (2 m)^a (2 y)^b / 2,
    with a ~ Beta(beta, 1) and b ~ Beta(1, beta), or a = 1 + a' and b = -b' with a', b' ~ Beta(1, beta); each
    choice with probability 1/2. To augment is to do one of AugMix's operations, all equally likely, at a
    level uniform in [0.1, severity] / 10. Each example has draws of its own.

    Departures from the paper: its pictures are fractals that people have published, and feature
    visualizations of networks; here fractals are made, once for a run, by its seed
    (`regbench.images.fractals`: attractors of random affine maps, in colors), so nothing is downloaded.
    Geometric operations leave black behind.

    Paper: Hendrycks et al., 2022, https://arxiv.org/abs/2112.05135, section 3 and its code (p=1)

    Attributes:
        p: share of the examples that are mixed at all, in [0, 1].
        rounds: the most, at least 1; the paper's k.
        beta: of the beta distributions, above 0; the larger, the more is kept of the image.
        severity: largest strength of an operation, 1 to 10.
        pictures: how many are made, at least 1.

    Raises:
        ValueError: a field is out of range; `check_data`: inputs are no images in [0, 1].
    """

    off: ClassVar[Mapping[str, Any]] = {"p": 0.0}
    search: ClassVar[Mapping[str, Domain]] = {
        "p": Interval(0.2, 1.0),
        "rounds": Interval(1, 5),
        "beta": Interval(1.0, 5.0),
        "severity": Interval(1, 10),
    }
    follows = ("p", "rounds", "beta", "severity")
    fixed: ClassVar[Mapping[str, str]] = {"pictures": "they are made before the run"}

    p: float
    rounds: int
    beta: float
    severity: int
    pictures: int

    def __post_init__(self) -> None:
        if not 0 <= self.p <= 1:
            raise ValueError(f"p must lie in [0, 1], got {self.p}")
        for name in ("rounds", "pictures"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.beta <= 0:
            raise ValueError(f"beta must be above 0, got {self.beta}")
        if not 1 <= self.severity <= MOST_SEVERE:
            raise ValueError(f"severity must lie in [1, {MOST_SEVERE}], got {self.severity}")
        self._note = ""
        self._made: Tensor | None = None  # (pictures, C, H, W) uint8

    def check_data(self, train: Split) -> None:
        if not self.is_off:
            require_pixels(train)
            self._note = turning_note(train, self.severity / MOST_SEVERE * WIDEST_TURN)

    def prepare_data(self, train: Split) -> None:
        if not self.is_off:
            self._pictures_like(train.inputs[:1].to(train.device))

    def note(self) -> str:
        return self._note

    def images(self) -> dict[str, Tensor]:
        return {} if self._made is None else {"pictures": self._made[:LOOKED_AT].float() / 255}

    def transform_batch(self, batch: Batch) -> Batch:
        if self.is_off:
            return batch
        require_images(batch)
        images = batch.inputs
        made, device, shape = self._pictures_like(images), images.device, (len(images),)
        chosen = self.stream.uniform(shape, device) < self.p
        pictures = made.index_select(0, self.stream.integers(len(made), shape, device)).float() / 255
        mixed = self._mixed(images.float(), pictures).to(images.dtype)
        return Batch(torch.where(_wide(chosen), mixed, images), batch.targets, batch.rows)

    def _pictures_like(self, images: Tensor) -> Tensor:
        """Pictures of the images' size, made where there are none yet."""
        if self._made is None or self._made.shape[1:] != images.shape[1:]:
            channels, height, width = images.shape[1:]
            made = fractals(self.pictures, channels, height, width, self.stream.seed_of("pictures"))
            self._made = (made * 255).round().to(images.device, torch.uint8)
        return self._made

    def _mixed(self, images: Tensor, pictures: Tensor) -> Tensor:
        """The images after all rounds."""
        shape, device = (len(images),), images.device
        mixed = self._augmented(images, self.stream.uniform(shape, device) < 0.5)
        count = self.stream.integers(self.rounds + 1, shape, device)
        for done in range(self.rounds):
            own, product, against = self.stream.uniform((3, *shape), device) < 0.5
            a, b = powers(self.stream.uniform((2, *shape), device), against, self.beta)
            others = torch.where(_wide(own), self._augmented(images, own), pictures)
            both = torch.where(_wide(product), multiply(mixed, others, a, b), add(mixed, others, a, b))
            mixed = torch.where(_wide(count > done), both.clamp(0, 1), mixed)
        return mixed

    def _augmented(self, images: Tensor, which: Tensor) -> Tensor:
        """The images, those (B,) that are true after one operation each."""
        shape, device = which.shape, images.device
        places = self.stream.integers(len(OPERATIONS), shape, device)
        levels, negative = self.stream.uniform(shape, device), self.stream.integers(2, shape, device)
        chosen, strengths = operations_of(places, levels, negative, self.severity, images.shape[2:])
        return apply_chosen(images, torch.where(which, chosen, IDENTITY), strengths)


def powers(uniform: Tensor, against: Tensor, beta: float) -> tuple[Tensor, Tensor]:
    """What image and picture weigh, (B,) each.

    Args:
        uniform: (2, B), uniform in [0, 1).
        against: (B,), whether the picture weighs less than nothing.
        beta: as of `PixMix`; U^(1/beta) is Beta(beta, 1), and 1 less that is Beta(1, beta).
    """
    large = uniform ** (1 / beta)
    a, b = large[0], 1 - large[1]
    return torch.where(against, 2 - a, a), torch.where(against, -b, b)


def add(images: Tensor, others: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Weighted sums of what is in [-1, 1], back in the unit of pixels."""
    return (_wide(a) * (2 * images - 1) + _wide(b) * (2 * others - 1) + 1) / 2


def multiply(images: Tensor, others: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Weighted geometric means of what is in [0, 2], back in the unit of pixels; less than black is black."""
    return (2 * images).clamp(min=0) ** _wide(a) * (2 * others).clamp(min=TINY) ** _wide(b) / 2


def _wide(values: Tensor) -> Tensor:
    return values[:, None, None, None]

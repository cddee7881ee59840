"""RandAugment."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import torch

from regbench.images.checks import require_pixels
from regbench.images.geometry import turning_note
from regbench.images.operations import OPS, SIGNED, Acts, Strengths, apply_each, every_act, place_of
from regbench.regularizers.base import Regularizer
from regbench.space import Domain, Interval
from regbench.types import Batch, Split

MOST_OPS = 100  # in a row: no picture is left long before
BINS = 31  # of the magnitude, 0 to 30
DROPPED_BITS = 4
WIDEST_TURN = 30.0  # degrees


@dataclass
class RandAugment(Regularizer):
    """Apply a few random operations to each image, all equally strong.

    num_ops times, each example by itself draws one of 14 operations (identity, shears, translations, rotate,
    brightness, saturation, contrast, sharpness, posterize, solarize, autocontrast, equalize), each as likely,
    and a sign where it has one. The strength is magnitude / 30 of the widest: slope 0.3, 150 / 331 of the
    side in whole pixels, 30 degrees, factors 1 - 0.9 or 1 + 0.9, 4 bits dropped, everything inverted. These
    are torchvision's ranges, which the paper leaves to its code; geometric operations are bilinear here and
    leave black behind. Brightness, contrast, posterize, solarize, autocontrast and equalize round to 256
    values and do what Pillow does with them; the others round nothing. Saturation leaves a grey image as it
    is.

    Paper: Cubuk et al., 2020, https://arxiv.org/abs/1909.13719, section 3

    Attributes:
        num_ops: operations one after another, at least 0.
        magnitude: their strength, from 0 to 30.

    Raises:
        ValueError: a field is out of range; `check_data`: inputs are no images in [0, 1] with 1 or 3
            channels.
    """

    off: ClassVar[Mapping[str, Any]] = {"num_ops": 0}
    search: ClassVar[Mapping[str, Domain]] = {"num_ops": Interval(1, 3), "magnitude": Interval(2, 20)}
    follows = ("num_ops", "magnitude")

    num_ops: int
    magnitude: int

    def __post_init__(self) -> None:
        if self.num_ops < 0:
            raise ValueError(f"num_ops must be at least 0, got {self.num_ops}")
        if self.num_ops > MOST_OPS:
            raise ValueError(f"num_ops must be at most {MOST_OPS}, got {self.num_ops}")
        if not 0 <= self.magnitude < BINS:
            raise ValueError(f"magnitude must lie in [0, {BINS - 1}], got {self.magnitude}")
        self._note = ""

    def check_data(self, train: Split) -> None:
        if not self.is_off:
            require_pixels(train, colors=True)
            # every operation may be the turn, and in the same direction
            self._note = turning_note(train, self.num_ops * self.magnitude / (BINS - 1) * WIDEST_TURN)

    def transform_batch(self, batch: Batch) -> Batch:
        if self.is_off:
            return batch
        images, shape = batch.inputs, (self.num_ops, len(batch))
        chosen = self.stream.integers(len(OPS), shape, images.device)
        negative = self.stream.integers(2, shape, images.device)
        acts = _acts(self.magnitude, images.shape[2:], images.dtype, images.device)
        for places in place_of(chosen, 0, negative):
            images = apply_each(images, acts[places])
        return Batch(images, batch.targets, batch.rows)

    def note(self) -> str:
        return self._note


@lru_cache(maxsize=8)
def _acts(magnitude: int, size: torch.Size, dtype: torch.dtype, device: torch.device) -> Acts:
    """Of every operation, with either sign, on images of a size."""
    height, width = size
    widest = dict.fromkeys(SIGNED, 0.9) | {"shear_x": 0.3, "shear_y": 0.3, "rotate": WIDEST_TURN}
    widest |= {"translate_x": 150 / 331 * width, "translate_y": 150 / 331 * height}
    level = torch.full((1,), magnitude / (BINS - 1), dtype=torch.float64, device=device)
    return every_act(
        Strengths(widest, DROPPED_BITS, device), level, torch.empty(size, dtype=dtype, device=device)
    )

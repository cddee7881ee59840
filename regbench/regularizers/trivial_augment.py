"""TrivialAugment."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import torch

from regbench.images.checks import require_pixels
from regbench.images.geometry import turning_note
from regbench.images.operations import OPS, SIGNED, Acts, Strengths, apply_each, every_act, place_of
from regbench.regularizers.base import Regularizer
from regbench.space import Domain
from regbench.types import Batch, Split

BINS = 31  # of the strength
MOST_PIXELS = 32  # of a translation
DROPPED_BITS = 6
WIDEST_TURN = 135.0  # degrees


@dataclass
class TrivialAugment(Regularizer):
    """Apply one random operation of random strength to each image.

    Each example by itself draws one of 14 operations (identity, shears, translations, rotate, brightness,
    saturation, contrast, sharpness, posterize, solarize, autocontrast, equalize), one of 31 levels from 0 to
    1, each as likely, and a sign where the operation has one. The strength is the level times the widest of
    the paper's wide space: slope 0.99, 32 pixels, 135 degrees, factors 1 - 0.99 or 1 + 0.99, 6 bits dropped,
    everything inverted. An image is shifted by at most its own side, where that is below 32 pixels;
    geometric operations are bilinear and leave black behind. Brightness, contrast, posterize, solarize,
    autocontrast and equalize round to 256 values and do what Pillow does with them; the others round nothing.
    Saturation leaves a grey image as it is.

    Paper: Müller & Hutter, 2021, https://arxiv.org/abs/2103.10158, section 3 (the wide space)

    Attributes:
        p: share of the examples that are augmented at all, in [0, 1]; the paper has 1.

    Raises:
        ValueError: p is out of range; `check_data`: inputs are no images in [0, 1] with 1 or 3 channels.
    """

    off: ClassVar[Mapping[str, Any]] = {"p": 0.0}
    # the paper's point is that nothing is tuned
    search: ClassVar[Mapping[str, Domain]] = {}
    follows = ("p",)

    p: float

    def __post_init__(self) -> None:
        if not 0 <= self.p <= 1:
            raise ValueError(f"p must lie in [0, 1], got {self.p}")
        self._note = ""

    def check_data(self, train: Split) -> None:
        if not self.is_off:
            require_pixels(train, colors=True)
            self._note = turning_note(train, WIDEST_TURN)

    def transform_batch(self, batch: Batch) -> Batch:
        if self.is_off:
            return batch
        images, rows, device = batch.inputs, (len(batch),), batch.inputs.device
        chosen, negative = (self.stream.integers(high, rows, device) for high in (len(OPS), 2))
        levels = self.stream.integers(BINS, rows, device)
        left_alone = self.stream.uniform(rows, device) >= self.p
        chosen = torch.where(left_alone, OPS.index("identity"), chosen)
        acts = _acts(images.shape[2:], images.dtype, device)
        images = apply_each(images, acts[place_of(chosen, levels, negative, BINS)])
        return Batch(images, batch.targets, batch.rows)

    def note(self) -> str:
        return self._note


@lru_cache(maxsize=8)
def _acts(size: torch.Size, dtype: torch.dtype, device: torch.device) -> Acts:
    """Of every operation at every level, with either sign, on images of a size."""
    height, width = size
    widest = dict.fromkeys(SIGNED, 0.99) | {"rotate": WIDEST_TURN}
    widest |= {"translate_x": min(MOST_PIXELS, width), "translate_y": min(MOST_PIXELS, height)}
    levels = torch.arange(BINS, dtype=torch.float64, device=device) / (BINS - 1)
    return every_act(
        Strengths(widest, DROPPED_BITS, device), levels, torch.empty(size, dtype=dtype, device=device)
    )

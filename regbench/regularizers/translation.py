"""Random translation of images."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from regbench.images.checks import require_pixels
from regbench.images.geometry import translate
from regbench.regularizers.base import Regularizer
from regbench.space import Domain, Interval
from regbench.types import Batch, Split


@dataclass
class Translation(Regularizer):
    """Shift each image by a random number of whole pixels.

    Each example moves down by a number uniform in {-k, ..., k} with k = round(fraction * height), and to the
    right likewise with its width, drawn on their own; what moves in is black. Whole pixels, so that nothing
    is interpolated: k pixels of a side of n are fraction = k / n.

    Paper: Simard, Steinkraus & Platt, 2003, https://doi.org/10.1109/ICDAR.2003.1227801, section 2

    Attributes:
        fraction: the largest shift as a share of the image's side, in [0, 1).

    Raises:
        ValueError: fraction is out of range; `check_data`: inputs are no images in [0, 1], or so small that
            the largest shift is below half a pixel.
    """

    off: ClassVar[Mapping[str, Any]] = {"fraction": 0.0}
    # from the least that moves images of 8 pixels
    search: ClassVar[Mapping[str, Domain]] = {"fraction": Interval(0.07, 0.2)}
    follows = ("fraction",)

    fraction: float

    def __post_init__(self) -> None:
        if not 0 <= self.fraction < 1:
            raise ValueError(f"fraction must lie in [0, 1), got {self.fraction}")

    def check_data(self, train: Split) -> None:
        if self.is_off:
            return
        require_pixels(train)
        if not any(self._reach(train.inputs)):
            side = max(train.inputs.shape[2:])
            raise ValueError(
                f"fraction must be above {0.5 / side:.3g} to move images of {side} px, got {self.fraction}"
            )

    def transform_batch(self, batch: Batch) -> Batch:
        if self.is_off:
            return batch
        down, right = (
            self.stream.integers(2 * reach + 1, (len(batch),), batch.inputs.device) - reach
            for reach in self._reach(batch.inputs)
        )
        return Batch(translate(batch.inputs, down, right), batch.targets, batch.rows)

    def _reach(self, images: Tensor) -> list[int]:
        """The largest shift in pixels, down and to the right; less than the whole side."""
        return [min(side - 1, round(self.fraction * side)) for side in images.shape[2:]]

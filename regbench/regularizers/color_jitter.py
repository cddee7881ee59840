"""Random brightness, contrast, saturation and hue."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from regbench.images.checks import require_pixels
from regbench.images.colors import brightness, contrast, hue, saturation
from regbench.regularizers.base import Regularizer
from regbench.space import Domain, Interval
from regbench.types import Batch, Split


@dataclass
class ColorJitter(Regularizer):
    """Change brightness, contrast, saturation and hue of each image a little.

    A factor is uniform in [max(0, 1 - b), 1 + b], b being the field: brightness multiplies by it, contrast
    and saturation move a pixel away from the mean grey of its image and from its own grey,
    h = grey + factor * (h - grey). The hue turns by a share of the color circle uniform in [-hue, hue]. Each
    example has draws of its own, every result is cut to [0, 1], and the order is that of the fields, where
    torchvision shuffles it. Grey images have neither saturation nor hue.

    Paper: Howard, 2013, https://arxiv.org/abs/1312.5402, section 2

    Attributes:
        brightness: at least 0.
        contrast: at least 0.
        saturation: at least 0.
        hue: in [0, 0.5]; 0.5 is half the circle, to the opposite color.

    Raises:
        ValueError: a field is out of range; `check_data`: inputs are no images in [0, 1] with 1 or 3
            channels, or grey with only saturation and hue to change.
    """

    off: ClassVar[Mapping[str, Any]] = {"brightness": 0.0, "contrast": 0.0, "saturation": 0.0, "hue": 0.0}
    search: ClassVar[Mapping[str, Domain]] = {
        "brightness": Interval(0.05, 0.5),
        "contrast": Interval(0.05, 0.5),
        "saturation": Interval(0.05, 0.5),
        "hue": Interval(0.02, 0.2),
    }
    follows = ("brightness", "contrast", "saturation", "hue")

    brightness: float
    contrast: float
    saturation: float
    hue: float

    def __post_init__(self) -> None:
        for name in ("brightness", "contrast", "saturation"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0, got {getattr(self, name)}")
        if not 0 <= self.hue <= 0.5:
            raise ValueError(f"hue must lie in [0, 0.5], got {self.hue}")
        self._grey = False

    def check_data(self, train: Split) -> None:
        if self.is_off:
            return
        require_pixels(train, colors=True)
        self._grey = train.inputs.shape[1] == 1
        if self._grey and self.brightness == self.contrast == 0:
            raise ValueError("brightness or contrast must be above 0 for grey images, got 0 for both")

    def transform_batch(self, batch: Batch) -> Batch:
        if self.is_off:
            return batch
        images = batch.inputs
        # all four are drawn whatever the fields, so that changing one leaves the others' draws alone
        drawn = 2 * self.stream.uniform((4, len(images)), images.device) - 1
        for op, reach, place in (
            (brightness, self.brightness, drawn[0]),
            (contrast, self.contrast, drawn[1]),
            (saturation, self.saturation, drawn[2]),
        ):
            if reach > 0:
                images = op(images, _factor(reach, place))
        if self.hue > 0:
            images = hue(images, self.hue * drawn[3])
        return Batch(images, batch.targets, batch.rows)

    def note(self) -> str:
        unused = self._grey and (self.saturation > 0 or self.hue > 0)
        return "the images are grey: saturation and hue do nothing" if unused else ""


def _factor(reach: float, place: Tensor) -> Tensor:
    """The factor at a place in [-1, 1] of its range, which ends at 0."""
    low, high = max(0.0, 1 - reach), 1 + reach
    return low + (high - low) * (place + 1) / 2

"""Random rotation of images."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from regbench.images.checks import require_pixels
from regbench.images.geometry import rotate, turning_note
from regbench.regularizers.base import Regularizer
from regbench.space import Domain, Interval
from regbench.types import Batch, Split


@dataclass
class Rotation(Regularizer):
    """Turn each image about its center by a random angle.

    The angle of every example is uniform in [-degrees, degrees], drawn on its own; values between pixels are
    interpolated bilinearly, and what lies outside the image is black. The same step draws the same share of
    `degrees` whatever its value.

    Paper: Simard, Steinkraus & Platt, 2003, https://doi.org/10.1109/ICDAR.2003.1227801, section 2

    Attributes:
        degrees: the largest angle, in degrees, in [0, 180]; digits and letters change their meaning from
            about 15 on (6 and 9).

    Raises:
        ValueError: degrees is out of range; `check_data`: inputs are no images in [0, 1].
    """

    off: ClassVar[Mapping[str, Any]] = {"degrees": 0.0}
    search: ClassVar[Mapping[str, Domain]] = {"degrees": Interval(2.0, 30.0)}
    follows = ("degrees",)

    degrees: float

    def __post_init__(self) -> None:
        if not 0 <= self.degrees <= 180:
            raise ValueError(f"degrees must lie in [0, 180], got {self.degrees}")
        self._note = ""

    def check_data(self, train: Split) -> None:
        if not self.is_off:
            require_pixels(train)
            self._note = turning_note(train, self.degrees)

    def transform_batch(self, batch: Batch) -> Batch:
        if self.is_off:
            return batch
        angles = (2 * self.stream.uniform((len(batch),), batch.inputs.device) - 1) * self.degrees
        return Batch(rotate(batch.inputs, angles), batch.targets, batch.rows)

    def note(self) -> str:
        return self._note

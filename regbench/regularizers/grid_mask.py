"""GridMask."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from regbench.images.checks import require_images
from regbench.nn.normalization import channel_means
from regbench.regularizers.base import Regularizer
from regbench.space import Domain, Interval
from regbench.types import Batch, Split


@dataclass
class GridMask(Regularizer):
    """Hide squares of each image that stand in a regular grid.

    The plane is tiled by units of d by d pixels; of each a square of side d - l is hidden, with
    l = d * ratio rounded to whole pixels, at least 1 and at most d - 1: a share of 1 - (1 - ratio)^2 is kept.
    d is drawn uniformly from the whole numbers from min_size to max_size times the image's shorter side, both
    rounded and at least 2; the grid is moved by a distance uniform in [0, d) both ways, and turned about the
    image's middle by an angle uniform in [0, degrees). A pixel is hidden where its middle is. What is hidden
    becomes the mean of the channel over the train rows, which is what the model sees as 0, the paper's fill.
    Every example has draws of its own, which do not depend on p. With a ramp the probability rises in
    proportion to the steps, from 0 in the first to p at that share of the run.

    Paper: Chen, Liu, Zhao and Jia, 2020, https://arxiv.org/abs/2001.04086, section 3; the ramp: its
    authors' code, with 240 of 300 epochs

    Attributes:
        p: share of the examples that are masked at all, in [0, 1].
        ratio: side of what is kept of a unit, as a share of the unit's, in (0, 1).
        min_size: of a unit, as a share of the image's shorter side, above 0.
        max_size: likewise, from min_size to 1.
        degrees: most that the grid is turned, from 0 to 360.
        ramp: share of the run, in [0, 1], over which the probability rises from 0; 0: p from the start.

    Raises:
        ValueError: a field is out of range; `check_data` and `transform_batch`: inputs are no images.
    """

    off: ClassVar[Mapping[str, Any]] = {"p": 0.0}
    search: ClassVar[Mapping[str, Domain]] = {"p": Interval(0.2, 1.0), "ratio": Interval(0.3, 0.8)}
    follows = ("p", "ratio", "min_size", "max_size", "degrees")
    fixed: ClassVar[Mapping[str, str]] = {"ramp": "it is a share of the run itself"}

    p: float
    ratio: float
    min_size: float
    max_size: float
    degrees: float
    ramp: float

    def __post_init__(self) -> None:
        for name in ("p", "ramp"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie in [0, 1], got {getattr(self, name)}")
        if not 0 < self.ratio < 1:
            raise ValueError(f"ratio must lie in (0, 1), got {self.ratio}")
        if not 0 < self.min_size <= self.max_size <= 1:
            raise ValueError(
                f"min_size must be above 0 and at most max_size, which must be at most 1, "
                f"got {self.min_size} and {self.max_size}"
            )
        if not 0 <= self.degrees <= 360:
            raise ValueError(f"degrees must lie in [0, 360], got {self.degrees}")
        self._fill = torch.zeros(())
        self._now = 0.0 if self.ramp else self.p

    def check_data(self, train: Split) -> None:
        if not self.is_off:
            require_images(train)

    def prepare_data(self, train: Split) -> None:
        if not self.is_off:
            self._fill = channel_means(train).view(-1, 1, 1)

    def begin_step(self, progress: float) -> None:
        self._now = self.p * min(1.0, progress / self.ramp) if self.ramp else self.p

    @property
    def follows_length(self) -> bool:
        return super().follows_length and self.ramp > 0

    def transform_batch(self, batch: Batch) -> Batch:
        if self.is_off:
            return batch
        require_images(batch)
        images = batch.inputs
        return Batch(
            torch.where(self._hidden(images), self._fill.to(images), images), batch.targets, batch.rows
        )

    def _hidden(self, images: Tensor) -> Tensor:
        """Which pixels are hidden: (B, 1, H, W)."""
        height, width = images.shape[2:]
        choice, size, down, right, turn = self.stream.uniform((5, len(images), 1, 1), images.device)
        units = self._units(size, min(height, width))
        shown = (units * self.ratio + 0.5).floor().clamp(min=1).minimum(units - 1)
        angle = turn * math.radians(self.degrees)
        rows, columns = (_from_middle(length, images) for length in (height, width))
        y = angle.cos() * rows[:, None] + angle.sin() * columns + down * units
        x = angle.cos() * columns - angle.sin() * rows[:, None] + right * units
        hidden = (y.remainder(units) >= shown) & (x.remainder(units) >= shown)
        return (hidden & (choice < self._now))[:, None]

    def _units(self, draws: Tensor, side: int) -> Tensor:
        """The units' sides in pixels, of uniform draws: whole numbers, equally likely."""
        least, most = (max(2, int(share * side + 0.5)) for share in (self.min_size, self.max_size))
        return least + (draws * (most - least + 1)).floor()


def _from_middle(length: int, like: Tensor) -> Tensor:
    """(length,): the place of each pixel's middle, from that of the image."""
    return torch.arange(length, device=like.device, dtype=torch.get_default_dtype()) - (length - 1) / 2

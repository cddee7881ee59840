"""Random erasing."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from regbench.images.checks import require_images
from regbench.images.rectangles import inside
from regbench.nn.normalization import channel_means
from regbench.regularizers.base import Regularizer
from regbench.space import Domain, Interval
from regbench.types import Batch, Split

ATTEMPTS = 10  # torchvision's; at the paper's ranges all of them miss the image once in billions of times


@dataclass
class RandomErasing(Regularizer):
    """Erase a rectangle of each image, with probability p.

    Its area is a share of the image uniform in [min_area, max_area], its height over its width a ratio whose
    logarithm is uniform between those of min_aspect and max_aspect, its place uniform over all where it lies
    wholly inside. Sides are rounded to whole pixels, at least 1. A rectangle as high or as wide as the image,
    or more, is drawn again, up to ten times; if none fits the image stays as it is. Departure from the paper:
    the ratio itself is uniform there, so that it prefers upright rectangles; ours is torchvision's. Every
    example has draws of its own, which do not depend on p.

    Paper: Zhong et al., 2020, https://arxiv.org/abs/1708.04896, algorithm 1

    Attributes:
        p: share of the examples that are erased at all, in [0, 1].
        min_area: share of the image, above 0.
        max_area: share of the image, from min_area to 1.
        min_aspect: height over width, above 0.
        max_aspect: height over width, at least min_aspect.
        fill: random (each value of each pixel uniform in [0, 1)) or mean (of the train rows' channel).

    Raises:
        ValueError: a field is out of range; `check_data` and `transform_batch`: inputs are no images.
    """

    off: ClassVar[Mapping[str, Any]] = {"p": 0.0}
    search: ClassVar[Mapping[str, Domain]] = {"p": Interval(0.1, 0.9), "max_area": Interval(0.1, 0.5)}
    follows = ("p", "min_area", "max_area", "min_aspect", "max_aspect")

    p: float
    min_area: float
    max_area: float
    min_aspect: float
    max_aspect: float
    fill: Literal["random", "mean"]

    def __post_init__(self) -> None:
        if not 0 <= self.p <= 1:
            raise ValueError(f"p must lie in [0, 1], got {self.p}")
        for name in ("min_area", "min_aspect"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")
        if self.max_area > 1:
            raise ValueError(f"max_area must be at most 1, got {self.max_area}")
        for low, high in (("min_area", "max_area"), ("min_aspect", "max_aspect")):
            least, most = getattr(self, low), getattr(self, high)
            if least > most:
                raise ValueError(f"{low} must be at most {high}, got {least} and {most}")
        self._mean = torch.zeros(())

    def check_data(self, train: Split) -> None:
        if not self.is_off:
            require_images(train)

    def prepare_data(self, train: Split) -> None:
        if not self.is_off and self.fill == "mean":
            self._mean = channel_means(train).view(-1, 1, 1)

    def transform_batch(self, batch: Batch) -> Batch:
        if self.is_off:
            return batch
        images = batch.inputs
        require_images(batch)
        height, width = self._sides(images)
        row, column, choice = self.stream.uniform((3, len(images)), images.device)
        top = (row * (images.shape[2] - height + 1)).long()
        left = (column * (images.shape[3] - width + 1)).long()
        erased = inside(images, top, left, torch.where(choice < self.p, height, 0), width)
        return Batch(torch.where(erased, self._filling(images), images), batch.targets, batch.rows)

    def _sides(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Height and width for each example, (B,) each, of the first attempt that fits; 0 where none does."""
        rows, columns = images.shape[2:]
        area, aspect = self.stream.uniform((2, ATTEMPTS, len(images)), images.device)
        area = (self.min_area + area * (self.max_area - self.min_area)) * rows * columns
        low, high = math.log(self.min_aspect), math.log(self.max_aspect)
        aspect = (low + aspect * (high - low)).exp()
        height = (area * aspect).sqrt().round().clamp(min=1).long()
        width = (area / aspect).sqrt().round().clamp(min=1).long()
        fits = (height < rows) & (width < columns)
        first = fits.byte().argmax(0, keepdim=True)
        fitting = fits.any(0)
        return height.gather(0, first)[0] * fitting, width.gather(0, first)[0] * fitting

    def _filling(self, images: Tensor) -> Tensor:
        if self.fill == "mean":
            return self._mean.to(images)
        return self.stream.uniform(images.shape, images.device).to(images.dtype)

"""CutMix."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from regbench.images.checks import require_images
from regbench.images.rectangles import inside
from regbench.regularizers.base import Regularizer
from regbench.types import Batch, Split


@dataclass
class CutMix(Regularizer):
    """Paste a rectangle of another image into each one, and mix their targets by the pixels shown of each.

    With share ~ Beta(alpha, alpha) the rectangle has the sides H * sqrt(1 - share) and W * sqrt(1 - share),
    rounded down to an even number of pixels as in the authors' code, and its center at a pixel drawn
    uniformly from all of the image; what stands over the border is cut off. It comes from the same place of
    image j, where j is the row's place in a random permutation of the batch. The targets become
    kept * t_i + (1 - kept) * t_j, where kept is the share of pixels that are still row i's: not the drawn
    share, as parts are cut off. Departure from the paper, which draws one rectangle for a batch: that is
    per=batch; per=example draws one for each row.

    Paper: Yun et al., 2019, https://arxiv.org/abs/1905.04899, section 3.1 (alpha=1, per=batch)

    Attributes:
        alpha: both parameters of the beta distribution, at least 0; 0 pastes nothing.
        p: share of the batches, or of the examples, that are mixed at all, in [0, 1].
        per: whether the whole batch has one rectangle and one choice, or each example its own.

    Raises:
        ValueError: a field is out of range; `check_data` and `transform_batch`: inputs are no images.
    """

    off: ClassVar[Mapping[str, Any]] = {"alpha": 0.0}

    alpha: float
    p: float
    per: Literal["batch", "example"]

    def __post_init__(self) -> None:
        if self.alpha < 0:
            raise ValueError(f"alpha must be at least 0, got {self.alpha}")
        if not 0 <= self.p <= 1:
            raise ValueError(f"p must lie in [0, 1], got {self.p}")

    def check_data(self, train: Split) -> None:
        if not self.is_off:
            require_images(train)

    def transform_batch(self, batch: Batch) -> Batch:
        if self.is_off or self.p == 0:
            return batch
        require_images(batch)
        device = batch.inputs.device
        pasted = self._pasted(batch.inputs)
        other = batch[self.stream.permutation(len(batch)).to(device)]
        area = pasted.flatten(1).to(batch.targets.dtype).mean(1, keepdim=True)
        targets = batch.targets.lerp(other.targets, area)
        return Batch(torch.where(pasted, other.inputs, batch.inputs), targets)

    def inert(self) -> str:
        return super().inert() or ("off (p=0.0)" if self.p == 0 else "")

    def _pasted(self, images: Tensor) -> Tensor:
        """Which pixels come from the other image: (B, 1, H, W), or (1, 1, H, W) for one in all."""
        count = 1 if self.per == "batch" else len(images)
        side = (1 - self.stream.betas(self.alpha, self.alpha, count)).sqrt()
        row, column, choice = self.stream.uniform((3, count))
        side = torch.where(choice < self.p, side, 0)
        half_height, half_width = ((side * length / 2).long() for length in images.shape[2:])
        top = (row * images.shape[2]).long() - half_height
        left = (column * images.shape[3]).long() - half_width
        return inside(images, top, left, 2 * half_height, 2 * half_width)

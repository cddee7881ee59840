"""SaliencyMix."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from regbench.images.checks import require_images
from regbench.images.rectangles import inside
from regbench.images.saliency import salient_pixels
from regbench.regularizers.base import Regularizer
from regbench.space import Domain, Interval
from regbench.types import Batch, Split


@dataclass
class SaliencyMix(Regularizer):
    """Paste the rectangle about another image's most salient pixel into each one, and mix their targets.

    With share ~ Beta(alpha, alpha) the rectangle has the sides H * sqrt(1 - share) and
    W * sqrt(1 - share), rounded down to an even number of pixels as in the authors' code, and its center at
    the most salient pixel of image j, where j is the row's place in a random permutation of the batch; what
    stands over the border is cut off. It is pasted at the same place. The targets become
    kept * t_i + (1 - kept) * t_j, where kept is the share of pixels that are still row i's.

    Salient is what differs from its surroundings, brighter or darker: the sum of |grey - mean of what is
    around| over six sizes of that (`regbench.images.saliency`). Of an image of one color it is the upper left
    corner. Departures from the authors' code: it calls OpenCV's fine-grained saliency, which has the same
    surroundings, and scales brighter and darker apart; and it has one share, and the most salient pixel of
    one image, for a whole batch, where here each example has its own.

    Paper: Uddin et al., 2021, https://arxiv.org/abs/2006.01791, section 3 (alpha=1; p=0.5 on CIFAR)

    Attributes:
        alpha: both parameters of the beta distribution, at least 0; 0 pastes nothing.
        p: share of the examples that are mixed at all, in [0, 1].

    Raises:
        ValueError: a field is out of range; `check_data` and `transform_batch`: inputs are no images.
    """

    off: ClassVar[Mapping[str, Any]] = {"alpha": 0.0}
    search: ClassVar[Mapping[str, Domain]] = {"alpha": Interval(0.1, 4.0, log=True), "p": Interval(0.2, 1.0)}
    follows = ("alpha", "p")

    alpha: float
    p: float

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
        other = batch[self.stream.permutation(len(batch), batch.inputs.device)]
        pasted = self._pasted(other.inputs)
        area = pasted.flatten(1).to(batch.targets.dtype).mean(1, keepdim=True)
        targets = batch.targets.lerp(other.targets, area)
        return Batch(torch.where(pasted, other.inputs, batch.inputs), targets, batch.rows_but(area[:, 0] > 0))

    def inert(self) -> str:
        return super().inert() or ("off (p=0.0)" if self.p == 0 else "")

    def _pasted(self, others: Tensor) -> Tensor:
        """Which pixels of these images are pasted: (B, 1, H, W)."""
        count, device = len(others), others.device
        side = (1 - self.stream.betas(self.alpha, self.alpha, count, device)).sqrt()
        (choice,) = self.stream.uniform((1, count), device)
        side = torch.where(choice < self.p, side, 0)
        row, column = salient_pixels(others)
        half_height, half_width = ((side * length / 2).long() for length in others.shape[2:])
        return inside(others, row - half_height, column - half_width, 2 * half_height, 2 * half_width)

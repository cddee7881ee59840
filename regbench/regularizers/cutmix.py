"""CutMix."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from regbench.images.rectangles import inside
from regbench.nn.columns import Columns, columns_of, each_alone, lowest, require_images_or_columns
from regbench.regularizers.base import Regularizer
from regbench.space import Domain, Interval
from regbench.types import Batch, Split


@dataclass
class CutMix(Regularizer):
    """Paste a rectangle of another image into each one, and mix their targets by the pixels shown of each.

    With share ~ Beta(alpha, alpha) the rectangle has the sides H * sqrt(1 - share) and
    W * sqrt(1 - share), rounded down to an even number of pixels as in the authors' code, and its center at a
    pixel drawn uniformly from all of the image; what stands over the border is cut off. It comes from the
    same place of image j, where j is the row's place in a random permutation of the batch. The targets become
    kept * t_i + (1 - kept) * t_j, where kept is the share of pixels that are still row i's: not the drawn
    share, as parts are cut off. Departure from the paper, which draws one rectangle for a batch: that is
    per=batch; per=example draws one for each row.

    Of a table it pastes columns instead (Kadra et al., 2021, https://arxiv.org/abs/2106.11189):
    (1 - share) * columns, rounded down, drawn uniformly from all; the inputs of a category are one column.
    kept is then the share of columns that are still row i's.

    Paper: Yun et al., 2019, https://arxiv.org/abs/1905.04899, section 3.1 (alpha=1, per=batch)

    Attributes:
        alpha: both parameters of the beta distribution, at least 0; 0 pastes nothing.
        p: share of the batches, or of the examples, that are mixed at all, in [0, 1].
        per: whether the whole batch has one part and one choice, or each example its own.

    Raises:
        ValueError: a field is out of range; `check_data` and `transform_batch`: inputs are neither images nor
            columns of numbers.
    """

    off: ClassVar[Mapping[str, Any]] = {"alpha": 0.0}
    # alpha as in the paper's ablation
    search: ClassVar[Mapping[str, Domain]] = {"alpha": Interval(0.1, 4.0, log=True), "p": Interval(0.1, 1.0)}
    follows = ("alpha", "p")

    alpha: float
    p: float
    per: Literal["batch", "example"]

    def __post_init__(self) -> None:
        if self.alpha < 0:
            raise ValueError(f"alpha must be at least 0, got {self.alpha}")
        if not 0 <= self.p <= 1:
            raise ValueError(f"p must lie in [0, 1], got {self.p}")
        self._columns: Columns | None = None

    def check_data(self, train: Split) -> None:
        if not self.is_off:
            require_images_or_columns(train)

    def prepare_data(self, train: Split) -> None:
        if not self.is_off:
            self._columns = columns_of(train)

    def transform_batch(self, batch: Batch) -> Batch:
        if self.is_off or self.p == 0:
            return batch
        require_images_or_columns(batch)
        pasted, parts = self._pixels(batch.inputs) if batch.is_images else self._of_table(batch.inputs)
        other = batch[self.stream.permutation(len(batch), batch.inputs.device)]
        area = parts.flatten(1).to(batch.targets.dtype).mean(1, keepdim=True)
        targets = batch.targets.lerp(other.targets, area)
        return Batch(torch.where(pasted, other.inputs, batch.inputs), targets, batch.rows_but(area[:, 0] > 0))

    def inert(self) -> str:
        return super().inert() or ("off (p=0.0)" if self.p == 0 else "")

    def _of_table(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Which inputs come from the other row, (B, F) or (1, F), and which of the columns."""
        known = self._columns or each_alone(inputs)
        count, columns = 1 if self.per == "batch" else len(inputs), known.count
        device = inputs.device
        shares = 1 - self.stream.betas(self.alpha, self.alpha, count, device)
        draws = self.stream.uniform((count, columns + 1), device)
        sizes = torch.where(draws[:, 0] < self.p, (shares * columns).long(), 0)
        chosen = lowest(draws[:, 1:], sizes)
        return chosen[:, known.of], chosen

    def _pixels(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Which pixels come from the other image, twice: (B, 1, H, W), or (1, 1, H, W) for one in all."""
        count = 1 if self.per == "batch" else len(images)
        device = images.device
        side = (1 - self.stream.betas(self.alpha, self.alpha, count, device)).sqrt()
        row, column, choice = self.stream.uniform((3, count), device)
        side = torch.where(choice < self.p, side, 0)
        half_height, half_width = ((side * length / 2).long() for length in images.shape[2:])
        top = (row * images.shape[2]).long() - half_height
        left = (column * images.shape[3]).long() - half_width
        pasted = inside(images, top, left, 2 * half_height, 2 * half_width)
        return pasted, pasted

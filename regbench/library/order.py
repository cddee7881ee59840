"""The order of rows: that of `regbench train`, for a DataLoader."""

from __future__ import annotations

from collections.abc import Iterator

from torch.utils.data import Sampler

from regbench.errors import ConfigError, brief
from regbench.training.order import batches


class BatchSampler(Sampler[list[int]]):
    """Row numbers of each batch of an epoch, the same for every stack, as `regbench train` draws them.

    For `DataLoader(rows, batch_sampler=...)`. Every row comes once an epoch; a last batch of one row joins
    the one before it, for a normalization by a batch of one is undefined.

    Args:
        rows: how many there are, at least 1.
        batch_size: at least 1.
        seed: of the run.

    Raises:
        ConfigError: a number is below 1.
    """

    def __init__(self, rows: int, batch_size: int, seed: int = 0) -> None:
        for name, value in (("rows", rows), ("batch_size", batch_size)):
            if value < 1:
                raise ConfigError(f"{name}: must be at least 1, got {brief(value)}")
        self.rows, self.batch_size, self.seed, self.epoch = rows, min(batch_size, rows), seed, 0

    def set_epoch(self, epoch: int) -> None:
        """The epoch that is drawn next, 0 for the first; each that has been drawn counts it on."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[list[int]]:
        epoch, self.epoch = self.epoch, self.epoch + 1
        for rows in batches(self.rows, self.batch_size, self.seed, epoch):
            yield rows.tolist()

    def __len__(self) -> int:
        full, rest = divmod(self.rows, self.batch_size)
        return max(1, full + (rest > 1 or (rest == 1 and full == 0)))

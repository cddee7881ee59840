"""Groups of channels: how many a normalization divides them into."""

from __future__ import annotations

from torch import Tensor, nn

FEWEST_VALUES = 3  # one value normalizes to 0 and two to -1 and 1: nothing of the input is left
GOOD_SIZES = (4, 2)  # channels of a group: four where that can be, else two; of one it is another technique


def group_count(channels: int, positions: int, most: int) -> int:
    """How many groups channels are divided into: the largest number up to `most` that suits them.

    It divides the channels and leaves to each group four channels or, where no such number but 1 does, two;
    where neither does it is 1, which is layer normalization. A group of one channel would be instance
    normalization. Every group holds three values at least.

    Args:
        channels: C, at least 1.
        positions: what each channel is normalized over beside the group: pixels, or 1 for vectors and tokens.
        most: of groups, at least 1.

    Source: Wu and He, 2018, https://arxiv.org/abs/1803.08494, section 4.1 (2 to 64 channels in a group; 16 or
    32 groups were best, on 64 channels and more)

    Raises:
        ValueError: all channels together hold fewer than three values.
    """
    if channels * positions < FEWEST_VALUES:
        raise ValueError(
            f"must hold at least {FEWEST_VALUES} values to normalize, got {channels * positions}"
        )
    for fewest in GOOD_SIZES:
        for groups in range(min(most, channels // fewest), 1, -1):
            if channels % groups == 0 and channels // groups * positions >= FEWEST_VALUES:
                return groups
    return 1


class GroupedChannels(nn.GroupNorm):
    """Group normalization by `group_count`, of (B, C, ...).

    Attributes:
        undivided: whether more groups than one were wanted, and the channels cannot be divided.
    """

    def __init__(self, channels: int, positions: int, most: int, eps: float = 1e-5) -> None:
        super().__init__(group_count(channels, positions, most), channels, eps)
        self.undivided = self.num_groups == 1 < most


class ChannelsLastGroups(GroupedChannels):
    """The same of (B, ..., C), such as tokens (B, T, C), over the group in each token."""

    def forward(self, inputs: Tensor) -> Tensor:
        return super().forward(inputs.flatten(0, -2)).view(inputs.shape)

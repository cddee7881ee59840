"""How channels are divided into groups, by hand."""

from __future__ import annotations

import pytest

from regbench.nn.grouping import ChannelsLastGroups, GroupedChannels, group_count


@pytest.mark.parametrize(
    ("channels", "most", "groups"),
    [
        (16, 32, 4),  # of 4 channels each; 16 groups of 1 would be instance normalization
        (32, 32, 8),
        (64, 32, 16),
        (128, 32, 32),
        (512, 32, 32),  # of 16
        (24, 32, 6),
        (48, 8, 8),  # of 6
        (64, 3, 2),
        (10, 32, 2),  # of 5
        (20, 32, 5),
        (34, 32, 2),  # of 17, and not 17 of 2
        (4, 32, 2),  # of 2: 4 channels leave no two groups of 4
        (6, 32, 3),  # of 2
        (9, 32, 3),  # of 3
        (15, 32, 3),  # of 5
        (17, 32, 1),
        (37, 32, 1),
        (7, 32, 1),
        (3, 32, 1),
        (2, 32, 1),
        (1, 32, 1),
        (64, 1, 1),
    ],
)
def test_groups_of_maps_have_four_channels_else_two_else_all(channels: int, most: int, groups: int) -> None:
    assert group_count(channels, 64, most) == groups


@pytest.mark.parametrize(
    ("channels", "groups"),
    [
        (512, 32),
        (64, 16),
        (16, 4),
        (17, 1),
        (6, 2),
        (4, 1),
        (10, 2),
        (9, 3),
        (3, 1),
    ],  # 6: of 3, as 2 say nothing
)
def test_groups_of_vectors_have_three_values_at_least(channels: int, groups: int) -> None:
    assert group_count(channels, 1, 32) == groups


def test_no_number_leaves_one_channel_or_a_remainder() -> None:
    for channels in range(2, 200):
        for most in (1, 2, 5, 32, 500):
            groups = group_count(channels, 9, most)
            assert groups <= most
            assert channels % groups == 0
            assert channels // groups >= 2


@pytest.mark.parametrize(("channels", "positions"), [(2, 1), (1, 2), (1, 1)])
def test_fewer_than_three_values_are_refused(channels: int, positions: int) -> None:
    with pytest.raises(
        ValueError, match=rf"^must hold at least 3 values to normalize, got {channels * positions}$"
    ):
        group_count(channels, positions, 32)


@pytest.mark.parametrize(
    ("channels", "most", "undivided"), [(17, 32, True), (16, 32, False), (17, 1, False), (1, 32, True)]
)
def test_channels_that_cannot_be_divided_though_they_should_are_told(
    channels: int, most: int, undivided: bool
) -> None:
    for layer in (GroupedChannels, ChannelsLastGroups):
        assert layer(channels, 9, most).undivided == undivided

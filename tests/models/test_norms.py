from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from regbench.models.norms import make_norm


@pytest.mark.parametrize("shape", [(4,), (4, 2, 2)])
def test_none_is_the_identity(shape: tuple[int, ...]) -> None:
    assert isinstance(make_norm("none", shape), nn.Identity)


@pytest.mark.parametrize(("shape", "kind"), [((4,), nn.BatchNorm1d), ((4, 2, 2), nn.BatchNorm2d)])
def test_batch_standardizes_each_channel_over_the_batch(shape: tuple[int, ...], kind: type) -> None:
    norm = make_norm("batch", shape)
    assert isinstance(norm, kind)
    outputs = norm(3 + 2 * torch.randn(16, *shape)).transpose(0, 1).flatten(1)
    torch.testing.assert_close(outputs.mean(1), torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(outputs.var(1, unbiased=False), torch.ones(4), atol=1e-3, rtol=0)


@pytest.mark.parametrize("shape", [(4,), (4, 2, 3)])
def test_layer_standardizes_all_values_of_an_example(shape: tuple[int, ...]) -> None:
    inputs = 3 + 2 * torch.randn(5, *shape)
    norm = make_norm("layer", shape)
    torch.testing.assert_close(norm(inputs), F.layer_norm(inputs, shape))
    assert norm.weight.shape == (4,)  # one scale per channel


@pytest.mark.parametrize(
    ("channels", "groups"), [(16, 16), (32, 32), (64, 32), (48, 24), (33, 11), (37, 1), (36, 18), (31, 31)]
)
def test_group_takes_the_most_groups_up_to_32_that_divide_the_channels(channels: int, groups: int) -> None:
    norm = make_norm("group", (channels, 3, 3))
    assert norm.num_groups == groups
    inputs = 3 + 2 * torch.randn(2, channels, 3, 3)
    each = norm(inputs).view(2, groups, -1)
    torch.testing.assert_close(each.mean(2), torch.zeros(2, groups), atol=1e-5, rtol=0)


def test_dense_units_are_grouped_too() -> None:
    assert make_norm("group", (512,)).num_groups == 32


@pytest.mark.parametrize(
    ("kind", "shape", "text"),
    [
        ("group", (64,), r"norm=group needs at least 3 values .*, got 2: shape \(64,\) in 32 groups"),
        ("group", (16, 1, 1), r"got 1: shape \(16, 1, 1\) in 16 groups"),
        ("layer", (2,), r"norm=layer needs at least 3 values .*, got 2: shape \(2,\) in 1 group$"),
    ],
)
def test_groups_that_would_forget_their_inputs_are_refused(
    kind: str, shape: tuple[int, ...], text: str
) -> None:
    with pytest.raises(ValueError, match=text):
        make_norm(kind, shape)  # type: ignore[arg-type]


def test_three_values_are_enough() -> None:
    assert make_norm("group", (96,)).num_groups == 32
    make_norm("layer", (3,))


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="norm must be one of none, batch, layer, group, got 'bach'"):
        make_norm("bach", (4,))  # type: ignore[arg-type]

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from regbench.nn.norms import make_norm


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


@pytest.mark.parametrize(("channels", "groups"), [(16, 4), (32, 8), (64, 16), (48, 12), (512, 32), (17, 1)])
def test_group_divides_the_channels_of_a_map(channels: int, groups: int) -> None:
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
        ("group", (2,), r"^norm=group needs at least 3 values .*, got 2: shape \(2,\)$"),
        ("group", (1, 1, 2), r"^norm=group needs at least 3 values .*, got 2: shape \(1, 1, 2\)$"),
        ("layer", (2,), r"^norm=layer needs at least 3 values .*, got 2: shape \(2,\)$"),
    ],
)
def test_what_would_forget_its_inputs_is_refused(kind: str, shape: tuple[int, ...], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        make_norm(kind, shape)  # type: ignore[arg-type]


def test_three_values_are_enough() -> None:
    assert make_norm("group", (3,)).num_groups == 1
    make_norm("layer", (3,))


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="norm must be one of none, batch, layer, group, got 'bach'"):
        make_norm("bach", (4,))  # type: ignore[arg-type]

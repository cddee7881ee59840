"""Output units: what a change of one of them changes in the layer's outputs."""

import pytest
import torch
from torch import nn

from regbench.nn.units import Units, units_of

LAYERS = [
    nn.Linear(3, 4),
    nn.Conv2d(4, 6, 3, groups=2),
    nn.ConvTranspose2d(4, 6, 3),
    nn.ConvTranspose2d(4, 6, 3, groups=2),
]


def input_of(layer):
    shape = (5, 3) if isinstance(layer, nn.Linear) else (5, 4, 7, 7)
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_scaling_a_unit_scales_one_channel_of_the_outputs(layer):
    inputs, units = input_of(layer), units_of(layer)
    before = (layer(inputs) - layer(0 * inputs)).detach()  # without the bias
    scales = torch.arange(1.0, 1 + before.shape[1])
    with torch.no_grad():
        view = units.view(layer.weight)
        view.mul_(scales.view(units.norms(layer.weight).shape))
    after = layer(inputs) - layer(0 * inputs)
    torch.testing.assert_close(
        after, before * scales.view(-1, *[1] * (before.ndim - 2)), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_rows_of_the_matrix_are_the_units(layer):
    units, weight = units_of(layer), layer.weight
    matrix = units.matrix(weight)
    assert matrix.numel() == weight.numel()
    assert matrix.shape[1] == units.size(weight)
    assert len(matrix) == (4 if isinstance(layer, nn.Linear) else 6)
    torch.testing.assert_close(units.norms(weight).flatten(), matrix.norm(dim=1))


def test_lengths_by_hand():
    weight = torch.tensor([[3.0, 4.0], [0.0, 2.0]])
    assert Units().norms(weight).tolist() == [[5.0], [2.0]]
    assert Units().matrix(weight).tolist() == weight.tolist()
    # (in=2, out=2): unit 0 has 3 and 0, unit 1 has 4 and 2
    assert Units(groups=1).norms(weight).flatten().tolist() == pytest.approx([3.0, 20**0.5])
    assert Units(groups=1).matrix(weight).tolist() == [[3.0, 0.0], [4.0, 2.0]]

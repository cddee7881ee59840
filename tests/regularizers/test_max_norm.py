"""Max-norm: by hand, and beside torch.renorm."""

import pytest
import torch
from torch import nn

from regbench.regularizers.max_norm import MaxNorm


def held(layer, c):
    reg = MaxNorm(c)
    reg.prepare_model(layer)
    reg.edit_weights(layer)
    return layer


def test_a_long_row_is_shortened_and_a_short_one_left_to_the_bit():
    layer = nn.Linear(2, 3)
    layer.weight.data = torch.tensor([[3.0, 4.0], [0.1, -0.7], [0.0, 0.0]])
    layer.bias.data = torch.tensor([100.0, 100.0, 100.0])
    held(layer, 2.0)
    assert layer.weight.tolist() == [
        [pytest.approx(1.2), pytest.approx(1.6)],  # 3, 4 has length 5: times 2 / 5
        torch.tensor([0.1, -0.7]).tolist(),
        [0.0, 0.0],
    ]
    assert layer.bias.tolist() == [100.0] * 3


@pytest.mark.parametrize("layer", [nn.Linear(9, 7), nn.Conv2d(4, 6, 3, groups=2)])
def test_agrees_with_torch_renorm(layer):
    before = layer.weight.detach().clone()
    c = before.flatten(1).norm(dim=1).median().item()
    expected = before.renorm(2, 0, c)
    assert not torch.equal(expected, before)
    torch.testing.assert_close(held(layer, c).weight.detach(), expected, rtol=1e-5, atol=1e-7)


def test_a_transposed_convolution_is_held_by_its_output_channels():
    layer = nn.ConvTranspose2d(4, 6, 3)
    expected = layer.weight.detach().renorm(2, 1, 0.5)
    torch.testing.assert_close(held(layer, 0.5).weight.detach(), expected, rtol=1e-5, atol=1e-7)


def test_holding_twice_is_holding_once():
    layer = held(nn.Linear(5, 4), 0.3)
    once = layer.weight.detach().clone()
    assert (once.norm(dim=1) <= 0.3 * (1 + 1e-6)).all()
    torch.testing.assert_close(held(layer, 0.3).weight.detach(), once, rtol=1e-6, atol=0)


def test_spares_normalizations_embeddings_and_what_is_frozen():
    model = nn.Sequential(nn.Embedding(3, 2), nn.LayerNorm(2), nn.Linear(2, 2), nn.Linear(2, 2))
    model[3].weight.requires_grad_(False)
    before = [p.detach().clone() for p in model.parameters()]
    held(model, 0.01)
    moved = [not torch.equal(p, old) for p, old in zip(model.parameters(), before, strict=True)]
    names = [name for name, _ in model.named_parameters()]
    assert [name for name, has in zip(names, moved, strict=True) if has] == ["2.weight"]


def test_says_how_many_begin_beyond():
    layer = nn.Linear(2, 3)
    layer.weight.data = torch.tensor([[3.0, 4.0], [0.6, 0.8], [0.0, 0.0]])
    reg = MaxNorm(2.0)
    reg.prepare_model(layer)
    assert reg.note() == "1 of 3 units begin beyond it, the longest at 5"


def test_refuses_what_it_cannot_do():
    with pytest.raises(ValueError, match=r"^c must be above 0, got 0.0$"):
        MaxNorm(0.0)
    with pytest.raises(ValueError, match=r"^the model must have weights to hold, got none$"):
        MaxNorm(1.0).prepare_model(nn.LayerNorm(3))


def test_without_c_it_does_nothing():
    layer = nn.Linear(2, 3)
    before = layer.weight.detach().clone()
    assert torch.equal(held(layer, None).weight, before)

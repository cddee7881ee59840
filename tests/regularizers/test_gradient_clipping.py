"""Gradient clipping: by hand, beside torch's and beside timm's."""

import copy

import pytest
import timm.utils
import torch
from torch import nn

from regbench.regularizers.gradient_clipping import GradientClipping

INF, NAN = float("inf"), float("nan")


def two_layers():
    """A net with gradients of very different lengths."""
    generator = torch.Generator().manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 4, 3), nn.GroupNorm(2, 4), nn.Flatten(), nn.Linear(16, 3))
    for place, weight in enumerate(model.parameters()):
        weight.data = torch.randn(weight.shape, generator=generator)
        weight.grad = torch.randn(weight.shape, generator=generator) * 10.0 ** (place % 3 - 1)
    model[0].weight.data[1] = 0.0  # a unit of zeros
    return model


def clipped(model, limit, mode, eps=1e-3):
    reg = GradientClipping(limit, mode, eps)
    reg.edit_gradients(model)
    return reg


def one_weight(gradient, weight=(1.0, 1.0)):
    layer = nn.Linear(2, 1, bias=False)
    layer.weight.data = torch.tensor([weight])
    layer.weight.grad = torch.tensor([gradient])
    return layer


def test_norm_shortens_what_is_longer_and_leaves_what_is_not():
    long, short = one_weight([3.0, 4.0]), one_weight([0.3, 0.4])
    assert clipped(long, 1.0, "norm").metrics(long) == {"clipped": 1.0}
    assert clipped(short, 1.0, "norm").metrics(short) == {"clipped": 0.0}
    assert long.weight.grad.tolist() == [[pytest.approx(0.6), pytest.approx(0.8)]]  # 3, 4 has length 5
    assert torch.equal(short.weight.grad, torch.tensor([[0.3, 0.4]]))


def test_value_puts_each_entry_within_bounds():
    layer = one_weight([-3.0, 0.25])
    assert clipped(layer, 0.5, "value").metrics(layer) == {"clipped": 1.0}
    assert layer.weight.grad.tolist() == [[-0.5, 0.25]]


def test_adaptive_limits_by_the_length_of_the_weights():
    # ||w|| = 5, so the limit is 0.1 * 5; ||g|| = 1
    layer = one_weight([0.6, -0.8], weight=(3.0, 4.0))
    clipped(layer, 0.1, "adaptive")
    assert layer.weight.grad.tolist() == [[pytest.approx(0.3), pytest.approx(-0.4)]]
    # a unit of zeros counts as one of length eps
    layer = one_weight([0.6, -0.8], weight=(0.0, 0.0))
    clipped(layer, 0.1, "adaptive", eps=1.0)
    assert layer.weight.grad.tolist() == [[pytest.approx(0.06), pytest.approx(-0.08)]]


def test_norm_and_value_agree_with_torch():
    for mode, theirs in (("norm", nn.utils.clip_grad_norm_), ("value", nn.utils.clip_grad_value_)):
        ours = two_layers()
        other = copy.deepcopy(ours)
        for weight, same in zip(ours.parameters(), other.parameters(), strict=True):
            same.grad = weight.grad.clone()
        theirs(list(other.parameters()), 2.0)
        clipped(ours, 2.0, mode)
        for weight, same in zip(ours.parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(weight.grad, same.grad, rtol=1e-5, atol=1e-7)


def test_adaptive_agrees_with_timm_and_spares_the_last_layer():
    ours, before = two_layers(), [w.grad.clone() for w in two_layers().parameters()]
    theirs = two_layers()
    timm.utils.adaptive_clip_grad(list(theirs[:2].parameters()), clip_factor=0.05, eps=1e-3)
    clipped(ours, 0.05, "adaptive")
    for weight, same in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(weight.grad, same.grad, rtol=1e-5, atol=1e-7)
    changed = [not torch.equal(w.grad, old) for w, old in zip(ours.parameters(), before, strict=True)]
    assert changed[:4] != [False] * 4
    assert changed[4:] == [False, False]


def test_a_transposed_convolution_has_its_units_along_the_second_axis():
    layer = nn.ConvTranspose2d(1, 2, 1, bias=False)
    layer.weight.data = torch.tensor([1.0, 10.0]).view(1, 2, 1, 1)
    layer.weight.grad = torch.tensor([1.0, 1.0]).view(1, 2, 1, 1)
    clipped(layer, 0.1, "adaptive")
    assert layer.weight.grad.flatten().tolist() == [pytest.approx(0.1), 1.0]


@pytest.mark.parametrize(
    ("mode", "gradient", "left"),
    [
        ("norm", (INF, 1.0), (NAN, 0.0)),  # inf * (1 / inf) and 1 / inf
        ("norm", (NAN, 1.0), (NAN, NAN)),
        ("value", (INF, 0.5), (1.0, 0.5)),
        ("value", (NAN, 0.5), (NAN, 0.5)),
        ("adaptive", (NAN, 1.0), (NAN, NAN)),
    ],
)
def test_a_gradient_that_is_not_finite_counts_as_clipped(mode, gradient, left):
    layer = one_weight(gradient)
    assert clipped(layer, 1.0, mode).metrics(layer) == {"clipped": 1.0}
    torch.testing.assert_close(layer.weight.grad.flatten(), torch.tensor(left), equal_nan=True)


def test_counts_the_gradients_that_it_has_changed_also_after_a_resume():
    reg, layer = GradientClipping(1.0, "norm", 1e-3), one_weight([3.0, 4.0])
    for _ in range(2):  # the second time it is short enough, to rounding
        reg.edit_gradients(layer)
        layer.weight.grad *= 0.9
    again = GradientClipping(1.0, "norm", 1e-3)
    again.load_state_dict(reg.state_dict())
    reg.edit_gradients(one_weight([3.0, 4.0]))  # none of the other's business
    again.edit_gradients(one_weight([0.0, 2.0]))
    assert again.metrics(layer) == {"clipped": pytest.approx(2 / 3)}  # the first, not the second, the third


def test_parameters_without_a_gradient_are_passed_over():
    model = nn.Sequential(one_weight([3.0, 4.0]), nn.Linear(1, 1))
    for mode in ("norm", "value", "adaptive"):
        clipped(model, 1.0, mode)
    assert model[1].weight.grad is None


def test_refuses_what_is_out_of_range():
    with pytest.raises(ValueError, match=r"^limit must be above 0, got 0.0$"):
        GradientClipping(0.0, "norm", 1e-3)
    with pytest.raises(ValueError, match=r"^eps must be above 0, got 0$"):
        GradientClipping(1.0, "adaptive", 0)


def test_without_a_limit_it_does_nothing():
    layer = one_weight([3.0, 4.0])
    assert clipped(layer, None, "norm").metrics(layer) == {}
    assert layer.weight.grad.tolist() == [[3.0, 4.0]]

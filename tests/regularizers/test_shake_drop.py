"""ShakeDrop: both factors by hand, and their means."""

import math

import pytest
import torch
from torch import Tensor, nn

from regbench.models.mlp import MLP
from regbench.models.resnet import ResNet
from regbench.regularizers.shake_drop import Shake, ShakeDrop
from regbench.streams import Clock, Stream


class Written(Stream):
    """A stream that hands out what was written down: b, and then u and v as uniform draws in [0, 1)."""

    def __init__(self, kept: list[float], draws: list[list[float]]) -> None:
        super().__init__(0, "shake_drop", Clock())
        self.kept, self.draws = torch.tensor(kept), torch.tensor(draws)
        self.asked: list[tuple[int, ...]] = []

    def mask(self, like: Tensor, keep: float, shape: object = None) -> Tensor:
        return self.kept.view(shape)

    def uniform(self, shape: tuple[int, ...], device: object = "cpu") -> Tensor:
        self.asked.append(tuple(shape))
        return self.draws.view(shape)


def double(inputs: Tensor) -> Tensor:
    return 2 * inputs


def shaken(shake: Shake, inputs: list[list[float]]) -> tuple[list[float], list[float]]:
    """What comes out of a branch that doubles, and what flows back into its input from a gradient of ones."""
    given = torch.tensor(inputs, requires_grad=True)
    outputs = shake(double, given)
    outputs.sum().backward()
    return outputs.flatten().tolist(), given.grad.flatten().tolist()


def test_shakes_forward_by_one_factor_and_backward_by_another_and_leaves_the_rest_alone():
    # rows: kept; u = 2 * 0.25 - 1 = -0.5, v = 0.75; u = 0.5, v = 0
    stream = Written([1, 0, 0], [[0.9, 0.25, 0.75], [0.1, 0.75, 0.0]])
    outputs, gradients = shaken(Shake(0.5, "row", stream), [[3.0], [3.0], [3.0]])
    assert outputs == [6.0, -3.0, 3.0]
    assert gradients == [2.0, 1.5, 0.0]


def test_a_batch_shares_its_draws():
    stream = Written([0], [[0.25], [0.75]])
    outputs, gradients = shaken(Shake(0.5, "batch", stream), [[3.0], [5.0]])
    assert (outputs, gradients) == ([-3.0, -5.0], [1.5, 1.5])
    assert stream.asked == [(2, 1, 1)]


def test_every_value_of_a_row_has_the_same_factor():
    outputs = Shake(0.0, "row", Stream(0, "shake_drop", Clock()))(double, torch.ones(6, 3, 4, 4))
    factors = outputs.flatten(1) / 2
    assert torch.equal(factors, factors[:, :1].expand_as(factors))
    assert len(factors[:, 0].unique()) == 6


def test_evaluation_is_the_mean_of_training():
    shake = Shake(0.7, "row", Stream(0, "shake_drop", Clock()))
    rows = 100_000
    given = torch.ones(rows, 1, requires_grad=True)
    outputs = shake(double, given)
    outputs.sum().backward()
    # E u = 0, E v = 1/2; the variance of a factor is below 1
    assert outputs.mean().item() == pytest.approx(2 * 0.7, abs=5 * 2 / math.sqrt(rows))
    assert given.grad.mean().item() == pytest.approx(2 * (0.7 + 0.3 / 2), abs=5 * 2 / math.sqrt(rows))
    assert outputs.min() >= -2
    assert outputs.max() <= 2
    assert given.grad.min() >= 0
    assert shake.eval()(double, given[:1]).item() == pytest.approx(1.4)


def prepared(p_last: float, depth: int = 20) -> nn.Module:
    member = ShakeDrop(p_last, "row")
    member.stream = Stream(0, "shake_drop", Clock())
    torch.manual_seed(0)
    model = ResNet((1, 4, 4), 3, width=2, depth=depth, norm="batch")
    assert member.prepare_model(model) is model
    return model


def test_the_deeper_a_branch_the_likelier_it_is_shaken():
    shakes = [m for m in prepared(0.9).modules() if isinstance(m, Shake)]
    assert [shake.survival for shake in shakes] == pytest.approx([1 - 0.1 * n for n in range(1, 10)])
    assert len({shake.stream.key for shake in shakes}) == 9


def test_says_how_many_are_shaken():
    member = ShakeDrop(0.5, "row")
    member.stream = Stream(0, "shake_drop", Clock())
    member.prepare_model(ResNet((1, 4, 4), 3, width=2, depth=8, norm="batch"))
    assert member.note() == "shakes 1 of 3 residual branches on average"  # 1/6 + 2/6 + 3/6


def test_does_nothing_at_zero():
    assert not any(isinstance(module, Shake) for module in prepared(0.0).modules())
    assert ShakeDrop(0.0, "row").note() == ""


def test_refuses_what_it_cannot_do():
    for value in (-0.1, 1.1):
        with pytest.raises(ValueError, match=rf"^p_last must lie in \[0, 1\], got {value}$"):
            ShakeDrop(value, "row")
    model = MLP((4,), 3, width=4, depth=1, norm="none")
    with pytest.raises(ValueError, match=r"^MLP has no 'branch' site$"):
        ShakeDrop(0.5, "row").prepare_model(model)

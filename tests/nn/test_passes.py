"""A further pass of a step: its number format, its statistics, its weights."""

import pytest
import torch
from torch import Tensor, nn

from regbench.errors import ConfigError
from regbench.nn.passes import another_pass, drawing_anew
from regbench.regularizers.adversarial import Adversarial
from regbench.regularizers.base import Regularizer
from regbench.regularizers.dropconnect import DropConnect
from regbench.regularizers.gaussian_dropout import GaussianDropout
from regbench.regularizers.jacobian import Jacobian
from regbench.regularizers.r_drop import RDrop
from regbench.regularizers.virtual_adversarial import VirtualAdversarial
from regbench.regularizers.weight_noise import WeightNoise
from regbench.streams import Clock, Stream
from regbench.types import Batch, ForwardPass, Split


class Seen(nn.Linear):
    """Keeps the type in which its product was computed."""

    def forward(self, inputs: Tensor) -> Tensor:
        outputs = super().forward(inputs)
        self.computed = outputs.dtype
        return outputs


def given(model: nn.Module, bf16: bool = False) -> ForwardPass:
    inputs = torch.tensor([[0.0], [1.0], [5.0]])
    return ForwardPass(model, Batch(inputs, torch.zeros(3, 2)), torch.zeros(3, 2), (), bf16=bf16)


@pytest.mark.parametrize(
    ("bf16", "exact", "computed"),
    [(False, False, torch.float32), (True, False, torch.bfloat16), (True, True, torch.float32)],
)
def test_it_is_in_the_number_format_of_the_first_unless_it_must_be_exact(
    bf16: bool, exact: bool, computed: torch.dtype
) -> None:
    model = Seen(1, 2)
    forward = given(model, bf16)
    logits = another_pass(forward, forward.batch.inputs, exact=exact)
    assert (model.computed, logits.dtype) == (computed, torch.float32)


def test_it_normalizes_by_its_own_rows_and_moves_no_statistics() -> None:
    model = nn.Sequential(nn.BatchNorm1d(1), nn.Linear(1, 2))
    forward = given(model)
    another_pass(forward, 10 + forward.batch.inputs)
    assert model[0].running_mean.item() == 0
    assert model[0].track_running_stats
    shifted, plain = (another_pass(forward, shift + forward.batch.inputs) for shift in (10, 0))
    torch.testing.assert_close(shifted, plain)


def test_it_is_of_another_model_where_one_is_given() -> None:
    one, other = nn.Linear(1, 2), nn.Linear(1, 2)
    forward = given(one)
    assert torch.equal(another_pass(forward, forward.batch.inputs, other), other(forward.batch.inputs))


def shared_noise(name: str, clock: Clock) -> nn.Module:
    """A layer whose weight has one draw for all rows."""
    member: Regularizer = {
        "weight_noise": WeightNoise(std=0.5, per="batch"),
        "gaussian_dropout": GaussianDropout(p=0.5, target="weight", per="batch", where="default"),
        "dropconnect": DropConnect(0.5, "batch", "mean", 1, "inverted", "dense"),
    }[name]
    member.stream = Stream(0, name, clock)
    torch.manual_seed(0)
    return member.prepare_model(nn.Sequential(nn.Linear(6, 2)))


@pytest.mark.parametrize("name", ["weight_noise", "gaussian_dropout", "dropconnect"])
def test_noise_that_a_batch_shares_is_drawn_anew_in_each_and_in_no_other_way(name: str) -> None:
    clock = Clock(step=3)
    model = shared_noise(name, clock)
    inputs = torch.arange(18.0).view(3, 6)
    forward = ForwardPass(model, Batch(inputs, torch.zeros(3, 2)), torch.zeros(3, 2), ())

    def passes() -> list[Tensor]:
        own = [model(inputs) for _ in range(2)]
        return [*own, *(another_pass(forward, inputs) for _ in range(2)), model(inputs)]

    first, twice, second, third, after = passes()
    assert torch.equal(first, twice)  # the batch's own pass, before and after
    assert torch.equal(first, after)
    assert not torch.allclose(first, second)
    assert not torch.allclose(first, third)
    assert not torch.allclose(second, third)
    again = shared_noise(name, Clock(step=3))  # as after a resume, with no pass of the steps before
    for module in (model, again):  # and where a step is tried again
        forward = ForwardPass(module, forward.batch, forward.logits, ())
        assert torch.equal(module(inputs), first)
        assert torch.equal(another_pass(forward, inputs), second)
    clock.micro = 1
    moved = another_pass(ForwardPass(model, forward.batch, forward.logits, ()), inputs)
    assert not torch.allclose(moved, second)


@pytest.mark.parametrize(
    ("member", "count"),
    [
        (RDrop(strength=1.0, p=0.0, where="default"), 2),
        (Jacobian(strength=1.0, projections=1), 2),
        (Adversarial(epsilon=0.1, share=0.5, steps=2, random_start=False), 4),
        (VirtualAdversarial(strength=1.0, epsilon=0.1, steps=2, xi=0.1), 4),
    ],
    ids=lambda value: getattr(type(value), "__name__", None),
)
def test_every_pass_that_a_member_makes_has_noise_of_its_own(member: Regularizer, count: int) -> None:
    member.stream = Stream(0, "member", Clock())
    inputs, targets = torch.rand(3, 6), torch.eye(2)[[0, 1, 0]]
    member.check_data(Split(inputs, torch.tensor([0, 1, 0]), 2))
    model, seen = shared_noise("weight_noise", Clock()), []
    model[0].register_forward_hook(lambda layer, _inputs, _outputs: seen.append(layer.weight.detach()))
    member.penalty(ForwardPass(model, Batch(inputs, targets), model(inputs), ()))
    assert len(seen) == count
    assert not any(torch.equal(one, other) for i, one in enumerate(seen) for other in seen[:i])


def test_what_has_one_place_has_one_draw_in_a_further_pass_too() -> None:
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    model[1].weight = model[0].weight
    member = WeightNoise(std=0.5, per="batch")
    member.stream = Stream(0, "weight_noise", Clock())
    member.prepare_model(model)
    with drawing_anew(model):
        assert torch.equal(model[0].weight, model[1].weight)


def test_what_is_no_longer_logits_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^model: must return logits of shape \(B, 2\) always"):
        another_pass(given(nn.Linear(1, 3)), torch.zeros(3, 1))

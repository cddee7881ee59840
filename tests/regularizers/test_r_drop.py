"""R-Drop: two passes by hand, with noise that is known."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from regbench.assembly.run import build_run
from regbench.assembly.stack import build_stack
from regbench.errors import ConfigError
from regbench.regularizers.r_drop import RDrop, divergence
from regbench.sites import Site
from regbench.streams import Clock, Stream
from regbench.training.audit import audit
from regbench.training.loop import objective
from regbench.types import Batch, ForwardPass
from tests.conftest import reg_node, tiny


class Turns(nn.Module):
    """Returns what it is given, one after the other; counts in training are those of batch normalization."""

    def __init__(self, *logits: list[list[float]]) -> None:
        super().__init__()
        self.logits = [torch.tensor(one, requires_grad=True) for one in logits]
        self.calls = 0

    def forward(self, inputs: Tensor) -> Tensor:
        self.calls += 1
        return self.logits[self.calls - 1]


def made(strength: float, p: float = 0.0) -> RDrop:
    member = RDrop(strength, p, "default")
    member.stream = Stream(0, "r_drop", Clock())
    return member


def forward(model: nn.Module, targets: list[list[float]], weights: Tensor | None = None) -> ForwardPass:
    batch = Batch(torch.zeros(len(targets), 1), torch.tensor(targets))
    return ForwardPass(model, batch, model(batch.inputs), (), weights)


THREE, EVEN = [[math.log(3), 0.0]], [[0.0, 0.0]]  # p of 3/4 and 1/4, and of 1/2 and 1/2
THERE = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)  # KL of the first to the second
BACK = 0.5 * math.log(2 / 3) + 0.5 * math.log(2)


def test_the_objective_is_the_mean_loss_and_the_mean_of_both_divergences():
    member, given = made(0.7), forward(Turns(THREE, EVEN), [[1.0, 0.0]])
    first = F.cross_entropy(given.logits, given.batch.targets)
    found = first + member.penalty(given)
    expected = (-math.log(0.75) + math.log(2)) / 2 + 0.7 * (THERE + BACK) / 2
    assert found.item() == pytest.approx(expected)


def test_the_second_pass_has_the_targets_and_weights_of_the_first():
    given = forward(Turns(THREE, EVEN), [[0.25, 0.75]], torch.tensor([2.0, 0.5]))
    value = made(0.0, 0.1).penalty(given).item()
    first = -2 * 0.25 * math.log(0.75) - 0.5 * 0.75 * math.log(0.25)
    assert value == pytest.approx(((2 * 0.25 + 0.5 * 0.75) * math.log(2) - first) / 2)


def test_divergences_are_torchs_in_both_directions_and_their_gradient_goes_both_ways():
    draws = torch.Generator().manual_seed(0)
    one, other = (2 * torch.randn(16, 5, generator=draws, dtype=torch.float64) for _ in range(2))
    logs = one.log_softmax(1), other.log_softmax(1)
    both = [F.kl_div(q, p, reduction="batchmean", log_target=True) for p, q in (logs, logs[::-1])]
    assert divergence(one, other).item() == pytest.approx(sum(both).item() / 2)
    assert divergence(one, other).item() == pytest.approx(divergence(other, one).item())
    assert divergence(one, one).item() == 0
    model = Turns(THREE, EVEN)
    made(1.0).penalty(forward(model, [[0.5, 0.5]])).backward()
    # d/dz of sum (p - q)(log p - log q) / 2 in the first pass's logits, of (3/4, 1/4) and (1/2, 1/2)
    d = torch.tensor([math.log(1.5), math.log(0.5)])
    p, q = torch.tensor([0.75, 0.25]), torch.tensor([0.5, 0.5])
    expected = (p * (d - (p * d).sum()) + p - q - (p - 0.5)) / 2  # and of -CE1 / 2
    torch.testing.assert_close(model.logits[0].grad[0], expected)
    assert model.logits[1].grad.abs().sum() > 0


def test_logits_of_any_size_have_a_finite_divergence_and_gradient():
    one = torch.tensor([[1e4, 0.0]], requires_grad=True)
    value = divergence(one, torch.tensor([[0.0, 1e4]]))
    value.backward()
    assert value.item() == pytest.approx(1e4)
    assert one.grad.isfinite().all()


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Linear(1, 1000), nn.BatchNorm1d(1000))
        self.hidden = Site("hidden", (1000,), body=nn.Identity())
        self.last = nn.Linear(1000, 2)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.last(self.hidden(self.first(inputs)))


def test_its_own_dropout_zeroes_a_share_p_scales_the_rest_and_rests_in_evaluation():
    model = made(1.0, 0.2).prepare_model(Small())
    shown = model.hidden(torch.ones(50, 1000))
    assert sorted(set(shown.flatten().tolist())) == [0.0, 1.25]
    assert (shown == 0).double().mean().item() == pytest.approx(0.2, abs=4 * math.sqrt(0.16 / 50000))
    assert not torch.equal(shown, model.hidden(torch.ones(50, 1000)))  # another pass, another mask
    assert torch.equal(model.eval().hidden(torch.ones(50, 1000)), torch.ones(50, 1000))


def test_running_statistics_are_those_of_the_first_pass():
    member = made(1.0, 0.2)
    model = member.prepare_model(Small())
    given = forward(model, [[1.0, 0.0], [0.0, 1.0]])
    member.penalty(given)
    assert model.first[1].num_batches_tracked.item() == 1
    assert model.first[1].track_running_stats


def test_without_noise_the_audit_says_that_it_changes_nothing_and_beside_dropout_it_acts():
    alone = {"r_drop": reg_node("r_drop", p=0.0)}
    for reg in (alone, {"dropout": reg_node("dropout")} | alone):
        config = tiny(reg=reg)

        def make(without: str | None, config=config) -> object:
            stack = build_stack(config["reg"])
            return build_run(config, stack.without(without) if without else stack)

        if reg is alone:
            with pytest.raises(ConfigError, match=r"^reg\.r_drop: changes nothing of MLP"):
                audit(make)
        else:
            assert audit(make).findings[1].state == "acts"


def test_in_bfloat16_both_passes_are():
    """Without noise they are then the same to the bit; a second one in single precision would not be."""
    config = tiny(reg={"r_drop": reg_node("r_drop", p=0.0)}) | {"precision": "bf16"}
    run = build_run(config)
    terms = objective(run, run.data.train[:32])
    assert terms.keys() == {"data"}


def test_does_nothing_with_neither_strength_nor_dropout():
    member, model = made(0.0), Small()
    assert member.penalty(forward(Turns(THREE, EVEN), [[1.0, 0.0]])) is None
    assert member.prepare_model(model) is model
    assert len(model.hidden.after) == 0
    assert (member.note(), made(1.0).note()) == ("", "each batch is passed twice")


def test_refuses_what_is_out_of_range():
    with pytest.raises(ValueError, match=r"^strength must be at least 0, got -1$"):
        RDrop(-1, 0.1, "default")
    with pytest.raises(ValueError, match=r"^p must lie in \[0, 1\), got 1.0$"):
        RDrop(1.0, 1.0, "default")

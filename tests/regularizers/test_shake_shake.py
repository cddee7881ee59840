"""Shake-Shake: shares by hand in both directions, and the second branch."""

import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from regbench.assembly.run import build_run
from regbench.models.mlp import MLP
from regbench.models.resnet import ResNet
from regbench.models.transformer import Transformer
from regbench.regularizers.shake_shake import ShakeShake, TwoBranches
from regbench.sites import Site, sites
from regbench.streams import Clock, Stream
from regbench.training.loop import EpochEnd, fit
from tests.conftest import reg_node, tiny


class Written(Stream):
    """A stream that hands out uniform draws written down beforehand."""

    def __init__(self, draws: list[list[float]]) -> None:
        super().__init__(0, "shake_shake", Clock())
        self.draws = torch.tensor(draws)

    def uniform(self, shape: tuple[int, ...], device: object = "cpu") -> Tensor:
        return self.draws.view(shape)


class Times(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor))

    def forward(self, inputs: Tensor) -> Tensor:
        return self.factor * inputs


def mixed(forth: str, back: str, mode: str, draws: list[list[float]]) -> tuple[list[float], float, float]:
    """From rows of 1 and 10: what branches of 2 and -3 times give, and the gradients of the two factors."""
    first, second = Times(2.0), Times(-3.0)
    two = TwoBranches(second, forth, back, mode, Written(draws))
    outputs = two(first, torch.tensor([[1.0], [10.0]]))
    outputs.sum().backward()
    return outputs.flatten().tolist(), first.factor.grad.item(), second.factor.grad.item()


@pytest.mark.parametrize(
    ("back", "first", "second"), [("shake", 5.25, 5.75), ("even", 5.5, 5.5), ("keep", 8.0, 3.0)]
)
def test_shares_forward_and_backward_by_hand(back: str, first: float, second: float):
    # u = 0.5 and 0.75: 0.5 * 2 - 0.5 * 3 and 10 * (0.75 * 2 - 0.25 * 3); v = 0.25 and 0.5
    outputs, one, two = mixed("shake", back, "row", [[0.5, 0.75], [0.25, 0.5]])
    assert outputs == [-0.5, 7.5]
    assert (one, two) == (first, second)


def test_even_shares_draw_nothing_that_matters():
    outputs, one, two = mixed("even", "keep", "row", [[0.1, 0.9], [0.2, 0.7]])
    assert (outputs, one, two) == ([-0.5, -5.0], 5.5, 5.5)


def test_a_batch_shares_its_draws():
    outputs, one, two = mixed("shake", "shake", "batch", [[0.25], [1.0]])
    assert outputs == [0.25 * 2 - 0.75 * 3, 10 * (0.25 * 2 - 0.75 * 3)]
    assert (one, two) == (11.0, 0.0)


def test_evaluation_is_the_mean_of_both_and_of_training():
    stream = Stream(0, "shake_shake", Clock())
    two, rows = TwoBranches(Times(-3.0), "shake", "shake", "row", stream), 100_000
    outputs = two(Times(2.0), torch.ones(rows, 1))
    assert outputs.mean().item() == pytest.approx(-0.5, abs=5 * 5 / math.sqrt(12 * rows))
    assert outputs.std().item() == pytest.approx(5 / math.sqrt(12), rel=0.02)  # of U[-3, 2]
    assert two.eval()(Times(2.0), torch.ones(1, 1)).item() == -0.5


def resnet() -> ResNet:
    torch.manual_seed(0)
    return ResNet((1, 8, 8), 3, width=4, depth=8, norm="batch")


def member(branches: int = 2) -> ShakeShake:
    reg = ShakeShake(branches, "shake", "shake", "row")
    reg.stream = Stream(0, "shake_shake", Clock())
    return reg


def test_the_second_branch_has_the_spread_of_the_first_and_weights_of_its_own():
    reg, model, plain = member(), resnet(), resnet()
    assert reg.prepare_model(model) is model
    branches = [site for _, site in sites(model, "branch")]
    for site in branches:
        first, second = (dict(part.named_parameters()) for part in (site.body, site.around[0].second))
        assert first.keys() == second.keys()
        for name, weight in first.items():
            assert torch.equal(weight.flatten().sort().values, second[name].flatten().sort().values)
            assert torch.equal(weight, second[name]) == (weight.ndim == 1)
    assert all(torch.equal(model.state_dict()[n], t) for n, t in plain.state_dict().items())
    seconds = [next(site.around[0].second.parameters()).flatten()[:9] for site in branches]
    assert not any(torch.equal(one, other) for one, other in pairwise(seconds))
    more = sum(p.numel() for p in model.parameters()) - sum(p.numel() for p in plain.parameters())
    assert reg.note() == f"a second branch in each of 3 blocks, with {more:,} weights together"
    inputs = torch.rand(4, 1, 8, 8)
    assert torch.equal(model.eval()(inputs), member().prepare_model(resnet()).eval()(inputs))


def test_both_branches_share_what_lies_outside():
    class Reads(nn.Module):
        def __init__(self, outside):
            super().__init__()
            self.linear, self.seen = nn.Linear(2, 2), [outside]

        def forward(self, inputs):
            return self.linear(inputs)

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.outside = nn.Identity()
            self.branch = Site("branch", (2,), body=Reads(self.outside))

    block = member().prepare_model(Block())
    first, second = block.branch.body, block.branch.around[0].second
    assert second.linear is not first.linear
    assert second.seen[0] is first.seen[0] is block.outside


def test_what_acts_at_a_branch_acts_on_both_whatever_the_order():
    class Halved(nn.Module):
        def forward(self, body, inputs):
            return body(inputs) / 2

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.branch = Site("branch", (1,), body=Times(2.0))

    block = Block()
    block.branch.around.append(Halved())
    member().prepare_model(block)
    assert block.eval().branch(torch.ones(1, 1)).item() == 1.0  # the second begins as a copy: it is no matrix


class Found(Site):
    """A site in a model of others, whose body is more than the branch."""


def test_takes_no_branch_that_was_found_in_a_model():
    model = nn.Sequential(Found("branch", (1,), body=Times(2.0)))
    with pytest.raises(
        ValueError, match=r"^residual branches must be marked by the model itself, got 0, a place"
    ):
        member().prepare_model(model)


class Draws(nn.Module):
    """Acts where no site is."""

    def __init__(self) -> None:
        super().__init__()
        self.stream = Stream(0, "other", Clock())


@pytest.mark.parametrize(
    "change",
    [
        lambda branch: branch.hidden.after.append(nn.Dropout()),
        lambda branch: parametrizations.weight_norm(branch.first.conv),
        lambda branch: branch.append(Draws()),
    ],
    ids=["at a site", "of a weight", "elsewhere"],
)
def test_must_come_before_what_acts_within_a_branch(change):
    model = resnet()
    change(model.blocks[1].branch.body)
    with pytest.raises(ValueError, match=r"^shake_shake must come before the members that act within "):
        member().prepare_model(model)


def test_does_nothing_with_one_branch():
    model = resnet()
    before = str(model)
    assert member(1).prepare_model(model) is model
    assert str(model) == before
    assert member(1).note() == ""


def test_refuses_what_it_cannot_do():
    for value in (0, 3):
        with pytest.raises(ValueError, match=rf"^branches must be 1 or 2, got {value}$"):
            ShakeShake(value, "shake", "shake", "row")
    with pytest.raises(ValueError, match=r"^MLP has no 'branch' site$"):
        member().prepare_model(MLP((4,), 3, width=4, depth=1, norm="none"))
    with pytest.raises(
        ValueError, match=r"^residual branches must have no attention in them, got blocks.0.att"
    ):
        member().prepare_model(Transformer((6,), 2, 20, 8, 1, 2, None, 1, "layer"))


@pytest.mark.parametrize(
    "name", ["max_norm", "orthogonal", "gradient_centralization", "l2", "gradient_clipping"]
)
def test_weights_of_second_branches_are_those_of_members_before_it_too(name: str) -> None:
    changed = {"max_norm": {"c": 0.2}, "gradient_clipping": {"limit": 0.01}}.get(name, {})
    nodes = {name: reg_node(name, **changed), "shake_shake": reg_node("shake_shake")}
    records = []
    for order in (nodes, dict(reversed(nodes.items()))):
        events = fit(build_run(tiny("resnet", order, epochs=1)))
        (record,) = [event.record for event in events if isinstance(event, EpochEnd)]
        records.append({key: one for key, one in record.metrics.items() if not key.startswith("time/")})
    assert records[0] == records[1]

import math

import pytest
import torch
from torch import Tensor, nn

from regbench.models.resnet import ResNet
from regbench.regularizers.stochastic_depth import Form, Mode, Skip, StochasticDepth, survival
from regbench.sites import Site
from regbench.streams import Clock, Stream


class FixedMask(Stream):
    """A stream that hands out masks written down beforehand."""

    def __init__(self, *masks: object) -> None:
        super().__init__(0, "stochastic_depth", Clock())
        self.masks = [torch.as_tensor(mask, dtype=torch.float32) for mask in masks]

    def mask(self, like: Tensor, keep: float, shape: object = None) -> Tensor:
        return self.masks.pop(0).to(like.dtype)


def double(inputs: Tensor) -> Tensor:
    return 2 * inputs


def make_skip(form: Form, mode: Mode, s: float, stream: Stream, width: int = 1) -> Skip:
    return Skip(s, form, mode, (width,), stream)


def prepared(depth: int = 20, norm: str = "batch", clock: Clock | None = None, **fields: object) -> ResNet:
    values = {"p_last": 0.5, "form": "huang", "mode": "batch", "schedule": "linear"} | fields
    member = StochasticDepth(**values)
    member.stream = Stream(0, "stochastic_depth", clock or Clock())
    torch.manual_seed(0)
    return member.prepare_model(ResNet((1, 4, 4), 3, width=2, depth=depth, norm=norm))


def test_survival_falls_linearly_from_the_first_branch_on():
    assert survival(0.5, "linear", 4) == [0.875, 0.75, 0.625, 0.5]
    assert survival(0.5, "constant", 3) == [0.5, 0.5, 0.5]


def test_expected_depth_of_the_papers_network_is_forty_and_a_quarter():
    assert sum(survival(0.5, "linear", 54)) == pytest.approx(40.25)  # (3L - 1) / 4 at L = 54


@pytest.mark.parametrize(
    ("form", "trained", "evaluated"), [("huang", 6.0, 1.5), ("rescale", 24.0, 6.0)], ids=["huang", "rescale"]
)
def test_each_form_by_hand(form: Form, trained: float, evaluated: float):
    inputs = torch.tensor([[3.0]])  # f(3) = 6 and s = 1/4
    skip = make_skip(form, "batch", 0.25, FixedMask(1, 0))
    assert [skip(double, inputs).item(), skip(double, inputs).item()] == [trained, 0]
    assert skip.eval()(double, inputs).item() == evaluated
    rows = make_skip(form, "row", 0.25, FixedMask([1, 0]))(double, torch.tensor([[3.0], [3.0]]))
    assert rows.flatten().tolist() == [trained, 0]


@pytest.mark.parametrize("mode", ["batch", "row"])
def test_rescaled_form_agrees_with_torchvision_given_its_draws(mode: Mode):
    torchvision = pytest.importorskip("torchvision")
    inputs = torch.randn(32, 4)
    torch.manual_seed(0)
    theirs = torchvision.ops.stochastic_depth(2 * inputs, 0.4, mode)
    draws = (theirs[:, 0] != 0).float()
    fixed = FixedMask(draws if mode == "row" else draws[0])
    torch.testing.assert_close(make_skip("rescale", mode, 0.6, fixed, 4)(double, inputs), theirs)


@pytest.mark.parametrize("form", ["huang", "rescale"])
def test_training_averages_to_evaluation(form: Form):
    skip = make_skip(form, "row", 0.7, Stream(0, "stochastic_depth", Clock()))
    inputs = torch.ones(100_000, 1)
    trained = skip(double, inputs).mean().item()
    assert trained == pytest.approx(skip.eval()(double, inputs[:1]).item(), abs=5 * 3 * math.sqrt(0.21 / 1e5))


def test_a_branch_survives_as_often_as_it_should():
    clock = Clock()
    skip = make_skip("huang", "batch", 0.8, Stream(0, "stochastic_depth", clock))
    kept = 0
    for clock.step in range(1000):
        kept += int(skip(double, torch.ones(1, 1)).item() != 0)
    assert abs(kept - 800) < 5 * math.sqrt(1000 * 0.8 * 0.2)


def test_a_skipped_branch_is_not_computed():
    def fails(inputs: Tensor) -> Tensor:
        raise RuntimeError("computed")

    zeros = make_skip("huang", "batch", 0.5, FixedMask(0), 3)(fails, torch.ones(2, 5))
    assert torch.equal(zeros, torch.zeros(2, 3))


def test_a_skipped_branch_of_tokens_is_as_long_as_its_sentences():
    member = StochasticDepth(p_last=0.5, form="huang", mode="batch", schedule="linear")
    member.stream = Stream(0, "stochastic_depth", Clock())
    site = Site("branch", (9, 3), axis=1)  # up to nine tokens
    member.prepare_model(nn.Sequential(site))
    site.around[0].stream = FixedMask(0)
    assert torch.equal(site(torch.ones(2, 4, 3)), torch.zeros(2, 4, 3))


def test_a_skipped_branch_has_no_gradient_and_moves_no_statistics():
    model = prepared(depth=8)
    for block, draw in zip(model.blocks, (1, 0, 1), strict=True):
        block.branch.around[0].stream = FixedMask(draw)
    model(torch.randn(6, 1, 4, 4)).sum().backward()
    for block, computed in zip(model.blocks, (True, False, True), strict=True):
        assert all((p.grad is not None) == computed for p in block.branch.parameters())
        moved = [int(m.num_batches_tracked) for m in block.modules() if isinstance(m, nn.BatchNorm2d)]
        assert moved == [int(computed)] * 2


def test_a_block_without_its_branch_is_its_shortcut():
    block = prepared(depth=8).blocks[1]  # halves the map and doubles the channels
    block.branch.around[0].stream = FixedMask(0)
    maps = torch.randn(2, 2, 4, 4)
    expected = torch.cat([maps[:, :, ::2, ::2].relu(), torch.zeros(2, 2, 2, 2)], 1)
    assert torch.equal(block(maps), expected)


def test_wraps_every_branch_and_counts_from_the_first():
    model = prepared(depth=20, p_last=0.9)
    assert [round(b.branch.around[0].survival, 6) for b in model.blocks] == [
        0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1,
    ]  # fmt: skip


def test_says_how_deep_the_network_is_on_average():
    member = StochasticDepth(p_last=0.5, form="huang", mode="batch", schedule="linear")
    member.stream = Stream(0, "stochastic_depth", Clock())
    member.prepare_model(ResNet((1, 4, 4), 3, width=2, depth=20, norm="none"))
    assert member.note() == "a forward pass uses 6.5 of 9 residual branches on average"  # (3 * 9 - 1) / 4


def test_probability_zero_leaves_the_model_alone():
    assert "Skip" not in str(prepared(p_last=0.0))


def test_refuses_a_model_without_residual_branches():
    member = StochasticDepth(p_last=0.5, form="huang", mode="batch", schedule="linear")
    with pytest.raises(ValueError, match=r"^Sequential has no 'branch' site$"):
        member.prepare_model(nn.Sequential(Site("hidden", (4,))))


@pytest.mark.parametrize("p_last", [-0.1, 1.0])
def test_refuses_a_probability_outside_its_range(p_last: float):
    with pytest.raises(ValueError, match=rf"^p_last must lie in \[0, 1\), got {p_last}$"):
        StochasticDepth(p_last=p_last, form="huang", mode="batch", schedule="linear")

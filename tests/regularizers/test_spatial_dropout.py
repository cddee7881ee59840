import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from regbench.regularizers.spatial_dropout import DropChannels, SpatialDropout
from regbench.sites import Site
from regbench.streams import Clock, Stream


class FixedMask(Stream):
    """A stream that hands out one mask written down beforehand."""

    def __init__(self, mask: Tensor) -> None:
        super().__init__(0, "spatial_dropout", Clock())
        self.fixed = mask

    def mask(self, like: Tensor, keep: float, shape: object = None) -> Tensor:
        assert tuple(self.fixed.shape) == tuple(shape)
        return self.fixed.to(like.dtype)


def make_drop(p: float, clock: Clock | None = None) -> DropChannels:
    return DropChannels(p, Stream(0, "spatial_dropout", clock or Clock()))


def prepared(**fields: object) -> nn.Module:
    shapes = [(2, 8, 8), (4, 4, 4), (8, 2, 2), (8,)]
    member = SpatialDropout(**({"p": 0.5, "where": "default"} | fields))
    member.stream = Stream(0, "spatial_dropout", Clock())
    return member.prepare_model(nn.Sequential(*(Site("hidden", s, body=nn.ReLU()) for s in shapes)))


def test_one_mask_by_hand():
    inputs = torch.arange(8.0).view(1, 2, 2, 2)
    dropped = DropChannels(0.75, FixedMask(torch.tensor([[0.0, 1.0]])))(inputs)
    assert dropped.flatten().tolist() == [0, 0, 0, 0, 16, 20, 24, 28]


def test_whole_channels_go_or_stay_each_example_by_itself():
    rows, channels, p = 200, 50, 0.3
    dropped = make_drop(p)(torch.ones(rows, channels, 3, 4))
    per_channel = dropped.flatten(2)
    assert torch.equal(per_channel.amin(2), per_channel.amax(2))
    zeros = (per_channel[:, :, 0] == 0).double()
    assert abs(zeros.sum().item() - p * 10_000) < 5 * math.sqrt(p * (1 - p) * 10_000)
    assert zeros.unique(dim=0).shape[0] > 190  # rows of one common mask would be one


def test_agrees_with_torch_given_its_mask():
    inputs = torch.randn(6, 5, 4, 4)
    torch.manual_seed(0)
    theirs = F.dropout2d(inputs, 0.3)
    ours = DropChannels(0.3, FixedMask(theirs[:, :, 0, 0] != 0))(inputs)
    torch.testing.assert_close(ours, theirs)


def test_training_averages_to_evaluation():
    inputs = torch.full((2000, 50, 1, 1), 2.0)
    mean = make_drop(0.2)(inputs).mean().item()
    assert mean == pytest.approx(2, abs=5 * math.sqrt(4 * 0.2 / 0.8 / 100_000))
    assert make_drop(0.2).eval()(inputs) is inputs


def test_same_moment_gives_the_same_mask_and_the_next_another():
    inputs = torch.ones(8, 32, 2, 2)
    first = make_drop(0.5)(inputs)
    assert torch.equal(make_drop(0.5)(inputs), first)
    assert not torch.equal(make_drop(0.5, Clock(step=1))(inputs), first)


def test_acts_after_the_activation_of_sites_with_maps():
    model = prepared(where="all")
    assert [len(site.after) for site in model] == [1, 1, 1, 0]
    assert [len(site.after) for site in prepared()] == [0, 1, 1, 0]
    assert [len(site.after) for site in prepared(p=0.0)] == [0, 0, 0, 0]


def test_refuses_a_model_without_maps():
    with pytest.raises(ValueError, match=r"^Sequential has no 'hidden' site with maps"):
        SpatialDropout(p=0.5, where="default").prepare_model(nn.Sequential(Site("hidden", (4,))))


@pytest.mark.parametrize("p", [-0.1, 1.0, 1.5])
def test_refuses_a_probability_outside_its_range(p: float):
    with pytest.raises(ValueError, match=rf"^p must lie in \[0, 1\), got {p}$"):
        SpatialDropout(p=p, where="default")

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from regbench.nn.grouping import GroupedChannels
from regbench.regularizers.group_norm import GroupNorm
from regbench.sites import Site


def make(enabled: bool = True, groups: int = 32, eps: float = 1e-5) -> GroupNorm:
    return GroupNorm(enabled=enabled, groups=groups, eps=eps)


def normalized(inputs: Tensor, groups: int, axis: int = 0, eps: float = 1e-5) -> Tensor:
    """What group normalization makes of inputs at one norm site."""
    member = make(groups=groups, eps=eps)
    return member.prepare_model(nn.Sequential(Site("norm", inputs.shape[1:], axis)))(inputs)


def images() -> Tensor:
    torch.manual_seed(0)
    return torch.randn(3, 4, 5, 2) * 3 + 1


def test_each_group_has_its_own_mean_and_biased_variance():
    # groups (1, 5, 3) and (10, 14, 12): means 3 and 12, biased variances 8/3; with eps 4/3 the root is 2
    outputs = normalized(torch.tensor([[1.0, 5.0, 3.0, 10.0, 14.0, 12.0]]), groups=2, eps=4 / 3)
    torch.testing.assert_close(outputs, torch.tensor([[-1.0, 1.0, 0.0, -1.0, 1.0, 0.0]]))


def test_one_group_is_layer_normalization_over_channels_and_positions():
    torch.testing.assert_close(normalized(images(), groups=1), F.layer_norm(images(), (4, 5, 2)))


def test_as_many_groups_as_channels_would_be_instance_normalization_and_are_not_made():
    twos = normalized(images(), groups=4)
    assert not torch.allclose(twos, F.instance_norm(images()))
    torch.testing.assert_close(twos, F.group_norm(images(), 2))


def test_tokens_are_normalized_each_over_the_group_alone():
    tokens = torch.randn(3, 5, 6) * 3 + 1
    outputs = normalized(tokens, groups=2, axis=1)
    for part in (slice(0, 3), slice(3, 6)):
        group = tokens[..., part]
        centered = group - group.mean(2, keepdim=True)
        expected = centered / (group.var(2, correction=0, keepdim=True) + 1e-5).sqrt()
        torch.testing.assert_close(outputs[..., part], expected)


def test_a_group_of_tokens_has_three_channels_or_more_however_many_tokens():
    tokens = torch.randn(3, 5, 4) * 3 + 1  # two groups of two channels would be -1 and 1
    torch.testing.assert_close(normalized(tokens, groups=4, axis=1), F.layer_norm(tokens, (4,)))


@pytest.mark.parametrize(
    ("shape", "groups", "count"),
    [((12, 4, 4), 32, 3), ((12, 4, 4), 2, 2), ((16,), 32, 4), ((16,), 2, 2), ((7,), 6, 1)],
)
def test_a_site_has_as_many_groups_as_suit_its_channels(shape: tuple[int, ...], groups: int, count: int):
    member, model = make(groups=groups), nn.Sequential(Site("norm", shape))
    member.prepare_model(model)
    assert model[0].body.num_groups == count
    told = f"groups of a site: {count} in place of {groups}"
    assert member.note() == (told if count != groups else "")


def test_takes_the_place_of_what_stands_at_every_norm_site():
    model = nn.Sequential(Site("norm", (6,), body=nn.BatchNorm1d(6)), Site("norm", (2, 3, 3)))
    member = make(eps=0.5)
    member.prepare_model(model)
    assert [(type(site.body), site.body.eps) for site in model] == [(GroupedChannels, 0.5)] * 2
    assert member.inert() == ""


def test_leaves_a_model_alone_that_has_it_already():
    body = nn.GroupNorm(2, 4)
    member, model = make(groups=2), nn.Sequential(Site("norm", (4, 3, 3), body=body))
    member.prepare_model(model)
    assert model[0].body is body
    assert member.inert() == "already the model's own"


def test_other_groups_are_replaced():
    model = nn.Sequential(Site("norm", (4, 3, 3), body=nn.GroupNorm(2, 4)))
    make(groups=1).prepare_model(model)
    assert model[0].body.num_groups == 1


def test_disabled_it_leaves_the_model_alone_and_says_so():
    model, member = nn.Sequential(Site("norm", (4,))), make(enabled=False)
    assert isinstance(member.prepare_model(model)[0].body, nn.Identity)
    assert member.inert() == "off (enabled=False)"


def test_refuses_what_it_cannot_act_on():
    with pytest.raises(ValueError, match="has no 'norm' site"):
        make().prepare_model(nn.Sequential(nn.Linear(2, 2)))
    with pytest.raises(ValueError, match=r"^0 must hold at least 3 values to normalize, got 2$"):
        make().prepare_model(nn.Sequential(Site("norm", (2,))))


def test_refuses_values_outside_their_ranges():
    with pytest.raises(ValueError, match=r"^eps must be above 0, got 0\.0$"):
        make(eps=0.0)
    with pytest.raises(ValueError, match=r"^groups must be at least 1, got 0$"):
        make(groups=0)

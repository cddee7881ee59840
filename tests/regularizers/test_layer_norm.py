import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from regbench.regularizers.layer_norm import LayerNorm
from regbench.sites import Site


def make(enabled: bool = True, eps: float = 1e-5) -> LayerNorm:
    return LayerNorm(enabled=enabled, eps=eps)


def normalized(inputs: Tensor, axis: int = 0, eps: float = 1e-5) -> Tensor:
    """What layer normalization makes of inputs at one norm site."""
    model = make(eps=eps).prepare_model(nn.Sequential(Site("norm", inputs.shape[1:], axis)))
    return model(inputs)


def test_output_divides_by_the_root_of_the_biased_variance_and_eps():
    # values 1, 5, 3: mean 3, biased variance 8/3; with eps 4/3 the root is 2
    outputs = normalized(torch.tensor([[1.0, 5.0, 3.0]]), eps=4 / 3)
    torch.testing.assert_close(outputs, torch.tensor([[-1.0, 1.0, 0.0]]))


def test_feature_maps_are_normalized_over_channels_and_positions_as_torch_does():
    torch.manual_seed(0)
    inputs = torch.randn(4, 3, 5, 2) * 3 + 1
    torch.testing.assert_close(normalized(inputs), F.layer_norm(inputs, (3, 5, 2)))


def test_tokens_are_normalized_each_over_its_own_channels():
    torch.manual_seed(0)
    inputs = torch.randn(4, 7, 5) * 3 + 1
    for axis in (1, -1):
        torch.testing.assert_close(normalized(inputs, axis), F.layer_norm(inputs, (5,)))


def test_scale_and_shift_are_per_channel():
    model = make().prepare_model(nn.Sequential(Site("norm", (3, 2, 2))))
    assert [tuple(p.shape) for p in model.parameters()] == [(3,), (3,)]


def test_no_example_sees_another_in_training_or_in_evaluation():
    torch.manual_seed(0)
    model = make().prepare_model(nn.Sequential(Site("norm", (6,))))
    inputs = torch.randn(5, 6)
    alone = torch.cat([model(row[None]) for row in inputs])
    torch.testing.assert_close(model(inputs), alone)
    assert torch.equal(model.eval()(inputs), model.train()(inputs))


def test_takes_the_place_of_what_stands_at_every_norm_site():
    model = nn.Sequential(Site("norm", (4,), body=nn.BatchNorm1d(4)), Site("norm", (2, 3, 3)))
    member = make(eps=0.5)
    member.prepare_model(model)
    assert [type(site.body) for site in model] == [nn.LayerNorm, nn.GroupNorm]
    assert [site.body.eps for site in model] == [0.5, 0.5]
    assert member.inert() == ""


def test_leaves_a_model_alone_that_has_it_already():
    bodies = [nn.LayerNorm(4), nn.GroupNorm(1, 2)]
    model = nn.Sequential(Site("norm", (4,), body=bodies[0]), Site("norm", (2, 3, 3), body=bodies[1]))
    member = make()
    member.prepare_model(model)
    assert [site.body for site in model] == bodies
    assert member.inert() == "already the model's own"


def test_several_groups_are_not_layer_normalization():
    model = nn.Sequential(Site("norm", (4, 3, 3), body=nn.GroupNorm(2, 4)))
    make().prepare_model(model)
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
    with pytest.raises(ValueError, match=r"^eps must be above 0, got 0\.0$"):
        make(eps=0.0)

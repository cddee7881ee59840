import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from regbench.regularizers.batch_norm import BatchNorm
from regbench.sites import Site


def make(enabled: bool = True, eps: float = 1e-5, momentum: float = 0.1) -> BatchNorm:
    return BatchNorm(enabled=enabled, eps=eps, momentum=momentum)


def normalized(shape: tuple[int, ...], axis: int = 0, **fields: float) -> nn.Module:
    """What batch normalization puts at one norm site."""
    return make(**fields).prepare_model(nn.Sequential(Site("norm", shape, axis)))


@pytest.mark.parametrize("shape", [(3,), (3, 5, 4), (3, 6)])
def test_agrees_with_torch_in_training_and_in_evaluation(shape: tuple[int, ...]):
    torch.manual_seed(0)
    model, mean, variance = normalized(shape, eps=0.01, momentum=0.3), torch.zeros(3), torch.ones(3)
    scale, shift = torch.randn(3), torch.randn(3)
    model[0].body.weight.data, model[0].body.bias.data = scale, shift
    for _ in range(2):
        inputs = torch.randn(8, *shape) * 3 + 1
        theirs = F.batch_norm(inputs, mean, variance, scale, shift, training=True, momentum=0.3, eps=0.01)
        torch.testing.assert_close(model(inputs), theirs)
    theirs = F.batch_norm(inputs, mean, variance, scale, shift, training=False, eps=0.01)
    torch.testing.assert_close(model.eval()(inputs), theirs)


def test_tokens_are_normalized_over_batch_and_positions():
    torch.manual_seed(0)
    inputs = torch.randn(5, 7, 3) * 2 + 4
    outputs = normalized((7, 3), axis=1)(inputs)
    expected = (inputs - inputs.mean((0, 1))) / (inputs.var((0, 1), correction=0) + 1e-5).sqrt()
    torch.testing.assert_close(outputs, expected)


def test_output_divides_by_the_root_of_the_biased_variance_and_eps():
    # values 1 and 5: mean 3, biased variance 4; with eps 5 the root is 3
    outputs = normalized((1,), eps=5.0)(torch.tensor([[1.0], [5.0]]))
    torch.testing.assert_close(outputs, torch.tensor([[-2 / 3], [2 / 3]]))


def test_running_statistics_weigh_the_new_batch_by_momentum_and_use_the_unbiased_variance():
    # mean 3, unbiased variance 8, from running mean 0 and variance 1 at momentum 1/4
    model = normalized((1,), momentum=0.25)
    model(torch.tensor([[1.0], [5.0]]))
    assert model[0].body.running_mean.item() == pytest.approx(0.75)
    assert model[0].body.running_var.item() == pytest.approx(0.75 * 1 + 0.25 * 8)


def test_evaluation_uses_the_running_statistics_and_leaves_them():
    model = normalized((1,), momentum=1.0, eps=1.0)
    model(torch.tensor([[1.0], [5.0]]))
    model.eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    # (6 - 3) / sqrt(8 + 1)
    assert model(torch.tensor([[6.0]])).item() == pytest.approx(1.0)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_function_does_not_see_the_scale_of_the_weight_before_it():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 3, bias=False), Site("norm", (3,)), nn.Tanh()).double()
    model = make(eps=1e-15).prepare_model(model).double()
    inputs, direction = torch.randn(9, 4).double(), torch.randn(9, 3).double()
    weight = model[0].weight

    def gradient() -> tuple[Tensor, Tensor]:
        outputs = model(inputs)
        return outputs.detach(), torch.autograd.grad((outputs * direction).sum(), weight)[0]

    outputs, slope = gradient()
    assert (slope * weight).sum().abs() < 1e-12
    weight.data *= 5
    scaled_outputs, scaled_slope = gradient()
    torch.testing.assert_close(scaled_outputs, outputs)
    torch.testing.assert_close(scaled_slope, slope / 5)


def test_takes_the_place_of_what_stands_at_every_norm_site():
    model = nn.Sequential(
        Site("norm", (4,), body=nn.LayerNorm(4)), Site("norm", (2, 3, 3)), Site("hidden", (4,))
    )
    member = make()
    member.prepare_model(model)
    assert [type(site.body) for site in model] == [nn.BatchNorm1d, nn.BatchNorm2d, nn.Identity]
    assert member.inert() == ""


def test_leaves_a_model_alone_that_has_it_already():
    bodies = [nn.BatchNorm1d(4), nn.BatchNorm2d(2)]
    model = nn.Sequential(Site("norm", (4,), body=bodies[0]), Site("norm", (2, 3, 3), body=bodies[1]))
    member = make()
    assert member.inert() == ""
    member.prepare_model(model)
    assert [site.body for site in model] == bodies
    assert not any(site.replaced for site in model)
    assert member.inert() == "already the model's own"


def test_one_foreign_normalization_among_them_replaces_them_all():
    own = nn.BatchNorm1d(4)
    model = nn.Sequential(Site("norm", (4,), body=own), Site("norm", (4,), body=nn.LayerNorm(4)))
    make(eps=0.5).prepare_model(model)
    assert [site.body.eps for site in model] == [0.5, 0.5]
    assert model[0].body is not own


def test_disabled_it_leaves_the_model_alone_and_says_so():
    model, member = nn.Sequential(Site("norm", (4,))), make(enabled=False)
    assert isinstance(member.prepare_model(model)[0].body, nn.Identity)
    assert member.inert() == "off (enabled=False)"


def test_drawing_nothing_it_leaves_the_seed_as_it_was():
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    normalized((4,))
    assert torch.equal(torch.rand(1), expected)


def test_refuses_a_model_without_a_norm_site():
    with pytest.raises(ValueError, match="has no 'norm' site"):
        make().prepare_model(nn.Sequential(nn.Linear(2, 2)))


def test_refuses_values_outside_their_ranges():
    with pytest.raises(ValueError, match=r"^eps must be above 0, got 0\.0$"):
        make(eps=0.0)
    for momentum in (0.0, 1.5):
        with pytest.raises(ValueError, match=rf"^momentum must lie in \(0, 1\], got {momentum}$"):
            make(momentum=momentum)

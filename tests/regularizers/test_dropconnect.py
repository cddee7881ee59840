import copy
import math
import pickle
import re

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize

from regbench.models.mlp import MLP
from regbench.models.resnet import ResNet
from regbench.nn import weight_noise
from regbench.nn.recurrence import Recurrence
from regbench.nn.weight_noise import InTraining, MaskedWeight, masked_product, rectified_mean
from regbench.regularizers.dropconnect import DropConnect
from regbench.regularizers.l2 import L2
from regbench.regularizers.weight_noise import WeightNoise
from regbench.sites import Site
from regbench.streams import Clock, Stream
from regbench.types import Batch, ForwardPass
from regbench.weights import plain_state, regularized_weights

DEFAULTS = {
    "p": 0.5,
    "mask": "batch",
    "inference": "mean",
    "samples": 64,
    "scale": "inverted",
    "layers": "all",
}


class FixedMask(Stream):
    """A stream whose mask is written down beforehand."""

    def __init__(self, mask: Tensor) -> None:
        super().__init__(0, "dropconnect", Clock())
        self.fixed = mask

    def at(self, site: str) -> Stream:
        return self

    def mask(self, like: Tensor, keep: float, shape: object = None) -> Tensor:
        return self.fixed.clone()


def make(clock: Clock | None = None, **fields: object) -> DropConnect:
    member = DropConnect(**(DEFAULTS | fields))
    member.stream = Stream(0, "dropconnect", clock or Clock())
    return member


def net(inputs: int = 4, units: int = 3, body: nn.Module | None = None) -> nn.Sequential:
    torch.manual_seed(0)
    hidden = Site("hidden", (units,), body=nn.ReLU() if body is None else body)
    return nn.Sequential(nn.Linear(inputs, units), Site("norm", (units,)), hidden)


def fix(layer: nn.Module, mask: Tensor) -> None:
    """Let a masked layer draw this mask."""
    (masked,) = (m for m in layer.modules() if isinstance(m, MaskedWeight))
    masked.stream = FixedMask(mask)


def integral(mean: float, spread: float) -> float:
    """E[relu(u)], u ~ N(mean, spread^2), by the midpoint rule over the positive half-line."""
    edges = torch.linspace(0, abs(mean) + 12 * spread, 100_001, dtype=torch.float64)
    middles = (edges[1:] + edges[:-1]) / 2
    density = torch.exp(-(((middles - mean) / spread) ** 2) / 2) / (spread * math.sqrt(2 * math.pi))
    return ((middles * density).sum() * (edges[1] - edges[0])).item()


@pytest.mark.parametrize(("scale", "expected"), [("inverted", 2 / 0.8 + 7), ("classic", 2 + 7)])
def test_one_mask_by_hand(scale: str, expected: float):
    # W = (2, -4), b = 7, v = (1, 1), M = (1, 0): the bias stays
    layer = nn.Linear(2, 1)
    layer.weight.data, layer.bias.data = torch.tensor([[2.0, -4.0]]), torch.tensor([7.0])
    model = make(p=0.2, scale=scale).prepare_model(nn.Sequential(layer))
    fix(model, torch.tensor([[1.0, 0.0]]))
    assert model(torch.ones(1, 2)).item() == pytest.approx(expected)
    mean = 0.8 * -2 + 7 if scale == "classic" else -2 + 7
    assert model.eval()(torch.ones(1, 2)).item() == pytest.approx(mean)


@pytest.mark.parametrize("scale", ["inverted", "classic"])
@pytest.mark.parametrize("mask", ["example", "batch", "gaussian"])
def test_outputs_have_the_two_moments(mask: str, scale: str):
    p, q, count, clock = 0.3, 0.7, 4000, Clock()
    model, row = net()[:1], torch.tensor([1.0, -2.0, 0.5, 3.0])
    weight, bias = model[0].weight.detach().clone(), model[0].bias.detach()
    make(clock, p=p, mask=mask, scale=scale).prepare_model(model)
    with torch.no_grad():
        if mask == "batch":
            drawn = torch.empty(count // 4, 3)
            for clock.step in range(len(drawn)):
                drawn[clock.step] = model(row)
        else:
            drawn = model(row.expand(count, 4))
    factor = 1.0 if scale == "inverted" else q
    mean = factor * weight @ row + bias
    variance = (factor / q) ** 2 * p * q * weight.square() @ row.square()
    assert ((drawn.mean(0) - mean).abs() < 5 * (variance / len(drawn)).sqrt()).all()
    correlation = torch.corrcoef(drawn.T)
    assert (correlation - torch.eye(3)).abs().max() < 5 / math.sqrt(len(drawn))
    torch.testing.assert_close(drawn.var(0), variance, rtol=0.15, atol=0)


@pytest.mark.parametrize("chunk", [1, 64 * 2**20])
def test_an_example_has_a_gradient_exactly_where_its_own_mask_is_one(
    chunk: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(weight_noise, "CHUNK_BYTES", chunk)  # 1: a chunk for every example
    model, rows, q = net(inputs=5)[:1], torch.rand(3, 5) + 0.5, 0.75
    weight, bias = model[0].weight, model[0].bias
    outputs = make(p=0.25, mask="example").prepare_model(model)(rows)
    masks = []
    for row, output in zip(rows, outputs, strict=True):
        (gradient,) = torch.autograd.grad(output.sum(), weight, retain_graph=True)
        masks.append((gradient != 0).float())
        torch.testing.assert_close(gradient, masks[-1] * row / q)
        torch.testing.assert_close(output, (masks[-1] * weight / q) @ row + bias)
    assert not torch.equal(masks[0], masks[1])
    assert 0 < torch.stack(masks).mean() < 1


def test_chunks_of_examples_hold_no_more_masked_weights_than_they_may(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(weight_noise, "CHUNK_BYTES", 200)  # 4 bytes * 15 weights * 3 examples = 180
    sizes: list[int] = []
    draw = Stream.mask

    def spy(self: Stream, like: Tensor, keep: float, shape: tuple[int, ...]) -> Tensor:
        sizes.append(shape[0])
        return draw(self, like, keep, shape)

    monkeypatch.setattr(Stream, "mask", spy)
    make(mask="example").prepare_model(net(inputs=5)[:1])(torch.rand(7, 5))
    assert sizes == [3, 3, 1]


def test_masks_with_equal_rows_are_dropout_on_the_inputs():
    torch.manual_seed(0)
    inputs, weight = torch.randn(6, 4), torch.randn(3, 4)
    kept = (torch.rand(6, 4) < 0.6).float()
    outputs = masked_product(inputs[:, None], weight, 0.4, FixedMask(kept[:, None].expand(6, 3, 4)))
    torch.testing.assert_close(outputs[:, 0], F.linear(inputs * kept / 0.6, weight))


def test_the_positions_of_an_example_share_its_mask():
    outputs = make(mask="example").prepare_model(net()[:1])(torch.ones(2, 5, 4))
    assert outputs.shape == (2, 5, 3)
    torch.testing.assert_close(outputs, outputs[:, :1].expand(2, 5, 3))
    assert not torch.allclose(outputs[0], outputs[1])


@pytest.mark.parametrize("first", ["dropconnect", "other"])
def test_what_another_member_adds_to_outputs_stays_in_either_order(first: str):
    """The other's noise at std 1000 leaves nothing of what the masks make."""
    other = WeightNoise(std=1000.0, per="example")
    other.stream = Stream(0, "weight_noise", Clock())
    members = [make(mask="example"), other]
    model = net()[:1]
    alone = make(mask="example").prepare_model(net()[:1])(torch.ones(2, 4))
    for member in members if first == "dropconnect" else members[::-1]:
        model = member.prepare_model(model)
    noise = Stream(0, "weight_noise", Clock(), "0.weight").normal(alone.shape)
    torch.testing.assert_close(model(torch.ones(2, 4)), alone + 1000 * 4**0.5 * noise)


def test_two_masks_of_each_example_are_refused():
    model = make(mask="example").prepare_model(net())
    said = r"^another member drops weights of 0 for each example; keep one$"
    with pytest.raises(ValueError, match=said):
        make(mask="example").prepare_model(model)


def test_a_convolution_uses_one_masked_kernel_for_the_batch():
    torch.manual_seed(0)
    conv, inputs = nn.Conv2d(2, 3, 3, stride=2, padding=1), torch.randn(4, 2, 5, 5)
    kernel, mask = conv.weight.detach().clone(), (torch.rand(3, 2, 3, 3) < 0.75).float()
    model = make(p=0.25).prepare_model(nn.Sequential(conv))
    fix(model, mask)
    expected = F.conv2d(inputs, mask * kernel / 0.75, conv.bias, stride=2, padding=1)
    torch.testing.assert_close(model(inputs), expected)


def test_gaussian_outputs_of_a_convolution_have_the_moments_of_masks_of_each_example():
    torch.manual_seed(0)
    conv, image = nn.Conv2d(1, 1, 2, padding=1), torch.tensor([[[1.0, -2.0], [0.5, 3.0]]])
    clean = conv(image[None]).detach()
    model = make(p=0.3, mask="gaussian").prepare_model(nn.Sequential(conv))
    drawn = model(image.expand(8000, 1, 2, 2)).detach()
    centre = 0.3 / 0.7 * (conv.weight.detach()[0] * image).square().sum()  # the window that sees all pixels
    corner = 0.3 / 0.7 * (conv.weight.detach()[0, 0, 1, 1] * 1.0).square()
    assert drawn[:, 0, 1, 1].var().item() == pytest.approx(centre.item(), rel=0.1)
    assert drawn[:, 0, 0, 0].var().item() == pytest.approx(corner.item(), rel=0.1)
    assert drawn[:, 0, 1, 1].mean().item() == pytest.approx(
        clean[0, 0, 1, 1].item(), abs=5 * math.sqrt(centre.item() / 8000)
    )


@pytest.mark.parametrize("mask", ["example", "batch", "gaussian"])
def test_the_raw_weight_learns_and_is_changed_by_nothing_else(mask: str):
    clock, model = Clock(), net()
    before = model[0].weight.detach().clone()
    make(clock, mask=mask, scale="classic").prepare_model(model)
    for clock.step in range(30):
        model(torch.ones(2, 4)).sum().backward()
    (raw,) = (weight for _, weight in regularized_weights(model))
    assert torch.equal(raw, before)
    assert torch.equal(plain_state(model)["0.weight"], before)
    assert isinstance(raw, nn.Parameter)
    assert raw.grad.abs().sum() > 0


def test_l2_beside_it_penalizes_the_raw_weight():
    model = make(p=0.9).prepare_model(net()[:1])
    forward = ForwardPass(model, Batch(torch.ones(1, 4), torch.ones(1, 3)), torch.ones(1, 3), ())
    penalty = L2(strength=3.0, mode="penalty", scope="weights").penalty(forward)
    assert penalty.item() == pytest.approx(1.5 * net()[0].weight.square().sum().item())


@pytest.mark.parametrize("mask", ["example", "batch", "gaussian"])
def test_evaluation_by_the_mean_is_the_plain_model(mask: str):
    plain, inputs = net().eval(), torch.randn(5, 4)
    model = make(mask=mask).prepare_model(net())
    assert not torch.allclose(model(inputs), plain(inputs))
    assert torch.equal(model.eval()(inputs), plain(inputs))
    scaled = make(mask=mask, scale="classic", p=0.2).prepare_model(net()).eval()
    expected = F.relu(F.linear(inputs, 0.8 * plain[0].weight, plain[0].bias))
    torch.testing.assert_close(scaled(inputs), expected)


def test_the_rectified_mean_at_textbook_values():
    # phi(0) = 0.398942; Phi(1) + phi(1) = 0.841345 + 0.241971; phi(1) - Phi(-1) = 0.241971 - 0.158655
    means = torch.tensor([0.0, 1.0, -1.0, 2.0])
    values = rectified_mean(means, torch.tensor([1.0, 1.0, 1.0, 1e-19]))
    assert values.tolist() == pytest.approx([0.398942, 1.083316, 0.083316, 2.0], abs=2e-6)


@pytest.mark.parametrize(("mean", "spread"), [(0.3, 0.2), (-0.5, 0.4), (2.0, 0.1), (-1.0, 3.0)])
def test_the_rectified_mean_is_the_integral(mean: float, spread: float):
    value = rectified_mean(torch.tensor(mean), torch.tensor(spread)).item()
    assert value == pytest.approx(integral(mean, spread), rel=1e-5)


@pytest.mark.parametrize("scale", ["inverted", "classic"])
@pytest.mark.parametrize("inference", ["closed", "gaussian"])
def test_inference_foretells_the_mean_over_real_masks(inference: str, scale: str):
    # by the mean weights the second unit would be 0, which is wrong: its pre-activation varies
    count, q = 3000, 0.6
    model, row = net(inputs=300, units=2), torch.rand(300)
    with torch.no_grad():
        model[0].weight -= model[0].weight.mean(1, keepdim=True)
        model[0].bias.copy_(torch.tensor([0.3, -0.2]))
        kept = (torch.rand(count, 600) < q).float().view(count, 2, 300) / (q if scale == "inverted" else 1)
        masked = F.relu(torch.einsum("boi,oi,i->bo", kept, model[0].weight, row) + model[0].bias).mean(0)
    prepared = make(p=0.4, inference=inference, samples=4000, scale=scale).prepare_model(model)
    torch.testing.assert_close(prepared.eval()(row[None])[0], masked, rtol=0.06, atol=0.004)


def test_sampled_inference_nears_the_closed_form_as_samples_grow():
    inputs, far = torch.randn(3, 4), []
    closed = make(inference="closed").prepare_model(net()).eval()(inputs)
    for samples in (4, 2500):
        sampled = make(inference="gaussian", samples=samples).prepare_model(net()).eval()(inputs)
        far.append((sampled - closed).abs().max().item())
    weight = net()[0].weight
    spread = (weight.square() @ inputs.T.square()).sqrt().max().item()  # p / q = 1
    assert far[1] < 4 * spread / math.sqrt(2500) < far[0]


@pytest.mark.parametrize("mask", ["example", "batch", "gaussian"])
@pytest.mark.parametrize("inference", ["closed", "gaussian"])
def test_inference_is_the_same_at_any_time_and_in_any_company(inference: str, mask: str):
    clock, inputs = Clock(), torch.randn(5, 4)
    model = make(clock, inference=inference, mask=mask).prepare_model(net()).eval()
    first = model(inputs)
    clock.step = 7
    assert torch.equal(model(inputs), first)
    torch.testing.assert_close(model(inputs[3:4]), first[3:4])


def test_any_activation_can_be_averaged_by_samples():
    inputs, plain = torch.ones(1, 4), net(body=nn.Tanh()).eval()
    model = make(inference="gaussian", samples=2000).prepare_model(net(body=nn.Tanh())).eval()
    weight = plain[0].weight.detach()
    draws = plain[0](inputs) + weight.square().sum(1).sqrt() * torch.randn(20_000, 3)
    torch.testing.assert_close(model(inputs)[0], draws.tanh().mean(0), rtol=0, atol=0.05)


def test_a_mask_lasts_for_a_pass():
    clock = Clock()
    layer = make(clock).prepare_model(net())[0]
    first = layer.weight.detach().clone()
    assert torch.equal(layer.weight, first)
    clock.passes = 1
    assert not torch.equal(layer.weight, first)


@pytest.mark.parametrize("mask", ["example", "gaussian"])
def test_every_pass_has_noise_of_its_own(mask: str):
    clock, inputs = Clock(), torch.ones(4, 4)
    model = make(clock, mask=mask).prepare_model(net()[:1])
    first = model(inputs)
    clock.passes = 1
    assert not torch.equal(model(inputs), first)
    clock.passes = 0
    assert torch.equal(make(mask=mask).prepare_model(net()[:1])(inputs), first)


@pytest.mark.parametrize("mask", ["example", "batch", "gaussian"])
def test_acts_on_a_weight_that_is_parametrized_already(mask: str):
    model, inputs = nn.Sequential(parametrizations.weight_norm(net()[0])), torch.randn(6, 4)
    clean = model(inputs)
    make(mask=mask).prepare_model(model)
    assert not torch.allclose(model(inputs), clean)
    model(inputs).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert torch.equal(model.eval()(inputs), clean)


@pytest.mark.parametrize("mask", ["example", "batch", "gaussian"])
def test_under_autocast_outputs_are_those_of_the_layer(mask: str):
    model = make(mask=mask).prepare_model(net())
    with torch.autocast("cpu", torch.bfloat16):
        outputs = model(torch.randn(3, 4))
    assert outputs.dtype == torch.bfloat16
    outputs.float().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


def test_dead_inputs_leave_finite_gradients():
    model, inputs = make(mask="gaussian").prepare_model(net()), torch.zeros(2, 4, requires_grad=True)
    model(inputs).sum().backward()
    assert inputs.grad.isfinite().all()
    assert model[0].weight.grad.isfinite().all()


def test_a_copy_of_the_model_works_by_itself():
    model, inputs = make(mask="gaussian", inference="closed").prepare_model(net()), torch.randn(3, 4)
    expected = model.eval()(inputs)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        with torch.no_grad():
            model[0].weight.zero_()
        assert torch.equal(other(inputs), expected)


@pytest.mark.parametrize("layer", [nn.LSTM(3, 4, batch_first=True), Recurrence("gru", 3, 4)])
def test_a_recurrent_mask_acts_from_the_second_step_on(layer: nn.Module):
    def states(model: nn.Module) -> Tensor:
        outputs = model[0](torch.ones(2, 3, 3))
        return outputs[0] if isinstance(outputs, tuple) else outputs

    model = nn.Sequential(layer, nn.Linear(4, 2))
    clean = states(model)
    make(layers="default").prepare_model(model)
    masked = states(model)
    assert list(layer.parametrizations) in (["weight_hh_l0"], ["weight_hh"])
    assert not parametrize.is_parametrized(model[1])
    torch.testing.assert_close(masked[:, 0], clean[:, 0])
    assert ((masked - clean)[:, 1:].abs().amax((0, 2)) > 1e-3).all()
    assert torch.equal(masked, states(model))
    torch.testing.assert_close(states(model.eval()), clean)


def test_all_steps_share_the_recurrent_mask():
    torch.manual_seed(0)
    layer, inputs = nn.RNN(2, 3, batch_first=True), torch.randn(1, 4, 2)
    mask = torch.tensor([[1.0, 0, 1], [0, 1, 0], [1, 1, 0]])
    weight = mask * layer.weight_hh_l0.detach() / 0.5
    make(layers="recurrent").prepare_model(nn.Sequential(layer))
    fix(layer, mask)
    state = torch.zeros(3)
    for step in inputs[0]:
        entering = layer.weight_ih_l0 @ step + layer.bias_ih_l0 + layer.bias_hh_l0
        state = (entering + weight @ state).tanh()
    torch.testing.assert_close(layer(inputs)[0][0, -1], state)


MODELS = {
    "mlp": lambda: MLP((4,), 3, width=5, depth=2, norm="none"),
    "cnn": lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 4), nn.Linear(4, 3)),
    "resnet": lambda: ResNet((1, 8, 8), 3, width=2, depth=8, norm="none"),
}


@pytest.mark.parametrize(
    ("model", "layers", "expected"),
    [
        ("mlp", "default", "layers.0.linear, layers.1.linear"),
        ("mlp", "dense", "layers.0.linear, layers.1.linear, head"),
        ("cnn", "default", "2"),
        ("cnn", "conv", "0"),
        ("cnn", "all", "0, 2, 3"),
        ("resnet", "default", "head"),
    ],
)
def test_which_layers_are_chosen(model: str, layers: str, expected: str):
    member, built = make(layers=layers), MODELS[model]()
    assert member.note() == ""
    member.prepare_model(built)
    assert member.note() == f"drops weights of {expected}"
    assert ", ".join(n for n, m in built.named_modules() if parametrize.is_parametrized(m)) == expected


@pytest.mark.parametrize(
    ("model", "fields", "message"),
    [
        ("mlp", {"layers": "conv"}, "MLP has no convolutional layer to drop weights of"),
        ("mlp", {"layers": "recurrent"}, "MLP has no recurrent layer to drop weights of"),
        (
            "cnn",
            {"layers": "all", "mask": "example"},
            "mask must be batch or gaussian for convolutional layers such as 0, got example",
        ),
        (
            "mlp",
            {"layers": "dense", "inference": "closed"},
            "inference must be mean for head, whose output goes straight into no hidden site, got closed",
        ),
        (
            "resnet",
            {"layers": "conv", "inference": "gaussian"},
            "inference must be mean for blocks.0.branch.body.second.conv, whose output goes straight into no "
            "hidden site, got gaussian",
        ),
    ],
)
def test_refuses_what_it_cannot_act_on(model: str, fields: dict[str, str], message: str):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        make(**fields).prepare_model(MODELS[model]())


@pytest.mark.parametrize("mask", ["example", "gaussian"])
def test_refuses_other_masks_on_recurrent_weights(mask: str):
    with pytest.raises(ValueError, match=rf"^mask must be batch for recurrent layers such as 0, got {mask}$"):
        make(mask=mask).prepare_model(nn.Sequential(nn.LSTM(3, 4)))


def kinds_of_noise(layer: nn.Module) -> tuple[bool, bool]:
    """Whether a layer's weight is masked, and whether its outputs have noise."""
    masked = any(isinstance(m, MaskedWeight) for m in layer.modules())
    return masked, any(isinstance(h, InTraining) for h in layer._forward_hooks.values())


def test_by_default_every_example_has_noise_of_its_own_but_for_recurrent_weights():
    model = nn.Sequential(nn.Conv1d(2, 2, 1), nn.Linear(3, 4), nn.LSTM(4, 4))
    make(mask="default").prepare_model(model)
    assert [kinds_of_noise(layer) for layer in model] == [(False, True), (False, True), (True, False)]
    dense = make(mask="default").prepare_model(net()[:1])
    rows = dense(torch.ones(2, 4))
    assert not torch.equal(rows[0], rows[1])


@pytest.mark.parametrize(
    ("mask", "layer", "p"),
    [
        ("batch", nn.Linear(2, 2), 0.5),
        ("batch", nn.Conv1d(2, 2, 1), 0.5),
        ("batch", nn.LSTM(2, 2), 0.0),
        ("default", nn.LSTM(2, 2), 0.0),
        ("default", nn.Linear(2, 2), 0.0),
        ("example", nn.Linear(2, 2), 0.0),
    ],
)
def test_a_mask_that_rows_share_though_each_could_have_its_own_is_said(mask: str, layer: nn.Module, p: float):
    member = make(mask=mask)
    assert member.shared_noise() == 0.0
    member.prepare_model(nn.Sequential(layer))
    assert member.shared_noise() == p


def test_the_closed_form_is_for_rectifiers():
    with pytest.raises(ValueError, match=r"^inference must be mean or gaussian for 0, whose activation"):
        make(inference="closed").prepare_model(net(body=nn.GELU()))


def test_averaging_refuses_a_normalization_between_whenever_it_comes():
    early, late = net(), net()
    early[1].body = nn.BatchNorm1d(3)
    with pytest.raises(ValueError, match=r"^inference must be mean for 0, .* got closed$"):
        make(inference="closed").prepare_model(early)
    member = make(inference="closed")
    member.prepare_model(late)
    member.prepare_optimizer(None)
    late[1].body = nn.BatchNorm1d(3)
    with pytest.raises(ValueError, match=r"^inference must be mean for 0, .* got closed$"):
        member.prepare_optimizer(None)
    with pytest.raises(ValueError, match=r"straight into the hidden site, got something between$"):
        late.eval()(torch.ones(2, 4))


def test_refuses_to_average_twice():
    model = make(inference="closed").prepare_model(net())
    with pytest.raises(ValueError, match=r"^inference must be mean where another member averages"):
        make(inference="gaussian").prepare_model(model)


def test_probability_zero_leaves_the_model_alone():
    model = make(p=0.0, scale="classic", inference="closed", mask="gaussian").prepare_model(net())
    assert str(model) == str(net())
    assert not model[0]._forward_hooks


@pytest.mark.parametrize("p", [-0.1, 1.0, 1.5])
def test_refuses_a_probability_outside_its_range(p: float):
    with pytest.raises(ValueError, match=rf"^p must lie in \[0, 1\), got {p}$"):
        make(p=p)


def test_refuses_fewer_than_one_sample():
    with pytest.raises(ValueError, match=r"^samples must be at least 1, got 0$"):
        make(samples=0)

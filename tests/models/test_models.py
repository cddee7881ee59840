"""What holds for every model."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor, nn

from regbench.models.cnn import CNN
from regbench.models.mlp import MLP
from regbench.models.resnet import ResNet
from regbench.models.table_resnet import TableResNet
from regbench.nn.grouping import GroupedChannels
from regbench.sites import Site, recording, sites

CONFIGS = Path(__file__).parents[2] / "configs" / "model"
TARGETS = {"mlp": MLP, "cnn": CNN, "resnet": ResNet, "resnet18": ResNet, "table_resnet": TableResNet}
BODIES = {
    "none": {nn.Identity},
    "batch": {nn.BatchNorm1d, nn.BatchNorm2d},
    "layer": {nn.LayerNorm, nn.GroupNorm},
    "group": {GroupedChannels},
}


def build(name: str, norm: str = "batch", in_shape: tuple[int, ...] = (1, 8, 8)) -> nn.Module:
    sizes = {"mlp": (96, 2), "cnn": (24, 2), "resnet": (8, 8), "resnet18": (12, 18), "table_resnet": (48, 2)}
    width, depth = sizes[name]
    more = {"cnn": {"connection": "conv"}, "table_resnet": {"hidden_factor": 2.0}}.get(name, {})
    return TARGETS[name](in_shape, 10, width=width, depth=depth, norm=norm, **more)


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("in_shape", [(1, 8, 8), (1, 28, 28), (3, 32, 32), (2, 9, 11)])
def test_each_site_says_the_shape_that_passes_it(name: str, in_shape: tuple[int, ...]) -> None:
    model = build(name, in_shape=in_shape)
    seen: dict[str, tuple[int, ...]] = {}
    for label, module in model.named_modules():
        if isinstance(module, Site):
            module.register_forward_hook(lambda m, i, out, label=label: seen.update({label: out.shape[1:]}))
    logits = model(torch.randn(2, *in_shape))
    assert logits.shape == (2, 10)
    said = {label: module.shape for label, module in model.named_modules() if isinstance(module, Site)}
    assert {label: tuple(shape) for label, shape in seen.items()} == said
    assert next(iter(seen)) == "input"
    assert said["input"] == in_shape


@pytest.mark.parametrize("name", TARGETS)
def test_the_axis_of_a_norm_site_is_the_one_that_is_normalized(name: str) -> None:
    for label, site in sites(build(name), "norm"):
        assert site.shape[site.axis] == site.body.num_features, label
        assert isinstance(site.body, nn.BatchNorm1d if len(site.shape) == 1 else nn.BatchNorm2d)


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("norm", BODIES)
def test_norm_swaps_what_stands_at_every_norm_site(name: str, norm: str) -> None:
    model = build(name, norm)
    assert {type(site.body) for _, site in sites(model, "norm")} <= BODIES[norm]
    held = [m for m in model.modules() if type(m) in BODIES["batch"] | BODIES["layer"] | BODIES["group"]]
    assert len(held) == (0 if norm == "none" else len(sites(model, "norm")))
    assert model(torch.randn(2, 1, 8, 8)).isfinite().all()


@pytest.mark.parametrize("name", TARGETS)
def test_hidden_outputs_come_in_the_order_of_the_sites(name: str) -> None:
    model = build(name)
    with recording(model, wanted=True) as hidden:
        model(torch.randn(2, 1, 8, 8))
    assert [tuple(h.shape[1:]) for h in hidden] == [site.shape for _, site in sites(model, "hidden")]
    assert all((h >= 0).all() for h in hidden)  # ReLUs, and means of them


@pytest.mark.parametrize("name", TARGETS)
def test_evaluation_is_deterministic_and_judges_each_row_alone(name: str) -> None:
    model = build(name)
    model(torch.randn(8, 1, 8, 8))  # running statistics that are not those of the start
    model.eval()
    inputs = torch.randn(4, 1, 8, 8)
    before: dict[str, Tensor] = {n: b.clone() for n, b in model.named_buffers()}
    with torch.no_grad():
        logits = model(inputs)
        assert torch.equal(model(inputs), logits)
        torch.testing.assert_close(model(inputs[1:2]), logits[1:2], rtol=1e-4, atol=1e-5)
    assert all(torch.equal(before[n], b) for n, b in model.named_buffers())


@pytest.mark.parametrize("name", TARGETS)
def test_the_same_seed_builds_the_same_weights(name: str) -> None:
    states: list[dict[str, Any]] = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        states.append(build(name).state_dict())
    one, again, other = states
    assert all(torch.equal(one[key], again[key]) for key in one)
    assert not all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("name", TARGETS)
def test_every_parameter_gets_a_gradient(name: str) -> None:
    model = build(name)
    model(torch.randn(4, 1, 8, 8)).square().sum().backward()
    assert [n for n, p in model.named_parameters() if p.grad is None] == []


@pytest.mark.parametrize("name", TARGETS)
def test_the_yaml_holds_the_constructors_arguments_and_builds(name: str) -> None:
    values = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text())
    cls = TARGETS[name]
    assert values.pop("_target_") == f"{cls.__module__}.{cls.__name__}"
    values.pop("lr", None)
    values.pop("tie", None)
    assert values.keys() == inspect.signature(cls).parameters.keys() - {"in_shape", "num_classes"}
    with torch.device("meta"):
        assert isinstance(cls((1, 28, 28), 10, **values), nn.Module)


def test_every_yaml_is_a_model_of_ours_or_a_persons_own() -> None:
    assert {path.stem for path in CONFIGS.glob("*.yaml")} == {
        *TARGETS,
        "rnn",
        "transformer",
        "own",
        "timm",
        "torchvision",
    }
    assert yaml.safe_load((CONFIGS / "own.yaml").read_text()) == {"_target_": "???"}

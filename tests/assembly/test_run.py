"""A configuration in, a run out; what cannot be is refused in one sentence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from regbench.assembly import run as build
from regbench.assembly.data import load_data
from regbench.assembly.device import find_device
from regbench.assembly.model import build_model
from regbench.assembly.optimization import build_optimizer
from regbench.assembly.run import build_run, check
from regbench.assembly.stack import build_stack
from regbench.errors import ConfigError
from regbench.regularizers.base import Regularizer, Stack
from regbench.training.loop import Run
from regbench.types import Batch, Split
from tests.conftest import TINY, compose, reg_node, tiny

MODELS = """
import torch
from torch import nn

class Both(nn.Module):
    def __init__(self, in_shape, num_classes):
        super().__init__()
        self.given = (in_shape, num_classes)
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(in_shape[1] * in_shape[2], num_classes))

    def forward(self, inputs):
        return self.layers(inputs)

class Neither(nn.Module):
    def __init__(self, width: int = 3):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.Linear(width, 10))

    def forward(self, inputs):
        return self.layers(inputs)

class Wrong(Neither):
    def forward(self, inputs):
        return self.layers(inputs)[:, :9]

class Pair(Neither):
    def forward(self, inputs):
        return None, self.layers(inputs)

class NoModule:
    pass

def made(num_classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, num_classes))
"""


@pytest.fixture(autouse=True)
def _own_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "built_models.py").write_text(MODELS)
    monkeypatch.syspath_prepend(tmp_path)


def own(name: str, reg: dict[str, Any] | None = None, **values: Any) -> dict[str, Any]:
    return tiny(reg=reg) | {"model": {"_target_": f"built_models.{name}", **values}}


def complaint(config: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as caught:
        build_run(config)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- a model of a person's own


def test_a_model_is_given_shape_and_classes_if_it_takes_them() -> None:
    assert build_run(own("Both")).model.net.given == ((1, 8, 8), 10)
    assert build_run(own("Neither", width=5)).model.net.layers[1].out_features == 5
    assert build_run(own("made")).model.net[1].out_features == 10


def test_the_inputs_of_any_model_are_standardized_by_the_train_split() -> None:
    run = build_run(own("Neither"))
    inputs = run.data.train[:].inputs
    shown = run.model.normalization(inputs)
    assert shown.mean().item() == pytest.approx(0, abs=1e-5)
    assert shown.std().item() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Wrong", "model: must return logits of shape (B, 10), got (2, 9) for two rows"),
        ("Pair", "model: must return logits of shape (B, 10), got tuple for two rows"),
        ("NoModule", "model._target_: must name a torch module, got built_models.NoModule"),
        ("Neihter", "model._target_: module built_models has no class 'Neihter'"),
    ],
)
def test_what_is_no_classifier_is_refused(name: str, said: str) -> None:
    assert complaint(own(name)) == said


def test_a_field_that_a_model_does_not_have_is_refused() -> None:
    assert complaint(own("Neither", widht=3)) == "model: no such field 'widht'; did you mean 'width'?"


def test_a_model_without_sites_is_told_what_a_member_misses() -> None:
    assert complaint(own("Neither", {"dropout": reg_node("dropout")})) == (
        "reg.dropout: Neither has no 'hidden' site; `regbench list sites` shows what was found in it, "
        "model.sites={KIND: [PATH]} names more"
    )


def test_the_size_of_a_package_s_model_is_checked() -> None:
    config = tiny()
    assert (
        complaint(config | {"model": config["model"] | {"width": 0}})
        == "model: width must be at least 1, got 0"
    )


# --- seeds


def weights(config: dict[str, Any]) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in build_run(config).model.parameters()])


def test_initial_weights_follow_the_seed_and_nothing_before() -> None:
    first = weights(tiny())
    torch.manual_seed(99)
    assert torch.equal(weights(tiny()), first)
    assert not torch.equal(weights(tiny() | {"seed": 1}), first)


# --- refusals of members


def test_a_refusal_within_a_stack_is_named_by_its_path() -> None:
    reg = {"outer": {"inner": reg_node("dropout", where=[7])}}
    assert complaint(tiny(reg=reg)).startswith(
        "reg.outer.inner: where must list indices of MLP's hidden sites"
    )


def test_a_refusal_of_the_data_is_named_by_its_path() -> None:
    reg = {"outer": {"soft": reg_node("label_smoothing", epsilon=0.95)}}
    assert complaint(tiny(reg=reg)).startswith("reg.outer.soft: epsilon must be below 0.9 with 10 classes")


def test_a_refusal_of_the_optimizer_is_named_by_its_path() -> None:
    reg = {"outer": {"l2": reg_node("l2", mode="decoupled", strength=30.0)}}
    assert complaint(tiny(reg=reg)) == "reg.outer.l2: lr * strength must lie below 1, got 1.5"


@pytest.mark.parametrize(
    ("reg", "said"),
    [
        ({"dropout": reg_node("dropout", p=1.5)}, "reg.dropout: p must lie in [0, 1), got 1.5"),
        ({"s": {"d": reg_node("dropout", p=1)}}, "reg.s.d: p must lie in [0, 1), got 1.0"),
        ({"dropout": 0.5}, "reg.dropout: set, but reg.dropout was never added; add it with +reg=dropout"),
        (
            {"x": {"_target_": "fractions.Fraction"}},
            "reg.x._target_: must name a Regularizer, got fractions.Fraction",
        ),
        (
            {"a": reg_node("ema"), "s": {"b": reg_node("ema")}},
            "reg: a and b each replace the evaluated model; keep one",
        ),
        ({"s": {"data": reg_node("l2")}}, "reg.s: each member needs a name of its own, got 'data' twice"),
    ],
)
def test_a_stack_that_cannot_be_is_refused(reg: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build_stack(reg)
    assert str(caught.value) == said


def test_a_node_without_a_target_is_a_stack_of_its_own() -> None:
    stack = build_stack({"dropout": reg_node("dropout"), "s": {"mixup": reg_node("mixup"), "t": {}}})
    assert [name for name, _ in stack.leaves()] == ["dropout", "mixup"]
    assert isinstance(stack.members["s"], Stack)
    assert list(build_stack(None).leaves()) == []


def test_members_prepare_data_then_model_then_optimizer_each_for_all() -> None:
    class Spy(Regularizer):
        def __init__(self, name: str) -> None:
            self.name = name

        def prepare_data(self, train: Split) -> None:
            log.append(("data", self.name, len(train)))

        def prepare_model(self, model: Any) -> Any:
            log.append(("model", self.name, self.stream is not None))
            return model

        def prepare_optimizer(self, optimizer: Any) -> Any:
            log.append(("optimizer", self.name, len(optimizer.param_groups)))
            return optimizer

        def transform_batch(self, batch: Batch) -> Batch:
            raise ValueError("nothing may train while a run is built")

    log: list[tuple[str, str, Any]] = []
    stack = Stack({name: Spy(name) for name in ("a", "b")})
    assert isinstance(build_run(tiny(), stack), Run)
    assert log == [(h, n, v) for h, v in (("data", 97), ("model", True), ("optimizer", 1)) for n in "ab"]
    log.clear()
    build_run(tiny(), stack, learn=False)
    assert [hook for hook, *_ in log] == ["model", "model", "optimizer", "optimizer"]


# --- optimizer


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_an_optimizer_that_decays_weights_is_refused(name: str) -> None:
    config = compose(f"optimizer={name}")
    node = config["optimizer"] | {"weight_decay": 0.1}
    with pytest.raises(ConfigError, match=r"^optimizer: weight_decay must be 0, got 0\.1; .*l2"):
        build_optimizer(node, torch.nn.Linear(1, 1), 0.1)


def test_an_optimizer_that_decays_by_its_own_default_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^optimizer: decays weights by its own default"):
        build_optimizer({"_target_": "torch.optim.AdamW"}, torch.nn.Linear(1, 1), 0.1)


def test_the_optimizer_has_every_parameter_and_the_learning_rate_of_train() -> None:
    run = build_run(tiny(lr=0.25))
    held = [p for group in run.optimizer.param_groups for p in group["params"]]
    assert {id(p) for p in held} == {id(p) for p in run.model.parameters()}
    assert run.optimizer.param_groups[0]["lr"] == run.lr == 0.25
    assert run.optimizer.param_groups[0]["momentum"] == 0.9


# --- device


def test_the_words_for_devices_are_understood() -> None:
    assert find_device("cpu") == torch.device("cpu")
    assert find_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "cuda:-1", "", "cpu0"])
def test_other_words_for_devices_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"^device: must be auto, cpu, cuda or cuda:N, got "):
        find_device(name)


def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"^device: cuda:99 is not there; this machine has \d+ CUDA devices$"
    ):
        find_device("cuda:99")


# --- data


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"num_train": 0}, "dataset: num_train must be at least 1, got 0"),
        ({"label_noise": 1.0}, "dataset: label_noise must lie in [0, 1), got 1.0"),
        ({"train_fraction": 0}, "dataset: train_fraction must lie in (0, 1], got 0.0"),
        ({"train_fraction": "half"}, "dataset: train_fraction must be a number, got 'half'"),
        ({"colour": 3}, "dataset: no such field 'colour'"),
    ],
)
def test_a_dataset_that_cannot_be_is_refused_by_its_key(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_data(tiny()["dataset"] | values)
    assert str(caught.value) == said


def test_more_rows_than_there_are_is_refused_by_the_key() -> None:
    with pytest.raises(ConfigError, match=r"^dataset: .*10000"):
        load_data(tiny()["dataset"] | {"num_train": 10_000})


def test_a_folder_that_is_not_there_is_refused_by_the_key(tmp_path: Path) -> None:
    config = compose("dataset=image_folder", f"dataset.path={tmp_path}/none")
    with pytest.raises(ConfigError, match=r"^dataset: path must be a folder, got "):
        check(config)


def test_corruption_is_refused_where_inputs_are_no_images() -> None:
    config = compose(*TINY["text"]) | {"evaluate": ["calibration", "corruption"]}
    with pytest.raises(ConfigError, match=r"^evaluate: corruption needs images, got a text dataset$"):
        check(config)
    check(config | {"evaluate": ["calibration"]})
    check(tiny() | {"evaluate": ["corruption"]})


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        (torch.rand(4, 64), "inputs must be images of shape (B, C, H, W), got (4, 64)"),
        (3 * torch.ones(4, 1, 8, 8), "pixels must lie in [0, 1], got 3 to 3"),
    ],
)
def test_corruption_is_refused_of_other_numbers(
    inputs: torch.Tensor, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = load_data(tiny()["dataset"])
    odd = replace(data, val=Split(inputs, torch.zeros(4, dtype=torch.int64), 10))
    monkeypatch.setattr(build, "load_data", lambda node: odd)
    assert (
        complaint(tiny() | {"evaluate": ["corruption"]}) == f"evaluate: corruption needs images, and {said}"
    )
    assert isinstance(build_run(tiny()), Run)


def test_a_split_value_that_is_missing_is_asked_for() -> None:
    node = {name: value for name, value in tiny()["dataset"].items() if name != "split_seed"}
    with pytest.raises(ConfigError, match=r"^dataset: split_seed has no value; set \+dataset\.split_seed="):
        load_data(node)


def test_a_batch_of_more_rows_than_there_are_is_all_of_them_and_that_is_said() -> None:
    assert build_run(tiny(batch_size=97)).batch_size == 97
    assert build_run(tiny(batch_size=97)).warnings == []
    run = build_run(tiny(batch_size=98))
    assert run.batch_size == 97
    assert run.warnings == ["train.batch_size 98 is more than the 97 rows of train; a batch is all 97"]


def test_one_train_row_is_refused_with_what_to_type() -> None:
    config = tiny()
    config["dataset"] = config["dataset"] | {"num_train": 1}
    assert complaint(config) == (
        "dataset: must leave at least 2 train rows, got 1; set dataset.num_train=2 or more, or a larger "
        "dataset.train_fraction"
    )


def test_the_plain_model_is_built_the_same_for_every_stack() -> None:
    config = tiny()
    data = load_data(config["dataset"])
    plain = build_model(config["model"], data, 0).state_dict()
    run = build_run(config | {"reg": {"dropout": reg_node("dropout")}})
    assert all(torch.equal(tensor, run.model.state_dict()[name]) for name, tensor in plain.items())

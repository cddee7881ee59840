"""A person's own model: what is given to it, what is taken of it, and what is refused before it trains."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from regbench.assembly.run import build_run
from regbench.assembly.stack import build_stack
from regbench.errors import ConfigError
from regbench.training.audit import audit
from regbench.training.loop import EpochEnd, Run, fit
from tests.conftest import TINY, compose, reg_node, tiny

MODELS = '''
import random
from collections import namedtuple

import numpy as np
import torch
from torch import nn

Output = namedtuple("Output", "aux logits")

class Net(nn.Module):
    def __init__(self, num_classes=10, hidden: int = 8):
        super().__init__()
        head = nn.Linear(hidden, num_classes)
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(64, hidden), nn.ReLU(), head)

    def forward(self, inputs):
        return self.layers(inputs)

def built(name="Net", **passed_on):
    return globals()[name](**passed_on)

class Labels(Net):
    def __init__(self, num_labels: int = 2):
        super().__init__(num_labels)

class Aux(Net):
    """More than logits, and only in training."""

    def __init__(self, num_classes):
        super().__init__(num_classes)
        self.aux = nn.Linear(64, num_classes)

    def forward(self, inputs):
        logits = self.layers(inputs)
        return Output(self.aux(inputs.flatten(1)), logits) if self.training else logits

class Softmax(Net):
    def forward(self, inputs):
        logits = self.layers(inputs)
        return logits if self.training else logits.softmax(1)

class Constant(Net):
    def forward(self, inputs):
        return self.layers(0 * inputs)

class Narrow(Net):
    def forward(self, inputs):
        logits = self.layers(inputs)
        return logits[:, :9] if self.training else logits

class Squeezed(Net):
    def forward(self, inputs):
        return self.layers(inputs).squeeze()

class Detached(Net):
    def forward(self, inputs):
        return self.layers(inputs).detach()

class Frozen(Net):
    def __init__(self, num_classes):
        super().__init__(num_classes)
        self.requires_grad_(False)

class Empty(nn.Module):
    def forward(self, inputs):
        return inputs.flatten(1)[:, :10]

class Overwritten(Net):
    def forward(self, inputs):
        logits = self.layers(inputs).exp()
        logits += 1
        return logits

class OnlyOnce(Net):
    def forward(self, inputs):
        if self.training:
            raise LookupError("no training here")
        return self.layers(inputs)

class Colour(nn.Module):
    def __init__(self, num_classes, in_chans: int = 3):
        super().__init__()
        self.conv = nn.Conv2d(in_chans, 4, 3)
        self.head = nn.Linear(4, num_classes)

    def forward(self, inputs):
        return self.head(self.conv(inputs).mean((2, 3)))

class OnlyColour(Colour):
    def __init__(self, num_classes):
        super().__init__(num_classes)

class Sized(Colour):
    def __init__(self, num_classes, image_size: int = 224, in_chans: int = 3):
        super().__init__(num_classes, in_chans)
        self.image_size = image_size

    def forward(self, inputs):
        assert inputs.shape[-1] == self.image_size, f"Expected {self.image_size}"
        return super().forward(inputs)

class Lazy(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        head = nn.LazyLinear(num_classes)
        self.layers = nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.Flatten(), head)

    def forward(self, inputs):
        return self.layers(inputs)

class NeverReached(Lazy):
    def __init__(self, num_classes):
        super().__init__(num_classes)
        self.other = nn.LazyLinear(num_classes)

class Normed(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.norm = nn.BatchNorm1d(64)
        self.head = nn.Linear(64, num_classes)

    def forward(self, inputs):
        return self.head(self.norm(inputs.flatten(1)))

class Words(nn.Module):
    def __init__(self, num_classes, vocabulary):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, 4)
        self.head = nn.Linear(4, num_classes)

    def forward(self, inputs):
        return self.head(self.embed(inputs).mean(1))

class Overwriting(Words):
    def forward(self, inputs):
        inputs[:, 0] = 0
        return super().forward(inputs)

class Drawing(Net):
    """From each of the three generators, while it is made and in each training step."""

    def __init__(self, num_classes):
        super().__init__(num_classes)
        self.scale = 1 + random.random() + np.random.rand()
        self.drop = nn.Dropout(0.5)

    def forward(self, inputs):
        if self.training:
            inputs = self.drop(inputs) * (random.random() + np.random.rand())
        return self.layers(self.scale * inputs)

made = Net()
'''


@pytest.fixture(autouse=True)
def _persons_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "persons_models.py").write_text(MODELS)
    monkeypatch.syspath_prepend(tmp_path)


def own(name: str, reg: dict[str, Any] | None = None, /, **values: Any) -> dict[str, Any]:
    return tiny(reg=reg) | {"model": {"_target_": f"persons_models.{name}", **values}}


def text(name: str, /, **values: Any) -> dict[str, Any]:
    node = {"_target_": f"persons_models.{name}", **values}
    return compose(*TINY["text"], "device=cpu", "train.batch_size=8") | {"model": node}


def complaint(config: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as caught:
        build_run(config)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def records(run: Run, history: Any = ()) -> list[Any]:
    return [event.record for event in fit(run, history) if isinstance(event, EpochEnd)]


def figures(found: list[Any]) -> list[dict[str, float]]:
    return [{n: v for n, v in r.metrics.items() if not n.startswith("time/")} for r in found]


def warnings_of(config: dict[str, Any]) -> list[str]:
    def make(without: str | None) -> Run:
        stack = build_stack(config["reg"])
        return build_run(config, stack.without(without) if without else stack)

    return audit(make).warnings


# --- what is given


def test_a_builder_that_passes_its_words_on_is_given_those_that_are_taken_there() -> None:
    net = build_run(own("built", hidden=5)).model.net
    assert [layer.out_features for layer in net.layers if isinstance(layer, nn.Linear)] == [5, 10]


def test_torchvision_s_builders_are_called_by_their_path() -> None:
    for name, values in {"squeezenet1_1": {}, "get_model": {"name": "shufflenet_v2_x0_5"}}.items():
        config = tiny() | {"model": {"_target_": f"torchvision.models.{name}", **values}}
        said = complaint(config)  # the digits are grey: they are made, and cannot take them
        assert "; its first convolution takes 3 channels and the dataset has 1: take another" in said


def test_a_model_of_other_words_is_answered_with_them() -> None:
    assert complaint(own("Labels")) == (
        "model: must return logits of shape (B, 10), got (2, 2) for two rows; type +model.num_labels=10"
    )
    assert complaint(own("Labels", num_labels=3)).endswith("; type model.num_labels=10")
    build_run(own("Labels", num_labels=10))


def test_channels_and_sides_that_do_not_fit_are_answered_with_what_to_type() -> None:
    said = complaint(own("Colour"))
    assert said.startswith("model: must take inputs of shape (2, 1, 8, 8), and says: Given groups=1, ")
    assert said.endswith("; type +model.in_chans=1")
    assert complaint(own("Sized")).endswith("; type +model.image_size=8 +model.in_chans=1")
    assert complaint(own("built", name="Colour")).endswith("; type +model.in_chans=1")
    assert "; its first convolution takes 3 channels and the dataset has 1: " in complaint(own("OnlyColour"))
    build_run(own("Sized", image_size=8, in_chans=1))


def test_a_dataset_whose_channels_and_size_may_be_set_is_named_too(tmp_path: Path) -> None:
    from PIL import Image

    for name, grey in {"dark": 10, "light": 200}.items():
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(20):
            Image.new("L", (40, 40), grey + number).save(tmp_path / "photos" / name / f"{number}.png")
    words = [f"dataset.path={tmp_path}/photos", f"dataset.root={tmp_path}", "dataset.channels=1"]
    config = compose("dataset=image_folder", *words, "dataset.size=16", "train.batch_size=4", "device=cpu")
    for name, said in {"OnlyColour": "dataset.channels=3", "Sized": "+model.image_size=16"}.items():
        node = {"_target_": f"persons_models.{name}"} | ({"in_chans": 1} if name == "Sized" else {})
        assert complaint(config | {"model": node}).endswith(f"; type {said}")
    node = {"_target_": "persons_models.Sized", "image_size": 32}
    assert complaint(config | {"model": node | {"in_chans": 1}}).endswith("; type model.image_size=16")


def test_text_needs_a_model_that_takes_the_vocabulary_through_whatever_hands() -> None:
    for name in ("Net", "built"):
        assert complaint(text(name)).startswith(f"model: {name} takes no token ids, got a text dataset; ")
    build_run(text("Words"))
    build_run(text("built", name="Words"))


def test_a_module_that_has_been_made_is_no_class() -> None:
    assert complaint(own("made")) == (
        "model._target_: must name a class or a function that makes a module, and persons_models.made is one "
        "that has been made"
    )


# --- what is taken


def test_more_than_logits_in_training_is_passed_over_and_the_rest_told() -> None:
    run, plain = build_run(own("Aux")), build_run(own("Net"))
    plain.model.net.load_state_dict(run.model.net.state_dict(), strict=False)
    assert figures(records(run)) == figures(records(plain))  # as if there were no other head
    (said,) = warnings_of(own("Aux"))
    assert said == "Aux: its logits do not depend on aux.weight and aux.bias, so nothing trains them"


def test_names_in_checkpoints_are_those_of_the_model_itself() -> None:
    state = build_run(own("Aux")).model.state_dict()
    assert {n.split(".")[0] for n in state} == {"normalization", "net"}
    assert "net.aux.weight" in state


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Net", []),
        ("Softmax", ["returns rows that sum to one already"]),
        ("Constant", ["returns the same logits for every row"]),
    ],
)
def test_logits_that_are_seldom_meant_are_warned_of(name: str, said: list[str]) -> None:
    warned = warnings_of(own(name))
    assert len(warned) == len(said)
    assert all(w.startswith(f"{name}: {s}") for w, s in zip(warned, said, strict=True))


def test_layers_that_wait_for_their_first_inputs_have_weights_before_the_optimizer_does() -> None:
    run = build_run(own("Lazy", {"l2": reg_node("l2")}))
    held = {id(p) for group in run.optimizer.param_groups for p in group["params"]}
    assert held == {id(p) for p in run.model.parameters()}
    assert run.model.net.layers[3].weight.shape == (10, 4 * 6 * 6)
    assert figures(records(run)) == figures(records(build_run(own("Lazy", {"l2": reg_node("l2")}))))
    assert complaint(own("NeverReached")) == (
        "model: its forward pass never reaches other.weight and other.bias, which wait for it"
    )


def test_trying_a_model_moves_neither_its_statistics_nor_anybody_s_draws() -> None:
    model = build_run(own("Normed")).model
    assert model.net.norm.running_mean.abs().sum() == 0
    assert model.net.norm.num_batches_tracked == 0
    draws = []
    for name in ("Net", "Aux"):  # the second is drawn from more often while it is made, not while it is tried
        build_run(own(name))
        torch.manual_seed(0)
        draws.append((torch.rand(1).item(), random.random(), np.random.rand()))
    assert draws[0][1:] == draws[1][1:]


# --- what is refused


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Narrow", "model: must return logits of shape (B, 10), got (2, 9) for two rows in training"),
        ("Squeezed", "model: must return logits of shape (B, 10), got (10,) for one row"),
        ("Frozen", "model: must have parameters to train, and each of its 4 has requires_grad=False"),
        ("Empty", "model: must have parameters to train, and it has none"),
        ("Detached", "model: its logits must have a gradient, and none leads back to its parameters"),
        ("Overwritten", "model: must have a gradient in training, and says: one of the variables needed"),
        (
            "OnlyOnce",
            "model: must take inputs of shape (2, 1, 8, 8) in training, and says: LookupError: no training "
            "here (persons_models.py, line ",
        ),
    ],
)
def test_what_cannot_train_is_refused_before_anything_trains(name: str, said: str) -> None:
    assert complaint(own(name)).startswith(said)


def test_a_model_that_writes_into_its_inputs_is_refused() -> None:
    assert complaint(text("Overwriting")) == (
        "model: must leave its inputs as they are, and its forward pass changes them"
    )


# --- its own random numbers


def test_one_seed_gives_one_run_whatever_the_model_draws_from() -> None:
    first = figures(records(build_run(own("Drawing"))))
    random.seed(7)
    np.random.seed(7)
    assert figures(records(build_run(own("Drawing")))) == first
    assert figures(records(build_run(own("Drawing") | {"seed": 1}))) != first


def test_a_run_that_is_resumed_draws_on_as_if_it_had_never_stopped() -> None:
    config = own("Drawing")
    config["optimizer"] = {"_target_": "torch.optim.SGD"}  # keeps no state
    whole = build_run(config)
    expected = records(whole)
    stopped = build_run(config)
    first = next(event for event in fit(stopped) if isinstance(event, EpochEnd))
    random.random()
    again = build_run(config)
    again.model.load_state_dict(stopped.model.state_dict())
    assert figures([first.record, *records(again, [first.record])]) == figures(expected)
    assert all(torch.equal(t, again.model.state_dict()[n]) for n, t in whole.model.state_dict().items())


SOURCE = """
import random
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from regbench.regularizers.base import Regularizer
from regbench.types import Batch

@dataclass
class Drawn:
    scale: ClassVar = 1.0
    mirrors: ClassVar = False
    in_shape: ClassVar = (4,)
    num_classes: ClassVar = 2

    def fetch(self):
        pass

    def train(self):
        labels = torch.arange(40) % 2
        noise = torch.from_numpy(np.random.rand(40, 4)).float() + random.random() + torch.rand(40, 4)
        return labels[:, None] + noise, labels

    test = train

@dataclass
class Jitter(Regularizer):
    off: ClassVar = {"strength": 0.0}
    strength: float

    def __post_init__(self):
        self.first = random.random()

    def transform_batch(self, batch):
        shift = self.strength * (self.first + random.random() + np.random.rand())
        return Batch(batch.inputs + shift, batch.targets)
"""


def test_a_source_and_a_regularizer_that_draw_by_themselves_are_as_repeatable(tmp_path: Path) -> None:
    from regbench.assembly import data

    (tmp_path / "persons_draws.py").write_text(SOURCE)
    config = tiny(reg={"jitter": {"_target_": "persons_draws.Jitter", "strength": 0.1}}, batch_size=4)
    names = ("root", "split_seed", "train_fraction", "label_noise")
    options = {n: config["dataset"][n] for n in names}
    config["dataset"] = {"_target_": "persons_draws.Drawn", "num_train": None, **options}
    config["model"] = {"_target_": "torch.nn.Linear", "in_features": 4, "out_features": 2}
    found, digests, tests = [], [], []
    for number in range(2):
        random.seed(number)
        np.random.seed(number)
        data._load_data.cache_clear()
        data._content.cache_clear()
        run = build_run(config)
        tests.append(run.data.read_test().inputs)
        found.append(figures(records(run)))
        digests.append(data.content_of(config))
    assert found[0] == found[1]
    assert digests[0] == digests[1]
    assert torch.equal(*tests)


RAISING = """
from dataclasses import dataclass
from typing import ClassVar

from regbench.regularizers.base import Regularizer

class Broken:
    scale, mirrors, in_shape, num_classes = 1.0, False, (4,), 2

    def fetch(self):
        {}["file"]

@dataclass
class Preparing(Regularizer):
    off: ClassVar = {"strength": 0.0}
    strength: float

    def prepare_model(self, model):
        return model.nothing
"""


def test_what_a_source_or_a_regularizer_of_one_s_own_raises_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "persons_raising.py").write_text(RAISING)
    node = {"_target_": "persons_raising.Preparing", "strength": 0.1}
    assert complaint(tiny(reg={"mine": node})) == (
        "reg: AttributeError: 'Normalized' object has no attribute 'nothing' (persons_raising.py, line 19)"
    )
    config = tiny()
    config["dataset"] |= {"_target_": "persons_raising.Broken"}
    assert complaint(config) == "dataset: KeyError: 'file' (persons_raising.py, line 11)"

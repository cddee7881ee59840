"""Models of others and their quirks: each works at sites, or is refused in one sentence."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from regbench.assembly.run import build_run
from regbench.assembly.stack import build_stack
from regbench.errors import ConfigError
from regbench.sites import sites
from regbench.training.audit import audit
from regbench.training.loop import EpochEnd, Run, fit
from regbench.weights import plain_state
from tests.conftest import SENTENCES, compose, reg_node

SOURCE = '''
from dataclasses import dataclass
import torch
from torch import nn
import torch.nn.functional as F

class Plain(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.fc1, self.act, self.fc2 = nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, num_classes)

    def forward(self, x):
        return self.fc2(self.act(self.fc1(x.flatten(1))))

class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.mid, self.fc2 = nn.Linear(64, 16), nn.Linear(16, 16), nn.Linear(16, 16)
        self.act, self.head = nn.ReLU(), nn.Linear(16, 10)
        self.fc2.weight = self.mid.weight

    def forward(self, x):
        return self.head(self.act(self.fc2(self.act(self.mid(self.act(self.fc1(x.flatten(1))))))))

class Frozen(Plain):
    def __init__(self):
        super().__init__()
        self.fc1.requires_grad_(False)

class Lazy(Plain):
    def __init__(self):
        super().__init__()
        self.fc1, self.norm = nn.LazyLinear(16), nn.LazyBatchNorm1d()

    def forward(self, x):
        return self.fc2(self.act(self.norm(self.fc1(x.flatten(1)))))

class Late(Plain):
    """Makes its layers in its first forward pass."""

    def forward(self, x):
        if not hasattr(self, "more"):
            torch.manual_seed(0)
            self.more = nn.Sequential(nn.Linear(16, 16), nn.Tanh())
        return self.fc2(self.more(self.act(self.fc1(x.flatten(1)))))

class Pair(Plain):
    def forward(self, x):
        hidden = self.act(self.fc1(x.flatten(1)))
        return self.fc2(hidden), hidden

@dataclass
class Output:
    loss: object
    logits: torch.Tensor

class Data(Plain):
    def forward(self, x):
        return Output(None, super().forward(x))

class Keys(Plain):
    def forward(self, x):
        return {"loss": None, "logits": super().forward(x)}

class Depends(Plain):
    """Goes as many rounds as its inputs say."""

    def forward(self, x):
        x = self.act(self.fc1(x.flatten(1)))
        for _ in range(1 + int(x.abs().sum()) % 3):
            x = self.act(x)
        return self.fc2(x)

class Odd(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.after, self.around = nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10)
        self.kind = self.default = "mine"

    def forward(self, x):
        return self.around(self.after(self.body(x.flatten(1))))

class Inner(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(16, 16))

    def forward(self, x):
        return x + self.body(x)

class Peeks(Plain):
    """Looks into a block that becomes a site, at a name that sites have."""

    def __init__(self):
        super().__init__()
        self.block = Inner()

    def forward(self, x):
        x = self.block(self.act(self.fc1(x.flatten(1))))
        return self.fc2(x * self.block.body[0].weight.sum())

class Dotted(nn.Module):
    def __init__(self):
        super().__init__()
        self.parts = nn.ModuleDict({"a-b c": nn.Linear(64, 16), "relu[0]": nn.ReLU(), "0": nn.Linear(16, 10)})

    def forward(self, x):
        return self.parts["0"](self.parts["relu[0]"](self.parts["a-b c"](x.flatten(1))))

def scripted():
    return torch.jit.script(Plain())

def half_scripted():
    net = Plain()
    net.fc1 = nn.Sequential(torch.jit.script(nn.Sequential(nn.Linear(64, 16), nn.ReLU())), nn.BatchNorm1d(16))
    return net

def parallel():
    return nn.DataParallel(Plain())

class Functional(Plain):
    def forward(self, x):
        return self.fc2(F.relu(self.fc1(x.flatten(1))))

class Listed(nn.Module):
    """Calls modules of a list that is no ModuleList."""

    def __init__(self):
        super().__init__()
        self.act, self.fc1, self.fc2 = nn.ReLU(), nn.Linear(64, 16), nn.Linear(16, 10)
        self.order = [self.fc1, self.act, self.fc2]

    def forward(self, x):
        x = x.flatten(1)
        for layer in self.order:
            x = layer(x)
        return x

class InPlace(Plain):
    """Relies on an activation to change what it is given."""

    def __init__(self):
        super().__init__()
        self.act = nn.ReLU(inplace=True)

    def forward(self, x):
        x = self.fc1(x.flatten(1))
        self.act(x)
        return self.fc2(x)

class Normed(Plain):
    def __init__(self):
        super().__init__()
        self.norm = nn.utils.parametrizations.spectral_norm(nn.Linear(16, 16))
        self.drop = nn.Dropout(0.3)

    def forward(self, x):
        return self.fc2(self.drop(self.act(self.norm(self.fc1(x.flatten(1))))))

class Locks(Plain):
    """Cannot be copied."""

    def __init__(self):
        super().__init__()
        import threading
        self.lock, self.norm = threading.Lock(), nn.BatchNorm1d(16)

    def forward(self, x):
        return self.fc2(self.act(self.norm(self.fc1(x.flatten(1)))))
'''

TINY = ["train.epochs=1", "train.batch_size=32", "dataset.num_train=97", "threads=1", "device=cpu"]
STACK = {"dropout": reg_node("dropout", p=0.3), "l2": reg_node("l2"), "ema": reg_node("ema")}
WORK = [
    *["Plain", "Tied", "Frozen", "Lazy", "Late", "Pair", "Data", "Keys", "Depends", "Odd", "Dotted"],
    *["half_scripted", "parallel", "Normed", "Locks"],
]


@pytest.fixture(autouse=True)
def _quirks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "quirks.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "quirks", raising=False)


def config_for(name: str, reg: dict[str, Any] | None = None, **model: Any) -> dict[str, Any]:
    target = name if "." in name else f"quirks.{name}"
    config = compose("model=own", f"model._target_={target}", *TINY)
    return config | {"reg": reg or {}, "model": config["model"] | model}


def built(config: dict[str, Any]) -> Run:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's, of lazy layers and scripts
        return build_run(config)


def trained(config: dict[str, Any]) -> Run:
    run = built(config)
    assert all(event.record.metrics for event in fit(run) if isinstance(event, EpochEnd))
    return run


def complaint(config: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as refused:
        built(config)
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("name", WORK)
def test_a_quirk_is_none_to_sites(name: str) -> None:
    """With sites and without, the empty stack trains the same weights to the bit; with a stack, others."""
    auto, none = trained(config_for(name)), trained(config_for(name, sites="none"))
    kept = [plain_state(run.model) for run in (auto, none)]
    assert kept[0].keys() == kept[1].keys()
    assert all(torch.equal(kept[0][key], kept[1][key]) for key in kept[0])
    with_stack = plain_state(trained(config_for(name, STACK)).model)
    assert any(not torch.equal(with_stack[key], kept[0][key]) for key in kept[0])
    if name == "Frozen":
        start = plain_state(built(config_for(name)).model)
        assert torch.equal(with_stack["net.fc1.weight"], start["net.fc1.weight"])


def test_tied_weights_stay_one_tensor() -> None:
    run = trained(config_for("Tied", STACK))
    assert run.model.net.fc2.weight is run.model.net.mid.weight


@pytest.mark.parametrize("name", ["Functional", "scripted", "Listed", "InPlace", "Peeks"])
def test_what_has_no_modules_to_mark_says_so_and_trains_without(name: str) -> None:
    trained(config_for(name, {"mixup": reg_node("mixup")}))
    said = complaint(config_for(name, {"dropout": reg_node("dropout")}))
    assert said.startswith("reg.dropout: ")
    assert said.endswith(
        "has no 'hidden' site; `regbench list sites` shows what was found in it, "
        "model.sites={KIND: [PATH]} names more"
    )


@pytest.mark.parametrize("name", ["InPlace", "Peeks"])
def test_the_audit_tells_of_a_model_that_marking_would_change(name: str) -> None:
    config = config_for(name)
    warned = audit(lambda out: build_run(config, build_stack({}))).warnings
    assert any(f"{name}: its modules cannot be marked as sites, for " in one for one in warned)


MODULES = "sites.hidden must name modules of the model, got"
WRONG: list[tuple[str, Any, str]] = [
    (
        "Listed",
        {"hidden": ["act"]},
        "sites must be modules that its forward pass calls as attributes, got act",
    ),
    (
        "InPlace",
        {"hidden": ["act"]},
        "sites would change what it computes, for it reads its modules otherwise than by calling them",
    ),
    ("Plain", {"hidden": ["akt"]}, f"{MODULES} 'akt'; did you mean 'act'?"),
    ("Plain", {"hidden": [3]}, f"{MODULES} '3'"),
    ("Plain", {"hidden": "act"}, "sites.hidden must be a list, got 'act'"),
    (
        "Plain",
        {"attention": ["act"]},
        "sites.attention must name an nn.MultiheadAttention, a softmax of an attention, or a dropout behind "
        "one in a forward pass, got 'act', which names act",
    ),
    ("Plain", "all", "sites must be auto, none, or lists of paths by kind, got 'all'"),
    ("Plain", True, "sites must be auto, none, or lists of paths by kind, got True"),
]


@pytest.mark.parametrize(("name", "wanted", "said"), WRONG)
def test_a_wrong_asking_is_refused_in_one_sentence(name: str, wanted: Any, said: str) -> None:
    assert complaint(config_for(name, sites=wanted)) == f"model: {said}"


def test_functional_activations_may_be_named_by_the_layers_before_them() -> None:
    reg = {"dropout": reg_node("dropout")}
    run = trained(config_for("Functional", reg, sites={"hidden": ["fc1"]}))
    assert [name for name, _ in sites(run.model, "hidden")] == ["net.fc1"]


def test_a_model_of_ours_marks_its_own() -> None:
    config = compose("model=mlp", *TINY)
    for wanted in ("none", {"hidden": ["layers.0"]}):
        said = complaint(config | {"model": config["model"] | {"sites": wanted}})
        assert said == f"model: sites must be auto for MLP, which marks its own, got {wanted}"


def test_the_inputs_are_a_site() -> None:
    reg = {"dropout": reg_node("dropout", where="input", p=0.4)}
    config = config_for("Functional", reg)
    (finding,) = audit(lambda out: build_run(config, build_stack(reg if not out else {}))).findings
    assert any(fact.startswith("input: dropped 0.") for fact in finding.facts)


# --- noise of its own


def test_noise_of_its_own_is_told_and_switched_off() -> None:
    def warned(**model: Any) -> list[str]:
        config = config_for("Normed", **model)
        return audit(lambda out: build_run(config, build_stack({}))).warnings

    (said,) = warned()
    assert said == (
        "Normed: has noise of its own in every stack, at drop (Dropout, p=0.3); "
        "model.own_noise=off switches it off"
    )
    for word in ("off", False):
        assert warned(own_noise=word) == []
        assert built(config_for("Normed", own_noise=word)).model.net.drop.p == 0


@pytest.mark.parametrize("word", [True, "on", None, 0.1])
def test_noise_is_kept_or_off(word: Any) -> None:
    assert complaint(config_for("Normed", own_noise=word)).startswith(
        "model: own_noise must be one of keep, off, got "
    )


# --- Hugging Face

HF = """
from transformers import BertConfig, BertForSequenceClassification, ViTConfig, ViTForImageClassification

def bert(num_classes, vocabulary):
    sizes = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32)
    return BertForSequenceClassification(BertConfig(vocab_size=vocabulary, num_labels=num_classes, **sizes))

def vit(num_classes, in_shape):
    sizes = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32)
    config = ViTConfig(**sizes, image_size=in_shape[1], patch_size=4, num_channels=in_shape[0],
                       num_labels=num_classes, hidden_dropout_prob=0.1)
    return ViTForImageClassification(config)
"""


def test_a_vision_transformer_of_hugging_face(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    (tmp_path / "hugging.py").write_text(HF)
    run = trained(config_for("hugging.vit", STACK | {"stochastic_depth": reg_node("stochastic_depth")}))
    assert len(sites(run.model, "hidden")) >= 2
    assert len(sites(run.model, "branch")) == 2
    assert "own_noise=off" in run.model.note
    plain = built(config_for("hugging.vit", sites="none"))
    plain.model.load_state_dict(plain_state(run.reg.eval_model(run.model)))
    quiet = built(config_for("hugging.vit", own_noise="off"))
    assert quiet.model.note == ""


def test_a_classifier_of_sentences_of_hugging_face(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    (tmp_path / "hugging.py").write_text(HF)
    config = compose("model=own", "model._target_=hugging.bert", *SENTENCES, "train.epochs=1", "threads=1")
    members = ["embedding_dropout", "dropout", "stochastic_depth", "layer_norm", "word_dropout"]
    run = trained(config | {"reg": {name: reg_node(name) for name in members}})
    assert [name for name, _ in sites(run.model, "embedding")] == ["net.bert.embeddings.word_embeddings"]
    assert len(sites(run.model, "norm")) == 5
    assert len(sites(run.model, "hidden")) >= 2
    assert sites(run.model, "input") == []

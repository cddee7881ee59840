"""What a target names is looked at before it is called, whatever it is and wherever it stands."""

from __future__ import annotations

import functools
import shutil
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from regbench.composition.kinds import DATASET, MODEL, OPTIMIZER, REGULARIZER, SCHEDULE, look_at
from regbench.composition.trust import Trust
from regbench.errors import ConfigError
from regbench.instantiation.checking import Kind, look, look_within

called: list[str] = []
hidden = functools.partial(functools.partial(shutil.rmtree), "canary")
made = nn.Linear(2, 2)
rmtree = shutil.rmtree


def remove(path: str) -> None:
    called.append(path)


async def later() -> Any:
    called.append("later")


def one_by_one() -> Any:
    called.append("one_by_one")
    yield 1


def net(num_classes: int) -> nn.Module:
    return nn.Linear(2, num_classes)


def net_or_none() -> nn.Linear | None:
    return None


@functools.cache
def kept():  # type: ignore[no-untyped-def]
    return nn.Linear(2, 2)


small = functools.partial(nn.Linear, 2)


class Net(nn.Module):
    def __init__(self, act: Any = None, size: int = 1, layer: nn.Module | None = None) -> None:
        super().__init__()

    @classmethod
    def from_config(cls):  # type: ignore[no-untyped-def]
        return cls()

    @staticmethod
    def other() -> nn.Module:
        return Net()

    def delete(self) -> None:
        called.append("delete")

    class Inner(nn.Module):
        pass


class Abstract(nn.Module, ABC):
    @abstractmethod
    def forward(self, inputs: Any) -> Any: ...


class Plain:
    def __init__(self) -> None:
        called.append("Plain")

    def __call__(self, progress: float) -> float:
        return 1.0


@dataclass
class Warm:
    def __call__(self, progress: float) -> float:
        return progress


class Stepping(torch.optim.SGD):
    def step(self, closure):  # type: ignore[no-untyped-def,override]
        return super().step(closure)


def mine(name: str) -> str:
    return f"{__name__}.{name}"


@pytest.fixture(autouse=True)
def canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Nothing was called, and a folder that stands where hostile targets look for it is left alone."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "canary").mkdir()
    called.clear()
    yield
    assert (tmp_path / "canary").is_dir()
    assert called == []


def complaint(node: Any, kind: Kind = MODEL, key: str = "model", **more: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        look(node, key, kind, **more)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400
    return str(caught.value)


HOSTILE = """shutil.rmtree os.system posix.rmdir os.removedirs os._exit sys.exit subprocess.Popen
subprocess.run builtins.eval builtins.exec builtins.open builtins.print builtins.type builtins.object
builtins.dict
pathlib.Path pathlib.PosixPath.rmdir importlib.import_module pickle.loads ctypes.CDLL socket.socket
functools.partial functools.reduce operator.methodcaller runpy.run_path antigravity.fly this.s test.support.x
torch.os.removedirs torch.hub.load torch.load torch.save torch.jit.load torch.zeros torch.nn.functional.relu
torch.nn.Module.cuda torch.nn.Linear.mro torch.package.PackageImporter torch.optim.Optimizer.step
joblib.load numpy.load numpy.memmap numpy.os.removedirs yaml.unsafe_load hydra.utils.instantiate
regbench.folders.claims.forget regbench.load regbench.runs.load.load_model regbench.runs.json_lines.JsonLines regbench.cli.main"""


KINDS = [MODEL, REGULARIZER, DATASET, OPTIMIZER, SCHEDULE]


@pytest.mark.parametrize(
    ("kind", "first", "every"),
    [
        *((kind, place, len(KINDS)) for place, kind in enumerate(KINDS)),
        *(pytest.param(kind, 0, 1, marks=pytest.mark.long) for kind in KINDS),
    ],
)
def test_what_is_of_no_kind_is_refused_and_not_called(kind: Kind, first: int, every: int) -> None:
    """Each path for one kind, and in the long remainder for all."""
    for path in HOSTILE.split()[first::every]:
        assert complaint({"_target_": path, "path": "canary"}, kind).startswith("model._target_: ")
    for name in ("remove", "rmtree", "hidden", "later", "one_by_one", "made", "Net.delete", "os.removedirs"):
        node = {"_target_": mine(name), "path": "canary"}
        assert complaint(node, kind).startswith("model._target_: ")


def test_a_refusal_says_what_is_due_and_what_came() -> None:
    assert complaint({"_target_": "shutil.rmtree"}) == (
        "model._target_: must name a torch module, got shutil.rmtree"
    )
    assert complaint({"_target_": mine("remove")}).endswith(f"got {mine('remove')}, which returns None")
    assert complaint({"_target_": mine("Net.delete")}).endswith("Net.delete is a method of objects")
    assert complaint({"_target_": mine("Abstract")}).endswith("Abstract is abstract")
    assert complaint({"_target_": mine("Plain")}, OPTIMIZER).startswith(
        "model._target_: must name a torch op"
    )


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (MODEL, "Net Net.Inner Net.from_config Net.other net net_or_none kept small"),
        (SCHEDULE, "Plain Warm"),
    ],
)
def test_what_people_make_of_their_own_is_taken(kind: Kind, names: str) -> None:
    for name in names.split():
        look({"_target_": mine(name)}, "model", kind)


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        (MODEL, "torch.nn.Linear"),
        (MODEL, "torchvision.models.resnet18"),
        (MODEL, "torchvision.models.get_model"),
        (MODEL, "torchvision.models.ResNet"),
        (OPTIMIZER, "torch.optim.RMSprop"),
        (DATASET, "torchvision.datasets.FakeData"),
        (DATASET, "regbench.data.digits.Digits"),
        (SCHEDULE, "regbench.schedules.Cosine"),
        (REGULARIZER, "regbench.regularizers.dropout.Dropout"),
    ],
)
def test_what_libraries_offer_is_taken(kind: Kind, path: str) -> None:
    look({"_target_": path}, "model", kind)


WORDS = ["", " ", "a", "a.", "a b.c", "x\x1b[31m.y", "a" * 10**5, ".".join("ab" * 10**4), "os.__dict__.clear"]


@pytest.mark.parametrize("value", [5, None, [], {}, True, *WORDS])
def test_what_is_no_path_is_refused_shortly(value: Any) -> None:
    assert complaint({"_target_": value}).startswith("model._target_: ")


@pytest.mark.parametrize("name", ["_args_", "_partial_", "_recursive_", "_convert_"])
def test_other_keys_of_hydra_are_refused(name: str) -> None:
    assert complaint({"_target_": mine("Net"), name: True}).startswith(f"model.{name}: must be left out")


def test_what_stands_within_is_looked_at_first_at_any_depth() -> None:
    for value in (
        {"_target_": "os.system"},
        [[{"_target_": "os.system"}]],
        {"a": [{"_target_": "os.system"}]},
    ):
        said = complaint({"_target_": mine("Net"), "act": value})
        assert said.startswith("model.act")
        assert said.endswith(", a dataclass, or a class or function of your own, got os.system")
    look({"_target_": mine("Net"), "act": [{"_target_": "torch.nn.GELU"}]}, "model", MODEL)


INSTALLED = [
    *("torch.utils.tensorboard.SummaryWriter", "torch.utils.data.DataLoader", "torch.distributed.FileStore"),
    *("torch.Generator", "torch.package.PackageExporter", "torch.optim.SGD", "tensorboard.summary.Writer"),
    *("joblib.Memory", "filelock.FileLock", "numpy.memmap", "regbench.sinks.tensorboard.TensorBoard"),
]
PARTS = [
    *("torchvision.transforms.v2.ToImage", "torchvision.transforms.Resize", "torchvision.datasets.FakeData"),
    *("torch.nn.Linear", "torch.distributions.Normal", "torchvision.models.resnet18"),
]


@pytest.mark.parametrize("path", [*INSTALLED, *PARTS, mine("Plain"), mine("Warm"), mine("kept")])
def test_where_no_annotation_says_what_is_due_no_other_installed_class_is(path: str) -> None:
    node = {"_target_": mine("Net"), "act": {"_target_": path}}
    if path not in INSTALLED:
        look(node, "model", MODEL)
        return
    said = complaint(node)
    assert said.startswith("model.act._target_: must name a torch module, a transform of torchvision, ")


def test_within_an_annotation_says_what_is_due() -> None:
    look({"_target_": mine("Net"), "layer": {"_target_": mine("net"), "num_classes": 3}}, "model", MODEL)
    assert complaint({"_target_": mine("Net"), "layer": {"_target_": mine("Plain")}}) == (
        f"model.layer._target_: must name what makes Module, got {mine('Plain')}"
    )
    said = complaint({"_target_": mine("Net"), "size": {"_target_": "torch.nn.Linear"}})
    assert said == "model.size._target_: must name what makes int, got torch.nn.Linear"


def test_an_optimizer_that_must_be_given_a_closure_is_found_by_its_signature() -> None:
    for path in ("torch.optim.LBFGS", mine("Stepping")):
        assert complaint({"_target_": path}, OPTIMIZER, "optimizer") == (
            "optimizer._target_: must step without being given a closure, as each step is to see its batch "
            f"once, got {path}"
        )


# --- what a run folder names


@pytest.fixture
def distrust(tmp_path: Path) -> Any:
    (tmp_path / "run" / ".hydra").mkdir(parents=True)
    return Trust(False, "type regbench test run --trust").of(tmp_path / "run", "/their/folder")


def test_a_recorded_target_is_a_class_of_its_kind_or_below_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, distrust: Any
) -> None:
    look({"_target_": "torchvision.models.resnet18"}, "model", MODEL, distrust)
    look({"_target_": mine("Net"), "act": {"_target_": "torch.nn.GELU"}}, "model", MODEL, distrust)
    look({"_target_": mine("net")}, "model", MODEL, distrust)
    for name in ("kept", "Net.from_config"):
        said = complaint({"_target_": mine(name)}, distrust=distrust)
        assert said.endswith(
            "; it was trained in /their/folder; type regbench test run --trust to import from there"
        )
    monkeypatch.chdir(Path(__file__).parent)
    for name in ("kept", "Net.from_config"):
        look({"_target_": mine(name)}, "model", MODEL, distrust)
    monkeypatch.chdir(tmp_path)


def test_no_module_is_imported_from_the_folder_of_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, distrust: Any
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "run" / "nets.py").write_text("raise SystemExit('imported')")
    assert complaint({"_target_": "run.nets.Net"}, distrust=distrust) == (
        "model._target_: run.nets.Net lies in the folder of a run, which is not imported from"
    )


def test_a_module_that_is_not_there_is_told_with_where_it_was(distrust: Any) -> None:
    said = complaint({"_target_": "no_such_nets.Net"}, distrust=distrust)
    assert said.startswith(
        "model._target_: no module named 'no_such_nets', needed for no_such_nets.Net; it was"
    )


def test_every_group_of_a_recorded_configuration_is_looked_at(distrust: Any) -> None:
    evil = {"_target_": "os.system", "command": "rmdir canary"}
    for config in (
        {"model": evil},
        {"reg": {"a": {"b": evil}}},
        {"dataset": evil},
        {"optimizer": evil},
        {"schedule": evil},
        {"train": {"epochs": evil}},
        {"device": evil},
        {"model": {"tie": [evil]}},
    ):
        with pytest.raises(ConfigError, match=r"got os\.system$"):
            look_at(config, distrust)
        with pytest.raises(ConfigError, match=r"got os\.system$"):
            look_at(config)
    look_within({"plain": [1, {"values": None}]}, "train", distrust=distrust)

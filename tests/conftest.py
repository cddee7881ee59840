"""What the tests share: composed configurations, small enough to train in milliseconds."""

from __future__ import annotations

import copy
import functools
import gc
import io
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from regbench.assembly.data import load_data
from regbench.assembly.refusals import option
from regbench.composition.command_line import CommandLine
from regbench.composition.compose import compose_jobs
from regbench.composition.paths import config_dir
from regbench.instantiation.locating import locate
from regbench.runs.folder import RunFolder
from regbench.runs.session import train as train_run
from regbench.streams import kept_draws

# made-up sentences of three kinds: what an animal does, where it is, how many were seen
CSV = Path(__file__).parent / "sentences.csv"
SENTENCES = ["dataset=text_csv", f"dataset.path={CSV}", "dataset.length=12"]
TINY = {
    "mlp": ["model=mlp", "model.width=16", "train.lr=0.05"],
    "transformer": ["model=transformer", "model.width=8", "model.depth=2", "model.heads=2", "train.lr=0.05"],
    "text": ["model=rnn", "model.width=8", "model.embedding=8", *SENTENCES],
    "cnn": ["model=cnn", "model.width=4", "train.lr=0.05"],
    "resnet": ["model=resnet", "model.depth=8", "model.width=4", "train.lr=0.05"],
}
SMALL = ["train.epochs=2", "train.batch_size=32", "dataset.num_train=97", "threads=1", "device=cpu"]


@functools.cache
def _composed(overrides: tuple[str, ...]) -> dict[str, Any]:
    return compose_jobs(CommandLine(overrides))[0].config


def compose(*overrides: str) -> dict[str, Any]:
    """The configuration of a command line, as `regbench train` would run it."""
    return copy.deepcopy(_composed(overrides))


def tiny(model: str = "mlp", reg: dict[str, Any] | None = None, **train: Any) -> dict[str, Any]:
    """A run of two epochs of four steps (97 rows: the last batch would hold one) on the real digits."""
    config = compose(*TINY[model], *SMALL)
    return given_runs(config | {"reg": reg or {}, "train": config["train"] | train})


def reg_node(name: str, **values: Any) -> dict[str, Any]:
    """The node of a regularizer's own YAML, some values changed."""
    return option((config_dir() / "reg" / f"{name}.yaml").read_text()) | values


def given_runs(config: dict[str, Any]) -> dict[str, Any]:
    """A configuration whose members that act by the model of another run, and name none, are given one.

    It was trained on the same rows: an MLP, or of text an RNN.
    """
    return config | {"reg": {name: _given_runs(node, config) for name, node in config["reg"].items()}}


def _given_runs(node: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    if "_target_" not in node:
        return {name: _given_runs(inner, config) for name, inner in node.items()}
    cls: Any = locate(node["_target_"], "reg")
    asked = [field for field, what in getattr(cls, "reads_runs", {}).items() if what == "model"]
    off = all(node.get(field) == value for field, value in cls.off.items())
    lacking = [field for field in asked if node.get(field) is None and not off]
    return node | {field: str(finished_run(json.dumps(config["dataset"]))) for field in lacking}


@functools.cache
def finished_run(dataset: str, *more: str, seed: int = 99) -> Path:
    """The folder of a small run that has learned the rows of a dataset's node, made once in a session.

    Args:
        dataset: the node, as JSON.
        *more: words of its command line.
        seed: of the run.
    """
    words = ["train.epochs=5", "train.batch_size=32", "train.lr=0.1", "threads=1", "device=cpu", *more]
    plain = compose(*words) | {"dataset": json.loads(dataset), "seed": seed}
    if load_data(plain["dataset"]).vocabulary is not None:
        plain["model"] = compose(*TINY["text"])["model"]
    folder = Path(tempfile.mkdtemp(dir=os.environ["REGBENCH_CACHE"]))
    record_line(folder, plain)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        with kept_draws():
            assert train_run(RunFolder(plain, folder, {}, Console(file=io.StringIO()))).finished
    finally:
        torch.set_default_dtype(before)
    return folder


def record_line(folder: Path, config: dict[str, Any]) -> None:
    """What Hydra would have left in the folder of a run."""
    about = {
        "runtime": {"cwd": str(Path.cwd()), "choices": {}, "config_sources": []},
        "overrides": {"task": []},
        "job": {"name": "train"},
    }
    (folder / ".hydra").mkdir()
    (folder / ".hydra" / "config.yaml").write_text(json.dumps(config))
    (folder / ".hydra" / "hydra.yaml").write_text(json.dumps({"hydra": about}))


def all_regs() -> list[str]:
    """Every regularizer of the package, found by listing its folder."""
    return sorted(path.stem for path in (config_dir() / "reg").glob("*.yaml"))


def pytest_collection_finish() -> None:
    """Modules and thousands of tests stay until the end: no collection of garbage looks at them again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
    torch.set_warn_always(
        True
    )  # else a warning comes once per process, in whichever test happens to be the first


@pytest.fixture(autouse=True, scope="session")
def _artefacts_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What members learn in tests is kept for this session only."""
    os.environ["REGBENCH_CACHE"] = str(tmp_path_factory.mktemp("artefacts"))


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request: pytest.FixtureRequest) -> torch.device:
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device on this machine")
    return torch.device(request.param)


@pytest.fixture
def real_data() -> Path:
    root = os.environ.get("REGBENCH_DATA")
    if not root or not (Path(root) / "FashionMNIST").is_dir():
        pytest.skip("REGBENCH_DATA does not point at a folder with Fashion-MNIST")
    return Path(root)

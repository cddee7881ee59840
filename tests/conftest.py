"""What the tests share: composed configurations, small enough to train in milliseconds."""

from __future__ import annotations

import copy
import functools
import gc
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from regbench.assembly.refusals import option
from regbench.composition.command_line import CommandLine
from regbench.composition.compose import compose_jobs
from regbench.composition.paths import config_dir

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
    return config | {"reg": reg or {}, "train": config["train"] | train}


def reg_node(name: str, **values: Any) -> dict[str, Any]:
    """The node of a regularizer's own YAML, some values changed."""
    return option((config_dir() / "reg" / f"{name}.yaml").read_text()) | values


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

"""What takes seconds to import is not imported where nothing of it is needed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests import processes
from tests.sampling import some_of

HEAVY = (
    *("torch._dynamo", "torch._inductor", "torch.utils.flop_counter", "sympy", "triton.language"),
    *("torchvision", "tensorboard", "torch.utils.tensorboard", "google.protobuf", "pandas", "matplotlib"),
    *("wandb", "submitit", "ray"),
)
ENDED = f"""
import atexit, sys
from regbench.cli import main
atexit.register(lambda: print("imported:", *sorted(set(sys.modules) & set({HEAVY}))))
main()
"""
NOTHING = "import hydra; from hydra.core.plugins import Plugins; Plugins.instance()"
FEW = ("train.epochs=1", "train.batch_size=64", "dataset.num_train=128", "threads=1", "device=cpu")
FOLDERS = {
    "mnist": "MNIST",
    "fashion_mnist": "FashionMNIST",
    "cifar10": "cifar-10-batches-py",
    "sst2": "SST-2",
}


def imported(folder: Path, *words: str) -> list[str]:
    """What of `HEAVY` a process has imported that has typed a line, and is at its end."""
    done = processes.run(*words, cwd=folder, code=ENDED, imported=NOTHING)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()[-1].removeprefix("imported:").split()


@pytest.mark.parametrize(
    "words",
    some_of(
        [
            [],
            ["model=cnn", "optimizer=adamw", "+reg=[dropout,mixup,label_smoothing,l2]"],
            ["model=transformer", "optimizer=adam", "+reg=sam"],
            ["optimizer._target_=torch.optim.RMSprop", "~optimizer.nesterov"],
            ["-m", "seed=0,1", "hydra/launcher=basic"],
        ],
        every=2,
    ),
)
def test_training_needs_neither_torchs_compiler_nor_torchvision_nor_tensorboard(
    words: list[str], tmp_path: Path
) -> None:
    assert imported(tmp_path, "train", *FEW, *words) == []


@pytest.mark.parametrize("dataset", some_of(["mnist", "fashion_mnist", "cifar10", "sst2"], every=4))
def test_reading_stored_data_needs_none_of_them(dataset: str, tmp_path: Path) -> None:
    root = os.environ.get("REGBENCH_DATA")
    if not root or not (Path(root) / FOLDERS[dataset]).is_dir():
        pytest.skip(f"REGBENCH_DATA is not set, or has no {FOLDERS[dataset]}")
    model = "rnn" if dataset == "sst2" else "mlp"
    assert imported(tmp_path, "train", f"dataset={dataset}", f"model={model}", *FEW) == []


def test_what_follows_a_run_needs_none_of_them(tmp_path: Path) -> None:
    folder = "hydra.run.dir=run"
    assert imported(tmp_path, "train", *FEW, "schedule=constant", folder) == []
    assert imported(tmp_path, "plan", *FEW, "-m", "seed=0,1") == []
    assert imported(tmp_path, "test", "run") == []
    assert imported(tmp_path, "resume", "run", "train.epochs=2") == []


def test_a_module_that_is_imported_would_be_seen(tmp_path: Path) -> None:
    assert "sympy" in processes.run(cwd=tmp_path, code="import sympy;" + ENDED, imported=NOTHING).stdout

"""What is answered before torch is imported, which takes seconds: help, lists, early refusals."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import processes
from tests.sampling import some_of

BLOCKED = """
import sys
class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            raise RuntimeError("torch was imported")
sys.meta_path.insert(0, NoTorch())
import hydra, numpy, rich.console, rich.table
from hydra.core.plugins import Plugins
Plugins.instance()
"""


def without_torch(folder: Path, line: str) -> processes.Done:
    """Run regbench in a process in which torch cannot be imported."""
    return processes.run(*line.split(), cwd=folder, imported=BLOCKED)


@pytest.mark.parametrize(
    "line",
    some_of(
        [
            "--help",
            "list",
            "list reg",
            "docs",
            "docs records",
            "train --help",
            "train --hydra-help",
            "train --cfg job",
            "plan --help",
            "resume --help",
            "test --help",
            "compare --help",
            "ablate --help",
            "race --help",
            "advise --help",
            "strength --help",
        ],
        every=1,
    ),
)
def test_what_only_tells_needs_no_torch(tmp_path: Path, line: str) -> None:
    done = without_torch(tmp_path, line)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout) > 150
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "line",
    some_of(
        [
            "trian",
            "train --bogus",
            "train +reg=droput",
            "train train.epoch=3",
            "train seed=-1",
            "train seed=0,1",
            "train -m train.epochs=1,0",
            "train --force",
            "plan train.epochs=0",
            "plan --cfg job",
            "resume",
            "resume nowhere",
            "test nowhere",
            "compare nowhere",
            "docs recrods",
            "ablate +reg=[]",
            "ablate +reg=dropout --json nowhere/file",
            "strength +reg=dropout",
            "race +reg=[]",
            "advise budget=soon",
            "advise +reg=dropout",
            "race +reg=dropout budget=2",
            "race +reg=dropout seed=range(5)",
        ],
        every=1,
        kind=lambda line: line.split()[0],
    ),
)
def test_what_is_refused_early_needs_no_torch(tmp_path: Path, line: str) -> None:
    done = without_torch(tmp_path, line)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert done.stderr.startswith("regbench: ")
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_needs_torch_would_be_seen(tmp_path: Path) -> None:
    assert "torch was imported" in without_torch(tmp_path, "train").stderr

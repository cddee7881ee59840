"""Runs of a model that marks no sites: what is saved is the plain model's, loaded and resumed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch

import regbench
from tests import processes

SOURCE = """
from torch import nn
from torchvision.models.resnet import BasicBlock

class Net(nn.Module):
    def __init__(self, in_shape, num_classes):
        super().__init__()
        self.stem = nn.Conv2d(in_shape[0], 4, 3, 2, 1)
        self.blocks = nn.Sequential(BasicBlock(4, 4), BasicBlock(4, 4))
        self.fc = nn.Linear(4, num_classes)

    def forward(self, x):
        return self.fc(self.blocks(self.stem(x)).mean((2, 3)))
"""
LINE = ["model=own", "model._target_=net_of_others.Net", "train.batch_size=32", "dataset.num_train=97"]
TRAIN = [*LINE, "threads=1", "device=cpu", "+reg=[dropout,stochastic_depth,ema]"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "net_of_others.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "net_of_others", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_a_run_leaves_loads_into_the_plain_model_and_a_loaded_one_is_marked_alike(folder: Path) -> None:
    ended = processes.run("train", *TRAIN, "train.epochs=2", "hydra.run.dir=run", cwd=folder)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "_marked_module" not in ended.stdout
    assert "Skip at blocks.0, blocks.1" in ended.stdout
    model = regbench.load(folder / "run")
    from net_of_others import Net

    plain = Net((1, 8, 8), 10)
    plain.load_state_dict(model.net.state_dict())
    rows = torch.rand(3, 1, 8, 8)
    with torch.no_grad():
        # stochastic depth in the form of its paper scales in evaluation: the plain model is without that
        for name in ("blocks.0", "blocks.1"):
            model.net.get_submodule(name).around = torch.nn.ModuleList()
        torch.testing.assert_close(model(rows), plain.eval()(model.normalization(rows)))


def test_a_run_that_is_gone_on_with_ends_with_the_weights_of_one_that_was_not_cut(folder: Path) -> None:
    line = [*TRAIN, "schedule=constant"]
    whole = processes.run("train", *line, "train.epochs=3", "hydra.run.dir=whole", cwd=folder)
    cut = processes.run("train", *line, "train.epochs=2", "hydra.run.dir=cut", cwd=folder)
    longer = processes.run("resume", "cut", "train.epochs=3", cwd=folder)
    assert [ended.stderr for ended in (whole, cut, longer)] == [""] * 3
    states = [regbench.load(folder / name, weights="last").state_dict() for name in ("whole", "cut")]
    assert not any("_marked_module" in name for name in states[0])
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


# --- regbench list sites


def test_the_sites_of_a_model_are_listed_with_what_acts_there(folder: Path) -> None:
    ended = processes.run("list", "sites", *LINE[:2], cwd=folder)
    assert (ended.returncode, ended.stderr) == (0, "")
    lines = [" ".join(line.split()) for line in ended.stdout.splitlines()]
    assert "blocks.0.relu.0 4x4x4" in lines
    assert "blocks.1.relu.1 4x4x4 default" in lines
    assert any(line.startswith("admits ") and "stochastic_depth" in line for line in lines)
    assert "admits ghost_batch_norm, group_norm, layer_norm" in lines


def test_as_json_they_are_objects(folder: Path) -> None:
    ended = processes.run("list", "sites", "--json", *LINE[:2], cwd=folder)
    found = json.loads(ended.stdout)
    assert {entry["kind"] for entry in found} == {"input", "norm", "hidden", "branch"}
    last = [entry for entry in found if entry["default"] and entry["kind"] == "hidden"]
    assert [(one["path"], one["shape"], one["axis"]) for one in last] == [("blocks.1.relu.1", [4, 4, 4], 0)]
    assert {"dropout", "dropblock", "spatial_dropout"} <= set(last[0]["admits"])
    inputs = next(entry for entry in found if entry["kind"] == "input")
    assert (inputs["path"], inputs["shape"]) == ("input", [1, 8, 8])
    assert "dropout" in inputs["admits"], "with where=input"
    assert "stochastic_depth" not in inputs["admits"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "sites must come with a model; type regbench list sites model=NAME"),
        (
            [*LINE[:2], 'model.sites={hidden: ["blocks.0.rely"]}'],
            "model: sites.hidden must name modules of the model, got 'blocks.0.rely'; did you mean "
            "'blocks.0.relu'?",
        ),
        ([*LINE[:2], "+reg=dropout"], "reg: each regularizer is tried by itself; leave +reg=dropout out"),
        (["model=mpl"], None),
    ],
)
def test_a_mistake_is_told_in_one_line(folder: Path, words: list[str], said: str | None) -> None:
    ended = processes.run("list", "sites", *words, cwd=folder)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert len(ended.stderr.splitlines()) == 1
    assert said is None or ended.stderr == f"regbench: list: {said}\n"

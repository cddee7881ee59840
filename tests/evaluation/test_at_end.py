"""What is measured once, at the end of a run."""

from __future__ import annotations

import io
import json
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from torch import Tensor, nn

from regbench.assembly.data import content_of
from regbench.evaluation.at_end import Ended, corrupted_accuracy, measured_late, reliability_diagram
from regbench.evaluation.calibration import calibration
from regbench.evaluation.measurement import MOST
from regbench.records.identity import identity
from regbench.records.summary import PerWeights
from regbench.runs.folder import RunFolder
from regbench.runs.session import train
from regbench.types import Split
from tests.conftest import CSV, compose, reg_node, tiny


class Brightness(nn.Module):
    """Sees an image's mean: class 1 if it lies above 0.5."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Tensor] = []

    def forward(self, inputs: Tensor) -> Tensor:
        self.seen.append(inputs)
        above = inputs.mean((1, 2, 3)) - 0.5
        return torch.stack([-above, above], 1)


def shades(*values: float) -> Split:
    labels = torch.tensor([int(value > 0.5) for value in values])
    return Split(torch.tensor(values).view(-1, 1, 1, 1).expand(-1, 1, 8, 8).contiguous(), labels, 2)


# --- reliability


def test_each_row_is_in_the_bin_of_its_largest_probability() -> None:
    told = torch.tensor([[0.50, 0.30, 0.20], [0.52, 0.28, 0.20], [0.11, 0.11, 0.78]])
    found = reliability_diagram(told.log(), Split(told, torch.tensor([0, 1, 2]), 3))
    assert found.count == [0] * 7 + [2] + [0] * 3 + [1] + [0] * 3  # 7/15 = 0.467, 11/15 = 0.733
    assert found.accuracy == [None] * 7 + [0.5] + [None] * 3 + [1.0] + [None] * 3
    assert found.confidence[7] == pytest.approx(0.51)
    assert found.confidence[11] == pytest.approx(0.78)
    assert [value is None for value in found.confidence] == [count == 0 for count in found.count]


def test_bins_hold_every_row_and_give_back_the_calibration_error() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(259, 4, generator=generator)
    split = Split(logits, torch.randint(4, (len(logits),), generator=generator), 4)
    found = reliability_diagram(logits, split)
    bins = [b for b in zip(found.confidence, found.accuracy, found.count, strict=True) if b[2]]
    assert sum(count for *_, count in bins) == len(split)
    error = sum(count * abs(right - sure) for sure, right, count in bins) / len(split)
    assert error == pytest.approx(calibration(logits, split.labels)["ece"])


# --- corruption


def test_a_model_that_sees_brightness_alone_errs_where_brightness_changed() -> None:
    found = corrupted_accuracy(Brightness(), shades(0.19, 0.42, 0.8), nullcontext)
    clean = {f"{name}/{s}": 1.0 for name in ("noise", "blur", "contrast", "pixelate") for s in range(1, 6)}
    # 0.42 + 0.05 is dark yet, 0.42 + 0.1 is not; 0.19 + 0.3 still is
    bright = {"brightness/1": 1.0} | {f"brightness/{s}": pytest.approx(2 / 3) for s in (2, 3, 4, 5)}
    assert found == clean | bright | {"accuracy": pytest.approx((25 - 4 / 3) / 25)}


def test_every_model_and_every_run_is_shown_the_same_corrupted_images() -> None:
    split = shades(*torch.linspace(0.1, 0.9, MOST["cpu"][0] + 5).tolist())
    models = [Brightness(), Brightness()]
    for seed, model in enumerate(models):
        torch.manual_seed(seed)
        state = torch.get_rng_state()
        corrupted_accuracy(model.train(), split, nullcontext)
        assert torch.equal(torch.get_rng_state(), state)
        assert model.training
    one, other = (torch.cat(model.seen) for model in models)
    assert one.shape == (25 * len(split), 1, 8, 8)
    assert torch.equal(one, other)


def test_what_was_not_asked_for_is_null() -> None:
    ended = {name: Ended(Brightness(), shades(0.1, 0.9), nullcontext) for name in ("last", "best")}
    found = {asked: measured_late(ended, list(asked)) for asked in ((), ("calibration",), ("corruption",))}
    assert found[()] == {"reliability": None, "corruption": None, "per_class": None}
    assert found["calibration",]["corruption"] is found["corruption",]["reliability"] is None
    parts = (("calibration", "reliability"), ("corruption", "corruption"))
    assert all(isinstance(found[word,][part], PerWeights) for word, part in parts)


def test_logits_that_are_known_are_not_made_again_and_one_state_is_measured_once() -> None:
    split = shades(0.1, 0.4, 0.9)
    known, unknown = Brightness(), Brightness()
    logits = known(split.inputs)
    known.seen.clear()
    last = Ended(known, split, nullcontext, logits)
    both = measured_late({"last": last, "best": last}, ["calibration", "per_class"])
    apart = measured_late(
        {"last": last, "best": Ended(unknown, split, nullcontext)}, ["calibration", "per_class"]
    )
    assert both == apart
    assert not known.seen
    assert [len(inputs) for inputs in unknown.seen] == [3], "one pass serves both words"
    measured_late({"last": last, "best": last}, ["corruption"])
    assert len(known.seen) == 25


# --- runs


def trained(folder: Path, config: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, float]]]:
    """Summary and lines of a run, times left out."""
    folder.mkdir()
    train(RunFolder(config, folder, {}, Console(file=io.StringIO())))
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    timeless = [{n: v for n, v in line.items() if not n.startswith("time/")} for line in lines]
    return json.loads((folder / "summary.json").read_text()), timeless


def test_what_is_measured_beside_changes_nothing_of_a_run(tmp_path: Path) -> None:
    config = tiny(reg={"dropout": reg_node("dropout"), "stop": reg_node("early_stopping")})
    config |= {"evaluate_test": True}
    few, lines = trained(tmp_path / "few", config | {"evaluate": []})
    all_, more = trained(tmp_path / "all", config | {"evaluate": ["calibration", "corruption"]})
    assert lines == [{n: v for n, v in line.items() if n not in ("val/ece", "val/brier")} for line in more]
    assert all({"val/ece", "val/brier"} <= line.keys() for line in more)
    weights = [torch.load(tmp_path / n / "last.pt", weights_only=True)["evaluated"] for n in ("few", "all")]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert few["reliability"] is few["corruption"] is None
    assert few["test"]["last"].keys() == {"loss", "accuracy", "balanced_accuracy", "macro_f1"}
    for which in ("last", "best"):
        assert all_["test"][which].keys() == few["test"][which].keys() | {"ece", "brier"}
        assert sum(all_["reliability"][which]["count"]) == all_["rows"]["val"]
        assert len(all_["corruption"][which]) == 26
    assert all_["kept"]["metrics"]["val/ece"] in [line["val/ece"] for line in more]


def test_best_and_last_weights_are_each_measured(tmp_path: Path) -> None:
    config = tiny(epochs=3, lr=3.0)  # so high that the last epoch is not the best
    said, _ = trained(tmp_path / "run", config | {"evaluate": ["calibration"]})
    assert said["last"]["epoch"] != said["best"]["epoch"]
    for which in ("last", "best"):
        bins = said["reliability"][which]
        right = sum(s * n for s, n in zip(bins["accuracy"], bins["count"], strict=True) if n)
        assert right / said["rows"]["val"] == pytest.approx(said[which]["metrics"]["val/accuracy"])


def test_a_summary_says_which_run_it_is_of_and_when_it_ended(tmp_path: Path) -> None:
    before = datetime.now(UTC)
    config = tiny(epochs=1)
    said, _ = trained(tmp_path / "run", config)
    ended = datetime.fromisoformat(said["ended"])
    assert before <= ended <= datetime.now(UTC)
    assert said["ended"].endswith("+00:00")
    assert len(said["ended"]) == len("2026-11-23T03:15:28.123456+00:00")
    assert (said["identity"], said["content"]) == (identity(config), "")
    table = compose("model=rnn", "model.width=8", "dataset=text_csv", f"dataset.path={CSV}", "train.epochs=1",
                    "dataset.length=12", "train.batch_size=8", "threads=1", "device=cpu")  # fmt: skip
    said, _ = trained(tmp_path / "table", table)
    assert len(said["content"]) == 64
    assert said["content"] == content_of(table)
    assert said["identity"] == identity(table, said["content"]) != identity(table)

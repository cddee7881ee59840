"""Whether a run that was gone on with, or read, says what the undisturbed one says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

Stock = Mapping[str, Path]


def records(folder: Path) -> list[dict[str, Any]]:
    """The lines of a run, times aside."""
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [{n: v for n, v in json.loads(line).items() if not n.startswith("time/")} for line in lines]


def _weights(path: Path) -> dict[str, torch.Tensor]:
    content = torch.load(path, weights_only=True)
    weights = content.get("model", content)
    return {name: value for name, value in weights.items() if isinstance(value, torch.Tensor)}


def same_run(work: Path, stock: Stock) -> str:
    """What sets `run` apart from the run that nobody disturbed."""
    try:
        if records(work / "run") != records(stock["whole"]):
            return "other records than those of the undisturbed run"
        for name in ("last.pt", "best.pt"):
            mine, right = (_weights(f / name) for f in (work / "run", stock["whole"]))
            if mine.keys() != right.keys() or not all(torch.equal(mine[k], right[k]) for k in right):
                return f"other weights in {name} than those of the undisturbed run"
    except Exception as error:
        return f"status 0, but the run cannot be read: {type(error).__name__}: {str(error)[:80]}"
    return ""


def same_test(work: Path, stock: Stock) -> str:
    """What sets the test figures of `run` apart from those of the undisturbed one."""
    try:
        mine, right = (
            json.loads((f / "summary.json").read_text())["test"] for f in (work / "run", stock["tested"])
        )
    except Exception as error:
        return f"status 0, but the summary cannot be read: {type(error).__name__}: {str(error)[:80]}"
    return "" if {**mine, "reads": 1} == right else "other test figures than those of the undisturbed run"


def whole_sweep(work: Path, stock: Stock) -> str:
    """What is missing of the runs of `sweep`: each must have finished."""
    for folder in stock["sweep"].iterdir():
        if not folder.name.startswith("."):
            mine = work / "sweep" / folder.name
            try:
                if json.loads((mine / "summary.json").read_text())["status"] != "finished":
                    return f"{mine.name} is not finished"
            except Exception as error:
                return f"{mine.name} cannot be read: {type(error).__name__}: {str(error)[:80]}"
    return ""

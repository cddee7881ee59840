"""Each script with its smallest arguments: it runs, says what it is to say, and keeps nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.scripts.conftest import Typed

ROOT = Path(__file__).parents[2]
ELSEWHERE = {
    "chaos": "tests/sweeps/test_sweep.py",
    "fuzz": "tests/fuzzing",
}  # where it is called by another test
SMALLEST = {  # script: words, and what it says
    "bandit": (
        ["--steps", "300", "--rewards", "1", "0"],
        r"reward .*\n(.*\n)+largest difference [\d.]+e-\d\d",
    ),
    "bench_compare": (["--rounds", "1", "--only", "50 runs"], r"50 runs: [\d.]+ s \(.* 1 rounds\)"),
    "bench_gpu": (
        ["--device", "cpu", "--quick"],
        r'"waits": \{\s+"skipped": "CUDA alone says where it is waited for, and the device is cpu"',
    ),
    "bench_replicas": (
        ["--rounds", "1", "--steps", "2", "--only", "64-64, K=4"],
        r"MLP 64-64, K=4, steps: [\d.]+ \([\d.]+ to [\d.]+\)",
    ),
    "bench_sweep": (
        ["--jobs", "2", "--rounds", "1", "--only", "between"],
        r"between two jobs: median -?[\d.]+ s on top of Hydra's own",
    ),
    "docs": (["--check"], r"^$"),
    "mutate": (["rotation"], r"2 mutants of 1 regularizers: 0 survive"),
    "pairs": (
        ["--workers", "1", "--only", "batch_norm", "layer_norm"],
        r"REFUSED batch_norm layer_norm mlp .*keep one\n(.*\n)+4 cases: 4 refused, 0 faults",
    ),
    "peeking": (
        ["--repetitions", "2", "--dry"],
        r"Measured by `scripts/peeking --repetitions 2 --dry`",
    ),
    "published": (
        ["early_stopping_ridge", "--set", "train.epochs=2", "seed=range(2)"],
        r"## Early stopping .*\n(.*\n)+- \*\*not resolved\*\*: `early_stopping > baseline`; val R2 ",
    ),
    "race": (
        [
            *["--races", "4", "--seeds", "10", "--dry"],
            *["--set", "train.epochs=1", "train.evaluate_every=1", "dataset.num_train=60", "model.width=4"],
        ],
        r"\| dropout \| \d+ \| .* \|",
    ),
    "rates": (
        [
            "--only",
            "resnet18",
            "--seeds",
            "1",
            "--set",
            "model.width=4",
            "train.epochs=1",
            "dataset.num_train=60",
        ],
        r"Chosen: 0\.03, beaten by a third or three times of it by [\d.]+ points at most\.",
    ),
    "results": (
        [
            "--only",
            "digits",
            "--members",
            "rotation",
            "--seeds",
            "1",
            "--set",
            "train.epochs=1",
            "model.width=2",
        ],
        r"\| baseline \| [\d.]+ \|.*\n\| rotation \| [\d.]+ \| .* [+-][\d.]+ \| 1 \|",
    ),
    "search_proofs": (
        ["planted", "studies", "--dry"],
        r"regbench search .*planted\.MovedDigits.* trials=\d+",
    ),
    "splits": (["--dry", "--repetitions", "5"], r"\| two of one law, 480 rows \| [\d.]+ \| [\d.]+ %, "),
    "tabular": (
        ["--only", "wine", "--seeds", "1", "--splits", "1", "--set", "train.epochs=1"],
        r"\| wine \| 0 \| 96/23/23 \| accuracy, % \| [\d.]+ \| [\d.]+ \| [\d.]+ \| not resolved \| [\d.]+ \|",
    ),
}
KEPT = {"published", "race", "rates", "results", "tabular"}  # which keep runs in a folder
LONG = {*KEPT, "bench_gpu", "mutate", "peeking", "pairs"}


def scripts() -> list[str]:
    """Every script in Python."""
    files = [path for path in (ROOT / "scripts").iterdir() if path.is_file() and not path.suffix]
    return sorted(path.name for path in files if path.read_text().startswith("#!/usr/bin/env python"))


def test_every_script_is_called_by_a_test() -> None:
    assert {*SMALLEST, *ELSEWHERE, "bench"} == {*scripts()}
    for name, place in ELSEWHERE.items():
        files = [ROOT / place] if place.endswith(".py") else (ROOT / place).rglob("*.py")
        assert any(name in path.read_text() for path in files)


SLOW = r"(\w+: \d+ of \d+\n)*"  # how far it has come, on a machine that takes its time


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.long if name in LONG else []) for name in SMALLEST]
)
def test_it_runs(typed: Typed, tmp_path: Path, name: str) -> None:
    words, says = SMALLEST[name]
    given = ["--folder", str(tmp_path / "runs")] if name in KEPT else []
    done = typed(name, *given, *words)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(SLOW, done.stderr), done.stderr
    assert re.search(says, done.stdout), done.stdout


@pytest.mark.long
def test_the_loop_is_timed(typed: Typed) -> None:
    on = ["dataset=digits", "train.batch_size=16"]
    done = typed("bench", "--blocks", "1", "--rounds", "1", "--on", *on)
    assert done.returncode == 0, done.stderr
    told = r"CNN with flip_crop, .*: median [\d.]+ \(.*; by wall time [\d.]+\) of the bare loop's speed"
    assert re.search(told, done.stdout)
    assert re.search(r"'memory_mb': \{'mlp': [\d.]+, 'cnn': [\d.]+\}", done.stdout)


@pytest.mark.long
def test_a_cost_is_timed(typed: Typed, real_data: Path) -> None:
    done = typed("bench", "--cost", "--blocks", "1", "--rounds", "1", "--only", "cutout")
    assert done.returncode == 0, done.stderr
    assert re.search(
        r"\| cutout \| [\d.]+ \(MLP 512-512, Fashion-MNIST\), [\d.]+ \(CNN.*\) \|  \|", done.stdout
    )


@pytest.mark.parametrize("name", scripts())
def test_it_says_what_it_takes(typed: Typed, name: str) -> None:
    done = typed(name, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"usage: {name}" in done.stdout

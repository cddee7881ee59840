"""A split for each seed, typed: train -m, compare, plan, ablate, strength, test; race refuses it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests import processes

TINY = ["dataset=digits", "dataset.num_train=100", "train.epochs=1", "model.width=8"]
EACH = "dataset.split_seed=${seed}"
OVER = "verdicts are over splits: each seed has one of its own, of 100 rows of train and 239 of val"
RACE = (
    r"regbench: dataset\.split_seed: must be the same for all seeds of a race, as no test .* is known to "
    r"hold over splits of one data set, got one for each seed; `regbench train -m` and `compare` take .*\n"
)


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two stacks of three seeds, each with its split, with a share of wrong labels."""
    root = tmp_path_factory.mktemp("splits")
    done = processes.run("train", "-m", "+reg=[],dropout", "seed=range(3)", EACH, *TINY, cwd=root)
    assert done.returncode == 0, done.stderr
    return root


def test_runs_over_splits_are_one_comparison(swept: Path) -> None:
    done = processes.run(
        "compare",
        "outputs/sweeps/digits_mlp",
        "--one",
        "--json",
        "found.json",
        "--html",
        "page.html",
        cwd=swept,
    )
    assert done.returncode == 0, done.stderr
    assert OVER in done.stdout
    assert "judged by the corrected resampled t test" in done.stdout
    assert "this validation split" not in done.stdout
    (one,) = json.loads((swept / "found.json").read_text())["comparisons"]
    assert one["judge"]["test"] == "resampled"
    assert one["config"]["dataset.split_seed"] == "of each seed"
    assert one["arms"][1]["paired"] == [0, 1, 2]
    assert one["arms"][1]["differences"]["val/accuracy"]["method"] == "corrected t"
    configs = [json.loads(path.read_text())["config"] for path in swept.rglob("summary.json")]
    assert sorted((one["seed"], one["dataset"]["split_seed"]) for one in configs) == [
        (seed, seed) for seed in range(3) for _ in range(2)
    ]
    assert "On validation splits, by" in (swept / "page.html").read_text()


def test_a_plan_takes_the_spread_and_the_test_over_splits(swept: Path) -> None:
    line = ["+reg=[],dropout", "seed=range(3)", *TINY]
    done = processes.run("plan", *line, EACH, "--detect", "30", cwd=swept)
    assert done.returncode == 0, done.stderr
    assert "6 jobs, 6 done, 0 left" in done.stdout
    assert [row[:2] for row in re.findall(r"^(\w+) +(\d+) % +\d+ ", done.stdout, re.MULTILINE)] == [
        ("resampled", "80"),
        ("resampled", "90"),
    ]
    done = processes.run("plan", *line, "--detect", "30", cwd=swept)
    assert done.returncode == 2, "runs over splits say nothing of the spread on one"
    assert re.search(r"has no technique of which two seeds are finished", done.stderr)
    done = processes.run("plan", *line, EACH, "--detect", "30", "--sd", "2", cwd=swept)
    assert done.returncode == 2
    assert re.fullmatch(
        r"regbench: plan: --sd must be of one split for all seeds, got one for each seed: .*\n", done.stderr
    )


def test_the_sealed_test_split_is_the_same_whatever_the_split(swept: Path) -> None:
    folders = [str(path.parent) for path in sorted(swept.rglob("summary.json"))]
    done = processes.run("test", *folders, cwd=swept)
    assert done.returncode == 0, done.stderr
    done = processes.run("compare", "outputs/sweeps/digits_mlp", "--metric", "test/accuracy", cwd=swept)
    assert done.returncode == 2
    assert re.fullmatch(
        r"regbench: --metric: must be of val where each seed .* got test/accuracy\n", done.stderr
    )


@pytest.mark.parametrize("seeds", [[], ["seed=range(9)"]])
def test_a_race_over_splits_is_refused_in_one_sentence(tmp_path: Path, seeds: list[str]) -> None:
    done = processes.run("race", "+reg=[],dropout", *seeds, EACH, *TINY, cwd=tmp_path)
    assert done.returncode == 2
    assert re.fullmatch(RACE, done.stderr), done.stderr
    assert not (tmp_path / "outputs").exists()


def test_ablate_and_strength_are_over_splits_too(tmp_path: Path) -> None:
    words = ["seed=range(2)", EACH, "dataset.label_noise=0.2", *TINY]
    done = processes.run("ablate", "+reg=[dropout,mixup]", *words, "--json", "found.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(OVER) == 1
    (one,) = json.loads((tmp_path / "found.json").read_text())["conditions"]
    assert one["judge"]["test"] == "resampled"
    assert one["solo"]["effects"][0]["seeds"] == [0, 1]
    done = processes.run("strength", "reg=dropout", "reg.dropout.p=0,0.5", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(OVER) == 1
    assert "the interval of the best takes splits for independent" in done.stdout


def test_an_ablation_on_one_split_says_so(tmp_path: Path) -> None:
    done = processes.run("ablate", "+reg=dropout", "seed=0,1", *TINY, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("all of it on one validation split, of 239 rows") == 1

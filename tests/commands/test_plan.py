"""regbench plan --detect: how many seeds a difference takes."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests import processes
from tests.conftest import SMALL

SHORT = ["model=mlp", "model.width=16", *SMALL, "checkpoints=none"]
LINE = [*SHORT, "+reg=[],dropout,l2", "seed=range(3)"]


def plan(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return processes.run("plan", *words, cwd=folder, COLUMNS="120")


def test_with_a_spread_that_is_said_nothing_need_have_run(tmp_path: Path) -> None:
    done = plan(tmp_path, *LINE, "--detect", "0.5", "--sd", "0.5")
    assert done.returncode == 0, done.stderr
    assert "seeds that find 0.50 points of val accuracy, as one of 2 techniques" in done.stdout
    rows = re.findall(r"^(sequential|fixed) +(\d+) % +(\d+) ", done.stdout, re.MULTILINE)
    assert [row[:2] for row in rows] == [
        ("sequential", "80"), ("sequential", "90"), ("fixed", "80"), ("fixed", "90"),
    ]  # fmt: skip
    seeds = [int(count) for _, _, count in rows]
    assert seeds[0] < seeds[1]
    assert 10 < seeds[2] < seeds[3] < seeds[1]  # an effect of one standard deviation
    assert not (tmp_path / "outputs").exists(), "nothing is started"


def test_without_one_it_is_that_of_the_runs_in_the_folder(tmp_path: Path) -> None:
    done = plan(tmp_path, *LINE, "--detect", "5")
    assert done.returncode == 2
    assert re.fullmatch(
        r"regbench: plan: --detect must know the spread, and outputs/sweeps/digits_mlp has no technique of "
        r"which two seeds are finished, .* run a few seeds first, such as seed=range\(5\), "
        r"or say it by --sd\n",
        done.stderr,
    )
    assert processes.run("train", "-m", *LINE, cwd=tmp_path).returncode == 0
    done = plan(tmp_path, *LINE, "--detect", "5")
    assert done.returncode == 0, done.stderr
    assert "9 jobs, 9 done, 0 left" in done.stdout
    assert "as one of 2 techniques: digits mlp" in done.stdout
    assert re.search(r"of 2 techniques with up to 3 pairs; it may be \d+\.\d\d \(", done.stdout)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([*LINE, "--detect", "x"], "--detect must be a number above 0, such as 0.3, got x"),
        ([*LINE, "--detect", "0.5", "--sd", "-1"], "--sd must be a number above 0, such as 0.3, got -1"),
        ([*LINE, "--sd", "1"], "--sd is the spread for --detect, which is missing"),
        ([*LINE, "--detect", "1", "--metric", "gap/accuracy"], "--metric must be a figure of val, test"),
        (
            ["seed=0", "--detect", "1"],
            "--detect must be of a line with the empty stack and another, .* alone",
        ),
        (
            ["+reg=l2,dropout", "--detect", "1"],
            "--detect must be of a line with the empty .* got no empty one",
        ),
    ],
)
def test_what_cannot_be_planned_is_one_sentence(tmp_path: Path, words: list[str], sentence: str) -> None:
    done = plan(tmp_path, *words)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert re.match(f"regbench: plan: {sentence}", done.stderr), done.stderr

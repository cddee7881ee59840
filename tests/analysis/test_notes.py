"""What is taken from a run, and pooled over several."""

from __future__ import annotations

from dataclasses import replace

import pytest

from regbench.analysis.notes import curves, note_of, reliability
from regbench.records.course import Course, Epoch
from tests.records.made import figures, result

TWO = [figures(0.9), figures(0.8)]  # the best is the first


def test_corrupted_accuracy_is_the_mean_of_the_weights_that_are_asked_for() -> None:
    measured = {"last": {"accuracy": 0.5, "noise/1": 0.4}, "best": {"accuracy": 0.625, "noise/1": 0.7}}
    run = result(epochs=TWO, corruption=measured)
    assert note_of(run, "last").figures["corruption/accuracy"] == 0.5
    assert note_of(run, "best").figures["corruption/accuracy"] == 0.625


def test_test_figures_are_those_of_the_weights_that_are_asked_for() -> None:
    run = result(epochs=TWO, test={"last": {"accuracy": 0.25}, "best": {"accuracy": 0.75}, "reads": 1})
    assert note_of(run, "last").figures["test/accuracy"] == 0.25
    assert note_of(run, "best").figures["test/accuracy"] == 0.75


def test_what_a_member_keeps_stands_for_the_last_weights_and_not_for_the_best() -> None:
    run = result(epochs=TWO, kept={"epoch": None, "metrics": figures(0.7)})
    assert (note_of(run, "last").epoch, note_of(run, "last").figures["val/accuracy"]) == (None, 0.7)
    assert (note_of(run, "best").epoch, note_of(run, "best").figures["val/accuracy"]) == (1, 0.9)


def test_the_speed_of_a_run_is_the_median_over_its_epochs() -> None:
    speeds = [Epoch(n, {"time/examples_per_s": speed}) for n, speed in enumerate((9.0, 1.0, 2.0), 1)]
    run = replace(result(epochs=TWO), course=Course.of([*speeds, Epoch(4, {})], ["time/examples_per_s"]))
    assert note_of(run, "last").figures["examples_per_s"] == 2.0


def test_reliability_is_that_of_the_weights_that_are_asked_for_and_every_row_counts_alike() -> None:
    one = {"count": [1, 3, 0], "confidence": [0.2, 0.8, None], "accuracy": [0.0, 1.0, None]}
    two = {"count": [3, 1, 0], "confidence": [0.4, 0.6, None], "accuracy": [1.0, 0.0, None]}
    best = {"count": [0, 0, 2], "confidence": [None, None, 0.9], "accuracy": [None, None, 0.5]}
    runs = [
        result(seed=n, epochs=TWO, reliability={"last": d, "best": best}) for n, d in enumerate((one, two))
    ]
    pooled = reliability(runs, "last")
    assert pooled is not None
    assert pooled["confidence"] == [pytest.approx(1.4 / 4), pytest.approx(3.0 / 4), None]
    assert pooled["accuracy"] == [0.75, 0.75, None]
    assert pooled["share"] == [0.5, 0.5, 0.0]
    assert reliability(runs, "best") == {
        "confidence": [None, None, pytest.approx(0.9)], "accuracy": [None, None, 0.5],
        "share": [0.0, 0.0, 1.0],
    }  # fmt: skip


def test_a_course_is_over_the_epochs_that_all_runs_have() -> None:
    runs = []
    for seed, epochs in enumerate(([1, 2, 3], [2, 3, 4])):
        lines = [Epoch(n, {"val/loss": float(n + seed)}) for n in epochs]
        runs.append(replace(result(seed=seed), course=Course.of(lines, ["val/loss"])))
    drawn = curves(runs)
    assert list(drawn) == ["val/loss"]
    assert (drawn["val/loss"].epochs, drawn["val/loss"].mean) == ([2, 3], [2.5, 3.5])

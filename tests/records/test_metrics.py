"""The table of metrics: what is read of it, and that it agrees with itself."""

from __future__ import annotations

import math

import pytest

from regbench.records.metrics import (
    CURVES,
    JUDGED,
    METRICS,
    bounds,
    is_percent,
    keys,
    metric_of,
    smaller_is_better,
    title,
    unit,
)

KINDS = ("accuracy", "loss", "calibration", "classes alike", "wrong labels")


def test_each_metric_has_one_row_and_stands_in_a_table() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    shown = keys(KINDS)
    assert len(set(shown)) == len(shown)
    assert {metric.name for metric in METRICS} == {key.partition("/")[2] for key in shown}
    assert not any(key.startswith("select/") for key in shown), "what chooses is not shown"
    assert {JUDGED, *CURVES} <= set(shown)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_row_agrees_with_itself(metric) -> None:
    assert metric.high is None or metric.low < metric.high
    assert metric.unit != "share" or (metric.low, metric.high) == (0, 1)
    assert {split for split, _ in metric.titles} <= {*metric.splits, "gap"}
    assert metric.meaning[-1] != "."


@pytest.mark.parametrize(
    ("key", "said", "of"),
    [("val/loss", "val NLL", "nats"), ("train/loss", "train loss", "nats"), ("gap/loss", "loss gap", "nats"),
     ("test/ece", "test ECE", "%"), ("val/brier", "val Brier", ""), ("gap/accuracy", "accuracy gap", "%"),
     ("corruption/accuracy", "corruption accuracy", "%"), ("select/macro_f1", "select macro F1", "%"),
     ("train/noisy_accuracy", "wrong labels learned", "%"), ("l1/zeros_left", "l1 zeros left", "")],
)  # fmt: skip
def test_a_metric_has_a_title_and_a_unit_wherever_it_is_shown(key: str, said: str, of: str) -> None:
    assert (title(key), unit(key)) == (said, of)
    assert unit(key, difference=True) == ("points" if of == "%" else of)
    assert is_percent(key) == (of == "%")


def test_less_is_better_of_losses_and_errors() -> None:
    assert {key for key in keys(KINDS, ("val",)) if smaller_is_better(key)} == {
        "val/loss", "val/ece", "val/brier",
    }  # fmt: skip
    assert not smaller_is_better("val/anything")


def test_a_gap_of_shares_may_be_negative_and_one_of_losses_anything() -> None:
    assert bounds("val/accuracy") == (0, 1)
    assert bounds("gap/accuracy") == (-1, 1)
    assert bounds("val/brier") == (0, 2)
    assert bounds("val/loss") == (0, None)
    assert bounds("gap/loss") == bounds("l1/zeros") == (-math.inf, None)


def test_what_is_a_members_own_is_in_no_row() -> None:
    assert metric_of("niece") is metric_of("val/niece") is metric_of("l1/zeros") is None

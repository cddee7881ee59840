"""The table of metrics: what is read of it, and that it agrees with itself."""

from __future__ import annotations

import math
import typing

import pytest

from regbench.records.metrics import (
    CLASSES,
    CURVES,
    METRICS,
    NUMBERS,
    Terms,
    bounds,
    decider_of,
    decimals,
    is_percent,
    keys,
    metric_of,
    on_select,
    smaller_is_better,
)
from regbench.regularizers.early_stopping import EarlyStopping
from regbench.tasks import Classification, Regression

KINDS = ("accuracy", "numbers", "loss", "calibration", "classes alike", "wrong labels")
TASKS = (Terms(CLASSES), Terms(NUMBERS, "EUR"))


def test_each_metric_has_one_row_and_stands_in_a_table() -> None:
    assert len({(metric.name, metric.task) for metric in METRICS}) == len(METRICS)
    shown = keys(KINDS)
    assert len(set(shown)) == len(shown)
    assert {metric.name for metric in METRICS} == {key.partition("/")[2] for key in shown}
    assert not any(key.startswith("select/") for key in shown), "what chooses is not shown"
    assert {*(terms.judged for terms in TASKS), *CURVES} <= set(shown)


def test_a_metric_of_both_tasks_is_read_alike_in_both() -> None:
    by_name: dict[str, set[tuple[object, ...]]] = {}
    for metric in METRICS:
        told = (metric.low, metric.high, metric.better, metric.kind, metric.splits, metric.gap, metric.curve)
        by_name.setdefault(metric.name, set()).add((*told, metric.unit in ("share", "target")))
    assert {name for name, found in by_name.items() if len(found) > 1} == set()
    assert {metric.task for metric in METRICS} == {Classification.name, Regression.name}


def test_one_metric_of_each_task_decides_and_it_is_known_by_what_was_measured() -> None:
    assert [(terms.judged, terms.choosing) for terms in TASKS] == [
        ("val/accuracy", "select/accuracy"), ("val/r2", "select/r2"),
    ]  # fmt: skip
    assert sum(metric.decides for metric in METRICS) == len(TASKS)
    assert all(metric.better == "more" and metric.gap for metric in METRICS if metric.decides)
    assert decider_of(["train/loss", "val/loss", "val/r2"]) == decider_of(["test/r2"]) == "r2"
    assert decider_of(["val/loss", "val/accuracy", "l1/r2"]) == decider_of([]) == "accuracy"
    assert decider_of(["val/r2", "probe/accuracy"]) == "r2", "a member's own figure decides nothing"


def test_early_stopping_can_monitor_all_that_select_has() -> None:
    known = [*on_select(CLASSES), *on_select(NUMBERS)]
    hint = typing.get_type_hints(EarlyStopping)["monitor"]
    assert sorted(typing.get_args(hint)) == sorted(set(known))


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
    terms = Terms()
    assert (terms.title(key), terms.unit_of(key)) == (said, of)
    assert terms.unit_of(key, difference=True) == ("points" if of == "%" else of)
    assert is_percent(key) == (of == "%")


@pytest.mark.parametrize(
    ("key", "said", "of"),
    [("val/loss", "val loss", ""), ("gap/loss", "loss gap", ""), ("val/r2", "val R2", ""),
     ("test/rmse", "test RMSE", "EUR"), ("gap/rmse", "RMSE gap", "EUR"), ("val/mae", "val MAE", "EUR")],
)  # fmt: skip
def test_numbers_have_their_own_unit_and_no_nats(key: str, said: str, of: str) -> None:
    terms = Terms(NUMBERS, "EUR")
    assert (terms.title(key), terms.unit_of(key), terms.unit_of(key, True)) == (said, of, of)
    assert terms.with_unit(key) == (f"{said} ({of})" if of else said)
    assert Terms(NUMBERS).unit_of(key) == ""


def test_numbers_in_a_unit_of_their_own_are_shown_with_five_digits() -> None:
    assert [decimals("val/rmse", value) for value in (53.126, -0.00012345, 123456.0, 0.0)] == [3, 8, 0, 4]
    assert (decimals("val/accuracy", 0.5), decimals("val/r2", 53.126)) == (2, 4)


def test_less_is_better_of_losses_and_errors() -> None:
    assert {key for key in keys(KINDS, ("val",)) if smaller_is_better(key)} == {
        "val/loss", "val/ece", "val/brier", "val/rmse", "val/mae",
    }  # fmt: skip
    assert not smaller_is_better("val/anything")


def test_a_gap_of_shares_may_be_negative_and_one_of_losses_anything() -> None:
    assert bounds("val/accuracy") == (0, 1)
    assert bounds("gap/accuracy") == (-1, 1)
    assert bounds("val/brier") == (0, 2)
    assert bounds("val/loss") == (0, None)
    assert bounds("val/r2") == (-math.inf, 1)
    assert bounds("gap/r2") == (-math.inf, 1)
    assert bounds("gap/loss") == bounds("l1/zeros") == (-math.inf, None)


def test_what_is_a_members_own_is_in_no_row() -> None:
    assert metric_of("niece") is metric_of("val/niece") is metric_of("l1/zeros") is None

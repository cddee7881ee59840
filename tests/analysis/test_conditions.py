"""Which comparisons are conditions of one question, and which are refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from regbench.analysis.across import across
from regbench.analysis.comparison import report
from regbench.analysis.question import Question
from regbench.errors import ConfigError
from regbench.records.reader import Found
from tests.analysis.across_runs import condition, told


def named(name: str) -> dict[str, Any]:
    return {"choices": {"model": name, "dataset": "digits", "optimizer": "sgd", "schedule": "cosine"}}


def test_conditions_stand_in_the_order_of_their_values_and_are_called_by_them() -> None:
    runs = [
        *condition(10.0, {"dropout": 0.01}),
        *condition(0.5, {"dropout": 0.01}),
        *condition(2.0, {"dropout": 0.01}),
    ]
    found = told(runs)
    assert [one.name for one in found.conditions] == ["lr=0.5", "lr=2", "lr=10"]
    assert [one.values for one in found.conditions] == [{"train.lr": v} for v in ("0.5", "2", "10")]
    assert found.conditions[0].baseline == pytest.approx(0.90125)
    assert len({one.comparison for one in found.conditions}) == 3


def test_dataset_and_model_are_the_names_of_choices_and_what_goes_with_a_choice_is_part_of_it() -> None:
    wide = condition(0.1, {"dropout": 0.01}, config={"model": {"width": 8}}, **named("cnn"))
    found = told([*wide, *condition(0.1, {"dropout": 0.01})], "dataset,model")
    assert [one.name for one in found.conditions] == ["cnn", "mlp"]
    assert found.conditions[0].values == {"dataset": "digits", "model": "cnn"}
    assert not any("differs with" in line for line in found.notes)


def test_what_differs_with_the_conditions_and_was_not_named_is_said() -> None:
    found = told(
        [*condition(0.1, {"dropout": 0.01}), *condition(0.2, {"dropout": 0.01}, **named("cnn"))], "model"
    )
    assert "train.lr differs with the conditions: 0.2 (cnn); 0.1 (mlp)" in found.notes


def refused(sentence: str, runs: list[Any], keys: str = "train.lr", **question: Any) -> None:
    with pytest.raises(ConfigError, match=sentence):
        told(runs, keys, **question)


TWO = [*condition(0.1, {"dropout": 0.01}), *condition(0.2, {"dropout": 0.01})]


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ("lr", r"got lr; did you mean 'train.lr'\?$"),
        ("modle", r"got modle; did you mean 'model'\?$"),
        ("", "got nothing"),
        ("train.lr,", "got nothing"),
        ("seed", "must be no stack's value and no seed.*; got seed$"),
        ("reg.dropout.p", "got reg.dropout.p$"),
    ],
)
def test_keys_that_tell_no_runs_apart_are_refused(keys: str, sentence: str) -> None:
    refused(sentence, TWO, keys)


def test_two_comparisons_under_the_same_values_are_refused_with_what_they_differ_in() -> None:
    runs = [*TWO, *condition(0.1, {"dropout": 0.01}, config={"train": {"lr": 0.1, "epochs": 9}})]
    refused("2 comparisons have train.lr=0.1; they differ in train.epochs.*, which must be named too", runs)


def test_choices_are_named_rather_than_their_parts() -> None:
    other = condition(0.2, {"dropout": 0.01}, config={"model": {"width": 8}}, **named("cnn"))
    refused(
        "2 comparisons have dataset=digits; they differ in model, train.lr, which",
        [*TWO[:16], *other],
        "dataset",
    )


def test_one_condition_is_refused() -> None:
    refused(
        "of one condition only, train.lr=0.1: there is nothing to look across", condition(0.1, {"l2": 0.0})
    )


def test_a_condition_without_the_baseline_is_refused() -> None:
    refused("baseline must be there in every condition, but is missing in digits mlp train.lr=0.2", [
        *condition(0.1, {"dropout": 0.01}),
        *[run for run in condition(0.2, {"dropout": 0.01}) if run.parts],
    ])  # fmt: skip


def test_a_condition_in_which_the_metric_was_not_measured_is_refused() -> None:
    bare = condition(0.2, {"dropout": 0.01})
    for run in bare:
        assert run.summary.last
        del run.summary.last.metrics["val/ece"]
    refused(
        "val/ece must be measured in every condition, and no run of baseline has it in digits mlp train.lr=",
        [*condition(0.1, {"dropout": 0.01}), *bare],
        metric="val/ece",
    )


def test_nothing_that_meets_the_baseline_twice_is_refused() -> None:
    refused(
        "compared with the baseline in two conditions or more, and none is",
        [*condition(0.1, {"dropout": 0.01}), *condition(0.2, {"l2": 0.01})],
    )


@pytest.mark.parametrize(
    ("change", "sentence"), [({"at": "best"}, "one at, got"), ({"metric": "val/ece"}, "one metric")]
)
def test_comparisons_that_have_answered_different_questions_are_refused(
    change: dict[str, Any], sentence: str
) -> None:
    found, asked = Found(list(TWO)), Question(metric="val/accuracy")
    first, *rest = report(found, asked).comparisons
    mixed = replace(report(found, asked), comparisons=[replace(first, **change), *rest])
    with pytest.raises(ConfigError, match=sentence):
        across(found, mixed, asked, ["train.lr"])

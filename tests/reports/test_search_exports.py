"""A search as JSON."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from regbench.reports.search_exports import search_json
from tests.reports.searches import STACK, begun, search, weighed


def read(text: str) -> Any:
    def refuse(word: str) -> None:
        pytest.fail(f"{word} is no JSON")

    return json.loads(text, parse_constant=refuse)


def test_everything_that_was_found_is_there_with_all_digits() -> None:
    report = search()
    trial = report.arms[1].trials[4]
    third = replace(trial, score=1 / 3, steps={40: 1 / 3})
    trials = [third if one is trial else one for one in report.arms[1].trials]
    found = read(
        search_json(replace(report, arms=[report.arms[0], replace(report.arms[1], trials=trials)]), weighed())
    )
    assert found["format"] == 1
    assert found["outcome"] == "survives"
    kept = found["arms"][1]["trials"][4]
    assert (kept["state"], kept["score"], kept["steps"]) == ("complete", 1 / 3, {"40": 1 / 3})
    assert kept["values"] == trial.values
    assert found["importance"][STACK]["shares"]["use.dropout"] == 0.46
    assert found["confirmation"]["differences"] == [0.01, 0.012, 0.008, 0.011, 0.009, 0.01]
    assert found["confirmation"]["comparison"]["metric"] == "val/accuracy"


def test_what_is_drawn_is_there() -> None:
    found = read(search_json(search(False), weighed()))
    curve = found["expected_best"]["baseline"]
    assert [one["n"] for one in curve] == list(range(1, 9))
    assert (curve[-1]["mean"], curve[-1]["low"], curve[-1]["found"]) == (pytest.approx(0.9079), 0.9079, 1.0)
    assert [one["what"] for one in found["stages"]] == ["in their trials", "as finalists", "on fresh seeds"]
    assert found["contrasts"][STACK][0]["within"]["trials"] == 6
    assert found["commands"][-1]["line"] == "regbench final outputs/searches/digits-mlp"


def test_what_is_no_number_is_null() -> None:
    report = search()
    bad = replace(report.arms[0].trials[2], score=math.nan, steps={10: math.inf}, loss=-math.inf)
    arm = replace(report.arms[0], trials=[*report.arms[0].trials[:2], bad])
    found = read(search_json(replace(report, arms=[arm, report.arms[1]]), {}))
    kept = found["arms"][0]["trials"][2]
    assert (kept["score"], kept["steps"], kept["loss"]) == (None, {"10": None}, None)
    assert found["expected_best"]["baseline"][-1]["mean"] == pytest.approx(0.8954), "it came to nothing"
    assert read(search_json(begun(), {}))["confirmation"] is None

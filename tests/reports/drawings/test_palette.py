"""Page and paper agree: an arm has one colour and one sign, a metric one name, wherever they are drawn."""

from __future__ import annotations

import re

import pytest

from regbench.analysis.report import Comparison
from regbench.analysis.verdicts import NO_MATTER, NOT_RESOLVED
from regbench.records.metrics import Terms
from regbench.reports.drawings.palette import ARMS, BASELINE, SYMBOLS, VERDICTS, Look, looks
from tests.reports.drawings.shown import page_shows, paper_shows
from tests.reports.paper.test_comparison import arm, comparison, report

TERMS = Terms()

NAMES = [f"technique{place}" for place in range(12)]
METRICS = ("val/accuracy", "val/loss", "val/ece", "val/brier", "val/macro_f1", "test/loss")


def test_the_baseline_is_a_grey_circle_and_every_other_arm_a_pair_of_its_own() -> None:
    (found,) = looks(report(comparison(*map(arm, NAMES))))
    assert found["baseline"] == Look(BASELINE)
    assert len(set(found.values())) == len(NAMES) + 1
    assert len(set(ARMS)) == len(ARMS)
    assert len(ARMS) % len(SYMBOLS), "so that pairs of both repeat late"


def test_an_arm_has_one_look_in_every_comparison() -> None:
    first, second = looks(
        report(comparison(arm("l2"), arm("mixup")), comparison(arm("dropout"), arm("mixup")))
    )
    assert first["mixup"] == second["mixup"]
    assert len({first["l2"], first["mixup"], second["dropout"]}) == 3


def test_of_too_many_arms_those_of_a_comparison_differ_first() -> None:
    first, second = looks(report(comparison(*map(arm, NAMES[:8])), comparison(*map(arm, NAMES[4:]))))
    for found in (first, second):
        assert len({look.colour for look in found.values()}) == 9


@pytest.fixture(scope="module")
def of() -> Comparison:
    words = ("better", NO_MATTER, NOT_RESOLVED, "worse")
    return comparison(
        *(arm(name, 0.95 - place / 100, words[place]) for place, name in enumerate(NAMES[: len(words)]))
    )


def test_page_and_paper_draw_each_arm_in_one_colour_with_one_sign(of: Comparison) -> None:
    (known,) = looks(report(of))
    page, paper = page_shows("cost", of).looks, paper_shows("cost", of).looks
    for name, look in known.items():
        assert page[name] == paper[name] == look


def test_page_and_paper_draw_each_verdict_in_one_colour(of: Comparison) -> None:
    page, paper = page_shows("differences", of).looks, paper_shows("differences", of).looks
    for word, look in VERDICTS.items():
        assert page[word] == paper[word] == look


@pytest.mark.parametrize("metric", METRICS)
def test_page_and_paper_call_a_metric_what_the_tables_call_it(metric: str) -> None:
    known = comparison(arm("dropout")).arms[1].differences["val/accuracy"]
    one = arm("dropout")
    of = comparison(
        type(one)(**{**vars(one), "differences": {metric: known}}), metric=metric, sampling_error=None
    )
    for words in (page_shows("differences", of).words, paper_shows("differences", of).words):
        said = " ".join(re.sub("<br>|\n", " ", text) for text in words)
        assert f"difference in {TERMS.title(metric)}" in said
        assert TERMS.unit_of(metric, True) in said

"""What is drawn of a search, before any renderer."""

from __future__ import annotations

from dataclasses import replace
from math import log10

import pytest

from regbench.analysis.search_findings import Importance
from regbench.analysis.searching import TrialState
from regbench.reports.drawings.marks import Drawing, Note, Series
from regbench.reports.drawings.search import charts, differences, expected, promised
from regbench.reports.drawings.search_arms import finalists, weights
from regbench.reports.drawings.search_parallel import ABSENT, grades, parallel
from regbench.reports.drawings.search_slices import EDGE, slices
from tests.reports.searches import STACK, begun, search, weighed

STACKS = search().arms[1]


def series(drawing: Drawing | None, key: str, panel: int = 0) -> Series:
    assert drawing is not None
    (found,) = [mark for mark in drawing.panels[panel].marks if isinstance(mark, Series) and mark.key == key]
    return found


def test_the_arms_share_one_axis_of_the_expected_best() -> None:
    drawn = expected(search())
    assert drawn is not None
    (panel,) = drawn.panels
    assert drawn.keys == ["baseline", STACK]
    base, stacks = series(drawn, "baseline"), series(drawn, STACK)
    assert (len(base.x), len(stacks.x)) == (8, 12)
    assert (base.y[-1], stacks.y[-1]) == (pytest.approx(90.79), pytest.approx(92.89))
    # of the first trial one order in eight has nothing, so the band reaches the end of the axis
    assert base.low[0] == panel.y.low
    assert expected(begun()) is None


def test_the_lead_shrinks_and_only_the_last_has_an_interval() -> None:
    drawn = promised(search(False))
    chose, judged = series(drawn, "on select, which chose"), series(drawn, "on rows that chose nothing")
    assert chose.y == pytest.approx([2.1, 1.3])
    assert (list(judged.y), list(judged.low), list(judged.high)) == ([0.0], [-0.9], [0.9])
    assert promised(begun()) is None
    found = search(False).confirmation
    assert found is not None
    unsure = promised(replace(search(False), confirmation=replace(found, low=None, high=None)))
    assert list(series(unsure, "on rows that chose nothing").low) == []


def test_each_fresh_seed_stands_by_its_name() -> None:
    drawn = differences(search())
    assert drawn is not None
    assert [name for _, name in drawn.panels[0].x.ticks] == ["100", "101", "102", "103", "104", "105"]
    assert series(drawn, "each seed").y == pytest.approx([1, 1.2, 0.8, 1.1, 0.9, 1])
    assert series(drawn, "mean, 95 % interval").low == pytest.approx([0.79, 0.79])


def test_a_line_passes_below_the_axis_of_a_member_that_is_out() -> None:
    drawn = parallel(STACKS, search())
    assert drawn is not None
    keys = [name for _, name in drawn.panels[0].x.ticks]
    line = series(drawn, "chosen")
    at = {key: line.y[place] for place, key in enumerate(keys)}
    assert at["train.lr"] == pytest.approx((log10(0.13) + 2) / 2, abs=1e-4)
    assert at["train.batch_size"] == 0.5, "64 is the second of three"
    assert (at["use.dropout"], at["use.l2"]) == (1.0, 1.0)
    assert isinstance(line.told, list)
    assert line.told[0] == "trial 4: 92.89 %\ndropout+mixup+l2\ntrain.lr=0.13"
    assert at["reg.dropout.p"] == pytest.approx(0.4 / 0.65, abs=1e-4)
    worst = series(drawn, "5. 89.12 %")
    out = dict(zip(keys, worst.y, strict=False))
    assert (out["use.dropout"], out["reg.dropout.p"]) == (0.0, ABSENT)
    notes = {mark.text for mark in drawn.panels[0].marks if isinstance(mark, Note)}
    assert {"in", "out", "not in", "0.7", "1e-05", "128"} <= notes
    assert series(drawn, "pruned").weight < worst.weight
    assert parallel(begun().arms[0], begun()) is None


def test_equal_scores_are_of_one_grade_and_the_first_is_the_best() -> None:
    made = list(grades(STACKS, search()))
    assert [name for name, _, _ in made][:2] == ["1. 92.47 to 92.89 %", "2. 91.63 to 92.05 %"]
    assert sorted(trial.number for trial in made[1][2]) == [2, 9, 11], "two trials came to 91.63"
    assert sum(len(trials) for _, _, trials in made) == 9
    less = list(grades(STACKS, replace(search(), smaller=True)))
    assert less[0][0].startswith("1. 89.12")


def test_trials_that_are_far_worse_stand_at_the_edge() -> None:
    drawn = slices(STACKS, search())
    assert drawn is not None
    assert [panel.title for panel in drawn.panels][:4] == [
        "train.lr", "train.batch_size", "use.dropout", "reg.dropout.p",
    ]  # fmt: skip
    low = drawn.panels[0].y.low
    edge = series(drawn, EDGE)
    assert low is not None
    assert edge.x == pytest.approx([log10(0.9), log10(0.011)]), "the pruned ones that have a score"
    assert all(low < (value or 0) < 89 for value in edge.y)
    assert len(series(drawn, "complete").x) == 9
    assert len(series(drawn, "complete", 3).x) == 6, "only those with dropout have its p"
    middle = series(drawn, "median", 2)
    assert (middle.y[0], middle.y[3]) == (pytest.approx(89.96), pytest.approx(91.84)), "out, in"


def test_finalists_and_importance_have_a_row_each() -> None:
    drawn = finalists(search())
    assert drawn is not None
    assert [row.told for row in drawn.panels[0].rows] == [
        "90.20 ± 0.20, chosen", "89.70 ± 0.30", "91.50 ± 0.50, chosen", "91.10 ± 0.36", "seed 52 diverged",
    ]  # fmt: skip
    bars = weights(weighed()[STACK])
    assert bars is not None
    assert [(row.name, row.told) for row in bars.panels[0].rows][:2] == [
        ("use.dropout", "46 %"), ("train.lr", "31 %"),
    ]  # fmt: skip
    assert weights(weighed()["baseline"]) is None
    many = weights(Importance({f"key{n}": 0.05 for n in range(20)}, 9))
    assert many is not None
    assert len(many.panels[0].rows) == 15
    assert many.caption.endswith("The least 5 are left out.")


def test_charts_are_named_once_and_nothing_is_drawn_of_nothing() -> None:
    named = [(one.name, one.arm) for one in charts(search(), weighed())]
    assert len(set(named)) == len(named)
    assert named[:4] == [("promised", ""), ("seeds", ""), ("expected", ""), ("finalists", "")]
    assert ("importance", "baseline") not in named
    assert ("importance", STACK) in named
    assert charts(begun(), {}) == []
    failed = [replace(one, state=TrialState.FAILED, score=None) for one in STACKS.trials]
    assert slices(replace(STACKS, trials=failed), search()) is None

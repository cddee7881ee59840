"""What the trials of a search say beside its verdict, by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from regbench.analysis.search_findings import (
    best_of,
    contrasts,
    course,
    last_score,
    shown_counts,
    spent,
    terms_of,
)
from regbench.analysis.search_stages import stages
from regbench.analysis.searching import TrialState
from regbench.records.metrics import NUMBERS
from regbench.stats.expected_best import Best
from tests.reports.searches import begun, search


def test_trials_that_ended_are_counted_with_what_they_trained() -> None:
    base, stacks = search().arms
    found = spent(base, search())
    assert found.states == {TrialState.COMPLETE: 5, TrialState.PRUNED: 2, TrialState.FAILED: 1}
    assert (found.epochs, found.all_epochs) == (5 * 40 + 2 * 10 + 3, 8 * 40)
    assert spent(stacks, search()).epochs == 9 * 40 + 2 * 10, "one was impossible, and trained nothing"
    assert spent(begun().arms[0], begun()).all_epochs == 0, "what is open has not ended"


def test_a_pruned_trial_came_to_its_last_score_and_a_failed_one_to_nothing() -> None:
    base = search().arms[0]
    assert [last_score(base.trials[n]) for n in (0, 2, 7)] == [0.8954, 0.62, None]
    found = course(base, False)
    assert len(found) == 8
    assert found[0].mean == pytest.approx((0.8954 + 0.887 + 0.62 + 0.8996 + 0.71 + 0.9079 + 0.8745) / 7)
    assert found[0].found == pytest.approx(7 / 8)
    assert found[-1].mean == pytest.approx(0.9079)


def test_the_best_is_the_first_of_the_least_loss_among_equals() -> None:
    base = search().arms[0]
    assert best_of(base, False) == (base.trials[5], 0.9079)
    assert best_of(base, True) == (base.trials[6], 0.8745)
    trials = [
        replace(one, score=0.9, loss=loss) for one, loss in zip(base.trials[:2], (0.3, 0.2), strict=True)
    ]
    found = best_of(replace(base, trials=trials), False)
    assert found
    assert found[0].number == 1
    assert best_of(begun().arms[0], False) is None


def test_a_table_has_columns_up_to_the_ends_of_all_courses() -> None:
    def ones(n: int) -> list[Best]:
        return [Best(place, None, None, None, 0.0) for place in range(1, n + 1)]

    assert shown_counts({"a": ones(8), "b": ones(12)}) == [1, 2, 5, 8, 10, 12]
    assert shown_counts({"a": []}) == []


def test_candidates_are_contrasted_among_complete_trials() -> None:
    dropout, _, l2 = contrasts(search().arms[1])
    assert (dropout.within.trials, dropout.without.trials) == (6, 3)
    assert dropout.within.median == pytest.approx((0.9163 + 0.9205) / 2)
    assert dropout.median_difference == pytest.approx((0.9163 + 0.9205) / 2 - 0.8996)
    assert dropout.within.mean == pytest.approx((0.9079 + 0.9205 + 0.9289 + 0.9247 + 0.9163 + 0.9163) / 6)
    assert dropout.without.mean == pytest.approx((0.8912 + 0.9038 + 0.8996) / 3)
    assert l2.difference == pytest.approx(
        (0.9289 + 0.9247 + 0.9038 + 0.9163) / 4 - (0.8912 + 0.9079 + 0.9205 + 0.8996 + 0.9163) / 5
    )
    assert contrasts(begun().arms[1])[0].difference is None


def test_what_was_promised_shrinks_from_stage_to_stage() -> None:
    first, again, last = stages(search(False))
    assert (first.winner, first.baseline) == (0.9289, 0.9079)
    assert first.difference == pytest.approx(0.021)
    assert (again.winner, again.baseline, again.seeds) == (0.915, 0.902, 3)
    assert (last.metric, last.seeds, last.difference) == ("val/accuracy", 6, 0.0)
    assert last.winner == pytest.approx(0.91, abs=1e-3)
    assert last.baseline == pytest.approx(0.91)
    assert stages(begun()) == []


def test_terms_are_those_of_the_objective_before_there_is_a_comparison() -> None:
    assert terms_of(replace(begun(), objective="select/r2")).task == NUMBERS
    assert terms_of(search()).title("select/accuracy") == "select accuracy"

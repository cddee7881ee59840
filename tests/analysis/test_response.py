"""Response curves with a planted optimum, without one, and with one beyond the values tried."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from regbench.analysis.question import Question
from regbench.analysis.response import BELOW, BEST, OVER, UNDER, WORSE, Response, Swept, response
from regbench.records.reader import Result
from regbench.reports.drawings.sketch import axis, zones
from regbench.reports.response_text import PLAIN, WIDTH, drawing, pages
from regbench.stats.paired_test import FIXED
from tests.records.made import member
from tests.records.planted import cohort, result

VALUES = (0.0, 0.1, 0.2, 0.35, 0.5, 0.65)
KEY = "reg.dropout.p"
LAW = Swept(KEY, VALUES, 0.0, True)


def curve(
    val: Callable[[float], float],
    seeds: int = 12,
    noise: float = 0.002,
    values: Sequence[float] = VALUES,
    swept: Swept = LAW,
    question: Question | None = None,
    number: int = 0,
) -> Response:
    """A curve of this shape, with noise of each run's own and what a seed does to all of them."""
    random = np.random.default_rng(number)
    shared = random.normal(0, 0.01, seeds)
    made = [
        result([member("dropout", p=p)], seed, val(p) + shared[seed] + random.normal(0, noise))
        for p in values
        for seed in range(seeds)
    ]
    return response(cohort(made), swept, question or Question(), "digits mlp")


def sides(found: Response) -> dict[float | None, str]:
    return {one.value: one.side for one in found.points}


def hill(p: float) -> float:
    return 0.8 - (p - 0.25) ** 2


def test_a_planted_optimum_is_found_and_its_sides_are_named() -> None:
    found = curve(lambda p: 0.8 - 2 * (p - 0.2) ** 2)
    assert found.best is not None
    assert (found.best.value, found.best.low, found.best.high) == (0.2, 0.2, 0.2)
    assert sides(found) == {0.0: UNDER, 0.1: UNDER, 0.2: BEST, 0.35: OVER, 0.5: OVER, 0.65: OVER}
    said = "\n".join(line for _, lines in pages(found) for line in lines)
    assert "the best p tried is 0.2, interval 0.2 to 0.2 (95 %, bootstrap over 12 seeds" in said
    assert "under-regularized: 0, 0.1" in said
    assert "over-regularized: 0.35, 0.5, 0.65" in said
    assert "may lie beyond" not in said


def test_the_interval_covers_the_best_of_a_hill() -> None:
    """The best tried is 0.2; 0.35 is worse by 0.0075, and the noise of a run is 0.01."""
    covered = 0
    for number in range(60):
        best = curve(hill, 12, 0.01, number=number).best
        assert best is not None
        assert best.low is not None
        assert best.high is not None
        covered += best.low <= 0.2 <= best.high
    assert covered / 60 >= 0.95 - 2.58 * np.sqrt(0.05 * 0.95 / 60)


def test_a_flat_response_leaves_nearly_everything_possible() -> None:
    wide = 0
    for number in range(20):
        best = curve(lambda p: 0.8, 12, 0.005, number=number).best
        assert best is not None
        assert best.low is not None
        assert best.high is not None
        wide += sum(best.low <= value <= best.high for value in VALUES) >= 4
    assert wide >= 16
    flat = curve(lambda p: 0.8, 12, 0.0)
    assert flat.best is not None
    assert flat.best.value == 0.0, "of values that tie the one nearest to off"
    assert set(sides(flat).values()) == {BEST}, "none is worse than the other"
    assert {one.verdict.word for one in flat.points if one.verdict} == {"not resolved"}


def test_a_monotone_response_ends_at_an_edge_and_says_so() -> None:
    rising = curve(lambda p: 0.7 + 0.2 * p)
    assert rising.best is not None
    assert (rising.best.value, rising.best.edge) == (0.65, True)
    assert set(sides(rising).values()) == {UNDER, BEST}
    assert any("highest value tried: a better one may lie beyond it" in line for line in pages(rising)[0][1])
    falling = curve(lambda p: 0.7 - 0.2 * p)
    assert falling.best is not None
    assert falling.best.value == 0.0
    assert set(sides(falling).values()) == {OVER, BEST}
    assert "nothing tried is better than off" in pages(falling)[0][1]


def test_differences_are_to_off_and_paired_by_seed() -> None:
    found = curve(lambda p: 0.7 + p / 10, seeds=6, noise=0, question=Question(test=FIXED))
    assert [one.difference is None for one in found.points] == [True, *[False] * 5]
    for one in found.points[1:]:
        assert one.difference is not None
        assert one.value is not None
        assert one.difference.mean == pytest.approx(one.value / 10)
        assert one.difference.low == pytest.approx(one.difference.high, abs=1e-9), (
            "the seeds' own part cancels"
        )
        assert one.score is not None
        assert one.score.sd == pytest.approx(found.points[0].score.sd)  # type: ignore[union-attr]
        assert one.verdict is not None
        assert one.verdict.p_adjusted == pytest.approx(5 * 2 / 2**6), "five values are one family"
    assert found.baseline is found.points[0]


def test_scores_and_gaps_have_students_interval_over_the_seeds() -> None:
    found = curve(lambda p: 0.7, seeds=4)
    for one in found.points:
        for known in (one.score, one.gap):
            assert known is not None
            assert known.sd is not None
            assert known.high == pytest.approx(known.mean + 3.182446 * known.sd / 2)  # t of 3 degrees, 97.5 %
        assert one.gap is not None
        assert one.score is not None
        assert one.gap.mean == pytest.approx(1 - one.score.mean), "every run ends at train accuracy 1"


def test_off_may_lie_above_what_is_tried() -> None:
    values = (1.0, 2.0, 4.0, 8.0)
    shape = {1.0: 0.6, 2.0: 0.9, 4.0: 0.7, 8.0: 0.5}
    found = curve(shape.__getitem__, values=values, swept=Swept(KEY, values, 8.0, True))
    assert sides(found) == {1.0: OVER, 2.0: BEST, 4.0: UNDER, 8.0: UNDER}


def test_without_a_known_off_the_sides_are_below_and_above() -> None:
    found = curve(lambda p: 0.8 - 2 * (p - 0.65) ** 2, swept=Swept(KEY, VALUES, None, False))
    assert sides(found)[0.1] == BELOW
    assert found.baseline is None
    assert "the baseline has no finished run, so there are no differences" in found.notes


def test_the_stack_without_the_member_is_the_baseline_where_off_alone_does_nothing_of_the_sort() -> None:
    made = [result([member("dropout", p=p)], seed, 0.7 + p / 10) for p in VALUES for seed in range(6)]
    made += [result([], seed, 0.69) for seed in range(6)]
    found = response(cohort(made), Swept(KEY, VALUES, 0.0, False), Question())
    assert found.baseline is not None
    assert found.baseline.value is None
    assert [one.difference.mean for one in found.points if one.difference] == pytest.approx(
        [0.01 + p / 10 for p in VALUES]
    )
    assert [row[0] for row in pages(found)[0][0].rows] == ["-", "0", "0.1", "0.2", "0.35", "0.5", "0.65"]


def test_a_value_that_diverged_is_not_the_best_and_is_named() -> None:
    made = [result([member("dropout", p=p)], seed, 0.7 + p / 10) for p in (0.0, 0.5) for seed in range(6)]
    made += [result([member("dropout", p=0.9)], seed, 0.99) for seed in range(5)]
    made.append(result([member("dropout", p=0.9)], 5, 0.1, "diverged"))
    found = response(cohort(made), Swept(KEY, (0.0, 0.5, 0.9), 0.0, True), Question())
    assert found.best is not None
    assert found.best.value == 0.5
    assert found.points[2].verdict is not None
    assert found.points[2].verdict.word == "not resolved"
    assert "0.9: diverged with seed 5, so it is not among the best" in found.notes


def with_diverged(shape: dict[float, float], lost: float, seeds: int = 6) -> Response:
    """A curve of which at one of the values one seed more diverged."""
    made = [result([member("dropout", p=p)], seed, shape[p]) for p in shape for seed in range(seeds)]
    made.append(result([member("dropout", p=lost)], seeds, 0.1, "diverged"))
    return response(cohort(made), Swept(KEY, tuple(shape), 0.0, True), Question())


def test_a_value_that_diverged_lies_on_no_side_of_the_best() -> None:
    found = with_diverged({0.0: 0.9, 0.2: 0.88, 0.5: 0.87}, 0.0, 8)
    assert sides(found) == {0.0: "", 0.2: BEST, 0.5: OVER}
    said = "\n".join(line for _, lines in pages(found) for line in lines)
    assert UNDER not in said
    assert [row[-1] for row in pages(found)[0][0].rows] == ["diverged", "best", OVER]


def test_the_end_of_the_list_is_that_of_all_values_tried_those_that_diverged_too() -> None:
    found = with_diverged({0.0: 0.9, 0.2: 0.88, 0.5: 0.87}, 0.0)
    assert found.best is not None
    assert (found.best.value, found.best.edge) == (0.2, False)
    assert not any("may lie beyond" in line for line in pages(found)[0][1])
    found = with_diverged({0.0: 0.7, 0.2: 0.8, 0.5: 0.9}, 0.2)
    assert found.best is not None
    assert (found.best.value, found.best.edge) == (0.5, True)
    assert any("highest value tried: a better one may lie beyond" in line for line in pages(found)[0][1])


def test_a_value_that_never_ran_is_no_end_of_those_tried() -> None:
    made = [result([member("dropout", p=p)], seed, 0.7 + p) for p in (0.0, 0.5) for seed in range(3)]
    found = response(cohort(made), Swept(KEY, (0.0, 0.5, 0.9), 0.0, True), Question())
    assert found.best is not None
    assert (found.best.value, found.best.edge) == (0.5, True)
    assert any("the best is the highest value tried" in line for line in pages(found)[0][1])


def test_nothing_is_worse_than_a_baseline_of_which_a_seed_diverged() -> None:
    found = with_diverged({0.0: 0.9, 0.2: 0.88, 0.5: 0.95}, 0.0, 8)
    words = {one.value: (one.verdict.word, one.verdict.reason) for one in found.points if one.verdict}
    assert words == {0.2: ("not resolved", "the baseline diverged with seed 8"), 0.5: ("better", "")}


def test_values_with_too_few_pairs_are_named_as_they_were_given() -> None:
    made = [result([member("dropout", p=p)], seed, 0.7) for p in (0.0, 0.5) for seed in range(8)]
    made += [result([member("dropout", p=8.0)], seed, 0.7) for seed in range(2)]
    found = response(cohort(made), Swept(KEY, (0.0, 0.5, 8.0), 0.0, True), Question())
    assert found.design is not None
    assert found.design.sentence.endswith("; 8, with 2 pairs, cannot be resolved")


def test_the_best_is_over_the_seeds_that_all_values_have() -> None:
    made = [result([member("dropout", p=p)], seed, 0.7 + p / 10) for p in (0.0, 0.5) for seed in range(6)]
    made = [one for one in made if not (one.seed == 2 and one.summary.config["reg"]["dropout"]["p"])]
    found = response(cohort(made), Swept(KEY, (0.0, 0.5), 0.0, True), Question())
    assert found.best is not None
    assert found.best.seeds == [0, 1, 3, 4, 5]
    assert "0.5: no finished run with seed 2" in found.notes
    assert "the best is over the 5 seeds that all values have" in found.notes


def test_one_seed_gives_a_best_without_an_interval() -> None:
    found = curve(hill, seeds=1, noise=0)
    assert found.best is not None
    assert (found.best.value, found.best.low, found.best.high) == (0.2, None, None)
    assert set(sides(found).values()) == {""}
    assert any("one seed gives no interval" in line for line in pages(found)[0][1])


def made_of(scores: dict[float, Sequence[float]]) -> list[Result]:
    """Runs of these accuracies at each value, one for each seed."""
    return [
        result([member("dropout", p=p)], seed, score)
        for p, several in scores.items()
        for seed, score in enumerate(several)
    ]


def told(found: Response) -> list[str]:
    return [line for _, lines in pages(found) for line in lines]


TRADED = [0.001 * (-1) ** seed for seed in range(12)]  # by turns 0.1 points up and down


@pytest.mark.parametrize("off", [0.75, 0.5])  # 0.5 is worse than off; or better than off
def test_a_value_that_is_resolved_as_worse_than_the_best_is_not_as_good_as_any(off: float) -> None:
    """0.2 and 0.8 trade the lead, so that the interval is 0.2 to 0.8; 0.5 is 20 points below both."""
    made = made_of(
        {
            0.0: [off] * 12,
            0.2: [0.8 + more for more in TRADED],
            0.5: [0.6] * 12,
            0.8: [0.8 - more for more in TRADED],
        }
    )
    found = response(cohort(made), Swept(KEY, (0.0, 0.2, 0.5, 0.8), 0.0, True), Question(test=FIXED))
    assert found.best is not None
    assert (found.best.low, found.best.high) == (0.2, 0.8)
    assert sides(found) == {0.0: UNDER, 0.2: BEST, 0.5: WORSE, 0.8: BEST}
    assert "as good as any, as far as 12 seeds can tell: 0.2, 0.8" in told(found)
    assert "worse than the best: 0.5" in told(found)
    drawn = zones(found, axis((0.0, 0.2, 0.5, 0.8), 0.0))
    assert [zone.side for zone in drawn] == [UNDER, BEST, WORSE, BEST]


def test_too_few_seeds_to_tell_a_value_from_the_best_leave_it_as_good_as_any() -> None:
    """6 pairs of values, so the smallest p of 7 seeds is 6 / 2^6 = 0.09."""
    traded = TRADED[:7]
    made = made_of(
        {
            0.0: [0.5] * 7,
            0.2: [0.8 + more for more in traded],
            0.5: [0.7] * 7,
            0.8: [0.8 - more for more in traded],
        }
    )
    found = response(cohort(made), Swept(KEY, (0.0, 0.2, 0.5, 0.8), 0.0, True), Question(test=FIXED))
    assert sides(found)[0.5] == BEST


def test_off_is_said_to_be_the_best_without_more_where_nothing_is_resolved() -> None:
    found = response(
        cohort(made_of({0.0: (0.80, 0.82, 0.84), 0.3: (0.83, 0.81, 0.819)})),
        Swept(KEY, (0.0, 0.3), 0.0, True),
        Question(),
    )
    assert "off has the best mean of those tried" in told(found)
    assert "nothing tried is better than off" not in told(found)


def test_a_value_that_diverged_may_have_a_better_mean_than_off() -> None:
    found = with_diverged({0.0: 0.8, 0.2: 0.9, 0.5: 0.7}, 0.2, 12)
    assert "off has the best mean of those tried at which no seed diverged" in told(found)
    assert "nothing tried is better than off" not in told(found)


def test_where_a_seed_diverged_at_every_value_that_is_why_there_is_no_best() -> None:
    made = made_of({0.0: (0.80, 0.81, 0.82), 0.3: (0.83, 0.84, 0.85)})
    made += [result([member("dropout", p=p)], 3, 0.1, "diverged") for p in (0.0, 0.3)]
    found = response(cohort(made), Swept(KEY, (0.0, 0.3), 0.0, True), Question())
    assert "a seed diverged at every value that has run, so there is no best" in found.notes
    assert not any("no seed has finished" in note for note in found.notes)


def test_values_that_share_no_seed_have_no_best() -> None:
    made = [result([member("dropout", p=p)], seed, 0.8) for p, seed in ((0.0, 0), (0.3, 1), (0.6, 0))]
    sound = response(cohort(made), Swept(KEY, (0.0, 0.3, 0.6), 0.0, True), Question())
    assert "no seed has finished at all values, so there is no best" in sound.notes
    made.append(result([member("dropout", p=0.6)], 1, 0.1, "diverged"))
    found = response(cohort(made), Swept(KEY, (0.0, 0.3, 0.6), 0.0, True), Question())
    assert "no seed has finished at all values at which none diverged, so there is no best" in found.notes


def test_the_seeds_of_the_best_are_counted_and_values_without_a_say_are_named() -> None:
    made = made_of({0.0: (0.80, 0.81), 0.3: (0.83,), 0.6: (0.84, 0.85)})
    made.append(result([member("dropout", p=0.6)], 2, 0.1, "diverged"))
    found = response(cohort(made), Swept(KEY, (0.0, 0.3, 0.6, 0.9), 0.0, True), Question())
    assert "the best is over the 1 seed that all values have, 0.6, 0.9 left out" in found.notes


def test_a_loss_is_best_where_it_is_smallest() -> None:
    found = curve(lambda p: 0.8 - 2 * (p - 0.2) ** 2, question=Question(metric="val/loss"))
    assert found.best is not None
    assert found.best.value == 0.2
    assert found.gap_metric == "gap/loss"


def test_the_drawing_has_one_scale_and_marks_the_baseline() -> None:
    found = curve(lambda p: 0.7 + p / 10, seeds=3)
    lines = drawing(found.points, found.baseline, PLAIN)
    assert {len(line) for line in lines} == {WIDTH}
    assert lines[0].startswith("|")
    assert lines[-1].endswith("|")
    assert all(line.count("o") == 1 for line in lines)
    means = [line.index("o") for line in lines]
    assert means == sorted(means)
    apart = curve(lambda p: 0.7 + p, seeds=3)
    drawn = drawing(apart.points, apart.baseline, PLAIN)
    assert drawn[-1][drawn[0].index("o")] == ":", "where the baseline's mean lies"

"""Proof that verdicts over splits do not over-claim: learners on overlapping splits of finite data sets.

Each study draws a data set and cuts it at random as runs do: a sixth is val, a sixth select, the rest train. Two
kinds of "no difference": arms of one law, which differ in the noise that they draw; and arms that are as good
in the mean over data sets, yet on each data set one of them is better, as they look at other inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
import pytest

from regbench.analysis.question import Question
from regbench.analysis.verdicts import NO_MATTER, judge
from regbench.stats.paired_test import FIXED, SEQUENTIAL, PairedTest, resampled
from tests.laws.test_honesty import deviation

WIDTH = 5  # inputs that an arm looks at
SHARE = 1 / 4  # val rows over train rows
# so many tell in seconds what is grossly wrong, the many of the remainder what is slightly so
SIMULATIONS = [300, pytest.param(2000, marks=pytest.mark.long)]

Learner = Callable[[np.random.Generator, np.ndarray, np.ndarray, np.ndarray, int], np.ndarray]


def ridge(draw: np.random.Generator, train: np.ndarray, labels: np.ndarray, val: np.ndarray, arm: int) -> np.ndarray:
    """Scores of a linear classifier that looks at all inputs of train, of which it drops 3 in 10 at random."""
    seen = train * (draw.random(train.shape) < 0.7)
    return val @ np.linalg.solve(seen.T @ seen + np.eye(seen.shape[1]), seen.T @ labels)


def ridge_of_some(
    draw: np.random.Generator, train: np.ndarray, labels: np.ndarray, val: np.ndarray, arm: int
) -> np.ndarray:
    """Scores of a linear classifier that looks at inputs of its own, which tell as much as any other arm's."""
    own = slice(arm * WIDTH, (arm + 1) * WIDTH)
    seen = train[:, own]
    return val[:, own] @ np.linalg.solve(seen.T @ seen + np.eye(WIDTH), seen.T @ labels)


def nearest(
    draw: np.random.Generator, train: np.ndarray, labels: np.ndarray, val: np.ndarray, arm: int
) -> np.ndarray:
    """The label of the nearest train row, by inputs of its own: a learner that hangs on single rows."""
    own = slice(arm * WIDTH, (arm + 1) * WIDTH)
    seen, asked = train[:, own], val[:, own]
    distances = (seen**2).sum(1) - 2 * asked @ seen.T
    return labels[distances.argmin(1)]


LEARNERS: dict[str, Learner] = {"one law": ridge, "other inputs": ridge_of_some, "nearest": nearest}


def accuracies(
    draw: np.random.Generator, learn: Learner, rows: int, arms: int, splits: int, train: int | None = None
) -> np.ndarray:
    """The val accuracy of each arm on each split of one new data set: (arms, splits)."""
    inputs = draw.standard_normal((rows, WIDTH * arms))
    labels = np.sign(inputs.sum(1) / inputs.shape[1] ** 0.5 + draw.standard_normal(rows))
    held_out, found = rows // 6, np.empty((arms, splits))
    for split in range(splits):
        order = draw.permutation(rows)
        val, kept = order[:held_out], order[2 * held_out :][:train]
        for arm in range(arms):
            scores = learn(draw, inputs[kept], labels[kept], inputs[val], arm)
            found[arm, split] = (np.sign(scores) == labels[val]).mean()
    return found


@cache
def studies(kind: str, rows: int, arms: int, simulations: int) -> list[np.ndarray]:
    """Of so many data sets the differences of each technique to the baseline: (techniques, splits)."""
    draw = np.random.default_rng([rows, arms, len(kind)])
    made = (accuracies(draw, LEARNERS[kind], rows, arms, 12) for _ in range(simulations))
    return [one[1:] - one[0] for one in made]


def called(found: Sequence[np.ndarray], splits: int, test: PairedTest, margin: float | None = None) -> float:
    """The share of studies in which any technique is called better or worse; with a margin, no different."""
    count, question = 0, Question(test=test, margin=margin)
    for values in found:
        family = {str(arm): list(row[:splits]) for arm, row in enumerate(values)}
        words = {verdict.word for verdict in judge(family, question).values()}
        count += bool(words & ({NO_MATTER} if margin else {"better", "worse"}))
    return count / len(found)


@pytest.mark.parametrize("simulations", SIMULATIONS)
@pytest.mark.parametrize("splits", [6, 12])
@pytest.mark.parametrize("kind", LEARNERS)
@pytest.mark.parametrize("rows", [120, 480])
def test_what_makes_no_difference_over_data_sets_is_called_no_better_and_no_worse(
    kind: str, rows: int, splits: int, simulations: int
) -> None:
    found = called(studies(kind, rows, 2, simulations), splits, resampled(SHARE))
    assert found <= 0.05 + deviation(0.05, simulations)


@pytest.mark.long
@pytest.mark.parametrize("kind", ["one law", "other inputs"])
def test_several_techniques_are_one_family(kind: str) -> None:
    assert called(studies(kind, 240, 4, 1000), 12, resampled(SHARE)) <= 0.05 + deviation(0.05, 1000)


@pytest.mark.parametrize("simulations", SIMULATIONS)
@pytest.mark.parametrize("test", [FIXED, SEQUENTIAL], ids=lambda one: one.name)
def test_a_test_that_takes_splits_for_independent_is_false_more_often(
    test: PairedTest, simulations: int
) -> None:
    """What the correction is for; and a level that can be missed."""
    assert called(studies("other inputs", 120, 2, simulations), 12, test) > 0.10


@pytest.mark.parametrize("simulations", SIMULATIONS)
def test_of_two_of_one_law_the_sign_flip_test_is_right_over_splits_too(simulations: int) -> None:
    """Within each pair the two might be exchanged, however the splits overlap."""
    found = called(studies("one law", 120, 2, simulations), 12, FIXED)
    assert found <= 0.05 + deviation(0.05, simulations)


@pytest.mark.parametrize("simulations", SIMULATIONS)
def test_the_interval_holds_the_mean_over_data_sets(simulations: int) -> None:
    intervals = [
        resampled(SHARE).interval(values[0], 0.05) for values in studies("other inputs", 120, 2, simulations)
    ]
    covered = np.mean([one.low <= 0 <= one.high for one in intervals if one])
    assert covered >= 0.95 - deviation(0.95, simulations)


def test_a_clear_difference_is_found() -> None:
    """Fifteen points, of which half the studies of 80 val rows would see ten."""
    found = [values + 0.15 for values in studies("other inputs", 480, 2, 100)]
    assert called(found, 12, resampled(SHARE)) > 0.6

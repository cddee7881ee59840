"""Studies over splits that are simulated: learners on overlapping random splits of one finite data set each.

Each study draws a data set and cuts it at random as runs do: a sixth is val, a sixth select, the rest train. Two
kinds of "no difference": arms of one law, which differ in the noise that they draw; and arms that are as good
in the mean over data sets, yet on each data set one of them is better, as they look at other inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np

from regbench.analysis.question import Question
from regbench.analysis.verdicts import judge
from regbench.stats.paired_test import PairedTest

WIDTH = 5  # inputs that an arm looks at
SHARE = 1 / 4  # val rows over train rows

Learner = Callable[[np.random.Generator, np.ndarray, np.ndarray, np.ndarray, int], np.ndarray]


def ridge(
    draw: np.random.Generator, train: np.ndarray, labels: np.ndarray, val: np.ndarray, arm: int
) -> np.ndarray:
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
def studies(
    kind: str, rows: int, arms: int, simulations: int, splits: int = 12, train: int | None = None
) -> list[np.ndarray]:
    """Of so many data sets the differences of each technique to the baseline: (techniques, splits)."""
    draw = np.random.default_rng([rows, arms, len(kind)])
    made = (accuracies(draw, LEARNERS[kind], rows, arms, splits, train) for _ in range(simulations))
    return [one[1:] - one[0] for one in made]


def called(found: Sequence[np.ndarray], looks: Sequence[int], test: PairedTest) -> float:
    """The share of studies of which any look, at so many splits, calls any technique better or worse."""
    question, count = Question(test=test), 0
    for values in found:
        families = ({str(arm): list(row[:splits]) for arm, row in enumerate(values)} for splits in looks)
        words = {verdict.word for family in families for verdict in judge(family, question).values()}
        count += bool(words & {"better", "worse"})
    return count / len(found)

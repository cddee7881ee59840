"""Proof that verdicts do not over-claim: simulated comparisons, judged by the code that judges real ones."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import pytest

from regbench.analysis.cohorts import Cohort, cohorts
from regbench.analysis.comparison import baseline_of, family_of, notes_of, verdicts_of
from regbench.analysis.question import Question
from regbench.assembly.run import build_run
from regbench.runs.summary import best_of
from regbench.training.loop import EpochEnd, fit
from regbench.types import Record
from tests.conftest import reg_node, tiny
from tests.records.made import figures, member, result

# of each kind: so many tell in seconds what is grossly wrong, the many of the remainder what is slightly so
SIMULATIONS = [100, pytest.param(1000, marks=pytest.mark.long)]
EPOCHS = 5
MEAN, SEED_NOISE = 0.9, 0.004  # accuracies; points are hundredths
QUIET, NOISY = 0.001, 0.005
BINOMIAL = 2.58  # standard errors: one proof in a hundred fails by chance, were it drawn anew

Draw = Callable[[np.random.Generator, int, int], dict[str, np.ndarray]]


def cohort_of(techniques: int, seeds: int) -> Cohort:
    """A baseline and techniques, each with a run per seed, whose figures are filled in later."""
    made = [
        result([member("dropout", p=arm / 100)] if arm else [], seed, [figures(MEAN)])
        for arm in range(techniques + 1)
        for seed in range(seeds)
    ]
    (cohort,), duplicates = cohorts(made)
    assert not duplicates
    return cohort


def last_epochs(generator: np.random.Generator, arms: int, seeds: int) -> dict[str, np.ndarray]:
    """What a baseline compared with itself shows: a common seed, and noise of each run."""
    common = generator.normal(0, SEED_NOISE, (1, seeds))
    return {"last": MEAN + common + generator.normal(0, NOISY, (arms, seeds))}


def unequal_epochs(generator: np.random.Generator, arms: int, seeds: int) -> dict[str, np.ndarray]:
    """Curves of equal mean: the techniques swing by 0.5 points from epoch to epoch, the baseline by 0.1.

    `select` and `val` are different rows, so their swings are drawn apart.
    """
    common = generator.normal(0, SEED_NOISE, (1, seeds, 1))
    swing = np.array([QUIET] + [NOISY] * (arms - 1)).reshape(-1, 1, 1)
    select, val = (MEAN + common + swing * generator.normal(size=(arms, seeds, EPOCHS)) for _ in range(2))
    return {"last": val[:, :, -1], "select": select, "val": val}


def fill(cohort: Cohort, drawn: dict[str, np.ndarray]) -> None:
    """Put drawn accuracies into the runs' summaries, the best epoch chosen as a run chooses it."""
    for arm, group in enumerate(sorted(cohort.groups, key=lambda one: one.parts)):
        for seed, run in group.results.items():
            run.summary.last.metrics["val/accuracy"] = float(drawn["last"][arm, seed])
            if "select" not in drawn:
                continue
            history = [
                Record(epoch, {"select/accuracy": float(s), "select/loss": 0.0, "val/accuracy": float(v)})
                for epoch, (s, v) in enumerate(
                    zip(drawn["select"][arm, seed], drawn["val"][arm, seed], strict=True), 1
                )
            ]
            best = best_of(history, run.summary.monitor)
            assert best is not None
            run.summary.best.metrics["val/accuracy"] = best.metrics["val/accuracy"]


def rejected(techniques: int, seeds: int, at: str, draw: Draw, simulations: int) -> float:
    """The share of simulated comparisons that call anything better or worse."""
    generator = np.random.default_rng([techniques, seeds, len(at)])
    cohort, question = cohort_of(techniques, seeds), Question(at=at)  # type: ignore[arg-type]
    count = 0
    for _ in range(simulations):
        fill(cohort, draw(generator, techniques + 1, seeds))
        family = family_of(notes_of(cohort, at), baseline_of(cohort, question), question.metric)
        words = {verdict.word for verdict in verdicts_of(cohort, family, question).values()}
        count += words != {"not resolved"}
    return count / simulations


def deviation(share: float, simulations: int) -> float:
    """By how much the share in so many simulations may miss the true one."""
    return BINOMIAL * math.sqrt(share * (1 - share) / simulations)


@pytest.mark.parametrize("simulations", SIMULATIONS)
@pytest.mark.parametrize("seeds", [6, 10, 12])
@pytest.mark.parametrize("techniques", [1, 5, 10])
def test_a_baseline_compared_with_itself_is_called_no_better_and_no_worse(
    techniques: int, seeds: int, simulations: int
) -> None:
    found = rejected(techniques, seeds, "last", last_epochs, simulations)
    assert found <= 0.05 + deviation(0.05, simulations)
    if (techniques, seeds) == (1, 12):
        assert found >= (0.03 if simulations == 1000 else 0.01), "one that never rejects would pass above"


@pytest.mark.parametrize("simulations", SIMULATIONS)
@pytest.mark.parametrize("at", ["last", "best"])
@pytest.mark.parametrize(("techniques", "seeds"), [(1, 6), (1, 12), (5, 10), (10, 12)])
def test_a_technique_that_only_swings_more_from_epoch_to_epoch_is_called_no_better_and_no_worse(
    techniques: int, seeds: int, at: str, simulations: int
) -> None:
    found = rejected(techniques, seeds, at, unequal_epochs, simulations)
    assert found <= 0.05 + deviation(0.05, simulations)
    if (techniques, seeds) == (1, 12):
        assert found >= (0.03 if simulations == 1000 else 0.01)


def test_train_rows_measured_as_val_have_no_gap_at_all() -> None:
    run = build_run(tiny("mlp", {"dropout": reg_node("dropout"), "mixup": reg_node("mixup")}))
    run.data = dataclasses.replace(run.data, val=run.data.measured)
    ends = [event.record.metrics for event in fit(run) if isinstance(event, EpochEnd)]
    assert len(ends) == 2
    assert all(metrics["gap/loss"] == metrics["gap/accuracy"] == 0.0 for metrics in ends)
    assert all(0 < metrics["train/loss"] < 10 for metrics in ends)


def test_choosing_the_epoch_by_val_itself_would_be_seen() -> None:
    def cheating(generator: np.random.Generator, arms: int, seeds: int) -> dict[str, np.ndarray]:
        drawn = unequal_epochs(generator, arms, seeds)
        return drawn | {"select": drawn["val"]}

    assert rejected(1, 12, "best", cheating, simulations=100) > 0.9


@pytest.mark.parametrize("simulations", SIMULATIONS)
def test_an_effect_is_found_as_often_as_the_noncentral_t_distribution_says(simulations: int) -> None:
    seeds, noncentrality, power = 12, 3.0, 0.78  # of a two-sided t test at 0.05 with 11 degrees of freedom

    def shifted(generator: np.random.Generator, arms: int, count: int) -> dict[str, np.ndarray]:
        drawn = last_epochs(generator, arms, count)["last"]
        spread = NOISY * math.sqrt(2)  # of a difference of two runs
        drawn[1] += noncentrality * spread / math.sqrt(count)
        return {"last": drawn}

    found = rejected(1, seeds, "last", shifted, simulations)
    assert found == pytest.approx(power, abs=deviation(power, simulations) + 0.005)

"""Proof that verdicts do not over-claim: simulated comparisons, judged by the code that judges real ones."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from regbench.analysis.cohorts import Cohort, cohorts
from regbench.analysis.comparison import baseline_of, family_of, notes_of, verdicts_of
from regbench.analysis.question import Question
from regbench.analysis.verdicts import judge
from regbench.assembly.run import build_run
from regbench.runs.summary import best_of
from regbench.stats.paired_test import FIXED, SEQUENTIAL, PairedTest
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
    """The share of simulated comparisons that call anything better or worse, looked at once, at the end."""
    generator = np.random.default_rng([techniques, seeds, len(at)])
    cohort, question = cohort_of(techniques, seeds), Question(at=at, test=FIXED)  # type: ignore[arg-type]
    count = 0
    for _ in range(simulations):
        fill(cohort, draw(generator, techniques + 1, seeds))
        family = family_of(notes_of(cohort, at), baseline_of(cohort, question), question.metric)
        words = {verdict.word for verdict in verdicts_of(cohort, family, question).values()}
        count += words != {"not resolved"}
    return count / simulations


def ever_rejected(
    techniques: int, looks: Sequence[int], test: PairedTest, at: str, draw: Draw, simulations: int
) -> float:
    """The share of studies in which any look, while seeds are added, calls anything better or worse."""
    generator = np.random.default_rng([techniques, len(looks), len(at)])
    cohort = cohort_of(techniques, max(looks))
    question = Question(at=at, test=test)  # type: ignore[arg-type]
    count = 0
    for _ in range(simulations):
        fill(cohort, draw(generator, techniques + 1, max(looks)))
        whole = family_of(notes_of(cohort, at), baseline_of(cohort, question), question.metric)
        count += any(
            verdict.word != "not resolved"
            for seeds in looks
            for verdict in verdicts_of(
                cohort, {name: values[:seeds] for name, values in whole.items()}, question
            ).values()
        )
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


@pytest.mark.parametrize("simulations", SIMULATIONS)
@pytest.mark.parametrize(("techniques", "at"), [(1, "last"), (5, "best"), (10, "last")])
def test_looking_after_every_seed_calls_a_baseline_compared_with_itself_no_better_and_no_worse(
    techniques: int, at: str, simulations: int
) -> None:
    looks = range(SEQUENTIAL.seeds_needed(techniques), 19)
    draw = last_epochs if at == "last" else unequal_epochs
    found = ever_rejected(techniques, looks, SEQUENTIAL, at, draw, simulations)
    assert found <= 0.05 + deviation(0.05, simulations)


def test_looking_whenever_a_job_ends_in_whatever_order_calls_it_no_better_and_no_worse() -> None:
    simulations, seeds, question = 100, 16, Question()
    generator = np.random.default_rng(12)
    cohort = cohort_of(1, seeds)
    whole = dict(cohort.groups[1].results)
    count = 0
    for _ in range(simulations):
        cohort.groups[1].results = dict(whole)
        fill(cohort, last_epochs(generator, 2, seeds))
        words = set()
        ended = generator.permutation(seeds)
        for number in range(6, seeds + 1):
            cohort.groups[1].results = {seed: whole[seed] for seed in sorted(ended[:number])}
            family = family_of(notes_of(cohort, "last"), baseline_of(cohort, question), question.metric)
            words |= {one.word for one in verdicts_of(cohort, family, question).values()}
        count += words != {"not resolved"}
    assert count / simulations <= 0.05 + deviation(0.05, simulations)


def test_the_fixed_test_under_the_same_looks_calls_it_in_more_than_a_tenth() -> None:
    found = ever_rejected(1, range(6, 19), FIXED, "last", last_epochs, simulations=300)
    assert found > 0.10


def test_looking_finds_what_there_is() -> None:
    def shifted(generator: np.random.Generator, arms: int, count: int) -> dict[str, np.ndarray]:
        drawn = last_epochs(generator, arms, count)["last"]
        drawn[1] += 1.5 * NOISY * math.sqrt(2)  # standard deviations of a difference of two runs
        return {"last": drawn}

    # 81 % by 10 pairs, 100 % by 20, as the specification of the test lists
    assert ever_rejected(1, [10], SEQUENTIAL, "last", shifted, 150) >= 0.81 - deviation(0.81, 150)
    assert ever_rejected(1, [20], SEQUENTIAL, "last", shifted, 50) >= 0.98


@pytest.mark.parametrize("simulations", SIMULATIONS)
def test_at_the_margin_itself_few_are_said_to_make_no_difference_that_matters(simulations: int) -> None:
    """Of five arms two differ by just the margin, one by nothing, two by far more."""
    generator = np.random.default_rng(11)
    margin, means = 0.01, {"at": 0.01, "below": -0.01, "nothing": 0.0, "far": 0.05, "away": -0.05}
    question = Question(margin=margin)
    wrong = {"at": {"no difference that matters", "worse"}, "below": {"no difference that matters", "better"}}
    wrong |= {"nothing": {"better", "worse"}, "far": {"worse", "no difference that matters"}}
    wrong |= {"away": {"better", "no difference that matters"}}
    count = right = 0
    for _ in range(simulations):
        drawn = {name: mean + 0.008 * generator.standard_normal(48) for name, mean in means.items()}
        said = [
            {
                name: one.word
                for name, one in judge({n: d[:seeds] for n, d in drawn.items()}, question).items()
            }
            for seeds in (10, 16, 24, 48)
        ]
        count += any(words[name] in wrong[name] for words in said for name in means)
        right += said[-1]["nothing"] == "no difference that matters"
    assert count / simulations <= 0.05 + deviation(0.05, simulations)
    assert right / simulations > 0.5, "it can be said at all"


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

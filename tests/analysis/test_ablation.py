"""Ablations with planted effects: found with the right sign, and nothing found where nothing is."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from regbench.analysis.ablation import Ablation, ablate, subsets
from regbench.analysis.question import Question
from regbench.reports.ablation_text import THREE, pages
from regbench.stats.paired_test import FIXED
from tests.records.planted import cohort, result, runs

A, B, C = "dropout", "mixup", "label_smoothing"
NOISE = 0.001  # standard deviation of a run's accuracy
STACKS = subsets([A, B])


def effects(a: float, b: float, both: float) -> dict[tuple[str, ...], float]:
    """Accuracy that each stack has over the baseline."""
    return {(): 0.0, (A,): a, (B,): b, (A, B): both}


def planted(
    added: dict[tuple[str, ...], float], seeds: int = 10, noise: float = NOISE, number: int = 0
) -> Ablation:
    """An ablation in which every stack adds so much to 0.7, each run with noise of its own."""
    random = np.random.default_rng(number)
    made = runs(added, range(seeds), lambda stack, _: 0.7 + added[tuple(stack)] + random.normal(0, noise))
    return ablate(cohort(made), list(added), Question(), "digits mlp")


def sentences(found: Ablation) -> str:
    return "\n".join(line for _, lines in pages(found) for line in lines)


@pytest.mark.parametrize(
    ("members", "stacks"),
    [
        ("a", ["", "a"]),
        ("ab", ["", "a", "b", "ab"]),
        ("abc", ["", "a", "b", "c", "abc", "bc", "ac", "ab"]),
        ("abcd", ["", "a", "b", "c", "d", "abcd", "bcd", "acd", "abd", "abc"]),
    ],
)
def test_the_stacks_are_none_each_alone_all_and_all_but_each_one(members: str, stacks: list[str]) -> None:
    assert ["".join(stack) for stack in subsets(members)] == stacks


def test_pairs_and_the_factorial_add_to_them_and_repeat_nothing() -> None:
    few, pairs = subsets("abcd"), subsets("abcd", pairs=True)
    assert {"".join(stack) for stack in set(pairs) - set(few)} == {"ab", "ac", "ad", "bc", "bd", "cd"}
    whole = subsets("abcd", factorial=True)
    assert len(whole) == len(set(whole)) == 2**4
    assert all(list(stack) == sorted(stack) for stack in whole), "the order of the members is kept"
    assert len(pairs) == len(set(pairs))


def test_every_effect_is_the_difference_that_it_says() -> None:
    found = planted(effects(0.02, 0.01, 0.025), noise=0)
    means = {one.member: one.difference.mean for one in found.solo.effects if one.difference}
    assert means == pytest.approx({A: 0.02, B: 0.01})
    rest = {one.member: one.difference.mean for one in found.leave_one_out.effects if one.difference}
    assert rest == pytest.approx({A: 0.015, B: 0.005})
    assert [one.against for one in found.leave_one_out.effects] == [B, A]
    (whole,) = found.together.effects
    assert whole.difference is not None
    assert whole.difference.mean == pytest.approx(0.025)
    (pair,) = found.pairs
    assert pair.summed.mean == pytest.approx(0.03)
    assert pair.interaction.mean == pytest.approx(-0.005)


def test_redundant_members_overlap() -> None:
    found = planted(effects(0.02, 0.02, 0.02))
    (pair,) = found.pairs
    assert pair.verdict.word == "overlap"
    assert pair.interaction.mean == pytest.approx(-0.02, abs=5 * NOISE)
    assert pair.interaction.high is not None
    assert pair.interaction.high < 0
    assert {one.verdict.word for one in found.solo.effects} == {"better"}
    assert {one.verdict.word for one in found.leave_one_out.effects} == {"not resolved"}
    said = sentences(found)
    assert f"{A} and {B} overlap: together +" in said
    assert f"{A}: better alone, but adds nothing resolved to the others" in said


def test_members_that_need_each_other_are_a_synergy() -> None:
    found = planted(effects(0.0, 0.0, 0.02))
    (pair,) = found.pairs
    assert pair.verdict.word == "synergy"
    assert {one.verdict.word for one in found.solo.effects} == {"not resolved"}
    assert {one.verdict.word for one in found.leave_one_out.effects} == {"better"}
    assert f"{A} and {B} help each other: together +" in sentences(found)
    assert f"{A} adds to the rest" in sentences(found)


def test_members_that_spoil_each_other_harm() -> None:
    found = planted(effects(0.02, 0.02, -0.03))
    (pair,) = found.pairs
    assert pair.verdict.word == "overlap"
    assert [one.verdict.word for one in found.together.effects] == ["worse"]
    assert {one.verdict.word for one in found.leave_one_out.effects} == {"worse"}
    assert f"{A} and {B} get in each other's way" in sentences(found)
    assert f"{B} takes from the rest" in sentences(found)


def test_two_that_harm_alone_and_not_more_together_do_not_help_each_other() -> None:
    found = planted(effects(-0.02, -0.02, -0.02))
    assert [pair.verdict.word for pair in found.pairs] == ["synergy"]
    assert f"{A} and {B} harm less than each alone adds up to" in sentences(found)


def test_members_that_add_up_are_not_resolved() -> None:
    found = planted(effects(0.02, 0.01, 0.03))
    (pair,) = found.pairs
    assert pair.verdict.word == "not resolved"
    assert {one.verdict.word for one in found.leave_one_out.effects} == {"better"}
    assert f"not resolved whether {A} and {B} add up: together +" in sentences(found)


def test_a_loss_is_better_where_it_is_smaller() -> None:
    made = runs(STACKS, range(10), lambda stack, seed: 0.7 + 0.02 * bool(stack) + 1e-4 * (seed % 3))
    found = ablate(cohort(made), STACKS, Question(metric="val/loss"))
    (pair,) = found.pairs
    assert {one.verdict.word for one in found.solo.effects} == {"better"}
    assert pair.interaction.mean == pytest.approx(0.02)
    assert pair.verdict.word == "overlap"


@pytest.mark.parametrize("count", [60, pytest.param(200, marks=pytest.mark.long)])
def test_additive_members_are_declared_to_interact_in_no_more_than_one_family_of_twenty(count: int) -> None:
    alone, random = {A: 0.02, B: 0.01, C: -0.01}, np.random.default_rng(0)
    stacks = subsets([A, B, C], pairs=True)
    made = runs(stacks, range(10), lambda stack, _: 0.7)
    once = cohort(made)
    wrong = 0
    for _ in range(count):
        for run in made:
            added = sum(alone[name] for name in run.summary.config["reg"])
            run.summary.last.metrics["val/accuracy"] = 0.7 + added + random.normal(0, NOISE)
        pairs = ablate(once, stacks, Question()).pairs
        assert len(pairs) == 3
        wrong += any(pair.verdict.word != "not resolved" for pair in pairs)
    assert wrong / count <= 0.05 + 2.58 * math.sqrt(0.05 * 0.95 / count)


def test_what_a_seed_does_to_all_stacks_cancels() -> None:
    offsets = np.random.default_rng(0).integers(-64, 64, 12) / 1024  # sums of such fractions are exact

    def val(stack: Sequence[str], seed: int) -> float:
        return 0.5 + len(stack) / 64 + offsets[seed]

    found = ablate(cohort(runs(STACKS, range(12), val)), STACKS, Question())
    (pair,) = found.pairs
    known = [one.difference for one in (*found.solo.effects, *found.leave_one_out.effects) if one.difference]
    assert [(one.mean, one.sd, one.low, one.high) for one in known] == [(1 / 64, 0, 1 / 64, 1 / 64)] * 4
    assert (pair.interaction.mean, pair.interaction.sd) == (0, 0)
    assert pair.verdict.word == "not resolved"


def test_only_the_seeds_that_all_have_count_and_it_is_said() -> None:
    made = runs(
        STACKS, range(6), lambda stack, seed: 0.7 + 0.01 * len(stack) + (seed == 3) * 0.1 * (stack == (A,))
    )
    made = [one for one in made if not (one.seed == 3 and one.summary.name == B)]
    found = ablate(cohort(made), STACKS, Question())
    assert {one.member: one.seeds for one in found.solo.effects} == {
        A: [0, 1, 2, 3, 4, 5],
        B: [0, 1, 2, 4, 5],
    }
    (pair,) = found.pairs
    assert pair.seeds == [0, 1, 2, 4, 5]
    assert pair.interaction.mean == pytest.approx(0, abs=1e-12), "the odd run of seed 3 is not in it"
    assert next(one.missing for one in found.stacks if one.name == B) == [3]
    assert f"{B}: no finished run with seed 3" in sentences(found)


def test_a_stack_with_a_diverged_seed_is_never_the_better_one() -> None:
    made = runs(STACKS, range(9), lambda stack, seed: 0.7 + 0.01 * (A in stack) + 1e-4 * (seed % 2))
    kept = [one for one in made if not (one.seed == 8 and one.summary.name == A)]
    found = ablate(cohort([*kept, result([A], 8, 0.1, "diverged")]), STACKS, Question())
    alone = found.solo.effects[0]
    assert alone.verdict.p_adjusted is not None
    assert alone.verdict.p_adjusted <= 0.05
    assert (alone.verdict.word, alone.verdict.reason) == ("not resolved", "diverged with seed 8")
    assert [tried.diverged for tried in found.stacks if tried.name == A] == [[8]]
    assert found.leave_one_out.effects[0].verdict.word == "better", "of it neither stack diverged"
    assert f"{A}: diverged with seed 8" in sentences(found)


def test_nothing_takes_from_a_rest_of_which_a_seed_diverged() -> None:
    made = runs(STACKS, range(8), lambda stack, _: 0.7 - 0.01 * (A in stack))
    found = ablate(cohort([*made, result([B], 8, 0.1, "diverged")]), STACKS, Question())
    rest = found.leave_one_out.effects[0]
    assert (rest.member, rest.stack, rest.against) == (A, f"{A}+{B}", B)
    assert (rest.verdict.word, rest.verdict.reason) == ("not resolved", f"{B} diverged with seed 8")
    assert found.solo.effects[0].verdict.word == "worse", "of it neither stack diverged"


def test_an_interaction_of_a_stack_with_a_diverged_seed_is_not_resolved() -> None:
    shape = effects(0.02, 0.02, 0.02)
    made = runs(STACKS, range(8), lambda stack, _: 0.7 + shape[tuple(stack)])
    found = ablate(cohort([*made, result([B], 8, 0.1, "diverged")]), STACKS, Question())
    (pair,) = found.pairs
    assert (pair.verdict.word, pair.verdict.reason) == ("not resolved", "diverged with seed 8")
    assert f"not resolved whether {A} and {B} add up: together +2.00 points" in sentences(found)


def test_each_group_is_a_family_of_its_own() -> None:
    stacks = subsets([A, B, C], pairs=True)
    made = runs(stacks, range(8), lambda stack, seed: 0.7 + 0.01 * len(stack) + 1e-4 * (seed % 2))
    found = ablate(cohort(made), stacks, Question())
    designs = [found.solo.design, found.leave_one_out.design, found.together.design, found.pairs_design]
    assert [one.techniques for one in designs if one] == [3, 3, 1, 3]
    assert "with 3 members and 8 pairs" in found.solo.design.sentence  # type: ignore[union-attr]
    assert [pair.members for pair in found.pairs] == [(A, B), (A, C), (B, C)]
    # eight differences that are alike: E is 76.12; and 2 of 2^8 patterns of signs
    assert all(one.verdict.p_adjusted == pytest.approx(3 / 76.12, 1e-3) for one in found.solo.effects)
    assert found.judge.sentence in sentences(found)
    fixed = ablate(cohort(made), stacks, Question(test=FIXED))
    assert all(one.verdict.p_adjusted == pytest.approx(3 * 2 / 2**8) for one in fixed.solo.effects)
    assert fixed.judge.sentence in sentences(fixed)
    assert THREE in sentences(found)


def test_one_member_has_one_effect() -> None:
    found = ablate(
        cohort(runs(subsets([A]), range(6), lambda s, _: 0.7 + len(s) / 100)), subsets([A]), Question()
    )
    assert [one.member for one in found.solo.effects] == [A]
    assert not found.leave_one_out.effects
    assert not found.together.effects
    assert not found.pairs
    assert len(pages(found)) == 2


def test_stacks_that_never_ran_leave_their_effects_empty() -> None:
    made = runs([(), (A,)], range(3), lambda stack, _: 0.7)
    found = ablate(cohort(made), STACKS, Question())
    assert [one.difference is None for one in found.solo.effects] == [False, True]
    assert found.pairs == []
    assert f"{A}+{B}: no finished run with seed 0, 1, 2" in sentences(found)
    assert "no seed is shared" in sentences(found)

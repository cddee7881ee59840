"""Which techniques a search is given, by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from regbench.analysis.advising import Raced
from regbench.studies.advising.racing import choose, over_of
from regbench.studies.race import SPENT


def row(name: str, mean: float | None, word: str = "not resolved") -> Raced:
    return Raced(name, 3, mean, None, None, 1.0, word)


def never(_: Sequence[str]) -> str:
    return ""


def searched(rows: Sequence[Raced]) -> list[str]:
    return [one.name for one in rows if one.searched]


def test_those_found_better_are_searched_and_no_other() -> None:
    rows = [row("a", 0.01, "better"), row("b", 0.02), row("c", 0.03, "better"), row("d", -0.1, "worse")]
    found, rule = choose(rows, False, never)
    assert searched(found) == ["c", "a"]
    assert [one.name for one in found] == ["c", "b", "a", "d"]
    assert rule.startswith("those that the race found better")


def test_without_any_the_largest_means_above_none_are_at_most_six() -> None:
    rows = [row(f"t{number}", number / 100 - 0.02) for number in range(10)]
    found, rule = choose(rows, False, never)
    # of t3 to t9 the six largest; t2 has gained exactly nothing
    assert searched(found) == ["t9", "t8", "t7", "t6", "t5", "t4"]
    assert {one.name: one.why for one in found}["t3"] == "the 6 before it are searched"
    assert "none was found better" in rule


def test_of_a_loss_less_is_better() -> None:
    found, _ = choose([row("a", 0.01), row("b", -0.02)], True, never)
    assert searched(found) == ["b"]


def test_where_none_has_gained_the_nearest_is_searched_and_it_is_said() -> None:
    rows = [row("a", -0.02), row("b", -0.01, "worse"), row("c", None, "diverged with seed 0")]
    found, rule = choose(rows, False, never)
    assert searched(found) == ["b"]
    assert "none has gained anything" in rule


def test_weight_decay_is_no_candidate_as_every_arm_has_it() -> None:
    found, _ = choose([row("l2", 0.05), row("a", 0.01)], False, never)
    assert searched(found) == ["a"]
    assert "tuned in every arm" in found[0].why


def test_the_rule_is_true_of_every_row() -> None:
    _, rule = choose([row("l2", 0.05, "better"), row("a", 0.01)], False, never)
    assert rule.startswith("none but l2, which every arm has, was found better, so those whose mean")
    _, rule = choose([row("l2", 0.05, "better"), row("a", -0.01)], False, never)
    assert "none but l2, which every arm has, has gained anything, so one that has lost the least" in rule
    _, rule = choose([row("a", 0.0), row("b", -0.1)], False, never)
    assert "so one that has lost nothing" in rule
    _, rule = choose([row("a", 0.05, "diverged with seed 2")], False, never)
    assert rule == "none, as of each a run has diverged, failed or not ended"


def test_what_has_diverged_is_not_searched() -> None:
    found, _ = choose([row("a", 0.05, "diverged with seed 2"), row("b", 0.01)], False, never)
    assert searched(found) == ["b"]


def test_what_cannot_go_with_one_before_it_is_left_out_with_the_reason() -> None:
    def apart(options: Sequence[str]) -> str:
        return "two that own the data loss" if {"a", "b"} <= set(options) else ""

    found, _ = choose([row("a", 0.03), row("b", 0.02), row("c", 0.01)], False, apart)
    assert searched(found) == ["a", "c"]
    assert found[1].why == "it cannot be searched with a: two that own the data loss"


def test_nothing_is_searched_where_no_pair_has_ended() -> None:
    found, _ = choose([row("a", None, "no run has ended")], False, never)
    assert searched(found) == []


def test_a_race_that_ends_with_fewer_seeds_than_planned_says_both_numbers() -> None:
    rows = [replace(row("a", 0.1), seeds=1), replace(row("b", None, "diverged with seed 0"), seeds=0)]
    short = "the time is spent: 1 seed of each technique, where about 8 were planned"
    assert over_of(SPENT, rows[:1], 8) == short
    assert over_of(SPENT, [row("a", 0.1), replace(row("b", 0.2), seeds=6)], 8) == (
        "the time is spent: 3 to 6 seeds of each technique, where about 8 were planned"
    )
    assert over_of(SPENT, [replace(row("a", 0.1), seeds=8), row("b", 0.1, "failed with seed 3")], 8) == (
        "the time is spent"
    )
    assert over_of("all is decided", rows, 8) == "all is decided"

"""Which runs may be compared, and what they are called."""

from __future__ import annotations

import pytest

from regbench.analysis.cohorts import cohorts, differing, shown
from tests.records.made import figures, member, result

ONE = [figures(0.9)]


def test_a_key_that_is_null_and_one_that_is_not_there_set_runs_apart() -> None:
    made, _ = cohorts([result(epochs=ONE), result(epochs=ONE, config={"model": {"bias": None}})])
    assert [one.differs for one in made] == [{"model.bias": None}, {"model.bias": "absent"}]
    assert [one.name for one in made] == ["digits mlp model.bias=null", "digits mlp model.bias=absent"]


@pytest.mark.parametrize("pair", [(1, "1"), (0.0, -0.0), (None, "null"), ("absent", ...), ([1], "[1.0]")])
def test_no_two_comparisons_have_one_name(pair: tuple[object, object]) -> None:
    configs = [{"model": {"bias": value}} if value is not ... else {} for value in pair]
    made, _ = cohorts([result(epochs=ONE, config=config) for config in configs])
    assert len({one.name for one in made}) == 2
    assert all(one.differs for one in made)


def test_keys_are_compared_by_value_and_kind() -> None:
    configs = [{"a": 1, "b": True, "c": {"x": 1, "y": 2}}, {"a": 1, "b": 1, "c": {"y": 2, "x": 1}}]
    assert differing(configs) == [{"b": True}, {"b": 1}]


def test_split_seeds_that_no_float_can_hold_make_two_comparisons() -> None:
    seeds = (2**53, 2**53 + 1)
    made, twice = cohorts([result(epochs=ONE, config={"dataset": {"split_seed": seed}}) for seed in seeds])
    assert sorted(one.name for one in made) == [f"digits mlp dataset.split_seed={seed}" for seed in seeds]
    assert twice == []


def test_stacks_that_differ_in_nothing_that_is_shown_have_names_of_their_own() -> None:
    target = {"_target_": "mine.Dropout"}
    (made,), _ = cohorts([result([one], epochs=ONE) for one in ("dropout", member("dropout", **target))])
    assert sorted(one.name for one in made.groups) == ["dropout", "dropout'"]


def test_a_stack_is_called_what_its_newest_run_calls_it() -> None:
    names = {"2026-11-23T02": "new", "2026-11-23T01": "old"}
    runs = [
        result(["mixup"], seed=n, epochs=ONE, ended=e, name=name) for n, (e, name) in enumerate(names.items())
    ]
    (made,), _ = cohorts(runs)
    assert [one.name for one in made.groups] == ["new"]


def test_values_are_shown_as_a_command_line_has_them() -> None:
    assert [shown(value) for value in (1.0, 0.1, "a\n", None, True, [1.0], 1e300)] == [
        "1", "0.1", "a\\x0a", "null", "true", "[1.0]", "1e+300",
    ]  # fmt: skip

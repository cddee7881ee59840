"""What is left to the long remainder, and that nothing is lost by it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.laws.conftest import Turn
from tests.sampling import crossed, some_of

MEMBERS = [f"member{number}" for number in range(79)]
MODELS = ["a", "b", "c", "d"]


def quick(cases: list[Any]) -> list[Any]:
    return [case.values for case in cases if not case.marks]


def test_every_nth_case_and_each_kind_is_quick_and_none_is_lost() -> None:
    words = ["a1", "a2", "a3", "b1", "a4", "a5", "c1"]
    marked = some_of(words, every=4, kind=lambda word: word[0])
    assert [case.values for case in marked] == [(word,) for word in words]
    assert quick(marked) == [("a1",), ("b1",), ("a4",), ("c1",)]
    assert quick(some_of([(1, 2), (3, 4)], every=2)) == [(1, 2)]


@pytest.mark.parametrize(("first", "second"), [("ab", "123"), ("abcde", "12"), ("abc", "123"), ("a", "12")])
def test_of_pairs_each_side_s_cases_are_quick_and_none_is_lost(first: str, second: str) -> None:
    marked = crossed(first, second)
    assert len({case.values for case in marked}) == len(marked) == len(first) * len(second)
    assert len(quick(marked)) == max(len(first), len(second))
    assert {case[0] for case in quick(marked)} == {*first}
    assert {case[1] for case in quick(marked)} == {*second}


def refusal(name: str, model: str) -> str:
    """Every third member takes two models alone."""
    return "no" if MEMBERS.index(name) % 3 == 0 and model in "ac" else ""


def taken(name: str) -> list[str]:
    found = []
    for place in range(len(MODELS)):
        try:
            found.append(Turn(MODELS, refusal, place).of("test_a_law", name))
        except pytest.skip.Exception:
            continue
    return found


def test_over_all_turns_a_member_is_tested_on_each_model_that_it_takes_once() -> None:
    for name in MEMBERS:
        assert sorted(taken(name)) == [model for model in MODELS if not refusal(name, model)]


def test_the_first_turns_are_of_all_models_and_others_for_another_law() -> None:
    firsts = {
        law: [Turn(MODELS, refusal, 0).of(law, name) for name in MEMBERS] for law in ("test_one", "test_two")
    }
    for found in firsts.values():
        assert min(found.count(model) for model in MODELS) > len(MEMBERS) / 10
    assert firsts["test_one"] != firsts["test_two"]


def test_a_member_that_takes_no_model_fails() -> None:
    with pytest.raises(pytest.fail.Exception, match=r"member0 takes none of .*: no"):
        Turn(MODELS, lambda *_: "no", 0).of("test_a_law", "member0")

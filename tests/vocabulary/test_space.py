"""The values that a search may try: what they may be, and how they are told."""

import math

import pytest

from regbench.space import Choice, Interval


@pytest.mark.parametrize(
    ("low", "high", "log", "said"),
    [
        (0.5, 0.5, False, "from a finite number to a greater one, got 0.5 to 0.5"),
        (1, 0, False, "from a finite number to a greater one, got 1 to 0"),
        (0.0, math.inf, False, "from a finite number to a greater one, got 0.0 to inf"),
        (math.nan, 1.0, False, "from a finite number to a greater one, got nan to 1.0"),
        (0.0, 1.0, True, "above 0 where steps are factors, got 0.0 to 1.0"),
    ],
)
def test_an_interval_goes_up_between_finite_numbers(low, high, log, said):
    with pytest.raises(ValueError, match=rf"^must be {said}$"):
        Interval(low, high, log)


def test_it_is_whole_where_both_bounds_are():
    assert Interval(1, 3).whole
    assert not Interval(1, 3.0).whole
    assert Interval(2, 8, log=True).ends == (2, 8)


@pytest.mark.parametrize("values", [(), ("one",), (1, 2, 1)])
def test_a_choice_is_between_two_or_more(values):
    with pytest.raises(ValueError, match=r"^must have two values or more, each once, got \["):
        Choice(values)


def test_true_is_not_one():
    assert Choice((True, 1)).ends == (True, 1)


def test_they_are_told_in_few_words():
    assert str(Interval(1e-5, 0.1, log=True)) == "1e-05 to 0.1 (log)"
    assert str(Interval(1, 3)) == "1 to 3"
    assert str(Choice(("row", 0.5, True))) == "row, 0.5, True"

"""Schedules of strengths, against values worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from regbench.strengths import Cosine, Ramp, Steps, ends


def test_a_ramp_is_straight_over_its_share_and_constant_after_it() -> None:
    ramp = Ramp(start=0.1, end=0.5, over=0.4)
    assert [ramp(share) for share in (0.0, 0.1, 0.2, 0.4, 0.7, 1.0)] == pytest.approx(
        [0.1, 0.2, 0.3, 0.5, 0.5, 0.5]
    )
    assert (ramp(0.0), ramp(0.4), ramp(1.0)) == (0.1, 0.5, 0.5)


def test_a_ramp_may_fall() -> None:
    assert Ramp(start=1.0, end=0.0, over=1.0)(0.25) == 0.75


def test_a_cosine_begins_and_ends_flat_and_is_half_way_in_the_middle() -> None:
    cosine = Cosine(start=0.0, end=2.0, over=0.5)
    # (1 - cos(pi / 4)) / 2 = 0.14644661 at a quarter of the way, of 2
    assert [cosine(share) for share in (0.0, 0.125, 0.25, 0.5, 1.0)] == pytest.approx(
        [0.0, 0.29289322, 1.0, 2.0, 2.0]
    )


def test_steps_change_as_a_share_is_reached() -> None:
    steps = Steps(values=[0.0, 0.3, 0.1], at=[0.25, 0.5])
    assert [steps(share) for share in (0.0, 0.24, 0.25, 0.49, 0.5, 1.0)] == [0.0, 0.0, 0.3, 0.3, 0.1, 0.1]


def test_ends_are_the_smallest_and_the_largest_value_of_the_run() -> None:
    assert ends(Ramp(start=0.5, end=0.1, over=0.3)) == (0.1, 0.5)
    assert ends(Steps(values=[0.0, 0.7, 0.1], at=[0.25, 0.5])) == (0.0, 0.7)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Ramp(start=0, end=1, over=0), r"over must lie in \(0, 1\], got 0"),
        (lambda: Cosine(start=0, end=1, over=1.5), r"over must lie in \(0, 1\], got 1.5"),
        (lambda: Steps(values=[1], at=[0.5]), "values must be one more than at, got 1 values and 1 in at"),
        (lambda: Steps(values=[1, 2, 3], at=[0.5, 0.2]), r"at must rise within \(0, 1\], got \[0.5, 0.2\]"),
        (lambda: Steps(values=[1, 2], at=[1.2]), r"at must rise within \(0, 1\], got \[1.2\]"),
    ],
)
def test_what_cannot_be_is_refused(make: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make()

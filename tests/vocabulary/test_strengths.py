"""Schedules of strengths, against values worked out by hand."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from regbench.strengths import Cosine, Ramp, Scheduled, Steps, ends, times


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


class Factor(Scheduled):
    """A number alone."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor


def test_a_number_that_is_kept_is_what_evaluation_reads_and_what_is_saved() -> None:
    one, other = Factor(0.3), Factor(0.3)
    one.keep("factor")
    one.factor = 0.1
    assert (one.now("factor"), other.now("factor")) == (0.1, 0.3)
    one.eval().load_state_dict({"scheduled_factor": torch.tensor(0.7, dtype=torch.float64)})
    assert one.now("factor").item() == 0.7
    assert one.factor == 0.1  # until the next step sets both
    assert copy.deepcopy(one).now("factor").item() == 0.7
    assert other.eval().now("factor") == 0.3
    assert not other.state_dict()
    one.factor = 0.2
    assert one.state_dict()["scheduled_factor"].item() == 0.2


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_a_kept_number_multiplies_as_a_float_does(dtype: torch.dtype) -> None:
    tensor = torch.linspace(-3, 3, 4096).to(dtype).view(64, 64)
    for factor in (0.7, 1 / 3, 0.1):
        found = times(tensor, torch.tensor(factor, dtype=torch.float64))
        assert found.dtype == dtype
        assert torch.equal(found, tensor * factor)

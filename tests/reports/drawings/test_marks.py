"""What both renderers ask of a description: the parts of a band, and the ticks that have room."""

from __future__ import annotations

import pytest

from regbench.reports.drawings.marks import Axis, Series, fitting_ticks
from regbench.reports.drawings.palette import Look


def band(low: list[float | None], high: list[float | None], ends: str = "band") -> Series:
    places = list(map(float, range(len(low))))
    return Series("a", Look("#000000"), places, low, low=low, high=high, ends=ends)  # type: ignore[arg-type]


def test_a_hole_parts_a_band() -> None:
    one = band([1.0, 2.0, None, 4.0], [5.0, 6.0, 7.0, 8.0])
    assert one.stretches(None) == [[(0.0, 1.0, 5.0), (1.0, 2.0, 6.0)], [(3.0, 4.0, 8.0)]]
    assert band([None], [None]).stretches(None) == []


def test_a_band_ends_where_values_can_lie_no_longer() -> None:
    assert band([-1.0, 98.0], [3.0, 104.0]).stretches((0.0, 100.0)) == [[(0.0, 0.0, 3.0), (1.0, 98.0, 100.0)]]


@pytest.mark.parametrize("ends", ["x", "y"])
def test_bars_and_points_alone_are_no_band(ends: str) -> None:
    assert band([1.0], [2.0], ends).stretches(None) == []
    assert Series("a", Look("#000000"), [1.0], [2.0], ends="band").stretches(None) == []


def test_of_ticks_without_room_the_first_of_the_axis_stays() -> None:
    axis = Axis(low=0.0, high=10.0, ticks=[(5.0, "best"), (5.2, "next"), (0.0, "low"), (10.0, "high")])
    assert fitting_ticks(axis, 40) == [(0.0, "low"), (5.0, "best"), (10.0, "high")]
    assert len(fitting_ticks(axis, 400)) == 4

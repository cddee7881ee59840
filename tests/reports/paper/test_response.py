"""Figures of response curves: what is drawn is what the report says; places, sides and names that fit."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import rc_context

from regbench.analysis.response import BELOW, BEST, OVER, UNDER
from regbench.reports.drawings.marks import fitting_ticks
from regbench.reports.drawings.palette import LINE
from regbench.reports.drawings.response import response
from regbench.reports.drawings.sketch import Course, Sketch, axis, zones
from regbench.reports.paper import style
from regbench.reports.paper.drawing import figures_of
from regbench.reports.paper.response import write_figures
from regbench.reports.paper.style import COLUMN, FORMATS, STYLE
from tests.reports.sketched import hill, made


def drawn(sketch: Sketch) -> Any:
    with rc_context(STYLE):
        [(_, figure)] = figures_of(response(sketch))
        figure.draw_without_rendering()
    return figure


def thick(axes: Any, style: str) -> list[tuple[float, ...]]:
    return [tuple(np.round(one.get_ydata(), 6)) for one in axes.get_lines() if one.get_linestyle() == style]


def seeds(axes: Any) -> list[tuple[float, ...]]:
    """Each seed's values: they are one line, with a hole after each seed."""
    (line, *_) = thick(axes, "-")
    holes = [place for place, value in enumerate(line) if np.isnan(value)]
    return [line[start:end] for start, end in zip([0, *(hole + 1 for hole in holes)], holes, strict=False)]


def test_means_stand_over_the_values_in_percent_and_the_gap_below_in_points() -> None:
    above, below = drawn(made(hill, (0.0, 0.1, 0.2, 0.4))).axes
    assert thick(above, "-")[-1] == (87, 90, 91, 87), "seeds lie 0, 1 and 2 points above 0.9 - (p - 0.2)^2"
    assert seeds(above) == [tuple(m + s for m in (86, 89, 90, 86)) for s in (0, 1, 2)]
    assert thick(above, "--") == [(87, 87)]
    assert thick(below, "-")[-1] == (13, 10, 9, 13)
    assert seeds(below) == [tuple(m - s for m in (14, 11, 10, 14)) for s in (0, 1, 2)]
    assert [one.get_ylabel() for one in (above, below)] == ["val accuracy (%)", "accuracy gap\n(points)"]
    assert [one.get_text() for one in below.get_xticklabels()] == ["0", "0.1", "0.2", "0.4"]
    assert [one.get_text() for one in above.texts] == [UNDER, BEST, OVER]


def test_a_hole_breaks_the_line_and_a_value_that_diverged_is_hollow() -> None:
    holes = {(0.1, seed) for seed in range(3)}
    figure = drawn(made(hill, (0.0, 0.1, 0.2, 0.4), missing=holes, diverged={(0.4, 0)}))
    line = thick(figure.axes[0], "-")[-1]
    assert np.isnan(line[1])
    assert not np.isnan(line[0])
    points = {one.get_markerfacecolor(): one for one in figure.axes[0].get_lines() if one.get_marker() == "o"}
    assert list(points["white"].get_xdata()) == [0.4]
    assert 0.4 not in points[LINE].get_xdata()


def test_values_are_logarithms_only_where_all_but_zero_span_more_than_a_factor_of_twenty() -> None:
    assert axis([0, 1, 20], 0).places == {0: 0, 1: 1, 20: 20}
    wide = axis([100, 0, 1, 10], 0)
    assert wide.logarithmic
    assert wide.places == pytest.approx({0: -0.5 - 0.5, 1: 0, 10: 1, 100: 2}), (
        "as far as the others on average"
    )
    assert wide.breaks == [-0.5]
    assert not axis([-1, 1, 100], None).logarithmic


def test_an_off_value_far_above_all_others_stands_apart() -> None:
    line = axis([1, 2, 5, 1e9], 1e9)
    assert line.places == {1: 1, 2: 2, 5: 5, 1e9: 7}
    assert line.breaks == [6]
    assert axis([1, 2, 5, 1e9], 0).logarithmic, "what is tried is no less than any other"
    sketch = made(lambda p: 0.9 - 0.01 * abs(p - 2) if p < 1e9 else 0.8, (1.0, 2.0, 5.0, 1e9), off=1e9)
    assert sketch.below == "reg.dropout.p (1e+09 apart)"
    assert [one.side for one in sketch.zones] == [OVER, BEST, UNDER]


def test_a_single_value_has_an_axis_too() -> None:
    line = axis([0.3], None)
    assert line.low < 0.3 < line.high
    assert axis([0, 3], 0).breaks == []


def test_ticks_leave_each_other_room_and_the_best_has_one() -> None:
    values = [0.0, *(0.2 + n / 1000 for n in range(9)), 0.6]
    sketch = made(lambda p: 0.9 - abs(p - 0.204), values)
    assert sketch.curve.best is not None
    assert sketch.curve.best.value == pytest.approx(0.204)
    below = response(sketch).panels[-1].x
    assert [name for _, name in fitting_ticks(below, 44)] == ["0", "0.204", "0.6"]
    assert len(fitting_ticks(below, 5000)) == 11


def test_intervals_that_two_seeds_make_huge_do_not_set_the_scale() -> None:
    panel = made(lambda p: 0.8 + p / 10, (0.0, 0.5, 1.0), seeds=2).courses[0]
    known = panel.means[0]
    assert known is not None
    assert known.high == pytest.approx(0.805 + 12.706 * 0.005, abs=1e-4)  # t of 1 degree
    room = 0.4 * 0.11 * 7 / 6  # runs lie from 0.8 to 0.91; a sixth is the margin
    assert panel.extent == pytest.approx((0.8 - room, 0.91 + room))


def test_an_accuracy_cannot_lie_above_one_and_a_gap_can_lie_below_zero() -> None:
    sketch = made(lambda p: 0.99, (0.0, 0.5), seeds=2)
    accuracy, gap = sketch.courses
    assert accuracy.edges(accuracy.means[0]) == (pytest.approx(0.9315, abs=1e-3), 1.0)
    edges = gap.edges(gap.means[0])
    assert edges is not None
    assert edges[0] < 0
    assert Course("val/accuracy", [], None, {}).edges(None) is None


@pytest.mark.parametrize("name", ["../../etc", "$x^2$ \\frac{1}", "a\u4e2db", "W" * 200])
def test_a_name_stays_in_the_folder_and_is_no_formula(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(style, "FORMATS", {"svg": FORMATS["svg"]})
    sketch = made(hill, (0.0, 0.2), seeds=1)
    evil = replace(sketch, curve=replace(sketch.curve, name=name, key=f"reg.{name}.p"))
    (path,) = write_figures([evil], tmp_path / "figures")
    assert path.parent == tmp_path / "figures"
    assert re.fullmatch(r"[A-Za-z0-9_-]+-response\.svg", path.name)
    if name.startswith("$"):
        assert f"reg.{name}.p" in path.read_text()


def test_names_and_legend_do_not_overlap_in_one_column() -> None:
    figure = drawn(made(hill, (0.0, 1e-3, 1e-2, 0.1, 0.2, 0.4, 0.6)))
    above, below = figure.axes
    shown = [*above.texts[-3:], *below.get_xticklabels(), below.xaxis.label, *figure.legends]
    boxes = [one.get_window_extent() for one in shown if one.get_visible()]
    assert figure.get_figwidth() == COLUMN
    for i, box in enumerate(boxes):
        assert box.x0 >= -1
        assert box.x1 <= figure.bbox.x1 + 1
        assert not any(box.overlaps(other) for other in boxes[:i]), i


def test_below_and_above_are_drawn_where_nobody_knows_which_way_regularizes() -> None:
    sketch = made(hill, (0.0, 0.2, 0.4))
    points = [
        replace(one, side=side) for one, side in zip(sketch.curve.points, (BELOW, BEST, ""), strict=True)
    ]
    found = zones(replace(sketch.curve, points=points), sketch.axis)
    assert [one.side for one in found] == [BELOW, BEST]
    assert found[0].high == found[1].low == pytest.approx(0.1)
    assert found[1].high == pytest.approx(0.3), "what nobody can tell is not tinted"


def test_the_same_curve_gives_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(style, "FORMATS", {"svg": FORMATS["svg"]})
    sketch = made(hill, (0.0, 0.2, 0.4), name="digits mlp")
    (first,) = write_figures([sketch], tmp_path / "a")
    (again,) = write_figures([sketch], tmp_path / "b")
    assert first.name == "digits-mlp-response.svg"
    assert first.read_bytes() == again.read_bytes()
    assert write_figures([], tmp_path / "c") == []

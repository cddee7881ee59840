"""A chart is described once: page and paper draw the same values, and a new one needs nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regbench.analysis.report import Comparison, Difference, Interaction, PerClass, Spread, Verdict
from regbench.reports.drawings.charts import CHARTS, Chart
from regbench.reports.drawings.marks import Axis, Cells, Drawing, Panel, Series
from regbench.reports.drawings.palette import Looks
from regbench.reports.page import charts, document
from regbench.reports.paper import comparison as paper
from regbench.reports.paper import style
from tests.reports.drawings.shown import drawing, on_page, on_paper
from tests.reports.pages import Words
from tests.reports.paper.test_comparison import arm, comparison, report

NAMES = [f"technique{place:02}" for place in range(24)]


def of(mean: float) -> Difference:
    return Difference(2, mean, 0.01, mean - 0.01, mean + 0.01, "t")


@pytest.fixture(scope="module")
def full() -> Comparison:
    """What has something for every chart: many arms, classes, bins, and a pair."""
    found = PerClass([Spread(1, 0.5, None), Spread(1, 0.75, None)], [4, 4], [[0.5, 0.5], [0.25, 0.75]])
    pair = Interaction(
        ("a", "b"), [0, 1], of(0.01), of(0.02), of(0.03), of(0.01), of(-0.02), Verdict("overlap", 0, 0, 0)
    )
    made = comparison(
        *(arm(name, 0.95 - place / 100, seconds=2.0 + place) for place, name in enumerate(NAMES))
    )
    arms = [replace(one, per_class=found) for one in made.arms]
    return replace(made, arms=arms, interactions=[pair], classes=["cat", "dog"])


def values_of(series: Series) -> set[tuple[float, float]]:
    return {
        (round(x, 6), round(y, 6))
        for x, y in zip(series.x, series.y, strict=True)
        if x is not None and y is not None
    }


def page_points(figure: Any) -> set[tuple[float, float]]:
    traces = [trace for trace in figure.data if trace.mode != "none"]
    return {
        (round(x, 6), round(y, 6))
        for trace in traces
        for x, y in zip(trace.x, trace.y, strict=True)
        if y is not None
    }


def paper_points(figures: dict[str, Any]) -> set[tuple[float, float]]:
    axes = [axes for figure in figures.values() for axes in figure.axes]
    lines = [line.get_data() for one in axes for line in one.get_lines()]
    dots = [group.get_offsets().T for one in axes for group in one.collections if len(group.get_offsets())]
    return {
        (round(float(x), 6), round(float(y), 6))
        for xs, ys in [*lines, *dots]
        for x, y in zip(xs, ys, strict=True)
    }


@pytest.mark.parametrize("name", [chart.name for chart in CHARTS])
def test_page_and_paper_draw_the_values_of_the_description(name: str, full: Comparison) -> None:
    few = full if name == "overall" else replace(full, arms=full.arms[:6])
    made, page, figures = drawing(name, few), on_page(name, few), on_paper(name, few)
    assert made is not None
    marks = [mark for panel in made.panels for mark in panel.marks]
    wanted = {point for mark in marks if isinstance(mark, Series) for point in values_of(mark)}
    assert wanted <= page_points(page) if wanted else True
    assert wanted <= paper_points(figures) if wanted else True
    cells = [mark for mark in marks if isinstance(mark, Cells)]
    assert bool(wanted) != bool(cells)
    for known, heat in zip(cells, page.data if cells else [], strict=True):
        assert [list(row) for row in heat.z] == [list(row) for row in known.values]
    shown = [
        image.get_array()
        for figure in figures.values()
        for axes in figure.axes
        for image in axes.get_images()
    ]
    for known, image in zip(cells, shown, strict=True):
        values = [[np.nan if one is None else one for one in row] for row in known.values]
        np.testing.assert_allclose(np.ma.filled(image, np.nan), values)


def test_every_chart_has_a_name_of_its_own_and_says_what_it_is(full: Comparison) -> None:
    assert len({chart.name for chart in CHARTS}) == len(CHARTS)
    for chart in CHARTS:
        made = drawing(chart.name, full)
        assert made is not None
        assert made.caption.endswith(".")
        assert chart.heading


def steps(comparison: Comparison, looks: Looks, whole: Comparison) -> Drawing:
    """A chart that nobody has thought of: the val accuracy by the place of the arm."""
    points = [
        Series(one.name, looks[one.name], [place], [100 * one.figures["val/accuracy"].mean])
        for place, one in enumerate(comparison.arms)
    ]
    panel = Panel(points, Axis("place"), Axis("val accuracy (%)"))
    return Drawing([panel], "A step for each arm.", [one.key for one in points])


def test_a_new_chart_is_one_description(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(style, "FORMATS", {"svg": style.FORMATS["svg"]})
    for place in (charts, paper):
        monkeypatch.setattr(place, "CHARTS", (Chart("steps", "Steps", steps),))
    found = report(comparison(arm("dropout", 0.95)))
    text = Words(document.render(found)).text
    assert "Steps A step for each arm." in text
    (path,) = paper.write_figures(found, tmp_path)
    assert path.name == "digits-mlp-steps.svg"
    assert "val accuracy (%)" in path.read_text()
    assert ">dropout</text>" in path.read_text()

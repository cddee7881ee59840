"""The page of response curves: the chart, what stands around it, and in a browser that it works."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from regbench.analysis.response import BEST, OVER, UNDER
from regbench.reports.drawings.response import response
from regbench.reports.drawings.sketch import Sketch
from regbench.reports.page.drawing import figure_of
from regbench.reports.page.response import render, write_page
from tests.reports.pages import Opened, Words, until
from tests.reports.sketched import hill, made

EVIL = ["<script>window.hit=1</script>", '"><img src=x onerror=window.hit=1>', "{{7*7}} %{x} <b>$a$</b>"]


@pytest.fixture(scope="module")
def usual() -> Sketch:
    return made(hill, (0.0, 0.1, 0.2, 0.4, 0.6), name="digits mlp dropout")


@pytest.fixture(scope="module")
def page(usual: Sketch) -> str:
    """A usual curve, and one whose names would do harm."""
    curve = usual.curve
    evil = replace(curve, name=EVIL[0], key=f"reg.{EVIL[1]}.{EVIL[2]}", notes=[EVIL[0]])
    return render([usual, replace(usual, curve=evil)])


def chart(sketch: Sketch) -> Any:
    made = response(sketch)
    assert made is not None
    return figure_of(made)


def trace(sketch: Sketch, name: str, panel: int = 0) -> Any:
    figure = chart(sketch)
    found = [one for one in figure.data if one.legendgroup.startswith(name) and one.mode != "none"]
    return found[panel]


def test_the_chart_has_means_seeds_and_the_baseline_in_percent_over_the_values(usual: Sketch) -> None:
    mean = trace(usual, "mean")
    assert mean.x == (0.0, 0.1, 0.2, 0.4, 0.6)
    # seeds lie 0, 1 and 2 points above the hill of 0.9 - (p - 0.2)^2
    assert mean.y == pytest.approx([87.0, 90.0, 91.0, 87.0, 75.0])
    assert trace(usual, "mean", 1).y == pytest.approx([13.0, 10.0, 9.0, 13.0, 25.0]), "train accuracy is 1"
    seeds = trace(usual, "each seed")
    assert seeds.y[6:11] == pytest.approx([87.0, 90.0, 91.0, 87.0, 75.0])
    assert seeds.y[5] is None
    assert trace(usual, "baseline").y == pytest.approx((87.0, 87.0))
    assert (trace(usual, "best").x, trace(usual, "best").y) == ((0.2,), pytest.approx((91.0,)))


def test_bands_are_students_intervals_over_the_seeds(usual: Sketch) -> None:
    figure = chart(usual)
    half = 4.302653 * 1.0 / 3**0.5  # t of 2 degrees, a standard deviation of one point, three seeds
    found = [one for one in figure.data if one.mode == "none" and one.yaxis == "y"]
    bands = {re.split("[,:]", one.legendgroup)[0]: one for one in found}
    assert bands["mean"].y[:5] == pytest.approx([m + half for m in (87, 90, 91, 87, 75)], abs=1e-3)
    assert bands["mean"].y[5:] == pytest.approx([m - half for m in (75, 87, 91, 90, 87)], abs=1e-3)
    assert bands["baseline"].y == pytest.approx([87 + half, 87 + half, 87 - half, 87 - half], abs=1e-3)


def test_the_sides_are_tinted_and_named_above(usual: Sketch) -> None:
    figure = chart(usual)
    assert [note.text for note in figure.layout.annotations] == [f"<b>{s}</b>" for s in (UNDER, BEST, OVER)]
    for panel in ("x", "x2"):
        shapes = [one for one in figure.layout.shapes if one.type == "rect" and one.xref == panel]
        tints = [(one.x0, one.x1) for one in shapes]
        assert [one[0] for one in tints[1:]] == [one[1] for one in tints[:-1]] == pytest.approx([0.15, 0.3])
        assert [tints[0][0], tints[-1][1]] == list(figure.layout.xaxis.range)


def test_an_axis_of_logarithms_is_broken_before_zero_in_both_panels() -> None:
    figure = chart(made(lambda p: 0.9 - p, (0.0, 1e-4, 1e-3, 1e-2)))
    assert figure.layout.xaxis2.tickvals == pytest.approx((-5, -4, -3, -2))
    assert figure.layout.xaxis2.ticktext == ("0", "0.0001", "0.001", "0.01")
    assert [(one.x, one.yref) for one in figure.layout.annotations if one.text == "//"] == [
        (-4.5, "y domain"),
        (-4.5, "y2 domain"),
    ]


def test_one_seed_and_none_at_all_are_shown() -> None:
    text = Words(render([made(hill, (0.0, 0.2), seeds=1)])).text
    assert "The best p tried is 0.2; one seed gives no interval" in text
    assert text.count("Nothing can be resolved") == 1, "first of all, and not again"
    assert not re.search(r"\bnan\b|\bNone\b|\binf\b", text)
    assert "No run has ended" in Words(render([])).text


def test_says_what_the_report_says_and_has_its_tables(page: str) -> None:
    text = Words(page).text
    best = text.index("The best p tried is 0.2, interval 0.2 to 0.2 (95 %, bootstrap over 3 seeds")
    assert best < text.index("Under-regularized: 0, 0.1.") < text.index("p=0.1 is not resolved: +3.00 points")
    assert "0.6 3 75.00 72.52 to 77.48 25.00 over-regularized" in text
    assert "curve" not in re.findall(r"gap (\w+) side", text), "the drawing in signs stays in the terminal"


def test_text_from_a_configuration_makes_no_element(page: str) -> None:
    words = Words(page)
    for text in EVIL:
        assert text in words.text
    assert not [tag for tag, _ in words.tags if tag in ("img", "b")]
    assert sum(tag == "script" for tag, _ in words.tags) == 2 + 2, "plotly, ours, and two charts"


def test_the_same_curves_give_the_same_bytes(usual: Sketch, page: str, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_page([usual], tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_works_in_a_browser_alone_and_prints(browser: Any, page: str, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(page)
    opened = Opened(browser, path)
    charts = opened.page.locator(".chart").all()
    assert [one.locator(".main-svg .subplot.x2y2").count() for one in charts] == [1, 1], "both panels"
    texts = opened.page.locator("#curve-2-chart .xtitle, #curve-2-chart .x2title").all_text_contents()
    assert [text[:20] for text in texts] == [f"reg.{EVIL[1]}"[:20]]
    entry = opened.page.locator("#curve-1-chart .legend .traces", has_text="each seed")
    hidden = """document.getElementById("curve-1-chart").data
        .filter((one) => one.visible === "legendonly").map((one) => one.legendgroup)"""
    entry.locator(".legendtoggle").click()
    until(opened.page, f"{hidden}.length > 0")
    assert opened.page.evaluate(hidden) == ["each seed", "each seed"], "in both panels"
    assert len(re.findall(rb"/Type\s*/Page\b", opened.page.pdf(prefer_css_page_size=True))) > 1
    assert opened.page.evaluate("window.hit") is None
    assert opened.trouble == []
    assert opened.requests == [opened.address]
    opened.context.close()

"""The pages on a telephone, a tablet and screens: nothing is cut, nothing lies on anything else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from regbench.analysis.comparison import report
from regbench.analysis.question import Question
from regbench.records.reader import find
from regbench.reports.page.document import render
from regbench.reports.page.response import render as render_curves
from regbench.reports.page.style import whole_step
from tests.records.made import figures, write_run
from tests.reports.pages import Opened, until
from tests.reports.sketched import hill, made

WIDTHS = [390, pytest.param(700, marks=pytest.mark.long), 1200, pytest.param(1600, marks=pytest.mark.long)]
STACKS: list[list[str]] = [
    [], ["dropout"], ["mixup"], ["l2"], ["dropout", "label_smoothing", "mixup"], ["dropout", "mixup"],
    ["confidence_penalty"], ["smart_augmentation"], ["gan_augmentation"], ["variational_dropout"],
    ["stochastic_depth"], ["a_technique_of_somebody_else_with_a_long_name"],
]  # fmt: skip
BINS = {"confidence": [None, 0.5, 0.9], "accuracy": [None, 0.4, 0.95], "count": [0, 10, 30]}
BINLESS = "binless"


def write(folder: Path, epochs: int, **changes: Any) -> None:
    for place, stack in enumerate(STACKS):
        for seed in range(3):
            course = [
                figures(0.7 + place / 99 + seed / 300 - 0.2 / epoch, 0.99) for epoch in range(1, epochs + 1)
            ]
            write_run(folder / f"{place}_{seed}", stack, seed, course, **changes)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two comparisons of twelve arms: of 3 epochs with a reliability diagram, of 30 with bars."""
    folder = tmp_path_factory.mktemp("runs")
    write(folder / "short", 3, reliability={"last": BINS, "best": BINS})
    write(folder / BINLESS, 30, config={"train": {"epochs": 30}})
    return folder


@pytest.fixture(
    scope="module", params=["val/accuracy", pytest.param("val/loss", marks=pytest.mark.long), "strength"]
)
def opened(
    request: Any, browser: Any, runs: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Opened]:
    path = tmp_path_factory.mktemp("page") / "page.html"
    if request.param == "strength":
        values = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6)
        logarithmic = made(lambda p: 0.9 - p, (0.0, 1e-4, 1e-3, 1e-2))
        path.write_text(render_curves([made(hill, values), logarithmic]))
    else:
        path.write_text(render(report(find([runs]), Question(request.param))))
    page = Opened(browser, path)
    yield page
    page.context.close()


def settle(opened: Opened, width: int) -> Any:
    """The page at a width, when its charts have taken it."""
    page = opened.page
    page.set_viewport_size({"width": width, "height": 900})
    until(
        page,
        f"""[...document.querySelectorAll(".chart")].every((one) =>
        one._fullLayout.width === one.clientWidth
        && (one.dataset.narrow === undefined || one.closest(".pair") 
            || one.dataset.narrow === String(one.layout.meta.below
                ? one.clientWidth < one.layout.meta.below : {width} < 640))
        && one.style.height === one._fullLayout.height + "px")""",
    )
    return page


# texts of a chart that do not lie within it, and within what may be scrolled
CUT = """[...document.querySelectorAll(".chart")].flatMap((chart) => {
    const room = chart.getBoundingClientRect();
    const texts = chart.querySelectorAll(".main-svg text, .legend .traces, .main-svg .point");
    return [...texts].filter((text) => text.textContent || text.tagName !== "text").map((text) => [
        chart.id, text.textContent, text.getBoundingClientRect(),
    ]).filter(([, , box]) => box.width > 0 && (
        box.left < room.left - 1 || box.right > room.right + 1 || box.top < room.top - 1
        || box.bottom > room.bottom + 1)).map(([id, text]) => `${id}: ${text}`);
})"""
# what stands out at the right of the page, unless it can be scrolled to
OUT = """[...document.querySelectorAll("main *")].filter((one) => !one.closest("svg, .modebar"))
    .filter((one) => one.getBoundingClientRect().right > innerWidth + 1)
    .filter((one) => ![...walk(one)].some((up) => getComputedStyle(up).overflowX === "auto"))
    .map((one) => one.outerHTML.slice(0, 80))"""
WALK = "function* walk(one) { while ((one = one.parentElement)) yield one; }"
# charts of which two texts, or the tool bar and the legend, lie on each other
CLASHES = """[...document.querySelectorAll(".chart")].flatMap((chart) => {
    const box = (one) => one && one.getBoundingClientRect();
    const meet = (a, b) => a && b && a.width && b.width && a.left < b.right - 1 && b.left < a.right - 1
        && a.top < b.bottom - 1 && b.top < a.bottom - 1;
    const bar = [...chart.querySelectorAll(".modebar-group")].map(box);
    const legend = box(chart.querySelector(".legend"));
    const found = bar.some((one) => meet(one, legend)) ? [`${chart.id}: bar on legend`] : [];
    for (const kind of [".annotation-text", ".xtick text", ".x2tick text", ".ytick text", ".legendtext"]) {
        const texts = [...chart.querySelectorAll(kind)];
        texts.forEach((one, place) => texts.slice(place + 1).forEach((other) => {
            if (!meet(box(one), box(other))) return;
            found.push(`${chart.id}: ${one.textContent} on ${other.textContent}`);
        }));
    }
    return found;
})"""


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_cut_and_nothing_lies_on_anything(opened: Opened, width: int) -> None:
    settle(opened, 1200)
    page = settle(opened, width)
    assert page.locator(".chart .annotation-text").count() > 2
    assert page.locator(".chart .modebar-group").count() > 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(f"(() => {{ {WALK} return {OUT}; }})()") == []
    assert page.evaluate(CUT) == []
    assert page.evaluate(CLASHES) == []
    assert opened.trouble == []


@pytest.mark.parametrize("width", [1200, 1600])
def test_a_screen_has_room_for_every_column(opened: Opened, width: int) -> None:
    page = settle(opened, width)
    page.evaluate("""document.querySelectorAll("details").forEach((one) => { one.open = true; })""")
    wide = """[...document.querySelectorAll(".wide")].filter((one) => one.scrollWidth > one.clientWidth + 1)
        .map((one) => one.ariaLabel)"""
    assert page.evaluate(wide) == []


def ticks(page: Any, chart: str) -> list[str]:
    return page.locator(f"#{chart} .xtick text, #{chart} .x2tick text").all_text_contents()


def shows_curves(opened: Opened) -> bool:
    return opened.page.locator("#comparison-1-curves").count() > 0


@pytest.mark.parametrize("width", [pytest.param(390, marks=pytest.mark.long), 1200])
def test_epochs_have_whole_numbers_however_near_one_looks(opened: Opened, width: int) -> None:
    if not shows_curves(opened):
        pytest.skip("the axis of response curves has the values")
    page = settle(opened, width)
    for chart, near in (("comparison-1-curves", [1.2, 2.9]), ("comparison-2-curves", [3.3, 5.1])):
        for span in (None, near, [0.5, 30.5]):
            if span is not None:
                change = (
                    f"""Plotly.relayout("{chart}", {{ "xaxis.range": {span}, "xaxis2.range": {span} }})"""
                )
                page.evaluate(change)
                page.wait_for_timeout(100)
            shown = ticks(page, chart)
            assert shown
            assert [text for text in shown if not text.isdecimal()] == []
            assert len(shown) <= 2 * 7


@pytest.mark.parametrize(
    ("span", "step"), [(0.9, 1), (2.1, 1), (6, 1), (6.1, 2), (30, 5), (31, 10), (200, 50), (1000, 200)]
)
def test_steps_between_ticks_are_whole_and_few(span: float, step: int) -> None:
    assert whole_step(span) == step


def test_says_beside_the_table_why_an_interval_may_leave_out_what_is_not_resolved(opened: Opened) -> None:
    text = opened.page.locator("main").inner_text()
    assert "a verdict is by the adjusted p" in text
    assert "may stand beside “not resolved”" in text


def test_terms_are_explained_before_they_are_used(opened: Opened) -> None:
    text = " ".join(opened.page.locator("main").inner_text().split())
    words = ["select"] if not shows_curves(opened) else ["arm", "select", "sealed"]
    told = {
        "arm": "An arm is one stack",
        "select": "select stops runs",
        "sealed": "stays sealed, that is",
    }
    for word in words:
        first = text.lower().index(f" {word} ") if word != "sealed" else text.index("sealed")
        assert first <= text.index(told[word]) + len(told[word]), word


def write_classes(folder: Path, count: int) -> None:
    names = [f"a class of somebody's with a long name, {n}" for n in range(count)] if count < 100 else None
    matrix = [[7 if row == column else row * column % 3 for column in range(count)] for row in range(count)]
    support = [sum(row) for row in matrix]
    found = {
        "accuracy": [matrix[n][n] / support[n] for n in range(count)], "support": support, "confusion": matrix
    }  # fmt: skip
    for place, stack in enumerate(STACKS[:3] + STACKS[-2:] + [STACKS[4]]):
        write_run(
            folder / f"{count}_{place}", stack, 0, [figures(0.7)], config={"dataset": {"num_train": count}},
            num_classes=count, classes=names or [f"class {n}" for n in range(count)],
            class_rows={"train": [9] * count}, per_class={"last": found, "best": found},
        )  # fmt: skip


# cells of a chart in which two digits do not fit, and titles or names on a matrix
CRAMPED = """[...document.querySelectorAll("[id$=confusion], [id$=per-class]")].flatMap((chart) => {
    const cells = chart._fullData[0].z[0].length, found = [];
    const sizes = [...chart.querySelectorAll(".heatmap-label text, text.heatmap-label")].map(
        (text) => parseFloat(getComputedStyle(text).fontSize));
    if (sizes.some((size) => size < 9)) found.push(`${chart.id}: letters of ${Math.min(...sizes)} px`);
    const cell = chart._fullLayout.xaxis._length / cells;
    if (cells <= 20 && cell < 18) found.push(`${chart.id}: cells of ${cell} px`);
    const box = (one) => one.getBoundingClientRect();
    const meet = (a, b) => a.width && b.width && a.left < b.right - 2 && b.left < a.right - 2
        && a.top < b.bottom - 2 && b.top < a.bottom - 2;
    const matrices = [...chart.querySelectorAll(".heatmaplayer image")].map(box);
    const texts = [...chart.querySelectorAll(".annotation-text, [class$=tick] text, .colorbar text")];
    for (const text of texts) {
        if (!matrices.some((one) => meet(one, box(text)))) continue;
        found.push(`${chart.id}: ${text.textContent} on a matrix`);
    }
    return matrices.length ? found : [`${chart.id}: no matrix`];
})"""


@pytest.fixture(scope="module")
def classes(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """Comparisons of six arms on 2, 10, 20 and 100 classes."""
    folder = tmp_path_factory.mktemp("classes")
    for count in (2, 10, 20, 100):
        write_classes(folder / "runs", count)
    path = folder / "page.html"
    path.write_text(render(report(find([folder / "runs"]), Question())))
    page = Opened(browser, path)
    yield page
    page.context.close()


@pytest.mark.parametrize("width", WIDTHS)
def test_each_class_can_be_read(classes: Opened, width: int) -> None:
    page = settle(classes, width)
    assert page.locator("[id$=confusion]").count() == 4
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(CUT) == []
    assert page.evaluate(CLASHES) == []
    assert page.evaluate(CRAMPED) == []
    across = page.evaluate("""Object.fromEntries([
        ...document.querySelectorAll("[id$=confusion]")].map((one) =>
        [one._fullData[0].z.length, new Set([...one.querySelectorAll(".heatmaplayer image")].map((image) =>
            Math.round(image.getBoundingClientRect().left))).size]))""")
    two = 1 if width < 900 else 2
    assert across == {"2": two, "10": two, "20": 1, "100": two}, "twenty long names need all of the width"
    assert classes.trouble == []

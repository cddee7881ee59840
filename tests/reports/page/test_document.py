"""The HTML page: what it says, that it is safe and alone, and in a browser that it works."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from regbench.analysis.comparison import report
from regbench.analysis.question import Question
from regbench.analysis.report import Comparison, Report
from regbench.records.reader import find
from regbench.reports.drawings.cost import frontier
from regbench.reports.drawings.palette import looks
from regbench.reports.page.document import render, verdicts, write_page
from regbench.reports.page.style import literal, literal_name
from regbench.stats.paired_test import FIXED
from tests.records.made import figures, member, write_run
from tests.reports.drawings.shown import on_page
from tests.reports.pages import MINUS, Opened, Words, until

HOSTILE = [
    "<script>window.hit=1;alert(1)</script>",
    "</script><script>window.hit=1</script>",
    "{{7*7}}",
    '<a href="javascript:window.hit=1">x</a>',
    "<b>bold</b>",
    '"><img src=x onerror=window.hit=1>',
    "%{x} &lt; $a$",
]
NONE = "\N{EN DASH}"
# val accuracy over the baseline's, seed by seed
GOOD = [0.010, 0.012, 0.008, 0.011, 0.009, 0.013, 0.007, 0.010, 0.012, 0.008]
OPEN = [0.010, -0.012, 0.008, -0.011, 0.009, -0.013, 0.007, -0.010, 0.012, -0.008]
BINS = {"confidence": [None, 0.5, 0.9], "accuracy": [None, 0.4, 0.95], "count": [0, 10, 30]}
Stack = Sequence[str | tuple[str, dict[str, Any]]]


def write_arm(folder: Path, stack: Stack, effects: Sequence[float], epochs: int = 8, **changes: Any) -> None:
    """Runs of a stack, one for each seed, that end at 0.9 + seed / 1000 + effect."""
    for seed, effect in enumerate(effects):
        course = [
            figures(0.9 + seed / 1000 + effect - 0.01 * (epochs - epoch), 0.99)
            for epoch in range(1, epochs + 1)
        ]
        write_run(folder / str(seed), stack, seed, course, **changes)


def of(*folders: Path, **asked: Any) -> Report:
    return report(find(folders), Question(**asked))


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Two comparisons in one, as a browser takes seconds to open a page: the hostile, and the usual.

    The usual one has a baseline, one better, one worse, one not resolved, and a pair that overlaps.
    """
    made = tmp_path_factory.mktemp("runs")
    bins = {"reliability": {"last": BINS, "best": BINS}}
    write_arm(made / "none", [], [0.0] * 10, seconds=2.0, **bins)
    write_arm(made / "dropout", ["dropout"], GOOD, seconds=3.0, epochs=9, **bins)
    write_arm(made / "l2", ["l2"], [-d for d in GOOD], seconds=2.5, epochs=20, **bins)
    write_arm(made / "mixup", ["mixup"], OPEN, seconds=8.0, **bins)
    write_arm(made / "both", ["dropout", "mixup"], [d - 0.02 for d in OPEN], seconds=9.0, **bins)
    write_hostile(made / "hostile")
    return of(made, test=FIXED)


def write_hostile(made: Path) -> None:
    """Arms, keys, values and folders with what would do harm."""
    evil: dict[str, Any] = {"config": {"model": {"<b>key</b>": HOSTILE[0]}}, "epochs": 2}
    write_arm(made / "none", [], [0.0] * 2, **evil)
    for number, name in enumerate(HOSTILE):
        place = made / f"<img src=x onerror=window.hit={number}>"
        write_arm(place, [member(name, **{"<i>": name})], [0.01 * number] * 2, **evil)
    write_arm(made / "pair", [member(n, **{"<i>": n}) for n in HOSTILE[1:3]], [0.01] * 2, **evil)
    (made / "<b>broken" / ".hydra").mkdir(parents=True)


@pytest.fixture(scope="module")
def usual(found: Report) -> Comparison:
    return found.comparisons[1]


@pytest.fixture(scope="module")
def page(found: Report) -> str:
    return render(found)


@pytest.fixture(scope="module")
def words(page: str) -> Words:
    return Words(page)


def test_readings_of_test_are_told_of_the_runs_that_count_and_of_others(tmp_path: Path) -> None:
    write_arm(tmp_path / "none", [], [0.0] * 3)
    write_arm(tmp_path / "dropout", ["dropout"], GOOD[:3])
    old = {"ended": "2020-01-01T00:00:00.000000+00:00", "test": sealed(3)}
    write_arm(tmp_path / "old", [], [0.0], **old)
    text = Words(render(of(tmp_path))).text
    assert "No run that counts here has read the test split." in text
    assert "test split was read by 1 run not counted here" in text
    assert "(3 readings)" in text
    assert "never read" not in text


@pytest.mark.parametrize(
    ("none", "dropout", "said"),
    [
        (1, 1, "Of the runs that count here, one of each arm has read the test split once."),
        (
            0,
            2,
            "Of the runs that count here, the test split was read 2 times by one of dropout, and by none of "
            "another arm.",
        ),
    ],
)
def test_readings_of_the_runs_that_count_are_told_by_arm(
    none: int, dropout: int, said: str, tmp_path: Path
) -> None:
    write_arm(tmp_path / "none", [], [0.0] * 3, **({"test": sealed(none)} if none else {}))
    write_arm(tmp_path / "dropout", ["dropout"], GOOD[:3], test=sealed(dropout))
    assert said in Words(render(of(tmp_path))).text


def sealed(reads: int) -> dict[str, Any]:
    """What a run has that read test so often."""
    measured = {"accuracy": 0.9, "loss": 0.1}
    return {"last": measured, "best": measured, "reads": reads}


def test_says_one_sentence_for_each_verdict_the_resolved_first(usual: Comparison, words: Words) -> None:
    text = words.text
    better = text.index("dropout is better: val accuracy +1.00 points [+0.86, +1.14], adjusted p")
    worse = text.index("l2 is worse: val accuracy -1.00 points [-1.14, -0.86], adjusted p")
    assert better < worse < text.index("mixup is not resolved: val accuracy -0.08 points")
    assert "On this validation split" in text[:better]
    assert [said.word for said in verdicts(usual)] == [
        "better",
        "worse",
        "worse",
        "not resolved",
    ]


def test_says_first_of_all_that_nothing_can_be_resolved(tmp_path: Path) -> None:
    write_arm(tmp_path / "none", [], [0.0] * 3)
    write_arm(tmp_path / "l2", ["l2"], GOOD[:3])
    text = Words(render(of(tmp_path))).text
    assert 0 < text.index("Nothing can be resolved") < text.index("l2 is not resolved")
    assert "(no interval from 3 pairs)" in text
    assert "Judged by the sequential test, whose verdicts and intervals hold however often one looks" in text


def test_what_makes_no_difference_that_matters_has_a_sign_of_its_own(tmp_path: Path) -> None:
    write_arm(tmp_path / "none", [], [0.0] * 12)
    write_arm(tmp_path / "l2", ["l2"], [0.001, -0.001] * 6)
    made = of(tmp_path, margin=0.01)
    assert [(said.word, said.sign) for said in verdicts(made.comparisons[0])] == [
        ("no difference that matters", "≈")
    ]
    text = Words(render(made)).text
    assert "l2 makes no difference that matters: val accuracy 0.00 points" in text
    assert "lies within 1.00 points of 0" in text


def test_the_same_report_gives_the_same_bytes_and_leaves_nothing_else(
    found: Report, page: str, tmp_path: Path
) -> None:
    path = tmp_path / "page.html"
    path.write_text("older")
    write_page(found, path)
    assert path.read_bytes() == page.encode()
    assert [one.name for one in tmp_path.iterdir()] == ["page.html"]
    assert page.count("* plotly.js v") == 1


def test_text_from_a_configuration_makes_no_element(words: Words) -> None:
    for name in HOSTILE:
        assert f"{name} is not resolved" in words.text
    assert "model.<b>key</b>" in words.text
    assert "<b>broken" in words.text
    assert not [tag for tag, _ in words.tags if tag in ("img", "i")]
    links = {attributes.get("href") for tag, attributes in words.tags if tag in ("a", "link")}
    assert links == {"data:,", "#comparison-1", "#comparison-2"}
    assert not [name for _, attributes in words.tags for name in attributes if name.startswith("on")]
    scripts = sum(tag == "script" for tag, _ in words.tags)
    assert scripts == 2 + 2 * 5, "plotly, ours, and the data of five charts each"


def test_plotly_is_given_no_markup_from_a_name() -> None:
    assert literal("<b>&amp;</b>") == "&lt;b&gt;&amp;amp;&lt;/b&gt;"
    assert len(literal_name("x" * 500)) < 50
    assert "%{" not in literal("%{x}")


def test_a_text_that_no_encoding_has_is_still_written(tmp_path: Path) -> None:
    write_arm(tmp_path / "runs", [], [0.0], config={"model": {"norm": "\ud800"}})
    write_page(of(tmp_path / "runs"), tmp_path / "page.html")
    assert "model.norm" in (tmp_path / "page.html").read_text("utf-8")


def one_seed(folder: Path) -> None:
    write_arm(folder / "none", [], [0.0], epochs=1)
    write_arm(folder / "l2", ["l2"], [0.01], epochs=1)


def no_baseline(folder: Path) -> None:
    write_arm(folder / "l2", ["l2"], [0.0] * 2)
    write_arm(folder / "mixup", ["mixup"], [0.01] * 2)


def one_arm(folder: Path) -> None:
    write_arm(folder / "none", [], [0.0] * 2)


def only_diverged(folder: Path) -> None:
    write_arm(folder / "none", [], [0.0] * 2)
    write_arm(folder / "l2", ["l2"], [0.0] * 2, status="diverged")


def uneven(folder: Path) -> None:
    write_arm(folder / "none", [], [0.0] * 2)
    write_run(folder / "l2", ["l2"], 0, [{"select/accuracy": 0.5, "val/accuracy": 0.5}])
    (folder / "l2" / "metrics.jsonl").unlink()


def nothing(folder: Path) -> None:
    """An empty folder."""


def two_comparisons(folder: Path) -> None:
    for width in (8, 16):
        write_arm(folder / str(width), [], [0.0] * 2, config={"model": {"width": width}})


CASES = [one_seed, no_baseline, one_arm, only_diverged, uneven, nothing, two_comparisons]


@pytest.mark.parametrize("case", CASES)
def test_shows_whatever_is_there(case: Callable[[Path], None], tmp_path: Path) -> None:
    case(tmp_path)
    text = Words(render(of(tmp_path))).text
    assert not re.search(r"\bnan\b|\bNone\b|\binf\b", text)
    said = {
        one_seed: "paired by 1 seed:",
        no_baseline: "There is no baseline",
        one_arm: "nothing to compare with it",
        only_diverged: "no seed is shared",
        uneven: "1 missing",
        nothing: "Nothing could be compared",
        two_comparisons: "2 comparisons",
    }
    assert said[case] in text


def test_a_list_of_contents_shows_how_the_comparisons_differ(tmp_path: Path) -> None:
    two_comparisons(tmp_path)
    words = Words(render(of(tmp_path)))
    assert [a["href"] for tag, a in words.tags if tag == "a"] == ["#comparison-1", "#comparison-2"]
    assert "comparison model.width arms" in words.text


def test_figures_that_were_not_measured_have_no_column(words: Words) -> None:
    assert "Brier score" in words.text
    assert "corruption" not in words.text


def test_the_forest_has_each_difference_in_points_with_its_interval(usual: Comparison) -> None:
    figure = on_page("differences", usual)
    better = next(trace for trace in figure.data if trace.name == "better")
    assert better.x == pytest.approx((1.0,))
    half = 2.262157 * 100 * (sum((d - 0.01) ** 2 for d in GOOD) / 9) ** 0.5 / 10**0.5  # Student's, 9 degrees
    assert better.error_x.array == pytest.approx((half,), abs=1e-4)


def test_the_frontier_has_the_arms_than_which_none_is_cheaper_and_better(
    found: Report, usual: Comparison
) -> None:
    assert frontier(usual) == ["baseline", "dropout"]
    figure = on_page("cost", usual)
    assert figure.data[0].x == (1.0, 1.5)
    assert figure.data[0].line.shape == "hv"


def test_without_a_baseline_cost_is_in_seconds(tmp_path: Path) -> None:
    write_arm(tmp_path / "l2", ["l2"], [0.0] * 2, seconds=7.0)
    found = of(tmp_path)
    figure = on_page("cost", found.comparisons[0])
    assert figure.data[1].x == (7.0,)
    assert figure.layout.xaxis.title.text == "time (s)"


def test_a_reliability_diagram_leaves_empty_bins_out(found: Report, usual: Comparison) -> None:
    figure = on_page("reliability", usual)
    assert figure.data[1].x == (50.0, 90.0)
    assert figure.data[1].y == (40.0, 95.0)


def test_without_bins_there_is_a_row_for_each_calibration_error(tmp_path: Path) -> None:
    one_arm(tmp_path)
    found = of(tmp_path)
    figure = on_page("reliability", found.comparisons[0])
    assert [(trace.name, trace.x) for trace in figure.data] == [("", (10.0,))]
    assert [one.text for one in figure.layout.annotations] == ["10.00"]
    assert figure.layout.yaxis.ticktext == ("baseline",)


def test_the_heat_map_has_what_a_pair_does_beyond_the_sum(usual: Comparison) -> None:
    figure = on_page("interactions", usual)
    # together OPEN - 2 points, alone 1 point and OPEN: what is left over is -3 points
    assert list(map(list, figure.data[0].z)) == [[None, None], [pytest.approx(-3.0), None]]
    assert figure.data[0].text[1][0].startswith(f"overlap<br><b>{MINUS}3.00</b>")
    assert figure.data[0].text[0][0].startswith("alone<br><b>+1.00</b>")


def test_bands_that_two_seeds_make_huge_do_not_set_the_scale(tmp_path: Path) -> None:
    write_arm(tmp_path, [], [0.0, 0.05])
    found = of(tmp_path)
    figure = on_page("curves", found.comparisons[0])
    low, high = figure.layout.yaxis.range  # means lie from 85.5 to 99 %
    assert 78 < low < 85.5 < 99 < high < 106


def test_an_arm_has_one_colour_in_every_comparison(tmp_path: Path) -> None:
    for width, other in ((8, "l2"), (16, "mixup")):
        for stack in ([], ["dropout"], [other]):
            name = f"{width}{stack}"
            write_arm(tmp_path / name, stack, [0.0], config={"model": {"width": width}})
    first, second = looks(of(tmp_path))
    assert first["dropout"] == second["dropout"] != first["baseline"] == second["baseline"]
    assert len({first["l2"], first["mixup"], first["dropout"]}) == 3


# in a browser


@pytest.fixture(scope="module")
def opened(browser: Any, page: str, tmp_path_factory: pytest.TempPathFactory) -> Opened:
    """The page, as whichever test left it: opening it takes seconds."""
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(page)
    return Opened(browser, path)


def test_draws_every_chart_without_a_word_and_asks_for_nothing(opened: Opened) -> None:
    charts = opened.page.locator(".chart").all()
    assert [chart.locator(".main-svg .subplot.xy").count() > 0 for chart in charts] == [True] * 10
    assert opened.trouble == []
    assert opened.requests == [opened.address]


def test_a_click_in_the_legend_hides_an_arm_and_another_shows_it(opened: Opened) -> None:
    page = opened.page
    hidden = """document.getElementById("comparison-2-curves").data
        .filter((one) => one.visible === "legendonly").map((one) => one.legendgroup)"""
    legend = page.locator("#comparison-2-curves .legend .traces")
    entry = legend.filter(has_text=re.compile("^dropout$")).locator(".legendtoggle")
    assert page.evaluate(hidden) == []
    entry.click()
    until(page, f"{hidden}.length > 0")
    assert page.evaluate(hidden) == ["dropout"] * 12, "6 lines in 4 panels, and their bands"
    entry.click()
    until(page, f"{hidden}.length === 0")
    assert opened.trouble == []


def overview(page: Any, comparison: int = 2) -> Any:
    return page.locator(f"#comparison-{comparison} table.sortable").first


def column(table: Any, place: int) -> list[str]:
    texts = table.locator(f"tbody tr > :nth-child({place + 1})").all_inner_texts()
    return [text.split("\n")[0].replace(MINUS, "-") for text in texts]


def test_a_click_on_a_heading_sorts_by_the_numbers_and_again_the_other_way(opened: Opened) -> None:
    page = opened.page
    table = page.locator("#comparison-2 table.sortable").nth(1)  # the first has the verdicts
    headings = [text.strip() for text in table.locator("th[aria-sort]").all_inner_texts()]
    place = headings.index("run")
    heading = table.locator("th[aria-sort]").nth(place)
    before = [name for name in column(table, 0) if name not in ("dropout", "l2")]
    heading.locator("button").click()
    assert column(table, place) == ["8", "8", "8", "9", "20"], "as text, 20 would come before 8"
    assert column(table, 0) == [*before, "dropout", "l2"], "ties keep their order"
    assert heading.get_attribute("aria-sort") == "ascending"
    heading.locator("button").focus()
    page.keyboard.press("Enter")
    assert column(table, place) == ["20", "9", "8", "8", "8"]
    assert column(table, 0) == ["l2", "dropout", *before]
    assert table.locator("th[aria-sort=descending]").count() == 1


def test_what_is_missing_stays_last_whichever_way(opened: Opened) -> None:
    table = overview(opened.page)
    button = table.locator("th[aria-sort] button", has_text="difference")
    for expected in (["-2.08", "-1.00", "-0.08", "+1.00"], ["+1.00", "-0.08", "-1.00", "-2.08"]):
        button.click()
        assert column(table, 2) == [*expected, NONE]


def test_shows_the_second_half_of_the_epochs(opened: Opened) -> None:
    opened.page.get_by_role("button", name="second half").click()
    until(opened.page, 'document.getElementById("comparison-2-curves").layout.xaxis.range[0] > 9')
    assert opened.trouble == []


def test_prints_on_several_pages(opened: Opened) -> None:
    printed = opened.page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) > 1
    assert opened.trouble == []


def test_hostile_names_are_shown_and_never_run(opened: Opened) -> None:
    """What the page's policy holds back the console tells, so that its silence speaks for both."""
    page = opened.page
    page.evaluate("""Plotly.Fx.hover("comparison-1-differences", [{ curveNumber: 0, pointNumber: 0 }])""")
    shown = page.locator("#comparison-1").locator(".legendtext, .ytick text, .hovertext")
    texts = shown.all_text_contents()
    assert any(text.startswith(HOSTILE[-1] + ": +6.00 points") for text in texts), "the first is the best"
    names = column(overview(page, 1), 0)
    for name in HOSTILE:
        assert name in names
        assert texts.count(name if len(name) <= 36 else f"{name[:23]}…{name[-12:]}") >= 3
    assert page.evaluate("window.hit") is None
    assert page.locator(".chart a, .chart img").count() == 0
    assert opened.trouble == []
    assert opened.requests == [opened.address]

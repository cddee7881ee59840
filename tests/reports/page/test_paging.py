"""The page of many arms and runs: little of it is there at first, and all of it can be reached."""

from __future__ import annotations

import json
import random
import re
from dataclasses import replace
from typing import Any

import pytest

from regbench.analysis.comparison import report
from regbench.analysis.question import Question
from regbench.analysis.report import Report
from regbench.records.reader import find
from regbench.reports.drawings.cost import frontier
from regbench.reports.drawings.palette import looks
from regbench.reports.page.document import render
from regbench.reports.page.paging import DRAWN, LISTED, Paged, listed, parts, scripted
from regbench.reports.page.tables import Cell, SortableTable, overview
from regbench.reports.portions import AT_ONCE
from tests.records.made import figures, member, write_run
from tests.reports.drawings.shown import on_page
from tests.reports.pages import MINUS, Opened, Words, until

ARMS, SEEDS = 45, 3
TO = "\N{EN DASH}"
HOSTILE = "<b>&</script><script>window.hit=1</script>"
BINS = {"confidence": [None, 0.5, 0.9], "accuracy": [None, 0.4, 0.95], "count": [0, 10, 30]}


def stack(place: int) -> list[Any]:
    name = HOSTILE if place == ARMS - 1 else f"technique{place:02}"
    return [member(name)] if place else []


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Report:
    folder, draw = tmp_path_factory.mktemp("runs"), random.Random(0)
    for place in range(ARMS):
        for seed in range(SEEDS):
            course = [figures(0.8 + place / 1000 + draw.gauss(0, 0.002)) for _ in range(4)]
            bins = {"last": BINS, "best": BINS}
            write_run(
                folder / f"{place}_{seed}", stack(place), seed, course, seconds=2.0 + place, reliability=bins
            )
    return report(find([folder]), Question())


@pytest.fixture(scope="module")
def page(found: Report) -> str:
    return render(found)


def test_little_of_many_arms_is_in_the_page(page: str) -> None:
    words = Words(page)
    assert len(words.tags) < 3000
    assert len(page.encode()) < 6e6
    rows = sum(tag == "tr" for tag, _ in words.tags)
    assert rows < 300, "of hundreds of runs, and of arms in five tables"
    assert f"The first {AT_ONCE} of {ARMS} rows." in words.text
    assert f"The first {AT_ONCE} of {ARMS * SEEDS} rows." in words.text
    assert f"The charts below show the baseline and {DRAWN} other arms" in words.text
    assert f"The other {ARMS - 1 - AT_ONCE} arms:" in words.text


@pytest.mark.long
def test_more_seeds_are_no_more_of_the_page(found: Report, page: str) -> None:
    (one,) = found.comparisons
    assert sum(len(arm.runs) for arm in one.arms) > LISTED
    more = replace(one, arms=[replace(arm, runs=arm.runs * 10) for arm in one.arms])
    again = render(replace(found, comparisons=[more]))
    assert len(Words(again).tags) == len(Words(page).tags)


@pytest.mark.long
def test_the_same_report_gives_the_same_bytes(found: Report, page: str) -> None:
    assert render(found) == page


def test_every_arm_is_said_of_and_none_is_markup(found: Report, page: str) -> None:
    text = Words(page).text
    for arm in found.comparisons[0].arms:
        if arm.verdict:
            assert f"{arm.name} is " in text
    assert "</script><script>window" not in page


def test_a_part_has_the_baseline_and_every_other_arm_is_in_one(found: Report) -> None:
    (one,) = found.comparisons
    several = parts(one)
    assert [len(part.comparison.arms) for part in several] == [11, 11, 11, 11, 5]
    assert [part.name for part in several][::4] == ["1 to 10 of 44", "41 to 44 of 44"]
    assert all(part.comparison.arms[0].name == one.baseline for part in several)
    assert [arm.name for part in several for arm in part.comparison.arms[1:]] == [
        a.name for a in one.arms[1:]
    ]


def test_few_arms_are_one_part_and_have_no_choice(found: Report) -> None:
    (one,) = found.comparisons
    few = replace(one, arms=one.arms[:AT_ONCE])
    assert [part.comparison for part in parts(few)] == [few]
    text = render(replace(found, comparisons=[few]))
    assert on_page("overall", few) is None
    assert not [tag for tag, a in Words(text).tags if tag == "select" or a.get("class") == "rows"]


def test_without_a_baseline_the_parts_have_all_arms(found: Report) -> None:
    (one,) = found.comparisons
    alone = replace(one, arms=one.arms[1:], baseline=None)
    assert [arm for part in parts(alone) for arm in part.comparison.arms] == alone.arms


def test_the_parts_of_a_chart_have_one_scale_and_one_frontier(found: Report) -> None:
    (one,) = found.comparisons
    first, *_, last = (part.comparison for part in parts(one))
    for name in ("curves", "differences"):
        a, b = on_page(name, first, one), on_page(name, last, one)
        assert a.layout.xaxis.range == b.layout.xaxis.range
        assert a.layout.meta.get("views") == b.layout.meta.get("views")
    a, b = on_page("cost", first, one), on_page("cost", last, one)
    assert a.data[0].x == b.data[0].x
    assert len(a.data[0].x) == len(frontier(one))
    assert [(t.name, len(t.x)) for t in (a.data[1], b.data[1])] == [("other arms", 34), ("other arms", 40)]


def test_arms_that_are_drawn_together_have_colours_of_their_own(found: Report) -> None:
    (palette,) = looks(found)
    for part in parts(found.comparisons[0]):
        names = [arm.name for arm in part.comparison.arms]
        assert len({palette[name].colour for name in names}) == len(names)


def test_all_differences_are_in_one_chart(found: Report) -> None:
    figure = on_page("overall", found.comparisons[0])
    assert figure
    assert sorted(x for trace in figure.data for x in trace.x) == list(range(1, ARMS))
    best = next(y for trace in figure.data for x, y in zip(trace.x, trace.y, strict=True) if x == 1)
    assert best == max(y for trace in figure.data for y in trace.y)


def test_the_rows_beside_a_table_are_its_cells(found: Report) -> None:
    table = overview(found.comparisons[0], looks(found)[0])[0]
    rows = json.loads(str(Paged(table).json))
    assert len(rows) == ARMS
    for (name, colour, cells), (read, look, *texts) in zip(table.rows, rows, strict=True):
        assert (read, look) == (name, colour)
        back = [Cell(t) if isinstance(t, str) else Cell(t[0], t[1], t[2], t[3]) for t in texts]
        assert back == cells


def test_a_short_table_is_all_there() -> None:
    rows = [(f"arm{place}", "#000", [Cell("1", sort=1)]) for place in range(AT_ONCE)]
    short = Paged(SortableTable([("", 1)], ["n"], rows))
    assert (short.json, short.first) == (None, rows)
    assert Paged(SortableTable([("", 1)], ["n"], [*rows, rows[0]])).json is not None


def test_a_long_list_becomes_a_table() -> None:
    entries = [(f"folder{place}", "why") for place in range(LISTED)]
    assert listed(entries, ("folder", "why")) is None
    table = listed([*entries, ("last", "12")], ("folder", "why"))
    assert table
    assert (table.count, table.heading, table.headings) == (LISTED + 1, "folder", ["why"])
    assert table.table.rows[-1][2] == [Cell("12", sort=12)]


def test_nothing_ends_a_script_early() -> None:
    value = ["</script>", "<!--", "&amp;", "\u2028"]
    text = str(scripted(value))
    assert not re.search("[<>&\u2028]", text)
    assert json.loads(text) == value


# in a browser


@pytest.fixture(scope="module")
def opened(browser: Any, page: str, tmp_path_factory: pytest.TempPathFactory) -> Opened:
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(page)
    return Opened(browser, path)


def column(table: Any, place: int) -> list[str]:
    texts = table.locator(f"tbody tr > :nth-child({place + 1})").all_inner_texts()
    return [text.split("\n")[0].replace(MINUS, "-") for text in texts]


def test_sorting_is_of_all_rows_and_pages_have_the_rest(opened: Opened, found: Report) -> None:
    page = opened.page
    table = page.locator("table.sortable").first
    pager = page.locator(".pager").first
    assert column(table, 0)[0] == "baseline"
    assert pager.locator("span").inner_text() == f"1{TO}20 of 45"
    table.locator("th[aria-sort] button", has_text="difference").click()
    arms = [arm for arm in found.comparisons[0].arms if arm.verdict]
    shown = [f"{100 * arm.differences['val/accuracy'].mean:+.2f}" for arm in arms]
    worst = sorted(map(float, shown))
    assert list(map(float, column(table, 2))) == worst[:AT_ONCE]
    for _ in range(2):
        pager.get_by_role("button", name="next").click()
    assert pager.locator("span").inner_text() == f"41{TO}45 of 45"
    assert column(table, 0)[-1] == "baseline", "it has no difference, and stays last"
    assert pager.get_by_role("button", name="next").is_disabled()
    table.locator("th[aria-sort] button", has_text="difference").click()
    assert list(map(float, column(table, 2))) == worst[::-1][:AT_ONCE]
    assert opened.trouble == []


def test_rows_are_found_by_what_stands_in_them(opened: Opened) -> None:
    page = opened.page
    table, pager = page.locator("table.sortable").first, page.locator(".pager").first
    pager.get_by_role("searchbox").fill("TECHNIQUE3")
    assert sorted(column(table, 0)) == [f"technique3{place}" for place in range(10)]
    pager.get_by_role("searchbox").fill("nothing like that")
    assert (column(table, 0), pager.locator("span").inner_text()) == ([], "none")
    pager.get_by_role("searchbox").fill("script")
    assert column(table, 0) == [HOSTILE]
    assert page.evaluate("window.hit") is None
    pager.get_by_role("searchbox").fill("")
    assert len(column(table, 0)) == AT_ONCE
    assert opened.trouble == []


def test_other_arms_are_chosen_for_all_charts_at_once(opened: Opened) -> None:
    page = opened.page
    names = """[...document.querySelectorAll("#comparison-1-{} .legendtext")].map((one) => one.textContent)"""
    page.locator("#comparison-1-curves").scroll_into_view_if_needed()
    until(page, f"{names.format('curves')}.length === 11")
    before = page.evaluate(names.format("curves"))
    page.locator("#comparison-1-curves").locator("xpath=ancestor::figure").get_by_role(
        "combobox"
    ).select_option("4")
    until(page, f"{names.format('curves')}.length === 5")
    after = page.evaluate(names.format("curves"))
    assert set(before) & set(after) == {"baseline"}
    page.locator("#comparison-1-cost").scroll_into_view_if_needed()
    until(page, f"{names.format('cost')}.length === 7")
    assert set(after) < set(page.evaluate(names.format("cost"))), "with the frontier and the other arms"
    assert [one.input_value() for one in page.get_by_role("combobox").all()] == ["4"] * 4
    assert opened.trouble == []
    assert opened.requests == [opened.address]


def test_the_runs_are_a_table_that_is_read_when_it_is_opened(opened: Opened) -> None:
    page = opened.page
    page.get_by_text(f"Runs that count ({ARMS * SEEDS})").click()
    table = page.locator("table.sortable").last
    assert len(column(table, 0)) == AT_ONCE
    table.locator("th[aria-sort] button", has_text="seed").click()
    assert column(table, 1) == ["0"] * AT_ONCE
    assert opened.trouble == []

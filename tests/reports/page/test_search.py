"""The page of a search: what it says, and in a browser that it works, at two widths, light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from regbench.reports.page.search import page, write_page
from tests.reports.page.test_page_sizes import CLASHES, CUT, OUT, WALK, settle
from tests.reports.pages import Opened, Words
from tests.reports.searches import begun, large, search, weighed

EVIL = "<script>window.hit=1</script>"


@pytest.fixture(scope="module")
def usual() -> str:
    return page(search(False), weighed())


@pytest.fixture(scope="module", params=[pytest.param("usual", marks=pytest.mark.long), "large"])
def opened(
    request: Any, browser: Any, usual: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Opened]:
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(usual if request.param == "usual" else page(*large()))
    made = Opened(browser, path)
    yield made
    made.context.close()


def test_says_the_outcome_first_then_what_is_left_then_what_to_type(usual: str) -> None:
    text = Words(usual).text
    places = [
        text.index(part)
        for part in (
            "Nothing was found that survives: +2.10 points on select are 0.00 on val",
            "On 6 fresh seeds the winner is not resolved: val accuracy 0.00 points [-0.90, +0.90], p 0.83.",
            "on fresh seeds val accuracy 6 91.00 91.00 0.00 [-0.90, +0.90]",
            "regbench train '+reg=[]' train.lr=0.14 train.batch_size=64",
            "regbench final outputs/searches/digits-mlp",
            "baseline 8 of 8 5 2 1 223 70 % 90.79 5",
            "There is none, as there are 3 complete trials",
        )
    ]
    assert places == sorted(places)


def test_every_chart_and_every_trial_is_there(usual: str) -> None:
    words = Words(usual)
    found = [attrs["id"] for tag, attrs in words.tags if attrs.get("class") == "chart"]
    assert found[:4] == ["search-promised", "search-seeds", "search-expected", "search-finalists"]
    assert found[4:9] == [
        "arm-1-parallel", "arm-1-slices", "arm-2-importance", "arm-2-parallel", "arm-2-slices",
    ]  # fmt: skip
    assert "fresh-curves" in found
    assert (
        "pruned 55.00 at epoch 10 10 25 train.lr=0.9, train.batch_size=128, reg.dropout.p=0.6" in words.text
    )
    assert "reg.translation: fraction must be above 0.0625" in words.text


def test_text_from_a_configuration_makes_no_element() -> None:
    report = search()
    trial = replace(report.arms[1].trials[0], reason=EVIL, members=[EVIL])
    arm = replace(report.arms[1], name=EVIL, trials=[trial, *report.arms[1].trials[1:]])
    assert report.confirmation is not None
    winner = replace(report.confirmation.winner, arm=EVIL, words=[EVIL])
    arms, found = [report.arms[0], arm], replace(report.confirmation, winner=winner)
    evil = replace(report, name=EVIL, said=EVIL, arms=arms, confirmation=found)
    clean = [tag for tag, _ in Words(page(report, {})).tags if tag == "script"]
    words = Words(page(evil, {}))
    assert [tag for tag, _ in words.tags if tag == "script"] == clean
    assert words.text.count(EVIL) > 3


def test_a_search_that_has_just_begun_has_a_page_too(tmp_path: Path) -> None:
    write_page(begun(), {}, tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    assert len(text) < 100_000, "without a chart there is no library"
    assert "The search is not over. 0 of 20 trials have ended." in Words(text).text


@pytest.mark.parametrize("width", [420, 1200])
def test_nothing_is_cut_and_nothing_lies_on_anything(opened: Opened, width: int) -> None:
    settle(opened, 1200)
    found = settle(opened, width)
    assert found.locator(".chart .main-svg").count() > 20
    assert found.evaluate("document.documentElement.scrollWidth") <= width
    assert found.evaluate(f"(() => {{ {WALK} return {OUT}; }})()") == []
    assert found.evaluate(CUT) == []
    assert found.evaluate(CLASHES.replace('".annotation-text", ', "")) == []  # notes stand on lines that meet
    assert opened.trouble == []
    assert opened.requests == [opened.address]


def test_a_dark_screen_has_a_dark_page_and_charts_of_its_colour(opened: Opened) -> None:
    back = "getComputedStyle(document.body).backgroundColor"
    turned = """getComputedStyle(document.querySelector(".chart")).filter"""
    assert opened.page.evaluate(back) == "rgb(255, 255, 255)"
    assert opened.page.evaluate(turned) == "none"
    opened.page.emulate_media(color_scheme="dark")
    assert opened.page.evaluate(back) == "rgb(18, 18, 18)"
    assert opened.page.evaluate(turned) == "invert(0.93) hue-rotate(180deg)"
    opened.page.emulate_media(color_scheme="dark", media="print")
    assert opened.page.evaluate(back) == "rgb(255, 255, 255)", "paper is white"
    opened.page.emulate_media(color_scheme="light", media="screen")

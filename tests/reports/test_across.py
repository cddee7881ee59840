"""What holds over conditions, as texts, drawings and a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from regbench.analysis.across import across
from regbench.analysis.comparison import report
from regbench.analysis.question import Question
from regbench.records.reader import Found
from regbench.reports.across_text import sentence, tables
from regbench.reports.drawings.across import charts, matrix
from regbench.reports.drawings.marks import Cells, Series
from regbench.reports.drawings.palette import NEGATIVE, POSITIVE
from regbench.reports.page.across import write_page
from regbench.stats.paired_test import FIXED
from tests.analysis.across_runs import RATES, condition, one, told
from tests.reports.pages import Opened

RUNS = [
    run
    for place, rate in enumerate(RATES)
    for run in condition(rate, {"dropout": 0.01 + place / 100, "l2": 0.0, "mixup": -0.02})
]


def cells_of(drawing: Any) -> Cells:
    (cells,) = drawing.panels[0].marks
    assert isinstance(cells, Cells)
    return cells


def test_a_cell_has_its_difference_and_a_short_word() -> None:
    matrix_table, over = tables(told(RUNS))
    assert matrix_table.headings == ["stack", "lr=0.1", "lr=0.2", "lr=0.3", "lr=0.4"]
    assert matrix_table.rows[0] == ["baseline"] + ["90.12"] * 4
    assert matrix_table.rows[1] == ["dropout", *(f"+{step}.00 better" for step in (1, 2, 3, 4))]
    assert over.rows[1][:5] == ["dropout", "4 of 4", "0 of 4", "0 of 4", "1.00"]
    assert over.rows[1][5:9] == ["+2.50", "[+0.45, +4.55]", "0.38", "not resolved"]
    assert over.rows[1][9:] == ["+2.50", "[+2.50, +2.50]"]  # the runs of a condition are all alike


def test_a_sentence_says_what_holds_and_where() -> None:
    found = told(RUNS)
    assert sentence(one(found, "dropout"), found) == (
        "dropout is not resolved over the conditions: mean +2.50 points [+0.45, +4.55], adjusted p 0.38; "
        "better in 4 of 4 conditions"
    )


def test_fewer_than_three_conditions_have_no_interval_which_is_said() -> None:
    found = told(RUNS[: len(RUNS) // 2])
    assert "mean +1.50 points (no interval from 2 conditions)" in sentence(one(found, "dropout"), found)


def test_the_matrix_has_the_conditions_and_what_holds_over_all_in_one_scale() -> None:
    cells = cells_of(matrix(told(RUNS)))
    assert cells.columns == ["lr=0.1", "lr=0.2", "lr=0.3", "lr=0.4", "all conditions"]
    assert list(cells.values[0]) == [1.0, 2.0, 3.0, 4.0, 2.5]
    assert cells.texts[0][4] == "not resolved\n+2.50\n[+0.45, +4.55]"
    assert (cells.low, cells.high) == (-4.0, 4.0)
    assert [cells.scale[0][1], cells.scale[-1][1]] == [NEGATIVE, POSITIVE]
    loss = cells_of(matrix(told(RUNS, metric="val/loss")))
    assert [loss.scale[0][1], loss.scale[-1][1]] == [POSITIVE, NEGATIVE]


def test_ranks_are_drawn_with_the_critical_difference_and_groups() -> None:
    found = told(RUNS)
    drawing = charts(found)[1].drawing
    (panel,) = drawing.panels
    assert found.ranking
    assert [row.name for row in panel.rows] == [
        "critical difference", "dropout", "l2", "baseline", "mixup", "group a", "group b",
    ]  # fmt: skip
    assert [row.told for row in panel.rows[1:5]] == ["1.00 a", "2.50 ab", "2.50 ab", "4.00 b"]
    assert [row.at for row in panel.rows] == [7, 6, 5, 4, 3, 2, 1]
    lines = [mark for mark in panel.marks if isinstance(mark, Series) and mark.joined]
    assert [(list(mark.x), list(mark.y)) for mark in lines] == [
        ([1.0, 1.0 + found.ranking.critical_difference], [7.0, 7.0]),
        ([1.0, 2.5], [2.0, 2.0]),
        ([2.5, 4.0], [1.0, 1.0]),
    ]


def test_a_page_opens_in_a_browser_and_names_stay_text(browser: Any, tmp_path: Path) -> None:
    name = "<script>alert(1)</script> $x$"
    runs = [run for rate in RATES[:2] for run in condition(rate, {name: 0.01, "l2": 0.0})]
    found, asked = Found(runs), Question(metric="val/accuracy", test=FIXED)
    made = report(found, asked)
    write_page(made, across(found, made, asked, ["train.lr"]), tmp_path / "page.html")
    opened = Opened(browser, tmp_path / "page.html")
    assert opened.trouble == []
    assert opened.requests == [opened.address]
    assert opened.page.locator("#across-conditions .main-svg").count() > 0
    assert opened.page.locator("#across-ranks .main-svg").count() > 0
    assert name in opened.page.locator("main").inner_text()
    opened.context.close()

"""Each class of a comparison: pooled over the seeds, shown with its name, refused where it is not sound."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from regbench.analysis.comparison import report
from regbench.analysis.question import Question
from regbench.analysis.report import Comparison, Report, Spread
from regbench.records.reader import find, read_result
from regbench.reports.drawings.classes import FEW
from regbench.reports.drawings.palette import looks
from regbench.reports.exports import as_json
from regbench.reports.page.classes import class_table
from regbench.reports.page.document import render
from regbench.reports.tables import tables
from tests.records.made import figures, write_run
from tests.reports.drawings.shown import on_page

DASH = "\N{EN DASH}"
NAMES = ["<b>cat</b>", "dog", "2026-11-23"]
# two seeds of four cats, two dogs, and a class without rows
FIRST = [[3, 1, 0], [0, 2, 0], [0, 0, 0]]
SECOND = [[1, 2, 1], [1, 1, 0], [0, 0, 0]]


def found_of(matrix: list[list[int]]) -> dict[str, Any]:
    rows = [sum(row) for row in matrix]
    accuracy = [row[c] / rows[c] if rows[c] else None for c, row in enumerate(matrix)]
    return {"accuracy": accuracy, "support": rows, "confusion": matrix}


def run(root: Path, seed: int, matrix: list[list[int]], stack: tuple[str, ...] = (), **changes: Any) -> None:
    metrics = figures(0.5) | {"val/balanced_accuracy": 0.25, "val/macro_f1": 0.2}
    facts = {"classes": NAMES, "class_rows": {"train": [40, 20, 10], "select": [4, 2, 0], "val": [4, 2, 0]}}
    found = {"last": found_of(matrix), "best": found_of(matrix)}
    write_run(
        root / f"{'+'.join(stack)}{seed}", stack, seed, [metrics], **facts | {"per_class": found} | changes
    )


def compared(root: Path) -> tuple[Report, Comparison]:
    made = report(find([root]), Question())
    [one] = made.comparisons
    return made, one


@pytest.fixture
def two_seeds(tmp_path: Path) -> tuple[Report, Comparison]:
    run(tmp_path, 0, FIRST)
    run(tmp_path, 1, SECOND)
    run(tmp_path, 0, SECOND, ("dropout",))
    return compared(tmp_path)


def test_classes_are_pooled_over_seeds_by_hand(two_seeds: tuple[Report, Comparison]) -> None:
    baseline, dropout = two_seeds[1].arms
    assert baseline.per_class is not None
    cat, dog, none = baseline.per_class.accuracy
    assert cat == Spread(2, 0.5, pytest.approx(0.5 / 2**0.5))  # 3/4 and 1/4
    assert dog == Spread(2, 0.75, pytest.approx(0.5 / 2**0.5))
    assert none is None
    assert baseline.per_class.support == [4, 2, 0]
    assert baseline.per_class.confusion == [[4 / 8, 3 / 8, 1 / 8], [1 / 4, 3 / 4, 0], [None] * 3]
    assert dropout.per_class is not None
    assert dropout.per_class.accuracy == [Spread(1, 0.25, None), Spread(1, 0.5, None), None]


def test_the_json_has_names_and_figures(two_seeds: tuple[Report, Comparison]) -> None:
    [one] = json.loads(as_json(two_seeds[0]))["comparisons"]
    assert one["classes"] == NAMES
    assert one["uneven"] is True
    assert one["arms"][1]["per_class"]["confusion"][1] == [0.5, 0.5, 0.0]


def test_the_charts_say_which_class_is_taken_for_which(two_seeds: tuple[Report, Comparison]) -> None:
    one = two_seeds[1]
    matrix = on_page("confusion", one)
    assert matrix is not None
    assert [title.text for title in matrix.layout.annotations] == ["baseline", "dropout"]
    assert [list(row) for row in matrix.data[0].z] == [[50, 37.5, 12.5], [25, 75, 0], [None] * 3]
    assert matrix.data[0].hovertext[0][1] == "&lt;b&gt;cat&lt;/b&gt; taken for dog: 37.5 %"
    bars = on_page("per-class", one)
    assert bars is not None
    assert [list(row) for row in bars.data[0].z] == [[50, 75, None], [25, 50, None]]
    assert (
        bars.data[0].hovertext[1][1] == "dog, 2 rows: dropout 50.00 %, \N{MINUS SIGN}25.00 points to baseline"
    )
    assert bars.data[0].hovertext[0][2] == "2026-11-23: no val rows"
    assert [list(row) for row in bars.data[0].text] == [["50", "75", DASH], ["25", "50", DASH]]


def test_the_table_has_a_column_for_each_class(two_seeds: tuple[Report, Comparison]) -> None:
    made, one = two_seeds
    table = class_table(one, looks(made)[0])
    assert table is not None
    assert table.headings == ["<b>cat</b> (4)", "dog (2)", "2026-11-23 (0)"]
    assert [cell.text for cell in table.rows[0][2]] == ["50.00", "75.00", DASH]


def test_the_page_shows_names_as_they_are(two_seeds: tuple[Report, Comparison]) -> None:
    page = render(two_seeds[0])
    assert "<h3>Classes</h3>" in page
    assert "&lt;b&gt;cat&lt;/b&gt; (4)" in page
    assert "<b>cat</b>" not in page


def test_a_hundred_classes_are_compact(tmp_path: Path) -> None:
    count = 100
    matrix = [[3 if row == column else 0 for column in range(count)] for row in range(count)]
    names = [f"class {n}" for n in range(count)]
    run(tmp_path, 0, matrix, classes=names, class_rows={"train": [9] * count})
    one = compared(tmp_path)[1]
    figure = on_page("confusion", one)
    assert figure is not None
    assert figure.layout.height < 700
    assert list(figure.layout.xaxis.ticktext) == names[::5]
    assert len(figure.layout.xaxis.ticktext) == FEW
    assert figure.data[0].text is None
    assert one.uneven is False


def test_nothing_is_shown_of_runs_that_were_not_asked(tmp_path: Path) -> None:
    run(tmp_path, 0, FIRST, per_class=None)
    made, one = compared(tmp_path)
    assert one.arms[0].per_class is None
    assert on_page("per-class", one) is on_page("confusion", one) is class_table(one, looks(made)[0]) is None
    assert "<h3>Classes</h3>" not in render(made)


def test_older_records_have_no_names_and_count_as_before(tmp_path: Path) -> None:
    write_run(tmp_path / "old", epochs=[figures(0.5)])
    one = compared(tmp_path)[1]
    assert (one.classes, one.uneven, one.arms[0].per_class) == ([], False, None)


def test_names_come_from_whichever_run_has_them(tmp_path: Path) -> None:
    run(tmp_path, 0, FIRST, classes=None)
    assert compared(tmp_path)[1].classes == ["0", "1", "2"]
    run(tmp_path, 1, FIRST)
    assert compared(tmp_path)[1].classes == NAMES


def test_other_classes_than_the_others_are_left_out(tmp_path: Path) -> None:
    run(tmp_path, 0, FIRST)
    run(tmp_path, 0, [[1, 0], [0, 1]], ("dropout",), classes=["a", "b"])
    made, one = compared(tmp_path)
    assert [arm.per_class is None for arm in one.arms].count(True) == 1
    assert render(made)


def broken(**changes: Any) -> dict[str, Any]:
    found = found_of(FIRST) | changes
    return {"per_class": {"last": found, "best": found}}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (broken(confusion=[[3, 1, 0], [0, 2, 0]]), "zip() argument 3"),
        (
            broken(confusion=[[3, 1], [0, 2], [0, 0]]),
            "the confusion matrix must count the rows of each class",
        ),
        (broken(confusion=[[3, 1, 1], [0, 2, 0], [0, 0, 0]]), "the confusion matrix must count the rows"),
        (broken(confusion=[[5, -1, 0], [0, 2, 0], [0, 0, 0]]), "the confusion matrix must count the rows"),
        (broken(confusion=7), "'int' object is not iterable"),
        (broken(accuracy=[1.5, 1.0, None]), "a class must have an accuracy in [0, 1], null without rows"),
        (broken(accuracy=[0.5, 1.0, 0.0]), "a class must have an accuracy in [0, 1], null without rows"),
        (broken(support=[], confusion=[], accuracy=[]), "per_class must have classes"),
        ({"per_class": {"last": found_of(FIRST)}}, "'best' is missing"),
        ({"per_class": [1]}, "list indices must be"),
        ({"classes": ["a", "b"]}, "there must be a name for each class"),
        ({"classes": [1, 2, 3]}, "classes must be names"),
        ({"classes": "abc"}, "classes must be names"),
        ({"class_rows": {"train": [1.5]}}, "class_rows must be numbers of rows"),
        ({"class_rows": [3]}, "'list' object has no attribute 'get'"),
    ],
)
def test_what_is_no_such_record_is_left_out_with_its_reason(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    run(tmp_path, 0, FIRST, **changes)
    found = find([tmp_path])
    assert not found.results
    assert said in found.excluded[0].reason


def test_figures_that_count_classes_alike_are_shown_where_these_are_uneven(tmp_path: Path) -> None:
    run(tmp_path / "uneven", 0, FIRST)
    run(tmp_path / "even", 0, FIRST, class_rows={"train": [30, 20, 10]})
    headings = {}
    for name in ("uneven", "even"):
        made, one = compared(tmp_path / name)
        headings[name] = tables(one)[1].headings
        assert ("classes alike, %" in render(made)) is (name == "uneven")
    extra = [heading for heading in headings["uneven"] if heading not in headings["even"]]
    assert extra == ["val balanced accuracy (%)", "val macro F1 (%)"]


def test_a_verdict_may_be_on_the_balanced_accuracy(tmp_path: Path) -> None:
    for seed in range(2):
        run(tmp_path, seed, FIRST)
        run(tmp_path, seed, SECOND, ("dropout",))
    [one] = report(find([tmp_path]), Question("val/balanced_accuracy")).comparisons
    assert one.arms[1].differences["val/balanced_accuracy"].mean == 0
    assert "val balanced accuracy (%)" in tables(one)[0].headings


def test_weights_that_are_null_set_no_run_apart_from_older_ones(tmp_path: Path) -> None:
    run(tmp_path, 0, FIRST)
    summary = json.loads((tmp_path / "0" / "summary.json").read_text())
    shared = {}
    for weights in (None, "balanced"):
        summary["config"]["train"]["class_weights"] = weights
        (tmp_path / "0" / "summary.json").write_text(json.dumps(summary))
        shared[weights] = read_result(str(tmp_path / "0"))[0].shared
    assert "train.class_weights" not in shared[None]
    assert shared["balanced"]["train.class_weights"] == "balanced"

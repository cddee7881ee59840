"""Figures: what is drawn is what the report says, and the files are fit for a paper."""

from __future__ import annotations

import re
import struct
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib import rc_context, rcParams
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.text import Text

from regbench.analysis.report import (
    Arm,
    Comparison,
    Curve,
    Difference,
    Interaction,
    Report,
    RunNote,
    Spread,
    Verdict,
)
from regbench.reports.drawings.cost import frontier
from regbench.reports.drawings.palette import BAD, BASELINE, GOOD, looks
from regbench.reports.filenames import distinct
from regbench.reports.paper import comparison as plots
from regbench.reports.paper import style
from regbench.reports.paper.comparison import figures, write_figures
from regbench.reports.paper.style import FORMATS, STYLE, fitting
from tests.reports.drawings.shown import chart

HOSTILE = ["<script>alert(1)</script>", "$x^2$ \\frac{1}", "_hidden", "../../etc", "a\u4e2db", "W" * 200]


def arm(name: str, val: float = 0.9, word: str | None = "better", seconds: float = 2.0) -> Arm:
    """An arm of two epochs, its val accuracy rising by 0.1 to `val`; train is 0.05 above."""
    val_curve = Curve([1, 2], [val - 0.1, val], [val - 0.12, val - 0.02], [val - 0.08, val + 0.02])
    train_curve = Curve([1, 2], [val - 0.05, val + 0.05], [val - 0.05, val + 0.05], [val - 0.05, val + 0.05])
    gap_curve = Curve([1, 2], [0.05, 0.05], [0.04, 0.04], [0.06, 0.06])
    return Arm(
        name=name,
        members=[],
        seeds=[0, 1],
        paired=[0, 1],
        diverged=[],
        missing=[],
        figures={"val/accuracy": Spread(2, val, 0.01), "seconds": Spread(2, seconds, 0.1)},
        differences={}
        if word is None
        else {"val/accuracy": Difference(2, val - 0.9, 0.01, val - 0.91, val - 0.88, "t")},
        cost={"seconds": seconds / 2},
        verdict=None if word is None else Verdict(word, 0.01, 0.02, 0.01),
        curves={"train/accuracy": train_curve, "val/accuracy": val_curve, "gap/accuracy": gap_curve},
        reliability={
            "confidence": [None, 0.5, 0.9],
            "accuracy": [None, 0.4, 0.8],
            "share": [0.0, 0.25, 0.75],
        },
        test_reads=0,
        runs=[RunNote(0, "a", 2, {"val/accuracy": val})],
    )


def comparison(*others: Arm, **changes: object) -> Comparison:
    made = Comparison(
        name="digits mlp",
        differs={},
        config={},
        metric="val/accuracy",
        at="last",
        baseline="baseline",
        rows={"train": 100, "select": 30, "val": 30},
        sampling_error=0.01,
        seed_spread=0.01,
        design=None,
        arms=[arm("baseline", word=None), *others],
        interactions=[],
        environment={},
        notes=[],
    )
    return replace(made, **changes)


def report(*comparisons: Comparison) -> Report:
    return Report("0", list(comparisons), [], [], [])


def drawn(of: Comparison, name: str) -> Any:
    """A figure of one comparison; None where there is none of that name."""
    with rc_context(STYLE):
        return dict(figures(of, looks(report(of))[0])).get(name)


def lines(figure: Figure | None, panel: int = 0) -> list[list[tuple[float, float]]]:
    """The points of every line of a panel, rounded."""
    assert figure is not None
    return [
        [(round(float(x), 6), round(float(y), 6)) for x, y in zip(*line.get_data(), strict=True)]
        for line in figure.axes[panel].get_lines()
    ]


def test_train_is_dashed_and_val_solid_in_percent_over_the_epochs():
    figure = drawn(comparison(arm("dropout", 0.95)), "accuracy")
    assert lines(figure)[::2] == [
        [(1, 85), (2, 95)],
        [(1, 90), (2, 100)],
        [(1, 80), (2, 90)],
        [(1, 85), (2, 95)],
    ]
    assert [line.get_linestyle() for line in figure.axes[0].get_lines()[::2]] == ["-", "--", "-", "--"]
    assert {line.get_linestyle() for line in figure.axes[0].get_lines()[1::2]} == {"None"}, (
        "two epochs have signs"
    )


def test_a_band_reaches_from_low_to_high_and_is_left_out_where_they_are_the_mean():
    bands = drawn(comparison(arm("dropout", 0.95)), "accuracy").axes[0].collections
    assert len(bands) == 2  # val of two arms; the band of train has no width
    corners = bands[1].get_paths()[0].vertices
    assert (corners[:, 1].min(), corners[:, 1].max()) == pytest.approx((78, 92))


def test_many_arms_get_a_panel_each_beside_the_baseline():
    others = [arm(f"arm {i}", 0.9 + i / 100) for i in range(6)]
    figure = drawn(comparison(*others), "gap")
    assert len(figure.axes) == 6
    assert [axes.get_title() for axes in figure.axes] == [one.name for one in others]
    assert lines(figure, 3)[::2] == [[(1, 5), (2, 5)], [(1, 5), (2, 5)]]
    assert {axes.get_lines()[0].get_color() for axes in figure.axes} == {BASELINE}
    assert figure.axes[3].get_lines()[-1].get_color() == looks(report(comparison(*others)))[0]["arm 3"].colour


def test_differences_stand_in_points_with_their_intervals_the_best_on_top():
    of = comparison(arm("mixup", 0.95), arm("l2", 0.89, "not resolved"), arm("sam", 0.8, "worse"))
    figure = drawn(of, "differences")
    assert lines(figure)[1:] == [[(5, 3)], [(-1, 2)], [(-10, 1)]]
    axes = figure.axes[0]
    intervals = [one.get_segments()[0].round(6).tolist() for one in axes.collections]
    assert intervals == [[[4, 3], [7, 3]], [[-2, 2], [1, 2]], [[-11, 1], [-8, 1]]]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["mixup", "l2", "sam"]
    assert list(axes.get_yticks()) == [3, 2, 1]
    faces = [line.get_markerfacecolor() for line in axes.get_lines()[1:]]
    assert faces == [GOOD, "white", BAD]


def test_the_axis_says_the_unit_and_that_intervals_are_unadjusted_and_of_one_seed_shows_no_interval():
    of = comparison(arm("mixup", 0.95))
    said = drawn(of, "differences").axes[0].get_xlabel()
    assert (
        said == "difference in val accuracy to baseline\n(points; right is better)\n95 % interval, unadjusted"
    )
    single = replace(of.arms[1], differences={"val/accuracy": Difference(1, 0.05, None, None, None, "")})
    figure = drawn(replace(of, arms=[of.arms[0], single]), "differences")
    assert lines(figure)[1:] == [[(5, 1)]]
    assert not figure.axes[0].collections
    assert "interval" not in figure.axes[0].get_xlabel()


def test_a_difference_in_loss_is_in_nats_and_says_that_less_is_better():
    loss = replace(arm("mixup"), differences={"val/loss": Difference(2, -0.25, 0.1, -0.5, 0.0, "t")})
    figure = drawn(comparison(loss, metric="val/loss"), "differences")
    assert lines(figure)[1:] == [[(-0.25, 1)]]
    assert figure.axes[0].collections[0].get_segments()[0].tolist() == [[-0.5, 1], [0, 1]]
    assert figure.axes[0].get_xlabel().replace("\n", " ") == (
        "difference in val NLL to baseline (nats; left is better) 95 % interval, unadjusted"
    )


def test_the_frontier_keeps_what_no_other_beats_in_cost_and_merit():
    points = {
        "a": (1, 90),
        "b": (2, 89),
        "c": (3, 95),
        "d": (3, 94),
        "e": (0.5, 80),
        "f": (1, 90),
        "g": (4, 95),
    }
    arms = [arm(name, merit / 100, seconds=2 * cost) for name, (cost, merit) in points.items()]
    assert frontier(comparison(arms=arms)) == ["e", "a", "c"]


def test_cost_is_in_multiples_of_the_baselines_time_or_in_seconds_without_one():
    of = comparison(arm("slow", 0.95, seconds=6.0), arm("poor", 0.8, seconds=4.0))
    figure = drawn(of, "cost")
    assert lines(figure) == [[(1, 90), (3, 95)], [(2, 80)], [(3, 95)], [(1, 90)]]
    assert figure.axes[0].get_xlabel() == "time (multiples of baseline's)"
    alone = [replace(one, cost={}) for one in of.arms]
    figure = drawn(replace(of, baseline=None, arms=alone), "cost")
    assert lines(figure)[1:] == [[(4, 80)], [(6, 95)], [(2, 90)]]
    assert figure.axes[0].get_xlabel() == "time (s)"


def test_costs_far_apart_stand_on_a_logarithmic_axis_with_plain_numbers():
    figure = drawn(comparison(arm("slow", 0.95, seconds=200.0)), "cost")
    places = {label.get_text(): label.get_position()[0] for label in figure.axes[0].get_xticklabels()}
    assert (places["1"], places["10"], places["100"]) == (0, 1, 2)
    assert [line[0][0] for line in lines(figure)[1:]] == [2, 0]


def test_reliability_has_the_bins_with_rows_beside_the_diagonal():
    figure = drawn(comparison(), "reliability")
    assert lines(figure) == [[(0, 0), (100, 100)], [(50, 40), (90, 80)]]
    (dots,) = [c for c in figure.axes[0].collections if isinstance(c, PathCollection)]
    small, large = dots.get_sizes()
    assert large > small


def test_the_heat_map_has_interactions_below_the_diagonal_and_each_alone_on_it():
    def of(mean: float) -> Difference:
        return Difference(2, mean, 0.01, mean - 0.01, mean + 0.01, "t")

    pairs = [
        Interaction(("mixup", "sam"), [0, 1], of(0.02), of(0.03), of(0.05), of(0.01), of(-0.04),
                    Verdict("overlap", 0, 0, 0)),
        Interaction(("l2", "mixup"), [0, 1], of(0.01), of(0.02), of(0.03), of(0.04), of(0.01),
                    Verdict("not resolved", 1, 1, 0)),
    ]  # fmt: skip
    figure = drawn(comparison(interactions=pairs), "interactions")
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["mixup", "sam", "l2"]
    values = axes.get_images()[0].get_array().filled(np.nan)
    expected = [[np.nan, np.nan, np.nan], [-4, np.nan, np.nan], [1, np.nan, np.nan]]
    np.testing.assert_allclose(values, expected)
    shown = {text.get_position(): text.get_text().split("\n")[:2] for text in axes.texts}
    assert shown == {
        (0, 0): ["alone", "+2.00"],
        (1, 1): ["alone", "+3.00"],
        (2, 2): ["alone", "+1.00"],
        (0, 1): ["overlap", "\u22124.00"],
        (0, 2): ["not resolved", "+1.00"],
    }


def test_what_has_nothing_to_show_is_not_written(tmp_path):
    bare = replace(arm("baseline", word=None), figures={}, cost={}, curves={}, reliability=None)
    assert write_figures(report(comparison(arms=[bare]), comparison(arms=[])), tmp_path) == []
    assert write_figures(report(), tmp_path) == []
    assert list(tmp_path.iterdir()) == []
    with rc_context(STYLE):
        alone = [name for name, _ in figures(comparison(), looks(report(comparison()))[0])]
    assert alone == ["accuracy", "gap", "cost", "reliability"]


WIDTHS = {"differences": 3.3, "reliability": 6.9}  # inches


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """What two figures are written as, and whether a setting of matplotlib's has changed."""
    folder, before = tmp_path_factory.mktemp("figures"), dict(rcParams)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plots, "CHARTS", [chart(name) for name in WIDTHS])
        paths = write_figures(report(comparison(arm("dropout", 0.95))), folder)
    return paths, dict(rcParams) == before


def test_a_figure_comes_as_pdf_svg_and_png_one_or_two_columns_wide(written):
    paths, _ = written
    assert [path.name for path in paths] == [
        f"digits-mlp-{name}.{ending}" for name in WIDTHS for ending in ("pdf", "svg", "png")
    ]
    for place, inches in enumerate(WIDTHS.values()):
        pdf, svg, png = paths[3 * place : 3 * place + 3]
        box = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+) ", pdf.read_bytes())
        assert box is not None
        assert float(box[1]) == pytest.approx(72 * inches)
        assert struct.unpack(">I", png.read_bytes()[16:20])[0] == pytest.approx(300 * inches, abs=1)
        assert b"/Type3" not in pdf.read_bytes()
        assert b"CreationDate" not in pdf.read_bytes()
        root = ElementTree.parse(svg).getroot()
        assert float(root.get("width", "").removesuffix("pt")) == pytest.approx(72 * inches)
        assert "nan" not in svg.read_text().lower().replace("nancy", "")
        assert root.findall(".//{http://www.w3.org/2000/svg}text")


def test_the_same_report_gives_the_same_bytes(written, tmp_path, monkeypatch):
    monkeypatch.setattr(plots, "CHARTS", [chart("differences")])
    again = write_figures(report(comparison(arm("dropout", 0.95))), tmp_path)
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in written[0][:3]]


def test_drawing_leaves_no_setting_of_matplotlibs_changed(written):
    assert written[1]


def test_hostile_names_stay_in_the_folder_and_are_shown_as_they_are(tmp_path, monkeypatch):
    folder = tmp_path / "figures"
    evil = comparison(*(arm(name, 0.9 + i / 100) for i, name in enumerate(HOSTILE)))
    names = ["../../out", "/etc/passwd", "../../OUT", "", "a b.c"]
    monkeypatch.setattr(plots, "CHARTS", [chart("cost")])
    monkeypatch.setattr(style, "FORMATS", {"svg": FORMATS["svg"]})
    plain = comparison(arm("dropout"))
    written = write_figures(
        report(*(replace(plain if i else evil, name=name) for i, name in enumerate(names))), folder
    )
    assert [path.parent for path in written] == [folder] * 5
    assert all(re.fullmatch(r"[A-Za-z0-9_-]+-cost\.svg", path.name) for path in written)
    assert sorted(tmp_path.rglob("*")) == sorted([folder, *written])
    root = ElementTree.parse(written[0]).getroot()
    shown = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {*HOSTILE[:4], "a\\u4e2db"} <= set(shown)
    assert not [node for node in root.iter() if node.tag.endswith("script")]


@pytest.mark.parametrize(
    ("figure", "names"), [("accuracy", HOSTILE), ("differences", HOSTILE), ("reliability", HOSTILE[1:2])]
)
def test_a_name_is_no_formula_beside_an_axis_either(figure, names):
    made = drawn(comparison(*map(arm, names)), figure)
    with rc_context(STYLE):
        made.draw_without_rendering()  # a warning would fail here: of a glyph, of a layout that finds no room
    labels = [text for axes in made.axes for text in (axes.title, *axes.get_yticklabels())]
    assert "$x^2$ \\frac{1}" in [label.get_text().replace("\n", " ") for label in labels]
    assert not any(label.get_parse_math() for label in labels)


def test_long_names_that_agree_at_both_ends_get_labels_of_their_own():
    labels = fitting(["a" * 50 + "b" + "a" * 50, "a" * 50 + "c" + "a" * 50, "short"])
    assert len(set(labels)) == 3
    assert max(map(len, labels)) <= 40
    assert labels[2] == "short"


def _in_view(axes: Axes) -> list[Text]:
    """The labels of the ticks that are drawn."""
    low, high = sorted(axes.get_ylim())
    return [label for label in axes.get_yticklabels() if low <= label.get_position()[1] <= high]


def test_labels_beside_each_other_do_not_overlap_with_ten_arms():
    others = [arm(f"label_smoothing+technique{i}", 0.9 + i / 500) for i in range(10)]
    for name in ("accuracy", "differences", "cost"):
        with rc_context(STYLE):
            figure = drawn(comparison(*others), name)
            figure.draw_without_rendering()
        shown = [axes.title for axes in figure.axes] + [legend for legend in figure.legends]
        shown += [text for axes in figure.axes for text in (axes.xaxis.label, *_in_view(axes))]
        boxes = [text.get_window_extent() for text in shown]
        boxes = [box for box in boxes if box.width > 1]
        for i, box in enumerate(boxes):
            assert box.x0 >= -1
            assert box.x1 <= figure.bbox.x1 + 1
            assert not any(box.overlaps(other) for other in boxes[:i]), name


@pytest.mark.long
def test_of_many_arms_there_are_several_figures_none_larger_than_a_page():
    names = [f"arm{place:02}" for place in range(35)]
    many = comparison(*(arm(name) for name in names))
    with rc_context(STYLE):
        made = dict(figures(many, looks(report(many))[0]))
    assert [name for name in made if name.startswith("differences")] == ["differences-1", "differences-2"]
    labels = [
        tick.get_text()
        for name in ("differences-1", "differences-2")
        for tick in made[name].axes[0].get_yticklabels()
    ]
    assert labels == names
    assert {name.rpartition("-")[0] or name for name in made} == {
        "accuracy", "gap", "differences", "cost", "reliability", "overall",
    }  # fmt: skip
    heights = {name: float(figure.get_size_inches()[1]) for name, figure in made.items()}
    assert max(heights.values()) < 11, heights


def test_file_names_differ_even_where_case_does_not_count():
    assert distinct(["a", "A", "a-2", "", "..", "x" * 100]) == [
        "a",
        "A-2",
        "a-2-2",
        "unnamed",
        "unnamed-2",
        "x" * 80,
    ]

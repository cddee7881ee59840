"""Figures of a search for a paper."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib import rc_context

from regbench.reports.drawings.search_parallel import parallel
from regbench.reports.drawings.search_slices import slices
from regbench.reports.paper.drawing import figures_of
from regbench.reports.paper.search import figures
from regbench.reports.paper.style import COLUMN, PAGE, STYLE
from tests.reports.searches import begun, search, weighed


def test_every_chart_is_a_file_of_each_format(tmp_path: Path) -> None:
    paths = figures(search(), weighed(), tmp_path / "one")
    names = [path.name for path in paths]
    assert names[:3] == ["search-promised.pdf", "search-promised.svg", "search-promised.png"]
    assert "search-parallel-dropout-mixup-l2.pdf" in names
    assert len(names) == len(set(names)) == 3 * 9
    assert all(path.stat().st_size > 1000 for path in paths)
    assert figures(begun(), {}, tmp_path / "three") == []


@pytest.mark.long
def test_the_same_search_gives_the_same_bytes(tmp_path: Path) -> None:
    paths, again = (figures(search(), weighed(), tmp_path / name) for name in ("one", "two"))
    assert [path.read_bytes() for path in paths] == [path.read_bytes() for path in again]


def test_slices_are_one_figure_and_many_axes_take_the_page() -> None:
    report = search()
    with rc_context(STYLE):
        few, many = (parallel(arm, report) for arm in report.arms)
        assert few is not None
        assert many is not None
        [(_, narrow)], [(_, wide)] = list(figures_of(few)), list(figures_of(many))
        gathered = slices(report.arms[1], report)
        assert gathered is not None
        [(_, grid)] = figures_of(gathered)
    assert (narrow.get_figwidth(), wide.get_figwidth()) == (COLUMN, PAGE)
    assert [text.get_rotation() for text in wide.axes[0].get_xticklabels()] == [90.0] * 8
    assert [axes.get_title() for axes in grid.axes][:2] == ["train.lr", "train.batch_size"]
    ticks = [text.get_text() for text in grid.axes[2].get_xticklabels()]
    assert ticks == ["out", "in"], "each panel has an axis of its own"
    assert not wide.axes[0].yaxis.get_visible()

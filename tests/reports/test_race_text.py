"""The board of a race."""

from __future__ import annotations

import pytest

from regbench.analysis.racing import Place
from regbench.records.metrics import NUMBERS, Terms
from regbench.reports.race_text import board


@pytest.mark.parametrize(
    ("metric", "terms", "heading"),
    [
        ("val/accuracy", Terms(), "difference (points)"),
        ("val/rmse", Terms(NUMBERS, "EUR"), "difference (EUR)"),
        ("val/r2", Terms(NUMBERS, "EUR"), "difference"),
    ],
)
def test_differences_are_in_the_unit_of_what_is_predicted(metric: str, terms: Terms, heading: str) -> None:
    table = board([Place("baseline", 6, None, is_baseline=True)], metric, "6 jobs", terms)
    assert table.headings[2] == heading

"""A report of comparisons in a terminal: tables, and a sentence on each technique."""

from __future__ import annotations

from regbench.analysis.report import Comparison, Report
from regbench.reports.tables import WHOLE, tables
from regbench.reports.wording import left_out, said, sentence
from regbench.terminal.screen import Screen, print_lines, print_table


def show(console: Screen, found: Report) -> None:
    """Print each comparison: the verdicts, what they rest on, and what was left out."""
    for one in found.comparisons:
        _show(console, one)
    print_lines(console, left_out(found.excluded, found.duplicates, found.complaints), "dim")


def _show(console: Screen, comparison: Comparison) -> None:
    for table in tables(comparison):
        print_table(console, table, whole=[WHOLE])
        console.print()
    styles = {"better": "green", "worse": "red"}
    words = {sentence(arm, comparison): arm.verdict.word for arm in comparison.arms if arm.verdict}
    for line in said(comparison):
        print_lines(console, [line], styles.get(words.get(line, ""), ""))
    console.print()

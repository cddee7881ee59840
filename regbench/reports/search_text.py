"""A search in a terminal: how it ended, what to type next, then all that this rests on."""

from __future__ import annotations

from collections.abc import Mapping

from regbench.analysis.search_findings import Importance
from regbench.analysis.searching import Outcome, SearchReport
from regbench.reports.search_tables import (
    arm_table,
    contrast_table,
    expected_table,
    finalist_table,
    importance_table,
    parameter_table,
    stage_table,
    without_importance,
)
from regbench.reports.search_wording import CURSE, commands, confirmed, outcome, setup
from regbench.terminal.columns import Table
from regbench.terminal.screen import Screen, print_command, print_lines, print_table

STYLES = {Outcome.OPEN: "bold", Outcome.SURVIVES: "bold green", Outcome.NOTHING: "bold yellow"}


def show(console: Screen, report: SearchReport, importance: Mapping[str, Importance]) -> None:
    """Print a search: the outcome first.

    Args:
        console: where.
        report: what was found.
        importance: of the parameters of each arm, by its name.
    """
    print_lines(console, outcome(report), STYLES[report.outcome])
    print_lines(console, confirmed(report))
    console.print()
    _show(console, stage_table(report), [CURSE])
    _show_commands(console, report)
    print_lines(console, setup(report))
    console.print()
    _show(console, arm_table(report))
    _show(console, expected_table(report))
    _show(console, finalist_table(report))
    for arm in report.arms:
        _show(console, parameter_table(arm))
        _show(console, importance_table(arm, importance.get(arm.name)))
        _show(console, contrast_table(arm, report))
    print_lines(console, without_importance(report, importance), "dim")
    print_lines(console, [f"Optuna's own record: {report.storage}"], "dim")


def _show(console: Screen, table: Table | None, below: list[str] | None = None) -> None:
    if table is None:
        return
    print_table(console, table)
    print_lines(console, below or [], "dim")
    console.print()


def _show_commands(console: Screen, report: SearchReport) -> None:
    for what, line in commands(report):
        print_lines(console, [f"{what}:"])
        print_command(console, line)
    console.print()

"""The trials of an arm as a table of the page, which sorts."""

from __future__ import annotations

from regbench.analysis.search_findings import SWITCH, last_score, terms_of, typed
from regbench.analysis.searching import Arm, SearchReport, Trial, TrialState
from regbench.analysis.words import factor, number
from regbench.reports.drawings.search_parallel import grades
from regbench.reports.page.paging import NO_COLOUR
from regbench.reports.page.style import after_comma
from regbench.reports.page.tables import Cell, SortableTable


def trial_table(arm: Arm, report: SearchReport) -> SortableTable:
    """A row for each trial, the best first, then those that were pruned, then all others."""
    colours = {trial.number: colour for _, colour, trials in grades(arm, report) for trial in trials}
    terms = terms_of(report)
    headings = [
        "trial",
        "state",
        f"{terms.title(report.objective)}{after_comma(terms.unit_of(report.objective))}",
        "epochs",
        "seconds",
        "values",
        "why not complete",
    ]
    order = list(TrialState)
    order.remove(TrialState.OPEN)

    def rank(trial: Trial) -> tuple[int, float]:
        score = last_score(trial)
        place = order.index(trial.state) if trial.state in order else len(order)
        return place, float("inf") if score is None else score if report.smaller else -score

    rows = [
        ("+".join(trial.members) or "baseline", colours.get(trial.number, NO_COLOUR), _cells(trial, report))
        for trial in sorted(arm.trials, key=rank)
    ]
    return SortableTable([("", len(headings))], headings, rows)


def _cells(trial: Trial, report: SearchReport) -> list[Cell]:
    score, metric = last_score(trial), report.objective
    values = [f"{key}={typed(value)}" for key, value in trial.values.items() if not key.startswith(SWITCH)]
    aside = f"at epoch {max(trial.steps)}" if trial.state == TrialState.PRUNED and score is not None else ""
    return [
        Cell(str(trial.number), sort=float(trial.number)),
        Cell(str(trial.state), kind="text"),
        Cell(number(metric, score), aside, None if score is None else score * factor(metric)),
        Cell(str(trial.epochs), sort=float(trial.epochs)),
        Cell(f"{trial.seconds:.0f}", sort=trial.seconds),
        Cell(", ".join(values), kind="text"),
        Cell(trial.reason, kind="text"),
    ]

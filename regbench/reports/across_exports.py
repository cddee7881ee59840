"""What holds over several conditions as JSON, CSV, Markdown and LaTeX."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from regbench.analysis.across_report import Across, Technique
from regbench.analysis.report import Difference, Report, Verdict
from regbench.records.metrics import without_classes
from regbench.reports.across_text import said, tables
from regbench.reports.exports import inert
from regbench.reports.tables import in_latex, in_markdown, latex, markdown
from regbench.reports.wording import left_out

OVER = "all"  # stands for the condition in a row on all of them
FIGURES = ["difference", "low", "high", "method", "n", "verdict", "reason", "p", "p_adjusted"]
LAST = ["diverged", "missing", "rank", "iqm", "iqm_low", "iqm_high"]


def as_json(told: Report, found: Across) -> str:
    """The whole report, and what holds over its comparisons; `docs/compare.md` lists the keys."""
    whole = asdict(told) | {"across": asdict(found)}
    for one, technique in zip(whole["across"]["techniques"], found.techniques, strict=True):
        one["middle"] = technique.middle and technique.middle._asdict()
    return json.dumps(without_classes(whole), indent=1, allow_nan=False, default=str) + "\n"


def as_csv(told: Report, found: Across) -> str:
    """A row for each technique in each condition, and one for it over all; plain units."""
    text = io.StringIO()
    headings = ["stack", "condition", *map(inert, found.keys), "baseline", "metric", "at", *FIGURES, *LAST]
    writer = csv.DictWriter(text, headings, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(row for one in found.techniques for row in _rows(one, found))
    return text.getvalue()


def _rows(one: Technique, found: Across) -> Iterator[dict[str, Any]]:
    head = {"stack": inert(one.name), "baseline": inert(found.baseline)}
    head |= {"metric": found.metric, "at": found.at}
    for place, (cell, condition) in enumerate(zip(one.cells, found.conditions, strict=True)):
        row: dict[str, Any] = {inert(key): inert(value) for key, value in condition.values.items()}
        row |= {**head, "condition": inert(condition.name), **_figures(cell.difference, cell.verdict)}
        row |= {"diverged": len(cell.diverged), "missing": cell.missing}
        if found.ranking and one.name in found.ranking.ranks:
            row["rank"] = found.ranking.by_condition[place][list(found.ranking.ranks).index(one.name)]
        yield row
    row = {**head, "condition": OVER, **_figures(one.mean, one.verdict)}
    if one.rank is not None:
        row["rank"] = one.rank
    if one.middle:
        ends = {"iqm": one.middle.mean, "iqm_low": one.middle.low, "iqm_high": one.middle.high}
        row |= {name: value for name, value in ends.items() if value is not None}
    yield row


def _figures(known: Difference | None, verdict: Verdict | None) -> dict[str, Any]:
    """Of a difference and its verdict what there is."""
    if known is None:
        return {}
    row: dict[str, Any] = {"difference": known.mean, "low": known.low, "high": known.high}
    row |= {"method": known.method, "n": known.n}
    if verdict:
        row |= {"verdict": verdict.word, "reason": inert(verdict.reason)}
        row |= {"p": verdict.p, "p_adjusted": verdict.p_adjusted}
    return {name: value for name, value in row.items() if value is not None}


def as_markdown(told: Report, found: Across) -> str:
    """Sentences, tables, and what was left out, for a README or an issue."""
    parts = [f"## {in_markdown(', '.join(found.keys))}", ""]
    parts += [f"- {in_markdown(line)}" for line in said(found)]
    parts += ["", *map(markdown, tables(found))]
    parts += [f"- {in_markdown(line)}" for line in left_out(told.excluded, told.duplicates, told.complaints)]
    return "\n".join(parts).rstrip("\n") + "\n"


def as_latex(told: Report, found: Across) -> str:
    r"""The tables, for \usepackage{booktabs}, each below a comment that says what it is."""
    parts = []
    for table in tables(found):
        parts += [f"% {in_latex(table.caption)}", latex(table)]
    parts += [f"% {in_latex(line)}" for line in said(found)]
    return "\n".join(parts).rstrip("\n") + "\n"

"""A report as JSON, CSV, Markdown and LaTeX."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict
from typing import Any

from regbench.analysis.report import Arm, Comparison, Report
from regbench.records.metrics import without_classes
from regbench.reports.tables import in_latex, in_markdown, latex, markdown, tables
from regbench.reports.wording import left_out, said

FIRST = ["comparison", "arm", "baseline", "metric", "at", "seeds", "pairs", "diverged", "missing"]
VERDICT = ["verdict", "reason", "p", "p_adjusted", "resolvable"]
LAST = ["test_reads", "test", "margin"]


def as_json(report: Report) -> str:
    """The whole report; `docs/compare.md` lists its keys."""
    return json.dumps(without_classes(asdict(report)), indent=1, allow_nan=False, default=str) + "\n"


def as_csv(report: Report) -> str:
    """One row for each arm; columns in plain units, empty where there is no value."""
    figures = sorted({name for one in report.comparisons for arm in one.arms for name in arm.figures})
    costs = sorted({name for one in report.comparisons for arm in one.arms for name in arm.cost})
    headings = [*FIRST, *VERDICT]
    for name in figures:
        headings += [f"{name}.{part}" for part in ("mean", "sd", "difference", "low", "high")]
    headings += [f"relative.{name}" for name in costs] + LAST
    text = io.StringIO()
    writer = csv.DictWriter(text, headings, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(_row(one, arm) for one in report.comparisons for arm in one.arms)
    return text.getvalue()


def _row(comparison: Comparison, arm: Arm) -> dict[str, Any]:
    row: dict[str, Any] = {
        "comparison": inert(comparison.name),
        "arm": inert(arm.name),
        "baseline": inert(comparison.baseline or ""),
        "metric": comparison.metric,
        "at": comparison.at,
        "seeds": len(arm.seeds),
        "pairs": len(arm.paired),
        "diverged": len(arm.diverged),
        "missing": len(arm.missing),
        "test_reads": arm.test_reads,
    }
    if comparison.judge:
        row |= {"test": comparison.judge.test, "margin": _plain(comparison.judge.margin)}
    if arm.verdict:
        row |= {"verdict": arm.verdict.word, "reason": inert(arm.verdict.reason)}
        row |= {name: _plain(getattr(arm.verdict, name)) for name in ("p", "p_adjusted", "resolvable")}
    for name, spread in arm.figures.items():
        row |= {f"{name}.mean": spread.mean, f"{name}.sd": _plain(spread.sd)}
    for name, known in arm.differences.items():
        row |= {f"{name}.difference": known.mean}
        row |= {f"{name}.low": _plain(known.low), f"{name}.high": _plain(known.high)}
    return row | {f"relative.{name}": value for name, value in arm.cost.items()}


def _plain(value: float | None) -> float | str:
    return "" if value is None else value


def inert(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def as_markdown(report: Report) -> str:
    """Verdicts in words, tables, and what was left out, for a README or an issue."""
    parts = []
    for one in report.comparisons:
        parts += [f"## {in_markdown(one.name)}", ""]
        parts += [f"- {in_markdown(line)}" for line in said(one)]
        parts += ["", *map(markdown, tables(one))]
    besides = left_out(report.excluded, report.duplicates, report.complaints)
    parts += [f"- {in_markdown(line)}" for line in besides]
    return "\n".join(parts).rstrip("\n") + "\n"


def as_latex(report: Report) -> str:
    r"""The tables, for \usepackage{booktabs}, each below a comment that says what it is."""
    parts = []
    for one in report.comparisons:
        for table in tables(one):
            parts += [f"% {in_latex(one.name)}: {in_latex(table.caption)}", latex(table)]
        parts += [f"% {in_latex(line)}" for line in said(one)]
    return "\n".join(parts).rstrip("\n") + "\n"

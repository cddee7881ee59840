"""A report as one HTML page that needs nothing but itself."""

from __future__ import annotations

import base64
import hashlib
import pkgutil
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from regbench.analysis.cohorts import shown
from regbench.analysis.report import Comparison, Report
from regbench.analysis.splits import is_over
from regbench.analysis.verdicts import NO_MATTER
from regbench.folders.outputs import write_output
from regbench.records.reader import printable
from regbench.reports.drawings.cost import frontier
from regbench.reports.drawings.palette import Looks, looks
from regbench.reports.page.charts import charts_of
from regbench.reports.page.classes import class_table
from regbench.reports.page.paging import DRAWN, Paged, listed, parts
from regbench.reports.page.tables import SIGNS, changes, overview
from regbench.reports.portions import AT_ONCE
from regbench.reports.wording import (
    UNADJUSTED,
    about_pairs,
    judged,
    measured,
    measured_on,
    sensitivity,
    typeset,
)

SNAPSHOTS = {
    "last": "the last epoch's weights, or those that a member itself keeps",
    "best": "the weights that did best on the select rows",
}


TERMS = (
    "An arm is one stack of regularizers with all of its seeds. Of the rows, train is what is learned from; "
    "select stops runs and picks epochs; val judges and chooses nothing; test stays sealed, that is, it is "
    "read only where that is asked for, and every reading is counted."
)


def write_page(report: Report, path: Path) -> None:
    """Write the page of a report, whole or not at all; the same report gives the same bytes.

    Args:
        report: what a comparison has found.
        path: of the file, replaced if it is there; about 5 MB, for plotly's library is in it.

    Raises:
        OSError: the file cannot be written.
    """
    write_output(path, render(report).encode(errors="backslashreplace"))


def render(report: Report) -> str:
    """The page as text. All that came from a configuration or a file name is escaped."""
    sections = [
        _section(place, comparison, of_arms)
        for place, (comparison, of_arms) in enumerate(zip(report.comparisons, looks(report), strict=True), 1)
    ]
    return document(
        "page.html",
        any(any(chart.figures) for section in sections for row in section["charts"] for chart in row),
        report=report,
        terms=TERMS,
        sections=sections,
        keys=list(dict.fromkeys(key for one in report.comparisons for key in one.differs)),
        left_out=[
            (heading, found, listed([(one.folder, one.reason) for one in found], ("folder", "why")))
            for heading, found in (
                ("Left out", report.excluded),
                ("Duplicates, of which a newer run counts", report.duplicates),
                ("Complaints on runs that count", report.complaints),
            )
        ],
        at_once=AT_ONCE,
        drawn=DRAWN,
    )


def document(template: str, charts: bool, **values: Any) -> str:
    """A template of this folder that extends `frame.html`, filled with values, every one of them escaped.

    The page may run no script but its own and load nothing: its policy says so to the browser.

    Args:
        template: the name of its file.
        charts: whether there are any, `embedded`; only then plotly's library is put in.
        values: what the template shows.
    """
    scripts = [_inline(_library()), _inline(_own("page.js"))] if charts else [_inline(_own("page.js"))]
    allowed = " ".join(_digest(script) for script in scripts)
    filled = _environment().get_template(template)
    return filled.render(
        values,
        style=_inline(_own("page.css")),
        scripts=scripts,
        policy=f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:",
    )


@cache
def _environment() -> Environment:
    """Templates, each compiled once."""
    environment = Environment(
        loader=FunctionLoader(_own),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"shown": shown, "breakable": breakable, "sentence": _sentence}
    return environment


def breakable(name: str) -> Markup:
    """A name that may go on in a new line after each plus and each comma."""
    return Markup("<wbr>").join(re.findall(r"[^+,]*[+,]|[^+,]+", name))


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _own(name: str) -> str:
    return (pkgutil.get_data("regbench.reports.page", name) or b"").decode()


def _library() -> str:
    return (pkgutil.get_data("plotly", "package_data/plotly.min.js") or b"").decode()


def _inline(text: str) -> Markup:
    """A script or style of ours or plotly's as it stands between its tags."""
    return Markup(text.replace("</script", "<\\/script"))


def _digest(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


@dataclass(frozen=True)
class Said:
    """What is to be said of one technique, in parts; `word` is its verdict's."""

    name: str
    word: str
    judged: str
    measured: str

    @property
    def sign(self) -> str:
        """A sign for the verdict, beside its colour."""
        return SIGNS.get(self.word, "")


def verdicts(comparison: Comparison) -> list[Said]:
    """One for each arm that is compared: the better first, then the worse, then what is not resolved."""
    found = [
        Said(
            arm.name,
            verdict.word,
            judged(verdict),
            typeset(measured(comparison.metric, arm, verdict, comparison.terms)),
        )
        for arm in comparison.arms
        if (verdict := arm.verdict)
    ]
    return sorted(found, key=lambda said: list(SIGNS).index(said.word) if said.word in SIGNS else len(SIGNS))


def _section(place: int, comparison: Comparison, of_arms: Looks) -> dict[str, Any]:
    """All that the template shows of one comparison."""
    arms = comparison.arms
    words = [arm.verdict.word for arm in arms if arm.verdict]
    said = verdicts(comparison)
    runs = [(arm.name, run) for arm in arms for run in arm.runs]
    return {
        "id": f"comparison-{place}",
        "comparison": comparison,
        "verdicts": said,
        "counts": {word: words.count(word) for word in _words(comparison)},
        "others": _counted([one.word for one in said[AT_ONCE:]]),
        "intro": _intro(comparison),
        "sensitivity": [
            typeset(line)
            for line in sensitivity(comparison)
            if not (
                comparison.design and not comparison.design.resolves and line == comparison.design.sentence
            )
        ],
        "snapshot": SNAPSHOTS.get(comparison.at, comparison.at),
        "unadjusted": UNADJUSTED,
        "overview": [Paged(table) for table in overview(comparison, of_arms)],
        "changes": [Paged(table) for table in changes(comparison, of_arms)],
        "classes": Paged(classes) if (classes := class_table(comparison, of_arms)) else None,
        "parts": [part.name for part in parts(comparison)],
        "charts": charts_of(comparison, of_arms),
        "frontier": frontier(comparison),
        "pairs": [
            typeset(line)
            for line in about_pairs(
                comparison.metric,
                comparison.interactions,
                comparison.interactions_design,
                comparison.terms,
            )
        ],
        "metric": comparison.terms.title(comparison.metric),
        "reads": _reads(comparison),
        "members": [(arm.name, [_member(one) for one in arm.members]) for arm in arms],
        "runs": runs,
        "run_table": listed(
            [(name, str(run.seed), run.folder) for name, run in runs], ("arm", "seed", "folder")
        ),
        "unequal": any(len(values) > 1 for values in comparison.environment.values()),
    }


def _words(comparison: Comparison) -> list[str]:
    """The verdicts that there can be."""
    margin = comparison.judge is not None and comparison.judge.margin is not None
    return [word for word in SIGNS if margin or word != NO_MATTER]


def _counted(words: Sequence[str]) -> str:
    """How many of each verdict, such as `3 worse, 20 not resolved`."""
    return ", ".join(f"{words.count(word)} {word}" for word in SIGNS if word in words)


def _reads(comparison: Comparison) -> str:
    """How often the test split was read by the runs that count; the notes tell of the others."""
    reads = {arm.name: arm.test_reads for arm in comparison.arms}
    times = sorted(set(reads.values()))
    if times in ([], [0]):
        return "No run that counts here has read the test split."
    if len(times) == 1:
        return f"Of the runs that count here, one of each arm has read the test split {_times(times[0])}."
    by = [f"{_times(count)} by one of {name}" for name, count in reads.items() if count]
    none = ", and by none of another arm" if 0 in times else ""
    return f"Of the runs that count here, the test split was read {', '.join(by)}{none}."


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _intro(comparison: Comparison) -> str:
    """What the verdicts are on, against what, from how many seeds."""
    if comparison.baseline is None:
        return "There is no baseline among these runs, so nothing is called better or worse."
    counts = sorted(len(arm.paired) for arm in comparison.arms if arm.verdict)
    if not counts:
        return f"There is nothing here but {comparison.baseline}, and nothing to compare with it."
    seeds = f"{counts[0]} to {counts[-1]}" if counts[0] < counts[-1] else str(counts[0])
    where = measured_on(comparison.metric, is_over(comparison.config))
    plural, metric = "" if counts[-1] == 1 else "s", comparison.metric
    return (
        f"On {where}, by {comparison.terms.title(metric)}, against {comparison.baseline}, "
        f"paired by {seeds} seed{plural}:"
    )


def _member(member: Mapping[str, Any]) -> str:
    values = ", ".join(f"{printable(name)}={shown(value)}" for name, value in member["values"].items())
    return f"{printable(member['name'])}({values})"

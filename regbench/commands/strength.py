"""regbench strength: the response to one value of one member, and where the best lies."""

from __future__ import annotations

import argparse
import copy
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from regbench.analysis.cohorts import Cohort
from regbench.analysis.question import Question
from regbench.analysis.response import Response, Swept, response, value_at
from regbench.composition.compose import keys_of
from regbench.composition.composed import Composed
from regbench.errors import ConfigError
from regbench.reports.drawings.sketch import sketch
from regbench.reports.response_text import LINES, PLAIN, pages
from regbench.studies.study import (
    Condition,
    Findings,
    Off,
    Output,
    Page,
    Study,
    carry_out,
    composed,
    conditions,
    options,
    varied,
)
from regbench.terminal.arguments import path
from regbench.terminal.imports import kept

COMMAND = "strength"
NEVER = Off(None, False)
EXAMPLE = "reg.dropout.p=0,0.1,0.2,0.5"
EPILOG = """
OVERRIDES are those of `regbench train -m`, with one value of one member swept:
  regbench strength reg=dropout reg.dropout.p=0,0.1,0.2,0.35,0.5,0.65 seed=range(10)
Whatever else is swept but the seed gives a curve for each. The member at its off value is the baseline;
it is added where it is not in the list. `regbench docs ablate` says what each line of the report means.
"""


def main(argv: list[str]) -> int:
    """Run the sweep of one value; return the exit status.

    Raises:
        ConfigError: the line is wrong, or a job cannot be run; none has been.
    """
    parser = options(COMMAND, "Run one member at several strengths, and say where the best lies.", EPILOG)
    parser.add_argument(
        "--html", metavar="FILE", type=path, help="one page with the curves, needing nothing else"
    )
    parser.add_argument("--figures", metavar="DIR", type=path, help="the curves as PDF, SVG and PNG")
    asked, words = parser.parse_known_args(argv)
    line, jobs = composed(COMMAND, words)
    key = _swept_key(jobs)
    for one in jobs:
        _number(one, key)

    def report(
        condition: Condition, cohort: Cohort, question: Question
    ) -> tuple[Response, Callable[[bool], list[Page]]]:
        value, by_law = condition.off or NEVER
        values = [_number(one, key) for one in condition.jobs]
        known = None if value is None else float(value)
        swept = Swept(key, [*values, *([known] if by_law and known is not None else [])], known, by_law)
        found = response(cohort, swept, question, condition.name)
        return found, lambda terminal: pages(found, LINES if terminal else PLAIN)

    made = []
    for condition in conditions(jobs, lambda job: _without(job.config, key)):
        off = _off(condition.jobs[0], key)
        lines = (words for job in condition.jobs for words in _lines(job, key, off))
        made.append(condition.needing(lines, off))
        _say_baseline(made[-1], key, off)
    return carry_out(Study(COMMAND, made, report, _outputs(asked)), line, asked)


def _outputs(asked: argparse.Namespace) -> list[Output]:
    """The drawings that are asked for."""
    made = []
    if asked.html is not None:
        made.append(Output("--html", asked.html, False, _page))
    if asked.figures is not None:
        made.append(Output("--figures", asked.figures, True, _figures))
    return made


def _page(found: Findings, where: Path) -> None:
    # Not at the top: plotly, and matplotlib below, take most of a second.
    from regbench.reports.page.response import write_page

    write_page([sketch(curve, cohort) for curve, cohort in found], where)


def _figures(found: Findings, where: Path) -> None:
    from regbench.reports.paper.response import write_figures

    write_figures([sketch(curve, cohort) for curve, cohort in found], where)


def _swept_key(jobs: list[Composed]) -> str:
    """The one value of a member that is swept."""
    keys = [key for key in varied(jobs) if key.startswith("reg.")]
    if len(keys) != 1:
        got = " and ".join(keys) or "none"
        raise ConfigError(f"strength: must sweep one value of one member, such as {EXAMPLE}, got {got}")
    return keys[0]


def _number(one: Composed, key: str) -> float:
    value = value_at(one.config, key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f"{key}: must be a number to have a response curve, got {value!r}")
    return float(value)


def _lines(one: Composed, key: str, off: Off) -> list[list[str]]:
    """The overrides of a job of the line, and of the baseline beside it."""
    if off.by_law:
        return [one.overrides, _with(one, key, off.value)]
    return [one.overrides, [*one.overrides, f"~{key.rpartition('.')[0]}"]]


def _off(one: Composed, key: str) -> Off:
    """When the member of a key does nothing."""
    # Not at the top: torch takes seconds, and a wrong line is answered at once.
    with kept():
        from regbench.assembly.stack import build_stack
        from regbench.regularizers.base import Regularizer, Stack

    member: Regularizer = build_stack(one.config["reg"])
    *above, name = key.split(".")[1:]
    for part in above:
        member = member.members[part] if isinstance(member, Stack) else member
    if member.off.get(name) is None:  # or null, which lies nowhere on the curve
        return NEVER
    others = (getattr(member, other) == value for other, value in member.off.items() if other != name)
    return Off(member.off[name], all(others))


def _with(one: Composed, key: str, value: Any) -> list[str]:
    """A job's overrides with another value of the key."""
    words = zip(one.overrides, keys_of(one.overrides), strict=True)
    return [f"{key}={json.dumps(value)}" if found == key else word for word, found in words]


def _without(config: Mapping[str, Any], key: str) -> dict[str, Any]:
    """A configuration without a key."""
    kept = copy.deepcopy(dict(config))
    *above, name = key.split(".")
    node = kept
    for part in above:
        node = node[part]
    del node[name]
    return kept


def _say_baseline(condition: Condition, key: str, off: Off) -> None:
    """Say what is run beside the values of the line."""
    member = key.rpartition(".")[0]
    if not off.by_law:
        print(f"{condition.name}: {member} is not off at any {key}, so the baseline is the stack without it")
    elif float(off.value) not in [_number(one, key) for one in condition.jobs]:
        print(f"{condition.name}: {key}={off.value:g} is added: there {member} is off, which is the baseline")

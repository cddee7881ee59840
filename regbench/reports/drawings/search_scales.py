"""The parameters of an arm as axes, and a trial in words."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from regbench.analysis.search_findings import SWITCH, last_score, terms_of, typed
from regbench.analysis.searching import Arm, Parameter, SearchReport, Trial, TrialState
from regbench.analysis.words import number
from regbench.reports.drawings.marks import Ticks
from regbench.reports.wording import typeset

NOT_THERE = "not in"  # of the value of a member that is out


@dataclass(frozen=True)
class Scale:
    """A parameter as an axis.

    Attributes:
        key: of the parameter.
        place: of a trial; None where it does not have the value.
        low, high: the ends.
        ticks: named places.
        choices: whether it has names alone, each place of which many trials share.
    """

    key: str
    place: Callable[[Trial], float | None]
    low: float
    high: float
    ticks: Ticks
    choices: bool


def scales(arm: Arm) -> list[Scale]:
    """An axis for each parameter that any trial has."""
    there = [one for one in arm.parameters if any(_has(one, trial) for trial in arm.trials)]
    return [_scale(one, arm.trials) for one in there]


def _has(parameter: Parameter, trial: Trial) -> bool:
    return parameter.key in trial.values


def _scale(parameter: Parameter, trials: Sequence[Trial]) -> Scale:
    key = parameter.key
    if key.startswith(SWITCH):
        name = key.removeprefix(SWITCH)
        return Scale(
            key,
            lambda trial: float(name in trial.members) if key in trial.values else None,
            0.0,
            1.0,
            [(0.0, "out"), (1.0, "in")],
            True,
        )
    values = [trial.values[key] for trial in trials if key in trial.values]
    numbers = [one for one in values if isinstance(one, int | float) and not isinstance(one, bool)]
    if parameter.low is None or parameter.high is None or len(numbers) < len(values):
        names = list(dict.fromkeys([*parameter.choices, *map(typed, values)]))
        at = {name: float(place) for place, name in enumerate(names)}
        return Scale(
            key,
            lambda trial: at[typed(trial.values[key])] if key in trial.values else None,
            0.0,
            max(1.0, len(names) - 1.0),
            [(place, name) for name, place in at.items()],
            True,
        )
    low, high = min(parameter.low, *numbers), max(parameter.high, *numbers)
    log = parameter.log and low > 0
    on = math.log10 if log else float
    return Scale(
        key,
        lambda trial: on(trial.values[key]) if key in trial.values else None,
        on(low),
        on(high),
        _log_ticks(low, high) if log else _ends(low, high),
        False,
    )


def _ends(low: float, high: float) -> list[tuple[float, str]]:
    return [(low, f"{low:.3g}"), (high, f"{high:.3g}"), ((low + high) / 2, f"{(low + high) / 2:.3g}")]


def _log_ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Both ends first, then the powers of ten between them."""
    powers = range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)
    inner = [10.0**power for power in powers if low * 1.5 < 10.0**power < high / 1.5]
    return [(math.log10(value), f"{value:.3g}") for value in (low, high, *inner)]


def describe(trial: Trial, report: SearchReport, key: str) -> str:
    """A trial under the pointer where it meets an axis: its score, its members, its value there."""
    score, metric = last_score(trial), report.objective
    unit = terms_of(report).unit_of(metric)
    reached = "" if score is None else f": {number(metric, score)} {unit}".rstrip()
    state = "" if trial.state == TrialState.COMPLETE else f", {trial.state}"
    value = f"{key}={typed(trial.values[key])}" if key in trial.values else f"{key}: {NOT_THERE}"
    members = "+".join(trial.members) or "baseline"
    return typeset(f"trial {trial.number}{state}{reached}\n{members}\n{value}")

"""A search as tables of short texts, for the terminal and the page."""

from __future__ import annotations

from collections.abc import Mapping

from regbench.analysis.search_findings import (
    Importance,
    Middle,
    best_of,
    contrasts,
    course,
    shown_counts,
    spent,
    terms_of,
    typed,
)
from regbench.analysis.search_stages import Stage, stages
from regbench.analysis.searching import Arm, Finalist, SearchReport, TrialState
from regbench.analysis.words import number
from regbench.reports.search_wording import ends, tried
from regbench.terminal.columns import Table

NONE = "-"
CHOSEN = "chosen"
STATES = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAILED, TrialState.OPEN)


def stage_table(report: SearchReport) -> Table | None:
    """Winner and baseline at each stage; None before finalists were chosen."""
    found = stages(report)
    if not found:
        return None
    metrics = dict.fromkeys(one.metric for one in found)
    units = dict.fromkeys(terms_of(report).unit_of(metric) for metric in metrics)
    unit = ", ".join(filter(None, units))
    headings = ["stage", "rows", "seeds", "winner", "baseline", "difference", "95 % interval"]
    return Table(
        f"what the winner had over the tuned baseline{f' ({unit})' if unit else ''}",
        headings,
        [_stage(one, report) for one in found],
    )


def _stage(one: Stage, report: SearchReport) -> list[str]:
    interval = NONE
    if one.metric != report.objective and one.difference is not None:
        interval = ends(one.metric, one.low, one.high)
    return [
        one.what,
        terms_of(report).title(one.metric),
        str(one.seeds),
        number(one.metric, one.winner),
        number(one.metric, one.baseline),
        number(one.metric, one.difference, True),
        interval,
    ]


def arm_table(report: SearchReport) -> Table:
    """What each arm got, and how far it came."""
    headings = [
        "arm",
        "trials",
        *STATES[: 4 if _open(report) else 3],
        "epochs trained",
        "of all",
        "best",
        "trial",
    ]
    title = terms_of(report).with_unit(report.objective)
    return Table(
        f"arms; best: {title} of a complete trial; of all: what no pruning would have trained",
        [str(one) for one in headings],
        [_arm(arm, report) for arm in report.arms],
    )


def _open(report: SearchReport) -> bool:
    return any(trial.state == TrialState.OPEN for arm in report.arms for trial in arm.trials)


def _arm(arm: Arm, report: SearchReport) -> list[str]:
    took, best = spent(arm, report), best_of(arm, report.smaller)
    budget = tried(len(arm.trials), arm.budget)
    states = [str(took.states.get(state, 0)) for state in STATES[: 4 if _open(report) else 3]]
    share = f"{100 * took.epochs / took.all_epochs:.0f} %" if took.all_epochs else NONE
    reached = [number(report.objective, best[1]), str(best[0].number)] if best else [NONE, NONE]
    return [arm.name, budget, *states, str(took.epochs), share, *reached]


def expected_table(report: SearchReport) -> Table | None:
    """The expected best of each arm after a few numbers of trials; None before a trial has a score."""
    found = {arm.name: course(arm, report.smaller) for arm in report.arms}
    counts = shown_counts(found)
    if not any(several and several[-1].mean is not None for several in found.values()):
        return None
    rows = [
        [
            name,
            *(number(report.objective, several[n - 1].mean) if n <= len(several) else NONE for n in counts),
        ]
        for name, several in found.items()
    ]
    title = terms_of(report).with_unit(report.objective)
    caption = f"expected best {title} after n trials: the mean over all orders of the trials that there are"
    return Table(caption, ["arm", *(f"n={n}" for n in counts)], rows)


def finalist_table(report: SearchReport) -> Table | None:
    """Every finalist with its score in its trial and over new seeds; None before there is one."""
    rows = [_finalist(arm, one, report) for arm in report.arms for one in arm.finalists]
    if not rows:
        return None
    headings = ["arm", "trial", "stack", "in its trial", "seeds", "mean ± SD", ""]
    title = terms_of(report).with_unit(report.objective)
    return Table(
        f"finalists, run again with seeds that no trial has seen: {title}", headings, rows, prose=("",)
    )


def _finalist(arm: Arm, one: Finalist, report: SearchReport) -> list[str]:
    trial = next((known for known in arm.trials if known.number == one.trial), None)
    spread = "" if one.sd is None else f" ± {number(report.objective, one.sd)}"
    return [
        arm.name,
        str(one.trial),
        ("+".join(trial.members) or "baseline") if trial else NONE,
        number(report.objective, trial.score if trial else None),
        str(len(one.scores)),
        NONE if one.mean is None else f"{number(report.objective, one.mean)}{spread}",
        CHOSEN if one.chosen else one.reason,
    ]


def parameter_table(arm: Arm) -> Table | None:
    """What is set in an arm, from which values, and what the chosen trial has; None where nothing is."""
    if not arm.parameters:
        return None
    chosen = arm.chosen
    rows = [
        [
            one.key,
            one.domain,
            f"trials with {one.candidate}" if one.candidate else "all trials",
            (typed(chosen.values[one.key]) if one.key in chosen.values else NONE) if chosen else NONE,
        ]
        for one in arm.parameters
    ]
    return Table(
        f"{arm.name}: what is searched", ["parameter", "values", "in", CHOSEN], rows, prose=("values", "in")
    )


def importance_table(arm: Arm, importance: Importance | None) -> Table | None:
    """The share of each parameter; None where there is none."""
    if importance is None or not importance.shares:
        return None
    rows = [[key, f"{100 * share:.0f} %"] for key, share in importance.shares.items()]
    trials = importance.trials
    return Table(
        f"{arm.name}: importance, the share of the spread of {trials} scores that each explains (fANOVA)",
        ["parameter", "share"],
        rows,
    )


def contrast_table(arm: Arm, report: SearchReport) -> Table | None:
    """Scores with and without each candidate; None of an arm without any, or without a complete trial."""
    found, metric = contrasts(arm), report.objective
    if not any(one.within.trials or one.without.trials for one in found):
        return None
    rows = [
        [
            one.candidate,
            *_middle(one.within, metric),
            *_middle(one.without, metric),
            number(metric, one.difference, True),
            number(metric, one.median_difference, True),
        ]
        for one in found
    ]
    headings = ["candidate", "trials with", "mean", "median", "without", "mean", "median"]
    headings += ["difference of means", "of medians"]
    title = terms_of(report).with_unit(metric)
    caption = (
        f"{arm.name}: {title} of complete trials with and without each candidate; a description, no verdict"
    )
    return Table(caption, headings, rows)


def _middle(of: Middle, metric: str) -> list[str]:
    return [str(of.trials), number(metric, of.mean), number(metric, of.median)]


def without_importance(report: SearchReport, importance: Mapping[str, Importance]) -> list[str]:
    """A sentence on each arm that has none."""
    return [
        f"{arm.name}: no importance, as {found.reason}"
        for arm in report.arms
        if (found := importance.get(arm.name)) and found.reason
    ]

"""An advice in a terminal: what to switch on, how to use it, then all that this rests on."""

from __future__ import annotations

from regbench.analysis.advising import Advice, Plan
from regbench.analysis.searching import Outcome
from regbench.analysis.words import number, probability
from regbench.errors import counted, duration
from regbench.records.metrics import smaller_is_better
from regbench.reports.advice_words import (
    CHOSEN,
    answers,
    headline,
    interval,
    not_apart,
    of_ablation,
    of_part,
    planned,
    stage_line,
)
from regbench.terminal.columns import Table
from regbench.terminal.screen import Screen, print_command, print_lines, print_table

__all__ = [
    "acting_table",
    "left_out_table",
    "part_table",
    "race_table",
    "show",
    "show_plan",
    "stage_line",
    "stage_table",
]
STYLES = {Outcome.OPEN: "bold", Outcome.SURVIVES: "bold green", Outcome.NOTHING: "bold yellow"}
EMPTY = "-"


def show(console: Screen, advice: Advice) -> None:
    """Print it, what to do first."""
    print_lines(console, [headline(advice)], STYLES[advice.search.outcome])
    print_lines(console, answers(advice))
    print_lines(console, advice.test)
    console.print()
    if advice.use:
        whose = "" if advice.search.survives else " of the tuned baseline"
        _whole(console, f"the command{whose}", advice.use.command)
        _whole(console, f"the configuration{whose}", advice.use.yaml)
        _whole(console, "in a loop of your own (docs/library.md)", advice.use.python)
    if advice.ablation:
        print_table(console, part_table(advice))
        print_lines(console, of_ablation(advice), "dim")
        console.print()
    print_table(console, race_table(advice))
    print_lines(console, [CHOSEN], "dim")
    console.print()
    if advice.plan.left_out:
        print_table(console, left_out_table(advice.plan))
        console.print()
    print_table(console, stage_table(advice))
    print_lines(console, [f"a larger budget: {one}" for one in advice.larger])
    print_lines(console, [f"everything lies in {advice.folder}; this again:"])
    print_command(console, advice.typed)


def show_plan(console: Screen, plan: Plan) -> None:
    """Print a plan before anything is run."""
    print_lines(console, planned(plan))
    console.print()
    print_table(console, acting_table(plan))
    console.print()
    print_table(console, left_out_table(plan))


def _whole(console: Screen, what: str, text: str) -> None:
    """A text whose lines are never folded, so that it can be copied."""
    print_lines(console, [f"{what}:"])
    for line in text.rstrip("\n").split("\n"):
        print_command(console, line)
    console.print()


def race_table(advice: Advice) -> Table:
    """Every technique of the race, the best first."""
    plan = advice.plan
    metric, measure = plan.chooses, plan.terms.unit_of(plan.chooses, True)
    headings = ["technique", "seeds", f"difference ({measure})" if measure else "difference", "interval"]
    headings += ["adjusted p", "at its defaults", "searched"]
    rows = [
        [
            one.name,
            str(one.seeds),
            number(metric, one.mean, True),
            interval(plan, one.low, one.high) or EMPTY,
            probability(one.p),
            one.word,
            "yes" if one.searched else f"no: {one.why}" if one.why else "no",
        ]
        for one in advice.race.rows
    ]
    caption = f"the race: every technique at its defaults, {plan.terms.title(metric)} against none"
    return Table(caption, headings, rows, prose=("at its defaults", "searched"))


def left_out_table(plan: Plan) -> Table:
    """What was not raced, and why."""
    rows = [[one.option, one.reason] for one in plan.left_out]
    return Table("left out", ["technique", "why"], rows, prose=("why",))


def acting_table(plan: Plan) -> Table:
    """What is raced, and how long a run takes."""
    part = plan.race_epochs / plan.asked_epochs
    rows = [[one.option, duration(one.seconds * part)] for one in plan.acting]
    return Table(f"raced, with {counted(plan.race_epochs, 'epoch')}", ["technique", "a run"], rows)


def part_table(advice: Advice) -> Table:
    """What each member of the winner adds to the rest."""
    plan = advice.plan
    metric, measure = plan.metric, plan.terms.unit_of(plan.metric, True)
    rows = [
        [
            one.member,
            str(one.seeds),
            number(metric, one.mean, True),
            interval(plan, one.low, one.high) or EMPTY,
            probability(one.p),
            of_part(one),
        ]
        for one in (advice.ablation.parts if advice.ablation else ())
    ]
    adds = "difference" if smaller_is_better(metric) else "adds"
    headings = [
        "member",
        "seeds",
        f"{adds} ({measure})" if measure else adds,
        "interval",
        "adjusted p",
        "so it",
    ]
    caption = f"the winner without each of its members: {plan.terms.title(metric)}"
    return Table(caption, headings, rows, prose=("so it",))


def stage_table(advice: Advice) -> Table:
    """What was spent."""
    plan, search = advice.plan, advice.search
    trials = ", ".join(f"{counted(count, 'trial')} of {name}" for name, count in search.trials.items())
    rows = [
        [
            "plan",
            duration(plan.planning),
            EMPTY,
            f"{counted(len(plan.acting), 'technique')} raced, {len(plan.left_out)} left out",
        ],
        ["race", duration(advice.race.stage.seconds), duration(plan.race), advice.race.stage.over],
        ["search", duration(search.stage.seconds), duration(plan.search), trials],
    ]
    if advice.ablation:
        stage = advice.ablation.stage
        rows.append(["ablation", duration(stage.seconds), duration(plan.ablation), stage.over])
    else:
        rows.append(["ablation", EMPTY, duration(plan.ablation), f"not run: {not_apart(advice)}"])
    total = sum(float(one) for one in _seconds(advice))
    rows.append(["all", duration(total), duration(plan.budget), ""])
    return Table("what was spent", ["stage", "took", "planned", "what"], rows, prose=("what",))


def _seconds(advice: Advice) -> list[float]:
    stages = [advice.race.stage, advice.search.stage, *([advice.ablation.stage] if advice.ablation else [])]
    return [advice.plan.planning, *(one.seconds for one in stages)]

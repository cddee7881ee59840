"""The race of an advice: every technique at its defaults against none; and which of them are searched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from regbench.analysis.advising import Plan, Raced, RaceFound, Stage
from regbench.analysis.question import Question
from regbench.analysis.racing import Place
from regbench.assembly.run import check
from regbench.composition.command_line import CommandLine
from regbench.composition.compose import compose_each, keys_of
from regbench.composition.composer import Composer
from regbench.errors import ConfigError, counted
from regbench.records.identity import stack_name
from regbench.records.metrics import smaller_is_better
from regbench.studies.budget import Budget, Spending
from regbench.studies.entries import Entry, Field, Jobs
from regbench.studies.race import SPENT, Race
from regbench.studies.searching.jobs import LEAVING_NOTHING
from regbench.studies.searching.reading import DECAY, space_of
from regbench.sweeps.launcher import Launch
from regbench.sweeps.sweep import run_rounds
from regbench.terminal.screen import Screen

MOST = 6  # candidates of the search
BETTER = "better"
Say = Callable[[str], None]
Together = Callable[[Sequence[str]], str]  # why options cannot be in one search; empty where they can


def race(
    plan: Plan, line: CommandLine, composer: Composer, launch: Launch, console: Screen, say: Say
) -> RaceFound:
    """Run it, or what is left of it, and choose; judged by select, as `val` must not have chosen anything.

    Args:
        plan: of all.
        line: the words of every run, with the folder of the race.
        composer: of its options.
        launch: runs the jobs.
        console: where the live table stands.
        say: takes a sentence on each technique that is decided.

    Raises:
        KeyboardInterrupt: by a signal; the same line goes on.
    """
    plain = plain_entry(line)
    entries = [plain, *(Entry(one.option, [*plain.overrides, f"+reg=[{one.option}]"]) for one in plan.acting)]
    field = Field(entries, None, added=False)
    jobs = Jobs(line, field, composer)
    workers = launch.at_once([jobs.at(entry, 0) for entry in range(len(entries))])
    spending = Spending(Budget(seconds=plan.race), workers)
    going = Race(field, jobs, Question(plan.chooses, plan.at, margin=plan.margin), spending, say)
    run_rounds(launch, going.rounds(), jobs.place.words, line.fail_fast, going.board, console)

    def together(options: Sequence[str]) -> str:
        return why_not_together(options, line, composer)

    rows = [_raced(one) for one in going.places()[1:]]
    over = over_of(going.over, rows, plan.seeds)
    rows, rule = choose(rows, smaller_is_better(plan.chooses), together)
    names = [one.name for one in rows if one.searched]
    return RaceFound(rows, names, rule, Stage(spending.seconds, going.spent(), over))


def over_of(over: str, rows: Sequence[Raced], planned: int) -> str:
    """Why it ended; where its time was spent on fewer seeds than were planned, with both numbers."""
    seeds = sorted(one.seeds for one in rows if _is_open(one) or not one.seeds)
    if over != SPENT or not seeds or seeds[0] >= planned:
        return over
    least, most = seeds[0], seeds[-1]
    came = counted(most, "seed") if least == most else f"{least} to {counted(most, 'seed')}"
    return f"{SPENT}: {came} of each technique, where about {planned} were planned"


def plain_entry(line: CommandLine) -> Entry:
    """The empty stack of a race, whose runs leave their figures alone, unless the line says otherwise."""
    leaves = [] if "checkpoints" in keys_of(line.overrides) else [LEAVING_NOTHING]
    return Entry(stack_name({}), [*line.overrides, *leaves])


def _raced(one: Place) -> Raced:
    found = one.standing
    if found is None:
        return Raced(one.name, 0, None, None, None, None, one.out or "no run has ended")
    verdict = found.verdict
    word = verdict.word if one.decided or not one.out else one.out
    return Raced(
        one.name, len(found.differences), found.mean, found.low, found.high, verdict.p_adjusted, word
    )


def choose(rows: Sequence[Raced], smaller: bool, together: Together) -> tuple[list[Raced], str]:
    """Which techniques are searched: those found better; else those that have gained the most, on the mean.

    At most six, and none that cannot go with one before it. Where none has gained anything it is the one that
    has lost the least: at another strength it may help, and the baseline is tuned beside it.

    Args:
        rows: what became of each technique.
        smaller: whether less of the metric is better.
        together: says why options cannot go together.

    Returns:
        The rows, the best first, and the rule in a sentence.
    """
    order = sorted(rows, key=lambda one: -_gain(one, smaller))
    fit = [one for one in order if one.mean is not None and _is_open(one) and one.name != DECAY]
    better = [one for one in fit if one.word == BETTER]
    gaining = [one for one in fit if _gain(one, smaller) > 0]
    asked = better or gaining or fit[:1]
    if not fit:
        rule = "none, as of each a run has diverged, failed or not ended"
    elif better:
        rule = "those that the race found better"
    elif gaining:
        rule = (
            f"none{_but_decay(rows)} was found better, so those whose mean difference is the largest above 0"
        )
    else:
        least = "has lost nothing" if _gain(fit[0], smaller) == 0 else "has lost the least"
        rule = (
            f"none{_but_decay(rows)} has gained anything, so one that {least}: "
            "at another strength it may help"
        )
    taken: list[str] = []
    why: dict[str, str] = {}
    for one in asked:
        if len(taken) == MOST:
            why[one.name] = f"the {MOST} before it are searched"
        elif reason := together([*taken, one.name]):
            why[one.name] = f"it cannot be searched with {' and '.join(taken) or 'the others'}: {reason}"
        else:
            taken.append(one.name)
    why[DECAY] = "it is tuned in every arm of the search, the baseline's too"
    found = [replace(one, searched=one.name in taken, why=why.get(one.name, "")) for one in order]
    return found, f"{rule}, at most {MOST}" if fit else rule


def _but_decay(rows: Sequence[Raced]) -> str:
    """Weight decay aside, where the race has found that better: no choice is made of it."""
    is_better = any(one.name == DECAY and one.word == BETTER for one in rows)
    return f" but {DECAY}, which every arm has," if is_better else ""


def _is_open(one: Raced) -> bool:
    """Whether nothing speaks against it but figures: no run of it has diverged or failed."""
    return one.word in (BETTER, "worse", "not resolved", "no difference that matters")


def _gain(one: Raced, smaller: bool) -> float:
    if one.mean is None:
        return float("-inf")
    return -one.mean if smaller else one.mean


def why_not_together(options: Sequence[str], line: CommandLine, composer: Composer) -> str:
    """Why a search cannot have these candidates at once; empty where it can."""
    stack = f"+reg=[{','.join(options)}]"
    try:
        (made,) = compose_each(line, [[*line.overrides, stack]], composer)
        check(made.config)
        space_of(replace(line, overrides=(*line.overrides, stack)), composer)
    except ConfigError as error:
        said = str(error)
        return next(
            (said.removeprefix(key) for one in options if said.startswith(key := f"reg.{one}: ")), said
        )
    return ""

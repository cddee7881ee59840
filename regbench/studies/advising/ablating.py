"""The ablation of an advice: the winner without each member, on the fresh seeds, paired with its runs."""

from __future__ import annotations

from regbench.analysis.advising import AblationFound, Part, Plan, SearchFound, Side, Stage
from regbench.analysis.question import Question
from regbench.analysis.racing import Place
from regbench.analysis.verdicts import NOT_RESOLVED
from regbench.composition.command_line import CommandLine
from regbench.composition.compose import keys_of
from regbench.composition.composer import Composer
from regbench.records.metrics import Terms
from regbench.studies.advising.racing import Say
from regbench.studies.budget import Budget, Spending
from regbench.studies.entries import Entry, Field, Jobs
from regbench.studies.race import Race
from regbench.studies.searching.jobs import LEAVING_NOTHING
from regbench.sweeps.folder import SweepFolder
from regbench.sweeps.jobs import Job
from regbench.sweeps.launcher import Launch
from regbench.sweeps.sweep import run_rounds
from regbench.terminal.screen import Screen

TURNED = {"better": "worse", "worse": "better"}  # of the winner against itself without a member


class Beside:
    """The winner's runs where the search has them, and those without a member in a folder of their own.

    Args:
        whole: the jobs of the winner.
        parts: of the stacks without a member.

    Attributes:
        place: where the latter live.
        terms: what they predict.
    """

    def __init__(self, whole: Jobs, parts: Jobs) -> None:
        self._whole, self._parts = whole, parts
        self.place: SweepFolder = parts.place
        self.terms: Terms = parts.terms

    def at(self, entry: int, turn: int) -> Job:
        """The job of a stack, 0 of the winner, and a column."""
        return self._parts.at(entry - 1, turn) if entry else self._whole.at(0, turn)


def ablate(
    plan: Plan,
    found: SearchFound,
    of_search: CommandLine,
    line: CommandLine,
    composer: Composer,
    launch: Launch,
    console: Screen,
    say: Say,
) -> AblationFound:
    """Run it, or what is left of it.

    It is a race of the stacks without a member against the winner, so that seeds go where they decide
    something; on seeds and rows of val that chose nothing.

    Args:
        plan: of all.
        found: by the search.
        of_search: the words of every run, with the folder of the search, where the winner's are.
        line: the same with the folder of the ablation.
        composer: of its options.
        launch: runs the jobs.
        console: where the live table stands.
        say: takes a sentence on each member that is decided.

    Raises:
        KeyboardInterrupt: by a signal; the same line goes on.
    """
    winner = found.winner
    assert winner is not None
    whole = Entry(winner.stack, [*of_search.overrides, *winner.words])
    parts = [Entry(f"without {name}", without(winner, name, line)) for name in winner.members]
    seeds = list(found.fresh)
    jobs = Beside(
        Jobs(of_search, Field([whole], seeds, added=False), composer),
        Jobs(line, Field(parts, seeds, added=False), composer),
    )
    field = Field([whole, *parts], seeds, added=False)
    spending = Spending(
        Budget(seconds=time_of(plan, found)), launch.at_once([jobs.at(n, 0) for n in range(len(parts) + 1)])
    )
    question = Question(plan.metric, plan.at, margin=plan.margin)
    going = Race(field, jobs, question, spending, say)
    run_rounds(launch, going.rounds(), jobs.place.words, line.fail_fast, going.board, console)
    rows = [part_of(name, one) for name, one in zip(winner.members, going.places()[1:], strict=True)]
    return AblationFound(rows, Stage(spending.seconds, going.spent(), going.over))


def time_of(plan: Plan, found: SearchFound) -> float:
    """Seconds that it may take, the winner's runs included, which the search has paid for."""
    paired = len(found.seeds) * plan.baseline * plan.epochs / plan.asked_epochs * (found.time or 1.0)
    return plan.ablation + paired / plan.workers


def without(winner: Side, member: str, line: CommandLine) -> list[str]:
    """The words of the winner without a member, in the ablation's folder."""
    leaves = [] if "checkpoints" in keys_of(line.overrides) else [LEAVING_NOTHING]
    return [*line.overrides, *leaves, *winner.words, f"~reg.{member}"]


def part_of(member: str, one: Place) -> Part:
    """What a member adds: the winner less the winner without it, so signs and words are turned around."""
    found = one.standing
    out = one.out and f"without it a run {one.out}"
    if found is None:
        return Part(member, 0, None, None, None, None, out or NOT_RESOLVED)
    word = found.verdict.word
    word = out if out and not one.decided else TURNED.get(word, word)
    low, high = _negative(found.high), _negative(found.low)
    return Part(member, len(found.differences), -found.mean, low, high, found.verdict.p_adjusted, word)


def _negative(value: float | None) -> float | None:
    return None if value is None else -value

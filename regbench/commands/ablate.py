"""regbench ablate: what each member of a stack adds, and whether they add up."""

from __future__ import annotations

from collections.abc import Callable

from regbench.analysis.ablation import Ablation, ablate, subsets
from regbench.analysis.cohorts import Cohort
from regbench.analysis.question import Question
from regbench.composition.composer import ComposedJob
from regbench.errors import ConfigError
from regbench.reports.ablation_text import pages
from regbench.studies.study import Condition, Page, Study, carry_out, composed, conditions, options

COMMAND = "ablate"
MOST = 6  # members of a full factorial: 64 stacks
EPILOG = """
OVERRIDES are those of `regbench train -m`, such as '+reg=[dropout,mixup]' seed=range(10).
`regbench docs ablate` says what each line of the report means, and lists the keys of --json.
"""


def main(argv: list[str]) -> int:
    """Run the ablation of every stack of a command line; return the exit status.

    Raises:
        ConfigError: the line is wrong, or a job cannot be run; none has been.
    """
    parser = options(COMMAND, "Run a stack without some of its members, and say what each adds.", EPILOG)
    parser.add_argument("--pairs", action="store_true", help="every pair too: do two of them add up?")
    parser.add_argument("--factorial", action="store_true", help=f"every subset too, of up to {MOST} members")
    asked, words = parser.parse_known_args(argv)
    line, jobs = composed(COMMAND, words)
    for one in jobs:
        _check(one, asked.factorial)

    def expand(one: ComposedJob) -> list[list[str]]:
        members = list(one.config["reg"])
        stacks = subsets(members, asked.pairs, asked.factorial)
        return [[*one.overrides, *(f"~reg.{m}" for m in members if m not in stack)] for stack in stacks]

    def report(
        condition: Condition, cohort: Cohort, question: Question
    ) -> tuple[Ablation, Callable[[bool], list[Page]]]:
        stacks = subsets(list(condition.jobs[0].config["reg"]), asked.pairs, asked.factorial)
        found = ablate(cohort, stacks, question, condition.name)
        return found, lambda _: pages(found)

    made = conditions(jobs, lambda one: one.config, expand)
    return carry_out(Study(COMMAND, made, report), line, asked)


def _check(one: ComposedJob, factorial: bool) -> None:
    """Refuse a stack with nothing to leave out, and one with too much."""
    count = len(one.config["reg"])
    if not count:
        raise ConfigError(
            "ablate: the stack must have at least one member, such as '+reg=[dropout,mixup]', got none"
        )
    if factorial and count > MOST:
        raise ConfigError(
            f"ablate: --factorial must be of at most {MOST} members ({2**MOST} stacks), got {count}"
        )

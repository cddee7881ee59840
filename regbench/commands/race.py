"""regbench race: seeds where they decide something, until every stack is decided or the budget is spent."""

from __future__ import annotations

import argparse
import json
import os
import shlex
from contextlib import nullcontext
from dataclasses import asdict
from typing import TYPE_CHECKING

from regbench import __version__
from regbench.analysis.question import Question, plain, refuse_metric, typed_difference
from regbench.composition.command_line import CommandLine
from regbench.composition.compose import compose_each
from regbench.composition.composer import Composer
from regbench.errors import ConfigError
from regbench.folders.outputs import write_output
from regbench.records.reader import find
from regbench.reports.comparison_text import show
from regbench.reports.exports import as_json
from regbench.stats.paired_test import SEQUENTIAL
from regbench.stats.racing import FEW
from regbench.studies.budget import Budget, Spending, budget_of
from regbench.studies.entries import Field, Jobs, field_of
from regbench.studies.study import Output, composed, options, refuse_output
from regbench.terminal.imports import kept
from regbench.terminal.screen import Screen, Terminal, print_lines, print_table

if TYPE_CHECKING:
    from regbench.studies.race import Race
    from regbench.sweeps.launcher import Launch as Launcher

COMMAND = "race"
FORMAT = 1  # of the JSON
EPILOG = """
OVERRIDES are those of `regbench train -m`, stacks without seeds, and what may be spent:
  regbench race '+reg=[],dropout,mixup' budget=2h --margin 0.3
The budget is a time (budget=2h, 30min, 90s), a number of runs (budget.jobs=200), or of seeds of each stack
(budget.seeds=40), or several of these; what was run before counts. Without one it goes on until all is
decided, or Ctrl-C. Seeds are 0, 1, 2 and so on, or those of seed=range(40). The empty stack is the baseline;
it is added where it is not in the line. The same line goes on where it was.
`regbench docs race` says what is promised.
"""


def main(argv: list[str]) -> int:
    """Run a race; return the exit status.

    Raises:
        ConfigError: the line is wrong, or a job cannot be run; none has been.
    """
    parser = options(
        COMMAND, "Give seeds to the stacks that are not decided yet, until all are.", EPILOG, False
    )
    margin = (
        "the largest difference that does not matter, such as 0.3 (points of shares, else the metric's unit)"
    )
    parser.add_argument("--margin", metavar="NUMBER", help=margin)
    asked, words = parser.parse_known_args(argv)
    budget, words = budget_of(words)
    refuse_metric(COMMAND, asked.metric)
    typed = typed_difference(COMMAND, "--margin", asked.margin)
    if asked.json is not None:
        refuse_output(COMMAND, Output("--json", asked.json, False, lambda *_: None))
    line, jobs = composed(COMMAND, words)
    field = field_of(jobs)
    _refuse_few(field, budget)
    if field.added:
        print("the empty stack is added, as the baseline")
    return _race(line, field, typed, budget, asked)


def _refuse_few(field: Field, budget: Budget) -> None:
    """Refuse a race in which nothing can be decided."""
    needed = SEQUENTIAL.seeds_needed(field.techniques)
    jobs = FEW * len(field.entries) + 2 * max(0, needed - FEW)  # all begin, and one goes on with the baseline
    stacks = f"with {field.techniques} beside the baseline" if field.techniques > 1 else "with one stack"
    if field.seeds is not None and len(field.seeds) < needed:
        raise ConfigError(
            f"seed: must have at least {needed} values, as nothing can be decided with fewer {stacks}, "
            f"got {len(field.seeds)}; without the key seeds are 0, 1, 2 and so on"
        )
    for key, given, least in (
        ("budget.seeds", budget.seeds, needed),
        ("budget.jobs", budget.jobs, jobs),
    ):
        if given is not None and given < least:
            raise ConfigError(
                f"{key}: must be at least {least}, as nothing can be decided with fewer {stacks}, got {given}"
            )


def _race(
    line: CommandLine, field: Field, margin: float | None, budget: Budget, asked: argparse.Namespace
) -> int:
    # Not at the top: torch takes seconds, and a wrong line is answered at once.
    with kept():
        from regbench.sweeps.launcher import Launch

    composer = Composer(line.config_dir)
    compose_each(line, [entry.overrides for entry in field.entries], composer)  # workers then need not
    launch = Launch(line, composer)
    with nullcontext() if asked.plan else launch:
        return _run(launch, line, field, margin, budget, asked)


def _run(
    launch: Launcher,
    line: CommandLine,
    field: Field,
    margin: float | None,
    budget: Budget,
    asked: argparse.Namespace,
) -> int:
    # Not at the top: torch takes seconds, and a wrong line is answered at once.
    with kept():
        from regbench.studies.race import Race
        from regbench.sweeps.sweep import run_rounds

    jobs = Jobs(line, field, launch.composer)
    metric = asked.metric or jobs.terms.judged
    question = Question(metric, asked.at, margin=plain(metric, margin))
    workers = launch.at_once([jobs.at(entry, 0) for entry in range(len(field.entries))])
    console = Screen()
    spending = Spending(budget, workers)
    race = Race(field, jobs, question, spending, lambda sentence: print_lines(console, [sentence]))
    if asked.plan:
        _plan(race, field, workers, launch.groups)
        return 0
    if not budget.is_set:
        print("no budget is set: it goes on until all is decided, or Ctrl-C")
    try:
        code = run_rounds(launch, race.rounds(), jobs.place.words, line.fail_fast, race.board, console)
    except KeyboardInterrupt:
        _conclude(race, jobs, race.spent(), asked)
        raise
    _conclude(race, jobs, race.spent(), asked)
    return code


def _plan(race: Race, field: Field, workers: int, together: bool) -> None:
    """Say what comes next, and what it takes; start nothing."""
    from regbench.sweeps import estimate

    jobs = race.planned()
    needed = SEQUENTIAL.seeds_needed(field.techniques)
    print(
        f"{field.techniques} to decide, none of them before {needed} seeds: of all stacks "
        f"{needed * len(field.entries)} jobs"
    )
    if not jobs:
        print(f"nothing is left to run: {race.why_over}")
        return
    print("the next round:")
    estimate.show(jobs, workers, together=together)


def _conclude(race: Race, jobs: Jobs, spent: str, asked: argparse.Namespace) -> None:
    """Print how it ended and what `compare` says of the same runs; write the file that is asked for."""
    console = Terminal()
    print_lines(
        console, [f"the race is over after {spent}: {race.why_over}" if race.over else f"spent: {spent}"]
    )
    found = race.report()
    if not found.comparisons:
        print_lines(console, ["no run has ended, so there is nothing to say"])
        return
    console.print()
    show(console, found)
    print_table(console, race.board([]))
    console.print()
    print_lines(console, ["to repeat this report from the folders:", f"  {_repeated(race, jobs, asked)}"])
    if asked.json is not None:
        kept = {"format": FORMAT, "regbench": __version__, "command": COMMAND, "over": race.why_over}
        kept |= {"spent": spent, "stacks": [asdict(one) | {"state": one.state} for one in race.places()]}
        kept |= {"report": json.loads(as_json(found))}
        text = json.dumps(kept, indent=1, allow_nan=False) + "\n"
        write_output(asked.json, text.encode(errors="backslashreplace"))


def _repeated(race: Race, jobs: Jobs, asked: argparse.Namespace) -> str:
    """The line that gives the same report: of the sweep's whole folder, where no other run lies there."""
    ours = sorted(str(job.folder) for job in race.judged)
    lying = {os.path.realpath(one.folder) for one in find([jobs.place.root]).results}
    folders = [str(jobs.place.root)] if lying <= set(map(os.path.realpath, ours)) else ours
    words = ["regbench", "compare", *folders]
    words += ["--metric", asked.metric] if asked.metric is not None else []
    words += ["--at", asked.at] if asked.at != "last" else []
    words += ["--margin", asked.margin] if asked.margin is not None else []
    return shlex.join(words)

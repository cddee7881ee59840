"""regbench plan: what a command line would run, what of it is done, and what the rest will take."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from regbench.analysis.comparison import report
from regbench.analysis.planning import Pilot, Sought, pilots
from regbench.analysis.question import DEFAULT, Question, refuse_metric, typed_difference
from regbench.analysis.words import factor
from regbench.composition.compose import compose_jobs, read_line, refuse_options
from regbench.composition.composed import Composed
from regbench.composition.settings import read_settings
from regbench.errors import ConfigError
from regbench.records.metrics import Terms
from regbench.records.reader import find, printable
from regbench.reports.plan_text import page
from regbench.studies.study import is_over_splits
from regbench.terminal.arguments import Arguments
from regbench.terminal.imports import kept
from regbench.terminal.screen import Terminal, print_lines, print_table

COMMAND = "plan"
HELP = f"""usage: regbench plan [--detect NUMBER [--sd NUMBER] [--metric METRIC]] OVERRIDES...

{__doc__.removeprefix("regbench plan: ")}

OVERRIDES are those of `regbench train -m`, such as '+reg=[],dropout' 'seed=range(5)', and nothing is started.
`regbench train --help` lists what can be chosen.

--detect NUMBER   how many seeds find such a difference (0.5: points, or the metric's unit) in 80 and 90 of
                  100 cases, by either test of `regbench compare`, and how long they take
--sd NUMBER       the standard deviation of the paired differences, in the same unit; else it is that of the
                  runs in the sweep's folder
--metric METRIC   what it is a difference in ({DEFAULT})
"""


def main(argv: list[str]) -> int:
    """Compose a command line of `regbench train -m`, look at its folder, and start nothing.

    Raises:
        ConfigError: the command line is wrong.
    """
    asked, words = _options().parse_known_args(argv)
    line = replace(read_line(words, COMMAND), multirun=True)
    if line.help:
        print(HELP, end="")
        return 0
    refuse_options(line, COMMAND)
    difference, sd = _typed(asked)
    composed = compose_jobs(line)
    if not composed:
        raise ConfigError(
            "hydra/sweeper: must be Hydra's own for a plan, which must know the jobs beforehand"
        )
    for one in composed:
        read_settings(one.config)
    techniques = _techniques(composed) if difference is not None else 0
    splits = is_over_splits(composed)
    if splits and sd is not None:
        raise ConfigError(
            f"{COMMAND}: --sd must be of one split for all seeds, got one for each seed: how far their rows "
            "overlap is known from runs alone"
        )
    # Not at the top: torch takes seconds, and a wrong line is answered at once.
    with kept():
        from regbench.sweeps.estimate import Costs, seconds_left, show
        from regbench.sweeps.folder import arranged
        from regbench.sweeps.launcher import Launch
        from regbench.sweeps.sweep import refuse_wrong

    place, jobs = arranged(line, composed)
    refuse_wrong(place, jobs)
    launch, costs = Launch(line), Costs(jobs)
    workers = launch.at_once(jobs)
    if difference is None:
        show(jobs, workers, costs, launch.groups)
        return 0
    terms = _terms(composed)
    metric = asked.metric or terms.judged
    known = (
        _pilots(place.root, metric, splits) if sd is None else [Pilot("", sd / factor(metric), terms=terms)]
    )
    show(jobs, workers, costs, launch.groups)
    sought = Sought(metric, difference / factor(metric), techniques)
    for pilot in known:
        _show_needed(pilot, sought, lambda seeds: seconds_left(jobs, costs, seeds, workers))
    return 0


def _options() -> Arguments:
    parser = Arguments(prog=f"regbench {COMMAND}", add_help=False)
    for name in ("--detect", "--sd"):
        parser.add_argument(name, metavar="NUMBER")
    parser.add_argument("--metric")
    return parser


def _typed(asked: argparse.Namespace) -> tuple[float | None, float | None]:
    """The difference that is to be found and its spread as they were typed, where they are given."""
    refuse_metric(COMMAND, asked.metric)
    if asked.detect is None:
        if asked.sd is not None:
            raise ConfigError(f"{COMMAND}: --sd is the spread for --detect, which is missing")
        return None, None
    detect = typed_difference(COMMAND, "--detect", asked.detect)
    return detect, typed_difference(COMMAND, "--sd", asked.sd)


def _techniques(composed: Sequence[Composed]) -> int:
    """How many stacks of the line are compared with the empty one."""
    stacks = {json.dumps(one.config["reg"], sort_keys=True, default=str) for one in composed}
    if "{}" not in stacks or len(stacks) < 2:
        raise ConfigError(
            f"{COMMAND}: --detect must be of a line with the empty stack and another, such as "
            f"'+reg=[],dropout', got {'no empty one' if '{}' not in stacks else 'the empty one alone'}"
        )
    return len(stacks) - 1


def _terms(composed: Sequence[Composed]) -> Terms:
    """What the jobs of the line predict, and in which unit, where they share one.

    Raises:
        ConfigError: some of them predict classes, and some numbers; or a dataset cannot be read.
    """
    from regbench.assembly.data import terms_of

    found = {terms_of(one.config) for one in composed}
    if len({terms.task for terms in found}) > 1:
        raise ConfigError(
            f"{COMMAND}: --detect must be of a line whose jobs predict one kind of thing, got classes "
            "and numbers"
        )
    return found.pop() if len(found) == 1 else Terms(found.pop().task)


def _pilots(root: Path, metric: str, splits: bool) -> list[Pilot]:
    """The spread that the runs in the sweep's folder have.

    Raises:
        ConfigError: they have none.
    """
    runs = find([root])
    known = list(pilots(report(runs, Question(metric)).comparisons, metric, splits))
    if not known:
        either = "" if splits else ", or say it by --sd"
        raise ConfigError(
            f"{COMMAND}: --detect must know the spread, and {printable(root)} has no technique of which two "
            f"seeds are finished, beside the empty stack's, with {printable(metric)} measured: run a few "
            f"seeds first, such as seed=range(5){either}"
        )
    return known


def _show_needed(pilot: Pilot, sought: Sought, time: Callable[[int], str]) -> None:
    """Print the seeds that each test needs, and what they take."""
    console = Terminal()
    table, lines = page(pilot, sought, time)
    console.print()
    print_table(console, table)
    print_lines(console, [f"- {line}" for line in lines])

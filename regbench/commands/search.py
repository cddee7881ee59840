"""regbench search: which stack to switch on, and how strongly, found fairly and confirmed on fresh seeds."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from regbench.analysis.question import refuse_metric, typed_difference
from regbench.analysis.search_findings import Importance
from regbench.analysis.searching import SearchReport
from regbench.composition.compose import read_line, refuse_options
from regbench.composition.composer import Composer
from regbench.errors import ConfigError
from regbench.folders.outputs import write_output
from regbench.reports.search_board import plan_of
from regbench.reports.search_exports import search_json
from regbench.reports.search_text import show
from regbench.studies.searching.settings import settings_of
from regbench.studies.study import Output, options, refuse_outputs, refuse_within
from regbench.terminal.arguments import path
from regbench.terminal.imports import kept
from regbench.terminal.screen import Screen, Terminal, print_lines, print_table

if TYPE_CHECKING:
    from regbench.studies.searching.study import SearchStudy
    from regbench.sweeps.launcher import Launch as Launcher

COMMAND = "search"
EPILOG = """
OVERRIDES are those of `regbench train`; the members of +reg are candidates, which a trial may have or not:
  regbench search '+reg=[dropout,mixup,l2]' trials=60
  regbench search '+reg=[dropout,l2],[mixup,cutout]' dataset=fashion_mnist model=cnn budget=2h
Each list of candidates is an arm; the baseline is one too, and learning rate and weight decay are tuned in
all. Ranges are the members' own (`regbench list reg NAME`), or those of the line:
  reg.dropout.p='interval(0.1,0.6)' train.lr='tag(log,interval(1e-3,1))' reg.dropout.mode=classic,inverted
How much: trials=60 of all arms (trials.baseline=20 of these the baseline's), budget=2h for everything,
finalists=3 finalists.seeds=3 confirm.seeds=20, batch=8. How: sampler=tpe|random sampler.seed=0,
pruner=median|halving|hyperband|none, storage=URL, study=NAME. The same line goes on where it was.
`regbench docs search` says what is promised.
"""


def main(argv: list[str]) -> int:
    """Run a search; return the exit status.

    Raises:
        ConfigError: the line is wrong, or there is nothing to search.
    """
    asked, words = parsed(argv)
    settings, words = settings_of(words)
    refuse_metric(COMMAND, asked.metric, ["val"])
    margin = typed_difference(COMMAND, "--margin", asked.margin)
    refuse_outputs(COMMAND, outputs(asked))
    line = read_line(words, COMMAND)
    refuse_options(line, COMMAND)
    # Not at the top: torch takes seconds, and a wrong line is answered at once.
    with kept():
        from regbench.studies.searching.study import SearchStudy
        from regbench.sweeps.launcher import Launch

    composer = Composer(line.config_dir)
    study = SearchStudy(line, composer, settings, asked.metric, asked.at, margin, argv)
    refuse_within(COMMAND, outputs(asked), study.files)
    launch = Launch(study.line, composer)
    if asked.plan:
        _plan(study, launch)
        return 0
    with launch:
        return _run(study, launch, asked)


def parsed(argv: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """The options of the command, and the other words."""
    parser = options(
        COMMAND, "Tune stacks and the baseline alike, and confirm the winner on fresh seeds.", EPILOG, False
    )
    margin = (
        "the largest difference that does not matter, such as 0.3 (points of shares, else the metric's unit)"
    )
    parser.add_argument("--margin", metavar="NUMBER", help=margin)
    parser.add_argument("--html", metavar="FILE", type=path, help="write the report as one page")
    parser.add_argument(
        "--figures", metavar="FOLDER", type=path, help="write its figures, as PDF, SVG and PNG"
    )
    return parser.parse_known_args(argv)


def outputs(asked: argparse.Namespace) -> list[Output]:
    """The files that are asked for; what is written is decided later."""
    wanted = [
        ("--json", asked.json, False),
        ("--html", asked.html, False),
        ("--figures", asked.figures, True),
    ]
    return [Output(option, path, is_folder, lambda *_: None) for option, path, is_folder in wanted if path]


def _plan(study: SearchStudy, launch: Launcher) -> None:
    """Say what would be tried and what comes next; start nothing."""
    from regbench.sweeps import estimate

    arms, jobs = study.planned(launch)
    console = Terminal()
    for arm in arms:
        print_table(console, plan_of(arm))
        console.print()
    print_lines(console, study.space.fixed)
    if not jobs:
        print("no trial is left to ask for")
        return
    print("the next round:")
    estimate.show(jobs, launch.at_once(jobs), together=launch.groups)


def _write_json(report: SearchReport, importance: Mapping[str, Importance], file: Path) -> None:
    write_output(file, search_json(report, importance).encode(errors="backslashreplace"))


def _run(study: SearchStudy, launch: Launcher, asked: argparse.Namespace) -> int:
    console = Screen()
    try:
        code = study.run(launch, console, lambda sentence: print_lines(console, [sentence]))
    except KeyboardInterrupt:
        if study.has_begun:
            _conclude(study, asked)
        raise
    return _conclude(study, asked) or code


def _conclude(study: SearchStudy, asked: argparse.Namespace) -> int:
    """Show what was found, and write what is asked for."""
    # Not at the top: each of them takes a while to import.
    from regbench.reports.page.search import write_page
    from regbench.reports.paper.search import figures
    from regbench.studies.searching.importance import importances
    from regbench.sweeps.sweep import SOME_FAILED

    report = study.report()
    importance = importances(report)
    show(Terminal(), report, importance)
    for option, file, write in (
        ("--json", asked.json, _write_json),
        ("--html", asked.html, write_page),
        ("--figures", asked.figures, figures),
    ):
        if file is not None:
            try:
                write(report, importance, file)
            except OSError as error:
                where = error.filename or file
                raise ConfigError(f"{COMMAND}: {option}: {where}: {error.strerror}") from error
    none = study.is_over and not any(one.score is not None for arm in report.arms for one in arm.trials)
    return SOME_FAILED if none else 0

"""regbench advise: what to switch on for a model and its data, within a budget of time."""

from __future__ import annotations

import argparse
import json
import time

from regbench.analysis.advising import Advice, as_json
from regbench.analysis.question import refuse_metric, typed_difference
from regbench.analysis.searching import Outcome
from regbench.composition.compose import read_line, refuse_options
from regbench.composition.composer import Composer
from regbench.folders.outputs import write_output
from regbench.reports.advice_text import show, show_plan
from regbench.studies.study import Output, options, refuse_outputs
from regbench.terminal.arguments import path
from regbench.terminal.imports import kept
from regbench.terminal.screen import Screen, Terminal, print_lines

COMMAND = "advise"
NOT_OVER = 4  # exit status
EPILOG = """
OVERRIDES are those of `regbench train` for one model and dataset, without +reg and seed, and a budget:
  regbench advise model=mlp dataset=fashion_mnist dataset.num_train=2000 budget=1h --html advice.html
It plans, races every technique that can act at its defaults, searches over those that did well, confirms the
winner against the tuned baseline on fresh seeds, takes it apart, and writes one page: what to switch on, by
how much it helps, how sure that is, what it costs, and how to use it. Without budget=TIME it takes an hour.
Ctrl-C stops it; the same line goes on. study=NAME names its folder in outputs/advice.
`regbench docs advise` says what is promised.
"""


def main(argv: list[str]) -> int:
    """Give advice; return the exit status.

    Raises:
        ConfigError: the line is wrong, nothing can act, or not even the least fits into the budget.
    """
    started = time.time()
    asked, words = parsed(argv)
    refuse_metric(COMMAND, asked.metric, ["val"])
    margin = typed_difference(COMMAND, "--margin", asked.margin)
    wanted = (("--json", asked.json), ("--html", asked.html))
    refuse_outputs(COMMAND, [Output(option, file, False, lambda *_: None) for option, file in wanted if file])
    # Not at the top: torch takes seconds, and a wrong line is answered at once.
    with kept():
        from regbench.studies.advising.settings import settings_of

    settings, words = settings_of(words)
    line = read_line(words, COMMAND)
    refuse_options(line, COMMAND)
    with kept():
        from regbench.studies.advising.advising import Advising
        from regbench.sweeps.launcher import Launch

    composer = Composer(line.config_dir, of_one_job=True)
    advising = Advising(line, composer, settings, asked.metric, asked.at, margin, asked.test, argv)
    if not settings.given:
        print("no budget is set: it takes about an hour; budget=TIME sets another")
    tried = advising.options()  # composed before workers are copied of this process
    launch = Launch(line, composer)
    if asked.plan:
        show_plan(Terminal(), advising.plan(launch, tried, started))
        return 0
    console = Screen()
    with launch:
        advice = advising.run(
            launch, tried, started, console, lambda said: print_lines(console, said.split("\n"))
        )
    return _conclude(advice, asked)


def parsed(argv: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """The options of the command, and the other words."""
    parser = options(COMMAND, "Say what to switch on for a model and its data.", EPILOG, False)
    margin = (
        "the largest difference that does not matter, such as 0.3 (points of shares, else the metric's unit)"
    )
    parser.add_argument("--margin", metavar="NUMBER", help=margin)
    parser.add_argument("--test", action="store_true", help="read the sealed test split once, at the end")
    parser.add_argument("--html", metavar="FILE", type=path, help="write it as one page")
    return parser.parse_known_args(argv)


def _conclude(advice: Advice, asked: argparse.Namespace) -> int:
    """Show it, and write what is asked for."""
    console = Terminal()
    console.print()
    show(console, advice)
    if asked.json is not None:
        text = json.dumps(as_json(advice), indent=1, allow_nan=False) + "\n"
        write_output(asked.json, text.encode(errors="backslashreplace"))
    if asked.html is not None:
        # Not at the top: the page takes a library that takes a second.
        with kept():
            from regbench.reports.page.advice import write_page

        write_page(advice, asked.html)
    return NOT_OVER if advice.search.outcome is Outcome.OPEN else 0

"""regbench compare: which technique helps, how much, is it real, what does it cost?"""

from __future__ import annotations

import argparse
import errno
import sys
from collections.abc import Callable
from pathlib import Path

from regbench.analysis.across import across
from regbench.analysis.across_report import Across
from regbench.analysis.comparison import report
from regbench.analysis.conditions import keys_of
from regbench.analysis.question import (
    FIXED_SEEDS,
    METRIC_HELP,
    Question,
    judged_of,
    plain,
    refuse_keys,
    refuse_metric,
    refuse_unmeasured,
    test_of,
    typed_difference,
)
from regbench.analysis.report import Report
from regbench.errors import ConfigError, nearest
from regbench.folders.outputs import refuse_one_place, write_output
from regbench.records.reader import find, printable
from regbench.reports import across_exports, across_text, exports
from regbench.reports.comparison_text import show
from regbench.terminal.arguments import Arguments, named
from regbench.terminal.screen import Terminal

STANDARD_OUTPUT = "-"
EXPORTS: dict[str, tuple[Callable[[Report], str], Callable[[Report, Across], str]]] = {
    "csv": (exports.as_csv, across_exports.as_csv),
    "json": (exports.as_json, across_exports.as_json),
    "latex": (exports.as_latex, across_exports.as_latex),
    "markdown": (exports.as_markdown, across_exports.as_markdown),
}


def main(argv: list[str]) -> int:
    """Compare runs; return the exit status.

    Raises:
        ConfigError: nothing can be compared, or an output not be written.
    """
    asked = _arguments().parse_args(argv)
    refuse_metric("compare", asked.metric)
    margin = typed_difference("compare", "--margin", asked.margin)
    _refuse_outputs(asked)
    runs = find(asked.runs)
    keys = tuple(dict.fromkeys(asked.best_of))
    refuse_keys("compare", keys, {key for one in runs.results for key in one.shared})
    metric = judged_of("compare", asked.metric, runs.results)
    test = test_of(asked.fixed_seeds)
    by = keys_of(asked.across, runs.results) if asked.across is not None else ()
    question = Question(metric, asked.at, asked.baseline, keys, test, plain(metric, margin))
    found = report(runs, question)
    _refuse(found, asked, metric)
    whole = across(runs, found, question, by) if by else None
    if STANDARD_OUTPUT not in [getattr(asked, name) for name in EXPORTS]:
        show(Terminal(), found) if whole is None else across_text.show(Terminal(), found, whole)
    try:
        _write(found, whole, asked)
    except BrokenPipeError:  # the reader has gone; the command line ends quietly
        raise
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE):  # it may be no output that cannot be opened
            raise
        raise ConfigError(
            f"compare: {error.filename or 'an output'} cannot be written: {error.strerror}"
        ) from error
    return 0


def _arguments() -> Arguments:
    parser = Arguments(
        prog="regbench compare",
        description="Compare runs that differ in nothing but their stacks and seeds.",
        epilog="`regbench docs compare` says what each figure is.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "runs", nargs="+", metavar="RUNS", type=named, help="run folders, or folders with runs below them"
    )
    parser.add_argument("--metric", help=METRIC_HELP)
    which = "the last weights, or those that a member keeps (default); or the best by select"
    parser.add_argument("--at", default="last", choices=("last", "best"), help=which)
    parser.add_argument("--baseline", metavar="STACK", help="compare with this stack, not with the empty one")
    best = (
        "compare each stack at that value of a key such as train.lr which is best by select; may be repeated"
    )
    parser.add_argument("--best-of", metavar="KEY", action="append", default=[], help=best)
    over = (
        "keys that tell the runs' conditions apart, such as dataset,model: say what holds over the conditions"
    )
    parser.add_argument("--across", metavar="KEYS", help=over)
    parser.add_argument("--fixed-seeds", action="store_true", help=FIXED_SEEDS)
    margin = (
        "the largest difference that does not matter, such as 0.3 (points, or the metric's unit): what "
        "is sure to be smaller is said to make no difference that matters"
    )
    parser.add_argument("--margin", metavar="NUMBER", help=margin)
    parser.add_argument("--one", action="store_true", help="refuse runs that are more than one comparison")
    for name in EXPORTS:
        parser.add_argument(
            f"--{name}", metavar="FILE", type=named, help="the same as a file; - is the standard output"
        )
    parser.add_argument("--html", metavar="FILE", type=named, help="one page that needs nothing else")
    parser.add_argument("--figures", metavar="DIR", type=named, help="PDF, SVG and PNG")
    parser.add_argument(
        "--tensorboard", metavar="DIR", type=named, help="mean and band of each stack, and hparams"
    )
    return parser


def _refuse_outputs(asked: argparse.Namespace) -> None:
    """Refuse two files on one standard output, and those that are none."""
    there = [f"--{name}" for name in EXPORTS if getattr(asked, name) == STANDARD_OUTPUT]
    if len(there) > 1:
        raise ConfigError(f"compare: one file at most may be the standard output, got {', '.join(there)}")
    for name in ("html", "figures", "tensorboard"):
        if getattr(asked, name) == STANDARD_OUTPUT:
            raise ConfigError(f"compare: --{name}: must name a place on the disk, got {STANDARD_OUTPUT}")
    asked_for = [(name, getattr(asked, name)) for name in (*EXPORTS, "html", "figures", "tensorboard")]
    files = [(name, Path(file)) for name, file in asked_for if file and file != STANDARD_OUTPUT]
    refuse_one_place("compare", [(f"--{name}", file) for name, file in files])
    for name in ("one", "tensorboard"):
        if asked.across is not None and getattr(asked, name):
            raise ConfigError(
                f"compare: --across: must stand without --{name}, which is of single comparisons"
            )


def _refuse(found: Report, asked: argparse.Namespace, metric: str) -> None:
    """Refuse what cannot be compared, or not in the way that is asked for."""
    if not found.comparisons:
        reasons = [f"{one.folder}: {one.reason}" for one in found.excluded]
        more = f"; and {len(reasons) - 1} more" if len(reasons) > 1 else ""
        raise ConfigError(f"compare: nothing can be compared; {reasons[0]}{more}")
    if asked.one and len(found.comparisons) > 1:
        keys = ", ".join(f"{key} ({_values(found, key)})" for key in found.comparisons[0].differs)
        count = len(found.comparisons)
        raise ConfigError(f"compare: --one: the runs make {count} comparisons; they differ in {keys}")
    arms = [arm for one in found.comparisons for arm in one.arms]
    if asked.baseline is not None and asked.baseline not in [arm.name for arm in arms]:
        names = [arm.name for arm in arms]
        hint = nearest(asked.baseline, names) or f"; there are {', '.join(dict.fromkeys(names))}"
        raise ConfigError(f"compare: --baseline: no stack is called {printable(asked.baseline)}{hint}")
    refuse_unmeasured("compare", metric, {name for arm in arms for name in arm.figures})


def _values(found: Report, key: str) -> str:
    return ", ".join(dict.fromkeys(printable(one.differs[key]) for one in found.comparisons))


def _write(found: Report, whole: Across | None, asked: argparse.Namespace) -> None:
    for name, (of_each, of_all) in EXPORTS.items():
        where = getattr(asked, name)
        if not where:
            continue
        text = of_each(found) if whole is None else of_all(found, whole)
        if where == STANDARD_OUTPUT:
            sys.stdout.flush()
            sys.stdout.buffer.write(text.encode(errors="backslashreplace"))
        else:
            write_output(Path(where), text.encode(errors="backslashreplace"))
    if whole is None:
        _draw(found, asked)
    else:
        _draw_across(found, whole, asked)


def _draw_across(found: Report, whole: Across, asked: argparse.Namespace) -> None:
    if asked.html:
        from regbench.reports.page import across as page

        page.write_page(found, whole, Path(asked.html))
    if asked.figures:
        from regbench.reports.paper import across as paper

        paper.write_figures(whole, Path(asked.figures))


def _draw(found: Report, asked: argparse.Namespace) -> None:
    if asked.html:
        from regbench.reports.page.document import (
            write_page,  # plotly, and matplotlib below, take most of a second
        )

        write_page(found, Path(asked.html))
    if asked.figures:
        from regbench.reports.paper.comparison import write_figures

        write_figures(found, Path(asked.figures))
    if asked.tensorboard:
        from regbench.reports.tensorboard import write_events

        try:
            write_events(found, Path(asked.tensorboard))
        except ValueError as error:
            raise ConfigError(f"compare: --tensorboard: {error}") from error

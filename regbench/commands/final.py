"""regbench final: read the sealed test split once for a search's winner and its tuned baseline."""

from __future__ import annotations

import argparse
import json
import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING

from regbench.composition.trust import HELP, Trust
from regbench.errors import ConfigError
from regbench.folders.outputs import write_output
from regbench.reports.final_text import said, show
from regbench.studies.searching.confirmed import confirmed_of
from regbench.studies.searching.rounds import StudyFolder
from regbench.studies.study import Output, refuse_output
from regbench.terminal.arguments import Arguments, path
from regbench.terminal.imports import kept
from regbench.terminal.screen import Terminal

if TYPE_CHECKING:
    from regbench.analysis.final import FinalReport

COMMAND = "final"
FORMAT = 1  # of the JSON
EPILOG = """
STUDY is the folder of a search that has confirmed its winner, or has not: outputs/searches/NAME. All runs of
its confirmation are read, once; a second call shows what was read. Nothing is chosen by it: the winner stays
who it was on val, whatever test says.
"""


def main(argv: list[str]) -> int:
    """Read it, or show what was read.

    Raises:
        ConfigError: there is no search that has ended there, or a run of it cannot be read; then none is.
    """
    parser = Arguments(
        prog="regbench final",
        description=__doc__,
        epilog=EPILOG,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("study", type=path, metavar="STUDY")
    parser.add_argument("--trust", action="store_true", help=HELP)
    parser.add_argument("--json", metavar="FILE", type=path, help="write what was read to a file")
    asked = parser.parse_args(argv)
    trust = Trust(asked.trust, f"type {shlex.join(['regbench', COMMAND, *map(str, argv), '--trust'])}")
    if asked.json is not None:
        refuse_output(COMMAND, Output("--json", asked.json, False, lambda *_: None))
    folder = StudyFolder(asked.study)
    if folder.final() is None:
        confirmed_of(folder)
    # Not at the top: torch takes seconds, and a wrong folder is answered at once.
    with kept():
        from regbench.studies.searching.final import read_final

    report = read_final(asked.study, trust)
    show(Terminal(), report)
    if asked.json is not None:
        try:
            write_output(asked.json, as_json(report).encode(errors="backslashreplace"))
        except OSError as error:
            where = error.filename or asked.json
            raise ConfigError(f"{COMMAND}: --json: {where}: {error.strerror}") from error
    return 0


def as_json(report: FinalReport) -> str:
    """The whole report, and what it comes to in sentences."""
    whole = {"format": FORMAT, **asdict(report), "said": said(report)}
    return json.dumps(whole, indent=1, allow_nan=False) + "\n"

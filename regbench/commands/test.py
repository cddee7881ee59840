"""regbench test: read the sealed test split of finished runs, and count it."""

from __future__ import annotations

import shlex
from pathlib import Path

from regbench.composition.recorded import read_run
from regbench.composition.trust import HELP, Trust
from regbench.errors import ConfigError, printable
from regbench.records.files import READ_VERSIONS, read_summary
from regbench.records.summary import Summary
from regbench.terminal.arguments import Arguments, path
from regbench.terminal.columns import Table
from regbench.terminal.imports import kept
from regbench.terminal.screen import Terminal, print_table


def main(argv: list[str]) -> int:
    """Measure the last and the best weights of each run on its test split.

    Raises:
        ConfigError: a folder holds no finished run, or its data have changed; then none is read.
    """
    parser = Arguments(prog="regbench test", description=__doc__)
    parser.add_argument("folders", type=path, metavar="RUN_FOLDER", nargs="+")
    parser.add_argument("--trust", action="store_true", help=HELP)
    asked = parser.parse_args(argv)
    trust = Trust(asked.trust, f"type {shlex.join(['regbench', 'test', *map(str, argv), '--trust'])}")
    summaries = {folder: _finished(folder, trust) for folder in asked.folders}
    # Not at the top: torch takes seconds, and a wrong folder is answered at once.
    with kept():
        from regbench.runs.sealed import read_counted, require_readable

    for folder in summaries:
        require_readable(folder, trust)
    rows: dict[str, list[list[str]]] = {}
    for folder in summaries:
        test = read_counted(folder, trust)
        decider = summaries[folder].terms.decider
        cells = (f"{of[decider.name]:.4f} ({of['loss']:.4f})" for of in (test.last, test.best) if of)
        rows.setdefault(decider.noun, []).append([printable(folder), *cells, str(test.reads)])
    headings = ["run", "last weights", "best weights", "times read"]
    for noun, several in rows.items():
        print_table(Terminal(), Table(f"test split: {noun} (loss)", headings, several))
    return 0


def _finished(folder: Path, trust: Trust) -> Summary:
    read_run(folder, trust=trust)
    summary = read_summary(folder)
    if summary is None or not summary.status.finished:
        status = summary.status if summary else "unfinished"
        raise ConfigError(f"{folder}: must be a finished run, and is {status}")
    if summary.version not in READ_VERSIONS:
        readable = " or ".join(map(str, READ_VERSIONS))
        raise ConfigError(f"{folder}: must hold a record of version {readable}, and is of {summary.version}")
    return summary

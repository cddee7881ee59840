"""regbench resume: continue a run after its last finished epoch."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from regbench.arguments import Arguments
from regbench.holding import held
from regbench.records import ENDED, read_summary
from regbench.runs import read_run


def main(argv: list[str]) -> int:
    """Continue the run of a folder; return the exit status.

    Raises:
        ConfigError: the folder is no run folder, or cannot be continued.
    """
    parser = Arguments(prog="regbench resume", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="RUN_FOLDER")
    folder = parser.parse_args(argv).folder
    config, choices = read_run(folder)  # before a lock is put into what is no run folder
    with held(folder):
        return _resume(folder, config, choices)


def _resume(folder: Path, config: dict[str, Any], choices: dict[str, str]) -> int:
    from regbench import job  # not at the top: torch takes seconds, and a wrong folder is answered at once

    summary = read_summary(folder)
    if summary and summary["status"] in ENDED:
        reason = f" ({summary['reason']})" if summary["reason"] else ""
        print(f"{folder}: the run has ended, status {summary['status']}{reason}; nothing to continue")
        return job.EXIT_STATUS[summary["status"]]
    try:
        status = job.resume(job.Job(config, folder, choices, Console()))
    except OSError as error:
        print(f"regbench: {error}", file=sys.stderr)
        return 2
    return job.EXIT_STATUS[status]

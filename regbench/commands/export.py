"""regbench export: the model of a run for those who do not have regbench."""

from __future__ import annotations

import shlex

from regbench.composition.recorded import read_run
from regbench.composition.trust import HELP, Trust
from regbench.errors import ConfigError, as_typed
from regbench.records.files import undamaged
from regbench.records.status import Status
from regbench.terminal.arguments import Arguments, path
from regbench.terminal.imports import kept
from regbench.terminal.screen import Terminal


def main(argv: list[str]) -> int:
    """Write weights, the model's constructor call, its preprocessing, programs and a README into a folder.

    Raises:
        ConfigError: the run was pruned, its model cannot be loaded, or the folder holds something else.
    """
    parser = Arguments(prog="regbench export", description=__doc__)
    parser.add_argument("run", type=path, metavar="RUN_FOLDER")
    parser.add_argument(
        "--to", type=path, metavar="DIR", required=True, help="a new folder, or an earlier export's"
    )
    parser.add_argument(
        "--weights",
        choices=("best", "last"),
        default="best",
        help="of the best epoch, or those that the run ended with (default: best)",
    )
    parser.add_argument("--trust", action="store_true", help=HELP)
    asked = parser.parse_args(argv)
    trust = Trust(asked.trust, f"type {shlex.join(['regbench', 'export', *map(str, argv), '--trust'])}")
    read_run(asked.run, trust=trust)
    found = undamaged(asked.run)
    if found and found.status is Status.PRUNED:
        raise ConfigError(f"{asked.run}: must be a run that was not given up, and is {found.status}")
    # Not at the top: torch takes seconds, and a wrong folder is answered at once.
    with kept():
        from regbench.runs.export.folder import export, refuse_others, write

    refuse_others(asked.to)
    made = export(asked.run, asked.weights, trust)
    write(asked.to, made)
    terminal = Terminal()
    said = f"{', '.join(made.files)} in {as_typed(asked.to)}; README.md says how they are used"
    for line in (*made.notes, said):
        terminal.print(line, markup=False, highlight=False, soft_wrap=True)
    return 0

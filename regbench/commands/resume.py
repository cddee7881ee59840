"""regbench resume: continue a run after its last finished epoch, or make it longer."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import Any

from regbench.assembly.launched import require_shares
from regbench.composition.recorded import distrust_of, read_run
from regbench.composition.settings import meant
from regbench.composition.trust import HELP, Trust, require_trusted
from regbench.errors import ConfigError, printable
from regbench.folders.claims import require_ours
from regbench.folders.lock import locked
from regbench.instantiation.boundary import refusing
from regbench.instantiation.checking import Distrust
from regbench.terminal.arguments import Arguments, path
from regbench.terminal.imports import kept
from regbench.terminal.screen import Screen

LENGTH = "train.epochs"


def main(argv: list[str]) -> int:
    """Continue the run of a folder; return the exit status.

    Raises:
        ConfigError: the folder is no run folder, or cannot be continued.
    """
    parser = Arguments(prog="regbench resume", description=__doc__)
    parser.add_argument("folder", type=path, metavar="RUN_FOLDER")
    longer = "go on to so many epochs, also after the last one; the records are those of a run of that length"
    parser.add_argument("--trust", action="store_true", help=HELP)
    parser.add_argument("overrides", metavar=f"{LENGTH}=N", nargs="*", default=[], help=longer)
    order = sorted(argv, key=lambda word: (word[:1] != "-", word.startswith(f"{LENGTH}=")))
    asked = parser.parse_args(order)  # options and the folder first
    folder = asked.folder
    if str(folder).startswith(f"{LENGTH}=") and not os.path.lexists(folder):
        raise ConfigError(f"RUN_FOLDER: must stand before {LENGTH}=N, got none")
    trust = Trust(asked.trust, f"type {shlex.join(['regbench', 'resume', *map(str, argv), '--trust'])}")
    config, choices = read_run(folder, trust=trust)  # before a lock is put into what is no run folder
    require_shares(config)
    epochs = _length(asked.overrides)
    require_ours(folder)
    if epochs is not None:
        require_trusted(config, distrust_of(folder, trust))
        folder = _longer(folder, epochs, trust)
        config, choices = read_run(folder, trust=trust)
    return _resume(folder, config, choices, distrust_of(folder, trust))


def _length(words: list[str]) -> int | None:
    """The number of epochs that is asked for."""
    for word in words:
        key, equals, value = word.partition("=")
        if key != LENGTH or not equals:
            close = meant(key, [LENGTH])
            raise ConfigError(
                f"{key}: cannot be changed, as resume takes {LENGTH}=N alone, got {word!r}{close}"
            )
        if not re.fullmatch(r"\d+(\.0*)?", value):
            raise ConfigError(f"{LENGTH}: must be a whole number, got {value!r}")
    if len(words) > 1:
        raise ConfigError(f"{LENGTH}: given twice, as {words[0]} and as {words[1]}")
    return int(words[0].partition("=")[2].partition(".")[0]) if words else None


def _longer(folder: Path, epochs: int, trust: Trust) -> Path:
    """Make the run one of so many epochs; return its folder, which may have another name now."""
    with kept():
        from regbench.runs.lengthening import lengthen  # not at the top: torch takes seconds

    with locked(folder):
        try:
            with refusing(f"{folder}: ", OSError):
                there = lengthen(folder, epochs, trust)
        except OSError as error:
            raise ConfigError(f"{folder}: {error}") from error
    if there == folder:
        return folder
    there = Path(os.path.relpath(there)) if not folder.is_absolute() else there
    print(printable(f"{folder} is called {there} from now on, by its new identity"))
    return there


def _resume(folder: Path, config: dict[str, Any], choices: dict[str, str], distrust: Distrust | None) -> int:
    # Not at the top: torch takes seconds, and a wrong folder is answered at once.
    with kept():
        from regbench.runs.folder import RunFolder
        from regbench.runs.work import Policy, work_in

    outcome = work_in(RunFolder(config, folder, choices, Screen(), distrust), Policy.CONTINUE)
    if isinstance(outcome.error, ConfigError):
        raise outcome.error
    if outcome.error is not None:
        raise ConfigError(outcome.reason) from outcome.error
    if outcome.idle:
        reason = f" ({outcome.reason})" if outcome.reason else ""
        print(printable(f"{folder}: the run has ended, status {outcome.status}{reason}; nothing to continue"))
    return outcome.exit_code

"""regbench train: a Hydra app. What needs torch, which takes seconds, is imported once the line is right."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from regbench.assembly.launched import refuse_ranks, require_shares, this_rank
from regbench.composition.command_line import CommandLine, Flags
from regbench.composition.complaints import first_line
from regbench.composition.compose import compose_jobs, keys_of, read_line
from regbench.composition.composed import Composed
from regbench.composition.composer import Composer
from regbench.composition.hydra_interface import BASE, PRIMARY, run_one
from regbench.composition.paths import config_dir
from regbench.composition.recorded import choices_of, read_run
from regbench.composition.settings import read_settings, resolved
from regbench.composition.spelling import quoted
from regbench.errors import ConfigError, of_the_system, printable
from regbench.folders.claims import Claim, adopt, claim
from regbench.folders.exclusion import said
from regbench.folders.lock import refuse_locked
from regbench.folders.placement import refuse_others
from regbench.folders.state import State, refuse_begun, state_of
from regbench.records.identity import identity
from regbench.records.status import Status
from regbench.terminal.imports import kept
from regbench.terminal.screen import Screen

COMPLETION = re.compile(r"(install|uninstall|query)=(bash|fish|zsh)")

RUN_DIR = "hydra.run.dir"


def main(argv: list[str]) -> int:
    """Check every job, then let Hydra run them; return the exit status.

    Raises:
        ConfigError: a job cannot be run; none has been.
    """
    line = read_line(argv)
    if line.multirun:
        refuse_ranks("train -m")
    if line.hydra_help:
        Flags(PRIMARY).print_help()
        return 0
    if line.shell_completion:
        raise ConfigError("train: --shell-completion is for the shell; type regbench -sc install=bash")
    composer = Composer(line.config_dir)
    jobs = compose_jobs(line, composer)
    if line.help or line.info or line.cfg:
        _show(line.for_hydra())
        return 0
    for composed in jobs:
        read_settings(composed.config)
        if not line.multirun:
            _refuse_placing(line)
            refuse_others(composed.folder, RUN_DIR)
    if line.multirun:
        return _sweep(line, composer, jobs)
    with kept():
        from regbench.assembly.run import check

    (composed,) = jobs
    require_shares(composed.config)
    check(composed.config)
    refuse_locked(composed.folder, _tell)
    if _goes_on():
        _refuse_another(composed)
    else:
        refuse_begun(composed.folder)
    return _run(line, composer, composed.folder)


def _sweep(line: CommandLine, composer: Composer, jobs: Sequence[Composed]) -> int:
    """Run the jobs of a command line; none are known where a sweeper says only later what it will run."""
    with kept():
        from regbench.sweeps.folder import arranged
        from regbench.sweeps.launcher import Launch
        from regbench.sweeps.sweep import SOME_FAILED, sweep

    if jobs:
        with Launch(line, composer) as launch:
            return sweep(launch, *arranged(line, jobs), line.fail_fast)
    if Launch(line, composer).leaves:
        raise ConfigError(
            "hydra/sweeper: must be basic where hydra/launcher takes jobs elsewhere, as another one is not "
            "told what becomes of them"
        )
    codes: list[int] = []
    _hydra(line.for_hydra(), codes)
    return SOME_FAILED if any(codes) else 0


def _refuse_placing(line: CommandLine) -> None:
    """Refuse what is said of the jobs of a sweep, for a single run.

    Raises:
        ConfigError: the line has it.
    """
    for key in keys_of(line.overrides):
        if key in ("devices", "per_device"):
            raise ConfigError(f"{key}: is for a sweep, and needs -m; a single run has device=cuda:1")


def _goes_on() -> bool:
    """Whether torchrun has started this very line before, so that its run is gone on with."""
    rank = this_rank()
    return rank is not None and rank.restarts > 0


def _refuse_another(composed: Composed) -> None:
    """Refuse to go on in the folder of another run: torchrun starts again what was refused, too.

    Raises:
        ConfigError: it holds one.
    """
    folder = composed.folder
    if state_of(folder) is not State.NEW and identity(read_run(folder)[0]) != identity(composed.config):
        raise ConfigError(f"{RUN_DIR}: {folder} holds another run; train into another folder")


def _run(line: CommandLine, composer: Composer, folder: Path) -> int:
    """Run the one job of a command line in a folder that is claimed before Hydra writes into it."""
    mode = next((o for o in line.overrides if keys_of([o]) == ["hydra.mode"]), "hydra.mode=RUN")
    if mode.partition("=")[2].strip("'\"").upper() != "RUN":
        raise ConfigError(
            f"hydra.mode: must be RUN without -m, got {mode}; a sweep is typed as regbench train -m"
        )
    if line_on_locks := said(folder):
        _tell(line_on_locks)
    claimed = claim(folder, RUN_DIR)
    codes: list[int] = []

    def task(cfg: DictConfig) -> None:
        status, code = run_job(cfg, claimed)
        codes.append(code)
        if status == Status.INTERRUPTED:
            raise KeyboardInterrupt  # the command line turns it into status 130

    # the folder by its name: one that is made of the time would be another one by now
    words = [*(o for o in line.overrides if keys_of([o]) != [RUN_DIR]), f"{RUN_DIR}={quoted(folder)}"]
    try:
        run_one(composer.loader, words, task)
    except Exception as error:  # of Hydra's own writing
        reason = of_the_system(error)
        if not reason:
            raise
        claimed.give_back()
        raise ConfigError(f"{RUN_DIR}: {folder} cannot be written: {reason}") from error
    return codes[0]


def _tell(sentence: str) -> None:
    print(printable(sentence), flush=True)


def complete(words: list[str]) -> int:
    """Have Hydra complete the line in COMP_LINE, or print what installs that in a shell.

    Raises:
        ConfigError: the words are not those that the shell's completion calls.
    """
    if len(words) != 2 or words[0] not in ("-sc", "--shell-completion") or not COMPLETION.fullmatch(words[1]):
        raise ConfigError(
            "-sc: must be followed by install=, uninstall= or query= and bash, fish or zsh, "
            f"got {' '.join(words[1:]) or 'nothing'}"
        )
    if words[1].startswith("query"):
        with suppress(ConfigError):  # half a line may not compose, and a trace is no completion
            _show(words)
    else:
        _show(words)
    return 0


def _show(argv: list[str]) -> None:
    """Let Hydra print what it is asked for; nothing runs.

    Raises:
        ConfigError: it cannot.
    """
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            _hydra(argv, [])
    except SystemExit as error:
        if error.code:
            lines = [line for line in said.getvalue().splitlines() if line.strip() and line[0] != " "]
            told = [line for line in lines if not line.startswith("Traceback")]
            raise ConfigError(f"train: {told[0] if told else 'cannot be shown'}") from error
    except (BrokenPipeError, ConfigError):
        raise
    except Exception as error:
        raise ConfigError(f"train: {first_line(error)}") from error


def _hydra(argv: list[str], codes: list[int]) -> None:
    def task(cfg: DictConfig) -> str:
        folder = Path(HydraConfig.get().runtime.output_dir)
        status, code = run_job(cfg, adopt(folder, "hydra.sweep.subdir"))
        codes.append(code)
        if status == Status.INTERRUPTED:
            raise KeyboardInterrupt  # ends a sweep; the command line turns it into status 130
        return status

    before, sys.argv = sys.argv, [sys.argv[0], *argv]
    try:
        hydra.main(config_path=str(config_dir()), config_name=PRIMARY, version_base=BASE)(task)()
    finally:
        sys.argv = before


def run_job(cfg: DictConfig, claimed: Claim) -> tuple[str, int]:
    """Run one job in the folder that is claimed for it; return its status and exit code."""
    with kept():
        from regbench.runs.folder import RunFolder
        from regbench.runs.work import REFUSED, Policy, work_in

    about = HydraConfig.get()
    folder = Path(about.runtime.output_dir)
    shown = Path(os.path.relpath(folder)) if folder.is_relative_to(Path.cwd()) else folder
    policy = Policy.CONTINUE if _goes_on() else Policy.FRESH
    outcome = work_in(RunFolder(resolved(cfg), shown, choices_of(about), Screen()), policy)
    if outcome.status == REFUSED:  # where another process works in it, it is not ours to tidy up
        claimed.give_back()
    if outcome.reason:
        print(f"regbench: {printable(outcome.reason)}", file=sys.stderr)
    return outcome.status, outcome.exit_code

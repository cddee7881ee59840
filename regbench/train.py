"""regbench train: a Hydra app."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from rich.console import Console

from regbench import checkpoint, job
from regbench.build import check
from regbench.composition import BASE, PRIMARY, ComposedJob, compose_jobs
from regbench.config import resolved
from regbench.errors import ConfigError
from regbench.paths import config_dir
from regbench.runs import choices_of, import_from

OURS = (".hydra", "train.log", "metrics.jsonl", "environment.json", "tensorboard", "summary.json")


def main(argv: list[str]) -> int:
    """Check every job, then let Hydra run them; return the exit status.

    Raises:
        ConfigError: a job cannot be run; none has been.
    """
    args = _parser().parse_intermixed_args(argv)
    argv = [*_options(argv, args.overrides), *args.overrides]  # Hydra wants them apart
    if args.config_name or args.config_path:
        raise ConfigError(
            "train: --config-name and --config-path are not for regbench; add options by --config-dir"
        )
    import_from(*([args.config_dir] if args.config_dir else []))
    codes: list[int] = []
    if args.help or args.hydra_help or args.shell_completion or args.info:
        _hydra(argv, codes)
        return 0
    jobs = compose_jobs(args)
    if args.cfg:
        _hydra(argv, codes)
        return 0
    checked = set()
    for composed in jobs:
        config = json.dumps(composed.config)
        if config not in checked:
            check(composed.config)
            checked.add(config)
        _refuse_occupied(composed.folder)
    _refuse_shared_folders(jobs)
    for folder in {composed.folder.parent for composed in jobs}:
        _refuse_unwritable(folder)
    _hydra(argv, codes)
    failed = [code for code in codes if code]
    if not failed:
        return 0
    return failed[0] if len(codes) == 1 else 4


def _parser() -> argparse.ArgumentParser:
    """Hydra's own, with its complaints in one line."""
    parser = get_args_parser()

    def complain(message: str) -> NoReturn:
        raise ConfigError(f"train: {message}; see `regbench train --hydra-help`")

    parser.error = complain  # type: ignore[method-assign]
    return parser


def _options(argv: Sequence[str], overrides: Sequence[str]) -> list[str]:
    """The words of a command line that are no overrides."""
    left = Counter(overrides)
    options = []
    for word in argv:
        if left[word]:
            left[word] -= 1
        else:
            options.append(word)
    return options


def _hydra(argv: list[str], codes: list[int]) -> None:
    def task(cfg: DictConfig) -> str:
        status, code = run_job(cfg)
        codes.append(code)
        if status == "interrupted":
            raise KeyboardInterrupt  # ends a sweep; the command line turns it into status 130
        return status

    before, sys.argv = sys.argv, [sys.argv[0], *argv]
    try:
        hydra.main(config_path=str(config_dir()), config_name=PRIMARY, version_base=BASE)(task)()
    finally:
        sys.argv = before


def run_job(cfg: DictConfig) -> tuple[str, int]:
    """Run one job in the folder that Hydra made for it; return its status and exit code."""
    about = HydraConfig.get()
    folder = Path(about.runtime.output_dir)
    console = Console()
    shown = Path(os.path.relpath(folder)) if folder.is_relative_to(Path.cwd()) else folder
    try:
        _refuse_occupied(shown)
        status = job.train(job.Job(resolved(cfg), shown, choices_of(about), console))
    except (ConfigError, OSError) as error:
        forget(folder)
        print(f"regbench: {error}", file=sys.stderr)
        return "failed", 2
    return status, job.EXIT_STATUS[status]


def forget(folder: Path) -> None:
    """Remove what was left in a folder by a job that never finished an epoch, and nothing else."""
    if checkpoint.exists(folder):
        return
    for name in OURS:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    for empty in (folder, *folder.parents):
        if empty == Path.cwd() or not empty.is_dir() or any(empty.iterdir()):
            return
        empty.rmdir()


def _refuse_shared_folders(jobs: Sequence[ComposedJob]) -> None:
    for folder, count in Counter(composed.folder for composed in jobs).items():
        if count > 1:
            raise ConfigError(
                f"hydra.sweep.subdir: must differ from job to job, and {count} jobs share {folder}"
            )


def _refuse_occupied(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"hydra.run.dir: {folder} must be a folder, and is a file")
    if checkpoint.exists(folder):
        raise ConfigError(f"{folder}: holds a checkpoint; continue it with `regbench resume {folder}`")


def _refuse_unwritable(folder: Path) -> None:
    """Try it out, and take everything away again."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ConfigError(f"hydra.run.dir: {folder} cannot be written: {error.strerror}") from error
    finally:
        for path in missing:
            if path.is_dir():
                path.rmdir()

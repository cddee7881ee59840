"""Every job of a command line, composed before any of them starts; Hydra's errors in one sentence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode

from regbench.composition.command_line import ELSEWHERE, FAIL_FAST, FORCE, CommandLine, Flags
from regbench.composition.complaints import flat
from regbench.composition.composed import Composed
from regbench.composition.composer import Composer
from regbench.composition.devices import as_list
from regbench.composition.hydra_interface import PRIMARY
from regbench.composition.members import require_members
from regbench.composition.option_sources import require_folder
from regbench.composition.overrides import refuse_odd
from regbench.composition.ranges import refuse_many
from regbench.composition.recorded import import_from
from regbench.composition.settings import likely
from regbench.composition.spelling import bare, typed
from regbench.errors import ConfigError
from regbench.terminal.bar import shown

RATE = "optimizer.lr"
LAUNCHER = "hydra/launcher"


def read_line(words: Sequence[str], command: str = PRIMARY) -> CommandLine:
    """A command line of `train` or of what reads one; its folders are put on the import path.

    Args:
        words: what stands after the command.
        command: for what is said of a wrong word.

    Raises:
        ConfigError: it has an option that is not for regbench, or cannot be read.
    """
    line = Flags(command, _with_dashes).read(words)
    line = replace(line, overrides=tuple(map(as_list, line.overrides)))
    for option, asked in ((FORCE, line.force), (FAIL_FAST, line.fail_fast)):
        if asked and command == PRIMARY and not line.multirun:
            raise ConfigError(f"train: {option} is for a sweep, and needs -m")
    if line.config_dir is not None:
        require_folder(line.config_dir)
    import_from(*([line.config_dir] if line.config_dir else []))
    return line


def _with_dashes(message: str) -> str:
    """What to type where a setting was typed as an option, from the parser's complaint."""
    found = re.search(r"unrecognized arguments: -+([A-Za-z][\w.-]*)(=\S+)?", message)
    if not found:
        return ""
    keys = list(flat(Composer(None).compose([], RunMode.RUN)))
    likeliest = likely(found[1].replace("-", "_"), keys)
    if len(likeliest) != 1:
        return ""
    return f"a setting has no dashes, as in {typed(likeliest[0] + (found[2] or '=VALUE'))}"


def refuse_options(line: CommandLine, command: str) -> None:
    """Refuse Hydra's options that run nothing, for a command that they mean nothing to.

    Raises:
        ConfigError: the line has one of them.
    """
    for name in ELSEWHERE:
        if getattr(line, name):
            raise ConfigError(f"{command}: --{name.replace('_', '-')} is for `regbench train`")


def compose_jobs(line: CommandLine, composer: Composer | None = None) -> list[Composed]:
    """The jobs of a command line, in order.

    Args:
        line: the command line.
        composer: of its folder of options; where it is used again, it composes nothing twice.

    Raises:
        ConfigError: the command line or a configuration is wrong.
    """
    composer = composer or Composer(line.config_dir)
    try:
        overrides = sound_words(line, composer)
        if not line.multirun:
            return [_heeded(composer.job(overrides, "hydra.run.dir"))]
        jobs = composer.sweep(overrides)
        return _each(composer, jobs)
    finally:
        HydraConfig.instance().cfg = None


def sound_words(line: CommandLine, composer: Composer) -> list[str]:
    """The words of a line, which say no key twice and nothing that would be passed over in silence.

    Raises:
        ConfigError: they do.
    """
    overrides = in_sweep(list(line.overrides)) if line.multirun else list(line.overrides)
    _refuse_repeated(composer, overrides)
    refuse_odd(composer.words.read(overrides))
    composer.require_settings(overrides)
    return overrides


def compose_each(
    line: CommandLine, jobs: Sequence[list[str]], composer: Composer | None = None
) -> list[Composed]:
    """Jobs of a sweep whose overrides are known, as `compose_jobs` gives them.

    Args:
        line: whose folder of options they are composed from.
        jobs: the overrides of each.
        composer: see `compose_jobs`.

    Raises:
        ConfigError: a configuration is wrong.
    """
    refuse_many(len(jobs), "config")
    composer = composer or Composer(line.config_dir)
    try:
        return _each(composer, jobs)
    finally:
        HydraConfig.instance().cfg = None


def _each(composer: Composer, jobs: Sequence[list[str]]) -> list[Composed]:
    """The jobs of a sweep, which take a while where they are many."""
    with shown(jobs, "preparing") as each:
        return [_heeded(composer.job(words, "hydra.sweep.dir", number)) for number, words in enumerate(each)]


def _heeded(job: Composed) -> Composed:
    """Refuse a rate that is typed at the optimizer and passed over, as the model has one of its own.

    Raises:
        ConfigError: it is, or a value is set of a member that was never added.
    """
    require_members(job.config.get("reg"))
    optimizer: Any = job.config.get("optimizer")
    train: Any = job.config.get("train")
    groups = isinstance(optimizer, dict) and isinstance(train, dict)
    if groups and RATE in keys_of(job.overrides) and optimizer.get("lr") != train.get("lr"):
        raise ConfigError(
            f"{RATE}: would be passed over, as the rate of this run is train.lr={train.get('lr')}; "
            f"type {typed('train.lr=' + str(optimizer.get('lr')))}"
        )
    return job


def keys_of(overrides: Sequence[str]) -> list[str]:
    """The key of each override, without signs and package."""
    return [override.lstrip("+~").split("=", 1)[0].split("@", 1)[0] for override in overrides]


def in_sweep(overrides: list[str]) -> list[str]:
    """The overrides of a sweep: where one is of a launcher that is not named, they are of the default one."""
    keys = keys_of(overrides)
    meant = LAUNCHER not in keys and any(key.startswith("hydra.launcher.") for key in keys)
    return [f"{LAUNCHER}=side_by_side", *overrides] if meant else overrides


def _refuse_repeated(composer: Composer, overrides: Sequence[str]) -> None:
    """Of two values for one key Hydra keeps the last without a word."""
    seen: dict[str, str] = {}
    for override, text in zip(composer.words.read(overrides), overrides, strict=True):
        key = bare(override.get_key_element())
        if key in seen and key == "reg":
            names = ",".join(t.partition("=")[2].strip("[]") for t in (seen[key], text))
            right = typed(f"+reg=[{names}]")
            raise ConfigError(f"reg: given twice, and only the last would count; write {right}")
        if key in seen:
            raise ConfigError(f"{key}: given twice, as {seen[key]} and as {text}")
        seen[key] = text

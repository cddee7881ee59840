"""Every job of a command line, composed before any of them starts; Hydra's errors in one sentence."""

from __future__ import annotations

import argparse
import copy
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from hydra import version
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path, get_args_parser
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from regbench.config import PARTS, resolved
from regbench.errors import ConfigError
from regbench.fields import nearest
from regbench.paths import config_dir
from regbench.runs import choices_of, import_from

PRIMARY = "train"
FORCE = "--force"  # run what is finished again, into new folders
ELSEWHERE = ("cfg", "info", "hydra_help", "shell_completion", "run")  # options of Hydra that run nothing
BASE = "1.3"  # the Hydra version whose behaviour is asked for


@dataclass
class ComposedJob:
    """A resolved configuration, and what Hydra makes of it.

    Attributes:
        config: resolved.
        folder: where it will run; of a job of a sweep, the sweep's folder as the command line has it.
        overrides: the words of the command line that make it.
        choices: which option of each group was chosen.
    """

    config: dict[str, Any]
    folder: Path
    overrides: list[str]
    choices: dict[str, str]


def parsed(argv: list[str], command: str = PRIMARY) -> tuple[argparse.Namespace, list[str]]:
    """A command line of `train` or `plan` as Hydra's parser reads it, and in the order that Hydra wants.

    Args:
        argv: its words.
        command: the first of them, for what is said of a wrong one.

    Raises:
        ConfigError: it has an option that is not for regbench, or cannot be read.
    """
    parser = get_args_parser()

    def complain(message: str) -> NoReturn:
        raise ConfigError(f"{command}: {message}; see `regbench train --hydra-help`")

    parser.error = complain  # type: ignore[method-assign]
    parser.add_argument(FORCE, action="store_true")
    args = parser.parse_intermixed_args(argv)
    if args.config_name or args.config_path:
        raise ConfigError(
            f"{command}: --config-name and --config-path are not for regbench; add options by --config-dir"
        )
    if args.force and not args.multirun:
        raise ConfigError(f"train: {FORCE} is for a sweep, and needs -m")
    import_from(*([args.config_dir] if args.config_dir else []))
    return args, [*_options(argv, args.overrides), *args.overrides]


def refuse_options(args: argparse.Namespace, command: str) -> None:
    """Refuse Hydra's options that run nothing, for a command that they mean nothing to.

    Raises:
        ConfigError: the line has one of them.
    """
    for name in ELSEWHERE:
        if getattr(args, name, None):
            raise ConfigError(f"{command}: --{name.replace('_', '-')} is for `regbench train`")


def _options(argv: Sequence[str], overrides: Sequence[str]) -> list[str]:
    """The words of a command line that are no overrides, and not ours."""
    left = Counter([*overrides, FORCE])
    options = []
    for word in argv:
        if left[word]:
            left[word] -= 1
        else:
            options.append(word)
    return options


def compose_jobs(args: argparse.Namespace) -> list[ComposedJob]:
    """The jobs that Hydra will run for its parsed command line, in order.

    Raises:
        ConfigError: the command line or a configuration is wrong.
    """
    with_hydra = Composer(args.config_dir)
    try:
        overrides = list(args.overrides)
        _refuse_repeated(with_hydra, overrides)
        if not args.multirun:
            return [with_hydra.job(overrides, "hydra.run.dir")]
        jobs = with_hydra.sweep(in_sweep(overrides))
        return [with_hydra.job(job, "hydra.sweep.dir", number) for number, job in enumerate(jobs)]
    finally:
        GlobalHydra.instance().clear()
        HydraConfig.instance().cfg = None


def compose_each(args: argparse.Namespace, lines: Sequence[list[str]]) -> list[ComposedJob]:
    """Jobs of a sweep whose overrides are known, as `compose_jobs` gives them.

    Raises:
        ConfigError: a configuration is wrong.
    """
    with_hydra = Composer(args.config_dir)
    try:
        return [with_hydra.job(line, "hydra.sweep.dir", number) for number, line in enumerate(lines)]
    finally:
        GlobalHydra.instance().clear()
        HydraConfig.instance().cfg = None


def keys_of(overrides: Sequence[str]) -> list[str]:
    """The key of each override, without signs and package."""
    return [override.lstrip("+~").split("=", 1)[0].split("@", 1)[0] for override in overrides]


def in_sweep(overrides: list[str]) -> list[str]:
    """The overrides of a sweep: one thread for each job, unless the command line says how many."""
    return overrides if "threads" in keys_of(overrides) else [*overrides, "threads=1"]


class Composer:
    """Hydra as `regbench train` sets it up, for looking only."""

    def __init__(self, extra: str | None) -> None:
        GlobalHydra.instance().clear()
        version.setbase(BASE)
        path = create_config_search_path(str(config_dir()))
        if extra is not None:
            if not os.path.isdir(extra):
                raise ConfigError(f"--config-dir: must be a folder, got {extra}")
            where = f"file://{os.path.abspath(extra)}"
            path.prepend(provider="command-line", path=where, anchor=SearchPathQuery(provider="schema"))
        self.hydra = Hydra.create_main_hydra2(task_name=PRIMARY, config_search_path=path)
        self._composed: dict[tuple[str, ...], DictConfig] = {}
        self._groups = {*self.hydra.config_loader.list_groups("")}
        self.parser = OverridesParser.create(config_loader=self.hydra.config_loader)

    def sweep(self, overrides: list[str]) -> list[list[str]]:
        """The overrides of each job of a multirun; none where the sweeper is not Hydra's own."""
        config = self.compose(overrides, RunMode.MULTIRUN)
        sweeper = config.hydra.sweeper
        if not sweeper._target_.endswith("BasicSweeper"):
            return []
        params = [f"{name}={value}" for name, value in (sweeper.params or {}).items()]
        parsed = self.parse([*params, *overrides])
        empty = [o.input_line for o in parsed if o.is_sweep_override() and not list(o.sweep_iterator())]
        if empty:
            raise ConfigError(f"{empty[0]}: must list at least one value to sweep over")
        return [job for batch in BasicSweeper.split_arguments(parsed, None) for job in batch]

    def _is_group(self, override: str) -> bool:
        name = override.lstrip("+~").split("=", 1)[0].split("@", 1)[0]
        return "." not in name and name.split("/", 1)[0] in self._groups

    def parse(self, overrides: list[str]) -> list[Any]:
        try:
            return self.parser.parse_overrides(overrides)
        except OverrideParseException as error:
            reason = str(error.message).removeprefix(f"Error parsing override '{error.override}'").strip()
            reason = reason.splitlines()[0] if reason else "no value"
            raise ConfigError(f"{error.override}: must have the form key=value ({reason})") from error
        except HydraException as error:
            raise ConfigError(_first_line(error)) from error

    def job(self, overrides: list[str], folder_key: str, number: int = 0) -> ComposedJob:
        """One job's resolved configuration and folder."""
        cfg = self._varied(overrides)
        missing = next((part for part in PARTS if part not in cfg), None)
        if missing:
            raise ConfigError(f"{missing}: must be there, and was taken away")
        with open_dict(cfg):
            cfg.hydra.job.num, cfg.hydra.job.id = number, str(number)
        HydraConfig.instance().set_config(cfg)
        try:
            folder = Path(OmegaConf.select(cfg, folder_key))
            choices = choices_of(cfg.hydra)
            with open_dict(cfg):
                del cfg["hydra"]
            return ComposedJob(resolved(cfg), folder, overrides, choices)
        except OmegaConfBaseException as error:
            key = getattr(error, "full_key", "") or "config"
            raise ConfigError(f"{key}: {_first_line(error)}") from error

    def _varied(self, overrides: list[str]) -> DictConfig:
        """What `compose` gives for a run; jobs that choose the same options share all but their values."""
        chosen = [o for o in overrides if self._is_group(o)]
        values = [o for o in overrides if not self._is_group(o)]
        try:
            if tuple(chosen) not in self._composed:
                self._composed[tuple(chosen)] = self.compose(chosen, RunMode.RUN)
                self._refuse_shared_packages(chosen)
            cfg = copy.deepcopy(self._composed[tuple(chosen)])
            ConfigLoaderImpl._apply_overrides_to_config(self.parse(values), cfg)
        except (HydraException, OmegaConfBaseException):
            return self.compose(overrides, RunMode.RUN)  # which says what is wrong with them
        return cfg

    def compose(self, overrides: list[str], mode: RunMode) -> DictConfig:
        try:
            return self._compose(overrides, mode)
        except MissingConfigException as error:
            raise ConfigError(_no_option(error)) from error
        except (HydraException, OmegaConfBaseException) as error:
            raise ConfigError(self._explain(error, overrides)) from error
        except ConfigError:
            raise
        except ValueError as error:  # an option's name that Hydra reads as a number or as null
            raise ConfigError(self._no_name(overrides)) from error

    def _compose(self, overrides: list[str], mode: RunMode) -> DictConfig:
        self.parse(overrides)
        return self.hydra.compose_config(
            config_name=PRIMARY,
            overrides=overrides,
            run_mode=mode,
            from_shell=True,
            with_log_configuration=False,
        )

    def _no_name(self, overrides: list[str]) -> str:
        """What to say of the first override whose option is no name."""
        groups = self.hydra.config_loader.list_groups("")
        for override in self.parse(overrides):
            if override.key_or_group in groups and not isinstance(override.value(), str | list):
                return f"{override.key_or_group}: must be the name of an option, got {override.input_line}"
        return "config: an option must be given by its name"

    def _explain(self, error: Exception, overrides: list[str]) -> str:
        text = _first_line(error)
        if not text.startswith("Could not override '"):
            return text
        unknown = text.removeprefix("Could not override '").removesuffix("'.")
        parts = unknown.split(".")
        known = set(self._keys([o for o in overrides if not o.lstrip("+~").startswith(unknown)]))
        if parts[0] == "reg" and len(parts) > 1 and f"reg.{parts[1]}" not in known:
            return f"reg.{parts[1]}: set, but never added; add it with +reg={parts[1]}"
        return f"{unknown}: no such key{nearest(unknown, known)}"

    def _keys(self, overrides: list[str]) -> Iterator[str]:
        """Every key of the configuration without the override that is wrong."""
        try:
            cfg = self._compose(overrides, RunMode.RUN)
        except (HydraException, OmegaConfBaseException, ConfigError):
            cfg = self._compose([], RunMode.RUN)
        with open_dict(cfg):
            del cfg["hydra"]
        return _flat(OmegaConf.to_container(cfg, resolve=False))

    def _refuse_shared_packages(self, overrides: list[str]) -> None:
        """Two options under one name would merge into one, silently."""
        chosen = self.hydra.config_loader.compute_defaults_list(PRIMARY, overrides, RunMode.RUN).defaults
        packages = [d.package for d in chosen if (d.package or "").startswith("reg.")]
        for name, count in Counter(packages).items():
            if count > 1:
                options = " and ".join(d.config_path for d in chosen if d.package == name)
                raise ConfigError(
                    f"{name}: reached by {options}; to use one technique twice, give each a name: "
                    "'+reg@reg.first=NAME' '+reg@reg.second=NAME'"
                )


def _refuse_repeated(composer: Composer, overrides: Sequence[str]) -> None:
    """Of two values for one key Hydra keeps the last without a word."""
    seen: dict[str, str] = {}
    for override, text in zip(composer.parse(list(overrides)), overrides, strict=True):
        key = override.get_key_element().lstrip("+~")
        if key in seen and key == "reg":
            names = ",".join(t.split("=", 1)[1].strip("[]") for t in (seen[key], text))
            raise ConfigError(f"reg: given twice, and only the last would count; write '+reg=[{names}]'")
        if key in seen:
            raise ConfigError(f"{key}: given twice, as {seen[key]} and as {text}")
        seen[key] = text


def _no_option(error: MissingConfigException) -> str:
    group, _, name = str(error.missing_cfg_file).rpartition("/")
    options = list(error.options or [])
    if not group:
        return f"{name}: no such configuration"
    close = nearest(name, options)
    there = f"; there are {', '.join(options)}" if options and not close else ""
    return f"{group}: no option {name!r}{close}{there}"


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _flat(node: Any, prefix: str = "") -> Iterator[str]:
    for name, value in node.items():
        yield f"{prefix}{name}"
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")

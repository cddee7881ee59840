"""Hydra, set up as `regbench train` sets it up, and what it composes of words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from regbench.composition.assignment import assign
from regbench.composition.complaints import Complaints
from regbench.composition.composed import Composed
from regbench.composition.copies import copier
from regbench.composition.hydra_interface import COMMAND_LINE, PRIMARY, loader_of
from regbench.composition.hydra_settings import choices_of_options, own_words, require_known
from regbench.composition.option_files import LISTED, MADE
from regbench.composition.option_sources import OptionFiles, refuse_shadowed, refuse_unnamed
from regbench.composition.ranges import jobs_of, refuse_endless
from regbench.composition.recorded import choices_of
from regbench.composition.settings import PARTS, SETTINGS, settled
from regbench.composition.template import Shared, Templates
from regbench.composition.unresolved import require_there, unresolved
from regbench.composition.words import Words
from regbench.errors import ConfigError

WHAT = {"reg": "technique", "sinks": "sink"}


class Composer:
    """Composes what is asked for by words, from our options and a person's.

    Args:
        extra: the folder of --config-dir.
        of_one_job: whether the command takes no sweep, with -m or without; it is told so then.

    Attributes:
        loader: Hydra's.
        words: reads words.

    Raises:
        ConfigError: `extra` is no folder.
    """

    def __init__(self, extra: str | None, of_one_job: bool = False) -> None:
        self._own = OptionFiles(extra) if extra is not None else None
        self.loader: ConfigLoader = loader_of(extra, self._own.require_sound if self._own else _sound)
        self._line: list[str] = []  # what is being composed
        self._mode = RunMode.RUN  # and how
        self._complaints = Complaints(self.loader, self._base, self._composes, self._own, of_one_job)
        self.words = Words(self.loader, self._complaints)
        self._by_options: dict[tuple[str, ...], Callable[[], DictConfig]] = {}
        self._templates = Templates(lambda word: self.words.read([word])[0])
        self._known: dict[tuple[str, ...], Any] = {}  # Hydra's own part, by the options of its groups

    def sweep(self, overrides: list[str]) -> list[list[str]]:
        """The overrides of each job of a multirun; none where the sweeper is not Hydra's own."""
        config = self.compose(overrides, RunMode.MULTIRUN)
        sweeper = config.hydra.sweeper
        if not sweeper._target_.endswith("BasicSweeper"):
            return []
        params = [f"{name}={value}" for name, value in (sweeper.params or {}).items()]
        read = self.words.read([*params, *overrides])
        refuse_endless(read)
        self._complaints.in_sweep = True
        return jobs_of(read)

    def require_settings(self, overrides: list[str]) -> None:
        """Refuse what a line sets of Hydra's own that is not for a person to set.

        Raises:
            ConfigError: there is such a setting.
        """
        own = own_words(self.words.read(overrides))
        if own:
            self.compose(own, RunMode.RUN)

    def job(self, overrides: list[str], folder_key: str, number: int = 0) -> Composed:
        """One job's configuration and folder; of jobs that differ in plain values alone one is resolved."""
        chosen, values = self._split(overrides)
        family = self._templates.family(chosen, values, self._chosen(chosen), folder_key)
        shared = self._templates.filled(family)
        if shared is None:
            shared = self._resolved(overrides, folder_key, number)
            self._templates.keep(family, shared)
        return Composed(settled(shared.values), shared.folder, overrides, shared.choices)

    def _resolved(self, overrides: list[str], folder_key: str, number: int) -> Shared:
        cfg = self.varied(overrides)
        choices = choices_of(cfg.hydra)
        there = [*(name for name in cfg if name not in MADE), *choices]
        missing = next((name for name in (*PARTS, *SETTINGS) if name not in there), None)
        if missing:
            raise ConfigError(f"{missing}: must be there, and was taken away")
        with open_dict(cfg):
            cfg.hydra.job.num, cfg.hydra.job.id = number, str(number)
        require_there(cfg)
        HydraConfig.instance().set_config(cfg)
        try:
            folder = OmegaConf.select(cfg, folder_key)
            with open_dict(cfg):
                del cfg["hydra"]
            plain: Any = OmegaConf.to_container(cfg, resolve=True)
        except OmegaConfBaseException as error:
            raise ConfigError(unresolved(cfg, error)) from error
        if not folder:
            raise ConfigError(f"{folder_key}: must be a folder, got nothing")
        return Shared(plain, Path(folder), choices)

    def varied(self, overrides: list[str]) -> DictConfig:
        """What `compose` gives for a run; jobs that choose the same options share all but their values.

        Of what Hydra records of a line it has that of the options alone.
        """
        chosen, values = self._split(overrides)
        try:
            cfg = self._chosen(chosen)()
            assign(cfg, self.words.read(values))
        except Exception:  # OmegaConf fails in ways of its own over the items of a list
            return self.compose(overrides, RunMode.RUN)  # which says what is wrong with them
        return cfg

    def recorded(self, sweep: DictConfig, words: list[str]) -> DictConfig:
        """A job of a sweep with all that Hydra records of it, as `ConfigLoader.load_sweep_config` gives it.

        Args:
            sweep: what was composed of the whole line.
            words: of the job, without Hydra's own that are the sweep's.
        """
        of_sweep: Any = OmegaConf.to_container(sweep.hydra.overrides.hydra, resolve=False)
        overrides = [*of_sweep, *words]
        cfg = self.varied(overrides)
        read = self.words.read(overrides)
        task = [one for one in read if not one.is_hydra_override()]
        cfg.hydra.overrides.hydra = [one.input_line for one in read if one.is_hydra_override()]
        cfg.hydra.overrides.task = [one.input_line for one in task]
        how = cfg.hydra.job.config.override_dirname
        named = sorted(one.input_line for one in task if one.key_or_group not in how.exclude_keys)
        cfg.hydra.job.override_dirname = how.item_sep.join(named).replace("=", how.kv_sep)
        OmegaConf.copy_cache(from_config=sweep, to_config=cfg)  # such as of ${now:...}
        return cfg

    def _split(self, overrides: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
        """The words that choose options, and those that set values."""
        chosen = tuple(word for word in overrides if self.words.chooses(word))
        return chosen, [word for word in overrides if not self.words.chooses(word)]

    def _chosen(self, options: tuple[str, ...]) -> Callable[[], DictConfig]:
        """Gives copies of what is composed of nothing but options."""
        if options not in self._by_options:
            self._by_options[options] = copier(self.compose([*options], RunMode.RUN))
            self._refuse_shared_packages([*options])
        return self._by_options[options]

    def compose(self, overrides: list[str], mode: RunMode) -> DictConfig:
        self._line, self._mode = overrides, mode
        self.words.read(overrides)
        try:
            cfg = self._compose(overrides, mode)
        except ConfigError:
            raise
        except Exception as error:  # Hydra asserts and recurses where a line or a file is odd
            raise ConfigError(self._complaints.of(error, overrides)) from error
        self._require_known(cfg.hydra)
        return cfg

    def _require_known(self, own: DictConfig) -> None:
        if self._own is None and not any("hydra" in word for word in self._line):
            return  # nobody but us has said anything of it
        choices = tuple(choices_of_options(own))
        sources = [one for one in self.loader.get_sources() if one.provider != COMMAND_LINE]
        is_persons = partial(_is_in_none, sources)
        if choices not in self._known:
            trusted = [word for word in choices if not is_persons(word.replace("=", "/"))]
            self._known[choices] = self._compose(trusted, RunMode.RUN).hydra
        require_known(own, self._known[choices], is_persons)

    def _compose(self, overrides: list[str], mode: RunMode) -> DictConfig:
        return self.loader.load_configuration(PRIMARY, overrides, mode)

    def _base(self, kept: Callable[[str], bool]) -> DictConfig:
        """What is composed of the overrides that are kept, or of none where they are wrong too."""
        try:
            return self._compose([word for word in self._line if kept(word)], RunMode.RUN)
        except Exception:
            return self._compose([], RunMode.RUN)

    def _composes(self, overrides: Sequence[str]) -> bool:
        try:
            self._compose(list(overrides), RunMode.MULTIRUN if self._complaints.in_sweep else self._mode)
        except Exception:
            return False
        return True

    def _refuse_shared_packages(self, overrides: list[str]) -> None:
        """Two options under one name would merge into one, silently."""
        chosen = self.loader.compute_defaults_list(PRIMARY, overrides, RunMode.RUN).defaults
        refuse_shadowed(self._own, [d.config_path for d in chosen if "/" in (d.config_path or "")])
        refuse_unnamed(self._own, [d.config_path for d in chosen if d.package in LISTED])
        starts = tuple(f"{group}." for group in LISTED)
        packages = [d.package for d in chosen if (d.package or "").startswith(starts)]
        for name, count in Counter(packages).items():
            if count > 1:
                options = " and ".join(d.config_path for d in chosen if d.package == name)
                group = str(name).partition(".")[0]
                raise ConfigError(
                    f"{name}: reached by {options}; to use one {WHAT[group]} twice, give each a name: "
                    f"'+{group}@{group}.first=NAME' '+{group}@{group}.second=NAME'"
                )


def _sound(_: str) -> None:
    """Where there is no folder of a person's, no file of one is read."""


def _is_in_none(sources: Iterable[Any], option: str) -> bool:
    return not any(source.is_config(option) for source in sources)

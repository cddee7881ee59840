"""Hydra, set up as `regbench train` sets it up, for looking only."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from hydra import version
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from regbench.composition.complaints import Complaints, first_line, flat
from regbench.composition.hydra_settings import FOLDERS, choices_of_options, is_told, require_known
from regbench.composition.option_files import MADE
from regbench.composition.paths import config_dir
from regbench.composition.ranges import refuse_endless
from regbench.composition.recorded import choices_of
from regbench.composition.repository import Repository, copier
from regbench.composition.settings import PARTS, SETTINGS, meant, resolved, settled
from regbench.composition.sources import look_at_files, refuse_shadowed, refuse_unnamed
from regbench.composition.spelling import Speller, require_readable
from regbench.composition.template import Shared, Templates
from regbench.errors import ConfigError

PRIMARY = "train"
MOST_WORDS = 1000  # that are kept as they have been read
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


class Composer:
    """Hydra as `regbench train` sets it up, for looking only."""

    def __init__(self, extra: str | None) -> None:
        GlobalHydra.instance().clear()
        version.setbase(BASE)
        path = create_config_search_path(str(config_dir()))
        if extra is not None:
            require_folder(extra)
            where = f"file://{os.path.abspath(extra)}"
            path.prepend(provider="command-line", path=where, anchor=SearchPathQuery(provider="schema"))
        self.hydra = Hydra.create_main_hydra2(task_name=PRIMARY, config_search_path=path)
        repository = Repository(path)
        self.hydra.config_loader.repository = repository  # type: ignore[attr-defined]
        self._own = look_at_files(repository)
        self._composed: dict[tuple[str, ...], Callable[[], DictConfig]] = {}
        self._templates = Templates(lambda word: self.parse([word])[0])
        self._known: dict[tuple[str, ...], Any] = {}  # Hydra's own part, by the options of its groups
        self._groups = {*self.hydra.config_loader.list_groups("")}
        self.parser = OverridesParser.create(config_loader=self.hydra.config_loader)
        self._words: dict[str, Any] = {}  # as they have been read
        self._line: list[str] = []  # what is being composed
        self.complaints = Complaints(self.hydra.config_loader, self._base, self._composes, self._own)

    def sweep(self, overrides: list[str]) -> list[list[str]]:
        """The overrides of each job of a multirun; none where the sweeper is not Hydra's own."""
        config = self.compose(overrides, RunMode.MULTIRUN)
        sweeper = config.hydra.sweeper
        if not sweeper._target_.endswith("BasicSweeper"):
            return []
        params = [f"{name}={value}" for name, value in (sweeper.params or {}).items()]
        parsed = self.parse([*params, *overrides])
        refuse_endless(parsed)
        self.complaints.in_sweep = True
        return [job for batch in BasicSweeper.split_arguments(parsed, None) for job in batch]

    def _is_group(self, override: str) -> bool:
        name = override.lstrip("+~").split("=", 1)[0].split("@", 1)[0]
        return "." not in name and name.split("/", 1)[0] in self._groups

    def parse(self, overrides: list[str]) -> list[Any]:
        require_readable(overrides)
        parsed = [self._read(word) for word in overrides]
        for index, one in enumerate(parsed):
            if one is None or not one.key_or_group:
                speller = Speller(self._read, self.complaints.options, self.parser.functions.functions)
                raise ConfigError(speller.complaint(overrides, index))
        wrong = self.complaints.no_names(parsed)
        if wrong:
            raise ConfigError(wrong)
        return parsed

    def _read(self, word: str) -> Any:
        """A word as Hydra reads it, or None where it cannot; kept, as a long one takes a while."""
        if word not in self._words:
            if len(self._words) >= MOST_WORDS:
                self._words.clear()
            try:
                self._words[word] = self.parser.parse_overrides([word])[0]
            except Exception:  # of Hydra, of ANTLR, of Python's reading of numbers
                self._words[word] = None
        return self._words[word]

    def require_settings(self, overrides: list[str]) -> None:
        """Refuse what a line sets of Hydra's own that is not for a person to set.

        Raises:
            ConfigError: there is such a setting.
        """
        words = list(zip(overrides, self.parse(overrides), strict=True))
        own = [word for word, one in words if one.key_or_group.split("/")[0].split(".")[0] == "hydra"]
        if any(one.key_or_group == "hydra.searchpath" for _, one in words):  # composing would read there
            raise ConfigError("hydra.searchpath: must be empty; add options by --config-dir")
        for _, one in words:
            told = one.key_or_group.removeprefix("hydra.")
            if one.key_or_group == "hydra" or (told != one.key_or_group and is_told(told)):
                raise ConfigError(f"{one.key_or_group}: is found by Hydra itself, and must be left out")
            if told != one.key_or_group and told in FOLDERS and isinstance(one.value(), dict | list | None):
                raise ConfigError(
                    f"{one.key_or_group}: must be a folder, got {one.get_value_element_as_str()}"
                )
        if own:
            self.compose(own, RunMode.RUN)

    def job(self, overrides: list[str], folder_key: str, number: int = 0) -> ComposedJob:
        """One job's configuration and folder; of jobs that differ in plain values alone one is resolved."""
        chosen = tuple(o for o in overrides if self._is_group(o))
        values = [o for o in overrides if not self._is_group(o)]
        family = self._templates.family(chosen, values, self._chosen(chosen), folder_key)
        shared = self._templates.filled(family)
        if shared:
            return ComposedJob(settled(shared.values), shared.folder, overrides, shared.choices)
        cfg = self._varied(overrides)
        choices = choices_of(cfg.hydra)
        there = [*(name for name in cfg if name not in MADE), *choices]
        missing = next((name for name in (*PARTS, *SETTINGS) if name not in there), None)
        if missing:
            raise ConfigError(f"{missing}: must be there, and was taken away")
        with open_dict(cfg):
            cfg.hydra.job.num, cfg.hydra.job.id = number, str(number)
        HydraConfig.instance().set_config(cfg)
        try:
            folder = OmegaConf.select(cfg, folder_key)
            with open_dict(cfg):
                del cfg["hydra"]
            plain: Any = OmegaConf.to_container(cfg, resolve=True)
        except OmegaConfBaseException as error:
            raise ConfigError(_unresolved(cfg, error)) from error
        if not folder:
            raise ConfigError(f"{folder_key}: must be a folder, got nothing")
        self._templates.keep(family, Shared(plain, Path(folder), choices))
        return ComposedJob(settled(plain), Path(folder), overrides, choices)

    def _varied(self, overrides: list[str]) -> DictConfig:
        """What `compose` gives for a run; jobs that choose the same options share all but their values."""
        chosen = tuple(o for o in overrides if self._is_group(o))
        values = [o for o in overrides if not self._is_group(o)]
        try:
            cfg = self._chosen(chosen)()
            ConfigLoaderImpl._apply_overrides_to_config(self.parse(values), cfg)
        except Exception:  # OmegaConf fails in ways of its own over the items of a list
            return self.compose(overrides, RunMode.RUN)  # which says what is wrong with them
        return cfg

    def _chosen(self, options: tuple[str, ...]) -> Callable[[], DictConfig]:
        """Gives copies of what is composed of nothing but options."""
        if options not in self._composed:
            self._composed[options] = copier(self.compose([*options], RunMode.RUN))
            self._refuse_shared_packages([*options])
        return self._composed[options]

    def compose(self, overrides: list[str], mode: RunMode) -> DictConfig:
        self._line = overrides
        self.parse(overrides)
        try:
            cfg = self._compose(overrides, mode)
        except ConfigError:
            raise
        except Exception as error:  # Hydra asserts and recurses where a line or a file is odd
            raise ConfigError(self.complaints.of(error, overrides)) from error
        self._require_known(cfg.hydra)
        return cfg

    def _require_known(self, own: DictConfig) -> None:
        choices = tuple(choices_of_options(own))
        sources = [one for one in self.hydra.config_loader.get_sources() if one is not self._own]
        is_persons = partial(_is_in_none, sources)
        if choices not in self._known:
            trusted = [word for word in choices if not is_persons(word.replace("=", "/"))]
            self._known[choices] = self._compose(trusted, RunMode.RUN).hydra
        require_known(own, self._known[choices], is_persons)

    def _compose(self, overrides: list[str], mode: RunMode) -> DictConfig:
        return self.hydra.compose_config(
            config_name=PRIMARY,
            overrides=overrides,
            run_mode=mode,
            from_shell=True,
            with_log_configuration=False,
        )

    def _base(self, kept: Callable[[str], bool]) -> DictConfig:
        """What is composed of the overrides that are kept, or of none where they are wrong too."""
        try:
            return self._compose([word for word in self._line if kept(word)], RunMode.RUN)
        except Exception:
            return self._compose([], RunMode.RUN)

    def _composes(self, overrides: Sequence[str]) -> bool:
        try:
            self._compose(list(overrides), RunMode.MULTIRUN if self.complaints.in_sweep else RunMode.RUN)
        except Exception:
            return False
        return True

    def _refuse_shared_packages(self, overrides: list[str]) -> None:
        """Two options under one name would merge into one, silently."""
        chosen = self.hydra.config_loader.compute_defaults_list(PRIMARY, overrides, RunMode.RUN).defaults
        refuse_shadowed(self._own, [d.config_path for d in chosen if "/" in (d.config_path or "")])
        refuse_unnamed(self._own, [d.config_path for d in chosen if d.package == "reg"])
        packages = [d.package for d in chosen if (d.package or "").startswith("reg.")]
        for name, count in Counter(packages).items():
            if count > 1:
                options = " and ".join(d.config_path for d in chosen if d.package == name)
                raise ConfigError(
                    f"{name}: reached by {options}; to use one technique twice, give each a name: "
                    "'+reg@reg.first=NAME' '+reg@reg.second=NAME'"
                )


def require_folder(extra: str) -> None:
    """Refuse a --config-dir that is none, before it is put on the import path.

    Raises:
        ConfigError: it is no folder.
    """
    if not os.path.isdir(extra):
        raise ConfigError(f"--config-dir: must be a folder, got {extra or 'nothing'}")


def _is_in_none(sources: Iterable[Any], option: str) -> bool:
    return not any(source.is_config(option) for source in sources)


def _unresolved(cfg: DictConfig, error: Exception) -> str:
    """What is said of a reference that leads nowhere: of a value, where a folder's name has it from one."""
    whole: Any = OmegaConf.to_container(cfg, resolve=False)
    with open_dict(cfg):
        cfg.pop("hydra", None)
    try:
        resolved(cfg)
    except OmegaConfBaseException as inner:
        error = inner
    key = getattr(error, "full_key", "") or "config"
    text: Any = whole
    for part in key.split("."):
        text = text.get(part, "") if isinstance(text, dict) else ""
    return _sentence(key, str(text), error, flat(cfg))


def _sentence(key: str, text: str, error: Exception, known: Iterable[str]) -> str:
    """One sentence on a reference that leads nowhere.

    Args:
        key: whose value it stands in.
        text: that value.
        error: what OmegaConf says.
        known: every key of the configuration.
    """
    said = first_line(error)
    if found := re.search(r"Interpolation key '(.*)' not found", said):
        return f"{key}: {text} refers to {found[1]}, and there is no such key{meant(found[1], known)}"
    if found := re.search(r"Unsupported interpolation type (\S+)", said):
        return f"{key}: {text} asks for {found[1]}, which must be one that Hydra has, such as oc.env"
    if found := re.search(r"Environment variable '(.*)' not found", said):
        return f"{key}: the environment variable {found[1]} must be set, and is not"
    if "Recursive interpolation" in said:
        return f"{key}: {text} must not refer to itself"
    if "Missing mandatory value" in said or "MissingMandatoryValue" in said:
        name = said.rpartition("Missing mandatory value: ")[2]
        if name.startswith("hydra.") and key != name and "${" in text:
            return f"{key}: {text} refers to {name}, which has no value yet"
        return f"{name}: must have a value, got ???"
    return f"{key}: {text} cannot be resolved: {said.rpartition('interpolation: ')[2]}"

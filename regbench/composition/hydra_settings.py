"""Which of Hydra's own settings a person may change, and to what; the others name code, or places."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any

from omegaconf import OmegaConf

from regbench.errors import ConfigError, brief

MOST_WORKERS = 1000
CHOSEN = ("hydra/launcher", "hydra/sweeper", "hydra/job_logging", "hydra/hydra_logging")
TOLD = (
    "runtime",
    "overrides",
    "job.override_dirname",
    "job.num",
    "job.id",
    "job.config_name",
)  # by Hydra itself
FOLDERS = ("run.dir", "sweep.dir", "sweep.subdir")
WHY = {
    "output_subdir": "must be .hydra, from which a run is read back",
    "searchpath": "must be empty; add options by --config-dir",
    "mode": "must be null; a line with -m is a sweep, and every other one run",
    "callbacks": "must be empty, as what it names would be called",
    "job.chdir": "must be false, so that relative paths are of the folder that the line is typed in",
    "job.name": "must be train, which the log of a run is called by",
}


def choices_of_options(own: Any) -> list[str]:
    """The words that choose the options of Hydra's groups as a composed configuration has them.

    Args:
        own: the part `hydra` of a composed configuration.
    """
    return [
        f"{group}={name}" for group, name in own.runtime.choices.items() if group.startswith(CHOSEN) and name
    ]


def own_words(overrides: Sequence[Any]) -> list[str]:
    """The words of a line that set what is Hydra's own.

    Args:
        overrides: as Hydra's parser reads them.

    Raises:
        ConfigError: one sets what is not for a person to set, whatever its value.
    """
    if any(one.key_or_group == "hydra.searchpath" for one in overrides):  # composing would read there
        raise ConfigError(f"hydra.searchpath: {WHY['searchpath']}")
    for one in overrides:
        told = one.key_or_group.removeprefix("hydra.")
        if one.key_or_group == "hydra" or (told != one.key_or_group and _within(told, TOLD)):
            raise ConfigError(f"{one.key_or_group}: is found by Hydra itself, and must be left out")
        if told != one.key_or_group and told in FOLDERS and isinstance(one.value(), dict | list | None):
            raise ConfigError(f"{one.key_or_group}: must be a folder, got {one.get_value_element_as_str()}")
    return [one.input_line for one in overrides if re.split(r"[./]", one.key_or_group)[0] == "hydra"]


def require_known(own: Any, known: Any, is_persons: Callable[[str], bool]) -> None:
    """Refuse what is not for a person to set.

    Args:
        own: the part `hydra` of a composed configuration.
        known: that of the line without any settings but `choices_of_options`.
        is_persons: whether an option, such as hydra/launcher/mine, is of a person's own folder.

    Raises:
        ConfigError: a setting is none that may be changed, or has a value that it cannot have.
    """
    for group, name in own.runtime.choices.items():
        if group.startswith("hydra/") and name and is_persons(f"{group}/{name}"):
            raise ConfigError(
                f"{group}: must be an option of Hydra's or of a package that is installed, got {name}"
            )
    asked, there = dict(_leaves(_plain(own))), dict(_leaves(_plain(known)))
    for key in [*asked, *(key for key in there if key not in asked)]:
        if asked.get(key, "") != there.get(key, "") and not _within(key, TOLD):
            _require(key, asked, there)


def _require(key: str, asked: Mapping[str, Any], there: Mapping[str, Any]) -> None:
    if key not in asked and any(_within(other, (key,)) for other in asked):
        return  # it was empty, and what was put there is looked at by itself
    if key not in asked:
        raise ConfigError(f"hydra.{key}: must be there, and was taken away")
    value = asked[key]
    for name, why in WHY.items():
        if _within(key, (name,)):
            raise ConfigError(f"hydra.{name}: {why}, got {_shown(value)}")
    complaint = _complaint(key, value, key in there)
    if complaint:
        raise ConfigError(f"hydra.{key}: {complaint}, got {_shown(value)}")


def _complaint(key: str, value: Any, is_known: bool) -> str:
    """What must hold of a setting that differs from what Hydra has; empty where it does."""
    if key in FOLDERS:
        return "" if value is None or isinstance(value, str) else "must be a folder"
    if key == "verbose":
        words = value if isinstance(value, list) else [value]
        named = all(isinstance(word, str) and word for word in words)
        return "" if isinstance(value, bool) or named else "must be true, false or names of loggers"
    if key == "job_logging.root.handlers":  # which a sweep sets by itself
        return (
            ""
            if isinstance(value, list) and {*value} <= {"console", "file"}
            else "must be console, file or both"
        )
    if key in ("job_logging.root.level", "hydra_logging.root.level"):
        levels = logging.getLevelNamesMapping()
        return "" if value in levels else f"must be one of {', '.join(levels)}"
    if key.startswith("job.env_set."):
        return "" if isinstance(value, str) and "\0" not in value else "must be a text"
    if key.startswith("sweeper.params."):
        return "" if isinstance(value, str | int | float) else "must be the values of a sweep"
    if is_known and key.startswith(("launcher.", "sweeper.")) and not key.endswith("_target_"):
        holds, must = RIGHT.get(key.partition(".")[2], (lambda _: True, ""))
        return "" if holds(value) else f"must be {must}"
    return "is not to be set here, and must be left out"


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_word(value: Any) -> bool:
    """Whether Slurm can be given it in one line of a script."""
    return value is None or (
        isinstance(value, str | int) and re.fullmatch(r"[!-~]{1,200}", str(value)) is not None
    )


WORD = (_is_word, "null or a word")
MAYBE_COUNT = (lambda value: value is None or _is_count(value), "null or a whole number of at least 1")
MOST_MINUTES = 366 * 24 * 60  # of a job of Slurm's


def _is_share(value: Any) -> bool:
    """Whether a job can take so much of what is counted in wholes: a part of one, or some."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return 0 <= value < 1 or (1 <= value <= MOST_WORKERS and value == int(value))


# what must hold of the values of the launchers and sweepers that come with regbench, and how it is said
RIGHT: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "n_jobs": (
        lambda value: value == -1 or (_is_count(value) and value <= MOST_WORKERS),
        f"-1, for all cores, or a whole number in [1, {MOST_WORKERS}]",
    ),
    "backend": (lambda value: value in (None, "loky", "multiprocessing"), "loky, multiprocessing or null"),
    "prefer": (lambda value: value in (None, "processes"), "processes or null"),
    "require": (lambda value: value is None, "null, as each job has a process of its own"),
    "timeout": (lambda value: value is None or value > 0, "null or a number of seconds above 0"),
    "pre_dispatch": (
        lambda value: re.fullmatch(r"all|[1-9]\d{0,5}|([1-9]\d{0,3} ?\* ?)?n_jobs", str(value)) is not None,
        "all, a whole number of at least 1, or such as 2*n_jobs",
    ),
    "batch_size": (
        lambda value: re.fullmatch(r"auto|[1-9]\d{0,5}", str(value)) is not None,
        "auto or a whole number of at least 1",
    ),
    "max_nbytes": (
        lambda value: value is None or re.fullmatch(r"\d{1,15}[KMG]?", str(value)) is not None,
        "null, a number of bytes, or such as 1M",
    ),
    "mmap_mode": (lambda value: value in (None, "r", "r+", "w+", "c"), "r, r+, w+, c or null"),
    "max_batch_size": MAYBE_COUNT,
    "timeout_min": (
        lambda value: _is_count(value) and value <= MOST_MINUTES,
        f"a whole number of minutes in [1, {MOST_MINUTES}]",
    ),
    "signal_delay_s": (_is_count, "a whole number of seconds of at least 1"),
    "mem_gb": (
        lambda value: (
            value is None or (isinstance(value, int | float) and 0 < value < 1e5 and value is not True)
        ),
        "null or a number of GB above 0",
    ),
    "cpus_per_task": MAYBE_COUNT,
    "gpus_per_node": (
        lambda value: value in (None, 0) or _is_count(value),
        "null or a whole number of at least 0",
    ),
    "array_parallelism": (_is_count, "a whole number of at least 1"),
    **dict.fromkeys(["partition", "account", "qos", "constraint", "gres", "exclude"], WORD),
    "name": WORD,
    "address": (
        lambda value: value is None or (isinstance(value, str) and bool(value)),
        "HOST:PORT of a Ray cluster, auto, local or null",
    ),
    "num_cpus": (
        lambda value: value is None or (_is_share(value) and value > 0),
        f"null, for the threads of a job, a part of 1, or a whole number in [1, {MOST_WORKERS}]",
    ),
    "num_gpus": (
        lambda value: value is None or _is_share(value),
        f"null, 0, a part of 1, or a whole number in [1, {MOST_WORKERS}]",
    ),
    "retries": (lambda value: value == 0 or (_is_count(value) and value <= 2), "0, 1 or 2"),
    "at_once": (
        lambda value: value is None or _is_count(value),
        "null, for as many as there is room for, or a whole number of at least 1",
    ),
}


def _plain(node: Any) -> Any:
    return OmegaConf.to_container(node, resolve=False)


def _leaves(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of a tree by its full key; an empty mapping is a value."""
    for name, value in node.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _within(key: str, names: tuple[str, ...]) -> bool:
    return any(key == name or key.startswith(f"{name}.") for name in names)


def _shown(value: Any) -> str:
    text = value.name if isinstance(value, Enum) else str(value).lower() if isinstance(value, bool) else value
    return "null" if value is None else brief(text) or "nothing"

"""What Hydra has written of a run's command line into `.hydra`, read back: as data, and as nothing else."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf

from regbench.composition.option_files import LISTED, MADE
from regbench.composition.settings import read_settings, resolved
from regbench.errors import ConfigError, brief
from regbench.folders.ownership import KEYS
from regbench.storage.reading import DEEPEST, MIB, check_sane, content, require_folder, sentence

FOLDER = ".hydra"
CONFIG, ABOUT, WORDS = "config.yaml", "hydra.yaml", "overrides.yaml"
LARGEST_FILE = 4 * MIB
LONGEST = 2000  # signs of a text with references, which are slow to read
MOST_REFERENCES = 2000  # of a file
MOST = 100_000  # values of a file, each counted as often as an alias or a reference repeats it
PLAIN = ("str", "int", "float", "bool", "null", "map", "seq")  # tags that make no object


def read(folder: Path) -> tuple[DictConfig, DictConfig]:
    """The configuration of a run folder as it was composed, and Hydra's own, below `hydra`.

    Raises:
        ConfigError: the folder is no run folder, or its record cannot be read.
    """
    require_folder(folder)
    config, about = (_mapping(folder, name) for name in (CONFIG, ABOUT))
    missing = next((key for key in KEYS if key not in config), None)
    if missing:
        raise ConfigError(
            f"{folder}: {FOLDER}/{CONFIG} must be that of a run of regbench, and has no {missing}; "
            "another application may have made the folder"
        )
    try:
        _check_about(OmegaConf.to_container(about, resolve=False))
    except ValueError as error:
        raise ConfigError(f"{folder}: {FOLDER}/{ABOUT} is not Hydra's: {error}") from error
    return config, about


def settled(folder: Path, cfg: DictConfig, typed_in: str, epochs: int | None = None) -> dict[str, Any]:
    """The resolved configuration of a run's record, its shared settings checked.

    Args:
        folder: of the run.
        cfg: as it was composed.
        typed_in: the folder that its relative paths are of.
        epochs: as if the run had been given so many, whether or not that makes sense.

    Raises:
        ConfigError: it cannot be resolved, or is none.
    """
    what = f"{folder}: {FOLDER}/{CONFIG}"
    try:
        if epochs is not None:
            OmegaConf.update(cfg, "train.epochs", epochs)
        config = resolved(cfg, typed_in)
        check_sane(config)
        if epochs is None:
            read_settings(config)
    except ConfigError as error:
        raise ConfigError(f"{what} is not that of a run: {error}") from error
    except Exception as error:  # a reference may lead anywhere, and be of any kind
        raise ConfigError(f"{what} cannot be read: {sentence(error)}") from error
    for group in (*MADE, *(one for one in LISTED if one in config)):
        _require_targets(what, group, config[group], leaf=group in MADE)
    return config


def _require_targets(what: str, key: str, node: Any, leaf: bool) -> None:
    """Refuse a part that names nothing to build, or a stack that is none."""
    if not isinstance(node, Mapping):
        raise ConfigError(
            f"{what} is not that of a run: {key}: must be a group of settings, got {node!r:.50}"
        )
    if leaf or "_target_" in node:
        if not isinstance(node.get("_target_"), str):
            raise ConfigError(f"{what} is not that of a run: {key}._target_: must be the path of a class")
        return
    for name, member in node.items():
        _require_targets(what, f"{key}.{name}", member, leaf=False)


def _mapping(folder: Path, name: str) -> DictConfig:
    path = folder / FOLDER / name
    try:
        found = content(path, LARGEST_FILE)
        if found is None:
            raise ConfigError(f"{folder}: must be the folder of a run, and holds no {FOLDER}/{name}")
        return mapping(found.decode())
    except ConfigError:
        raise
    except (OSError, ValueError) as error:
        raise ConfigError(f"{folder}: {FOLDER}/{name} cannot be read: {sentence(error)}") from error


def mapping(text: str) -> DictConfig:
    """The keys and values of a text of YAML.

    Raises:
        ValueError: it is no YAML, holds something else, makes objects, or would grow beyond `MOST` values.
    """
    try:
        _require_plain(text)
        found = OmegaConf.load(io.StringIO(text))
        plain: Any = OmegaConf.to_container(found, resolve=False)
        _require_text_keys(plain)
        _require_few_references(plain)
    except yaml.MarkedYAMLError as error:
        at = error.problem_mark or error.context_mark
        where = f" in line {at.line + 1}, column {at.column + 1}" if at else ""
        raise ValueError(f"{error.problem or error.context}{where}") from error
    except Exception as error:  # OmegaConf, and what it stands on, fail in many ways
        raise ValueError(sentence(error)) from error
    if not isinstance(found, DictConfig):
        raise ValueError(f"it must hold keys and values, and holds {type(plain).__name__}")
    return found


def _require_plain(text: str) -> None:
    """Refuse tags that make objects, and anchors within anchors, by what a parser meets; it makes nothing."""
    sizes: dict[str, int] = {}
    open_: list[tuple[str | None, int]] = []  # anchors of what has begun, and how many values there were
    count, documents = 0, 0
    for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        documents += isinstance(event, yaml.DocumentStartEvent)
        if isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_.pop()
            sizes |= {anchor: count - before} if anchor else {}
            continue
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes:
                raise ValueError(f"*{brief(event.anchor)} must not stand in what it stands for")
            count += sizes[event.anchor]
        elif isinstance(event, yaml.NodeEvent):
            _require_plain_tag(event)
            if isinstance(event, yaml.CollectionStartEvent):
                open_.append((event.anchor, count))
            elif event.anchor:
                sizes[event.anchor] = 1
            count += 1
        if count > MOST or len(open_) > DEEPEST or documents > 1:
            raise ValueError(
                f"it must be one document of at most {MOST} values, an alias counted as what it stands for, "
                f"nested at most {DEEPEST} deep"
            )


def _require_plain_tag(event: Any) -> None:
    tag = event.tag
    if tag not in (None, "!", *(f"tag:yaml.org,2002:{name}" for name in PLAIN)):
        raise ValueError(f"line {event.start_mark.line + 1} must have no tag, got {brief(tag)}")


def _require_text_keys(value: Any) -> None:
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _require_text_keys(item)
    if isinstance(value, dict):
        for name in value:
            if not isinstance(name, str):
                raise ValueError(f"a key must be text, got {name!r:.50}")


def _require_few_references(plain: Mapping[str, Any]) -> None:
    """Refuse references to references to ..., which would fill the memory once they are followed.

    A value counts as what its references may stand for, be it more than what they do.
    """
    costs: dict[str, int] = {}
    seen = 0
    following: set[str] = set()

    def cost(value: Any, key: str) -> int:
        if key in costs:
            return costs[key]
        if key in following:  # a circle, which is refused where it is followed
            return 0
        nonlocal seen
        following.add(key)
        items = _items(value)
        total = 1 + sum(cost(item, f"{key}.{name}".lstrip(".")) for name, item in items.items())
        if isinstance(value, str):
            total += len(value) // 1000
        if isinstance(value, str) and "${" in value:
            seen += value.count("${")
            if len(value) > LONGEST or seen > MOST_REFERENCES:
                raise ValueError(f"{brief(key)} must be shorter, for it has references")
            total += sum(cost(_at(plain, name), name) for name in _referred(value, key))
        following.discard(key)
        costs[key] = min(total, MOST + 1)
        return costs[key]

    if cost(plain, "") > MOST:
        raise ValueError(f"its references must lead to at most {MOST} values")


def _items(value: Any) -> Mapping[str, Any]:
    if isinstance(value, dict):
        return value
    return {str(number): item for number, item in enumerate(value)} if isinstance(value, list) else {}


def _referred(text: str, key: str) -> list[str]:
    """Keys that references in a text may mean, as often as it has them: `a.b`, or `..b` from its place."""
    found = []
    for dots, name in re.findall(r"(\.*)([\w.\[\]]+)", text):
        name = re.sub(r"\[(\w+)\]", r".\1", name).strip(".")
        place = key.split(".")[: -len(dots)] if dots else []
        found.append(".".join([*place, name]))
    return found


def _at(plain: Any, key: str) -> Any:
    for part in key.split("."):
        plain = _items(plain).get(part)
    return plain


def _check_about(about: Any) -> None:
    """Refuse what does not say how a run was started.

    Raises:
        ValueError: it does not.
    """
    for path, kind in (
        ("runtime.cwd", str),
        ("runtime.choices", dict),
        ("runtime.config_sources", list),
        ("overrides.task", list),
        ("job", dict),
    ):
        value = _at(about, f"hydra.{path}")
        if not isinstance(value, kind):
            named = {str: "text", dict: "keys and values", list: "a list"}[kind]
            raise ValueError(f"hydra.{path} must be {named}, got {type(value).__name__}")
    hydra = about["hydra"]
    for source in hydra["runtime"]["config_sources"]:
        texts = isinstance(source, dict) and all(isinstance(source.get(k), str) for k in ("path", "provider"))
        if not texts:
            raise ValueError("hydra.runtime.config_sources must have a path and a provider each")
    if not all(isinstance(word, str) for word in hydra["overrides"]["task"]):
        raise ValueError("hydra.overrides.task must be words")
    if not all(isinstance(name, str | None) for name in hydra["runtime"]["choices"].values()):
        raise ValueError("hydra.runtime.choices must be names")

"""Jobs of a sweep that differ in plain values alone: one is composed and resolved, the others filled in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from regbench.composition.copies import copier
from regbench.composition.settings import RESOLVERS
from regbench.errors import ConfigError

KEY = r"[A-Za-z_]\w*(?:\.\w+|\[\w+\])*"
OF_VALUES = (*RESOLVERS, "oc.env", "now")  # resolvers that know of nothing but what they are given
# A reference of which the text says what it refers to: `${key}`, `${resolver:...}`, or a key by its name.
# Of Hydra's own part only what is the same for all jobs with the same options.
Key = tuple[str, ...]
PLAIN = re.compile(
    rf"\$\{{\s*(?:(?!hydra\b){KEY}\s*\}}|hydra[.:]runtime\.(?:choices\.\w+|cwd)\s*\}}"
    rf"|(?:{'|'.join(map(re.escape, OF_VALUES))}):|oc\.select:(?!hydra\b){KEY}\s*[,}}])"
)


@dataclass(frozen=True)
class Word:
    """A word of a job's line.

    Attributes:
        text: as it stands there.
        sign: whether it adds, such as `+` or `~`; empty where it sets what is there.
        key: what it sets.
        value: a plain one; None as well where `is_plain` is false.
        is_plain: whether it sets a number, a text without references, a truth value or null.
        references: texts in its value that refer to others.
    """

    text: str
    sign: str
    key: str
    value: Any
    is_plain: bool
    references: tuple[str, ...]

    @classmethod
    def of(cls, override: Override) -> Word:
        """As Hydra's parser has read it."""
        text, key = str(override.input_line), str(override.key_or_group)
        sign = text[: len(text) - len(text.lstrip("+~"))]
        value = None if override.is_delete() or override.is_sweep_override() else override.value()
        is_plain = (
            sign in ("", "+", "++")
            and "=" in text
            and override.package is None
            and type(value) in (int, float, bool, str, type(None))
            and not (isinstance(value, str) and ("$" in value or value == "???"))
        )
        return cls(text, sign, key, value if is_plain else None, is_plain, tuple(_references(value)))


class References:
    """What the values of a configuration refer to, by their texts.

    Args:
        cfg: composed of nothing but the options, with Hydra's own part.
        folder_key: whose value is resolved beside those of the configuration.
    """

    def __init__(self, cfg: DictConfig, folder_key: str) -> None:
        plain: Any = OmegaConf.to_container(cfg, resolve=False)
        values = {name: value for name, value in plain.items() if name != "hydra"}
        folder: Any = plain
        for part in folder_key.split("."):
            folder = folder.get(part) if isinstance(folder, dict) else None
        self._texts = [*_references([folder, values])]
        self._nodes: dict[Key, str] = {(): "group"}
        for name, value in _children(cfg).items():
            self._nodes |= dict(_nodes(value, (name,))) if name != "hydra" else {}

    def free(self, words: Sequence[Word]) -> set[int]:
        """The places of words that change the value of their own key, and no other."""
        texts = [*self._texts, *(text for word in words for text in word.references)]
        if not all(text.count("${") == len(PLAIN.findall(text)) for text in texts):
            return set()
        named = {_parts(key) for text in texts for key in re.findall(KEY, text)}
        keys = [_parts(word.key) for word in words]
        return {
            place
            for place, (word, key) in enumerate(zip(words, keys, strict=True))
            if word.is_plain
            and key[:1] != ("hydra",)
            and not any(_meet(key, other) for other in named)
            and sum(_meet(key, other) for other in keys) == 1
            and self._takes(key, word.sign)
        }

    def _takes(self, key: Key, sign: str) -> bool:
        """Whether a key is there, or is added to a group, and has whatever value it is set to."""
        if key in self._nodes:
            return self._nodes[key] == "value"
        above = (key[:end] for end in range(len(key) - 1, -1, -1))
        return bool(sign) and self._nodes[next(one for one in above if one in self._nodes)] == "group"


def _nodes(node: Any, key: Key) -> Iterator[tuple[Key, str]]:
    """Every key of a part of a configuration: a value of any kind, a group of keys, or something else."""
    if not OmegaConf.is_config(node):
        yield key, "value"
        return
    plain = OmegaConf.get_type(node) is dict and isinstance(OmegaConf.to_container(node, resolve=False), dict)
    yield key, "group" if plain else "other"  # such as a list, or a group that is null
    for name, value in _children(node).items() if plain else ():
        yield from _nodes(value, (*key, name))


def _children(node: DictConfig) -> dict[str, Any]:
    return {str(name): value for name, value in node.items_ex(resolve=False)}


def _parts(key: str) -> Key:
    return tuple(part for part in re.split(r"[.\[\]]", key) if part)


def _meet(one: Key, other: Key) -> bool:
    """Whether two keys are one, or one lies within the other."""
    least = min(len(one), len(other))
    return one[:least] == other[:least]


def _references(node: Any) -> Iterator[str]:
    """The texts within a value that refer to others."""
    if isinstance(node, dict | list):
        for value in node.values() if isinstance(node, dict) else node:
            yield from _references(value)
    elif isinstance(node, str) and "${" in node:
        yield node


@dataclass(frozen=True)
class Shared:
    """What a job has, before its values are settled.

    Attributes:
        values: of its configuration, references replaced by what they refer to.
        folder: where it will run.
        choices: which option of each group was chosen.
    """

    values: dict[str, Any]
    folder: Path
    choices: dict[str, str]


@dataclass(frozen=True)
class Family:
    """What a job has in common with those that differ from it in free words alone, and its own of these."""

    common: tuple[Any, ...]
    free: list[Word]


class Templates:
    """Jobs that were composed, for those to come that differ from one of them in free words alone.

    Args:
        read: gives a word of a line as Hydra's parser reads it; may raise ConfigError.
    """

    def __init__(self, read: Callable[[str], Override]) -> None:
        self._read = read
        self._words: dict[str, Word] = {}
        self._references: dict[tuple[Any, ...], References] = {}
        self._free: dict[tuple[Any, ...], set[int]] = {}
        self._kept: dict[tuple[Any, ...], Callable[[], Shared]] = {}

    def family(
        self,
        options: tuple[str, ...],
        values: Sequence[str],
        composed: Callable[[], DictConfig],
        folder_key: str,
    ) -> Family:
        """The family of a job.

        Args:
            options: those of its words that choose options.
            values: those that set values.
            composed: gives what is composed of the options.
            folder_key: whose value is its folder.
        """
        try:
            words = [self._word(text) for text in values]
        except ConfigError:  # what is wrong is said where the job is composed
            return Family((options, *values, folder_key), [])
        if (options, folder_key) not in self._references:
            self._references[options, folder_key] = References(composed(), folder_key)
        shape = tuple((word.sign, word.key) if word.is_plain else word.text for word in words)
        if (options, folder_key, shape) not in self._free:
            self._free[options, folder_key, shape] = self._references[options, folder_key].free(words)
        free = self._free[options, folder_key, shape]
        bound = tuple(shape[place] if place in free else word.text for place, word in enumerate(words))
        return Family((options, folder_key, bound), [words[place] for place in sorted(free)])

    def _word(self, text: str) -> Word:
        if text not in self._words:
            self._words[text] = Word.of(self._read(text))
        return self._words[text]

    def keep(self, family: Family, job: Shared) -> None:
        """Take a job for others of its family."""
        self._kept[family.common] = copier(job)

    def filled(self, family: Family) -> Shared | None:
        """A job by another one of its family; None where there is none yet, or one that lacks a key."""
        if family.common not in self._kept:
            return None
        made = self._kept[family.common]()
        for word in family.free:
            *path, name = _parts(word.key)
            node: Any = made.values
            for part in path:
                node = node.get(part) if isinstance(node, dict) else None
            if not isinstance(node, dict) or name not in node:
                return None
            node[name] = word.value
        return made

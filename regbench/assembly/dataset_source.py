"""The dataset of a configuration as a source: one of ours, a person's own, or a torch Dataset."""

from __future__ import annotations

import inspect
import os
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from torch.utils.data import IterableDataset

from regbench.assembly.launched import this_rank
from regbench.composition.kinds import DATASET
from regbench.data.keeping import FOLDER, Keeping, Memory
from regbench.data.map_style import MapStyle
from regbench.data.person_code import in_a_sentence
from regbench.errors import ConfigError
from regbench.instantiation.checking import look
from regbench.instantiation.fields import checked, converted, make
from regbench.instantiation.signatures import hints_of
from regbench.streams import keyed_draws

KEY = "dataset"
TRAINS = ("train", "training", "trainval")  # what a torch Dataset calls its train part
VALS = ("val", "valid", "validation")
TEST = "test"


def make_source(node: Mapping[str, Any]) -> Any:
    """The source that a dataset's node names, nothing read yet.

    Raises:
        ConfigError: it cannot be made, or is neither a Source nor a map-style Dataset.
    """
    keeping = keeping_of(node)
    values = {name: value for name, value in node.items() if name != "memory"}
    root = converted(values.pop("root", None), str, f"{KEY}: root")
    target = look(values, KEY, DATASET)
    if hasattr(target, "fetch"):
        return make(values, KEY, DATASET, root=root)
    del values["_target_"]

    def construct(**more: Any) -> Any:
        arguments = checked(target, values | more, KEY, {"root": os.path.expanduser(root)})
        try:
            with in_a_sentence(getattr(target, "__name__", KEY)):
                return target(**arguments)
        except ValueError as error:
            raise ValueError(f"{error}{_to_download(str(error), values)}") from error

    try:
        with keyed_draws("dataset"):  # one that draws its rows while it is made is the same in every run
            parts, said = _parts(target, values, construct)
    except ConfigError:
        raise
    except ValueError as error:
        raise ConfigError(f"{KEY}: {error}") from error
    train = parts["train"]
    return train if hasattr(train, "fetch") else MapStyle(parts, said, keeping)


def keeping_of(node: Mapping[str, Any]) -> Keeping:
    """Where the rows of a dataset's node are kept.

    Raises:
        ConfigError: it does not say so in a word that is known.
    """
    asked = converted(node.get("memory", "auto"), Memory, f"{KEY}: memory")
    root = converted(node.get("root"), str, f"{KEY}: root")
    rank = this_rank()
    return Keeping(asked, Path(root).expanduser() / FOLDER, rank.local_count if rank else 1)


def _to_download(complaint: str, values: Mapping[str, Any]) -> str:
    """What to type where a dataset of torchvision's kind asks for an argument."""
    if "download=True" not in complaint:
        return ""
    return f"; type {'' if 'download' in values else '+'}{KEY}.download=true"


def _parts(
    target: Callable[..., Any], values: Mapping[str, Any], construct: Callable[..., Any]
) -> tuple[dict[str, Any], list[str]]:
    """The dataset of each split that a class has, and how they were asked for.

    Where the class has a parameter train (true or false), or split with a default for train, and the person
    has set neither, the others are made too.
    """
    parameters = inspect.signature(target).parameters
    hints = hints_of(target)
    kind, word = parameters.get("train"), parameters.get("split")
    if kind and "train" not in values and (hints.get("train") is bool or isinstance(kind.default, bool)):
        made = {"train": _map_style(construct(train=True)), TEST: _map_style(construct(train=False))}
        return made, ["train and test by train=true and train=false"]
    if word and "split" not in values:
        words = _words(hints.get("split"))
        first = (
            word.default if isinstance(word.default, str) else next((w for w in TRAINS if w in words), None)
        )
        if first in TRAINS:
            return _by_word(first, words, construct)
    return {"train": _map_style(construct())}, []


def _by_word(
    first: str, words: tuple[str, ...], construct: Callable[..., Any]
) -> tuple[dict[str, Any], list[str]]:
    """Parts by the parameter split; words that the class does not take are passed over, and it is said."""
    made = {"train": _map_style(construct(split=first))}
    said = [f"train by split={first}"]
    for split, names in (("val", VALS if first != "trainval" else ()), (TEST, (TEST,))):
        reason = ""
        for name in (n for n in names if not words or n in words):
            try:
                made[split] = _map_style(construct(split=name))
            except ValueError as error:
                reason = str(error)
                continue
            said.append(f"{split} by split={name}")
            break
        if split == TEST and TEST not in made and reason:
            said.append(f"none by split={TEST}: {reason}")
    return made, said


def _words(hint: Any) -> tuple[str, ...]:
    """The words that an annotation allows; none where it does not say."""
    return typing.get_args(hint) if typing.get_origin(hint) is Literal else ()


def _map_style(made: Any) -> Any:
    """The made object itself, if rows can be had from it by number.

    Raises:
        ConfigError: they cannot.
    """
    name = type(made).__name__
    if isinstance(made, IterableDataset):
        raise ConfigError(
            f"{KEY}: must be a map-style Dataset with __len__ and __getitem__, got the IterableDataset {name}"
        )
    if not hasattr(made, "fetch") and not (hasattr(made, "__getitem__") and hasattr(made, "__len__")):
        raise ConfigError(
            f"{KEY}: must be a Source, or a map-style Dataset with __len__ and __getitem__, got {name}"
        )
    return made

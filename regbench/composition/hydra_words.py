"""What a word of a line lists, or ranges over, in Hydra's sweep grammar."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from hydra.core.override_parser.types import Glob, IntervalSweep, QuotedString

from regbench.composition.ranges import refuse_endless
from regbench.errors import ConfigError


@dataclass(frozen=True)
class Ranged:
    """The values of a word.

    Attributes:
        text: the word.
        sign: that stands before its key.
        is_sweep: whether it has several.
        listed: these, or the one that it has, as Python has them; none of an interval.
        texts: the same as they are typed.
        low, high: of an interval; None of a list.
        log: whether it is tagged so: a factor counts as a step.
    """

    text: str
    sign: str
    is_sweep: bool
    listed: Sequence[Any] = ()
    texts: Sequence[str] = ()
    low: float | None = None
    high: float | None = None
    log: bool = False


def ranged(one: Any) -> Ranged:
    """What a word has, as Hydra's parser reads it.

    Args:
        one: the word, read.

    Raises:
        ConfigError: it is a tag that nobody knows, names options by a pattern, or lists nothing.
    """
    text = one.input_line
    sign = text[: len(text) - len(text.lstrip("+~"))]
    if not one.is_sweep_override():
        return Ranged(text, sign, False, [_plain(one.value())], [text.partition("=")[2]])
    key, value = one.get_key_element().lstrip("+"), one.value()
    for tag in getattr(value, "tags", ()):
        if tag != "log" or not isinstance(value, IntervalSweep):
            raise ConfigError(f"{key}: the one tag there is is log, of an interval, got {text}")
    if isinstance(value, IntervalSweep):
        return Ranged(text, sign, True, low=value.start, high=value.end, log="log" in value.tags)
    if isinstance(value, Glob):
        raise ConfigError(f"{key}: must list its values, got {text}")
    refuse_endless([one])
    one = _in_order(one, value)
    texts = [str(each) for each in one.sweep_string_iterator()]
    return Ranged(text, sign, True, [_plain(each) for each in one.sweep_iterator()], texts)


def _in_order(one: Any, value: Any) -> Any:
    """The word without its shuffling: the order of values has no meaning, and is to be the same again."""
    if not getattr(value, "shuffle", False):
        return one
    ordered = copy.copy(one)
    ordered._value = replace(value, shuffle=False)
    return ordered


def _plain(value: Any) -> Any:
    if isinstance(value, QuotedString):
        return value.text
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value

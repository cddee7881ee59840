"""The tables of keys in docs/records.md: what the dataclasses of the record and the table of metrics say."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_origin, get_type_hints

from docstrings import attributes
from pages import table
from regbench.records.course import KEYS, Key
from regbench.records.environment import Environment
from regbench.records.metrics import MEASURED, METRICS, NUMBERS, Metric
from regbench.records.summary import PerWeights, Summary

UNITS = {"nats": "nats", "target": "the targets' unit"}


def page(text: str) -> str:
    """The page as it must be, of one that there is: the first table of three of its sections is written anew."""
    for heading, lines in TABLES.items():
        pattern = rf"(^## {re.escape(heading)}\n(?:(?![|#]).*\n)*)(?:\|.*\n)+"
        made = "\n".join(lines) + "\n"
        text, found = re.subn(pattern, lambda old, made=made: old[1] + made, text, flags=re.MULTILINE)  # type: ignore[misc]
        if found != 1:
            raise ValueError(f"docs/records.md must have one table in the section {heading}, got {found}")
    return text


def said(kind: Any) -> dict[str, str]:
    """What a dataclass says of each of its fields."""
    return {name: text.rstrip(".") for name, text in attributes(inspect.cleandoc(kind.__doc__)).items()}


def rows(kind: Any, seen: set[Any], before: str = "") -> Iterator[list[str]]:
    """A row for each key of an object, and after it for those of the object there; of each kind once."""
    hints, meanings = get_type_hints(kind), said(kind)
    for field in fields(kind):
        yield [f"`{before}{field.name}`", meanings[field.name]]
        inner, way = _inner(hints[field.name])
        if inner is not None and inner not in seen:
            seen.add(inner)
            yield from rows(inner, seen, f"{before}{field.name}{way}.")


def _inner(hint: Any) -> tuple[Any, str]:
    """The dataclass that an annotation is about, and what leads to it: ".last" of both weights, "[]" of a list."""
    if get_origin(hint) is PerWeights:
        inner = get_args(hint)[0]
        return (inner, ".last") if is_dataclass(inner) else (None, "")
    if is_dataclass(get_origin(hint)):
        return None, ""
    if get_origin(hint) is list:
        return (get_args(hint)[0], "[]") if is_dataclass(get_args(hint)[0]) else (None, "")
    found = [_inner(one) for one in get_args(hint)] if not is_dataclass(hint) else [(hint, "")]
    return next((one for one in found if one[0] is not None), (None, ""))


def course() -> Iterator[list[str]]:
    """A row for each key of a line of metrics.jsonl."""
    *always, own = KEYS
    yield from map(_beside, always)
    for metric in METRICS:
        splits = [split for split in metric.splits if split in MEASURED]
        yield [_named(metric, splits), _range(metric), metric.meaning, _when(metric)]
    for metric in METRICS:
        if metric.gap:
            unit = "[-1, 1]" if metric.unit == "share" else UNITS.get(metric.unit, "")
            yield [_named(metric, ["gap"]), unit, metric.gap, _when(metric)]
    yield _beside(own)


def _beside(key: Key) -> list[str]:
    return [f"`{key.name}`", key.unit, key.meaning, "evaluated epochs" if key.evaluated else "every line"]


def _named(metric: Metric, splits: list[str]) -> str:
    return ", ".join(f"`{split}/{metric.name}`" for split in splits)


def _range(metric: Metric) -> str:
    if metric.low == -math.inf:
        span = f"at most {metric.high:g}"
    else:
        span = f"at least {metric.low:g}" if metric.high is None else f"[{metric.low:g}, {metric.high:g}]"
    return f"{UNITS[metric.unit]}, {span}" if metric.unit in UNITS else span


def _when(metric: Metric) -> str:
    needed = ["of numbers to predict"] if metric.task == NUMBERS else []
    needed += [f"with `{metric.asked}`"] if metric.asked else [f"with {metric.needs}"] if metric.needs else []
    return ", ".join(["evaluated epochs", *needed])


TABLES = {  # by the heading of the section
    "`metrics.jsonl`": table(["Key", "Unit, range", "Meaning", "In"], course()),
    "`summary.json`": table(["Key", "Meaning"], rows(Summary, set())),
    "`environment.json`": table(["Key", "Meaning"], rows(Environment, set())),
}

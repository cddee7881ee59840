"""The typed record of a run: written and read back as the same, whatever a file holds."""

from __future__ import annotations

import dataclasses
import json
import typing
from pathlib import Path
from typing import Any

import pytest

from regbench.records.files import change_summary, read_summary, write_summary
from regbench.records.reader import find
from regbench.records.status import Status
from regbench.records.summary import (
    ClassMetrics,
    PerSplit,
    PerWeights,
    Reliability,
    Sealed,
    Snapshot,
    Summary,
    Targets,
    of,
)
from regbench.records.typed import plain
from tests.records.made import figures, record, summary, write_run
from tests.records.test_hostile import BAD, changed, paths

BINS = Reliability([0.2, None], [0.0, None], [1, 0])
CLASSES = ClassMetrics([0.5, None], [2, 0], [[1, 1], [0, 0]])
LATER = ("classes", "class_rows", "per_class", "content", "warnings", "data")  # keys that came one by one


def whole() -> Summary:
    """A record with all that a run may leave."""
    return dataclasses.replace(
        record(["dropout", "mixup"], 3, [figures(0.8), figures(0.9)]),
        kept=Snapshot(None, figures(0.85)),
        test=Sealed(last={"loss": 0.5, "accuracy": 0.5}, best={"loss": 0.4, "accuracy": 0.6}, reads=2),
        reliability=PerWeights(BINS, BINS),
        corruption=PerWeights({"accuracy": 0.5, "noise/1": 0.5}, {"accuracy": 0.4, "noise/1": 0.4}),
        per_class=PerWeights(CLASSES, CLASSES),
        classes=["a", "b"],
        class_rows=PerSplit([1, 2], [1, 2], [2, 0]),
        curve_rows=PerSplit(2, 3, 1),
        targets=Targets(["price"], "EUR", [3.5], [2.0], "huber"),
    )


@pytest.mark.parametrize("status", Status)
def test_what_is_written_is_read_back(tmp_path: Path, status: Status) -> None:
    made = dataclasses.replace(whole(), status=status)
    write_summary(tmp_path, made)
    assert read_summary(tmp_path) == made
    names = [field.name for field in dataclasses.fields(Summary)]
    assert list(json.loads((tmp_path / "summary.json").read_text())) == names


def test_what_there_is_not_is_no_key_of_the_file() -> None:
    assert plain(whole()).keys() - plain(record()).keys() == {"kept", "targets", "curve_rows"}
    assert plain(Sealed(reads=2)) == {"reads": 2}
    assert plain(record())["test"] is None


def test_a_record_from_before_a_key_is_read_and_compared(tmp_path: Path) -> None:
    for name in ("new", "old"):
        write_run(tmp_path / name, seed=len(name), epochs=[figures(0.9)])
    old = {name: value for name, value in summary(epochs=[figures(0.9)]).items() if name not in LATER}
    (tmp_path / "old" / "summary.json").write_text(json.dumps(old))
    said = read_summary(tmp_path / "old")
    assert said is not None
    assert (said.classes, said.class_rows, said.per_class, said.content) == ([], None, None, None)
    assert len(find([tmp_path]).results) == 2


def test_a_change_leaves_what_it_does_not_name_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "summary.json"
    file.write_text(json.dumps({"mine": [1, {"a": 2}], **plain(whole())}))
    before = json.loads(file.read_text())
    change_summary(tmp_path, test=Sealed(reads=3), status=Status.INTERRUPTED)
    after = json.loads(file.read_text())
    assert after == before | {"test": {"reads": 3}, "status": "interrupted"}
    assert list(after) == list(before)


@pytest.mark.parametrize("name", ["last", "kept", "test", "reliability", "corruption", "per_class"])
def test_an_object_of_no_keys_is_none(name: str) -> None:
    assert getattr(of(plain(whole()) | {name: {}}), name) is None


def fits(kind: Any, value: Any) -> bool:
    """Whether a value is of an annotation, as far as it is looked into."""
    owner, inner = typing.get_origin(kind) or kind, typing.get_args(kind)
    if type(None) in inner:
        return value is None or fits(next(one for one in inner if one is not type(None)), value)
    if dataclasses.is_dataclass(owner):
        hints = typing.get_type_hints(owner)
        held = {name: inner[0] if isinstance(hint, typing.TypeVar) else hint for name, hint in hints.items()}
        return isinstance(value, owner) and all(fits(one, getattr(value, n)) for n, one in held.items())
    if owner is list and dataclasses.is_dataclass(inner[0]):
        return isinstance(value, list) and all(fits(inner[0], one) for one in value)
    return isinstance(value, (int, float) if owner is float else owner)


@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.long)])
def test_whatever_stands_at_a_key_is_of_its_type_once_it_is_read(every: int) -> None:
    """At every key some values, and every value at some keys; in the long remainder all at all."""
    tree = plain(whole())
    assert fits(Summary, of(tree))
    places = [path for path in list(paths(tree))[1:] if path != ("status",)]
    values = [value for value in (*BAD, ...) if value not in ("@deep@",)]
    for place, path in enumerate(places):
        for value in values[place % every :: every]:
            odd = json.loads(changed(tree, path, value))
            assert fits(Summary, of(odd)), (path, value)

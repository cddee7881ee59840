"""Run folders in, results out; what is no result is listed with its reason."""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from regbench.errors import brief, printable
from regbench.records import summary as summaries
from regbench.records.course import SPEED, Course, read_lines
from regbench.records.files import ENVIRONMENT, METRICS, READ_VERSIONS, SUMMARY
from regbench.records.form import check_ended, status_of
from regbench.records.identity import NOT_CONDITIONS, conditions, flattened, parts_of, told_by_content
from regbench.records.metrics import CURVES, NAME
from regbench.records.status import Status
from regbench.records.summary import Summary
from regbench.storage.reading import json_object, object_in, sentence, text_of

HYDRA = ".hydra"  # Hydra's record, which a run has from its first moment on
COMPARED = (*CURVES, SPEED)  # what is kept of the epochs
ALIKE = 64  # conditions, and places where runs ran, that are kept: those of thousands of runs are the same
MARKS = frozenset((HYDRA, SUMMARY, METRICS))  # what has one of these is a run folder


@dataclass(frozen=True)
class Result:
    """A run that has ended by itself or diverged.

    Attributes:
        folder: as it is shown.
        stack: the members in order, each with its values, as one text.
        parts: the same of each member of the stack's first level.
        seed: of the run.
        shared: every other key that decides the results, flat, `model.width`.
        summary: as in `summary.json`.
        course: of `metrics.jsonl`, what is compared.
        environment: as in `environment.json`, flat, `packages.torch`; empty where that is missing.
    """

    folder: str
    stack: str
    parts: tuple[str, ...]
    seed: int
    shared: Mapping[str, Any]
    summary: Summary
    course: Course = field(repr=False)
    environment: Mapping[str, Any] = field(repr=False)

    @property
    def ended(self) -> bool:
        """Whether the run came to its end; else it has diverged."""
        return self.summary.status.finished


@dataclass
class Found:
    """What lies in the folders that were given."""

    results: list[Result] = field(default_factory=list)
    excluded: list[Excluded] = field(default_factory=list)
    complaints: list[Excluded] = field(default_factory=list)


def find(paths: Iterable[str | Path]) -> Found:
    """Read every run in these folders and below, each once; the order of the folders changes nothing."""
    with _uncollected():
        return _find(paths)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Millions of values are made, none in a circle, and each look for circles goes through them all."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _find(paths: Iterable[str | Path]) -> Found:
    found = Found()
    seen: set[str] = set()
    for path in sorted({str(path) for path in paths}):
        if not os.path.isdir(path):
            found.excluded.append(Excluded(printable(path), "is no folder"))
            continue
        besides: list[Excluded] = []
        folders = list(run_folders(path, besides))
        if not folders and not besides:
            besides.append(Excluded(printable(path), "holds no run"))
        found.excluded += besides
        for folder, real in folders:
            if real not in seen:
                seen.add(real)
                _read_into(found, folder)
    return found


def run_folders(path: str, besides: list[Excluded]) -> Iterator[tuple[str, str]]:
    """The run folders in a folder and below it, in order of their names, each with its real path.

    A link is followed to a run folder, and to no other: none leads round in circles, or out to what nobody
    has asked for.

    Args:
        path: of a folder.
        besides: takes what cannot be read, and links that are not followed.
    """
    left = [(path, os.path.realpath(path), False)]
    while left:
        folder, real, linked = left.pop()
        try:
            with os.scandir(folder) as entries:
                inside = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            besides.append(Excluded(printable(folder), f"cannot be read: {error.strerror}"))
            continue
        if not MARKS.isdisjoint([entry.name for entry in inside]):
            yield folder, real
        elif linked:
            besides.append(Excluded(printable(folder), "is a link to no run folder, and is not followed"))
        else:
            left += [_below(entry, real) for entry in reversed(inside) if _is_folder(entry)]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether it is a folder, readable or not, or leads to one."""
    return os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir(follow_symlinks=False)


def _below(entry: os.DirEntry[str], real: str) -> tuple[str, str, bool]:
    """A folder in another: its path, its real path, whether it is a link."""
    linked = entry.is_symlink()
    return entry.path, os.path.realpath(entry.path) if linked else os.path.join(real, entry.name), linked


def _read_into(found: Found, folder: str) -> None:
    name = printable(folder)
    try:
        result, complaints = read_result(folder)
    except NotCounted as error:
        found.excluded.append(Excluded(name, str(error)))
        return
    found.results.append(result)
    found.complaints += [Excluded(name, complaint) for complaint in complaints]


class NotCounted(ValueError):
    """A folder holds no run that can be compared."""


def read_result(folder: str) -> tuple[Result, list[str]]:
    """The run of a folder, and complaints about its files that do not keep it from counting.

    All that a run's files hold is checked here, so that nothing after this can fail on it.

    Raises:
        NotCounted: it has not ended or was pruned, its record is of another version, or its files are not
            those of a run.
    """
    place = Path(folder)
    try:
        found = json_object(place / SUMMARY)
    except ValueError as error:
        raise NotCounted(str(error)) from error
    if found is None:
        raise NotCounted(f"unfinished: it has no {SUMMARY}")
    _refuse_others(found)
    try:
        check_ended(found)
        summary = summaries.of(found)
        complaints = _drop_unnamed(summary)
        course = _course(place / METRICS, complaints)
        result = result_of(folder, summary, course, _environment(place / ENVIRONMENT, complaints))
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise NotCounted(f"its files are not those of a run: {sentence(error)}") from error
    return result, complaints


def _refuse_others(summary: Mapping[str, Any]) -> None:
    """Refuse records of another version, and runs that have not ended, or were given up by a search.

    Raises:
        NotCounted: it is one.
    """
    version, status = summary.get("version"), status_of(summary)
    if version not in READ_VERSIONS:
        readable = " or ".join(map(str, READ_VERSIONS))
        raise NotCounted(f"its record is of version {brief(version)}, and {readable} is read here")
    if status is None or not status.ended or status is Status.PRUNED:
        epochs = summary.get("epochs")
        done = epochs.get("done") if isinstance(epochs, dict) else None
        why = f": {brief(summary.get('reason'), 200)}" if status is Status.PRUNED else ""
        raise NotCounted(f"unfinished: {brief(summary.get('status'))} after epoch {brief(done)}{why}")


def _course(path: Path, complaints: list[str]) -> Course:
    try:
        epochs, more = read_lines(path)
    except (OSError, ValueError) as error:
        complaints.append(f"{path.name} cannot be read: {sentence(error)}; there are no curves")
        return Course.of([], COMPARED)
    complaints += more
    if not epochs and not more:
        complaints.append(f"{path.name} is missing or empty; there are no curves")
    return Course.of(epochs, COMPARED)


def _environment(path: Path, complaints: list[str]) -> Mapping[str, Any]:
    try:
        text = text_of(path)
        if text is not None:
            return _flat(text, path.name)
    except ValueError as error:
        complaints.append(f"{error}; where it ran is not known")
        return {}
    complaints.append(f"{path.name} is missing; where it ran is not known")
    return {}


@lru_cache(maxsize=ALIKE)
def _flat(text: bytes, name: str) -> Mapping[str, Any]:
    return dict(flattened(object_in(text, name)))


def result_of(folder: str, summary: Summary, course: Course, environment: Mapping[str, Any]) -> Result:
    """The result that the contents of a run's files make; they must be sound, and the environment flat."""
    config = summary.config
    parts = tuple(parts_of(told_by_content(config["reg"], summary.content or "")))
    deciding = {name: value for name, value in config.items() if name not in NOT_CONDITIONS}
    return Result(
        folder=printable(folder),
        stack=json.dumps(parts),
        parts=parts,
        seed=config["seed"],
        shared=_conditions(json.dumps(deciding), summary.content or ""),
        summary=summary,
        course=course,
        environment=environment,
    )


@lru_cache(maxsize=ALIKE)
def _conditions(config: str, content: str) -> Mapping[str, Any]:
    return conditions(json.loads(config), content)


def _drop_unnamed(summary: Summary) -> list[str]:
    """Take metrics out whose names are none; give a complaint where there are any."""
    if not summary.status.finished:
        return []
    places = [snapshot.metrics for snapshot in summary.snapshots.values()]
    test = summary.test
    places += [metrics for metrics in (test.last, test.best) if metrics] if test else []
    wrong = sorted({name for metrics in places for name in metrics if not NAME.fullmatch(name)})
    for metrics in places:
        for name in wrong:
            metrics.pop(name, None)
    several = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
    return [f"no figure can be called {brief(wrong[0])}{several}: left out"] if wrong else []


@dataclass(frozen=True)
class Excluded:
    """A folder that does not count, and why."""

    folder: str
    reason: str

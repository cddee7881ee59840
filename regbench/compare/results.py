"""Run folders in, results out; what is no result is listed with its reason."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from regbench.compare.report import Excluded
from regbench.records import ENVIRONMENT, METRICS, RECORD_VERSION, SUMMARY, canonical, read_lines

HYDRA = ".hydra"  # Hydra's record, which a run has from its first moment on
ENDED = ("finished", "stopped")
# where it ran, what it left behind, what else it measured: no part of what is compared
ASIDE = ("seed", "reg", "device", "threads", "evaluate_test", "evaluate", "checkpoints", "sweep")


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
        records: the lines of `metrics.jsonl`.
        environment: as in `environment.json`; empty where that is missing.
    """

    folder: str
    stack: str
    parts: tuple[str, ...]
    seed: int
    shared: Mapping[str, Any]
    summary: Mapping[str, Any]
    records: list[dict[str, Any]] = field(repr=False)
    environment: Mapping[str, Any] = field(repr=False)

    @property
    def ended(self) -> bool:
        """Whether the run came to its end; else it has diverged."""
        return self.summary["status"] in ENDED


@dataclass
class Found:
    """What lies in the folders that were given."""

    results: list[Result] = field(default_factory=list)
    excluded: list[Excluded] = field(default_factory=list)
    complaints: list[Excluded] = field(default_factory=list)


def find(paths: Iterable[str | Path]) -> Found:
    """Read every run in these folders and below, each once; the order of the folders changes nothing."""
    found = Found()
    seen: set[str] = set()
    for path in sorted({str(path) for path in paths}):
        folders = list(run_folders(path))
        if not folders:
            what = "holds no run" if os.path.isdir(path) else "is no folder"
            found.excluded.append(Excluded(printable(path), what))
        for folder in folders:
            real = os.path.realpath(folder)
            if real not in seen:
                seen.add(real)
                _read_into(found, folder)
    return found


def run_folders(path: str) -> Iterator[str]:
    """The run folders in a folder and below it, in order of their names."""
    for folder, below, files in os.walk(path):
        if HYDRA in below or SUMMARY in files or METRICS in files:
            below.clear()
            yield folder
        below.sort()


def _read_into(found: Found, folder: str) -> None:
    name = printable(folder)
    try:
        result, complaint = read_result(folder)
    except NotCounted as error:
        found.excluded.append(Excluded(name, str(error)))
        return
    found.results.append(result)
    if complaint:
        found.complaints.append(Excluded(name, complaint))


class NotCounted(ValueError):
    """A folder holds no run that can be compared."""


def read_result(folder: str) -> tuple[Result, str]:
    """The run of a folder, and a complaint about its files that does not keep it from counting.

    Raises:
        NotCounted: it has not ended, its record is of another version, or its files are not those of a run.
    """
    place = Path(folder)
    summary = _object(place / SUMMARY)
    if summary is None:
        raise NotCounted(f"unfinished: it has no {SUMMARY}")
    version = summary.get("version")
    if version != RECORD_VERSION:
        raise NotCounted(f"its record is of version {printable(version)}, and {RECORD_VERSION} is read here")
    if summary.get("status") not in (*ENDED, "diverged"):
        done = (summary.get("epochs") or {}).get("done") if isinstance(summary.get("epochs"), dict) else None
        raise NotCounted(f"unfinished: {printable(summary.get('status'))} after epoch {printable(done)}")
    try:
        _check(summary)
        records, complaint = read_lines(place / METRICS) if (place / METRICS).exists() else ([], "")
        result = result_of(folder, summary, records, _object(place / ENVIRONMENT) or {})
    except (
        LookupError,
        TypeError,
        AttributeError,
        ValueError,
        ArithmeticError,
        OSError,
        RecursionError,
    ) as error:
        raise NotCounted(f"its files are not those of a run: {printable(_sentence(error))}") from error
    if not complaint and not records:
        complaint = f"{METRICS} is missing or empty; there are no curves"
    return result, complaint


def result_of(
    folder: str,
    summary: Mapping[str, Any],
    records: list[dict[str, Any]],
    environment: Mapping[str, Any],
) -> Result:
    """The result that the contents of a run's files make."""
    config = summary["config"]
    parts = tuple(_parts(config["reg"]))
    return Result(
        folder=printable(folder),
        stack=json.dumps(parts),
        parts=parts,
        seed=config["seed"],
        shared=_shared(config, summary.get("content") or ""),
        summary=summary,
        records=records,
        environment=environment,
    )


def _object(path: Path) -> dict[str, Any] | None:
    """A JSON file's object; None where there is no file."""
    try:
        value = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise NotCounted(f"{path.name} cannot be read: {printable(_sentence(error))}") from error
    if not isinstance(value, dict):
        raise NotCounted(f"{path.name} must hold an object, and holds {type(value).__name__}")
    return value


def _check(summary: Mapping[str, Any]) -> None:
    """Refuse what is not shaped as the record says.

    Raises:
        LookupError, TypeError, ValueError: it is not.
    """
    config, stack = summary["config"], summary["stack"]
    if not isinstance(config["reg"], dict) or type(config["seed"]) is not int:
        raise ValueError("config must have a stack (reg) and a whole number as seed")
    for member in stack:
        if not (isinstance(member["values"], dict) and isinstance(member["off"], dict)):
            raise ValueError("a member of the stack must have values and off")
        if not isinstance(member["name"], str):
            raise ValueError("a member's name must be text")
    snapshots = [summary[name] for name in ("last", "best", "kept") if summary.get(name)]
    snapshots += [{"metrics": test} for test in _test_figures(summary)]
    for snapshot in snapshots:
        if not all(_is_number(value) for value in snapshot["metrics"].values()):
            raise ValueError("a figure must be a finite number")
    if summary["status"] in ENDED and not (summary["last"] and summary["best"]):
        raise ValueError("a finished run must have figures")
    for name in ("train", "select", "val"):
        if type(summary["rows"][name]) is not int or summary["rows"][name] < 1:
            raise ValueError(f"rows.{name} must be a number of rows")
    if not (_is_number(summary["seconds"]) and _is_number(summary["flops"]["total"])):
        raise ValueError("seconds and flops must be numbers")
    if type(summary["epochs"]["done"]) is not int:
        raise ValueError("epochs.done must be a whole number")
    for bins in (summary.get("reliability") or {}).values():
        if not len(bins["count"]) == len(bins["confidence"]) == len(bins["accuracy"]):
            raise ValueError("the bins of reliability must be as many in each list")
    if not isinstance(summary["name"], str) or not isinstance(summary["choices"], dict):
        raise ValueError("name must be text, and choices an object")


def _test_figures(summary: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for part in ("test", "corruption"):
        if summary.get(part):
            yield from (summary[part]["last"], summary[part]["best"])


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _parts(members: Mapping[str, Any]) -> Iterator[str]:
    """Each member of a stack with its values as one text; the order of members counts, that of values not."""
    for name, node in members.items():
        if "_target_" in node:
            yield json.dumps([name, canonical(node)], sort_keys=True)
        else:
            yield json.dumps([name, list(_parts(node))])


def _shared(config: Mapping[str, Any], content: str) -> dict[str, Any]:
    """All keys that decide a run's results but stack and seed; a digest stands for a person's own data."""
    flat = dict(flattened({name: value for name, value in config.items() if name not in ASIDE}))
    flat.pop("dataset.root", None)
    if content:
        own = [key for key in flat if key.startswith("dataset.") and key.endswith("path")]
        for key in own:
            del flat[key]
        flat["dataset.content"] = content
    return dict(sorted(flat.items()))


def flattened(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf of a tree with its path, `model.width`."""
    for name, item in value.items():
        if isinstance(item, Mapping) and item:
            yield from flattened(item, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", canonical(item)


def printable(value: object) -> str:
    """A text without signs that would steer a terminal or break a line."""
    return "".join(sign if sign.isprintable() else f"\\x{ord(sign):02x}" for sign in str(value))


def _sentence(error: BaseException) -> str:
    lines = str(error).splitlines()
    text = lines[0] if lines else type(error).__name__
    return f"{text} is missing" if isinstance(error, KeyError) else text

"""The shape of a run's summary: whoever reads one need not fear for its keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from regbench.records.metrics import MEASURED, bounds, is_percent, split_of
from regbench.records.status import Status

# The size of a number that is not 0: whatever a float32 measures, and no power, ratio or sum of a few such
# numbers is infinite or vanishes.
SMALLEST, LARGEST = 1e-100, 3.4e38
EXACT = 2**53  # whole numbers up to here are floats too
TEXTS = ("name", "reason", "content", "identity")


def is_number(value: Any) -> bool:
    """Whether a value is a number that can be reckoned with: 0, or of a size in [SMALLEST, LARGEST)."""
    if type(value) is not float and type(value) is not int:
        return False
    return SMALLEST <= value < LARGEST or value == 0 or SMALLEST <= -value < LARGEST


def is_count(value: Any, least: int = 0) -> bool:
    """Whether a value is a whole number that counts something."""
    return type(value) is int and least <= value <= EXACT


def check(summary: Mapping[str, Any], versions: Sequence[int]) -> None:
    """Refuse a summary that cannot be read on.

    What a run that has not ended has not come to may be missing; nothing is known of another version's keys.

    Args:
        summary: sane (`regbench.storage.reading.check_sane`).
        versions: of records whose keys are known.

    Raises:
        ValueError: it is one; in one sentence.
    """
    status = status_of(summary)
    if status is None:
        raise ValueError(f"status must be one of {', '.join(Status)}")
    found = summary.get("version")
    _must(type(found) is int or (found is None and not status.ended), "version must be a number")
    if found not in versions:
        return
    try:
        _check_begun(summary)
        if status.ended:
            check_ended(summary)
    except KeyError as error:
        raise ValueError(f"{error.args[0]!r:.100} is missing") from error
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"it is shaped otherwise ({str(error).partition(chr(10))[0]})") from error


def status_of(summary: Mapping[str, Any]) -> Status | None:
    """How a run ended; None where its summary does not say, or something else."""
    said = summary.get("status")
    return Status(said) if isinstance(said, str) and said in list(Status) else None


def _check_begun(summary: Mapping[str, Any]) -> None:
    """What a summary says must be of its kind, whatever the status."""
    for name in TEXTS:
        _must(isinstance(summary.get(name), str | None), f"{name} must be text")
    for name in ("epochs", "config", "last", "best", "kept", "test"):
        _must(isinstance(summary.get(name), dict | None), f"{name} must be an object")
    for name in ("planned", "done"):
        _must(is_count((summary.get("epochs") or {}).get(name, 0)), f"epochs.{name} must be a whole number")
    for name in ("last", "best", "kept"):
        metrics = (summary.get(name) or {}).get("metrics", {})
        sound = isinstance(metrics, dict) and all(type(v) in (int, float) for v in metrics.values())
        _must(sound, f"{name}.metrics must be numbers")
    _must(is_count((summary.get("test") or {}).get("reads", 0)), "test.reads must be a whole number")


def snapshots(summary: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The metrics of the epochs that a summary singles out."""
    return [summary[name] for name in ("last", "best", "kept") if summary.get(name)]


def check_ended(summary: Mapping[str, Any]) -> None:
    """Refuse a summary of a run that has ended which is not shaped as the record says.

    Raises:
        LookupError, TypeError, AttributeError, ValueError: it is not.
    """
    config = summary["config"]
    _must(isinstance(config["reg"], dict), "config must have a stack (reg)")
    seed = config["seed"]
    _must(is_count(seed) and seed < 2**32, "config.seed must be a whole number in [0, 2^32 - 1]")
    for member in summary["stack"]:
        objects = isinstance(member["values"], dict) and isinstance(member["off"], dict)
        _must(objects and isinstance(member["name"], str), "a member must have a name, values and off")
    texts = (summary["name"], summary.get("content") or "")
    _must(all(isinstance(one, str) for one in texts), "name and content must be text")
    _must(isinstance(summary["choices"], dict), "choices must be an object")
    for name in ("train", "select", "val"):
        _must(is_count(summary["rows"][name], 1), f"rows.{name} must be a number of rows")
    _must(is_count(summary["epochs"]["done"]), "epochs.done must be a whole number")
    for cost in (summary["seconds"], summary["flops"]["total"]):
        _must(is_number(cost) and cost >= 0, "seconds and flops must be numbers from 0 on")
    finished = Status(summary["status"]).finished
    if finished:  # nobody reads the metrics of others, which may be anything
        _must(bool(summary["last"] and summary["best"]), "a finished run must have figures")
        for snapshot in snapshots(summary):
            epoch = snapshot.get("epoch")
            _must(epoch is None or is_count(epoch), "epoch must be a whole number")
            _check_metrics(snapshot["metrics"])
        _check_late(summary)
    _check_classes(summary, finished)


def _check_late(summary: Mapping[str, Any]) -> None:
    """The same of what is measured once, when a run has ended."""
    test, corruption, reliability = (summary.get(name) for name in ("test", "corruption", "reliability"))
    if test:
        _must(is_count(test.get("reads", 0)), "test.reads must be a whole number")
    measured = test and test.keys() != {"reads"}  # a run made longer has these alone, of other weights
    for at in ("last", "best"):
        if test and measured:
            _check_metrics(test[at], "test/")
        if corruption:
            _check_metrics(corruption[at])
            _must(0 <= corruption[at]["accuracy"] <= 1, "corruption must have an accuracy in [0, 1]")
        if reliability:
            _check_bins(**{name: reliability[at][name] for name in ("count", "confidence", "accuracy")})


def _check_metrics(metrics: Mapping[str, Any], prefix: str = "") -> None:
    for name, value in metrics.items():
        _must(is_number(value), "a figure must be a finite number that a float32 can hold")
        if limits := _limits(f"{prefix}{name}"):
            low, high = limits
            if not low <= value <= high:
                split, last = split_of(f"{prefix}{name}"), name.rpartition("/")[2]
                raise ValueError(f"{split} {last} must lie in [{low}, {high}], got {value}")


@lru_cache(maxsize=256)
def _limits(name: str) -> tuple[float, float] | None:
    """Of a share of rows; others are a member's own."""
    split, last = split_of(name), name.rpartition("/")[2]
    if not is_percent(last) or split not in (*MEASURED, "test"):
        return None
    low, high = bounds(f"{split}/{last}")
    return (low, high) if high is not None else None


def _check_classes(summary: Mapping[str, Any], finished: bool) -> None:
    """The same of what is said of the classes, which older records do not have."""
    names, rows = summary.get("classes"), (summary.get("class_rows") or {}).get("train")
    if names:
        _must(isinstance(names, list) and all(isinstance(n, str) for n in names), "classes must be names")
    if rows:
        _must(isinstance(rows, list) and all(map(is_count, rows)), "class_rows must be numbers of rows")
    for at in ("last", "best"):
        if finished and summary.get("per_class"):
            found = summary["per_class"][at]
            _check_matrix(*(found[name] for name in ("accuracy", "support", "confusion")))
            _must(not names or len(names) == len(found["support"]), "there must be a name for each class")


def _check_matrix(accuracy: list[Any], support: list[Any], confusion: list[list[Any]]) -> None:
    _must(len(support) > 0, "per_class must have classes")
    for right, rows, taken in zip(accuracy, support, confusion, strict=True):
        counted = len(taken) == len(support) and all(map(is_count, taken)) and sum(taken) == rows
        _must(counted, "the confusion matrix must count the rows of each class")
        sound = is_number(right) and 0 <= right <= 1
        _must(sound if rows else right is None, "a class must have an accuracy in [0, 1], null without rows")


def _check_bins(count: list[Any], confidence: list[Any], accuracy: list[Any]) -> None:
    _must(all(map(is_count, count)) and sum(count) > 0, "the bins of reliability must count rows")
    for rows, *means in zip(count, confidence, accuracy, strict=True):
        for mean in means:
            sound = is_number(mean) and 0 <= mean <= 1
            _must(sound if rows else mean is None, "bins must have means in [0, 1], and null where empty")


def _must(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(what)

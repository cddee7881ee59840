"""One run whose files hold anything at all: every output is made, and the sound runs are in it."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from regbench.analysis.comparison import report
from regbench.analysis.question import Question
from regbench.records.reader import find
from regbench.reports import exports
from tests.records.made import figures, write_run

FILES = ("summary.json", "metrics.jsonl", "environment.json")
DEEP = "@deep@"  # stands for a value that json itself would not write
SAMPLE = 300
BAD: list[Any] = [
    None, True, "x", "", -1, 0, 1.5, float("nan"), float("inf"), 1e308, 1e-310, 10**400, [], {}, [1],
    {"a": 1}, "\ud800\x1b[31m", DEEP,
]  # fmt: skip
BINS = {"count": [1, 0, 3], "confidence": [0.2, None, 0.8], "accuracy": [0.0, None, 1.0]}
Path_ = tuple[str | int, ...]


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Two seeds of two stacks, each with all that can be measured; `victim` is one of dropout's."""
    for folder, stack, seed in [
        ("none0", [], 0), ("none1", [], 1), ("dropout0", ["dropout"], 0), ("victim", ["dropout"], 1),
    ]:  # fmt: skip
        epochs = [figures(0.8 + 0.01 * seed), figures(0.9 + 0.003 * seed)]
        write_run(
            tmp_path / folder,
            stack,
            seed,
            epochs,
            reliability={"last": BINS, "best": BINS},
            corruption={at: {"accuracy": 0.5, "noise/1": 0.4} for at in ("last", "best")},
            test={at: {"accuracy": 0.5, "loss": 1.0} for at in ("last", "best")} | {"reads": 1},
            kept={"epoch": 1, "metrics": figures(0.9)},
        )
    return tmp_path


def is_told(runs: Path, at: str = "last") -> str:
    """Make every output and give what is said of the victim, which must not vanish, nor any sound run."""
    found = report(find([runs]), Question(at="best" if at == "best" else "last"))
    for made in (exports.as_json, exports.as_csv, exports.as_markdown, exports.as_latex):
        made(found).encode()
    counted = {Path(run.folder).name for one in found.comparisons for arm in one.arms for run in arm.runs}
    diverged = any(arm.diverged for one in found.comparisons for arm in one.arms)
    replaced = {Path(one.folder).name for one in found.duplicates}
    sound = {"none0", "none1", "dropout0"}
    assert sound <= counted | replaced
    assert replaced <= {"victim"} or "victim" in counted, "a sound run is replaced by none but the victim"
    reasons = [
        one.reason for one in (*found.excluded, *found.complaints) if Path(one.folder).name == "victim"
    ]
    assert all(reason.isprintable() and len(reason) < 300 for reason in reasons)
    assert "victim" in counted | replaced or reasons or diverged
    return "; ".join(reasons)


def paths(tree: Any, path: Path_ = ()) -> Iterator[Path_]:
    """Where anything lies in a tree, leaves and branches."""
    yield path
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield from paths(value, (*path, key))


def changed(tree: Any, path: Path_, value: Any) -> str:
    """The tree as JSON with another value at a place; without the place for `...`."""
    tree = copy.deepcopy(tree)
    node = tree
    for key in path[:-1]:
        node = node[key]
    if not path:
        tree = value
    elif value is ...:
        del node[path[-1]]
    else:
        node[path[-1]] = value
    return json.dumps(tree).replace(f'"{DEEP}"', "[" * 600 + "]" * 600)


def trees(folder: Path) -> dict[str, Any]:
    """What the victim's files hold; of the course the last line."""
    texts = {name: (folder / name).read_text() for name in FILES}
    lines = {name: text.splitlines()[-1] if name.endswith(".jsonl") else text for name, text in texts.items()}
    return {name: json.loads(text) for name, text in lines.items()}


def test_no_value_at_any_place_keeps_the_others_from_being_compared(runs: Path) -> None:
    victim = runs / "victim"
    whole = {name: (victim / name).read_text() for name in FILES}
    places = [
        (name, tree, path, value)
        for name, tree in trees(victim).items()
        for path in paths(tree)
        for value in (*BAD, *([...] if path else []))
    ]
    for name, tree, path, value in random.Random(0).sample(places, SAMPLE):
        (victim / name).write_text(changed(tree, path, value))
        print(name, path, repr(value)[:50])  # the last one is to blame
        is_told(runs, "best" if "best" in path else "last")
        (victim / name).write_text(whole[name])


COURSE, FILE = "metrics.jsonl has values", "its files are not"
NAMED: dict[str, tuple[str, Path_, Any, str]] = {
    "a speed that is null": ("metrics.jsonl", ("time/examples_per_s",), None, COURSE),
    "a speed of text": ("metrics.jsonl", ("time/examples_per_s",), "fast", COURSE),
    "a speed beyond all ratios": ("metrics.jsonl", ("time/examples_per_s",), 1e-310, COURSE),
    "an endless curve": ("metrics.jsonl", ("val/loss",), 10**400, COURSE),
    "a curve of no numbers": ("metrics.jsonl", ("val/accuracy",), float("nan"), COURSE),
    "a deep line": ("metrics.jsonl", ("val/accuracy",), DEEP, COURSE),
    "an epoch of text": ("summary.json", ("kept", "epoch"), "1", FILE),
    "an epoch that is a list": ("summary.json", ("last", "epoch"), [1], FILE),
    "an endless number of epochs": ("summary.json", ("epochs", "done"), 10**300 - 1, FILE),
    "no accuracy of corruption": ("summary.json", ("corruption", "last", "accuracy"), ..., FILE),
    "no reliability at the end": ("summary.json", ("reliability", "last"), ..., FILE),
    "bins with text": ("summary.json", ("reliability", "last", "accuracy", 0), "x", FILE),
    "endless bins": ("summary.json", ("reliability", "best", "count", 0), 10**299, FILE),
    "reads of text": ("summary.json", ("test", "reads"), "twice", FILE),
    "reads that are null": ("summary.json", ("test", "reads"), None, FILE),
    "an accuracy of 7": ("summary.json", ("last", "metrics", "val/accuracy"), 7.0, FILE),
    "a loss that overflows": ("summary.json", ("last", "metrics", "val/loss"), 1e299, FILE),
    "no time at all": ("summary.json", ("seconds",), 0, ""),
    "hardly any time": ("summary.json", ("seconds",), 1e-310, FILE),
    "a width of no number": ("summary.json", ("config", "model", "width"), float("nan"), "summary.json"),
    "a content of no number": ("summary.json", ("content",), float("nan"), "summary.json"),
    "deep values": ("summary.json", ("stack", 0, "values", "p"), DEEP, "summary.json"),
    "a deep version": ("summary.json", ("version",), DEEP, "summary.json"),
    "deep choices": ("summary.json", ("choices", "model"), DEEP, "summary.json"),
    "a deep environment": ("environment.json", ("git",), DEEP, "environment.json"),
    "an endless environment": ("environment.json", ("git",), 10**400, "environment.json"),
    "a red figure": ("summary.json", ("kept", "metrics", "val/\x1b[31mred"), 0.5, "no figure"),
    "a figure of no text": ("summary.json", ("kept", "metrics", "val/\ud800"), 0.5, "no figure"),
    "a red member": ("summary.json", ("stack", 0, "name"), "\x1b[31m\ud800", ""),
    "a red key": ("summary.json", ("config", "model", "\x1b[31m\ud800"), "\ud800", ""),
    "a red environment": ("environment.json", ("\x1b[31m\ud800",), "\ud800", ""),
}  # fmt: skip


@pytest.mark.parametrize("case", NAMED)
def test_what_once_ended_the_command_is_told_of_that_run(runs: Path, case: str) -> None:
    name, path, value, said = NAMED[case]
    (runs / "victim" / name).write_text(changed(trees(runs / "victim")[name], path, value))
    reasons = is_told(runs)
    assert reasons.startswith(said)
    assert bool(reasons) == bool(said)

"""The content of a run's checkpoints: that it is one, before anything is made of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from regbench.errors import brief
from regbench.storage import checkpoint
from regbench.storage.columns_form import check_columns
from regbench.storage.reading import DEEPEST, FINITE

MOST = 10**8  # values of an input, classes, token ids: what is made of them must fit into memory
MOST_THREADS = 4096
MOST_SAID = 10**5  # values in what the audit has found
DECIDING = ("accuracy", "r2")  # one of which stands beside each loss
NUMBERS = {"mean", "std", "targets", "unit", "loss_form"}  # the fields of a `regbench.tasks.Regression`
EXTRA = "_extra_state"  # what a module keeps beside tensors, by the end of its name in a state_dict
KEYS = {
    "version": int,
    "identity": str,
    "threads": int,
    "stopped": bool,
    "history": list,
    "seconds": float,
    "audit": dict,
    "in_shape": list,
    "num_classes": int,
    "vocabulary": int | None,
    "model": dict,
    "optimizer": dict,
    "reg": dict,
    "evaluated": dict,
}


def newest(folder: Path) -> tuple[dict[str, Any], str]:
    """The newest checkpoint of a run that is one, and a complaint; see `checkpoint.load_newest`."""
    return checkpoint.load_newest(folder, check_state)


def best(folder: Path, *identities: str) -> dict[str, Tensor]:
    """The weights of a run's best epoch.

    Args:
        folder: of the run.
        identities: that the run has, or had before it was made longer.

    Raises:
        checkpoint.Damaged: the file holds none, or those of another run.
    """
    return checkpoint.load(folder / checkpoint.BEST, check_weights, identities)


def check_state(state: Any) -> None:
    """Refuse what is not the state of a run after an epoch.

    Raises:
        ValueError: it is not; in one sentence.
    """
    _must(isinstance(state, dict), f"it must hold keys and values, and holds {type(state).__name__}")
    for name, kind in KEYS.items():
        _must(name in state, f"{name} is missing")
        value = state[name]
        fits = type(value) in (int, float) if kind is float else isinstance(value, kind)
        fits = fits and (kind is bool or not isinstance(value, bool))
        _must(fits, f"{name} must be {_named(kind)}, got {type(value).__name__}")
    _must(isinstance(state.get("content", ""), str), "content must be text")  # older ones have none
    _must(1 <= state["threads"] <= MOST_THREADS, f"threads must lie in [1, {MOST_THREADS}]")
    _must(0 <= state["seconds"] < math.inf, "seconds must be at least 0")
    _check_history(state["history"])
    _check_audit(state["audit"])
    _check_data(state)
    for name in ("model", "evaluated"):
        try:
            check_weights(state[name])
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error


def _named(kind: Any) -> str:
    return {float: "a number", dict: "keys and values", int | None: "a whole number or nothing"}.get(
        kind, getattr(kind, "__name__", str(kind))
    )


def check_weights(weights: Any) -> None:
    """Refuse what is no model's state_dict.

    Raises:
        ValueError: it is none; in one sentence.
    """
    _must(isinstance(weights, dict), f"it must hold tensors by name, and holds {type(weights).__name__}")
    for name, tensor in weights.items():
        _must(isinstance(name, str), "its names must be text")
        tensors = isinstance(tensor, Tensor) or name.endswith(EXTRA)
        _must(tensors, f"{brief(name)} must be a tensor, got {type(tensor).__name__}")


def require_like(weights: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    """Refuse numbers of another kind than a model's own: copied, they would be others.

    Args:
        weights: as `check_weights` lets pass.
        own: the model's state_dict; names that it lacks are left to who loads them.

    Raises:
        ValueError: some are.
    """
    for name, tensor in weights.items():
        there = own.get(name)
        if isinstance(tensor, Tensor) and isinstance(there, Tensor):
            kinds = {(one.is_floating_point(), one.is_complex()) for one in (tensor, there)}
            _must(len(kinds) == 1, f"{brief(name)} must be of {there.dtype}, got {tensor.dtype}")


def _check_history(history: list[Any]) -> None:
    for number, entry in enumerate(history, 1):
        pair = isinstance(entry, list | tuple) and len(entry) == 2
        _must(
            pair and type(entry[0]) is int and entry[0] == number,
            f"history must go from epoch to epoch, not at {number}",
        )
        metrics = entry[1]
        _must(isinstance(metrics, dict), f"history must have figures for epoch {number}")
        for name, value in metrics.items():
            sound = isinstance(name, str) and type(value) in (int, float) and math.isfinite(value)
            _must(sound, f"history must have finite figures by name for epoch {number}")
        for split in ("select", "val"):
            decides = [name for name in DECIDING if f"{split}/{name}" in metrics]
            together = len(decides) == (f"{split}/loss" in metrics)
            _must(together, f"history must have loss and {' or '.join(DECIDING)} of {split} together")


def _check_audit(audit: Mapping[str, Any]) -> None:
    for name, kind in (("findings", list), ("warnings", list), ("flops_per_example", int | float)):
        _must(isinstance(audit.get(name), kind), f"audit.{name} must be there")
    _must(all(isinstance(one, str) for one in audit["warnings"]), "audit.warnings must be text")
    _must(all(isinstance(one, dict) for one in audit["findings"]), "audit.findings must be objects")
    _check_plain(audit)


def _check_plain(value: Any) -> None:
    """Refuse what JSON cannot hold: in a pickle a list may stand in another a thousand times."""
    left, seen = [(value, 1)], 0
    while left:
        one, depth = left.pop()
        seen += 1
        _must(seen <= MOST_SAID and depth <= DEEPEST, "audit must be of a few values")
        if isinstance(one, dict):
            _must(all(isinstance(name, str) for name in one), "audit must have names of text")
            left += [(item, depth + 1) for item in one.values()]
        elif isinstance(one, list):
            left += [(item, depth + 1) for item in one]
        else:
            finite = isinstance(one, str | None) or (isinstance(one, int | float) and -FINITE < one < FINITE)
            _must(finite, "audit must be text and finite numbers")


def _check_data(state: Mapping[str, Any]) -> None:
    """What is kept of the data: shapes, classes, words."""
    shape, classes, words = state["in_shape"], state["num_classes"], state["vocabulary"]
    sizes = bool(shape) and all(type(size) is int and 1 <= size <= MOST for size in shape)
    _must(sizes and math.prod(shape) <= MOST, "in_shape must be sizes of at least 1")
    _must(1 <= classes <= MOST, "num_classes must be at least 1")
    _must(words is None or 1 <= words <= MOST, "vocabulary must be at least 1")
    names = state.get("classes") or [str(number) for number in range(classes)]
    named = isinstance(names, list) and all(isinstance(name, str) for name in names)
    _must(named and len(names) == classes, "classes must be a name for each class")
    _check_numbers(state.get("numbers"), classes)
    if state.get("columns") is not None:
        check_columns(state["columns"], shape)
    tokens = state.get("tokens")
    if tokens is not None:
        _must(
            isinstance(tokens, dict) and tokens.keys() == {"cut", "words", "length"},
            "tokens must have cut, words, length",
        )
        listed = isinstance(tokens["words"], list | tuple) and all(
            isinstance(w, str) for w in tokens["words"]
        )
        _must(listed and isinstance(tokens["cut"], str), "tokens must have words of text")
        length = tokens["length"]
        _must(type(length) is int and 1 <= length <= MOST, "tokens must have a length of at least 1")


def _check_numbers(numbers: Any, count: int) -> None:
    """What is kept of numbers to predict; nothing of classes."""
    if numbers is None:
        return
    known = isinstance(numbers, dict) and numbers.keys() == NUMBERS
    _must(known, "numbers must have mean, std, targets, unit and loss_form")
    for name, kind in (("mean", float), ("std", float), ("targets", str)):
        listed = isinstance(numbers[name], list | tuple) and all(type(one) is kind for one in numbers[name])
        _must(listed and len(numbers[name]) == count, f"numbers must have a {name} for each of them")
    sound = all(map(math.isfinite, (*numbers["mean"], *numbers["std"]))) and min(numbers["std"]) > 0
    _must(sound, "numbers must have finite means, and standard deviations above 0")
    for name in ("unit", "loss_form"):
        _must(isinstance(numbers[name], str), f"numbers must have a {name} of text")


def _must(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(what)

"""A model's logits, or its numbers: where they are in what it returns, and what in them is seldom meant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from regbench.errors import ConfigError
from regbench.tasks import Task

NAMES = ("logits", "out")  # what others' models call them where they return more than one tensor
NEAR = 1e-5  # of one: a softmax in single precision over some thousand classes is that exact
EQUAL = 1e-6  # relative to the largest logit: apart by less is apart by rounding


def logits_of(output: Any) -> Any:
    """The logits in what a model returns: a tensor itself, of several values the named one or the first.

    The name is `logits` or `out`, a key of a mapping or else an attribute (a named tuple, a dataclass, what
    transformers return); a tuple or list without such a name begins with them. What holds none is returned
    as it is.
    """
    if isinstance(output, Tensor):
        return output
    for name in NAMES:
        found = output.get(name) if isinstance(output, Mapping) else getattr(output, name, None)
        if isinstance(found, Tensor):
            return found
    first = output[0] if isinstance(output, tuple | list) and output else None
    return first if isinstance(first, Tensor) else output


def as_column(output: Any, outputs: int | None) -> Any:
    """One number a row, (B,), as a column (B, 1) where a row has one output; all else as it is."""
    column = isinstance(output, Tensor) and output.ndim == 1 and outputs == 1
    return output.unsqueeze(1) if column else output


def described(output: Any) -> str:
    """What a model returned, for a sentence that refuses it."""
    if isinstance(output, Tensor):
        return str(tuple(output.shape))
    keys = f" with the keys {', '.join(map(str, output))}" if isinstance(output, Mapping) else ""
    return f"{type(output).__name__}{keys}"


def doubts(logits: Tensor, task: Task) -> list[str]:
    """What cross-entropy, which takes logits, makes a mistake likely of; sentences without a subject.

    Logarithms of probabilities (log-softmax) are logits, and no doubt is raised. Numbers may be any, but not
    the same for every row, nor never below 0, the mean of their targets.

    Args:
        logits: (B, K), of rows that differ, by a model that has made some steps.
        task: what they are.
    """
    values = logits.detach().double()
    single = task.speaks_of_classes and values.shape[1] < 2
    if len(values) < 2 or single or not values.isfinite().all():
        return []
    if (values - values[0]).abs().max() <= EQUAL * values.abs().max():
        return [f"returns the same {task.returned} for every row"]
    if (values < 0).any():
        return []
    if not task.speaks_of_classes:
        several = (values == 0).any()
        return (
            ["returns nothing below 0; targets have the mean 0, so leave a last ReLU out"] if several else []
        )
    if ((values.sum(1) - 1).abs() <= NEAR).all():
        seen, last = "rows that sum to one already", "softmax"
    elif (values == 0).any():
        seen, last = "nothing below 0", "ReLU"
    elif (values <= 1).all():
        seen, last = "values from 0 to 1 only", "sigmoid"
    else:
        return []
    return [f"returns {seen}; cross-entropy takes logits, so leave a last {last} out"]


def checked_logits(output: Any, rows: int, num_classes: int, called: str = "logits") -> Tensor:
    """The logits in what a model returned for some rows.

    Args:
        output: what it returned.
        rows: how many.
        num_classes: C, or K of numbers.
        called: what they are, in words.

    Raises:
        ValueError: there are none of shape (rows, num_classes), or they are no finite real numbers.
    """
    logits = as_column(logits_of(output), num_classes)
    if not isinstance(logits, Tensor) or tuple(logits.shape) != (rows, num_classes):
        count = {1: "one row", 2: "two rows"}[rows]
        raise ValueError(
            f"must return {called} of shape (B, {num_classes}), got {described(logits)} for {count}"
        )
    if not logits.is_floating_point():
        raise ValueError(f"must return floating-point {called}, got {logits.dtype}")
    if not torch.isfinite(logits).all():
        raise ValueError(f"must return finite {called}, got NaN or infinity for the first rows")
    return logits


def still_logits(output: Any, rows: int, num_classes: int, called: str = "logits") -> Tensor:
    """What a model that was tried returns later on, which may be something else by then.

    Raises:
        ConfigError: it is no tensor of shape (rows, num_classes).
    """
    if isinstance(output, Tensor) and output.shape == (rows, num_classes):
        return output
    raise ConfigError(
        f"model: must return {called} of shape (B, {num_classes}) always, and then returned "
        f"{described(output)} for {rows} rows"
    )

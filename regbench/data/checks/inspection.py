"""What is told of a dataset beside its splits: labels and rows that are seldom meant."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from torch import Tensor

from regbench.data.checks import duplicates
from regbench.data.checks.duplicates import Part
from regbench.data.labelling import Labelling
from regbench.data.source import Source, Traced


def inspected(
    source: Source, kind: Labelling, labels: Tensor, parts: Mapping[str, Part], classes: Sequence[str]
) -> tuple[list[str], list[str]]:
    """What is seldom meant in a person's data, and what is known of a published set, which nobody can mend.

    Args:
        source: where the data are from.
        kind: what its labels are.
        labels: of all rows, before they are cut.
        parts: train as it is kept, select and val.
        classes: the names of the classes; of numbers none.
    """
    doubts = kind.doubts(labels, {name: part.labels for name, part in parts.items()}, classes)
    repeated = duplicates.of_rows(parts, classes)
    if repeated and _is_published(source):
        return doubts, ["; ".join(repeated)]
    return doubts + [f"dataset: {said}" for said in repeated], []


def _is_published(source: Source) -> bool:
    """Whether checksums pin the data. Asked last: the content of a person's files takes long to read."""
    return not isinstance(source, Traced) and hasattr(source, "content") and source.content() == ""


def origin(source: Source, part: str, rows: Tensor) -> Callable[[int], str]:
    """Where the i-th of some rows, by their numbers in what the source returns, came from."""
    if isinstance(source, Traced):
        return lambda row: source.origin(part, int(rows[row]))
    return lambda row: f"row {int(rows[row])}" + (" of val" if part == "val" else "")

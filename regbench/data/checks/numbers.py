"""Numbers to predict that are seldom meant: classes in disguise, and values that no other is near."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from regbench.errors import counted, listed

FEW = 5  # different values, all whole: these may be classes
FAR = 10.0  # standard deviations from the mean: such as -999 for what is missing
MOST_NAMED = 3


def of_values(values: Tensor, targets: Sequence[str]) -> list[str]:
    """A sentence for each way in which targets look wrong before anything is cut.

    Args:
        values: (N, K) in their unit, of all rows that train, select and val are cut from.
        targets: the K names.
    """
    said = []
    for name, column in zip(targets, values.T, strict=True):
        different = column.unique()
        whole = bool((different == different.round()).all())
        if len(different) <= FEW and whole:
            said.append(
                f"dataset: the target {name} has {counted(len(different), 'value')} in {len(column):,} rows "
                f"({listed(f'{value:g}' for value in different.tolist())}); are they classes?"
            )
        apart = (column - column.mean()).abs() / column.std(correction=0)
        far = column[apart > FAR]
        if len(far):
            some = listed((f"{value:g}" for value in far.unique().tolist()), MOST_NAMED)
            said.append(
                f"dataset: the target {name} is more than {FAR:g} standard deviations from its mean in "
                f"{counted(len(far), 'row')} ({some}); does it stand for a missing value? The loss is about "
                "such rows"
            )
    return said

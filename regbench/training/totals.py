"""What is summed over an epoch, and whether all of it is finite; read when nobody waits for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import numpy as np
import torch
from torch import Tensor

BLOCK = 64  # scalars that become one tensor


class Totals:
    """The terms of the objective, summed over the rows of an epoch; only `sums` waits for the device."""

    def __init__(self) -> None:
        self._new: dict[str, list[Tensor]] = defaultdict(list)
        self._blocks: dict[str, list[Tensor]] = defaultdict(list)
        self._rows: dict[str, list[int]] = defaultdict(list)

    def add(self, terms: Mapping[str, Tensor], rows: int) -> None:
        """One step's terms, means over its rows."""
        for name, term in terms.items():
            new = self._new[name]
            new.append(term)
            self._rows[name].append(rows)
            if len(new) == BLOCK:
                self._blocks[name].append(torch.stack(new).flatten())
                new.clear()

    def sums(self) -> dict[str, float]:
        """The sum of each term over all rows so far, in the terms' own precision, at least single."""
        return {name: self._sum(name) for name in self._rows}

    def _sum(self, name: str) -> float:
        """One after the other, in the order in which they came."""
        if self._new[name]:
            self._blocks[name].append(torch.stack(self._new[name]).flatten())
            self._new[name].clear()
        blocks = self._blocks[name]
        terms = torch.cat(blocks) if len(blocks) > 1 else blocks[0]
        values = (terms if terms.dtype == torch.float64 else terms.float()).cpu().numpy()
        with np.errstate(all="ignore"):  # what is not finite is told by others
            return float(np.add.accumulate(values * np.asarray(self._rows[name], values.dtype))[-1]) + 0.0


@torch.no_grad()
def all_finite(tensors: Iterable[Tensor]) -> bool:
    """Whether no entry of any is infinite or NaN, by one wait for each device."""
    by_device: dict[torch.device, list[Tensor]] = defaultdict(list)
    for tensor in tensors:
        if tensor.numel() and (tensor.is_floating_point() or tensor.is_complex()):
            real = torch.view_as_real(tensor) if tensor.is_complex() else tensor
            by_device[tensor.device] += torch.aminmax(
                real
            )  # which NaN passes through, in a tenth of the time
    return all(torch.stack(ends).isfinite().all() for ends in by_device.values())

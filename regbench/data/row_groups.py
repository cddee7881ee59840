"""Cutting rows into parts of which none shares a group with another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


def groups_apart(
    groups: Tensor, strata: Tensor, shares: Sequence[float], generator: torch.Generator
) -> list[Tensor]:
    """Row numbers, ascending, of parts that hold whole groups, about so large, and the strata in proportion.

    Groups are dealt from the largest to the smallest, equally large ones in random order. A part wants its
    share of the rows of each stratum; a group goes where, averaged over its rows, the largest share of what
    was wanted is still wanting when it is there. The last groups go to parts that have none.

    Args:
        groups: (N,) int64, which group each row belongs to.
        strata: (N,) int64, classes, or bins of numbers.
        shares: of the rows, for each part; they add up to 1. Of equal claims the first part's counts.
        generator: of the order of equally large groups.

    Raises:
        ValueError: there are fewer groups than parts.
    """
    _, dense = groups.unique(return_inverse=True)
    sizes = torch.bincount(dense)
    if len(sizes) < len(shares):
        raise ValueError(
            f"the rows must fall into at least {len(shares)} groups, one for each split, got {len(sizes)}"
        )
    order = torch.randperm(len(sizes), generator=generator)
    order = order[sizes[order].argsort(descending=True, stable=True)]
    parts = _dealt(order.tolist(), *_pieces(dense, strata), np.bincount(strata.numpy()), np.array(shares))
    of_rows = torch.from_numpy(parts)[dense]
    return [(of_rows == part).nonzero().flatten() for part in range(len(shares))]


def _pieces(dense: Tensor, strata: Tensor) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Of each group the strata that it has rows of, and how many."""
    pairs, counts = torch.stack([dense, strata], 1).unique(dim=0, return_counts=True)
    cuts = torch.bincount(pairs[:, 0]).cumsum(0)[:-1].tolist()
    return np.split(pairs[:, 1].numpy(), cuts), np.split(counts.numpy(), cuts)


def _dealt(
    order: Sequence[int],
    strata: Sequence[np.ndarray],
    counts: Sequence[np.ndarray],
    totals: np.ndarray,
    shares: np.ndarray,
) -> np.ndarray:
    """The part of each group."""
    wanted = shares[:, None] * np.maximum(totals, 1)
    wanting = wanted.copy()
    part_of = np.full(len(order), -1)
    empty = set(range(len(shares)))
    for place, group in enumerate(order):
        kinds, rows = strata[group], counts[group]
        if len(order) - place <= len(empty):
            part = min(empty)
        else:
            claims = ((wanting[:, kinds] - rows) / wanted[:, kinds]) @ rows
            part = int(claims.argmax())
        part_of[group] = part
        wanting[part, kinds] -= rows
        empty.discard(part)
    return part_of

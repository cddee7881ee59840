"""The order of the rows of an epoch."""

from __future__ import annotations

import torch
from torch import Tensor

from regbench.streams import keyed_seed


def batches(
    rows: int, batch_size: int, seed: int, epoch: int, device: torch.device | str = "cpu"
) -> list[Tensor]:
    """The rows of each batch of an epoch, drawn by the seed; a last batch of one row joins the one before."""
    generator = torch.Generator().manual_seed(keyed_seed(seed, "order", epoch))
    order = without_waiting(torch.randperm(rows, generator=generator), torch.device(device))
    found = list(order.split(batch_size))
    if len(found) > 1 and len(found[-1]) == 1:  # normalization by a batch of one is undefined
        found[-2:] = [torch.cat(found[-2:])]
    return found


def without_waiting(values: Tensor, device: torch.device) -> Tensor:
    """A CPU tensor on the device, without waiting for it."""
    return values.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else values.to(device)

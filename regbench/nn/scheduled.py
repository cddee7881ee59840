"""Numbers of a module that a schedule changes and that evaluation reads."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

BESIDE = "scheduled_"  # before a number's name, the name of the buffer


class Scheduled(nn.Module):
    """A module whose numbers a schedule may change while it trains, and which evaluation reads too.

    In training such a number is an attribute. One that `keep` was called for is in a buffer as well, which
    has whatever the attribute is set to, and evaluation reads that: a number that was evaluated with is saved
    with the weights and loaded with them, and where weights are averaged it is averaged with them.
    """

    def keep(self, name: str) -> None:
        """Let a number stand in a buffer from now on: a scalar in double precision."""
        value = torch.tensor(float(getattr(self, name)), dtype=torch.float64)
        self.register_buffer(f"{BESIDE}{name}", value)

    def now(self, name: str) -> Any:
        """The number to compute with: a float, in evaluation the kept one where it is kept, a tensor ()."""
        kept = None if self.training else self._buffers.get(f"{BESIDE}{name}")
        return getattr(self, name) if kept is None else kept

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        kept = self.__dict__.get("_buffers", {}).get(f"{BESIDE}{name}")
        if kept is not None:
            kept.fill_(value)


def times(tensor: Tensor, factor: float | Tensor) -> Tensor:
    """A tensor, of one axis or more, times a number; one of `Scheduled.now` acts to the bit as a float."""
    if not isinstance(factor, Tensor):
        return tensor * factor
    # torch multiplies bfloat16 by a float in single precision, and by a scalar of a device in its own
    wide = factor.to(torch.promote_types(tensor.dtype, torch.float32)).view(1)
    return (tensor * wide).to(tensor.dtype)

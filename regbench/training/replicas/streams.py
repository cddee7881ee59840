"""One member's draws at one place for all runs of a stack, in one expression."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from regbench.streams import Clock, Stream
from regbench.training.replicas.numbers import Lane, Number, Unlike


class StackedStream(Stream):
    """The streams of K runs: each run draws within the common step what it would draw alone, to the bit.

    Args:
        streams: one of each run, of any seeds and of one name and site.
        clock: that of the stack.
        lane: likewise.
    """

    def __init__(self, streams: Sequence[Stream], clock: Clock, lane: Lane) -> None:
        seed, name, site = streams[0].key
        super().__init__(int(str(seed)), str(name), clock, str(site))
        self._streams, self._lane = list(streams), lane
        bases = [stream.base for stream in streams]
        self._base = tuple(np.array([[base[part]] for base in bases], dtype=np.uint64) for part in range(2))

    def at(self, site: str) -> Stream:
        return StackedStream([stream.at(site) for stream in self._streams], self._clock, self._lane)

    def seed_of(self, purpose: str) -> int:
        raise Unlike("a seed for what happens once in a run is asked for in each step")

    def _below(self, keep: Any, count: int, device: torch.device | str) -> Any:
        if not isinstance(keep, Number):
            return super()._below(keep, count, device)
        pieces = self._pieces(count, device)
        last = np.round(keep.values * 65536)[:, None].astype(np.int64) - 32769  # the greatest that is kept
        narrow = last if last.min() < -32768 else last.astype(np.int16)  # a wider one would be slower
        if not isinstance(pieces, np.ndarray):
            return pieces <= torch.from_numpy(narrow).to(device, non_blocking=True)
        return pieces <= narrow

    def betas(self, a: Any, b: Any, count: int, device: torch.device | str = "cpu") -> Tensor:
        if not isinstance(a, Number):
            return super().betas(a, b, count, device)
        if a is not b and a != b:
            raise Unlike(f"{a.name} differs between runs, in a beta distribution that is not symmetric")
        values: Any = a.values[:, None]
        if torch.device(device).type != "cpu":
            values = torch.from_numpy(values).to(device, non_blocking=True)
        return super().betas(values, values, count, device)

    def begin(self) -> None:
        """Forget what was drawn at this moment, so that it is drawn again."""
        self._now = None

    def _given(self, drawn: Any, shape: Sequence[int]) -> Tensor:
        drawn = torch.from_numpy(drawn) if isinstance(drawn, np.ndarray) else drawn
        return self._lane.of(drawn.view(len(self._streams), *shape))

"""Keyed random streams: what a member draws depends on where it stands, not on what was drawn before."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass
class Clock:
    """Where training stands: the loop moves it, streams read it.

    Attributes:
        step: optimizer steps done before this one.
        micro: index of the micro-batch within the step.
        passes: forward passes over this step's batch before this one (SAM makes two); -1 while the batch
            is being made.
        on_draw: called with the name of each member that draws, where anybody watches.
    """

    step: int = 0
    micro: int = 0
    passes: int = 0
    on_draw: Callable[[str], None] | None = None


def keyed_seed(*parts: object) -> int:
    """A 63-bit seed that depends on every part, equal on every machine."""
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def seed_draws(seed: int) -> None:
    """Seed what a person's own code may draw from: the global generators of torch, numpy and Python."""
    torch.manual_seed(seed)
    other = keyed_seed(seed, "others")
    np.random.seed([other % 2**32, other >> 32])
    random.seed(other)


@contextmanager
def kept_draws(devices: Sequence[torch.device] | None = None) -> Iterator[None]:
    """Whatever is drawn or seeded within, the global generators go on after it as if nothing had been.

    Args:
        devices: CUDA devices whose generators are meant as well; None for all.
    """
    of_numpy, of_python = np.random.get_state(), random.getstate()
    with torch.random.fork_rng(devices):
        try:
            yield
        finally:
            np.random.set_state(of_numpy)
            random.setstate(of_python)


@contextmanager
def keyed_draws(*parts: object) -> Iterator[None]:
    """Within, the global generators draw what the parts say; after it they go on as before."""
    with kept_draws([]):
        seed_draws(keyed_seed(*parts))
        yield


class Stream:
    """The random draws of one member at one place.

    Before the first draw at each reading of the clock the generator is seeded anew, from (run seed, the
    member's own name, site, step, micro-batch, pass). A second pass or another member therefore shifts
    nobody's draws, and resuming a run needs no generator state.
    """

    def __init__(self, seed: int, name: str, clock: Clock, site: str = "") -> None:
        self._key, self._clock = (seed, name, site), clock
        self._now: dict[str, tuple[int, int, int]] = {}
        self._generators: dict[str, torch.Generator] = {}

    def at(self, site: str) -> Stream:
        """The same member's stream at a site of the model."""
        seed, name, _ = self._key
        return Stream(seed, name, self._clock, site)

    @property
    def key(self) -> tuple[object, ...]:
        """Run seed, member's name and site: what two streams with the same draws have in common."""
        return self._key

    @property
    def moment(self) -> tuple[int, int, int]:
        """The reading of the clock, for what must stay the same within one forward pass."""
        return (self._clock.step, self._clock.micro, self._clock.passes)

    def seed_of(self, purpose: str) -> int:
        """A seed of this stream's own that no clock moves, for what happens once in a run."""
        return keyed_seed(*self._key, purpose)

    @property
    def micro(self) -> int:
        """The micro-batch that the clock stands at, for what is drawn once and used in several passes."""
        return self._clock.micro

    def generator(self, device: torch.device | str = "cpu") -> torch.Generator:
        """A generator on the device, seeded for this moment, and continued within it."""
        if self._clock.on_draw is not None:
            self._clock.on_draw(str(self._key[1]))
        where, now = str(device), self.moment
        if self._now.get(where) != now:
            if where not in self._generators:
                self._generators[where] = torch.Generator(device)
            self._generators[where].manual_seed(keyed_seed(*self._key, *now))
            self._now[where] = now
        return self._generators[where]

    def mask(self, like: Tensor, keep: float, shape: Sequence[int] | None = None) -> Tensor:
        """Ones with probability keep, else zeros, in `like`'s type; `like`'s shape unless another is given.

        Made from 16-bit random words compared with a threshold (keep is exact to 1/65536), because
        `bernoulli_` is single-threaded on CPUs and costs up to one and a half times a whole step.
        """
        shape = like.shape if shape is None else torch.Size(shape)
        threshold = round(keep * 65536) - 32768
        if threshold > 32767:
            return torch.ones(shape, dtype=like.dtype, device=like.device)
        words = torch.empty((shape.numel() + 3) // 4, dtype=torch.int64, device=like.device)
        words.random_(-(2**63), None, generator=self.generator(like.device))
        kept = words.view(torch.int16)[: shape.numel()].view(shape) < threshold
        return kept.to(like.dtype)

    def uniform(self, shape: Sequence[int], device: torch.device | str = "cpu") -> Tensor:
        """Uniform draws in [0, 1)."""
        return torch.rand(tuple(shape), generator=self.generator(device), device=device)

    def normal(self, shape: Sequence[int], device: torch.device | str = "cpu") -> Tensor:
        """Standard normal draws."""
        return torch.randn(tuple(shape), generator=self.generator(device), device=device)

    def integers(self, high: int, shape: Sequence[int], device: torch.device | str = "cpu") -> Tensor:
        """Whole numbers drawn uniformly from 0 to high - 1."""
        return torch.randint(high, tuple(shape), generator=self.generator(device), device=device)

    def permutation(self, length: int, device: torch.device | str = "cpu") -> Tensor:
        """A random order of `length` rows."""
        return torch.randperm(length, generator=self.generator(device), device=device)

    def beta(self, a: float, b: float) -> float:
        """One draw from Beta(a, b)."""
        return float(self._numpy().beta(a, b))

    def betas(self, a: float, b: float, count: int, device: torch.device | str = "cpu") -> Tensor:
        """Draws from Beta(a, b), of shape (count,), equal on every device."""
        draws = self._numpy().beta(a, b, count)
        return torch.as_tensor(draws, dtype=torch.get_default_dtype(), device=device)

    def _numpy(self) -> np.random.Generator:
        """A generator for what torch draws without taking a generator."""
        seed = torch.randint(2**62, (), generator=self.generator()).item()
        return np.random.Generator(np.random.Philox(key=int(seed)))

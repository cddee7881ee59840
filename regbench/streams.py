"""Keyed random streams: what a member draws depends on where it stands, not on what was drawn before."""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

BITS = 2**64 - 1
STRIDE = 0x9E3779B97F4A7C15  # between two counters: 2^64 over the golden ratio, odd
FACTORS = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB  # of the mixing, with the shifts 30, 27 and 31
BLOCK = 8192  # words made at once, so that they stay in the cache
KEPT = 1024  # digests; some streams are made for one step alone


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

    They are a pure function of the run's seed, the member's own name, the site, the reading of the clock
    (step, micro-batch, pass), and how many were drawn at that reading before. A second pass or another member
    therefore shifts nobody's draws, resuming a run needs no generator's state, and what is drawn does not
    depend on the device: bits, whole numbers and uniform draws are equal on all of them.

    Random words are made by counters: word i of a moment is mix(key + i * STRIDE), where mix is the output
    function of SplitMix64 with a second key added between its multiplications, and the two keys are a digest
    of seed, name and site, mixed with the clock's reading. A counter-based generator as Philox (Salmon et
    al., 2011, https://doi.org/10.1145/2063384.2063405) with fewer operations: 10 against 60 for two words.

    Source: Steele, Lea and Flood, 2014, https://doi.org/10.1145/2660193.2660195, figure 16 (the mixing)
    """

    def __init__(self, seed: int, name: str, clock: Clock, site: str = "") -> None:
        self._key, self._clock = (seed, name, site), clock
        self._base: Any = _digest(seed, name, site)  # two keys: whole numbers, of several runs (K, 1) each
        self._now: tuple[int, int, int] | None = None
        self._moved: tuple[Any, Any] = (0, 0)  # the keys of this moment
        self._drawn = 0  # halves of words that this moment has given

    def at(self, site: str) -> Stream:
        """The same member's stream at a site of the model."""
        seed, name, _ = self._key
        return Stream(seed, name, self._clock, site)

    @property
    def key(self) -> tuple[object, ...]:
        """Run seed, member's name and site: what two streams with the same draws have in common."""
        return self._key

    @property
    def base(self) -> tuple[Any, Any]:
        """The two keys that no clock has moved yet: what else its draws are made of."""
        return self._base

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

    def mask(self, like: Tensor, keep: float, shape: Sequence[int] | None = None) -> Tensor:
        """Ones with probability keep, else zeros, in `like`'s type; `like`'s shape unless another is given.

        Made from 16-bit random words compared with a threshold: keep is exact to 1/65536.
        """
        shape = like.shape if shape is None else shape
        bits = self._below(keep, math.prod(shape), like.device)
        # as bytes up to 7 times as fast as from booleans; here, as not every vmap of torch's can look so
        seen = bits.view(np.uint8 if isinstance(bits, np.ndarray) else torch.uint8)
        return self._given(seen, shape).to(like.dtype)

    def bits(self, keep: float, shape: Sequence[int], device: torch.device | str = "cpu") -> Tensor:
        """True with probability keep, which is exact to 1/65536, else False."""
        return self._given(self._below(keep, math.prod(shape), device), shape)

    def uniform(self, shape: Sequence[int], device: torch.device | str = "cpu") -> Tensor:
        """Uniform draws in [0, 1), multiples of 2^-24."""
        drawn = self._given(self._fractions(math.prod(shape), device), shape)
        return drawn.to(torch.get_default_dtype())

    def normal(self, shape: Sequence[int], device: torch.device | str = "cpu") -> Tensor:
        """Standard normal draws, at most 5.77 in size.

        Paper: Box and Muller, 1958, https://doi.org/10.1214/aoms/1177706645, eq. 1
        """
        double = torch.get_default_dtype() == torch.float64
        return self._given(self._normal(math.prod(shape), device, double), shape)

    def integers(self, high: int, shape: Sequence[int], device: torch.device | str = "cpu") -> Tensor:
        """Whole numbers drawn uniformly from 0 to high - 1; none is preferred by more than high / 2^32."""
        count = math.prod(shape)
        if high > 2**31:
            words = _viewed(self._halves(2 * count, device, whole=True), 64)
            return self._given((words & (BITS >> 1)) % high, shape)
        halves = self._halves(count, device)
        wide = halves.astype(np.int64) if isinstance(halves, np.ndarray) else halves.to(torch.int64)
        return self._given((wide & 0xFFFFFFFF) * high >> 32, shape)

    def permutation(self, length: int, device: torch.device | str = "cpu") -> Tensor:
        """A random order of `length` rows."""
        words = _viewed(self._halves(2 * length, device, whole=True), 64)
        last = {"axis": -1} if isinstance(words, np.ndarray) else {"dim": -1}
        return self._given(words.argsort(stable=True, **last), (length,))

    def beta(self, a: float, b: float) -> float:
        """One draw from Beta(a, b)."""
        return self.betas(a, b, 1).item()

    def betas(self, a: float, b: float, count: int, device: torch.device | str = "cpu") -> Tensor:
        """Draws from Beta(a, b), of shape (count,), on every device equal but for rounding.

        Where a = b they are (1 + T / sqrt(2a + T^2)) / 2 with T of a t distribution of 2a degrees of freedom,
        which takes two uniform draws.

        Paper: Bailey, 1994, https://doi.org/10.1090/S0025-5718-1994-1219702-8, theorem 2 (the draw of T)
        """
        dtype = torch.get_default_dtype()
        if a is not b and a != b:
            seeds = _viewed(self._halves(2, "cpu", whole=True), 64).reshape(-1)
            philox = (np.random.Generator(np.random.Philox(key=abs(int(seed)))) for seed in seeds)
            drawn = self._given(np.stack([one.beta(a, b, count) for one in philox]), (count,))
            return drawn.to(device, dtype)
        drawn = self._fractions(2 * count, device)
        xp: Any = np if isinstance(drawn, np.ndarray) else torch
        drawn = drawn.astype(np.float64) if xp is np else drawn.double()
        drawn = drawn.reshape(*drawn.shape[:-1], 2, count)
        return self._given(_symmetric_beta(a, drawn, xp), (count,)).to(dtype)

    def _given(self, drawn: Any, shape: Sequence[int]) -> Tensor:
        """What was drawn for all runs of the stream, as one run sees it."""
        drawn = torch.from_numpy(drawn) if isinstance(drawn, np.ndarray) else drawn
        return drawn.view(tuple(shape))

    def _below(self, keep: Any, count: int, device: torch.device | str) -> Any:
        """Which of the next 16-bit words are kept, (count,) booleans."""
        return self._pieces(count, device) < round(keep * 65536) - 32768

    def _pieces(self, count: int, device: torch.device | str) -> Any:
        """The next 16-bit words, signed, (count,)."""
        return _viewed(self._halves((count + 1) // 2, device), 16)[..., :count]

    def _normal(self, count: int, device: torch.device | str, double: bool) -> Any:
        pairs = (count + 1) // 2
        drawn = self._fractions(2 * pairs, device)
        xp: Any = np if isinstance(drawn, np.ndarray) else torch
        drawn = drawn.astype(np.float64) if double and xp is np else drawn.double() if double else drawn
        radius = xp.sqrt(-2 * xp.log(1 - drawn[..., :pairs]))
        angle = drawn[..., pairs:] * (2 * math.pi)
        return xp.concatenate([radius * xp.cos(angle), radius * xp.sin(angle)], -1)[..., :count]

    def _fractions(self, count: int, device: torch.device | str) -> Any:
        """(count,) float32 in [0, 1): the upper 24 bits of halves of words."""
        halves = self._halves(count, device)
        if isinstance(halves, np.ndarray):
            fractions = (halves >> _8).astype(np.float32)
            fractions *= _STEP
            return fractions
        return (halves >> 8 & 0xFFFFFF).to(torch.float32) * 2**-24

    def _halves(self, count: int, device: torch.device | str, whole: bool = False) -> Any:
        """The next halves of words, (count,): uint32 of numpy on the CPU, else an int32 tensor.

        Args:
            count: how many.
            device: where.
            whole: begin with a whole word.
        """
        clock = self._clock
        if clock.on_draw is not None:
            clock.on_draw(str(self._key[1]))
        now = (clock.step, clock.micro, clock.passes)
        if self._now != now:
            self._now, self._drawn = now, 0
            self._moved = _keys_at(self._base, (clock.step << 24) + (clock.micro << 8) + clock.passes + 1)
        if whole:
            self._drawn += self._drawn % 2
        first, skipped = divmod(self._drawn, 2)
        self._drawn += count
        words = random_words(*self._moved, first, (skipped + count + 1) // 2, device)
        return _viewed(words, 32)[..., skipped : skipped + count]


def _symmetric_beta(a: Any, uniform: Any, xp: Any) -> Any:
    """Draws from Beta(a, a), (..., count), of uniform draws (..., 2, count), by numpy or torch.

    T = sqrt(2a (U^(-1/a) - 1)) cos(2 pi V), and nothing here overflows where a is small.
    """
    power = (1 - uniform[..., 0, :]) ** (1 / a)
    cosine = xp.cos(uniform[..., 1, :] * (2 * math.pi))
    rest = 1 - power
    t = cosine * xp.sqrt(rest / (power + rest * cosine * cosine))
    return (1 + xp.clip(t, -1, 1)) / 2


def random_words(key: Any, other: Any, first: int, count: int, device: torch.device | str) -> Any:
    """Random words: word i is mix(key + i * STRIDE), with `other` added within the mixing.

    Args:
        key: a whole number of 64 bits; of K runs (K, 1) uint64 of numpy.
        other: likewise.
        first: words to pass over.
        count: how many.
        device: where.

    Returns:
        (count,) or (K, count): uint64 of numpy on the CPU, elsewhere an int64 tensor of the same bits.
    """
    if torch.device(device).type != "cpu":
        return torch_words(key, other, first, count, device)
    if count <= BLOCK:
        return _block(key, other, first, count)
    starts = range(first, first + count, BLOCK)
    return np.concatenate([_block(key, other, s, min(BLOCK, first + count - s)) for s in starts], axis=-1)


_COUNTERS = np.arange(1, BLOCK + 1, dtype=np.uint64) * np.uint64(STRIDE)
_FIRST, _SECOND = map(np.uint64, FACTORS)
_30, _27, _31 = map(np.uint64, (30, 27, 31))
_8, _STEP = np.uint32(8), np.float32(2**-24)


def _block(key: Any, other: Any, first: int, count: int) -> np.ndarray[Any, Any]:
    if isinstance(key, int):
        key, other = np.uint64((key + first * STRIDE) & BITS), np.uint64(other)
    elif first:
        key = key + np.uint64(first * STRIDE & BITS)
    words: np.ndarray[Any, Any] = _COUNTERS[:count] + key
    shifted = words >> _30
    words ^= shifted
    words *= _FIRST
    words += other
    words ^= np.right_shift(words, _27, out=shifted)
    words *= _SECOND
    words ^= np.right_shift(words, _31, out=shifted)
    return words


def torch_words(key: Any, other: Any, first: int, count: int, device: torch.device | str) -> Tensor:
    """`random_words` on a device, int64."""
    counters = _counters(torch.device(device), 1 << max(10, (count - 1).bit_length()))
    if isinstance(key, int):
        key, other = _signed(key), _signed(other)
    else:
        key, other = (
            torch.from_numpy(each.view(np.int64)).to(device, non_blocking=True) for each in (key, other)
        )
    words = counters[:count] + key
    if first:
        words += _signed(first * STRIDE)
    words ^= words >> 30 & (BITS >> 30)
    words *= _signed(FACTORS[0])
    words += other
    words ^= words >> 27 & (BITS >> 27)
    words *= _signed(FACTORS[1])
    words ^= words >> 31 & (BITS >> 31)
    return words


@cache
def _counters(device: torch.device, count: int) -> Tensor:
    return torch.arange(1, count + 1, device=device) * _signed(STRIDE)


def _signed(word: int) -> int:
    """A word of 64 bits as torch holds it."""
    return ((word + (1 << 63)) & BITS) - (1 << 63)


def _viewed(words: Any, size: int) -> Any:
    """The same bits in pieces of so many: 16 and 64 as signed whole numbers, 32 unsigned in numpy."""
    if isinstance(words, np.ndarray):
        return words.view({16: np.int16, 32: np.uint32, 64: np.int64}[size])
    return words.view({16: torch.int16, 32: torch.int32, 64: torch.int64}[size])


@lru_cache(KEPT)
def _digest(seed: int, name: str, site: str) -> tuple[int, int]:
    """The two keys of a stream."""
    digest = hashlib.blake2b(repr((seed, name, site)).encode(), digest_size=16).digest()
    return int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little")


def _keys_at(base: tuple[Any, Any], moment: int) -> tuple[Any, Any]:
    """The two keys of a stream at a moment; of whole numbers, or of several runs at once."""
    start = moment * STRIDE & BITS
    if isinstance(base[0], int):
        return _mixed((base[0] + start) & BITS), base[1]
    word = base[0] + np.uint64(start)
    word = (word ^ word >> _30) * _FIRST
    word = (word ^ word >> _27) * _SECOND
    return word ^ word >> _31, base[1]


def _mixed(word: int) -> int:
    """The output function of SplitMix64."""
    word = ((word ^ word >> 30) * FACTORS[0]) & BITS
    word = ((word ^ word >> 27) * FACTORS[1]) & BITS
    return word ^ word >> 31

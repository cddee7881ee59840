"""DropBlock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from regbench.regularizers.base import Regularizer
from regbench.sites import Site, Where, map_sites
from regbench.space import Domain, Interval
from regbench.streams import Stream

Gamma = Literal["paper", "calibrated"]
OnSmall = Literal["clamp_odd", "skip", "error"]
Normalize = Literal["batch", "sample"]


@dataclass
class DropBlock(Regularizer):
    """Zero square blocks of maps while training, and rescale what is left to the same mean.

    Each place where a block of block_size b lies wholly within the map (H, W) becomes one with probability
    gamma; m is 0 in all blocks, and h becomes m * h * (number of elements of m) / sum(m), over the batch or
    each example (normalize). Evaluation leaves h alone. gamma paper is
    p * H * W / (b^2 * (H - b + 1) * (W - b + 1)): blocks overlap, so it drops somewhat less than p;
    calibrated solves for exactly p. schedule linear raises p with the steps, from 0 in the first of the run
    to its full value in the last. Departures from the paper: p drops, where its keep_prob keeps; a block is
    named by its corner and not by its middle, so that b may be even.

    Paper: Ghiasi, Lin and Le, 2018, https://arxiv.org/abs/1810.12890, algorithm 1 and equation 1

    Attributes:
        p: share of each map to drop, in [0, 1).
        block_size: the side of a block in pixels, at least 1.
        gamma: how the probability of a block follows from p.
        schedule: whether p grows with the run.
        channels: whether each channel has a mask of its own.
        normalize: over what the mean is kept.
        on_small: for maps smaller than a block: the largest odd size that fits, or leave them out, or refuse.
        where: which of the model's hidden sites with maps; default: all of the last two stages.

    Raises:
        ValueError: a value is out of range; `prepare_model`: the model has no such site, or with on_small
            error a map is smaller than a block, or with skip all are.
    """

    kind = "noise on activations"
    off: ClassVar[Mapping[str, Any]] = {"p": 0.0}
    search: ClassVar[Mapping[str, Domain]] = {"p": Interval(0.05, 0.3), "block_size": Interval(3, 7)}
    follows = ("p",)
    fixed: ClassVar[Mapping[str, str]] = {
        "block_size": "the maps that it fits on are found when the model is built",
    }

    p: float
    block_size: int
    gamma: Gamma
    schedule: Literal["linear", "constant"]
    channels: Literal["each", "shared"]
    normalize: Normalize
    on_small: OnSmall
    where: Where

    def __post_init__(self) -> None:
        if not 0 <= self.p < 1:
            raise ValueError(f"p must lie in [0, 1), got {self.p}")
        if self.block_size < 1:
            raise ValueError(f"block_size must be at least 1, got {self.block_size}")
        self._blocks: list[Blocks] = []
        self._notes: list[str] = []

    def prepare_model(self, model: nn.Module) -> nn.Module:
        if self.is_off:
            return model
        for name, site in map_sites(model, self.where):
            side = self._side(name, site)
            if side:
                self._place(site, side, self.stream.at(name))
        if not self._blocks:
            raise ValueError(f"block_size must be at most the side of some map, got {self.block_size}")
        self._set(0.0 if self.schedule == "linear" else self.p)
        return model

    def begin_step(self, progress: float) -> None:
        self._set(self.p * progress if self.schedule == "linear" else self.p)

    @property
    def follows_length(self) -> bool:
        return super().follows_length and self.schedule == "linear"

    def note(self) -> str:
        return "; ".join(dict.fromkeys(self._notes))

    def _set(self, p: float) -> None:
        for blocks in self._blocks:
            blocks.gamma = find_gamma(p, blocks.side, blocks.size, self.gamma)

    def _side(self, name: str, site: Site) -> int:
        """The block's side on this site's maps; 0 to leave them alone."""
        smaller = min(site.shape[1:])
        if self.block_size <= smaller:
            return self.block_size
        if self.on_small == "error":
            raise ValueError(
                f"block_size must be at most {smaller}, the side of the maps at {name}, got {self.block_size}"
            )
        return 0 if self.on_small == "skip" else smaller - (smaller + 1) % 2

    def _place(self, site: Site, side: int, stream: Stream) -> None:
        size = height, width = site.shape[1:]
        blocks = Blocks(side, size, self.channels == "shared", self.normalize, stream)
        site.after.append(blocks)
        self._blocks.append(blocks)
        share = dropped_share(find_gamma(self.p, side, size, self.gamma), side, size)
        end = " at the end of the ramp" if self.schedule == "linear" else ""
        self._notes.append(f"{height}x{width} maps lose {share:.3f} to blocks of {side}x{side}{end}")


class Blocks(nn.Module):
    """Drop blocks of maps (B, C, H, W) at the current gamma.

    Args:
        side: the side of a block, at most that of the map.
        size: (H, W).
        shared: whether all channels of an example share one mask.
        normalize: over what the mean is kept.
        stream: where the draws come from.

    Attributes:
        gamma: probability that a block begins at a place where one fits.
    """

    def __init__(
        self, side: int, size: tuple[int, ...], shared: bool, normalize: Normalize, stream: Stream
    ) -> None:
        super().__init__()
        self.side, self.size, self.shared, self.normalize, self.stream = side, size, shared, normalize, stream
        self.gamma = 0.0

    def forward(self, inputs: Tensor) -> Tensor:
        if not self.training or self.gamma == 0:
            return inputs
        mask = self._mask(inputs)
        over = (1, 2, 3) if self.normalize == "sample" else (0, 1, 2, 3)
        kept = mask.mean(over, keepdim=True, dtype=torch.float32)
        scale = torch.where(kept > 0, 1 / kept, 0)  # where all is dropped there is nothing to rescale
        return (inputs * mask) * scale.to(inputs.dtype)

    def _mask(self, inputs: Tensor) -> Tensor:
        """(B, C or 1, H, W), zero in blocks; a seed is the top left corner of its block."""
        rows, channels = len(inputs), 1 if self.shared else inputs.shape[1]
        places = [length - self.side + 1 for length in self.size]
        seeds = 1 - self.stream.mask(inputs, 1 - self.gamma, (rows, channels, *places))
        return 1 - F.max_pool2d(F.pad(seeds, [self.side - 1] * 4), self.side, stride=1)

    def extra_repr(self) -> str:
        return f"{self.side}x{self.side}, gamma={self.gamma:.4g}"


@lru_cache(maxsize=16)  # maps of one size ask for the same in every step
def find_gamma(p: float, side: int, size: tuple[int, ...], form: Gamma) -> float:
    """The probability of a block at each place where one fits, so that about (paper) or just p is dropped."""
    height, width = size
    if form == "paper":
        return p * height * width / (side**2 * (height - side + 1) * (width - side + 1))
    low, high = 0.0, 1.0
    for _ in range(50):  # the dropped share grows with gamma
        middle = (low + high) / 2
        low, high = (middle, high) if dropped_share(middle, side, size) < p else (low, middle)
    return high if p > 0 else 0.0


def dropped_share(gamma: float, side: int, size: tuple[int, ...]) -> float:
    """The expected share of a map in blocks: 1 - mean over its pixels of (1 - gamma)^n.

    n is the number of places from which a block covers the pixel: less at the edges than amid the map.
    """
    return 1 - sum(share * (1 - gamma) ** count for count, share in _coverings(side, size))


@lru_cache(maxsize=16)
def _coverings(side: int, size: tuple[int, ...]) -> list[tuple[int, float]]:
    """From how many places a pixel is covered, and the share of the pixels of which that is true."""
    rows, columns = (_covering(length, side) for length in size)
    counts, pixels = torch.outer(rows, columns).long().unique(return_counts=True)
    return list(zip(counts.tolist(), (pixels / pixels.sum()).tolist(), strict=True))


def _covering(length: int, side: int) -> Tensor:
    """For each pixel of a line, how many of the blocks that fit cover it."""
    pixel = torch.arange(length, dtype=torch.float64)
    first, last = (pixel - side + 1).clamp(min=0), pixel.clamp(max=length - side)
    return last - first + 1

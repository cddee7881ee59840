"""ShakeDrop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from regbench.regularizers.base import Regularizer
from regbench.sites import Site, sites, wrap
from regbench.space import Domain, Interval
from regbench.streams import Stream
from regbench.strengths import Scheduled, times

Mode = Literal["batch", "row"]


@dataclass
class ShakeDrop(Regularizer):
    """Scale residual branches at random, by one factor forward and by another backward.

    Branch l of L is left alone with probability s = 1 - (l / L) * p_last. With b ~ Bernoulli(s),
    u ~ U[-1, 1], v ~ U[0, 1], f the branch and h its input, the branch gives (b + u - b * u) * f(h) in
    training, while what flows back into it is multiplied by b + v - b * v; in evaluation s * f(h), the mean.
    mode row draws b, u and v for each example, mode batch once for all. The shortcut always stays. Where
    p_last follows a schedule, s in evaluation is that of the epoch's last step.
    Departures: p_last shakes, where the paper's p keeps; its code draws b for the batch and u and v for each
    example. It is meant for branches that end in a normalization and are not followed by an activation.

    Paper: Yamada et al., 2019, https://arxiv.org/abs/1802.02375, eq. 6

    Attributes:
        p_last: probability of shaking the last branch, in [0, 1].
        mode: whether the batch shares its draws.

    Raises:
        ValueError: p_last is out of range; `prepare_model`: the model has no residual branch.
    """

    kind = "noise on activations"
    off: ClassVar[Mapping[str, Any]] = {"p_last": 0.0}
    search: ClassVar[Mapping[str, Domain]] = {"p_last": Interval(0.05, 0.7)}
    follows = ("p_last",)

    p_last: float
    mode: Mode

    def __post_init__(self) -> None:
        if not 0 <= self.p_last <= 1:
            raise ValueError(f"p_last must lie in [0, 1], got {self.p_last}")
        self._note = ""
        self._shakes: list[Shake] = []

    def follow(self, progress: float) -> None:
        super().follow(progress)
        for shake, own in zip(self._shakes, survival(self.p_last, len(self._shakes)), strict=True):
            shake.survival = own

    def prepare_model(self, model: nn.Module) -> nn.Module:
        if self.is_off:
            return model
        count = len(sites(model, "branch"))
        kept = survival(self.p_last, count)
        survivals = iter(kept)

        def make(name: str, site: Site) -> nn.Module:
            shake = Shake(next(survivals), self.mode, self.stream.at(name))
            if "p_last" in self.schedules:
                shake.keep("survival")
            self._shakes.append(shake)
            return shake

        wrap(model, "branch", "all", make)
        self._note = f"shakes {count - sum(kept):.4g} of {count} residual branches on average"
        return model

    def note(self) -> str:
        return self._note


def survival(p_last: float, count: int) -> list[float]:
    """The probability of being left alone of each of `count` branches, first to last."""
    return [1 - index / count * p_last for index in range(1, count + 1)]


class Shake(Scheduled):
    """Compute a branch, and multiply it by a factor of its own in each direction.

    Args:
        survival: probability of both factors being 1, in [0, 1].
        mode: as of `ShakeDrop`.
        stream: where the draws come from.
    """

    def __init__(self, survival: float, mode: Mode, stream: Stream) -> None:
        super().__init__()
        self.survival, self.mode, self.stream = survival, mode, stream

    def forward(self, body: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
        outputs = body(inputs)
        if not self.training:
            return times(outputs, self.now("survival"))
        rows = len(outputs) if self.mode == "row" else 1
        shape = (rows, *[1] * (outputs.ndim - 1))
        kept = self.stream.mask(outputs, self.survival, shape)
        forth, back = self.stream.uniform((2, *shape), outputs.device).to(outputs.dtype)
        forth = 2 * forth - 1
        return _Scaled.apply(outputs, kept + forth - kept * forth, kept + back - kept * back)

    def extra_repr(self) -> str:
        return f"survival={self.survival:.4g}, {self.mode}"


class _Scaled(torch.autograd.Function):
    """Multiply by one factor forward, and the gradient by another."""

    generate_vmap_rule = True  # for runs that are trained at once

    @staticmethod
    def forward(values: Tensor, forth: Tensor, back: Tensor) -> Tensor:
        return forth * values

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.save_for_backward(inputs[-1])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        (back,) = ctx.saved_tensors
        return back * gradient, None, None

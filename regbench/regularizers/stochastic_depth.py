"""Stochastic depth."""

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

Form = Literal["huang", "rescale"]
Mode = Literal["batch", "row"]
Schedule = Literal["linear", "constant"]


@dataclass
class StochasticDepth(Regularizer):
    """Skip residual branches at random while training, the deeper the likelier.

    Branch l of L survives with probability s = 1 - (l / L) * p_last (schedule linear, l = 1 to L) or
    1 - p_last (constant). With b ~ Bernoulli(s), f the branch and h its input:
    huang: b * f(h) in training, s * f(h) in evaluation; rescale: (b / s) * f(h) in training, f(h) in
    evaluation. mode batch draws one b for the whole batch, and a skipped branch is not computed: no gradient,
    so no coupled or decoupled decay, and no update of running statistics. mode row draws one b for each
    example; every branch is computed, its normalizations over all rows. The shortcut always stays.
    Where p_last follows a schedule, s in evaluation is that of the epoch's last step.
    Departure from the paper: p_last drops, where the paper's p keeps. Form rescale and mode row are later.

    Paper: Huang et al., 2016, https://arxiv.org/abs/1603.09382, section 3; rescale, row: Larsson et al.,
    2017, https://arxiv.org/abs/1605.07648

    Attributes:
        p_last: probability of skipping the last branch, in [0, 1).
        form: whether evaluation or training corrects the scale.
        mode: whether the batch shares one draw.
        schedule: how the probability grows with depth.

    Raises:
        ValueError: p_last is out of range; `prepare_model`: the model has no residual branch.
    """

    kind = "noise on activations"
    off: ClassVar[Mapping[str, Any]] = {"p_last": 0.0}
    search: ClassVar[Mapping[str, Domain]] = {"p_last": Interval(0.05, 0.6)}
    follows = ("p_last",)

    p_last: float
    form: Form
    mode: Mode
    schedule: Schedule

    def __post_init__(self) -> None:
        if not 0 <= self.p_last < 1:
            raise ValueError(f"p_last must lie in [0, 1), got {self.p_last}")
        self._note = ""
        self._skips: list[Skip] = []

    def follow(self, progress: float) -> None:
        super().follow(progress)
        survivals = survival(self.p_last, self.schedule, len(self._skips))
        for skip, own in zip(self._skips, survivals, strict=True):
            skip.survival = own

    def prepare_model(self, model: nn.Module) -> nn.Module:
        if self.is_off:
            return model
        count = len(sites(model, "branch"))
        survivals = iter(survival(self.p_last, self.schedule, count))

        def make(name: str, site: Site) -> nn.Module:
            shape, stream = site.shape[site.axis :], self.stream.at(name)
            skip = Skip(next(survivals), self.form, self.mode, shape, stream)
            if self.form == "huang" and "p_last" in self.schedules:
                skip.keep("survival")
            self._skips.append(skip)
            return skip

        wrap(model, "branch", "all", make)
        expected = sum(survival(self.p_last, self.schedule, count))
        self._note = f"a forward pass uses {expected:.4g} of {count} residual branches on average"
        return model

    def note(self) -> str:
        return self._note


def survival(p_last: float, schedule: Schedule, count: int) -> list[float]:
    """The probability of being computed of each of `count` branches, first to last."""
    if schedule == "constant":
        return [1 - p_last] * count
    return [1 - index / count * p_last for index in range(1, count + 1)]


class Skip(Scheduled):
    """Compute a branch or put zeros in its place.

    Args:
        survival: probability of computing it, in (0, 1].
        form: as of `StochasticDepth`.
        mode: as of `StochasticDepth`.
        shape: shape of the branch's output from its channel axis on; the axes before that are the input's,
            for sentences differ in length.
        stream: where the draws come from.
    """

    def __init__(
        self, survival: float, form: Form, mode: Mode, shape: tuple[int, ...], stream: Stream
    ) -> None:
        super().__init__()
        self.survival, self.form, self.mode = survival, form, mode
        self.shape, self.stream = shape, stream

    def forward(self, body: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
        if not self.training:
            return times(body(inputs), self.now("survival")) if self.form == "huang" else body(inputs)
        scale = 1 / self.survival if self.form == "rescale" else 1.0
        if self.mode == "row":
            outputs = body(inputs)
            rows = self.stream.mask(outputs, self.survival, outputs.shape[:1])
            return outputs * (rows * scale).view(-1, *[1] * (outputs.ndim - 1))
        # drawn on the CPU, or each branch would wait for the device
        if self.stream.mask(torch.empty(()), self.survival).item() == 0:
            return inputs.new_zeros(*inputs.shape[: -len(self.shape)], *self.shape)
        return body(inputs) * scale

    def extra_repr(self) -> str:
        return f"survival={self.survival:.4g}, {self.form}, {self.mode}"

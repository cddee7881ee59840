"""Dropout, classic and inverted."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from torch import Tensor, nn

from regbench.regularizers.base import Regularizer
from regbench.sites import Site, Where, insert
from regbench.space import Domain, Interval
from regbench.streams import Stream
from regbench.strengths import Scheduled, times

Mode = Literal["inverted", "classic"]


@dataclass
class Dropout(Regularizer):
    """Zero each hidden activation with probability p, independently, while training.

    With q = 1 - p and m ~ Bernoulli(q) for every element of h, whatever its shape:
    inverted: m * h / q in training, h in evaluation; classic: m * h in training, q * h in evaluation, where
    p follows a schedule with that of the epoch's last step.
    Departure from the paper: p drops, where the paper's p keeps.

    Paper: Srivastava et al., 2014, https://jmlr.org/papers/v15/srivastava14a.html, section 4

    Attributes:
        p: probability of dropping, in [0, 1).
        mode: which of the two forms.
        where: which of the model's hidden sites.

    Raises:
        ValueError: p is out of range; `prepare_model`: the model has no such site.
    """

    kind = "noise on activations"
    off: ClassVar[Mapping[str, Any]] = {"p": 0.0}
    search: ClassVar[Mapping[str, Domain]] = {"p": Interval(0.05, 0.7)}
    follows = ("p",)

    p: float
    mode: Mode
    where: Where

    def __post_init__(self) -> None:
        if not 0 <= self.p < 1:
            raise ValueError(f"p must lie in [0, 1), got {self.p}")

    def prepare_model(self, model: nn.Module) -> nn.Module:
        if not self.is_off:
            insert(model, "hidden", self.where, self._make)
        return model

    def _make(self, name: str, site: Site) -> nn.Module:
        drop = Drop(self.p, self.mode, self.stream.at(name))
        if self.mode == "classic" and "p" in self.schedules:
            drop.keep("p")
        return drop


class Drop(Scheduled):
    """Drop activations of any shape on a stream of one's own, which torch's modules cannot."""

    def __init__(self, p: float, mode: Mode, stream: Stream) -> None:
        super().__init__()
        self.p, self.mode, self.stream = p, mode, stream

    def forward(self, inputs: Tensor) -> Tensor:
        q = 1 - self.now("p")
        if not self.training:
            return inputs if self.mode == "inverted" else times(inputs, q)
        kept = inputs * self.stream.mask(inputs, q)
        # the product is divided, not the mask: a mask of 1/q in bfloat16 would be off everywhere by one error
        return kept.div_(q) if self.mode == "inverted" else kept

    def extra_repr(self) -> str:
        return f"p={self.p}, {self.mode}"

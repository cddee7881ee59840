"""Attention dropout."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from torch import Tensor, nn

from regbench.regularizers.base import Regularizer
from regbench.sites import Site, Where, insert, wrap
from regbench.space import Domain, Interval
from regbench.streams import Stream

What = Literal["probabilities", "logits"]


@dataclass
class AttentionDropout(Regularizer):
    """Hide keys from queries at random while training, each with probability p, in every head by itself.

    With q = 1 - p, a the logits of an attention (B, heads, T, T), A = softmax(a) over keys, m ~ Bernoulli(q)
    for every element:
    probabilities: m * A / q, so that a row sums to 1 on average only;
    logits: the softmax of a with -inf where m is 0, so that every row sums to 1. A row that would lose all of
    its keys keeps one, each as likely as another; with n keys it loses a share of p - p^n / n.
    Padding has probability 0 in both. Evaluation: A.
    Departure of the logits form from its paper: one p for all layers, where the paper's falls with depth.

    Paper: Vaswani et al., 2017, https://arxiv.org/abs/1706.03762, in its code (section 5.4 names other
    places); logits: Li et al., 2023, https://arxiv.org/abs/2208.02646 (DropKey)

    Attributes:
        p: probability of dropping, in [0, 1).
        what: whether probabilities are dropped or the logits before them.
        where: which of the model's attention sites; default means all of them, input is refused.

    Raises:
        ValueError: p is out of range, or where is input; `prepare_model`: the model has no such site.
    """

    kind = "noise on activations"
    off: ClassVar[Mapping[str, Any]] = {"p": 0.0}
    search: ClassVar[Mapping[str, Domain]] = {"p": Interval(0.05, 0.4)}
    follows = ("p",)

    p: float
    what: What
    where: Where

    def __post_init__(self) -> None:
        if not 0 <= self.p < 1:
            raise ValueError(f"p must lie in [0, 1), got {self.p}")
        if self.where == "input":
            raise ValueError("where must name attention sites, got input")

    def prepare_model(self, model: nn.Module) -> nn.Module:
        if not self.is_off:
            place = insert if self.what == "probabilities" else wrap
            place(model, "attention", self.where, self._make)
        return model

    def _make(self, name: str, site: Site) -> nn.Module:
        kind = DropProbabilities if self.what == "probabilities" else DropLogits
        return kind(self.p, self.stream.at(name))


class DropProbabilities(nn.Module):
    """Zero attention probabilities and divide the rest by q."""

    def __init__(self, p: float, stream: Stream) -> None:
        super().__init__()
        self.p, self.stream = p, stream

    def forward(self, inputs: Tensor) -> Tensor:
        if not self.training:
            return inputs
        q = 1 - self.p
        return (inputs * self.stream.mask(inputs, q)).div_(q)

    def extra_repr(self) -> str:
        return f"p={self.p}"


class DropLogits(nn.Module):
    """Hide keys from the softmax (the body), at least one of a row excepted."""

    def __init__(self, p: float, stream: Stream) -> None:
        super().__init__()
        self.p, self.stream = p, stream

    def forward(self, body: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
        if not self.training:
            return body(inputs)
        draws = self.stream.uniform(inputs.shape, inputs.device)
        draws = draws.masked_fill(inputs == float("-inf"), -1)  # padding is never a row's survivor
        kept = (draws >= self.p) | (draws == draws.amax(-1, keepdim=True))
        return body(inputs.masked_fill(~kept, float("-inf")))

    def extra_repr(self) -> str:
        return f"p={self.p}"

"""Adaptive dropout (standout)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch.nn.functional as F
from torch import Tensor, nn

from regbench.regularizers.base import Regularizer
from regbench.sites import Site, Where, select
from regbench.space import Domain, Interval
from regbench.streams import Stream
from regbench.strengths import Scheduled

Form = Literal["tied", "learned"]
EDGE = 1e-6  # keep probabilities stay this far from 0 and 1, so that no unit is ever lost for good


@dataclass
class AdaptiveDropout(Regularizer):
    """Keep each unit with a probability that depends on its own input, example by example.

    With v the input of a hidden layer, z = W v + b its pre-activation and a its activation function:
    pi = sigmoid(alpha * z + beta), clamped to [1e-6, 1 - 1e-6]; m ~ Bernoulli(pi) for each unit and example;
    m * a(z) in training, pi * a(z) in evaluation. Not divided by pi, which would undo the gate. form tied:
    as above, pi a constant in the backward pass. form learned: pi = sigmoid(W' v + b'), with weights of its
    own that begin at the tied ones, W' = alpha * W and b' = alpha * b + beta; their gradient is that of
    pi * a(z) (straight through the draw) and does not go on to v; no penalty or decay of scope weights acts
    on them. What follows a schedule has in evaluation the value of the epoch's last step.
    Departures from the paper: share, which moves pi to 1 - share * (1 - pi), share=1 being the paper; and
    the straight-through gradient, where the paper's bound has the noise of its samples.

    Paper: Ba and Frey, 2013, https://papers.nips.cc/paper/5032-adaptive-dropout-for-training-deep-neural-networks,
    sections 2 and 3

    Attributes:
        share: how much of the dropping takes place, in [0, 1].
        form: whether the gate has weights of its own.
        alpha: scale of the pre-activation, any sign; at 0 the tied form is dropout with q = sigmoid(beta). Of
            form learned it is where weights begin, and follows no schedule.
        beta: shift, any sign; the larger, the more is kept. Of form learned as alpha.
        where: which of the model's hidden sites.

    Raises:
        ValueError: share is out of range; `prepare_model`: the model has no such site, or with form learned
            no dense layer stands before one of them.
    """

    kind = "noise on activations"
    off: ClassVar[Mapping[str, Any]] = {"share": 0.0}
    search: ClassVar[Mapping[str, Domain]] = {
        "share": Interval(0.1, 1.0),
        "alpha": Interval(0.5, 2.0, log=True),
        "beta": Interval(-1.0, 2.0),
    }
    follows = ("share", "alpha", "beta")

    share: float
    form: Form
    alpha: float
    beta: float
    where: Where

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ValueError(f"share must lie in [0, 1], got {self.share}")

    def why_fixed(self, field: str) -> str:
        if self.form == "learned" and field in ("alpha", "beta"):
            return "with form learned it is only where the gate's weights begin"
        return super().why_fixed(field)

    def prepare_model(self, model: nn.Module) -> nn.Module:
        if self.is_off:
            return model
        chosen = select(model, "hidden", self.where)
        gates = [self._gate(model, name) for name, _ in chosen]  # all, before the first is put in
        for (name, site), gate in zip(chosen, gates, strict=True):
            standout = Standout(gate, self.share, self.stream.at(name))
            for field in self.schedules:
                (standout if field == "share" else gate).keep(field)
            site.around.append(standout)
        return model

    def _gate(self, model: nn.Module, name: str) -> Any:
        if self.form == "tied":
            return Tied(self.alpha, self.beta)
        layer = layer_before(model, name)
        if layer is None:
            called = type(getattr(model, "net", model)).__name__
            raise ValueError(f"{called} has no dense layer before the site {name}, as form learned needs")
        return Learned(layer, self.alpha, self.beta)


def layer_before(model: nn.Module, site: str) -> nn.Linear | None:
    """The dense layer whose output is the site's input, alone or through a norm site; None if there is none.

    It is looked for among the modules that stand in one sequence with the site.
    """
    parent, _, own = site.rpartition(".")
    sequence = model.get_submodule(parent)
    found = None
    for name, module in sequence.named_children() if isinstance(sequence, nn.Sequential) else ():
        if name == own:
            return found
        if not (isinstance(module, Site) and module.kind == "norm"):
            found = module if isinstance(module, nn.Linear) else None
    return None


class Tied(Scheduled):
    """pi = sigmoid(alpha * z + beta), a constant for the backward pass."""

    def __init__(self, alpha: float, beta: float) -> None:
        super().__init__()
        self.alpha, self.beta = alpha, beta

    def forward(self, pre_activation: Tensor) -> Tensor:
        return (self.now("alpha") * pre_activation.detach().float() + self.now("beta")).sigmoid()

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}, beta={self.beta}"


class Learned(nn.Module):
    """pi = sigmoid(W' v + b') of what the layer was last given; no `nn.Linear`, so that nothing decays it."""

    def __init__(self, layer: nn.Linear, alpha: float, beta: float) -> None:
        super().__init__()
        bias = layer.weight.new_zeros(layer.out_features) if layer.bias is None else layer.bias
        self.weight = nn.Parameter(alpha * layer.weight.detach().clone())
        self.bias = nn.Parameter(alpha * bias.detach().clone() + beta)
        self._given: Tensor | None = None
        layer.register_forward_pre_hook(self._remember)

    def forward(self, pre_activation: Tensor) -> Tensor:
        given, self._given = self._given, None
        return F.linear(given.detach(), self.weight, self.bias).float().sigmoid()  # type: ignore[union-attr]

    def _remember(self, layer: nn.Module, inputs: tuple[Tensor]) -> None:
        self._given = inputs[0]


class Standout(Scheduled):
    """Keep activations with the gate's probabilities in training, multiply by these in evaluation."""

    def __init__(self, gate: nn.Module, share: float, stream: Stream) -> None:
        super().__init__()
        self.gate, self.share, self.stream = gate, share, stream

    def forward(self, body: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
        keep = 1 - self.now("share") * (1 - self.gate(inputs).clamp(EDGE, 1 - EDGE))
        outputs = body(inputs)
        if self.training:
            # as numbers: a comparison that makes booleans takes four times as long
            limits = keep.detach()
            draws = self.stream.uniform(keep.shape, keep.device)
            drawn = draws.clone().lt_(limits).to(limits.dtype)  # the draws are the stream's
            # the value is the draw, the gradient that of pi
            keep = drawn + (keep - keep.detach()) if keep.requires_grad else drawn
        return outputs * keep.to(outputs.dtype)

    def extra_repr(self) -> str:
        return f"share={self.share}"

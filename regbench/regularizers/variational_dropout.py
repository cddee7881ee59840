"""Variational dropout of recurrent layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from torch import Tensor, nn

from regbench.regularizers.base import Regularizer
from regbench.sites import Where, select
from regbench.space import Domain, Interval
from regbench.streams import Stream

Gates = Literal["tied", "untied"]


@dataclass
class VariationalDropout(Regularizer):
    """Drop units of a recurrent layer while training, the same ones at every step of a sequence.

    For each sequence and each forward pass three masks are drawn once, with elements Bernoulli(1 - p) and p
    the field of that name, and hold for all steps t:
    h_t = f(x_t * m_input / (1 - input), h_(t-1) * m_recurrent / (1 - recurrent)), and the layer puts out
    h_t * m_output / (1 - output). gates tied: m_recurrent is one for all gates; untied: each gate has one of
    its own. Evaluation computes without masks. What a cell carries over by itself is never masked: an LSTM's
    memory, and the share of h_(t-1) that a GRU keeps.

    A state is divided by 1 - recurrent anew at every step, so training and evaluation differ on average: a
    layer that only passed its state on would end, after T steps, at (1 - recurrent)^(1 - T) times its state
    in evaluation. Departure from the paper: with untied gates the input has one mask, not one for each gate.

    Paper: Gal and Ghahramani, 2016, https://arxiv.org/abs/1512.05287, section 4.1

    Attributes:
        input: drop probability of the layer's inputs, in [0, 1).
        recurrent: that of the state on its way to the next step, in [0, 1).
        output: that of the states on their way to what follows the layer, in [0, 1).
        gates: who shares a recurrent mask.
        where: which of the model's recurrent layers; default means all of them, input is refused.

    Raises:
        ValueError: a field is out of range; `prepare_model`: the model has no such layer, or it lets nothing
            act between its steps though recurrent is above 0.
    """

    kind = "noise on activations"
    off: ClassVar[Mapping[str, Any]] = {"input": 0.0, "recurrent": 0.0, "output": 0.0}
    search: ClassVar[Mapping[str, Domain]] = {
        "input": Interval(0.05, 0.5),
        "recurrent": Interval(0.05, 0.5),
        "output": Interval(0.05, 0.5),
    }
    follows = ("input", "recurrent", "output")

    input: float
    recurrent: float
    output: float
    gates: Gates
    where: Where

    def __post_init__(self) -> None:
        for name in self.off:
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must lie in [0, 1), got {getattr(self, name)}")
        if self.where == "input":
            raise ValueError("where must be default, all, first, last, or indices, got input")
        self._drops: dict[str, list[Locked | LockedState]] = {name: [] for name in self.off}

    def follow(self, progress: float) -> None:
        super().follow(progress)
        for field, drops in self._drops.items():
            for drop in drops:
                drop.p = getattr(self, field)

    def prepare_model(self, model: nn.Module) -> nn.Module:
        if self.is_off:
            return model
        for name, site in select(model, "recurrent", self.where):
            if self.input:
                site.around.append(Entering(self._locked("input", name)))
            if self.recurrent:
                self._put_between(name, site.body)
            if self.output:
                site.after.append(self._locked("output", name))
        return model

    def _locked(self, field: str, layer: str) -> Locked:
        locked = Locked(getattr(self, field), self.stream.at(f"{layer}.{field}"))
        self._drops[field].append(locked)
        return locked

    def _put_between(self, name: str, layer: Any) -> None:
        for needed in ["between", "gates"] if self.gates == "untied" else ["between"]:
            if not hasattr(layer, needed):
                called, cls = name.removeprefix("net."), type(layer).__name__
                raise ValueError(
                    f"recurrent must be 0 for {called}, as {cls} has no `{needed}`, got {self.recurrent}"
                )
        masks = layer.gates if self.gates == "untied" else 1
        locked = LockedState(self.recurrent, masks, self.stream.at(f"{name}.recurrent"))
        layer.between.append(locked)
        self._drops["recurrent"].append(locked)
        layer.register_forward_pre_hook(locked.renew)


class Locked(nn.Module):
    """Drop features of a sequence (B, T, D), the same ones of a row at every step."""

    def __init__(self, p: float, stream: Stream) -> None:
        super().__init__()
        self.p, self.stream = p, stream

    def forward(self, sequence: Tensor) -> Tensor:
        if not self.training:
            return sequence
        mask = self.stream.mask(sequence, 1 - self.p, (len(sequence), 1, sequence.shape[2]))
        return (sequence * mask).div_(1 - self.p)

    def extra_repr(self) -> str:
        return f"p={self.p}"


class Entering(nn.Module):
    """Change what enters a layer, and leave what it puts out alone."""

    def __init__(self, change: nn.Module) -> None:
        super().__init__()
        self.change = change

    def forward(self, body: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
        return body(self.change(inputs))


class LockedState(nn.Module):
    """Drop units of a state (B, H), the same until `renew`; with several masks it becomes (B, masks, H)."""

    def __init__(self, p: float, masks: int, stream: Stream) -> None:
        super().__init__()
        self.p, self.masks, self.stream = p, masks, stream
        self._mask: Tensor | None = None

    def renew(self, *_: Any) -> None:
        """Forget the mask: a new sequence begins."""
        self._mask = None

    def forward(self, state: Tensor) -> Tensor:
        if not self.training:
            return state
        by_gate = (
            state if state.ndim == 3 else state.unsqueeze(1)
        )  # a member before this one may have split it
        if self._mask is None:
            shape = (len(state), self.masks, state.shape[-1])
            self._mask = self.stream.mask(state, 1 - self.p, shape)
        return (by_gate * self._mask).div_(1 - self.p).squeeze(1)  # which leaves several gates as they are

    def extra_repr(self) -> str:
        return f"p={self.p}" + (f", {self.masks} masks" if self.masks > 1 else "")

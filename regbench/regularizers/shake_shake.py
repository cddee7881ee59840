"""Shake-Shake."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from regbench.regularizers.base import Regularizer
from regbench.sites import Site, select
from regbench.space import Domain
from regbench.streams import Stream

EARLIER = "shake_shake must come before the members that act within residual branches"
Forward = Literal["shake", "even"]
Backward = Literal["shake", "even", "keep"]
Mode = Literal["batch", "row"]


@dataclass
class ShakeShake(Regularizer):
    """Put a second branch beside each residual branch, and mix the two by random shares.

    With f1 and f2 the branches and h their input, the block adds u * f1(h) + (1 - u) * f2(h) in training,
    while v and 1 - v times the gradient flow back into them; in evaluation (f1(h) + f2(h)) / 2. forward shake
    draws u ~ U[0, 1], even has 1/2; backward shake draws a v ~ U[0, 1] of its own, even has 1/2, keep has u.
    mode row draws them for each example, mode batch once for all; each block has its own. f2 is built as f1
    is, so the network has about twice the weights in its branches: its matrices and kernels begin as those of
    f1 with their entries in a random order, all else as a copy. Departure from the paper: the second branch
    is added, where its networks are designed with two. Branches with attention, which nobody has tried, and
    those that were found in a model that marks none are refused.

    Paper: Gastaldi, 2017, https://arxiv.org/abs/1705.07485, section 2

    Attributes:
        branches: in each block, 1 or 2; with 1 the model stays as it is.
        forward: the shares on the way forward.
        backward: the shares on the way back.
        mode: whether the batch shares its draws.

    Raises:
        ValueError: branches is out of range; `prepare_model`: the model marks no residual branch, or one with
            attention in it, or another member acts in one already.
    """

    kind = "noise on activations"
    off: ClassVar[Mapping[str, Any]] = {"branches": 1}
    # its words are forms of the technique, and have no more or less
    search: ClassVar[Mapping[str, Domain]] = {}
    fixed: ClassVar[Mapping[str, str]] = {"branches": "the model is built with it"}

    branches: int
    forward: Forward
    backward: Backward
    mode: Mode

    def __post_init__(self) -> None:
        if self.branches not in (1, 2):
            raise ValueError(f"branches must be 1 or 2, got {self.branches}")
        self._note = ""

    def prepare_model(self, model: nn.Module) -> nn.Module:
        if self.is_off:
            return model
        chosen, more = select(model, "branch"), 0
        for name, site in chosen:
            _require_copyable(name, site)
        for name, site in chosen:
            stream = self.stream.at(name)
            second = _like(site.body, model, stream.seed_of("second"))
            # innermost, so that whatever skips or scales the branch does it to both
            site.around.insert(0, TwoBranches(second, self.forward, self.backward, self.mode, stream))
            more += sum(weight.numel() for weight in second.parameters())
        self._note = f"a second branch in each of {len(chosen)} blocks, with {more:,} weights together"
        return model

    def note(self) -> str:
        return self._note


class TwoBranches(nn.Module):
    """Compute a branch and the second one beside it, and mix them.

    Args:
        second: the branch beside the one that is given.
        forth: as `forward` of `ShakeShake`.
        back: as `backward` of `ShakeShake`.
        mode: as of `ShakeShake`.
        stream: where the draws come from.
    """

    def __init__(self, second: nn.Module, forth: Forward, back: Backward, mode: Mode, stream: Stream) -> None:
        super().__init__()
        self.second, self.stream = second, stream
        self.forth, self.back, self.mode = forth, back, mode

    def forward(self, body: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
        one, two = body(inputs), self.second(inputs)
        if not self.training:
            return (one + two) / 2
        rows = len(one) if self.mode == "row" else 1
        draws = self.stream.uniform((2, rows, *[1] * (one.ndim - 1)), one.device).to(one.dtype)
        even = torch.full_like(draws[0], 0.5)
        forth = draws[0] if self.forth == "shake" else even
        back = {"shake": draws[1], "even": even, "keep": forth}[self.back]
        return _Mixed.apply(one, two, forth, back)

    def extra_repr(self) -> str:
        return f"{self.forth}-{self.back}, {self.mode}"


class _Mixed(torch.autograd.Function):
    """Mix by one share forward, and divide the gradient by another."""

    generate_vmap_rule = True  # for runs that are trained at once

    @staticmethod
    def forward(one: Tensor, two: Tensor, forth: Tensor, back: Tensor) -> Tensor:
        return forth * one + (1 - forth) * two

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.save_for_backward(inputs[-1])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None]:  # type: ignore[override]
        (back,) = ctx.saved_tensors
        return back * gradient, (1 - back) * gradient, None, None


def _require_copyable(name: str, site: Site) -> None:
    """Refuse a branch that was found in a model of others, one with attention, and one that is changed.

    Whatever member has changed it knows its modules, and would not know those of a copy.

    Raises:
        ValueError: it is one of them.
    """
    if type(site) is not Site:  # around a module of others, of which the branch is not all, or nothing
        raise ValueError(
            f"residual branches must be marked by the model itself, got {name.removeprefix('net.')}, a place "
            "that was found in it"
        )
    for inner, module in site.body.named_modules():
        if isinstance(module, Site) and module.kind == "attention":
            raise ValueError(
                f"residual branches must have no attention in them, got {name.removeprefix('net.')}"
            )
        if (isinstance(module, Site) and not module.untouched) or parametrize.is_parametrized(module):
            place = f"{name.removeprefix('net.')}.{inner.removesuffix('.body')}"
            raise ValueError(f"{EARLIER}, got {place} changed already")


@torch.no_grad()
def _like(branch: nn.Module, model: nn.Module, seed: int) -> nn.Module:
    """A branch built as another one is, with weights of its own; it shares what both have from outside.

    Raises:
        ValueError: another member draws in it.
    """
    inside = {id(part) for part in _parts(branch)}
    outside = {id(part): part for part in _parts(model) if id(part) not in inside}
    known = dict(outside)
    second = copy.deepcopy(branch, known)
    if any(isinstance(part, Stream) for part in known.values()):
        raise ValueError(f"{EARLIER}, got draws of another member in one")
    generator = torch.Generator().manual_seed(seed)
    for weight in second.parameters():
        if weight.ndim > 1 and id(weight) not in outside:
            order = torch.randperm(weight.numel(), generator=generator).to(weight.device)
            weight.copy_(weight.flatten()[order].view_as(weight))
    return second


def _parts(model: nn.Module) -> list[object]:
    return [*model.modules(), *model.parameters(), *model.buffers()]

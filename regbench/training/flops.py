"""Floating-point operations of dense and convolutional layers, counted as torch's `FlopCounterMode` counts.

That one imports torch's compiler and Triton, which take longer than all else before the first step. So what
nearly every model is made of is counted here, and anything else in a `FlopCounterMode` around that one call.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

OF_TORCH = "torch.utils.flop_counter"
TELLING = ("mm", "conv", "attention", "attn")  # in the names of all of torch's own that have a formula
# Of tensors that answer for their sizes themselves, such as nested ones: they are asked, not these.
LAYOUT = {
    *("sym_is_contiguous", "is_contiguous", "is_strides_like_format", "is_non_overlapping_and_dense", "dim"),
    *("size", "sym_size", "stride", "sym_stride", "storage_offset", "sym_storage_offset"),
    *("numel", "sym_numel", "layout"),
}
ATTENTIONS = [f"_scaled_dot_product_{kind}_attention" for kind in ("efficient", "flash", "cudnn")]
# Of which torch knows none, whatever its name.
FREE = {"_scaled_dot_product_flash_attention_for_cpu", "_scaled_dot_product_flash_attention_for_cpu_backward"}
Shape = Sequence[int]


class FlopCounter(TorchDispatchMode):
    """Counts within a `with`, in forward and in backward passes.

    Attributes:
        total: the operations so far; a multiplication and an addition are two.
    """

    supports_higher_order_operators = True

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """No: where torch asks, it would import its compiler to have it pass this class over."""
        return False

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if not isinstance(func, torch._ops.OpOverload):  # an operation on functions
            return self._by_torch(func, args, kwargs)
        name = func.overloadpacket.__name__
        if name in LAYOUT:
            return NotImplemented
        if func.namespace != "prim":
            with self:
                found = func.decompose(*args, **kwargs)
            if found is not NotImplemented:
                return found
        if _is_torchs(func):
            return self._by_torch(func, args, kwargs)
        out = func(*args, **kwargs)
        if name in FORMULAS:
            self.total += FORMULAS[name](out, *args)
        return out

    def _by_torch(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        from torch.utils.flop_counter import FlopCounterMode

        with FlopCounterMode(display=False) as counter:
            out = func(*args, **kwargs)
        self.total += counter.get_total_flops()
        return out


def _is_torchs(func: Any) -> bool:
    """Whether an operation may have a formula that only torch knows of, or that a person has given it."""
    name = func.overloadpacket.__name__
    if name in FORMULAS or name in FREE:
        return False
    registered = OF_TORCH in sys.modules and func.overloadpacket in sys.modules[OF_TORCH].flop_registry
    return registered or any(part in func.name() for part in TELLING)


def _product(_: Tensor, a: Tensor, b: Tensor, *__: Any) -> int:
    """Of (..., M, K) and (..., K, N)."""
    return 2 * prod(a.shape) * b.shape[-1]


def _product_and_sum(_: Tensor, __: Tensor, a: Tensor, b: Tensor, *___: Any) -> int:
    return _product(_, a, b)


def _convolution(out: Tensor, x: Tensor, weight: Tensor, *more: Any) -> int:
    transposed = more[4]  # after bias, stride, padding and dilation
    return _of_filters(x.shape if transposed else out.shape, weight.shape, len(x))


def _convolution_backward(out: Any, grad: Tensor, x: Tensor, weight: Tensor, *more: Any) -> int:
    """Of the gradients that are asked for: of the input, and of the weight."""
    transposed, (of_input, of_weight, _) = more[4], more[7]
    total = 0
    if of_input:
        total += _of_filters(grad.shape if not transposed else out[0].shape, weight.shape, len(grad))
    if of_weight:  # a convolution of the input with the gradient, or the other way round, channels as batch
        moved, fixed = (grad, x) if transposed else (x, grad)
        total += _of_filters(out[1].shape, fixed.shape, moved.shape[1])
    return total


def _attention(_: Any, query: Tensor, key: Tensor, value: Tensor, *__: Any) -> int:
    """Of queries (B, H, S, D), keys (B, _, T, D), values (B, _, T, V): scores, and means by them."""
    return 2 * prod(query.shape[:3]) * key.shape[2] * (query.shape[3] + value.shape[3])


def _attention_backward(_: Any, __: Tensor, query: Tensor, key: Tensor, value: Tensor, *___: Any) -> int:
    """The scores once more, and two gradients of each product."""
    return 2 * prod(query.shape[:3]) * key.shape[2] * (3 * query.shape[3] + 2 * value.shape[3])


def _of_filters(places: Shape, filters: Shape, rows: int) -> int:
    """Filters (A, B, ...) at each of the places (_, _, ...), for a number of rows."""
    return 2 * prod(places[2:]) * prod(filters) * rows


FORMULAS: dict[str, Callable[..., int]] = {
    "mm": _product,
    "bmm": _product,
    "addmm": _product_and_sum,
    "baddbmm": _product_and_sum,
    "convolution": _convolution,
    "convolution_backward": _convolution_backward,
    **dict.fromkeys(ATTENTIONS, _attention),
    **{f"{name}_backward": _attention_backward for name in ATTENTIONS},
}

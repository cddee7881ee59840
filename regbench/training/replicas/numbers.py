"""A number that differs between the runs of a stack, in the place where one run has a plain one."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map


class Unlike(Exception):
    """The runs of a stack would go different ways here."""


class Lane:
    """Which run of the stack is meant, while one function computes for all of them under `torch.func.vmap`.

    Attributes:
        index: the number of the run, a scalar that vmap has one of for every run; None outside of it.
        device: where the stack lives.
    """

    def __init__(self, device: torch.device) -> None:
        self.index: Tensor | None = None
        self.device = device

    def of(self, stacked: Tensor) -> Tensor:
        """What belongs to the run that is meant, of a tensor (K, ...)."""
        if self.index is None:
            raise Unlike("what differs between the runs is used outside of their common step")
        return stacked[self.index]


class Number:
    """K numbers, one for each run, that act as one: arithmetic is that of Python, run by run.

    Beside tensors it is a scalar that vmap has one of for every run. Comparisons are answered where all runs
    agree on the answer.

    Args:
        values: (K,), float64 or int64.
        lane: of the stack.
        name: of the attribute that it stands for, for what is said where the runs disagree.
    """

    __slots__ = ("_made", "lane", "name", "values")
    __array_ufunc__: ClassVar[None] = None  # numpy leaves what is done with it to it
    __hash__: ClassVar[None] = None  # type: ignore[assignment]

    def __init__(self, values: Any, lane: Lane, name: str) -> None:
        self.values: np.ndarray[Any, Any] = np.asarray(values)
        self.lane, self.name = lane, name
        self._made: dict[torch.dtype, Tensor] = {}

    def beside(self, others: Sequence[Any] = ()) -> Tensor:
        """The number of the run that is meant: a scalar of the type that a plain one would count as."""
        whole = self.values.dtype.kind == "i"
        types = [one.dtype for one in others if isinstance(one, Tensor)]
        fitting = [each for each in types if each.is_floating_point or (whole and each != torch.bool)]
        dtype = (*fitting, torch.int64 if whole else torch.get_default_dtype())[0]
        made = self._made.get(dtype)
        if made is None:
            made = torch.from_numpy(self.values).to(self.lane.device, dtype, non_blocking=True)
            self._made[dtype] = made
        return self.lane.of(made)

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        others = tree_leaves([args, kwargs])

        def plain(value: Any) -> Any:
            return value.beside(others) if isinstance(value, Number) else value

        return func(*tree_map(plain, tuple(args)), **tree_map(plain, kwargs or {}))

    def _agreed(self, answers: Any) -> Any:
        first = answers[0]
        if not (answers == first).all():
            raise Unlike(f"{self.name} decides which way a step goes, and the runs differ in it")
        return first.item()

    def __bool__(self) -> bool:
        return bool(self._agreed(self.values != 0))

    def __float__(self) -> float:
        return float(self._agreed(self.values))

    def __index__(self) -> int:
        if self.values.dtype.kind != "i":
            raise TypeError(f"{self.name} is no whole number")
        return int(self._agreed(self.values))

    def __round__(self, digits: int | None = None) -> Number:
        rounded = np.round(self.values, digits or 0)
        return Number(rounded.astype(np.int64) if digits is None else rounded, self.lane, self.name)

    def __neg__(self) -> Number:
        return Number(-self.values, self.lane, self.name)

    def __abs__(self) -> Number:
        return Number(abs(self.values), self.lane, self.name)

    def __repr__(self) -> str:
        return f"{self.name}={self.values.tolist()}"


def _arithmetic(name: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    act = getattr(operator, name)

    def forth(self: Number, other: Any) -> Any:
        if isinstance(other, Tensor):
            return act(self.beside([other]), other)
        return Number(act(self.values, _values(other)), self.lane, self.name)

    def back(self: Number, other: Any) -> Any:
        if isinstance(other, Tensor):
            return act(other, self.beside([other]))
        return Number(act(_values(other), self.values), self.lane, self.name)

    return forth, back


def _comparison(name: str) -> Callable[[Number, Any], Any]:
    act = getattr(operator, name)

    def compared(self: Number, other: Any) -> Any:
        if isinstance(other, Tensor):
            return act(self.beside([other]), other)
        if not isinstance(other, Number | int | float):
            return NotImplemented
        return self._agreed(act(self.values, _values(other)))

    return compared


def _values(other: Any) -> Any:
    if isinstance(other, Number):
        return other.values
    if isinstance(other, int | float):
        return other
    raise TypeError(f"{type(other).__name__} beside a number that differs between runs")


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow"):
    _forth, _back = _arithmetic(_name)
    setattr(Number, f"__{_name}__", _forth)
    setattr(Number, f"__r{_name}__", _back)
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(Number, f"__{_name}__", _comparison(_name))

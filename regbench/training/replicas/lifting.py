"""For the time of a step one run's objects stand for those of all: what differs is one value of K."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from regbench.streams import Clock, Stream
from regbench.training.replicas.numbers import Lane, Number, Unlike
from regbench.training.replicas.streams import StackedStream
from regbench.training.replicas.walk import Found, Slot, same


class Read(Exception):
    """A step has read an attribute that was not lifted yet; it is tried again with it."""

    def __init__(self, slot: Slot) -> None:
        super().__init__(slot.name)
        self.slot = slot


class Unread:
    """Stands where something is that no step has read yet."""

    __slots__ = ("_slot",)

    def __init__(self, slot: Slot) -> None:
        object.__setattr__(self, "_slot", slot)

    def __getattr__(self, name: str) -> Any:
        raise Read(object.__getattribute__(self, "_slot"))

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        for one in tree_leaves([args, kwargs], is_leaf=lambda value: isinstance(value, Unread)):
            if isinstance(one, Unread):
                _read(one)
        raise TypeError(func)


def _read(self: Any, *args: Any, **kwargs: Any) -> Any:
    raise Read(object.__getattribute__(self, "_slot"))


for _name in (
    *("setattr", "bool", "len", "iter", "contains", "getitem", "setitem", "delitem", "call", "float", "int"),
    *("index", "round", "neg", "abs", "enter", "eq", "ne", "lt", "le", "gt", "ge", "hash", "str", "format"),
    *(f"{side}{act}" for side in ("", "r", "i") for act in ("add", "sub", "mul", "truediv", "pow", "matmul")),
    *(f"{side}{act}" for side in ("", "r", "i") for act in ("or", "and", "floordiv", "mod")),
):
    setattr(Unread, f"__{_name}__", _read)


class Lifting:
    """Puts into the template's objects, for a while, what stands for all runs.

    Args:
        found: where in the runs' objects something stands that may differ.
        clock: the template's.
        lane: of the stack.
        parameters: the template's parameters by their ids: their names in the model.
    """

    def __init__(self, found: Found, clock: Clock, lane: Lane, parameters: Mapping[int, str]) -> None:
        self._found, self._clock, self._lane, self._parameters = found, clock, lane, parameters
        self._streams: dict[int, StackedStream] = {}
        self._numbers: dict[int, Number] = {}
        self._stacked: dict[int, tuple[Sequence[Tensor], list[int], Tensor | None]] = {}
        self._fixed = [(slot.places[0], slot.key, self._stream(slot.values)) for slot in found.streams]
        self.unread = {id(slot): (slot, Unread(slot)) for slot in found.others}
        self._used: list[Slot] = []
        self._standing: Mapping[str, Tensor] = {}

    def use(self, slot: Slot) -> None:
        """A step reads this one."""
        if id(slot) not in self.unread:
            raise Unlike(f"{slot.name} differs between the runs")
        del self.unread[id(slot)]
        self._used.append(slot)

    def begin(self) -> None:
        """Before a step, and before it is tried again."""
        for stream in self._streams.values():
            stream.begin()

    @contextmanager
    def lifted(self, index: Tensor, standing: Mapping[str, Tensor]) -> Iterator[None]:
        """Within, the template's objects hold what stands for all runs.

        Args:
            index: of the run, as vmap has it.
            standing: what stands for each parameter and buffer of the model, by name.
        """
        self._lane.index, self._standing = index, standing
        replaced: list[tuple[Any, str, Any]] = []
        held: list[dict[str, Any]] = []
        done = False
        try:
            self._put(replaced)
            held = [dict(places[0]) for places in self._found.objects]
            yield
            done = True
        finally:
            self._lane.index, self._standing = None, {}
            for places, before in zip(self._found.objects, held, strict=False):
                for key in [key for key in places[0] if key not in before]:
                    del places[0][key]
                _pass_on(places if done else places[:1], before, replaced, done)
            for place, key, value in replaced:
                place[key] = value

    def _put(self, replaced: list[tuple[Any, str, Any]]) -> None:
        """Put everything in its place, and note what was there."""

        def place(where: Any, key: str, value: Any) -> None:
            replaced.append((where, key, where[key]))
            where[key] = value

        for where, key, stream in self._fixed:
            place(where, key, stream)
        for slot in self._found.numbers:
            values = slot.values
            if values.count(values[0]) < len(values):
                place(slot.places[0], slot.key, self._number(slot, values))
        for slot, unread in self.unread.values():
            place(slot.places[0], slot.key, unread)
        for slot in self._used:
            place(slot.places[0], slot.key, self._lift(slot.name, slot, slot.values))

    def _stream(self, streams: Sequence[Stream]) -> StackedStream:
        found = self._streams.get(id(streams[0]))
        if found is None:
            found = self._streams[id(streams[0])] = StackedStream(streams, self._clock, self._lane)
        return found

    def _number(self, slot: Slot, values: list[Any]) -> Number:
        kept = self._numbers.get(id(slot))
        if kept is None or kept.values.tolist() != values:
            kept = self._numbers[id(slot)] = Number(values, self._lane, slot.name)
        return kept

    def _lift(self, name: str, slot: Slot, values: Sequence[Any]) -> Any:
        """What stands for the values of all runs."""
        first = values[0]
        if isinstance(first, Tensor) and id(first) in self._parameters:
            return self._standing[self._parameters[id(first)]]
        if any(type(value).__name__ != type(first).__name__ for value in values):
            raise Unlike(f"{name} differs between the runs")
        if isinstance(first, Tensor):
            return self._tensor(name, values)
        if isinstance(first, Stream):
            return self._stream(values)
        if isinstance(first, dict):
            if any(value.keys() != first.keys() for value in values):
                raise Unlike(f"{name} has other entries in some runs than in others")
            lifted = {key: self._lift(f"{name}.{key}", slot, [v[key] for v in values]) for key in first}
            return type(first)(lifted) if type(first) is not dict else lifted
        if isinstance(first, list | tuple):
            return self._sequence(name, slot, values)
        if isinstance(first, int | float) and not isinstance(first, bool):
            return first if same(values) else Number(values, self._lane, name)
        if same(values) or hasattr(first, "__dict__"):
            return first
        raise Unlike(f"{name} differs between the runs")

    def _sequence(self, name: str, slot: Slot, values: Sequence[Any]) -> Any:
        first = values[0]
        if any(len(value) != len(first) for value in values):
            raise Unlike(f"{name} has more entries in some runs than in others")
        lifted = [self._lift(name, slot, each) for each in zip(*values, strict=True)]
        if isinstance(first, list):
            return lifted
        return type(first)(*lifted) if hasattr(first, "_fields") else tuple(lifted)

    def _tensor(self, name: str, tensors: Sequence[Tensor]) -> Tensor:
        """Stacked, where they are not equal; again, where one has changed since."""
        versions = [tensor._version for tensor in tensors]
        kept = self._stacked.get(id(tensors[0]))
        if kept is None or kept[1] != versions or any(map(operator.is_not, kept[0], tensors)):
            if any(tensor.shape != tensors[0].shape for tensor in tensors):
                raise Unlike(f"{name} is of another shape in some runs than in others")
            stacked = None if same(tensors) else torch.stack([t.detach() for t in tensors])
            kept = self._stacked[id(tensors[0])] = tensors, versions, stacked
        return tensors[0].detach() if kept[2] is None else self._lane.of(kept[2])


def _pass_on(
    places: Sequence[Any], before: Mapping[str, Any], replaced: list[tuple[Any, str, Any]], done: bool
) -> None:
    """What the template has written: plain values every run would have written alike; others are undone.

    Where the step is not done, all of it is undone.
    """
    template = places[0]
    if len(template) == len(before) and all(map(operator.is_, template.values(), before.values())):
        return
    lifted = {key for where, key, _ in replaced if where is template}
    for key, now in list(template.items()):
        if key not in before or now is before[key]:
            continue
        if not (done and isinstance(now, int | float | str | type(None) | Number)):
            if key not in lifted:
                replaced.append((template, key, before[key]))
            continue
        values = now.values.tolist() if isinstance(now, Number) else [now] * len(places)
        for place, value in zip(places[1:], values[1:], strict=True):
            place[key] = value
        replaced.append((template, key, values[0]))  # the last to be put there

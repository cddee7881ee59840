"""The objects of several runs side by side: where in them stand numbers, tensors and streams."""

from __future__ import annotations

import functools
import types
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from regbench.streams import Clock, Stream
from regbench.training.replicas.numbers import Unlike

PLAIN = (str, bytes, bool, int, float, complex, type(None), type, torch.dtype, torch.device, torch.Size)
OF_EVERY_MODULE = frozenset(vars(nn.Module())) - {"training"}  # how torch keeps what a module has


@dataclass(frozen=True)
class Slot:
    """One attribute of one object, in each of the runs.

    Attributes:
        name: its path, for what is said of it.
        places: the attributes of the object in each run, that of the template first.
        key: the attribute's name there.
    """

    name: str
    places: Sequence[MutableMapping[str, Any]]
    key: str

    @property
    def values(self) -> list[Any]:
        """What stands there in each run."""
        return [place[self.key] for place in self.places]


@dataclass
class Found:
    """What a walk has found.

    Attributes:
        objects: attributes of each object in the template that may be written to.
        numbers: slots where every run has a number.
        streams: where every run has a stream.
        others: of tensors, of what can be changed in place, and of what the runs have differently; what is in
            them counts only where a step reads it.
    """

    objects: list[Sequence[MutableMapping[str, Any]]] = field(default_factory=list)
    numbers: list[Slot] = field(default_factory=list)
    streams: list[Slot] = field(default_factory=list)
    others: list[Slot] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.numbers) + len(self.streams) + len(self.others)


class Walk:
    """Goes through the objects of several runs at once, which must be alike.

    Args:
        models: of the runs; what they register as parameters and buffers is left to others.
    """

    def __init__(self, models: Sequence[nn.Module]) -> None:
        self.found = Found()
        self._seen: set[int] = set()
        self._registered = {id(module) for module in models[0].modules()}

    def visit(self, name: str, objects: Sequence[Any]) -> None:
        """One object of each run.

        Raises:
            Unlike: they are not alike.
        """
        first = objects[0]
        if id(first) in self._seen or all(one is first for one in objects):
            return
        self._seen.add(id(first))
        if any(type(one) is not type(first) and _class(one) != _class(first) for one in objects):
            raise Unlike(f"{name} is a {type(first).__name__} in some runs and something else in others")
        if isinstance(first, nn.Module):
            self._visit_module(name, objects)
        elif hasattr(first, "__dict__"):
            self._visit_attributes(name, [vars(one) for one in objects])

    def _visit_module(self, name: str, modules: Sequence[nn.Module]) -> None:
        attributes = [vars(module) for module in modules]
        for key, child in modules[0]._modules.items():
            if child is not None:
                self.visit(f"{name}.{key}", [module._modules.get(key) for module in modules])
        if id(modules[0]) not in self._registered:
            for held in ("_parameters", "_buffers"):
                self._visit_attributes(name, [each[held] for each in attributes], written=False)
        kept = [key for key in attributes[0] if key not in OF_EVERY_MODULE]
        for key in (key for key in OF_EVERY_MODULE if "hooks" in key and attributes[0].get(key)):
            self._visit_values(f"{name}.{key}", [[*each[key].values()] for each in attributes])
        # of torch's own modules only what differs from the start counts, for there are many of them
        own = not type(modules[0]).__module__.startswith("torch.")
        self._visit_attributes(name, attributes, kept, own)

    def _visit_attributes(
        self,
        name: str,
        places: Sequence[MutableMapping[str, Any]],
        keys: Sequence[str] | None = None,
        written: bool = True,
    ) -> None:
        known = len(self.found)
        keys = list(places[0]) if keys is None else keys
        if any(place.keys() != places[0].keys() for place in places[1:]):
            raise Unlike(f"{name} has other attributes in some runs than in others")
        for key in keys:
            self._sort(Slot(f"{name}.{key}", places, key), written)
        if written or len(self.found) > known:
            self.found.objects.append(places)

    def _sort(self, slot: Slot, written: bool) -> None:
        values = slot.values
        first = values[0]
        if isinstance(first, Stream):
            self.found.streams.append(slot)
        elif isinstance(first, Clock):
            return
        elif all(map(_is_number, values)):
            if written or any(value != first for value in values):
                self.found.numbers.append(slot)
        elif all(isinstance(value, PLAIN) for value in values):
            if any(value != first for value in values):
                self.found.others.append(slot)
        elif all(value is first for value in values) and not isinstance(first, Tensor | list | dict):
            return
        else:
            self._sort_composed(slot)

    def _sort_composed(self, slot: Slot) -> None:
        values = slot.values
        if all(isinstance(value, list | tuple | dict) for value in values):
            if not all(map(_holds_objects_only, values)) and not _constant(values):
                self.found.others.append(slot)
            self._visit_values(slot.name, values)
        elif _is_walked(values[0]) and all(type(v).__name__ == type(values[0]).__name__ for v in values):
            self._visit_values(slot.name, [[value] for value in values])
        else:
            self.found.others.append(slot)

    def _visit_values(self, name: str, values: Sequence[Any]) -> None:
        """Whatever objects are in some values, one of each run."""
        found = [list(_objects(value)) for value in values]
        if any(len(one) != len(found[0]) for one in found):
            return  # what they are in is no slot that can be read
        for alike in zip(*found, strict=True):
            if isinstance(alike[0], types.FunctionType):
                self._visit_function(name, alike)
            else:
                self.visit(name, alike)

    def _visit_function(self, name: str, functions: Sequence[Any]) -> None:
        first = functions[0]
        if any(getattr(one, "__code__", None) is not first.__code__ for one in functions):
            raise Unlike(f"{name} is another function in some runs than in others")
        if id(first) in self._seen:
            return
        self._seen.add(id(first))
        cells = [[cell.cell_contents for cell in one.__closure__ or ()] for one in functions]
        for alike in zip(*cells, strict=True):
            if not same(alike) and not all(map(_holds_objects_only, alike)):
                raise Unlike(f"{name} is a function over values that differ between the runs")
        self._visit_values(name, cells)


def _class(one: Any) -> tuple[str, str]:
    """Its name: torch makes a new class, of the same name, for each module that it parametrizes."""
    return type(one).__module__, type(one).__qualname__


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_walked(value: Any) -> bool:
    """Whether a value is an object that is gone into."""
    if isinstance(value, nn.Module | types.FunctionType | types.MethodType | functools.partial):
        return True
    opaque = isinstance(value, Tensor | type) or type(value).__module__.startswith(("torch.", "numpy"))
    return hasattr(value, "__dict__") and not opaque


def _objects(value: Any) -> Iterator[Any]:
    """The objects in a value, however deep in lists, tuples and dicts."""
    if isinstance(value, Mapping):
        for one in value.values():
            yield from _objects(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _objects(one)
    elif isinstance(value, types.MethodType):
        yield from _objects(value.__self__)
    elif isinstance(value, functools.partial):
        yield from _objects([value.func, value.args, value.keywords])
    elif isinstance(value, types.FunctionType) or (
        _is_walked(value) and not isinstance(value, Stream | Clock)
    ):
        yield value


def _holds_objects_only(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(map(_holds_objects_only, value.values())) and len(value) > 0
    if isinstance(value, list | tuple):  # what is empty and no tuple may be filled later
        return all(map(_holds_objects_only, value)) and (len(value) > 0 or isinstance(value, tuple))
    return _is_walked(value) and not isinstance(value, Stream | Clock)


def _constant(values: Sequence[Any]) -> bool:
    """Whether every run has the same tuple of plain values, which nothing can change in place."""
    return all(isinstance(value, tuple) for value in values) and same(values)


def same(values: Sequence[Any]) -> bool:
    """Whether values are equal, as far as that can be told."""
    first = values[0]
    if all(value is first for value in values):
        return True
    if isinstance(first, Tensor):
        return all(isinstance(v, Tensor) and v.shape == first.shape and torch.equal(v, first) for v in values)
    if isinstance(first, list | tuple):
        alike = all(type(value) is type(first) and len(value) == len(first) for value in values)
        return alike and all(same(each) for each in zip(*values, strict=True))
    return isinstance(first, PLAIN) and all(type(v) is type(first) and v == first for v in values)

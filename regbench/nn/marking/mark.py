"""A model that marks no sites, marked."""

from __future__ import annotations

import copy
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from torch import Tensor, nn

from regbench.errors import listed, nearest
from regbench.nn.marking.attending import Attending, Fused, Probabilities
from regbench.nn.marking.marked import Behind, Marked, calm
from regbench.nn.marking.places import RULES, Found, Noise, Place, View, maps
from regbench.nn.marking.trace import Seen, Trace, watched
from regbench.nn.marking.turns import Renew, Turns
from regbench.sites import Kind, Site

Globs = Literal["auto"] | list[str]
Wanted = Mapping[str, Globs]  # by kind


@dataclass
class Marking:
    """What was put into a model, and the way back.

    Attributes:
        places: parent, name in it, the module that stood there, and what stands there now.
    """

    places: list[tuple[nn.Module, str, nn.Module, nn.Module]]

    @property
    def sites(self) -> list[Marked]:
        """All that were made."""
        found = [site for *_, new in self.places for site in _sites_in(new)]
        return list(dict.fromkeys(found))

    def undo(self, but: Container[Marked] = ()) -> None:
        """Put the modules back where they stood, but for places all of whose sites are to stay."""
        kept: list[tuple[nn.Module, str, nn.Module, nn.Module]] = []
        for place in reversed(self.places):
            parent, name, module, new = place
            if all(site in but for site in _sites_in(new)):
                kept.insert(0, place)
            else:
                parent._modules[name] = module
        self.places = kept


def _sites_in(new: nn.Module) -> list[Marked]:
    return [site for site in (new if isinstance(new, Turns) else [new]) if isinstance(site, Marked)]


def has_sites(net: nn.Module) -> bool:
    """Whether a model marks sites itself."""
    return any(isinstance(module, Site) for module in net.modules())


def mark(net: nn.Module, rows: Tensor, wanted: Wanted) -> Marking:
    """Put sites into a model, in place; what it computes and the names in its state stay as they are.

    Args:
        net: without sites; the forward pass of a copy is run once, random draws are kept by the caller.
        rows: (2, ...), floats or token ids.
        wanted: for each kind `auto` or globs over the paths of modules; kinds that are left out are `auto`.

    Raises:
        ValueError: a kind or a glob is wrong.
        Exception: whatever the model raises.
    """
    for kind in wanted:
        if kind not in RULES:
            raise ValueError(f"sites must be of kinds {', '.join(RULES)}, got {kind!r}{nearest(kind, RULES)}")
    calm(net)
    copied = twin(net)
    paths = {name: module for name, module in copied.named_modules() if name}
    view = View(paths, watched(copied, rows))
    places = list(_places(view, wanted))
    _require_one_kind(places)
    marking = Marking([])
    ours = dict(zip(copied.modules(), net.modules(), strict=True))
    for place in places:
        place.module = ours[place.module]
        _put(net, place, view.trace, ours, marking)
    return marking


def twin(net: nn.Module) -> nn.Module:
    """A copy to be run in a model's stead, so that nothing moves in it; itself where it cannot be copied."""
    try:
        return copy.deepcopy(net)
    except (TypeError, RuntimeError):  # as of locks, and tensors that are no leaves
        return net


def _places(view: View, wanted: Wanted) -> Iterator[Place]:
    for kind, rule in RULES.items():
        globs = wanted.get(kind, "auto")
        found = rule.auto(view, list(view.paths)) if globs == "auto" else _named(view, kind, globs)
        noise: Noise = "all" if globs != "auto" or kind != "hidden" else "none"
        made = [
            Place(path, view.paths[path], kind, form, view.trace.of(view.paths[path]), noise)
            for path, form in found.items()
        ]
        if kind == "hidden" and globs == "auto" and made:
            max(made, key=lambda place: place.calls[-1].position).noise = "last"
        yield from made
        with_maps = any(len(one.shape) == 3 and one.axis == 0 for place in made for one in place.calls)
        if kind == "hidden" and globs == "auto" and not with_maps:
            yield from _maps(view)


def _maps(view: View) -> Iterator[Place]:
    """Sites with maps for a model whose activations have none: behind its convolutions."""
    for path in maps(view):
        yield Place(path, view.paths[path], "hidden", Behind, view.trace.of(view.paths[path]), "none")


def _named(view: View, kind: Kind, globs: Sequence[str]) -> Found:
    """The modules that globs name, those that are of the kind by type before others.

    Raises:
        ValueError: a glob names none, or none that can be of the kind.
    """
    rule = RULES[kind]
    found: Found = {}
    for glob in globs:
        paths = [path for path in view.paths if fnmatchcase(path, glob)]
        if not paths:
            raise ValueError(
                f"sites.{kind} must name modules of the model, got {glob!r}{nearest(glob, view.paths)}"
            )
        fitting = rule.auto(view, paths) or rule.named(view, paths)
        if not fitting:
            raise ValueError(
                f"sites.{kind} must name {rule.due} in a forward pass, got {glob!r}, which names "
                f"{listed(paths, 3)}"
            )
        found |= fitting
    return dict(sorted(found.items(), key=lambda item: list(view.paths).index(item[0])))


def _require_one_kind(places: Sequence[Place]) -> None:
    kinds: dict[int, Place] = {}
    for place in places:
        other = kinds.setdefault(id(place.module), place)
        if other is not place:
            raise ValueError(
                f"sites must name each module under one kind, got {place.path} under {other.kind} and "
                f"{place.kind}"
            )


def _put(
    net: nn.Module, place: Place, trace: Trace, ours: Mapping[nn.Module, nn.Module], marking: Marking
) -> None:
    holders = [
        (parent, name)
        for parent in net.modules()
        for name, module in parent._modules.items()
        if module is place.module
    ]
    several = len(place.calls) > 1 and not _holds_tensors(place.module)
    new = (
        _turns(net, place, trace, ours)
        if several
        else _site(place, place.calls[-1], trace, _only(place.calls))
    )
    for parent, name in holders:
        parent._modules[name] = new
        marking.places.append((parent, name, place.module, new))
        if isinstance(new, Probabilities) and getattr(parent, "fused_attn", None) is True:
            parent.register_forward_pre_hook(Fused(new))


def _site(place: Place, seen: Seen, trace: Trace, only: tuple[int, ...] | None = None) -> Marked:
    shape, axis = seen.shape, min(seen.axis, len(seen.shape) - 1)
    if place.form is Attending:
        shape, axis = _heads(place.module, seen), 0
    noisy = place.noise == "all" or (place.noise == "last" and seen is place.calls[-1])
    site = place.form(place.kind, shape, axis, place.module, noisy, seen.position, only)
    site.separates, site.in_tuple = trace.separates(seen), seen.in_tuple
    return site


def _turns(net: nn.Module, place: Place, trace: Trace, ours: Mapping[nn.Module, nn.Module]) -> Turns:
    turns = Turns([_site(place, seen, trace) for seen in place.calls])
    shared = [
        module
        for module in place.calls[0].within
        if all(any(module is one for one in seen.within) for seen in place.calls)
    ]
    (ours[shared[-1]] if shared else net).register_forward_pre_hook(Renew(turns))
    return turns


def _only(calls: Sequence[Seen]) -> tuple[int, ...] | None:
    """The shape of the last call's inputs, where another call's are different."""
    shapes = [tuple(one.inputs.shape[1:]) for one in calls]
    return shapes[-1] if len(set(shapes)) > 1 else None


def _heads(layer: nn.Module, seen: Seen) -> tuple[int, ...]:
    tokens = seen.inputs.shape[1 if layer.batch_first else 0]
    return (layer.num_heads, tokens, tokens)  # type: ignore[return-value]


def _holds_tensors(module: nn.Module) -> bool:
    return bool(list(module.parameters()) or list(module.buffers()))

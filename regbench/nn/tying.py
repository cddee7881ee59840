"""Weight tying: one tensor at several places of a model."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from regbench.errors import nearest

Tensors = dict[str, nn.Parameter]


def tie(net: nn.Module, pairs: Sequence[Sequence[str]]) -> None:
    """Make the two places of each pair hold the same tensor, the values being those of the first.

    W_second := W_first, as one object: an optimizer has it once, a penalty counts it once, and its gradient
    is the sum over all of its places. A place tied in several pairs joins them all. Buffers (running
    statistics) stay each module's own.

    Paper: Press and Wolf, 2017, https://arxiv.org/abs/1608.05859, section 3 (input and output embedding);
    between layers: Lan et al., 2020, https://arxiv.org/abs/1909.11942, section 3.1

    Args:
        net: any module; changed in place.
        pairs: each two paths from `net`, both to parameters (layers.1.linear.weight) or both to modules
            (layers.1) with the same parameters in them.

    Raises:
        ValueError: there is no such path, the two are one, or their parameters differ in name or shape.
    """
    for pair in pairs:
        if isinstance(pair, str) or len(pair) != 2:
            raise ValueError(f"tie must list pairs of two paths, got {pair!r}")
        first, second = pair
        if first == second:
            raise ValueError(f"tie must name two places, got {first!r} twice")
        ours, theirs = _parameters(net, first), _parameters(net, second)
        _require_alike(first, ours, second, theirs)
        for name in ours:  # looked up anew: the one before may have changed what stands at this one
            _replace(net, _parameters(net, second)[name], _parameters(net, first)[name])


def _parameters(net: nn.Module, path: str) -> Tensors:
    """The parameter at a path under the name "", or those of the module there under their names in it."""
    named = dict(net.named_parameters(remove_duplicate=False))
    if path in named:
        return {"": named[path]}
    found = {n.removeprefix(f"{path}."): p for n, p in named.items() if n.startswith(f"{path}.")}
    if not found:
        holders = {n.rpartition(".")[0] for n in named}
        hint = nearest(path, [*named, *holders])
        raise ValueError(f"tie must name parameters or modules that hold some, got {path!r}{hint}")
    return found


def _require_alike(first: str, ours: Tensors, second: str, theirs: Tensors) -> None:
    if ours.keys() != theirs.keys():
        raise ValueError(
            f"tie must name places with the same parameters, got {_listed(first, ours)} and "
            f"{_listed(second, theirs)}"
        )
    for name in ours:
        shapes = tuple(ours[name].shape), tuple(theirs[name].shape)
        if shapes[0] != shapes[1]:
            one, other = (f"{path}.{name}".rstrip(".") for path in (first, second))
            raise ValueError(
                f"tie must name parameters of one shape, got {one} {shapes[0]} and {other} {shapes[1]}"
            )


def _listed(path: str, parameters: Tensors) -> str:
    return f"{path} ({', '.join(name for name in parameters if name) or 'one parameter'})"


def _replace(net: nn.Module, old: nn.Parameter, new: nn.Parameter) -> None:
    """Put `new` wherever `old` is held: what was tied to the old one before is then tied to this one too."""
    for module in list(net.modules()):
        for name, parameter in list(module.named_parameters(recurse=False, remove_duplicate=False)):
            if parameter is old:
                setattr(module, name, new)

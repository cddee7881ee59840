"""Sites: the places where a model can be touched.

A model marks them; a regularizer acts at them; neither imports the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal

from torch import Tensor, nn
from torch.nn.modules.instancenorm import _InstanceNorm

Kind = Literal["input", "embedding", "norm", "hidden", "attention", "recurrent", "branch"]
Where = Literal["default", "all", "input", "first", "last"] | list[int]


class Site(nn.Module):
    """What stands at one place of a model, and what regularizers put around and after it.

    The body is the model's own: the normalization of a `norm` site, the activation of a `hidden` site (so
    the site's input is the pre-activation), the residual branch of a `branch` site, nothing elsewhere.

    Args:
        kind: one of the seven words of `Kind`.
        shape: per-example shape of the site's output, e.g. (C, H, W).
        axis: the channel axis within `shape`.
        body: the module that stands here; None for the identity.
        default: whether activation noise acts here unless told where.
    """

    def __init__(
        self,
        kind: Kind,
        shape: Sequence[int],
        axis: int = 0,
        body: nn.Module | None = None,
        default: bool = True,
    ) -> None:
        super().__init__()
        self.kind, self.shape, self.axis, self.default = kind, tuple(shape), axis, default
        self.body = nn.Identity() if body is None else body
        self.around = nn.ModuleList()  # each is called with (body, inputs) and may skip the body
        self.after = nn.Sequential()  # each takes the output and returns it changed
        self.replaced = False
        self.position = 0  # where the order of modules is not that in which they run
        self.separates: bool | None = None  # whether all that a row becomes passes here; None: see the names

    @property
    def untouched(self) -> bool:
        """Whether the model's own body stands here alone, so that a faster way to the same may be taken."""
        return not (self.replaced or len(self.around) or len(self.after))

    def forward(self, inputs: Tensor) -> Tensor:
        # read directly, as the search of nn.Module takes twice as long as all the rest at an empty site
        parts: dict[str, Any] = self._modules
        body: Callable[[Tensor], Tensor] = parts["body"]
        for wrapper in parts["around"]._modules.values():
            body = partial(wrapper, body)
        outputs = body(inputs)
        after = parts["after"]
        return after(outputs) if after._modules else outputs

    def extra_repr(self) -> str:
        return f"{self.kind}, {self.shape}"


def sites(model: nn.Module, kind: Kind) -> list[tuple[str, Site]]:
    """Name and site of every site of a kind, in the order of the model's modules, or in which they run."""
    found = [(n, m) for n, m in model.named_modules() if isinstance(m, Site) and m.kind == kind]
    return sorted(found, key=lambda pair: pair[1].position)


def select(model: nn.Module, kind: Kind, where: Where = "all") -> list[tuple[str, Site]]:
    """The sites that `where` names.

    Args:
        model: any module that holds sites.
        kind: the kind that `where` counts; `where="input"` means the kind `input` instead.
        where: default (those the model marks for noise), all, input, first, last, or indices.

    Raises:
        ValueError: there is no such site.
    """
    kind = "input" if where == "input" else kind
    found = sites(model, kind)
    _require_some(model, found, f"'{kind}' site")
    if where == "default":
        return [pair for pair in found if pair[1].default] or found[-1:]
    return _chosen(model, found, where, f"{kind} sites")


def map_sites(model: nn.Module, where: Where) -> list[tuple[str, Site]]:
    """Name and site of the hidden sites with per-example shape (C, H, W) that `where` names.

    Args:
        model: any module that holds sites.
        where: default (the last two stages: the maps of the last two shapes), all, input (the model's input),
            first, last, or indices; all counted among the sites with maps alone.

    Raises:
        ValueError: there is no such site.
    """
    kind: Kind = "input" if where == "input" else "hidden"
    found = [(name, site) for name, site in sites(model, kind) if len(site.shape) == 3 and site.axis == 0]
    _require_some(model, found, f"'{kind}' site with maps (C, H, W)")
    if where == "default":
        stages = list(dict.fromkeys(site.shape for _, site in found))[-2:]
        return [pair for pair in found if pair[1].shape in stages]
    return _chosen(model, found, where, "hidden sites with maps")


def _require_some(model: nn.Module, found: Sequence[object], what: str) -> None:
    if not found:
        raise ValueError(f"{_called(model)} has no {what}{getattr(model, 'sought', '')}")


def _chosen(
    model: nn.Module, found: list[tuple[str, Site]], where: Where, what: str
) -> list[tuple[str, Site]]:
    """Those of the sites that `where` names, which is not default."""
    if not isinstance(where, list):
        return {"first": found[:1], "last": found[-1:]}.get(where, found)
    if not where or any(not -len(found) <= index < len(found) for index in where):
        raise ValueError(
            f"where must list indices of {_called(model)}'s {what}, 0 to {len(found) - 1}, got {where}"
        )
    if len({index % len(found) for index in where}) < len(where):
        raise ValueError(f"where must name each site once, got {where}")
    return [found[index] for index in where]


def insert(model: nn.Module, kind: Kind, where: Where, make: Callable[[str, Site], nn.Module]) -> None:
    """Put make(name, site) after what stands at each of the sites.

    Raises:
        ValueError: there is no such site.
    """
    for name, site in select(model, kind, where):
        site.after.append(make(name, site))


def wrap(model: nn.Module, kind: Kind, where: Where, make: Callable[[str, Site], nn.Module]) -> None:
    """Put make(name, site) around the body of each of the sites; it is called with (body, inputs).

    Raises:
        ValueError: there is no such site.
    """
    for name, site in select(model, kind, where):
        site.around.append(make(name, site))


def replace(model: nn.Module, kind: Kind, where: Where, make: Callable[[str, Site], nn.Module]) -> None:
    """Put make(name, site) in the place of the body of each of the sites.

    Raises:
        ValueError: there is no such site, or another member has replaced its body already.
    """
    for name, site in select(model, kind, where):
        if site.replaced:
            raise ValueError(f"another member has already replaced what stands at {name}; keep one")
        site.body, site.replaced = make(name, site), True


@contextmanager
def recording(model: nn.Module, wanted: bool) -> Iterator[list[Tensor]]:
    """Collect the outputs of the hidden sites during one forward pass, where anybody wants them."""
    outputs: list[Tensor] = []
    found = sites(model, "hidden") if wanted else []
    handles = [s.register_forward_hook(lambda _m, _i, out: outputs.append(out)) for _, s in found]
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def extra_pass(model: nn.Module) -> Iterator[None]:
    """Run the model again on rows it has seen this step, without moving running statistics."""
    moving = [m for m in model.modules() if m.training and getattr(m, "track_running_stats", False)]
    # an instance normalization moves whatever statistics it holds, so for the while it holds none
    held = [(m, m.running_mean, m.running_var) for m in moving if isinstance(m, _InstanceNorm)]
    for module in moving:
        # in training mode without it: normalize by the batch, record nothing
        module.track_running_stats = False  # type: ignore[assignment]
    for instance, _, _ in held:
        instance.running_mean = instance.running_var = None
    try:
        yield
    finally:
        for module in moving:
            module.track_running_stats = True  # type: ignore[assignment]
        for instance, mean, var in held:
            instance.running_mean, instance.running_var = mean, var


def _called(model: nn.Module) -> str:
    """The class name of the person's model, behind the normalization in front of it."""
    return type(getattr(model, "net", model)).__name__

"""Maps: the hidden sites of a model whose outputs have channels over places."""

from __future__ import annotations

from torch import nn

from regbench.sites import Site, Where, sites


def map_sites(model: nn.Module, where: Where) -> list[tuple[str, Site]]:
    """Name and site of the hidden sites with per-example shape (C, H, W) that `where` names.

    Args:
        model: any module that holds sites.
        where: default (the last two stages: the maps of the last two shapes), all, input (the model's input),
            first, last, or indices; all counted among the sites with maps alone.

    Raises:
        ValueError: there is no such site.
    """
    kind = "input" if where == "input" else "hidden"
    found = [(n, s) for n, s in sites(model, kind) if len(s.shape) == 3 and s.axis == 0]  # type: ignore[arg-type]
    called = type(getattr(model, "net", model)).__name__  # the person's model, behind its normalization
    if not found:
        raise ValueError(f"{called} has no '{kind}' site with maps (C, H, W)")
    if isinstance(where, list):
        if not where or any(not -len(found) <= index < len(found) for index in where):
            raise ValueError(
                f"where must list indices of {called}'s hidden sites with maps, 0 to {len(found) - 1}, "
                f"got {where}"
            )
        return [found[index] for index in where]
    if where == "default":
        stages = list(dict.fromkeys(site.shape for _, site in found))[-2:]
        return [pair for pair in found if pair[1].shape in stages]
    return {"first": found[:1], "last": found[-1:]}.get(where, found)

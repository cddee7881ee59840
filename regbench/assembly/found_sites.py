"""The sites of a model, and which regularizers act at each kind: found by trying."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from regbench.assembly.data import load_data
from regbench.assembly.model import build_model
from regbench.assembly.refusals import each_option, tried_on
from regbench.assembly.stack import build_stack
from regbench.composition.kinds import look_at
from regbench.composition.settings import read_settings
from regbench.errors import ConfigError
from regbench.instantiation.boundary import refusing
from regbench.regularizers.base import MemberError
from regbench.sites import Kind, Site
from regbench.streams import Clock
from regbench.weights import plain_name


@dataclass
class FoundSite:
    """A place of a model.

    Attributes:
        kind: as of `Site`.
        path: in the person's own model.
        shape: of its output, without the rows.
        axis: of the channels within the shape.
        default: whether noise acts there unless told where.
        admits: the regularizers that, at the values of their files, or with `where=input` where they have it,
            put something at sites of the kind.
    """

    kind: Kind
    path: str
    shape: tuple[int, ...]
    axis: int
    default: bool
    admits: list[str]


def found_sites(words: Sequence[str], extra: Path | None = None) -> list[FoundSite]:
    """Every site of a model, in the order in which they run, kind by kind.

    Args:
        words: what `regbench train` takes, but for `reg`.
        extra: a person's own config folder.

    Raises:
        ConfigError: the model cannot be built.
    """
    config = tried_on(words, extra)
    seed = read_settings(config)[0].seed
    look_at(config)
    data = load_data(config["dataset"])
    with refusing("model: "):
        model = build_model(config["model"], data, seed, config["dataset"])
    found = [(name, module) for name, module in model.named_modules() if isinstance(module, Site)]
    admits: dict[str, list[str]] = {site.kind: [] for _, site in found}
    for name, node in each_option(extra):
        tries = [node, node | {"where": "input"}] if "where" in node else [node]
        touched = [kind for one in tries for kind in _touched(model, {name: one}, seed, data.train)]
        for kind in dict.fromkeys(touched):
            admits[kind].append(name)
    kinds = list(admits)
    return [
        FoundSite(site.kind, _path(name), site.shape, site.axis, site.default, admits[site.kind])
        for name, site in sorted(found, key=lambda pair: (kinds.index(pair[1].kind), pair[1].position))
    ]


def _touched(model: nn.Module, members: Mapping[str, Any], seed: int, train: Any) -> list[Kind]:
    """The kinds of the sites at which a stack puts something, in a copy of a model; none where it refuses."""
    changed = copy.deepcopy(model)
    with suppress(ConfigError, MemberError), refusing("reg: ", MemberError):
        stack = build_stack(members, seed=seed).bind(seed, Clock())
        stack.check_data(train)
        stack.prepare_model(changed)
        sites = [module for module in changed.modules() if isinstance(module, Site)]
        return list(dict.fromkeys(site.kind for site in sites if not site.untouched))
    return []


def _path(name: str) -> str:
    return plain_name(name).removeprefix("net.").removesuffix(".body")

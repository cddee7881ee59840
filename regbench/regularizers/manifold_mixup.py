"""Manifold mixup."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from regbench.regularizers.base import Regularizer
from regbench.sites import Site, Where, insert, select, sites
from regbench.space import Domain, Interval
from regbench.types import Batch, Split
from regbench.weights import plain_name


@dataclass
class ManifoldMixup(Regularizer):
    """Mix pairs of examples at a layer drawn for each batch, and their targets by the same share.

    At one place of those that `where` and `inputs` name, drawn anew for each batch, row i of what the model
    computes becomes share * row i + (1 - share) * row j, and so do the targets; j is its place in a random
    permutation of the batch and share ~ Beta(alpha, alpha), one for the batch. At the inputs alone it is
    mixup with per=batch. Both passes of an optimizer that makes two see the same mixture; a pass over several
    views of the batch, one below the other, mixes each view in the same way. Evaluation mixes nothing.
    Departure from the paper: hidden sites within a residual branch are no places, since the mixture of a
    branch would be added to an unmixed shortcut.

    Paper: Verma et al., 2019, https://arxiv.org/abs/1806.05236, section 3

    Attributes:
        alpha: both parameters of the beta distribution, at least 0.
        where: which of the model's hidden sites outside branches: default and all mean all of them, input
            none but the inputs, first, last, or indices among all hidden sites.
        inputs: whether the batch's inputs are one of the places.

    Raises:
        ValueError: alpha is out of range; `check_data`: inputs are token ids and one of the places;
            `prepare_model`: there is no such site.
    """

    kind = "noise on activations"
    off: ClassVar[Mapping[str, Any]] = {"alpha": 0.0}
    search: ClassVar[Mapping[str, Domain]] = {"alpha": Interval(0.1, 4.0, log=True)}
    follows = ("alpha",)

    alpha: float
    where: Where
    inputs: bool

    def __post_init__(self) -> None:
        if self.alpha < 0:
            raise ValueError(f"alpha must be at least 0, got {self.alpha}")
        self._places: list[str] = []
        self._mixtures: dict[int, Mixture] = {}  # by micro-batch

    def check_data(self, train: Split) -> None:
        if not (train.mixable or self.is_off) and (self.inputs or self.where == "input"):
            raise ValueError(
                f"inputs must be false for inputs that cannot be mixed, got {train.inputs.dtype}"
            )

    def prepare_model(self, model: nn.Module) -> nn.Module:
        if self.is_off:
            return model
        at_inputs = [INPUTS] if self.inputs or self.where == "input" else []
        indices = [] if self.where == "input" else _outside_branches(model, self.where)
        self._places = at_inputs
        if indices:
            insert(model, "hidden", indices, self._make)
        return model

    def transform_batch(self, batch: Batch) -> Batch:
        if self.is_off:
            return batch
        share = self.stream.beta(self.alpha, self.alpha)
        order = self.stream.permutation(len(batch), batch.targets.device)
        place = self._places[int(self.stream.integers(len(self._places), ()))]
        mixture = Mixture(place, share, order)
        self._mixtures[self.stream.micro] = mixture
        inputs = mixture.of(batch.inputs) if place == INPUTS else batch.inputs
        return Batch(inputs, mixture.of(batch.targets), batch.rows_but())

    def end_step(self, model: nn.Module) -> None:
        self._mixtures.clear()

    def note(self) -> str:
        names = [plain_name(name).removeprefix("net.") for name in self._places]
        return f"mixes at {', '.join(names)}" if names else ""

    def mixed(self, place: str, hidden: Tensor) -> Tensor:
        """What a place hands on in the forward pass of the present micro-batch."""
        mixture = self._mixtures.get(self.stream.micro)
        return hidden if mixture is None or mixture.place != place else mixture.of(hidden)

    def _make(self, name: str, site: Site) -> nn.Module:
        self._places = [*self._places, name]
        return Mix(name, self)


INPUTS = "the inputs"


@dataclass(frozen=True)
class Mixture:
    """One way to mix a batch: where, how much of the row itself, and each row's partner."""

    place: str
    share: float
    order: Tensor

    def of(self, rows: Tensor) -> Tensor:
        """Mix (B, ...), or several views of it (V * B, ...), each by itself.

        Raises:
            ValueError: it is no whole number of views.
        """
        if len(rows) % len(self.order):
            raise ValueError(f"rows must be a multiple of the batch's {len(self.order)}, got {len(rows)}")
        views = rows.unflatten(0, (-1, len(self.order)))
        return views[:, self.order].lerp(views, self.share).flatten(0, 1)


class Mix(nn.Module):
    """Mix what stands at a site in training, where the batch's place is this one."""

    def __init__(self, place: str, member: ManifoldMixup) -> None:
        super().__init__()
        self.place, self.member = place, member

    def forward(self, inputs: Tensor) -> Tensor:
        return self.member.mixed(self.place, inputs) if self.training else inputs


def _outside_branches(model: nn.Module, where: Where) -> list[int]:
    """Indices, among all hidden sites, of the places that `where` names.

    Raises:
        ValueError: there is none, or one of them lies within a branch.
    """
    branches = tuple(f"{name}." for name, _ in sites(model, "branch"))
    hidden = select(model, "hidden", "all")
    names = [name for name, _ in hidden]
    apart = [
        not name.startswith(branches) if site.separates is None else site.separates for name, site in hidden
    ]
    free = [index for index, is_apart in enumerate(apart) if is_apart]
    if not free:
        raise ValueError(f"the model must have hidden sites outside residual branches, got {names} within")
    if isinstance(where, list):
        chosen = [names.index(name) for name, _ in select(model, "hidden", where)]
        if not set(chosen) <= set(free):
            raise ValueError(f"where must list hidden sites outside residual branches, {free}, got {where}")
        return chosen
    return {"first": free[:1], "last": free[-1:]}.get(where, free)

"""AugMix."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from regbench.images.checks import require_pixels
from regbench.images.geometry import turning_note
from regbench.images.mild_operations import MOST_SEVERE, OPERATIONS, WIDEST_TURN, operations_of
from regbench.images.operations import OPS, apply_chosen
from regbench.regularizers.base import Regularizer
from regbench.space import Domain, Interval
from regbench.types import Batch, ForwardPass, Split

IDENTITY = OPS.index("identity")
DEEPEST = 3  # of a chain whose depth is drawn
VIEWS = 3


@dataclass
class AugMix(Regularizer):
    """Mix each image with chains of random operations on it, and ask for one prediction for all mixtures.

    An image x becomes m * x + (1 - m) * sum_i w_i * chain_i(x) with m ~ Beta(1, 1) and w ~ Dirichlet(1, ..,
    1). A chain draws each of its operations from shears, translations, rotate, posterize, solarize,
    autocontrast and equalize, all equally likely, a level uniform in [0.1, severity] / 10 and a sign. At
    level 1 they reach slope 0.3, a third of the side in whole pixels, 30 degrees, no bits (4 at level 0) and
    everything inverted, as in the authors' code. Posterize, solarize, autocontrast and equalize round to 256
    values and do what Pillow does with them; nothing else is rounded. Each example has draws of its own.

    With consistency > 0 the batch is shown three times, as it came and in two mixtures. The data loss is the
    cross-entropy of the first third, and consistency * JSD is added: the mean over the examples of
    1/3 * sum_v KL(p_v || (p_1 + p_2 + p_3) / 3) in nats, p_v the softmax outputs for the three views. With
    consistency = 0 one mixture takes the place of each image and nothing is added, which is the paper's
    ablation. Departure from the paper: geometric operations are bilinear and leave black behind.

    Paper: Hendrycks et al., 2020, https://arxiv.org/abs/1912.02781, section 3 and algorithm 1

    Attributes:
        p: share of the examples that are augmented at all, in [0, 1]; the paper has 1. The others have three
            equal views.
        chains: how many are mixed, at least 1.
        depth: operations in each chain, 1 to 3; 0 draws 1 to 3 for every chain.
        severity: largest strength of an operation, 1 to 10.
        consistency: weight of the divergence between the views, at least 0.

    Raises:
        ValueError: a field is out of range; `check_data`: inputs are no images in [0, 1]; `data_loss` and
            `penalty`: a later member has changed the number of rows or the targets of some views only.
    """

    kind = "noise on inputs"
    off: ClassVar[Mapping[str, Any]] = {"p": 0.0}
    # p stays at the paper's; how strong, and how much the views must agree, is what it tries
    search: ClassVar[Mapping[str, Domain]] = {
        "severity": Interval(1, 10),
        "consistency": Interval(1.0, 24.0, log=True),
    }
    weighs_classes: ClassVar[bool] = True
    needs_classes: ClassVar[bool] = True
    follows = ("p", "chains", "depth", "severity", "consistency")

    p: float
    chains: int
    depth: int
    severity: int
    consistency: float

    def __post_init__(self) -> None:
        if not 0 <= self.p <= 1:
            raise ValueError(f"p must lie in [0, 1], got {self.p}")
        if self.chains < 1:
            raise ValueError(f"chains must be at least 1, got {self.chains}")
        if not 0 <= self.depth <= DEEPEST:
            raise ValueError(f"depth must lie in [0, {DEEPEST}], got {self.depth}")
        if not 1 <= self.severity <= MOST_SEVERE:
            raise ValueError(f"severity must lie in [1, {MOST_SEVERE}], got {self.severity}")
        if self.consistency < 0:
            raise ValueError(f"consistency must be at least 0, got {self.consistency}")
        self._note = ""
        self._given: dict[int, int] = {}  # by micro-batch: all are made before the first forward pass

    def check_data(self, train: Split) -> None:
        if not self.is_off:
            require_pixels(train)
            # every operation of a chain may be the turn, and in the same direction
            turns = self.depth or DEEPEST
            self._note = turning_note(train, turns * self.severity / MOST_SEVERE * WIDEST_TURN)

    def note(self) -> str:
        return self._note

    def transform_batch(self, batch: Batch) -> Batch:
        if self.is_off:
            return batch
        views = self._views(batch.inputs, VIEWS - 1 if self.consistency else 1)
        if not self.consistency:
            return Batch(views, batch.targets, batch.rows)
        self._given[self.stream.micro] = len(batch)
        rows = None if batch.rows is None else batch.rows.repeat(VIEWS)
        return Batch(torch.cat([batch.inputs, views]), batch.targets.repeat(VIEWS, 1), rows)

    def data_loss(self, forward: ForwardPass) -> Tensor | None:
        if not (rows := self._rows_of_a_view(forward)):
            return None
        return F.cross_entropy(forward.logits[:rows], forward.batch.targets[:rows], forward.class_weights)

    def penalty(self, forward: ForwardPass) -> Tensor | None:
        if not (rows := self._rows_of_a_view(forward)):
            return None
        first, *others = forward.batch.targets.split(rows)
        if not all(torch.equal(first, other) for other in others):
            raise ValueError(
                "augmix must come after the members that mix or replace rows, but the three views of an "
                "example got different targets"
            )
        return self.consistency * divergence(torch.stack(forward.logits.split(rows)))

    def _rows_of_a_view(self, forward: ForwardPass) -> int:
        """How many examples were shown three times; 0 where the batch is none that this member made."""
        given, shown = self._given.get(self.stream.micro, 0), len(forward.batch)
        if shown not in (given, VIEWS * given) and given:
            raise ValueError(
                f"augmix must come after the members that change the number of rows, but {VIEWS * given} "
                f"became {shown}"
            )
        return given if shown == VIEWS * given else 0

    def _views(self, images: Tensor, count: int) -> Tensor:
        """(count * B, C, H, W): all images mixed anew, and so on; those that are left alone, as they are."""
        device = images.device
        augmented = (self.stream.uniform((len(images),), device) < self.p).repeat(count)
        images = images.repeat(count, 1, 1, 1)
        weights = even_weights(self.stream.uniform((self.chains, len(images)), device))
        kept = self.stream.uniform((len(images),), device)
        mixed = mixture(images, self._chained(images), weights, kept)
        return torch.where(augmented[:, None, None, None], mixed, images)

    def _chained(self, images: Tensor) -> Tensor:
        """(chains, B, C, H, W): every image at the end of each of its chains."""
        shape, device = (self.chains * len(images),), images.device
        changed = images.repeat(self.chains, 1, 1, 1)
        fixed = torch.full(shape, self.depth, device=device)
        depths = fixed if self.depth else 1 + self.stream.integers(DEEPEST, shape, device)
        for done in range(self.depth or DEEPEST):
            places = self.stream.integers(len(OPERATIONS), shape, device)
            levels, negative = self.stream.uniform(shape, device), self.stream.integers(2, shape, device)
            chosen, strengths = operations_of(places, levels, negative, self.severity, images.shape[2:])
            chosen = torch.where(depths > done, chosen, IDENTITY)
            changed = apply_chosen(changed, chosen, strengths)
        return changed.view(self.chains, *images.shape)


def even_weights(uniform: Tensor) -> Tensor:
    """Draws from Dirichlet(1, .., 1) along the first axis: exponentials over their sum.

    Args:
        uniform: (K, B), uniform in [0, 1).
    """
    exponentials = -torch.log1p(-uniform)
    exponentials = exponentials.clamp(min=torch.finfo(uniform.dtype).tiny)  # one chain may draw a zero
    return exponentials / exponentials.sum(0)


def mixture(images: Tensor, chained: Tensor, weights: Tensor, kept: Tensor) -> Tensor:
    """The share kept of each image, the rest of its chains by their weights.

    Args:
        images: (B, C, H, W) in [0, 1].
        chained: (K, B, C, H, W) in [0, 1].
        weights: (K, B), each column adding up to 1.
        kept: (B,) in [0, 1].
    """
    weights, kept = weights.to(images.dtype), kept.to(images.dtype)
    mixed = torch.zeros_like(images)
    for weight, end in zip(weights, chained, strict=True):
        mixed = mixed.addcmul(weight[:, None, None, None], end)
    return mixed.lerp(images, kept[:, None, None, None]).clamp(0, 1)  # rounding may pass 1


def divergence(logits: Tensor) -> Tensor:
    """Jensen-Shannon divergence in nats of V predictions, the mean over examples.

    Args:
        logits: (V, B, C).
    """
    logs = logits.log_softmax(2)
    middle = logs.logsumexp(0) - math.log(len(logs))
    return (logs.exp() * (logs - middle)).sum(2).mean()

"""Orthogonality of weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from regbench.nn.units import units_of
from regbench.regularizers.base import Regularizer
from regbench.space import Domain, Interval
from regbench.types import ForwardPass
from regbench.weights import FoundWeights, regularized_weights

Form = Literal["soft", "double", "off_diagonal"]


@dataclass
class Orthogonal(Regularizer):
    """Ask the units of each layer for weights that are orthogonal to each other.

    With W a weight as a matrix (a row for each output unit, the filters of a convolution flattened), G the
    smaller of W W^T and W^T W, and I the identity, it adds to the objective, summed over the layers,
    soft: strength * ||G - I||^2, the sum of squares; double: the same of both W W^T and W^T W, one of which
    is then never 0 unless W is square; off_diagonal: strength * ||G - diag(G)||^2, which leaves lengths free.
    All matrices and kernels, the last layer's among them; stacked gates and projections are one matrix.
    Departure from the paper of off_diagonal: it too takes the smaller of both products.

    Paper: Brock et al., 2017, https://arxiv.org/abs/1609.07093 (with absolute values where others have
    squares); soft and double: Bansal et al., 2018, https://arxiv.org/abs/1810.09102, sections 3.1 and 3.2;
    off_diagonal: Brock et al., 2019, https://arxiv.org/abs/1809.11096, eq. 3

    Attributes:
        strength: weight of the squares, at least 0.
        form: what is to be 0.

    Raises:
        ValueError: strength is out of range; `prepare_model`: the model has no such weights.
    """

    off: ClassVar[Mapping[str, Any]] = {"strength": 0.0}
    search: ClassVar[Mapping[str, Domain]] = {"strength": Interval(1e-6, 1e-2, log=True)}
    follows = ("strength",)

    strength: float
    form: Form

    def __post_init__(self) -> None:
        if self.strength < 0:
            raise ValueError(f"strength must be at least 0, got {self.strength}")
        self._found = FoundWeights("weights")

    def prepare_model(self, model: nn.Module) -> nn.Module:
        if not self.is_off and not regularized_weights(model):
            raise ValueError(f"{type(getattr(model, 'net', model)).__name__} has no weights to be orthogonal")
        return model

    def penalty(self, forward: ForwardPass) -> Tensor | None:
        if self.is_off:
            return None
        found = self._found.with_modules(forward.model)
        terms = [_away(units_of(module).matrix(weight), self.form) for _, module, weight in found]
        return self.strength * torch.stack(terms).sum()


def _away(matrix: Tensor, form: Form) -> Tensor:
    """How far a matrix is from orthogonal, a scalar."""
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    gram = wide @ wide.T
    if form == "off_diagonal":
        return (gram - torch.diag(gram.diagonal())).square().sum()
    soft = (gram - torch.eye(len(gram), dtype=gram.dtype, device=gram.device)).square().sum()
    if form == "soft":
        return soft
    # the other product has the same eigenvalues, and zeros: each of these is 1 away
    return 2 * soft + (wide.shape[1] - wide.shape[0])

"""Word dropout on token ids."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from regbench.regularizers.base import Regularizer
from regbench.space import Domain, Interval
from regbench.types import PADDING, UNKNOWN, Batch, Split


@dataclass
class WordDropout(Regularizer):
    """Lose words of a sentence at random while training.

    A token that is no padding is lost with probability p, each on its own. mode replace: the unknown word
    stands in its place, and a sentence may lose all its words. mode delete: it is removed, later words move
    left and padding fills the end; where all words of a sentence are lost, one of them, drawn uniformly,
    stays. Targets stay. Departures from the papers: Iyyer et al. average what is left and have no order;
    EDA changes several copies of a sentence once, before training, and not anew in each step.

    Paper: Iyyer et al., 2015, https://aclanthology.org/P15-1162, section 3.1; Wei and Zou, 2019,
    https://arxiv.org/abs/1901.11196, section 2, random deletion (mode delete)

    Attributes:
        p: probability of losing a word, in [0, 1).
        mode: what becomes of the place of a lost word.

    Raises:
        ValueError: p is out of range; `check_data`: inputs are no token ids.
    """

    off: ClassVar[Mapping[str, Any]] = {"p": 0.0}
    search: ClassVar[Mapping[str, Domain]] = {"p": Interval(0.05, 0.5)}
    follows = ("p",)

    p: float
    mode: Literal["replace", "delete"]

    def __post_init__(self) -> None:
        if not 0 <= self.p < 1:
            raise ValueError(f"p must lie in [0, 1), got {self.p}")

    def check_data(self, train: Split) -> None:
        if not self.is_off and train.vocabulary is None:
            raise ValueError(
                f"word_dropout needs token ids, as of a text dataset, got {train.inputs.dtype} "
                f"inputs without a vocabulary"
            )

    def transform_batch(self, batch: Batch) -> Batch:
        if self.is_off:
            return batch
        tokens = batch.inputs
        words = tokens != PADDING
        draws = self.stream.uniform(tokens.shape, tokens.device).masked_fill(~words, -1)
        if self.mode == "replace":
            return Batch(tokens.masked_fill(words & (draws < self.p), UNKNOWN), batch.targets, batch.rows)
        # of words that are all lost, the one with the largest draw is any of them alike
        kept = words & ((draws >= self.p) | (draws == draws.amax(1, keepdim=True)))
        return Batch(_closed_up(tokens, kept), batch.targets, batch.rows)


def _closed_up(tokens: Tensor, kept: Tensor) -> Tensor:
    """The kept tokens of each row (B, T) in their order, then padding."""
    order = (~kept).to(torch.uint8).argsort(dim=1, stable=True)
    return tokens.masked_fill(~kept, PADDING).gather(1, order)

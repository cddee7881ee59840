"""Embedding dropout."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from torch import Tensor, nn

from regbench.regularizers.base import Regularizer
from regbench.sites import Site, select
from regbench.space import Domain, Interval
from regbench.streams import Stream
from regbench.types import PADDING

Scope = Literal["batch", "sequence"]


@dataclass
class EmbeddingDropout(Regularizer):
    """Drop words of the vocabulary at random while training: a word goes everywhere it stands, or nowhere.

    With E the table of word vectors (V, D), q = 1 - p and m ~ Bernoulli(q) for each of the V words, a token
    gives m[token] * E[token] / q in training and E[token] in evaluation. scope batch: one m in each forward
    pass; sequence: one for each row. The padding's vector is left as it is. What the look-up returns is
    multiplied and never E, so a matrix that is tied to E is untouched.

    Paper: Gal and Ghahramani, 2016, https://arxiv.org/abs/1512.05287, section 4.2 (sequence); Merity et al.,
    2018, https://arxiv.org/abs/1708.02182, section 4.3 (batch)

    Attributes:
        p: probability of dropping a word, in [0, 1).
        scope: whether the rows of a batch lose the same words.

    Raises:
        ValueError: p is out of range; `prepare_model`: the model has no embedding site, or none of words.
    """

    kind = "noise on activations"
    off: ClassVar[Mapping[str, Any]] = {"p": 0.0}
    search: ClassVar[Mapping[str, Domain]] = {"p": Interval(0.05, 0.5)}
    follows = ("p",)

    p: float
    scope: Scope

    def __post_init__(self) -> None:
        if not 0 <= self.p < 1:
            raise ValueError(f"p must lie in [0, 1), got {self.p}")

    def prepare_model(self, model: nn.Module) -> nn.Module:
        if self.is_off:
            return model
        chosen = select(model, "embedding")
        words = [_words(name, site) for name, site in chosen]  # all, before the first is put in
        for (name, site), count in zip(chosen, words, strict=True):
            site.around.append(DropWords(self.p, self.scope, count, self.stream.at(name)))
        return model


def _words(name: str, site: Site) -> int:
    if not isinstance(site.body, nn.Embedding):
        kind = type(site.body).__name__
        raise ValueError(f"the embedding site {name} must hold a table of words (nn.Embedding), got {kind}")
    return site.body.num_embeddings


class DropWords(nn.Module):
    """Look tokens (B, T) up, some words of the vocabulary giving zeros and the others 1 / q times theirs.

    Args:
        p: probability of dropping a word.
        scope: as of `EmbeddingDropout`.
        words: V, the size of the vocabulary.
        stream: where the draws come from.
    """

    def __init__(self, p: float, scope: Scope, words: int, stream: Stream) -> None:
        super().__init__()
        self.p, self.scope, self.words, self.stream = p, scope, words, stream

    def forward(self, body: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
        vectors = body(inputs)
        if not self.training:
            return vectors
        q, rows = 1 - self.p, len(inputs)
        scale = self.stream.mask(vectors, q, (1 if self.scope == "batch" else rows, self.words)).div_(q)
        scale[:, PADDING] = 1
        return vectors * scale.expand(rows, -1).gather(1, inputs)[:, :, None]

    def extra_repr(self) -> str:
        return f"p={self.p}, {self.scope}"

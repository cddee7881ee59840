"""What the text datasets share: sentences read, numbered, and given a vocabulary by the train split."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from regbench.data.tokens import CUTS
from regbench.data.words import Vocabulary, lexicon_of, numbered

Labelled = tuple[list[list[str]], Tensor]  # the words of each sentence, and labels (N,) int64


@dataclass
class Text(ABC):
    """Labelled sentences as a source of token ids.

    `train` and `test` return rows numbered by a lexicon of all train sentences, val's and select's among
    them; which of these words a model gets to know is decided by `encoding`, from the train split alone.

    Attributes:
        length: tokens of a row, at least 1; longer sentences are cut at their end.
        min_count: a word that the train split holds less often is unknown, at least 1. With 1 no train word
            is unknown, and the vector of the unknown is never trained.

    Raises:
        ValueError: a field is out of range.
    """

    scale: ClassVar[float] = 1.0
    mirrors: ClassVar[bool] = False
    cut: ClassVar[str | None] = None  # how a sentence falls into tokens, a key of `CUTS`, where it is one

    length: int
    min_count: int

    def __post_init__(self) -> None:
        for name in ("length", "min_count"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        self._lexicon: dict[str, int] = {}

    @property
    def in_shape(self) -> tuple[int, ...]:
        return (self.length,)

    @abstractmethod
    def read(self, part: str) -> Labelled:
        """The sentences and labels of a part, train or test."""

    def train(self) -> tuple[Tensor, Tensor]:
        sentences, labels = self.read("train")
        self._lexicon = lexicon_of(sentences)
        return numbered(sentences, self._lexicon), labels

    def test(self) -> tuple[Tensor, Tensor]:
        sentences, labels = self.read("test")
        return numbered(sentences, self._lexicon), labels

    def encoding(self, train: Tensor) -> Vocabulary:
        """The vocabulary of the rows (N, T) that the train split has kept."""
        found = Vocabulary.of(train, len(self._lexicon), self.min_count, self.length)
        return replace(found, tokenizer=found.tokenizer_of(self._lexicon, self.cut)) if self.cut else found

    def tokens_of(self, sentence: str) -> list[str]:
        """The tokens of one sentence, for those that name a cut."""
        return CUTS[self.cut or ""](sentence)


def labelled(sentences: Sequence[Sequence[str]], classes: Sequence[int]) -> Labelled:
    """Sentences and the numbers of their classes, as a part of a source."""
    return [list(sentence) for sentence in sentences], torch.tensor(list(classes), dtype=torch.int64)

"""Sentences into token ids, with a vocabulary from the train split alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from regbench.data.text_files.tokens import Tokenizer
from regbench.types import PADDING, UNKNOWN

FIRST_WORD = 2  # ids below are PADDING and UNKNOWN


def lexicon_of(sentences: Iterable[Sequence[str]]) -> dict[str, int]:
    """A number from 2 on for every word, in alphabetical order."""
    words = sorted({word for sentence in sentences for word in sentence})
    return {word: number for number, word in enumerate(words, FIRST_WORD)}


def numbered(sentences: Sequence[Sequence[str]], lexicon: Mapping[str, int]) -> Tensor:
    """The sentences as (N, longest) int64, padded at the end; words outside the lexicon are unknown."""
    longest = max((len(sentence) for sentence in sentences), default=0)
    rows = torch.full((len(sentences), max(1, longest)), PADDING)
    for row, sentence in enumerate(sentences):
        numbers = [lexicon.get(word, UNKNOWN) for word in sentence]
        rows[row, : len(numbers)] = torch.tensor(numbers, dtype=torch.int64)
    return rows


@dataclass(frozen=True)
class Vocabulary:
    """How numbered sentences become token ids.

    Attributes:
        ids: (lexicon's size + 2,) int64: the token id of each number of the lexicon.
        size: number of token ids, padding and unknown among them.
        length: tokens of a row; what is longer is cut at its end.
        tokens: what the tokens are, as the note calls them.
        tokenizer: the same for sentences that are not numbered, where the words are known.
    """

    ids: Tensor
    size: int
    length: int
    tokens: str = "words"
    tokenizer: Tokenizer | None = None

    @classmethod
    def of(
        cls, train: Tensor, lexicon_size: int, min_count: int, length: int, tokens: str = "words"
    ) -> Vocabulary:
        """The words that the train rows hold at least min_count times, the most frequent first.

        What is cut off is not counted: the vectors of words that no model is shown are never trained.

        Args:
            train: (N, T) numbered sentences of the train split.
            lexicon_size: words of the lexicon; their numbers are 2 to lexicon_size + 1.
            min_count: rarer words are unknown.
            length: tokens of a row.
            tokens: what they are.
        """
        counts = torch.bincount(train[:, :length].flatten(), minlength=lexicon_size + FIRST_WORD)
        counts[:FIRST_WORD] = 0
        kept = counts >= min_count
        by_frequency = counts.argsort(descending=True, stable=True)
        words = by_frequency[kept[by_frequency]]
        ids = torch.full_like(counts, UNKNOWN)
        ids[PADDING] = PADDING
        ids[words] = torch.arange(FIRST_WORD, FIRST_WORD + len(words))
        return cls(ids, FIRST_WORD + len(words), length, tokens)

    def tokenizer_of(self, lexicon: Mapping[str, int], cut: str) -> Tokenizer:
        """The way from a sentence straight to the ids of its words; cut: see `Tokenizer`."""
        words = [""] * (self.size - FIRST_WORD)
        for word, number in lexicon.items():
            if (place := int(self.ids[number])) >= FIRST_WORD:
                words[place - FIRST_WORD] = word
        return Tokenizer(cut, tuple(words), self.length)

    def __call__(self, numbers: Tensor) -> Tensor:
        """Token ids (N, length) of numbered sentences (N, any)."""
        cut = self.ids[numbers[:, : self.length]]
        filler = cut.new_full((len(cut), self.length - cut.shape[1]), PADDING)
        return torch.cat([cut, filler], 1)

    def cut(self, numbers: Tensor) -> float:
        """The share of sentences that are longer than a row."""
        if numbers.shape[1] <= self.length:
            return 0.0
        return (numbers[:, self.length] != PADDING).double().mean().item()

    def unknown(self, numbers: Tensor) -> float:
        """The share of the words of cut sentences that have no id of their own."""
        shown = numbers[:, : self.length]
        words = shown[shown != PADDING]
        return (self.ids[words] == UNKNOWN).double().mean().item() if len(words) else 0.0

    def note(self, train: Tensor, val: Tensor) -> str:
        """What of the numbered rows of two splits is lost: words that are unknown, sentences that are cut."""
        return (
            f"a vocabulary of {self.size - FIRST_WORD:,} {self.tokens} from the train split: unknown are "
            f"{self.unknown(train):.1%} of its {self.tokens} and {self.unknown(val):.1%} of val's; "
            f"cut to {self.length} {self.tokens} are {self.cut(train):.1%} of its rows, "
            f"{self.cut(val):.1%} of val's"
        )

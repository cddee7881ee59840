"""Sentences into token ids once more, as a trained model was shown them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from regbench.types import PADDING, UNKNOWN


def words_of(sentence: str) -> list[str]:
    """Cut plain text into lower-case words and single signs: "Don't stop!" is don't, stop, !."""
    return re.findall(r"\w+(?:['\u2019]\w+)*|[^\w\s]", sentence.lower())


def spaced(sentence: str) -> list[str]:
    """Cut at white space a text whose words and signs are set apart already; lower case."""
    return sentence.lower().split()


def characters_of(sentence: str) -> list[str]:
    """Cut text into its signs, without blanks and in lower case."""
    return [sign for sign in sentence.lower() if not sign.isspace()]


CUTS: Mapping[str, Callable[[str], list[str]]] = {
    "words": words_of,
    "spaces": spaced,
    "characters": characters_of,
}


@dataclass(frozen=True)
class Tokenizer:
    """How sentences become token ids.

    Attributes:
        cut: how a sentence falls into tokens, a key of `CUTS`.
        words: the tokens that have an id, in the order of their ids: these follow PADDING and UNKNOWN.
        length: tokens of a row; longer sentences are cut at their end, shorter ones filled up.

    Raises:
        ValueError: there is no such cut; `__call__`: it is given no list of strings, or an empty one.
    """

    cut: str
    words: Sequence[str]
    length: int

    def __post_init__(self) -> None:
        if self.cut not in CUTS:
            raise ValueError(f"cut must be one of {', '.join(CUTS)}, got {self.cut!r}")
        ids = {word: number for number, word in enumerate(self.words, 1 + max(PADDING, UNKNOWN))}
        object.__setattr__(self, "_ids", ids)

    def __call__(self, sentences: Sequence[str]) -> Tensor:
        """Token ids (N, length) int64 of N sentences; words that have none are unknown."""
        listed = isinstance(sentences, Sequence) and not isinstance(sentences, str) and len(sentences) > 0
        if not listed or not all(isinstance(one, str) for one in sentences):
            raise ValueError(f"sentences must be a list of one string or more, got {sentences!r:.60}")
        ids: Mapping[str, int] = self._ids  # type: ignore[attr-defined]
        rows = torch.full((len(sentences), self.length), PADDING)
        for row, sentence in enumerate(sentences):
            found = [ids.get(token, UNKNOWN) for token in CUTS[self.cut](sentence)[: self.length]]
            rows[row, : len(found)] = torch.tensor(found, dtype=torch.int64)
        return rows

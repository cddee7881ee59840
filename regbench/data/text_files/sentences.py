"""What the text datasets share: sentences read, numbered, and given a vocabulary by the train split."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from regbench.data.memory import require_memory
from regbench.data.text_files.tokens import CUTS
from regbench.data.text_files.words import FIRST_WORD, Vocabulary, lexicon_of, numbered

MOST_CUT = 5  # per cent of the rows that may be longer than `length` without a warning
COVERED = (95, 99)  # per cent of the rows, of which the warning says what length covers them
# Signs of the scripts that set no blanks between words: Thai, Lao, Tibetan, Burmese, Khmer, kana, Chinese.
UNSPACED = re.compile(
    "[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
LONG_WORD = re.compile(r"\w{20,}")  # longer than a word that stands alone
Labelled = tuple[list[list[str]], Tensor]  # the words of each sentence, and labels (N,) int64


@dataclass
class Text(ABC):
    """Labelled sentences as a source of token ids.

    `train` and `test` return rows numbered by a lexicon of all train sentences, val's and select's among
    them; which of these words a model gets to know is decided by `encoding_of`, from the train split alone.

    Attributes:
        length: tokens of a row, at least 1; longer sentences are cut at their end.
        min_count: a word that the train split holds less often is unknown, at least 1. With 1 no train word
            is unknown, and the vector of the unknown is never trained.

    Raises:
        ValueError: a field is out of range.
    """

    scale: ClassVar[float] = 1.0
    mirrors: ClassVar[bool] = False
    has_val: ClassVar[bool] = False
    cut: ClassVar[str | None] = None  # how a sentence falls into tokens, a key of `CUTS`, where it is one

    length: int
    min_count: int

    def __post_init__(self) -> None:
        for name in ("length", "min_count"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        self._lexicon: dict[str, int] = {}
        self._lengths: list[int] = []

    @property
    def in_shape(self) -> tuple[int, ...]:
        return (self.length,)

    @abstractmethod
    def read(self, part: str) -> Labelled:
        """The sentences and labels of a part, train or test, or val where `has_val` is true."""

    def train(self) -> tuple[Tensor, Tensor]:
        sentences, labels = self.read("train")
        require_memory(2 * len(sentences) * self.length * 8, f"length {self.length} of {len(sentences)} rows")
        self._lengths = sorted(map(len, sentences))
        judging = self.read("val")[0] if self.has_val else []
        self._lexicon = lexicon_of(_folded([*sentences, *judging], self.length))
        return self._numbered(sentences), labels

    def val(self) -> tuple[Tensor, Tensor] | None:
        if not self.has_val:
            return None
        sentences, labels = self.read("val")
        return self._numbered(sentences), labels

    def test(self) -> tuple[Tensor, Tensor]:
        sentences, labels = self.read("test")
        return self._numbered(sentences), labels

    def encoding_of(self, train: Tensor) -> Vocabulary:
        """The vocabulary of the rows (N, T) that the train split has kept."""
        found = Vocabulary.of(train, len(self._lexicon), self.min_count, self.length, self.unit)
        self._require_words(train, found)
        return replace(found, tokenizer=found.tokenizer_of(self._lexicon, self.cut)) if self.cut else found

    def _require_words(self, train: Tensor, found: Vocabulary) -> None:
        """Refuse a vocabulary without a word: every row would look like any other.

        Raises:
            ValueError: the train split has no words, or none as often as it must be.
        """
        if found.size > FIRST_WORD:
            return
        if not train.any():
            raise ValueError("texts must hold words, got none in the whole train split")
        raise ValueError(
            f"min_count must be a number of times that a word of the train split has, got {self.min_count}, "
            f"which leaves none of its {self.unit}; set dataset.min_count=1, or take more rows"
        )

    @property
    def unit(self) -> str:
        """What the tokens are."""
        return "words"

    def found(self) -> str:
        return ""

    def warnings(self) -> list[str]:
        """Whether many of the rows that train, select and val are cut from lose their end."""
        lengths = self._lengths or sorted(map(len, self.read("train")[0]))
        cut = sum(length > self.length for length in lengths)
        if cut * 100 <= MOST_CUT * len(lengths):
            return []
        enough = {lengths[-(-share * len(lengths) // 100) - 1]: share for share in COVERED}
        advice = " and ".join(f"dataset.length={n} covers {share}%" for n, share in sorted(enough.items()))
        return [
            f"dataset: {cut / len(lengths):.1%} of the rows are cut, being longer than {self.length} "
            f"{self.unit}: {advice} of them"
        ]

    def _numbered(self, sentences: Sequence[Sequence[str]]) -> Tensor:
        return numbered(_folded(sentences, self.length), self._lexicon)

    def tokens_of(self, sentence: str) -> list[str]:
        """The tokens of one sentence, for those that name a cut."""
        return CUTS[self.cut or ""](sentence)


def _folded(sentences: Sequence[Sequence[str]], length: int) -> list[list[str]]:
    """The sentences with whatever is cut off as one word.

    No model is shown it, and it enters no vocabulary; but sentences remain different that differ only there,
    and one of a million words does not make all rows as wide.
    """
    return [[*words[:length], *filter(None, [" ".join(words[length:])])] for words in sentences]


def is_unspaced(sentence: str) -> bool:
    """Whether a text seems to have no blanks between its words: a clause would count as one word."""
    signs, pieces = len(UNSPACED.findall(sentence)), sentence.split()
    if LONG_WORD.fullmatch(sentence.strip()):
        return True
    if signs < 2 or signs * 2 < sum(sign.isalnum() for sign in sentence):
        return False
    return len(pieces) == 1 or signs > 5 * len(
        pieces
    )  # words of Chinese have two signs, of Thai four or five


def labelled(sentences: Sequence[Sequence[str]], classes: Sequence[int]) -> Labelled:
    """Sentences and the numbers of their classes, as a part of a source."""
    return [list(sentence) for sentence in sentences], torch.tensor(list(classes), dtype=torch.int64)

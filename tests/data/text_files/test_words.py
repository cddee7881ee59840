from dataclasses import dataclass, field
from typing import ClassVar

import pytest
import torch
from torch import Tensor

from regbench.data.source import Source
from regbench.data.splits import SplitOptions, carve
from regbench.data.text_files.sentences import Labelled, Text, labelled
from regbench.data.text_files.tokens import words_of
from regbench.data.text_files.words import Vocabulary, lexicon_of, numbered
from regbench.types import Dataset, Split

SENTENCES = [["b", "a", "b"], ["c"], []]


def test_a_lexicon_numbers_the_words_from_two_on_in_alphabetical_order():
    assert lexicon_of(SENTENCES) == {"a": 2, "b": 3, "c": 4}


def test_sentences_are_padded_at_their_end_and_strange_words_are_one():
    rows = numbered([["b", "a", "x"], ["c"], []], {"a": 2, "b": 3, "c": 4})
    assert rows.tolist() == [[3, 2, 1], [4, 0, 0], [0, 0, 0]]
    assert rows.dtype == torch.int64
    assert numbered([[]], {}).tolist() == [[0]]


# a vocabulary by hand: numbers 2, 3, 4, 5 stand 1, 3, 0 and 2 times in the train rows, 6 once
TRAIN = torch.tensor([[3, 5, 3, 0], [2, 5, 6, 3]])


def test_ids_go_by_frequency_and_ties_by_the_alphabet():
    vocabulary = Vocabulary.of(TRAIN, lexicon_size=5, min_count=1, length=4)
    assert vocabulary.size == 6  # padding, unknown, and four words
    assert vocabulary.ids.tolist() == [0, 1, 4, 2, 1, 3, 5]  # of 0 to 6: 3 is the first word, then 5, 2, 6


@pytest.mark.parametrize(("min_count", "kept"), [(1, [2, 3, 5, 6]), (2, [3, 5]), (3, [3]), (4, [])])
def test_rarer_words_than_min_count_are_unknown(min_count: int, kept: list[int]):
    vocabulary = Vocabulary.of(TRAIN, 5, min_count, 4)
    assert vocabulary.size == 2 + len(kept)
    assert [number for number in range(2, 7) if vocabulary.ids[number] != 1] == kept


def test_padding_and_unknown_keep_their_ids_however_often_they_stand_there():
    vocabulary = Vocabulary.of(torch.tensor([[2, 1, 1, 1, 0, 0, 0, 0]]), 1, 1, 8)
    assert vocabulary.ids.tolist() == [0, 1, 2]


def test_rows_are_cut_or_filled_up_to_their_length():
    short, long = (Vocabulary.of(TRAIN, 5, 1, length) for length in (4, 6))
    assert short(torch.tensor([[3, 4, 2, 5, 6, 3], [1, 0, 0, 0, 0, 0]])).tolist() == [
        [2, 1, 4, 3],
        [1, 0, 0, 0],
    ]
    assert long(TRAIN).tolist() == [[2, 3, 2, 0, 0, 0], [4, 3, 5, 2, 0, 0]]


def test_words_that_are_always_cut_off_are_unknown():
    vocabulary = Vocabulary.of(TRAIN, 5, 1, length=2)  # the model is shown 3 5 and 2 5
    assert vocabulary.ids.tolist() == [0, 1, 3, 4, 1, 2, 1]
    assert vocabulary(torch.tensor([[6, 3]])).tolist() == [[1, 4]]


def test_the_note_counts_what_is_lost_by_hand():
    train = torch.tensor([[2, 2, 3, 0], [2, 3, 4, 2], [4, 0, 0, 0], [5, 2, 0, 0]])
    # cut to 3 words, they hold 2 four times, 3 and 4 twice, 5 once: 1 of 9 words is unknown; a row is cut
    vocabulary = Vocabulary.of(train, 4, min_count=2, length=3)
    # val: of 2 5 3 and 1, two of four are unknown, what is cut off not counted; one of two rows is cut
    val = torch.tensor([[2, 5, 3, 1, 1], [1, 0, 0, 0, 0]])
    assert vocabulary.unknown(train) == pytest.approx(1 / 9)
    assert (vocabulary.cut(train), vocabulary.unknown(val), vocabulary.cut(val)) == (0.25, 0.5, 0.5)
    assert vocabulary.note(train, val) == (
        "a vocabulary of 3 words from the train split: unknown are 11.1% of its words and 50.0% of val's; "
        "cut to 3 words are 25.0% of its rows, 50.0% of val's"
    )


def test_nothing_is_cut_of_rows_that_just_fit():
    vocabulary = Vocabulary.of(TRAIN, 5, 1, 4)
    assert vocabulary.cut(TRAIN) == vocabulary.cut(TRAIN[:, :2]) == 0
    assert vocabulary.unknown(torch.zeros(2, 3, dtype=torch.int64)) == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don't stop!", ["don't", "stop", "!"]),
        ("rock'n'roll, 'quoted'", ["rock'n'roll", ",", "'", "quoted", "'"]),
        ("It\u2019s 3.5\tMÄRZ\n(was)", ["it\u2019s", "3", ".", "5", "märz", "(", "was", ")"]),
        ("  ", []),
    ],
)
def test_plain_text_is_cut_into_lower_case_words_and_single_signs(text: str, words: list[str]):
    assert words_of(text) == words


# --- a vocabulary is the train split's alone


@dataclass
class Alone(Text):
    """Sixty sentences, for n = 0 to 59: row n is "all w<n> w<n>" in train, "all w<n> new" in test."""

    num_classes: ClassVar[int] = 2
    length: int = 3
    min_count: int = 1
    renamed: dict[str, str] = field(default_factory=dict)

    def fetch(self) -> None: ...

    def read(self, part: str) -> Labelled:
        words = [self.renamed.get(f"w{row}", f"w{row}") for row in range(60)]
        return labelled([["all", w, w if part == "train" else "new"] for w in words], [0, 1] * 30)


class Raw:
    """The same rows without a vocabulary: the lexicon's numbers, 2 for `all`, then w0, w1, w10 and so on."""

    num_classes, in_shape, scale, mirrors = 2, (3,), 1.0, False

    def fetch(self) -> None: ...

    def train(self) -> tuple[Tensor, Tensor]:
        return Alone().train()

    def test(self) -> tuple[Tensor, Tensor]:
        return Alone().test()


def cut(source: Source, num_train: int | None = None) -> Dataset:
    return carve(source, SplitOptions(0, 1.0, num_train, 0.0))


def rows_of(split: Split) -> set[int]:
    return set(split.inputs[:, 1].tolist())


def test_words_of_held_out_rows_only_are_unknown():
    data = cut(Alone())
    assert [len(split) for split in (data.train, data.select, data.val)] == [40, 10, 10]
    assert rows_of(data.train) == set(range(3, 43))  # `all` is the most frequent and so 2
    for split in (data.select, data.val):
        assert split.inputs.tolist() == [[2, 1, 1]] * 10
    assert [split.vocabulary for split in (data.train, data.select, data.val)] == [43] * 3
    assert data.vocabulary == 43


def test_the_vocabulary_shrinks_with_the_train_split_and_held_out_rows_stay():
    few, every = cut(Alone(), num_train=7), cut(Alone())
    assert few.vocabulary == 2 + 1 + 7
    assert rows_of(few.train) == set(range(3, 10))
    raw_few, raw_every = cut(Raw(), num_train=7), cut(Raw())
    assert raw_every.vocabulary is None
    for one, other in ((raw_few.val, raw_every.val), (raw_few.select, raw_every.select)):
        assert torch.equal(one.inputs, other.inputs)
    assert len(rows_of(raw_few.val) | rows_of(raw_few.select)) == 20
    assert torch.equal(few.val.labels, every.val.labels)


def word_of(split: Split, row: int) -> str:
    """The word of a row that `Raw` has made."""
    return sorted(f"w{n}" for n in range(60))[int(split.inputs[row, 1]) - 3]


def test_a_word_of_a_held_out_row_is_known_where_a_train_row_has_it_and_counted_there_alone():
    raw, plain = cut(Raw()), cut(Alone())
    last = int(plain.train.inputs[:, 1].argmax())  # were val's places of its word counted, it would be 3
    data = cut(Alone(renamed={word_of(raw.val, 0): word_of(raw.train, last)}))
    assert data.val.inputs[0].tolist() == [2, 42, 42]
    assert torch.equal(data.train.inputs, plain.train.inputs)


def test_words_of_held_out_rows_move_no_ids():
    val = cut(Raw()).val
    held_out = [word_of(val, row) for row in range(10)]
    renamed = cut(Alone(renamed={word: f"a{word}" for word in held_out}))  # before all others in the alphabet
    assert torch.equal(renamed.train.inputs, cut(Alone()).train.inputs)


def test_test_rows_go_through_the_same_vocabulary():
    data = cut(Alone())
    test = data.read_test()
    known = test.inputs[:, 1] != 1
    assert known.sum() == 40
    assert set(test.inputs[known, 1].tolist()) == set(range(3, 43))
    assert (test.inputs[:, 0] == 2).all()
    assert (test.inputs[:, 2] == 1).all()
    assert test.vocabulary == 43


def test_the_note_is_the_datasets():
    assert cut(Alone(length=2)).note == (
        "a vocabulary of 41 words from the train split: unknown are 0.0% of its words and 50.0% of val's; "
        "cut to 2 words are 100.0% of its rows, 100.0% of val's"
    )
    assert cut(Raw()).note == ""


class Uneven(Alone):
    def train(self) -> tuple[Tensor, Tensor]:
        rows, labels = super().train()
        return rows[:-1], labels


def test_refuses_rows_without_labels():
    with pytest.raises(ValueError, match=r"^labels must be one int64 a row, got 60 for 59 rows$"):
        cut(Uneven())


@pytest.mark.parametrize("name", ["length", "min_count"])
def test_refuses_numbers_below_one(name: str):
    with pytest.raises(ValueError, match=rf"^{name} must be at least 1, got 0$"):
        Alone(**{name: 0})

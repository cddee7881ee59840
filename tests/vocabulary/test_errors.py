"""A sentence with the key as it was typed."""

from __future__ import annotations

import pytest

from regbench.errors import with_keys


@pytest.mark.parametrize(
    ("sentence", "word", "told"),
    [
        ("reg.dropout: p must lie in [0, 1]", "reg.dropout.p=3", "reg.dropout.p: must lie in [0, 1]"),
        ("train: lr must be a number", "++train.lr=x", "train.lr: must be a number"),
        ("model: width has no value; set it", "~model.width", "model.width: has no value; set it"),
        ("optimizer: no such field 'x'; did", "+optimizer.x=1", "optimizer.x: no such field; did"),
        ("dataset: size is not to be set", "+dataset.size=1", "dataset.size: is not to be set"),
    ],
)
def test_a_field_is_told_by_the_key_that_was_typed(sentence: str, word: str, told: str) -> None:
    assert with_keys(sentence, ["+reg=dropout", word]) == told


@pytest.mark.parametrize(
    ("sentence", "words"),
    [
        ("reg.dropout: p must lie in [0, 1]", ["+reg=dropout", "reg.other.p=3"]),
        ("train: class_weights must be null", []),
        ("reg.dropout: set, but never added", ["reg.dropout.set=3"]),
        ("seed: must be 0", ["seed=-1"]),
        ("no key at all", ["no=1"]),
        ("model: the width must be 1", ["model.width=1"]),
    ],
)
def test_any_other_sentence_stays(sentence: str, words: list[str]) -> None:
    assert with_keys(sentence, words) == sentence

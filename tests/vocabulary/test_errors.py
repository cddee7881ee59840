"""Sentences: the key as it was typed, what may have been meant, how many and which."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import regbench
from regbench.errors import alike, counted, did_you_mean, duration, listed, nearest, of_the_system, with_keys


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


def test_a_word_that_is_spelled_like_another_is_asked_about() -> None:
    assert nearest("droput", ["dropout", "mixup"]) == "; did you mean 'dropout'?"
    assert nearest("xyz", ["dropout", "mixup"]) == ""
    assert alike("droput", iter(["dropout", "mixup"])) == ["dropout"]
    assert alike("droput", ["dropout"], cutoff=0.99) == []
    assert did_you_mean(["a", "b"]) == "; did you mean 'a' or 'b'?"
    assert did_you_mean([]) == ""


def test_words_are_compared_in_one_place() -> None:
    package = Path(regbench.__file__).parent
    found = {path.name for path in package.rglob("*.py") if re.search(r"\bdifflib\b", path.read_text())}
    assert found == {"errors.py"}


@pytest.mark.parametrize(
    ("number", "noun", "said"),
    [(0, "row", "0 rows"), (1, "row", "1 row"), (2, "class", "2 classes"), (1, "class", "1 class"),
     (1000, "pair", "1,000 pairs")],
)  # fmt: skip
def test_things_are_counted(number: int, noun: str, said: str) -> None:
    assert counted(number, noun) == said


def test_things_are_listed_and_those_beyond_the_most_counted() -> None:
    assert listed([1, 2, 3]) == "1, 2, 3"
    assert listed(iter("abc"), most=2) == "a, b, 1 more"
    assert listed("ab", most=2) == "a, b"
    assert listed("abcd", most=2, before_rest=" and ") == "a, b and 2 more"
    assert listed([]) == ""


def test_an_error_in_a_ring_of_causes_says_nothing_and_ends() -> None:
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = one, ValueError("third")
    other.__cause__.__cause__ = other
    assert of_the_system(one) == of_the_system(other) == ""


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.04, "0.0 s"),
        (59.9, "59.9 s"),
        (59.96, "1 min 0 s"),
        (119.7, "2 min 0 s"),
        (3599.6, "1 h 0 min"),
        (7500, "2 h 5 min"),
    ],
)
def test_a_time_has_no_sixty_seconds(seconds: float, words: str) -> None:
    assert duration(seconds) == words

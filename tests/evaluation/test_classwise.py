"""Figures that count classes alike."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, f1_score
from torch import Tensor, nn

from regbench.evaluation.classwise import balanced, confusion
from regbench.evaluation.measurement import evaluate
from regbench.types import Split

# class 0: 3 of 4 found; class 1: 1 of 2 found; class 2: its one row is taken for 0
LABELS = torch.tensor([0, 0, 0, 0, 1, 1, 2])
GUESS = torch.tensor([0, 0, 0, 1, 1, 0, 0])


def drawn(seed: int, classes: int, rows: int, present: int) -> tuple[Tensor, Tensor]:
    """Uneven labels of the first classes, guesses of any class."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.multinomial(torch.arange(1.0, present + 1) ** 2, rows, True, generator=generator)
    wrong = torch.rand(rows, generator=generator) < 0.4
    others = torch.randint(classes, (rows,), generator=generator)
    return torch.where(wrong, others, labels), labels


def test_seven_rows_of_three_classes_by_hand() -> None:
    figures = balanced(GUESS, LABELS, 3)
    assert figures["balanced_accuracy"] == pytest.approx((3 / 4 + 1 / 2 + 0) / 3)
    # taken: 5 for class 0, 2 for class 1, none for class 2: F1 = 2 hits / (rows + taken)
    assert figures["macro_f1"] == pytest.approx((6 / 9 + 2 / 4 + 0) / 3)


def test_a_class_without_rows_is_left_out_even_where_rows_are_taken_for_it() -> None:
    figures = balanced(torch.tensor([0, 0, 3, 1]), torch.tensor([0, 0, 0, 1]), 5)
    assert figures["balanced_accuracy"] == pytest.approx((2 / 3 + 1) / 2)
    assert figures["macro_f1"] == pytest.approx((4 / 5 + 1) / 2)


def test_who_always_says_the_most_frequent_class_is_at_chance() -> None:
    labels = torch.tensor([0] * 95 + [1] * 5)
    figures = balanced(torch.zeros(100, dtype=torch.int64), labels, 2)
    assert figures["balanced_accuracy"] == 0.5
    assert figures["macro_f1"] == pytest.approx((2 * 95 / 195) / 2)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("classes", "rows", "present"), [(2, 50, 2), (7, 300, 7), (10, 200, 6), (100, 99, 90)]
)
def test_they_are_what_scikit_learn_finds(seed: int, classes: int, rows: int, present: int) -> None:
    guess, labels = drawn(seed, classes, rows, present)
    there = labels.unique().tolist()
    figures = balanced(guess, labels, classes)
    recalls = [(guess[labels == c] == c).double().mean().item() for c in there]
    assert figures["balanced_accuracy"] == pytest.approx(sum(recalls) / len(there))
    expected = f1_score(labels, guess, labels=there, average="macro", zero_division=0)
    assert figures["macro_f1"] == pytest.approx(expected)
    if set(guess.tolist()) <= set(there):
        assert figures["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(labels, guess))
    assert confusion(guess, labels, classes).tolist() == (
        confusion_matrix(labels, guess, labels=range(classes)).tolist()
    )


def test_evaluation_has_them_beside_the_accuracy() -> None:
    logits = torch.eye(3)[GUESS]
    figures = evaluate(nn.Identity(), Split(logits, LABELS, 3), nullcontext)
    assert figures["accuracy"] == pytest.approx(4 / 7)
    assert {n: figures[n] for n in ("balanced_accuracy", "macro_f1")} == balanced(GUESS, LABELS, 3)


def test_on_even_classes_balanced_accuracy_is_accuracy() -> None:
    labels = torch.arange(512 * 4) % 4
    logits = torch.randn(len(labels), 4, generator=torch.Generator().manual_seed(0))
    figures = evaluate(nn.Identity(), Split(logits, labels, 4), nullcontext)
    assert figures["balanced_accuracy"] == pytest.approx(figures["accuracy"])


def test_they_are_the_same_on_every_device(device: torch.device) -> None:
    guess, labels = drawn(0, 7, 300, 7)
    there = balanced(guess.to(device), labels.to(device), 7)
    assert {name: value.item() for name, value in there.items()} == pytest.approx(
        {name: value.item() for name, value in balanced(guess, labels, 7).items()}, rel=1e-12
    )  # seven numbers are added up in another order

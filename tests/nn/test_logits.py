"""Where logits are in what a model returns, and what in them is seldom meant."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from regbench.nn.logits import checked_logits, doubts, logits_of
from regbench.tasks import Classification, Regression

LOGITS, OTHER = torch.arange(6.0).view(2, 3), torch.zeros(2, 3)
Pair = namedtuple("Pair", "aux logits")


@dataclass
class Output:
    loss: Tensor | None
    logits: Tensor


@pytest.mark.parametrize(
    "output",
    [
        LOGITS,
        Pair(OTHER, LOGITS),
        Output(OTHER, LOGITS),
        {"aux": OTHER, "logits": LOGITS},
        {"aux": OTHER, "out": LOGITS},
        {"out": OTHER, "logits": LOGITS},
        (LOGITS, OTHER),
        [LOGITS, None],
    ],
    ids=["tensor", "named tuple", "dataclass", "logits", "out", "both names", "tuple", "list"],
)
def test_the_named_value_or_else_the_first_are_the_logits(output: Any) -> None:
    assert logits_of(output) is LOGITS


@pytest.mark.parametrize("output", [None, (), {"scores": LOGITS}, (None, LOGITS), "logits", 3])
def test_what_holds_no_logits_in_a_plain_place_is_returned_as_it_is(output: Any) -> None:
    assert logits_of(output) is output


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (LOGITS[..., None], "must return logits of shape (B, 3), got (2, 3, 1) for two rows"),
        (LOGITS[0], "must return logits of shape (B, 3), got (3,) for two rows"),
        (
            {"scores": LOGITS},
            "must return logits of shape (B, 3), got dict with the keys scores for two rows",
        ),
        (None, "must return logits of shape (B, 3), got NoneType for two rows"),
        ((None, LOGITS), "must return logits of shape (B, 3), got tuple for two rows"),
        (LOGITS.long(), "must return floating-point logits, got torch.int64"),
        (LOGITS + 1j, "must return floating-point logits, got torch.complex64"),
        (LOGITS / 0, "must return finite logits, got NaN or infinity for the first rows"),
    ],
)
def test_what_cannot_be_trained_by_is_refused(output: Any, said: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        checked_logits(output, 2, 3)
    assert str(caught.value) == said


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_any_width_of_real_numbers_is_taken(dtype: torch.dtype) -> None:
    assert checked_logits(LOGITS.to(dtype), 2, 3).dtype == dtype


ROWS = torch.tensor([[0.2, -1.0, 3.0], [1.0, 0.5, -2.0], [0.0, 4.0, 0.1]])


@pytest.mark.parametrize(
    ("logits", "word"),
    [
        (ROWS, None),
        (ROWS.softmax(1), "sum to one already"),
        (ROWS.softmax(1).bfloat16().double(), "from 0 to 1 only"),  # 8 bits: the sums are no longer one
        (ROWS.log_softmax(1), None),
        (ROWS.abs() + 1, None),
        (ROWS.sigmoid(), "from 0 to 1 only"),
        (ROWS.relu(), "nothing below 0"),
        (ROWS.relu() / 10, "nothing below 0"),
        (ROWS[:1].expand(3, 3), "the same logits for every row"),
        (torch.zeros(3, 3), "the same logits for every row"),
        (ROWS[:1] + 1e-3 * ROWS, None),
        (torch.full((3, 3), torch.nan), None),
        (ROWS[:1], None),
    ],
)
def test_doubt_is_raised_of_probabilities_and_of_constants_alone(logits: Tensor, word: str | None) -> None:
    said = doubts(logits, Classification(3))
    assert [word in sentence for sentence in said if word] == ([True] if word else [])
    assert len(said) == (0 if word is None else 1)


NUMBERS = Regression((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


@pytest.mark.parametrize(
    ("outputs", "said"),
    [
        (ROWS, []),
        (ROWS.softmax(1), []),  # numbers may sum to anything
        (ROWS.abs() + 1, []),
        (ROWS.relu(), ["returns nothing below 0; targets have the mean 0, so leave a last ReLU out"]),
        (ROWS[:1].expand(3, 3), ["returns the same numbers for every row"]),
        (ROWS[:1, :1].expand(3, 1), ["returns the same numbers for every row"]),
    ],
)
def test_numbers_are_doubted_where_they_never_change_or_never_fall_below_zero(
    outputs: Tensor, said: list[str]
):
    assert doubts(outputs, NUMBERS) == said


def test_one_number_a_row_needs_no_axis_of_its_own():
    flat = torch.tensor([1.0, 2.0])
    assert checked_logits(flat, 2, 1, "numbers").tolist() == [[1.0], [2.0]]
    with pytest.raises(ValueError, match=r"^must return numbers of shape \(B, 2\), got \(2,\) for two rows$"):
        checked_logits(flat, 2, 2, "numbers")

"""What a checkpoint keeps of numbers to predict is looked at before anything is made of it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest
import torch

from regbench.storage.checkpoint_form import check_state
from regbench.tasks import Regression

NUMBERS = asdict(Regression((1.0, 2.0), (0.5, 3.0), ("a", "b"), "cm", "huber"))


def state(numbers: Any, **metrics: float) -> dict[str, Any]:
    made = {"select/loss": 0.5, "select/r2": 0.5} | metrics
    weights = {"head.weight": torch.zeros(1)}
    return {
        "version": 3, "identity": "", "threads": 1, "stopped": False, "history": [[1, made]], "seconds": 1.0,
        "audit": {"findings": [], "warnings": [], "flops_per_example": 1.0}, "in_shape": [4],
        "num_classes": 2, "vocabulary": None, "model": weights, "optimizer": {}, "reg": {},
        "evaluated": weights, "numbers": numbers,
    }  # fmt: skip


def test_numbers_and_none_are_let_pass() -> None:
    check_state(state(NUMBERS))
    check_state(state(None))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"mean": (1.0,)}, "a mean for each of them"),
        ({"mean": (1, 2.0)}, "a mean for each of them"),
        ({"mean": (1.0, float("nan"))}, "finite means"),
        ({"std": (0.5, 0.0)}, "standard deviations above 0"),
        ({"targets": "ab"}, "a targets for each of them"),
        ({"unit": None}, "a unit of text"),
        ({"more": 1}, "numbers must have mean, std, targets, unit and loss_form"),
    ],
)
def test_what_is_no_description_of_numbers_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=f"^numbers must have .*{said}|^{said}"):
        check_state(state(NUMBERS | change))


def test_a_loss_stands_beside_one_figure_that_decides() -> None:
    with pytest.raises(ValueError, match=r"loss and accuracy or r2 of select together"):
        check_state(state(NUMBERS, **{"select/accuracy": 0.5}))

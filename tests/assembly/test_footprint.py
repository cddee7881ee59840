"""A model that the machine cannot hold is refused before any of its memory is taken."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from regbench.assembly.footprint import require_room
from regbench.errors import ConfigError

GIVEN = {"in_shape": (1, 8, 8), "num_classes": 10, "vocabulary": None}


def mlp(**values: Any) -> dict[str, Any]:
    node = {"_target_": "regbench.models.mlp.MLP", "width": 512, "depth": 2, "norm": "none", "lr": 0.1}
    return node | values


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"width": 10_000_000}, r"^model: width must be smaller, got 10000000: training takes [\d,]+ GB"),
        ({"width": 10**9}, r"^model: width must be at most 10,000,000, got 1000000000$"),
        (
            {"depth": 30_000, "width": 1},
            r"^model: depth must be smaller, got 30000: .* at most 20000 layers$",
        ),
    ],
)
def test_what_is_too_large_is_named(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        require_room(mlp(**values), GIVEN)


def test_what_fits_draws_nothing_and_counts_nothing_afterwards() -> None:
    before = torch.get_rng_state()
    require_room(mlp(width=3000), GIVEN)
    require_room({"_target_": "somebody.elses.Net", "width": 10**12}, GIVEN)
    assert torch.equal(torch.get_rng_state(), before)
    torch.nn.Sequential(*(torch.nn.Linear(1, 1) for _ in range(3)))


@pytest.mark.parametrize("value", [10**18, 1e18])
def test_a_size_is_refused_whether_it_is_typed_with_digits_or_with_an_exponent(value: float) -> None:
    node = {"_target_": "regbench.models.cnn.CNN", "width": 8, "depth": value, "norm": "none"}
    with pytest.raises(ConfigError, match=r"^model: depth must be at most 10,000,000, got 10{18}$"):
        require_room(node, {"in_shape": (1, 8, 8), "num_classes": 10})

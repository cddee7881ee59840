"""What configurations share that differ in seed and numbers alone, by hand."""

from __future__ import annotations

from typing import Any

import pytest

from regbench.composition.shape import shape
from tests.conftest import reg_node, tiny


def config(reg: dict[str, Any] | None = None, **keys: Any) -> dict[str, Any]:
    made: dict[str, Any] = tiny("mlp", reg=reg or {"dropout": reg_node("dropout")})
    for key, value in keys.items():
        part, _, name = key.partition("__")
        made = made | {part: {**made[part], name: value} if name else value}
    return made


@pytest.mark.parametrize(
    "keys",
    [{"seed": 7}, {"train__lr": 0.3}, {"optimizer__lr": 1}, {"optimizer__momentum": 0.5}],
)
def test_seeds_and_numbers_may_differ(keys: dict[str, Any]) -> None:
    assert shape(config(**keys)) == shape(config())


def test_strengths_may_differ_also_where_one_is_typed_as_a_whole_number() -> None:
    shapes = {shape(config({"l2": reg_node("l2", strength=value)})) for value in (1, 0.5, 1e-4)}
    assert len(shapes) == 1
    within = [{"mine": {"l2": reg_node("l2", strength=value)}} for value in (0.1, 0.2)]
    assert len({shape(config(reg)) for reg in within}) == 1, "in a stack within the stack"


@pytest.mark.parametrize(
    "keys",
    [
        {"train__epochs": 3},
        {"train__batch_size": 31},
        {"model__width": 9},
        {"dataset__split_seed": 1},
        {"dataset__label_noise": 0.1},
        {"precision": "bf16"},
        {"threads": 3},
        {"checkpoints": "none"},
        {"replicas": "off"},
    ],
)
def test_sizes_and_all_else_may_not(keys: dict[str, Any]) -> None:
    assert shape(config(**keys)) != shape(config())


def test_neither_may_whole_numbers_of_members_nor_their_order() -> None:
    cutouts = [config({"cutout": reg_node("cutout", size=size)}) for size in (2, 4)]
    assert shape(cutouts[0]) != shape(cutouts[1])
    assert shape(config({"l2": reg_node("l2")})) != shape(config())
    both = {"dropout": reg_node("dropout"), "l2": reg_node("l2")}
    assert shape(config(both)) != shape(config(dict(reversed(both.items()))))

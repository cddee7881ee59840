"""Fractals: a system whose attractor is known, and pictures as they are said to be."""

from __future__ import annotations

import math

import pytest
import torch

from regbench.images.fractals import Systems, drawn_systems, fractals, walk


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def sierpinski() -> Systems:
    """Half of the way to one of three corners, each equally likely, in red, green and blue."""
    corners = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    chances = torch.tensor([1 / 3, 2 / 3, 1.0])
    return Systems(
        0.5 * torch.eye(2).expand(1, 3, 2, 2), corners[None] / 2, torch.eye(3)[None], chances[None]
    )


def test_a_walk_stays_on_the_attractor_in_its_colors() -> None:
    places, colors = (found[0] for found in walk(sierpinski(), 300, generator()))
    x, y = (places * 2**10).floor().long().unbind(1)
    assert len(places) == 300 * 64
    # of Sierpinski's triangle with these corners x and y have no binary digit 1 in common
    assert not (x & y).bitwise_and(~1).any()  # the last one may be rounded
    # the mean of the triangle is that of its corners; a point moves half of the way, so few draws count
    assert places.mean(0).tolist() == pytest.approx([1 / 3, 1 / 3], abs=0.02)
    assert colors.mean(0).tolist() == pytest.approx([1 / 3] * 3, abs=0.02)
    near = places.norm(dim=1) < 0.25  # it came from the first corner at both of the last steps: red by 3/4
    assert colors[near, 0].min() >= 0.75
    # and what it was before, in the mean a third of red, has the last quarter
    assert colors[near, 0].mean().item() == pytest.approx(0.75 + 0.25 / 3, abs=0.02)


def test_systems_are_drawn_as_they_are_said_to_be() -> None:
    systems = drawn_systems(4000, 3, generator())
    scales = torch.linalg.svdvals(systems.maps)
    assert scales.min() >= 0.3 - 1e-5
    assert scales.max() <= 0.85 + 1e-5
    assert scales.mean().item() == pytest.approx(0.575, abs=0.005)
    assert systems.shifts.abs().max() <= 1
    determinants = torch.linalg.det(systems.maps)
    assert (determinants > 0).double().mean().item() == pytest.approx(0.5, abs=0.02)
    chances = systems.chances.diff(dim=1, prepend=torch.zeros(4000, 1))
    number = (chances > 1e-7).sum(1)
    assert [(number == n).double().mean().item() for n in (2, 3, 4, 5)] == pytest.approx([0.25] * 4, abs=0.04)
    sizes = determinants.abs() * (chances > 1e-7)
    torch.testing.assert_close(chances, sizes / sizes.sum(1, keepdim=True), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("shape", [(3, 12, 20), (1, 8, 8), (2, 1, 5)])
def test_pictures_are_of_the_shape_in_range_and_all_different(shape: tuple[int, int, int]) -> None:
    pictures = fractals(9, *shape, seed=3)
    assert pictures.shape == (9, *shape)
    assert pictures.dtype == torch.float32
    assert pictures.min() >= 0
    assert pictures.max() <= 1
    assert len({tuple(p.flatten().tolist()) for p in pictures}) == 9
    assert pictures.flatten(1).std(1).median() > 0.02


def test_the_same_seed_makes_the_same_pictures_in_any_number_type() -> None:
    first = fractals(5, 3, 8, 8, seed=1)
    torch.set_default_dtype(torch.float64)
    try:
        again = fractals(5, 3, 8, 8, seed=1)
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.equal(first, again)
    assert not torch.equal(first, fractals(5, 3, 8, 8, seed=2))


def test_pictures_are_full_of_points() -> None:
    """On a background of one color: more than a tenth of the pixels have another, in most pictures."""
    pictures = fractals(50, 3, 32, 32, seed=0)
    flat = (pictures * 255).round().long()
    codes = (flat[:, 0] * 65536 + flat[:, 1] * 256 + flat[:, 2]).flatten(1)
    drawn = 1 - (codes == codes.mode(1).values[:, None]).double().mean(1)
    assert drawn.median() > 0.1
    assert drawn.min() > 0.01
    assert math.isfinite(drawn.sum())

"""SaliencyMix: the rectangle about a spot, and targets by counting."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from regbench.regularizers.saliency_mix import SaliencyMix
from regbench.streams import Clock, Stream
from regbench.types import Batch, Split


def make(step: int = 0, **fields: Any) -> SaliencyMix:
    member = SaliencyMix(**({"alpha": 1.0, "p": 1.0} | fields))
    member.stream = Stream(0, "saliency_mix", Clock(step=step))
    return member


def spots(rows: int, height: int, width: int) -> tuple[Batch, list[tuple[int, int]]]:
    """Images with a bright spot of 3 x 3 pixels each, at places of their own, and where."""
    draws = torch.Generator().manual_seed(0)
    images = torch.linspace(0.1, 0.2, rows).view(-1, 1, 1, 1).repeat(1, 1, height, width)
    places = []
    for image in images:
        row = int(torch.randint(3, height - 3, (), generator=draws))  # smoothed, it does not reach the border
        column = int(torch.randint(3, width - 3, (), generator=draws))
        image[0, row - 1 : row + 2, column - 1 : column + 2] = 1.0
        places.append((row, column))
    return Batch(images, torch.eye(rows)), places


class Halves(Stream):
    """Every share is 3/4, so that sides are half of the image's, and the order turns by one."""

    def betas(self, a: float, b: float, count: int, device: Any = "cpu") -> torch.Tensor:
        return torch.full((count,), 0.75)

    def permutation(self, length: int, device: Any = "cpu") -> torch.Tensor:
        return torch.arange(length).roll(1)


def test_pastes_the_rectangle_about_the_spot_of_the_other_image() -> None:
    # sides of 16 and 10 become 8 and 5, and 8 and 4 as they are made even: 4 before and 3 behind, 2 and 1
    batch, places = spots(12, 16, 10)
    member = make()
    member.stream = Halves(0, "saliency_mix", Clock())
    mixed = member.transform_batch(batch)
    for row in range(12):
        down, right = places[row - 1]
        expected = batch.inputs[row].clone()
        window = (0, slice(max(0, down - 4), down + 4), slice(max(0, right - 2), right + 2))
        expected[window] = batch.inputs[row - 1][window]
        assert torch.equal(mixed.inputs[row], expected)
        share = torch.zeros(16, 10)
        share[window[1:]] = 1
        target = torch.zeros(12)
        target[row], target[row - 1] = 1 - share.mean(), share.mean()
        torch.testing.assert_close(mixed.targets[row], target)


def test_each_example_has_a_share_of_its_own_uniform_at_alpha_one() -> None:
    # the spot is in the middle of 32 x 32 pixels, so that nothing is cut off: with u^2 uniform the sides are
    # 2 floor(16 u)
    images = torch.zeros(2000, 1, 32, 32)
    images[:, :, 15:18, 15:18] = 1
    kept = make().transform_batch(Batch(images, torch.eye(2000))).targets.diagonal()
    sides = ((1 - kept) ** 0.5 * 16).round()
    assert set(sides.tolist()) == set(range(16))
    for most in (4, 8, 12):  # u < most / 16
        share = (most / 16) ** 2
        found = (sides < most).double().mean().item()
        assert found == pytest.approx(share, abs=5 * (share * (1 - share) / 2000) ** 0.5)


def test_share_p_of_the_examples_is_mixed() -> None:
    batch, _ = spots(1000, 9, 9)
    after = make(alpha=1e6, p=0.3).transform_batch(Batch(batch.inputs, torch.ones(1000, 1))).inputs
    changed = (after != batch.inputs).flatten(1).any(1).sum().item()
    assert abs(changed - 300) < 5 * (1000 * 0.3 * 0.7) ** 0.5


def test_rows_of_soft_targets_keep_summing_to_one() -> None:
    targets = torch.rand(16, 5).softmax(1)
    mixed = make().transform_batch(Batch(torch.rand(16, 1, 8, 8), targets)).targets
    torch.testing.assert_close(mixed.sum(1), torch.ones(16))
    assert not torch.equal(mixed, targets)


def test_given_batch_stays_as_it_is() -> None:
    batch, _ = spots(8, 9, 9)
    before = batch.inputs.clone()
    make().transform_batch(batch)
    assert torch.equal(batch.inputs, before)
    assert torch.equal(batch.targets, torch.eye(8))


def test_same_step_mixes_the_same_way_and_another_step_another_way() -> None:
    batch, _ = spots(16, 9, 9)
    first = make(step=3).transform_batch(batch).inputs
    assert torch.equal(make(step=3).transform_batch(batch).inputs, first)
    assert not torch.equal(make(step=4).transform_batch(batch).inputs, first)


def test_keeps_the_type_of_the_images() -> None:
    batch = Batch(torch.ones(2, 1, 4, 4, dtype=torch.bfloat16), torch.eye(2))
    assert make().transform_batch(batch).inputs.dtype == torch.bfloat16


@pytest.mark.parametrize("fields", [{"alpha": 0.0}, {"p": 0.0}])
def test_returns_the_batch_itself_where_it_is_off(fields: dict[str, float]) -> None:
    batch = Batch(torch.zeros(2, 1, 3, 3), torch.eye(2))
    assert make(**fields).transform_batch(batch) is batch
    assert make(**fields).inert().startswith("off")


def test_refuses_what_is_out_of_range() -> None:
    with pytest.raises(ValueError, match=r"^alpha must be at least 0, got -0\.1$"):
        make(alpha=-0.1)
    with pytest.raises(ValueError, match=r"^p must lie in \[0, 1\], got 1\.5$"):
        make(p=1.5)


def test_refuses_what_is_no_image() -> None:
    with pytest.raises(ValueError, match=r"^inputs must be images"):
        make().check_data(Split(torch.zeros(2, 7), torch.tensor([0, 1]), 2))

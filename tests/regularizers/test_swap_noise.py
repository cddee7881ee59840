"""Swap noise, by hand and by counting."""

from __future__ import annotations

import pytest
import torch

from regbench.regularizers.swap_noise import SwapNoise
from regbench.streams import Clock, Stream
from regbench.types import Batch, Split


def make(p: float, step: int = 0) -> SwapNoise:
    member = SwapNoise(p)
    member.stream = Stream(0, "swap_noise", Clock(step=step))
    return member


def test_values_come_from_the_same_column_of_another_row() -> None:
    batch = Batch(torch.arange(400.0).view(50, 8), torch.eye(50))
    shown = make(0.5).transform_batch(batch)
    assert torch.equal(shown.inputs % 8, batch.inputs % 8)
    assert shown.targets is batch.targets
    changed = (shown.inputs != batch.inputs).double().mean().item()
    assert changed == pytest.approx(0.5 * 49 / 50, abs=0.08)  # one in 50 draws is the row itself


def test_every_row_is_drawn_alike() -> None:
    batch = Batch(torch.arange(4.0)[:, None].expand(4, 5000).clone(), torch.eye(4))
    drawn = make(1.0).transform_batch(batch).inputs.long().flatten().bincount()
    assert (drawn / drawn.sum()).tolist() == pytest.approx([0.25] * 4, abs=0.02)


def test_the_inputs_of_a_column_travel_together() -> None:
    columns = (0, 1, 1, 1, 2)
    inputs = torch.arange(100.0)[:, None].expand(100, 5).clone()
    member = make(0.5)
    member.prepare_data(Split(inputs, torch.zeros(100, dtype=torch.int64), 2, columns=columns))
    shown = member.transform_batch(Batch(inputs, torch.eye(100))).inputs
    assert (shown[:, 1:4] == shown[:, 1:2]).all()
    assert (shown[:, 0] != shown[:, 1]).any()
    assert (shown[:, 1] != inputs[:, 1]).any()


def test_images_keep_their_shape_and_their_places() -> None:
    images = torch.arange(2 * 3 * 4 * 5).view(2, 3, 4, 5).float()
    shown = make(1.0).transform_batch(Batch(images, torch.eye(2))).inputs
    assert torch.equal(shown % 60, images % 60)
    assert not torch.equal(shown, images)


def test_the_batch_stays_as_it_is() -> None:
    batch = Batch(torch.arange(20.0).view(5, 4), torch.eye(5))
    before = batch.inputs.clone()
    make(1.0).transform_batch(batch)
    assert torch.equal(batch.inputs, before)


def test_off_returns_the_batch_itself() -> None:
    batch = Batch(torch.zeros(2, 3), torch.eye(2))
    assert make(0.0).transform_batch(batch) is batch


def test_refuses_what_is_out_of_range_and_token_ids() -> None:
    with pytest.raises(ValueError, match=r"^p must lie in \[0, 1\], got 1.5$"):
        make(1.5)
    tokens = Split(torch.zeros(2, 3, dtype=torch.int64), torch.zeros(2, dtype=torch.int64), 2)
    with pytest.raises(ValueError, match=r"^swap_noise needs float inputs, got torch.int64$"):
        make(0.1).check_data(tokens)

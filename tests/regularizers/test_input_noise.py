"""Noise on inputs: its size, and the ridge penalty that it is for a linear model."""

from __future__ import annotations

import pytest
import torch

from regbench.nn.normalization import Normalization
from regbench.regularizers.input_noise import InputNoise
from regbench.streams import Clock, Stream
from regbench.types import Batch, Split


def make(sigma: float = 0.5, step: int = 0) -> InputNoise:
    member = InputNoise(sigma=sigma)
    member.stream = Stream(0, "input_noise", Clock(step=step))
    return member


def test_of_a_linear_model_it_is_a_ridge_penalty():
    # each residual is 1, so E |y - (x + sigma xi) w|^2 = 1 + 0.3^2 * (1 + 4 + 0 + 4) = 1.81; its
    # deviation over 100,000 draws of (1 + 0.9 xi)^2 is (4 * 0.81 + 2 * 0.81^2)^0.5 / 100,000^0.5 = 0.007
    inputs = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    weights = torch.tensor([1.0, -2.0, 0.0, 2.0])
    targets = (inputs @ weights + 1).repeat(20_000)
    shown = make(0.3).transform_batch(Batch(inputs.repeat(20_000, 1), torch.ones(100_000, 1))).inputs
    found = (targets - shown @ weights).square().mean()
    assert found.item() == pytest.approx(1.81, abs=0.035)


def test_the_noise_is_normal_and_each_value_has_its_own():
    noise = make(1.0).transform_batch(Batch(torch.zeros(500, 40), torch.ones(500, 1))).inputs
    assert noise.mean().item() == pytest.approx(0, abs=5 / 20_000**0.5)
    assert noise.std().item() == pytest.approx(1, abs=0.03)
    assert (noise.abs() < 1).double().mean().item() == pytest.approx(0.6827, abs=0.02)
    for axis in (0, 1):
        assert (noise * noise.roll(1, axis)).mean().item() == pytest.approx(0, abs=0.05)


def test_sigma_is_in_deviations_of_each_channel_so_that_the_model_sees_it_as_it_is():
    # pixels 0 and 102 of 255 in equal parts: mean and deviation 0.2; pixels 0 and 204: 0.4
    pixels = torch.zeros(2, 2, 100, 100, dtype=torch.uint8)
    pixels[1, 0], pixels[1, 1] = 102, 204
    train = Split(pixels, torch.tensor([0, 1]), 2)
    member = make(0.5)
    member.prepare_data(train)
    batch = train[slice(0, 2)]
    noise = member.transform_batch(batch).inputs - batch.inputs
    assert noise.std((0, 2, 3)).tolist() == pytest.approx([0.1, 0.2], rel=0.03)
    seen = Normalization.of(train)
    moved = seen(member.transform_batch(batch).inputs) - seen(batch.inputs)
    assert moved.std((0, 2, 3)).tolist() == pytest.approx([0.5, 0.5], rel=0.03)


def test_of_a_table_the_unit_is_one():
    member = make(0.5)
    table = Split(7 * torch.ones(4, 3), torch.tensor([0, 1, 0, 1]), 2, columns=(0, 1, 2))
    member.prepare_data(table)
    noise = member.transform_batch(Batch(torch.zeros(4000, 3), torch.ones(4000, 1))).inputs
    assert noise.std().item() == pytest.approx(0.5, rel=0.05)


def test_the_given_batch_and_the_targets_stay_as_they_are():
    batch = Batch(torch.ones(4, 1, 6, 6), torch.eye(4))
    assert make().transform_batch(batch).targets is batch.targets
    assert batch.inputs.eq(1).all()


def test_the_same_step_draws_the_same_noise_and_another_step_other():
    batch = Batch(torch.zeros(8, 5), torch.eye(8))
    first = make(step=3).transform_batch(batch).inputs
    assert torch.equal(make(step=3).transform_batch(batch).inputs, first)
    assert not torch.equal(make(step=4).transform_batch(batch).inputs, first)


def test_keeps_the_type_of_the_inputs():
    batch = Batch(torch.ones(2, 5, dtype=torch.bfloat16), torch.eye(2))
    assert make().transform_batch(batch).inputs.dtype == torch.bfloat16


def test_off_returns_the_batch_itself():
    batch = Batch(torch.zeros(2, 3), torch.eye(2))
    assert make(0.0).transform_batch(batch) is batch


def test_refuses_token_ids_and_a_negative_sigma():
    tokens = Split(torch.zeros(2, 7, dtype=torch.int64), torch.tensor([0, 1]), 2, vocabulary=9)
    with pytest.raises(ValueError, match=r"^input_noise needs float inputs, got torch\.int64$"):
        make().check_data(tokens)
    with pytest.raises(ValueError, match=r"^sigma must be at least 0, got -0\.5$"):
        make(-0.5)

"""The divergence from a teacher's softened predictions, beside torch's own."""

import pytest
import torch
from torch import nn

from regbench.nn.distilling import softened_divergence


def test_the_divergence_is_torchs_at_temperature_one_and_a_difference_of_logits_at_a_high_one():
    draws = torch.Generator().manual_seed(0)
    taught, logits = (torch.randn(8, 5, generator=draws, dtype=torch.float64) for _ in range(2))
    expected = nn.functional.kl_div(logits.log_softmax(1), taught.softmax(1), reduction="batchmean")
    assert softened_divergence(taught, logits, 1.0).item() == pytest.approx(expected.item())
    apart = logits - taught
    limit = (apart - apart.mean(1, keepdim=True)) / 5 / 8  # Hinton et al., 2015, equation 4
    errors = []
    for temperature in (1.0, 10.0, 100.0):
        given = logits.clone().requires_grad_()
        softened_divergence(taught, given, temperature).backward()
        errors.append((given.grad - limit).abs().max().item())
    assert errors[1] < errors[0] / 5
    assert errors[2] < errors[1] / 5

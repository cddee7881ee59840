"""Confidence against accuracy."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

BINS = 15  # of confidence, equally wide, as in Guo et al. 2017


def mean(values: Tensor) -> Tensor:
    """The mean over all rows, a scalar, summed in double precision."""
    return values.double().mean()


class Reliability(NamedTuple):
    """How often a model is right, by how sure it is; bin i holds probabilities in (i / 15, (i + 1) / 15].

    Attributes:
        confidence: sum of the largest probabilities, (15,) float64; as the others.
        right: number of rows whose most probable class is their label.
        rows: number of rows.
    """

    confidence: Tensor
    right: Tensor
    rows: Tensor


def reliability(logits: Tensor, labels: Tensor) -> Reliability:
    """Sort rows into bins by their largest probability."""
    return _in_bins(logits.double().softmax(1), labels)


def _in_bins(probabilities: Tensor, labels: Tensor) -> Reliability:
    confidence, guess = probabilities.max(1)
    right = (guess == labels).double()
    inner = torch.arange(1, BINS, dtype=torch.float64, device=labels.device) / BINS
    where = torch.bucketize(confidence, inner)  # the upper edge belongs to the bin
    return Reliability(*(summed(where, each, BINS) for each in (confidence, right, torch.ones_like(right))))


def summed(where: Tensor, values: Tensor, places: int) -> Tensor:
    """The sum of the values (N,) at each of so many places, (places,), in the order of the rows.

    Unlike a count by `bincount` it waits for no device, and is repeatable there where torch is asked to be.
    """
    return values.new_zeros(places).index_add(0, where, values)


def calibration(logits: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """Expected calibration error and Brier score, scalars.

    ece = sum over the bins of count / rows * |accuracy - mean confidence|, in [0, 1].
    brier = mean over rows of the sum over all classes of (probability - one-hot label)^2, in [0, 2]: of two
    classes twice what the one-sided binary score gives.

    Paper: Guo et al., 2017, https://arxiv.org/abs/1706.04599, eq. 3
    Paper: Brier, 1950, https://doi.org/10.1175/1520-0493(1950)078%3C0001:VOFEIT%3E2.0.CO;2
    """
    probabilities = logits.double().softmax(1)
    bins = _in_bins(probabilities, labels)
    ece = (bins.confidence - bins.right).abs().sum() / len(labels)
    one_hot = torch.eye(logits.shape[1], dtype=torch.float64, device=logits.device)[labels]
    return {"ece": ece, "brier": mean((probabilities - one_hot).square().sum(1))}

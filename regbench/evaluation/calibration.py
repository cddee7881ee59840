"""Confidence against accuracy."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

BINS = 15  # of confidence, equally wide, as in Guo et al. 2017


def mean(values: Tensor) -> float:
    """The mean over all rows, summed in double precision."""
    return values.double().mean().item()


class Reliability(NamedTuple):
    """How often a model is right, by how sure it is; bin i holds probabilities in (i / 15, (i + 1) / 15].

    Attributes:
        confidence: sum of the largest probabilities, (15,) float64 on the CPU; as the others.
        right: number of rows whose most probable class is their label.
        rows: number of rows.
    """

    confidence: Tensor
    right: Tensor
    rows: Tensor


def reliability(logits: Tensor, labels: Tensor) -> Reliability:
    """Sort rows into bins by their largest probability."""
    confidence, guess = logits.double().softmax(1).max(1)
    right = (guess == labels).double().cpu()  # sums into bins are repeatable on the CPU only
    confidence = confidence.cpu()
    inner = torch.arange(1, BINS, dtype=torch.float64) / BINS
    where = torch.bucketize(confidence, inner)  # the upper edge belongs to the bin
    sums = (torch.bincount(where, weights, minlength=BINS) for weights in (confidence, right, None))
    return Reliability(*(each.double() for each in sums))


def calibration(logits: Tensor, labels: Tensor) -> dict[str, float]:
    """Expected calibration error and Brier score.

    ece = sum over the bins of count / rows * |accuracy - mean confidence|, in [0, 1].
    brier = mean over rows of the sum over all classes of (probability - one-hot label)^2, in [0, 2]: of two
    classes twice what the one-sided binary score gives.

    Paper: Guo et al., 2017, https://arxiv.org/abs/1706.04599, eq. 3
    Paper: Brier, 1950, https://doi.org/10.1175/1520-0493(1950)078%3C0001:VOFEIT%3E2.0.CO;2
    """
    bins = reliability(logits, labels)
    ece = (bins.confidence - bins.right).abs().sum() / len(labels)
    one_hot = torch.eye(logits.shape[1], dtype=torch.float64, device=logits.device)[labels]
    brier = (logits.double().softmax(1) - one_hot).square().sum(1)
    return {"ece": ece.item(), "brier": mean(brier)}

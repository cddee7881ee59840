"""Numbers mapped to normal scores by their quantiles among the train rows."""

from __future__ import annotations

import numpy as np
import torch

MOST_QUANTILES = 1000
OUTERMOST = 1e-7  # the quantile of the smallest value; it would be mapped to minus infinity


def quantiles_of(values: np.ndarray) -> tuple[float, ...]:
    """The values at evenly spaced quantiles from 0 to 1, at most 1,000 of them.

    Args:
        values: (N,), at least 1.
    """
    count = min(MOST_QUANTILES, len(values))
    return tuple(np.quantile(values, np.linspace(0, 1, count)).tolist())


def normal_scores(values: np.ndarray, quantiles: tuple[float, ...]) -> np.ndarray:
    """Phi^-1 of each value's quantile, in [-5.2, 5.2]; NaN stays NaN.

    Between two quantiles it is interpolated; of equal ones the middle is taken. So does scikit-learn's
    QuantileTransformer, but for values equal to the smallest or largest, which it maps to -5.2 and 5.2.

    Args:
        values: (N,).
        quantiles: as `quantiles_of` returns them.
    """
    known = np.array(quantiles)
    places = np.linspace(0, 1, len(known))
    upper = np.interp(values, known, places)
    lower = 1 - np.interp(-values, -known[::-1], places)
    shares = ((upper + lower) / 2).clip(OUTERMOST, 1 - OUTERMOST)
    return torch.special.ndtri(torch.from_numpy(shares)).numpy()

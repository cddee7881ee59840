"""The spread that several samples share."""

from __future__ import annotations

import numpy as np
import pytest

from regbench.stats.spread import pooled, upper_limit


def test_squares_are_averaged_by_degrees_of_freedom() -> None:
    assert pooled([(2.0, 5)]) == 2.0
    assert pooled([(1.0, 2), (3.0, 4)]) == pytest.approx(((1 * 1 + 3 * 9) / 4) ** 0.5)


def test_nine_in_ten_true_spreads_lie_below_the_upper_limit() -> None:
    # of 5 values: 4 / 1.0636 is 3.761, whose root is 1.939 (chi-squared, 4 degrees, 10 %)
    assert upper_limit(1.0, 4) == pytest.approx(1.939, abs=1e-3)
    found = np.random.default_rng(2).standard_normal((4000, 5)).std(axis=1, ddof=1)
    assert np.mean([upper_limit(float(sd), 4) >= 1 for sd in found]) == pytest.approx(0.9, abs=0.015)

"""Normal scores, by scikit-learn and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.preprocessing import QuantileTransformer

from regbench.data.table_files.normal_scores import MOST_QUANTILES, normal_scores, quantiles_of


@pytest.mark.parametrize("rows", [7, 300, 5000])
def test_are_those_of_scikit_learn(rows: int) -> None:
    draw = np.random.default_rng(0)
    train, later = draw.exponential(size=rows), np.array([-1.0, 0.1, 0.5, 3.0, 99.0])
    count = min(MOST_QUANTILES, rows)
    other = QuantileTransformer(n_quantiles=count, output_distribution="normal", subsample=10**9)
    expected = other.fit(train[:, None]).transform(later[:, None])[:, 0]
    assert normal_scores(later, quantiles_of(train)) == pytest.approx(expected, abs=1e-8)


def test_equal_values_have_the_middle_of_their_quantiles() -> None:
    quantiles = quantiles_of(np.array([0.0, 0.0, 0.0, 1.0, 2.0]))  # at 0, 1/4, 2/4, 3/4, 1
    assert normal_scores(np.array([0.0]), quantiles) == pytest.approx([-0.6744898])  # (0 + 2/4) / 2 = 1/4


def test_what_is_missing_stays_missing() -> None:
    assert np.isnan(normal_scores(np.array([np.nan]), (0.0, 1.0)))[0]

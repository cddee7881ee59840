"""Figures and probabilities as words."""

from __future__ import annotations

from regbench.analysis.report import ALPHA
from regbench.records.metrics import decimals, is_percent


def factor(metric: str) -> float:
    """What a metric is multiplied by to be shown."""
    return 100.0 if is_percent(metric) else 1.0


def number(metric: str, value: float | None, signed: bool = False) -> str:
    """A value of a metric without its unit; a dash where there is none."""
    if value is None:
        return "-"
    digits = decimals(metric, value)
    shown = f"{value * factor(metric):{'+' if signed else ''}.{digits}f}"
    return shown if float(shown) else shown.lstrip("+-")  # no minus zero


def probability(p: float | None) -> str:
    """A p-value with two digits that count; more where these would put it on the other side of the level."""
    if p is None:
        return "-"
    if p < 0.0001 or p >= 0.995:
        return "<0.0001" if p < 0.0001 else "1"
    shown = (f"{p:.{digits}g}" for digits in range(2, 18))
    return next(one for one in shown if (float(one) <= ALPHA) == (p <= ALPHA))

"""A comparison of many arms, some at a time."""

from __future__ import annotations

from dataclasses import replace

from regbench.analysis.report import Comparison

AT_ONCE = 20  # arms of which a chart shows all; of more only some


def portions(comparison: Comparison, size: int) -> list[Comparison]:
    """A comparison with so many of its arms beside the baseline, which is in each; in their order.

    The last may have fewer. A comparison of nothing but a baseline is one portion.
    """
    base = [arm for arm in comparison.arms if arm.name == comparison.baseline]
    others = [arm for arm in comparison.arms if arm.name != comparison.baseline]
    starts = range(0, len(others), size) if others else [0]
    return [replace(comparison, arms=[*base, *others[start : start + size]]) for start in starts]

"""Response curves to draw, of runs that never were."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from regbench.analysis.question import Question
from regbench.analysis.response import Swept, response
from regbench.reports.drawings.sketch import Sketch, sketch
from tests.records.made import member
from tests.records.planted import cohort, result


def hill(p: float) -> float:
    return 0.9 - (p - 0.2) ** 2


def made(
    val: Callable[[float], float],
    values: Sequence[float],
    seeds: int = 3,
    off: float = 0.0,
    name: str = "digits",
    diverged: Collection[tuple[float, int]] = (),
    missing: Collection[tuple[float, int]] = (),
) -> Sketch:
    """A curve of this shape; each seed lies 0.01 above the one before it, everywhere."""
    runs = cohort(
        result(
            [member("dropout", p=p)],
            seed,
            val(p) + seed / 100,
            "diverged" if (p, seed) in diverged else "finished",
        )
        for p in values
        for seed in range(seeds)
        if (p, seed) not in missing
    )
    return sketch(response(runs, Swept("reg.dropout.p", values, off, True), Question(), name), runs)

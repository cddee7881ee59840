"""docs/speed.md, of the figures that `bench`, `bench_compare` and `bench_sweep` keep."""

from __future__ import annotations

from typing import Any

import pages
from pages import Stamp, filled, table

LOOP, COMPARE, SWEEP = "speed_loop", "speed_compare", "speed_sweep"  # names of kept figures


def page(loop: tuple[Stamp, Any], compare: tuple[Stamp, Any], sweep: tuple[Stamp, Any]) -> str:
    """The page, of figures of each of the three and where they come from."""
    lines = ["# What regbench itself takes", "", *_loop(*loop), "", *_compare(*compare), "", *_sweep(*sweep)]
    return "\n".join(lines) + "\n"


def write() -> None:
    """Write the page of what is kept."""
    pages.write("speed", page(*map(pages.kept, (LOOP, COMPARE, SWEEP))))


def _loop(stamp: Stamp, figures: Any) -> list[str]:
    threads = f"{figures['threads']} thread" + ("s" if figures["threads"] != 1 else "")
    said = filled(
        "Training by this loop against a bare one written by hand (`scripts/bare.py`: torch's SGD with Nesterov momentum over "
        "rows that are gathered and scaled), the same model over the same tensors, both in turn in one process on "
        f"{threads}, with batches of 128: examples per second as a share of the bare loop's, median of {figures['rounds']} "
        "rounds, the lowest and the highest by CPU time, and the median by wall time, which other processes change. The bare "
        "loop beside `flip_crop` draws its crops for each example too. What a technique takes is in [cost.md](cost.md)."
    )
    cases = (
        [
            name,
            *(f"{case['cpu'][key]:.3f}" for key in ("median", "low", "high")),
            f"{case['wall']['median']:.3f}",
        ]
        for name, case in figures["cases"].items()
    )
    memory = filled(
        "Resident memory of a run of one epoch on Fashion-MNIST, at its peak, on top of what importing torch and the rest takes: "
        + ", ".join(
            f"{figures['memory_mb'][model]:.0f} MB for `model={model}`" for model in figures["memory_mb"]
        )
        + "."
    )
    heading = ["Case", "share of the bare loop's speed, by CPU time", "lowest", "highest", "by wall time"]
    parts = ["## The loop", "", said, "", filled(stamp.sentence()), "", *table(heading, cases)]
    return [*parts, "", memory]


def _compare(stamp: Stamp, figures: Any) -> list[str]:
    said = filled(
        "`regbench compare` needs no torch. From the command line to the verdicts on made-up runs of "
        f"20 epochs, median of {figures['rounds']} rounds, and the lowest and highest:"
    )
    cases = [
        [name, *(f"{case[key]:.2f} s" for key in ("median", "low", "high"))]
        for name, case in figures["sizes"].items()
    ]
    heading = ["Runs", "median", "lowest", "highest"]
    if all("peak_mb" in case for case in figures["sizes"].values()):  # older figures have none
        heading.append("memory at the peak")
        for cells, case in zip(cases, figures["sizes"].values(), strict=True):
            cells.append(f"{case['peak_mb']:.0f} MB")
    return ["## A comparison", "", said, "", *table(heading, cases), "", filled(stamp.sentence())]


def _sweep(stamp: Stamp, figures: Any) -> list[str]:
    said = filled(
        f"Between two jobs of a sweep on the digits lie {figures['between_s']:.2f} s on top of what Hydra takes for an "
        f"empty task (median of {figures['rounds']} rounds of {figures['jobs']} jobs). A sweep that takes "
        f"{figures['in_turn_s']:.0f} s in turn takes {figures['joblib_s']:.0f} s with `hydra/launcher=joblib`"
        + (f" and {figures['side_by_side_s']:.0f} s side by side." if "side_by_side_s" in figures else ".")
    )
    return ["## A sweep", "", said, "", filled(stamp.sentence())]

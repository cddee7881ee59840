"""The metrics of a run, all of one snapshot, and their curves."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from scipy.special import stdtrit

from regbench.analysis.report import LEVEL, Curve, RunNote, Spread
from regbench.records.course import SPEED
from regbench.records.metrics import CURVES, MEASURED, split_of
from regbench.records.reader import Result


def note_of(result: Result, at: str) -> RunNote:
    """All metrics of a finished run that a comparison shows."""
    taken, summary = result.summary.at(at), result.summary
    found = {name: float(v) for name, v in taken.metrics.items() if split_of(name) in MEASURED}
    if summary.test:
        read = summary.test.best if at == "best" else summary.test.last
        found |= {f"test/{name}": float(value) for name, value in (read or {}).items()}
    if summary.corruption:
        found["corruption/accuracy"] = float(summary.corruption.at(at)["accuracy"])
    found |= {
        "epochs": float(summary.epochs.done),
        "seconds": float(summary.seconds),
        "flops": float(summary.flops.total),
    }
    if taken.epoch is not None:
        found["epoch"] = float(taken.epoch)
    speeds = result.course.values(SPEED)
    if speeds:
        found["examples_per_s"] = float(statistics.median(speeds))
    return RunNote(result.seed, result.folder, taken.epoch, dict(sorted(found.items())))


def spread(values: Sequence[float]) -> Spread:
    """Mean and standard deviation over seeds."""
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return Spread(len(values), float(np.mean(values)), sd)


def spreads(notes: Iterable[RunNote]) -> dict[str, Spread]:
    """The spread of each metric over the runs that have it."""
    gathered: dict[str, list[float]] = {}
    for note in notes:
        for name, value in note.figures.items():
            gathered.setdefault(name, []).append(value)
    return {name: spread(values) for name, values in sorted(gathered.items())}


def curves(results: Sequence[Result]) -> dict[str, Curve]:
    """The course of each of `CURVES`, over the epochs at which all of the runs have it."""
    drawn = {}
    for name in CURVES:
        runs = [result.course.by_epoch(name) for result in results]
        epochs = sorted(set.intersection(*map(set, runs))) if runs else []
        if epochs:
            drawn[name] = _curve(epochs, np.array([[run[epoch] for run in runs] for epoch in epochs]))
    return drawn


def of_few_rows(results: Sequence[Result]) -> list[str]:
    """A sentence where curves are of fewer rows than the figures; none where they are of all."""
    several = [result.summary.curve_rows or result.summary.rows for result in results]
    counts = sorted({one.val for one in several})
    if not any(result.summary.curve_rows for result in results):
        return []
    whole = results[0].summary.rows.val
    if len(counts) > 1 or len({one.train for one in several}) > 1:
        listed = " or ".join(map(str, counts))
        return [
            f"curves are not of the same rows in all runs: after an epoch {listed} rows of val were measured "
            f"(train.evaluate_rows); the figures are of all {whole}"
        ]
    return [
        f"curves are of {counts[0]} of the {whole} rows of val, which were measured after each epoch "
        "(train.evaluate_rows); the figures are of all"
    ]


def _curve(epochs: list[int], values: np.ndarray) -> Curve:
    """Mean and Student's interval over the columns of (epochs, runs)."""
    count = values.shape[1]
    means, half = values.mean(1), np.zeros(len(epochs))
    if count > 1:
        half = stdtrit(count - 1, (1 + LEVEL) / 2) * values.std(1, ddof=1) / count**0.5
    return Curve(epochs, means.tolist(), (means - half).tolist(), (means + half).tolist())


def reliability(results: Sequence[Result], at: str) -> dict[str, list[float | None]] | None:
    """Confidence, accuracy and share of rows of each bin, over all runs; rows count alike."""
    found = [r.summary.reliability.at(at) for r in results if r.summary.reliability]
    if not found or len({len(one.count) for one in found}) > 1:
        return None
    counts = np.array([one.count for one in found], dtype=float)
    total = counts.sum(0)

    def pooled(means: list[list[float | None]]) -> list[float | None]:
        values = np.array([[v or 0.0 for v in one] for one in means], dtype=float)
        sums = (values * counts).sum(0)
        return [float(s / n) if n else None for s, n in zip(sums, total, strict=True)]

    return {
        "confidence": pooled([one.confidence for one in found]),
        "accuracy": pooled([one.accuracy for one in found]),
        "share": (total / total.sum()).tolist(),
    }


Notes = Mapping[int, RunNote]  # of the runs that count, by seed


def paired(arm: Notes, base: Notes, metric: str) -> list[float]:
    """The differences arm - base of a metric, one for each seed at which both have it, by the seeds' numbers.

    The order counts in a test that is looked at while seeds are added, and no run has chosen its number.
    """
    return [
        note.figures[metric] - base[seed].figures[metric]
        for seed, note in sorted(arm.items())
        if seed in base and metric in note.figures and metric in base[seed].figures
    ]

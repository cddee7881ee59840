"""What the sealed test split says of a search's winner and of its tuned baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from regbench.analysis.searching import Setting
from regbench.records.metrics import Terms


@dataclass(frozen=True)
class Reading:
    """Both runs of one fresh seed.

    Attributes:
        seed: of both.
        winner, baseline: the metric on val, of each.
        winner_test, baseline_test: the same on test.
        reads: how often test had been read of each when this was over; 1 where never before.
    """

    seed: int
    winner: float
    baseline: float
    winner_test: float
    baseline_test: float
    reads: tuple[int, int]


@dataclass(frozen=True)
class Compared:
    """The winner against the tuned baseline on one split.

    Attributes:
        metric: of that split.
        differences: winner less baseline, by seed in order, in the metric's plain unit.
        mean: of these.
        low, high: of the confidence sequence at 95 %; None: the whole line.
        p: of the test that may be looked at after every seed.
        word: of the verdict, as `compare` says it.
    """

    metric: str
    differences: list[float]
    mean: float
    low: float | None
    high: float | None
    p: float | None
    word: str


@dataclass(frozen=True)
class FinalReport:
    """What was read, once.

    Attributes:
        regbench: the version that read it.
        folder: of the search.
        at: last or best, the snapshot.
        winner: of the search; what it reached here has no part in that.
        baseline: tuned likewise.
        readings: of every seed of the confirmation that both have finished.
        val: the comparison by which the winner was confirmed, or was not.
        test: the same of test.
        terms: of what is predicted.
        read: when, in UTC.
        is_new: whether this call has read it.
    """

    regbench: str
    folder: str
    at: str
    winner: Setting
    baseline: Setting
    readings: Sequence[Reading]
    val: Compared
    test: Compared
    terms: Terms = field(default_factory=Terms)
    read: str = ""
    is_new: bool = True

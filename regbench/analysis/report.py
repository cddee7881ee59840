"""What a comparison has found: plain values, from which every output is made.

Accuracies, calibration errors and gaps in accuracy lie in [0, 1], losses of classes are in nats, RMSE and MAE
in the unit of the numbers to predict, times in seconds. A metric goes by the name that the records give it,
`val/accuracy`; `docs/compare.md` lists them all, and `wording.py` says how they are shown.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from regbench.records.metrics import Terms
from regbench.records.reader import Excluded

FORMAT_VERSION = 1  # of the JSON that a report is written as
ALPHA = 0.05  # the error rate of a family of tests
LEVEL = 0.95  # of the intervals


@dataclass(frozen=True)
class Spread:
    """A metric over seeds: how many have it, their mean, and their standard deviation (None for one)."""

    n: int
    mean: float
    sd: float | None


@dataclass(frozen=True)
class Difference:
    """A metric's paired difference to another arm: mean, standard deviation and 95 % interval over the seeds.

    The interval is of this one difference alone, not adjusted for the number of techniques. `method` says how
    it was made, sequence, t, bca or corrected t; low and high are None where the seeds are too few for one.
    """

    n: int
    mean: float
    sd: float | None
    low: float | None
    high: float | None
    method: str


@dataclass(frozen=True)
class Verdict:
    """What may be said of one difference.

    Attributes:
        word: better, worse, no difference that matters, or not resolved.
        p: of the test that was used; None where there is no pair.
        p_adjusted: Holm's, over the family.
        resolvable: the mean difference that this design would have found four times in five, by itself; None
            where the spread is unknown or the pairs are too few for that.
        reason: why it is not what the numbers alone would say; else empty.
    """

    word: str
    p: float | None
    p_adjusted: float | None
    resolvable: float | None
    reason: str = ""


@dataclass(frozen=True)
class Curve:
    """A metric over the epochs that all seeds of an arm have: mean, and edges of its 95 % interval.

    With one seed the edges are the mean.
    """

    epochs: list[int]
    mean: list[float]
    low: list[float]
    high: list[float]


@dataclass(frozen=True)
class PerClass:
    """What an arm finds of each of C classes, on val.

    Attributes:
        accuracy: the share of the rows of each class that are taken for it, over the seeds; None where the
            class has no rows.
        support: rows of each class in one run.
        confusion: for each class of the labels the share of its rows that is taken for each, rows of all
            seeds alike; None where it has no rows.
    """

    accuracy: list[Spread | None]
    support: list[int]
    confusion: list[list[float | None]]


@dataclass(frozen=True)
class RunNote:
    """One run that counts."""

    seed: int
    folder: str
    epoch: int | None
    figures: dict[str, float]


@dataclass(frozen=True)
class Arm:
    """All runs of one stack in a comparison.

    Attributes:
        name: its members joined by `+`, with the values that set it apart from others with the same members.
        members: name, values and off values of each, in order.
        seeds: those whose runs count.
        paired: those of them that the baseline has too.
        diverged: seeds of which a run diverged.
        missing: seeds that other arms have, and this one has no finished run of.
        figures: each at the chosen snapshot.
        differences: the same, paired by seed, to the baseline.
        cost: seconds, examples_per_s and flops as multiples of the baseline's (median over the pairs).
        verdict: None for the baseline.
        curves: over the epochs.
        reliability: for each bin of val rows by confidence the mean confidence, the accuracy and the share of
            rows, over the seeds; None where it was not measured.
        test_reads: how often the test split was read, the most of its runs.
        runs: one per seed.
        per_class: of each class; None where it was not measured.
    """

    name: str
    members: list[dict[str, Any]]
    seeds: list[int]
    paired: list[int]
    diverged: list[int]
    missing: list[int]
    figures: dict[str, Spread]
    differences: dict[str, Difference]
    cost: dict[str, float]
    verdict: Verdict | None
    curves: dict[str, Curve]
    reliability: dict[str, list[float | None]] | None
    test_reads: int
    runs: list[RunNote]
    per_class: PerClass | None = None


@dataclass(frozen=True)
class Interaction:
    """Whether two members do more or less together than each alone adds up to.

    Attributes:
        members: the two.
        seeds: those that all four stacks have: the pair, each alone, and the empty one.
        first: the first member alone, against none.
        second: the second.
        summed: first + second, seed by seed.
        together: both, against none.
        interaction: together - summed, seed by seed.
        verdict: on the interaction: synergy, overlap (less than the sum), or not resolved.
    """

    members: tuple[str, str]
    seeds: list[int]
    first: Difference
    second: Difference
    summed: Difference
    together: Difference
    interaction: Difference
    verdict: Verdict


@dataclass(frozen=True)
class Design:
    """What the number of techniques and pairs lets the tests find.

    Attributes:
        techniques: m, the tests of the family.
        pairs: n, the most of any of them.
        smallest_p: the least adjusted p that can come out; m * 2^(1-n) of the fixed test.
        resolves: whether that is at most 0.05.
        seeds_needed: the n that would do, with differences that are all alike.
        sentence: the same for a person, with the names of those that have too few pairs to be resolved at
            all.
    """

    techniques: int
    pairs: int
    smallest_p: float
    resolves: bool
    seeds_needed: int
    sentence: str


@dataclass(frozen=True)
class Judge:
    """What verdicts and intervals are by.

    Attributes:
        test: sequential, which may be looked at while seeds are added; or fixed, for a number of seeds that
            was chosen beforehand; or resampled, where each seed has a split of its own.
        margin: the largest difference that does not matter, in the metric's plain unit; None where every
            difference matters.
        sentence: what the test is, and what it supposes.
    """

    test: str
    margin: float | None
    sentence: str


@dataclass(frozen=True)
class Chosen:
    """The value at which an arm is compared, where the best of several is asked for.

    Attributes:
        arm: its name.
        key: of what was tried, such as train.lr; several one after the other.
        value: the one of the best mean of what the best epoch is picked by (`train.monitor`).
        tried: all of them.
        seeds: that the means are over.
        diverged: values at which a seed diverged.
    """

    arm: str
    key: str
    value: str
    tried: list[str]
    seeds: list[int]
    diverged: list[str]


@dataclass(frozen=True)
class Comparison:
    """Runs that differ in nothing but the stack and the seed, or the seed with its split.

    Attributes:
        name: dataset and model, and what sets it apart from the report's other comparisons.
        differs: those keys with their values.
        config: every key that its runs share, with its value.
        metric: what the verdicts are on.
        at: last or best, the snapshot that all metrics are of.
        baseline: the arm that the others are compared with; None where it is not there.
        rows: of train, select and val.
        sampling_error: standard error, by the size of val alone, of the baseline's val accuracy; None where
            numbers are predicted.
        seed_spread: standard deviation over seeds of the baseline's val accuracy, of numbers of its val R2.
        design: None where there is nothing to compare.
        arms: the baseline first, then by difference, the best first.
        interactions: of all pairs of which both members, the pair and the empty stack are there.
        environment: what of machine and versions is not the same for all runs, or worth knowing.
        notes: sentences on what a person should know before believing it.
        interactions_design: what the tests of the interactions can find; None where there is none.
        classes: their names, in the order of the labels; empty where the records have none.
        uneven: whether the largest class of train has more than three times the rows of the smallest.
        chosen: at which of several values each arm is compared; empty where that was not asked for.
        judge: what verdicts and intervals are by.
        terms: what is predicted, and in which unit.
    """

    name: str
    differs: dict[str, Any]
    config: dict[str, Any]
    metric: str
    at: str
    baseline: str | None
    rows: dict[str, int]
    sampling_error: float | None
    seed_spread: float | None
    design: Design | None
    arms: list[Arm]
    interactions: list[Interaction]
    environment: dict[str, list[str]]
    notes: list[str]
    interactions_design: Design | None = None
    classes: list[str] = field(default_factory=list)
    uneven: bool = False
    chosen: list[Chosen] = field(default_factory=list)
    judge: Judge | None = None
    terms: Terms = field(default=Terms())


@dataclass(frozen=True)
class Report:
    """All comparisons among the runs that were given, and everything that was left out.

    Attributes:
        regbench: the version that made it.
        comparisons: by name.
        excluded: what is no run, or none that counts.
        duplicates: finished runs of a stack and seed of which a newer one counts.
        complaints: on runs that count, such as a half-written line.
        format: version of this structure.
    """

    regbench: str
    comparisons: list[Comparison]
    excluded: list[Excluded]
    duplicates: list[Excluded]
    complaints: list[Excluded]
    format: int = field(default=FORMAT_VERSION)

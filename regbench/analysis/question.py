"""Questions that cannot be answered are refused, in one line."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from regbench.analysis.words import factor
from regbench.errors import ConfigError, did_you_mean, nearest
from regbench.records.metrics import CLASSES, JUDGING, MEASURED, NUMBERS, Terms, split_of
from regbench.records.reader import Result, printable
from regbench.stats.paired_test import FIXED, SEQUENTIAL, PairedTest

DEFAULT = f"default: {Terms(CLASSES).judged}, of numbers to predict {Terms(NUMBERS).judged}"
METRIC_HELP = f"what verdicts are on ({DEFAULT})"
FIXED_SEEDS = (
    "the number of seeds was chosen beforehand: judge by the test for that, not by one that may be looked at "
    "while seeds are added"
)


def refuse_metric(command: str, metric: str | None, possible: Sequence[str] = JUDGING) -> None:
    """Refuse what no verdict can be on; where none is asked for the runs decide.

    Args:
        command: its name.
        metric: that is asked for.
        possible: the splits that its verdict may be on.

    Raises:
        ConfigError: the metric is none of a split that judges.
    """
    if metric is None:
        return
    split, _, what = metric.partition("/")
    if split in possible and what:
        return
    why = f", such as {possible[0]}/accuracy"
    if split == "gap":
        why = ": a constant predictor has no gap, so a gap alone ranks nothing"
    elif split in MEASURED and split not in JUDGING:
        why = f", which {'has' if len(possible) == 1 else 'have'} chosen nothing"
    got = printable(metric) or "nothing"
    raise ConfigError(f"{command}: --metric must be a figure of {', '.join(possible)}{why}; got {got}")


def refuse_unmeasured(command: str, metric: str, measured: Iterable[str]) -> None:
    """Refuse a metric that is not among those that were measured.

    A metric of a split that chooses is none that a person may ask for (`refuse_metric`); a study that chooses
    by it asks itself.

    Raises:
        ConfigError: it is not; the sentence lists those that verdicts can be on.
    """
    known = sorted({name for name in measured if split_of(name) in (*JUDGING, split_of(metric))})
    if metric not in known:
        listed = f"; there are {', '.join(known)}" if known else ""
        raise ConfigError(f"{command}: --metric: no run that counts has measured {printable(metric)}{listed}")


def judged_of(command: str, metric: str | None, results: Iterable[Result]) -> str:
    """What the verdicts are on: the metric that is asked for, else what decides in these runs.

    Raises:
        ConfigError: some of the runs predict classes, and some numbers.
    """
    one_of = {result.summary.terms.task: result for result in results}
    if len(one_of) > 1:
        places = [f"classes ({one_of[CLASSES].folder})", f"numbers ({one_of[NUMBERS].folder})"]
        raise ConfigError(f"{command}: the runs must predict one kind of thing, got {' and '.join(places)}")
    return metric or Terms(next(iter(one_of), CLASSES)).judged


def refuse_keys(command: str, keys: Iterable[str], known: Collection[str]) -> None:
    """Refuse keys of whose values none can be the best: that no run has, or that set the rows.

    Raises:
        ConfigError: one is such a key.
    """
    for key in keys:
        if key.startswith("reg."):
            raise ConfigError(
                f"{command}: --best-of must be no value of a member, each of which makes a stack of its own; "
                f"got {printable(key)}; `regbench strength` compares them"
            )
        if known and key not in known:
            raise ConfigError(
                f"{command}: --best-of must be a key that decides a run's results, such as train.lr, got "
                f"{printable(key) or 'nothing'}{_meant(key, known)}"
            )
        if key.startswith("dataset."):
            raise ConfigError(
                f"{command}: --best-of must be no key of the dataset, whose rows must be the same for all "
                f"values; got {printable(key)}"
            )


def _meant(key: str, known: Collection[str]) -> str:
    """A hint: keys that end in what was typed, those of train first; else one that is spelled alike."""
    longer = sorted(
        (name for name in known if key and name.endswith(f".{key}")),
        key=lambda name: not name.startswith("train."),
    )
    return did_you_mean(longer[:1]) or nearest(key, known)


def test_of(fixed_seeds: bool) -> PairedTest:
    """The test to judge by: the sequential one, unless the number of seeds was chosen beforehand."""
    return FIXED if fixed_seeds else SEQUENTIAL


def typed_difference(command: str, option: str, text: str | None) -> float | None:
    """A difference as it was typed: points of a share, else the metric's unit; None where there is none.

    Raises:
        ConfigError: it is no finite number above 0.
    """
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise ConfigError(
            f"{command}: {option} must be a number above 0, such as 0.3, got {printable(text) or 'nothing'}"
        )
    return value


def plain(metric: str, typed: float | None) -> float | None:
    """A difference as it was typed, in the metric's plain unit: 0.003 for 0.3 points."""
    return None if typed is None else typed / factor(metric)


@dataclass(frozen=True)
class Question:
    """What is asked of the runs.

    Attributes:
        metric: what the verdicts are on.
        at: last or best, the snapshot that every metric is of.
        baseline: the name of the arm to compare with; the empty stack where None.
        best_of: keys such as train.lr, of whose values each stack is compared at its best by select.
        test: that verdicts are by.
        margin: the largest difference that does not matter, above 0, in the metric's plain unit (0.003 for
            0.3 points); where None every difference matters.
    """

    metric: str = Terms().judged
    at: Literal["last", "best"] = "last"
    baseline: str | None = None
    best_of: tuple[str, ...] = ()
    test: PairedTest = SEQUENTIAL
    margin: float | None = None

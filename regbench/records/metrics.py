"""Every metric that regbench measures: what it is called, what it means, where it is shown; one row each.

A new one is a row here and a function in `regbench.evaluation.measurement`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Asked = Literal["calibration", "corruption", "per_class"]  # what `evaluate` may ask for
# as tables group them
Kind = Literal["accuracy", "numbers", "loss", "calibration", "classes alike", "wrong labels"]

JUDGED = "val/accuracy"  # what a verdict is on, unless another is asked for
CHOOSING = "select/accuracy"  # what the best epoch is chosen by
JUDGING = ("val", "test", "corruption")  # splits that have chosen nothing
MEASURED = ("train", "select", "val", "gap")  # splits that are measured at each evaluation
NAME = re.compile(r"[\w./-]{1,200}")  # of a metric in a record, with its split
SHOWN = (
    "train",
    "val",
    "test",
    "corruption",
    "gap",
)  # in tables, in order; select chooses, and shows nothing


@dataclass(frozen=True)
class Metric:
    """One number that is measured of the rows of a split.

    Attributes:
        name: in the records, after the split: `loss` in `val/loss`.
        title: in words; {} stands for the split.
        unit: of the number as it is recorded; a share is shown in percent, its differences in points.
        low: the least that it can be.
        high: the most; None where there is no most.
        better: whether more or less of it is wanted.
        kind: what tables group it by.
        splits: of which it is measured; `corruption` are the corrupted rows of val.
        meaning: for readers of the documents.
        gap: what `gap/<name>` is, for the same; empty where there is none.
        asked: the word of `evaluate` that it needs; None where it is measured always.
        needs: what else it needs, in words.
        curve: whether charts draw its course over the epochs.
        titles: in words where a split has others.
    """

    name: str
    title: str
    unit: Literal["share", "nats", "target", ""]
    low: float
    high: float | None
    better: Literal["more", "less"]
    kind: Kind
    splits: tuple[str, ...]
    meaning: str
    gap: str = ""
    asked: Asked | None = None
    needs: str = ""
    curve: bool = False
    titles: tuple[tuple[str, str], ...] = ()


CLEAN = ("train", "select", "val", "test")
NOISE = "label noise"
NUMBERS = "numbers to predict"
METRICS = (
    Metric(
        "accuracy", "{} accuracy", "share", 0, 1, "more", "accuracy", (*CLEAN, "corruption"),
        "share of rows whose largest logit is their label's",
        gap="`train/accuracy - val/accuracy`", curve=True, titles=(("gap", "accuracy gap"),),
    ),
    Metric(
        "r2", "{} R2", "", float("-inf"), 1, "more", "numbers", CLEAN,
        "1 - sum of (output - target)^2 / sum of (target - its mean over the split)^2, the mean over targets; "
        "0 is what the best constant reaches",
        gap="`train/r2 - val/r2`", needs=NUMBERS, curve=True, titles=(("gap", "R2 gap"),),
    ),
    Metric(
        "rmse", "{} RMSE", "target", 0, None, "less", "numbers", CLEAN,
        "root of the mean squared error over rows and targets",
        gap="`val/rmse - train/rmse`", needs=NUMBERS, titles=(("gap", "RMSE gap"),),
    ),
    Metric(
        "mae", "{} MAE", "target", 0, None, "less", "numbers", CLEAN,
        "mean absolute error over rows and targets",
        needs=NUMBERS,
    ),
    Metric(
        "loss", "{} loss", "nats", 0, None, "less", "loss", CLEAN, "mean cross-entropy",
        gap="`val/loss - train/loss`", curve=True,
        titles=(("val", "val NLL"), ("test", "test NLL"), ("gap", "loss gap")),
    ),
    Metric(
        "balanced_accuracy", "{} balanced accuracy", "share", 0, 1, "more", "classes alike", CLEAN,
        "mean over the classes of the share of a class's rows that are taken for it (its recall; Brodersen "
        "et al. 2010): a rare class counts as much as a frequent one. Classes of which the split has no rows "
        "are left out",
    ),
    Metric(
        "macro_f1", "{} macro F1", "share", 0, 1, "more", "classes alike", CLEAN,
        "mean over the same classes of F1 = 2 hits / (rows of the class + rows taken for it)",
    ),
    Metric(
        "true_accuracy", "{} accuracy, true labels", "share", 0, 1, "more", "wrong labels", ("train",),
        "accuracy against the true labels, where `dataset.label_noise` has made some wrong; `train/loss` and "
        "`train/accuracy` are against the labels as told",
        needs=NOISE,
    ),
    Metric(
        "noisy_accuracy", "wrong labels learned", "share", 0, 1, "less", "wrong labels", ("train",),
        "accuracy on the measured train rows whose label as told is wrong, against that label: what has been "
        "memorized",
        needs=f"{NOISE}, where a measured row is wrong",
    ),
    Metric(
        "noisy_true_accuracy", "wrong labels seen through", "share", 0, 1, "more", "wrong labels", ("train",),
        "accuracy on the same rows against the true label",
        needs=f"{NOISE}, where a measured row is wrong",
    ),
    Metric(
        "ece", "{} ECE", "share", 0, 1, "less", "calibration", ("val", "test"),
        "expected calibration error: rows in 15 equally wide bins (lo, hi] of the largest probability; the "
        "sum over bins of (share of rows) * abs(accuracy - mean confidence) (Guo et al. 2017, eq. 3)",
        asked="calibration",
    ),
    Metric(
        "brier", "{} Brier", "", 0, 2, "less", "calibration", ("val", "test"),
        "Brier score: mean over rows of the sum over all classes of (probability - one-hot label)^2; with "
        "two classes twice the one-sided binary score (Brier 1950)",
        asked="calibration",
    ),
)  # fmt: skip
BY_NAME = {metric.name: metric for metric in METRICS}
NEEDS_IMAGES: tuple[Asked, ...] = ("corruption",)
NEEDS_CLASSES: tuple[Asked, ...] = ("corruption", "per_class")  # calibration, of numbers, is nothing


def split_of(key: str) -> str:
    """The split of a metric as a record names it: `val` of `val/loss`."""
    return key.partition("/")[0]


def metric_of(key: str) -> Metric | None:
    """The row of a metric as a record names it, `val/loss`; None of another, such as a member's own."""
    return BY_NAME.get(key.rpartition("/")[2])


def is_percent(key: str) -> bool:
    """Whether a metric is shown in percent, and its differences in points: a share of rows."""
    metric = metric_of(key)
    return metric is not None and metric.unit == "share"


def smaller_is_better(key: str) -> bool:
    """Whether less of a metric is more of what is wanted."""
    metric = metric_of(key)
    return metric is not None and metric.better == "less"


def bounds(key: str) -> tuple[float, float | None]:
    """The least and the most that a metric can be; a gap of shares may be negative, one of losses any."""
    metric = metric_of(key)
    if metric is None:
        return float("-inf"), None
    if split_of(key) == "gap":
        return (float("-inf"), None) if metric.high is None else (metric.low - metric.high, metric.high)
    return metric.low, metric.high


def title(key: str) -> str:
    """What a metric is called in a sentence or a heading."""
    metric, split = metric_of(key), split_of(key)
    if metric is None:
        return key.replace("/", " ").replace("_", " ")
    return dict(metric.titles).get(split, metric.title.format(split))


def unit(key: str, difference: bool = False) -> str:
    """%, points, nats, or nothing."""
    if is_percent(key):
        return "points" if difference else "%"
    metric = metric_of(key)
    return metric.unit if metric else ""


def keys(kinds: Iterable[Kind], splits: Iterable[str] = SHOWN) -> list[str]:
    """The metrics of these kinds as records name them, one kind after the other, in each by split."""
    return [
        f"{split}/{metric.name}"
        for kind in kinds
        for split in splits
        for metric in METRICS
        if metric.kind == kind and (split in metric.splits or (split == "gap" and metric.gap))
    ]


CURVES = tuple(
    f"{split}/{metric.name}" for split in ("train", "val", "gap") for metric in METRICS if metric.curve
)

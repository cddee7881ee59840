"""Every metric that regbench measures: what it is called, what it means, where it is shown; one row each.

A new one is a row here and a function in `regbench.evaluation.measurement`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

Asked = Literal["calibration", "corruption", "per_class"]  # what `evaluate` may ask for
# as tables group them
Kind = Literal["accuracy", "numbers", "loss", "calibration", "classes alike", "wrong labels"]

TaskName = Literal["classification", "regression"]  # as `regbench.tasks` calls what is predicted
CLASSES: TaskName = "classification"
NUMBERS: TaskName = "regression"
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
        task: of what predictions it is measured.
        decides: whether verdicts are on it, and the best epoch is picked by it, unless another is asked for.
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
    task: TaskName = CLASSES
    decides: bool = False

    @property
    def noun(self) -> str:
        """In words, without a split."""
        return self.title.format("").strip()


CLEAN = ("train", "select", "val", "test")
NOISE = "label noise"
METRICS = (
    Metric(
        "accuracy", "{} accuracy", "share", 0, 1, "more", "accuracy", (*CLEAN, "corruption"),
        "share of rows whose largest logit is their label's",
        gap="`train/accuracy - val/accuracy`", curve=True, titles=(("gap", "accuracy gap"),), decides=True,
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
    Metric(
        "r2", "{} R2", "", float("-inf"), 1, "more", "numbers", CLEAN,
        "1 - sum of (output - target)^2 / sum of (target - its mean over the split)^2, the mean over the "
        "targets; 0 is what the best constant reaches",
        gap="`train/r2 - val/r2`", curve=True, titles=(("gap", "R2 gap"),), task=NUMBERS, decides=True,
    ),
    Metric(
        "rmse", "{} RMSE", "target", 0, None, "less", "numbers", CLEAN,
        "root of the mean squared error over rows and targets",
        gap="`val/rmse - train/rmse`", titles=(("gap", "RMSE gap"),), task=NUMBERS,
    ),
    Metric(
        "mae", "{} MAE", "target", 0, None, "less", "numbers", CLEAN,
        "mean absolute error over rows and targets",
        task=NUMBERS,
    ),
    Metric(
        "loss", "{} loss", "", 0, None, "less", "loss", CLEAN,
        "mean squared error of standardized targets, or their Huber or absolute loss",
        gap="`val/loss - train/loss`", curve=True, titles=(("gap", "loss gap"),), task=NUMBERS,
    ),
)  # fmt: skip
BY_NAME = {metric.name: metric for metric in reversed(METRICS)}  # of one of both tasks, the row of classes
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


@dataclass(frozen=True)
class Terms:
    """How the metrics of a run are called, by what it predicts.

    Attributes:
        task: classification or regression.
        unit: of the numbers to predict; empty where nobody has said, or of classes.
    """

    task: TaskName = CLASSES
    unit: str = ""

    @property
    def decider(self) -> Metric:
        """What verdicts are on, and what the best epoch is picked by, unless another is asked for."""
        return next(metric for metric in METRICS if metric.decides and metric.task == self.task)

    @property
    def judged(self) -> str:
        """The metric of val that verdicts are on, unless another is asked for."""
        return f"val/{self.decider.name}"

    @property
    def choosing(self) -> str:
        """The metric of select that the best epoch is picked by, unless another is asked for."""
        return f"select/{self.decider.name}"

    def of(self, key: str) -> Metric | None:
        """The row of a metric as a record names it; None of a member's own."""
        name = key.rpartition("/")[2]
        own = (metric for metric in METRICS if (metric.name, metric.task) == (name, self.task))
        return next(own, BY_NAME.get(name))

    def title(self, key: str) -> str:
        """What a metric is called in a sentence or a heading."""
        metric, split = self.of(key), split_of(key)
        if metric is None:
            return key.replace("/", " ").replace("_", " ")
        return dict(metric.titles).get(split, metric.title.format(split))

    def unit_of(self, key: str, difference: bool = False) -> str:
        """%, points, nats, the targets' own, or nothing."""
        metric = self.of(key)
        if metric is None:
            return ""
        own = {"share": "points" if difference else "%", "target": self.unit}
        return own.get(metric.unit, metric.unit)

    def with_unit(self, key: str, difference: bool = False) -> str:
        """A metric as an axis has it: `val accuracy (%)`."""
        measure = self.unit_of(key, difference)
        return f"{self.title(key)} ({measure})" if measure else self.title(key)


def without_classes(found: Any) -> Any:
    """Plain values of findings, without the terms of classes: findings had none before there were numbers."""
    if isinstance(found, dict):
        kept = {name: value for name, value in found.items() if (name, value) != ("terms", asdict(Terms()))}
        return {name: without_classes(value) for name, value in kept.items()}
    return [without_classes(value) for value in found] if isinstance(found, list) else found


def decider_of(measured: Iterable[str]) -> str:
    """The metric that decides, without a split, among those that were measured: accuracy, of numbers r2."""
    parts = (key.partition("/") for key in measured)
    there = {name for split, _, name in parts if split in (*MEASURED, *JUDGING)}
    deciding = [metric.name for metric in METRICS if metric.decides]
    return next((name for name in deciding if name in there), deciding[0])


def decimals(key: str, value: float) -> int:
    """How many decimals a value is shown with: of numbers in their own unit so that five digits count."""
    metric = metric_of(key)
    if metric is None or metric.unit != "target" or not value:
        return 2 if is_percent(key) else 4
    return max(0, 4 - math.floor(math.log10(abs(value))))


def on_select(task: TaskName) -> list[str]:
    """The metrics of the select split of a task, as records name them."""
    return [
        f"select/{metric.name}" for metric in METRICS if metric.task == task and "select" in metric.splits
    ]


def keys(kinds: Iterable[Kind], splits: Iterable[str] = SHOWN) -> list[str]:
    """The metrics of these kinds as records name them, one kind after the other, in each by split."""
    found = [
        f"{split}/{metric.name}"
        for kind in kinds
        for split in splits
        for metric in METRICS
        if metric.kind == kind and (split in metric.splits or (split == "gap" and metric.gap))
    ]
    return list(dict.fromkeys(found))


CURVES = tuple(
    dict.fromkeys(
        f"{split}/{metric.name}" for split in ("train", "val", "gap") for metric in METRICS if metric.curve
    )
)

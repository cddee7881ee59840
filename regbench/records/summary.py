"""`summary.json`: what a run has to say, in one file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from regbench.errors import printable
from regbench.records import form
from regbench.records.metrics import CLASSES, NUMBERS, Terms, split_of
from regbench.records.status import Status
from regbench.records.typed import LEFT_OUT, parsed

T = TypeVar("T")


@dataclass(frozen=True)
class Snapshot:
    """What was measured of one state of the weights.

    Attributes:
        epoch: after which it was; null where the weights are those of no evaluated epoch.
        metrics: by name, as in `metrics.jsonl`.
    """

    epoch: int | None
    metrics: dict[str, float]


@dataclass(frozen=True)
class Epochs:
    """How far a run has come.

    Attributes:
        planned: number of epochs.
        done: number of epochs.
    """

    planned: int
    done: int


@dataclass(frozen=True)
class PerSplit(Generic[T]):
    """The same of each split that is not sealed.

    Attributes:
        train: of the rows that the run learns from.
        select: of those that stop runs and pick the best epoch.
        val: of those that judge.
    """

    train: T
    select: T
    val: T


@dataclass(frozen=True)
class PerWeights(Generic[T]):
    """The same of both states of the weights that are measured when a run has ended.

    Attributes:
        last: those that the run ended with; of `kept`, where there is one.
        best: those of `best.pt`.
    """

    last: T
    best: T

    def at(self, weights: str) -> T:
        """Of `last` or `best`."""
        return self.best if weights == "best" else self.last


@dataclass(frozen=True, kw_only=True)
class Sealed:
    """What was read of the sealed test split.

    Attributes:
        last: metrics by name, without the split; left out where the run was made longer since.
        best: the same of `best`.
        reads: how often the split has been read.
    """

    last: dict[str, float] | None = field(default=None, metadata=LEFT_OUT)
    best: dict[str, float] | None = field(default=None, metadata=LEFT_OUT)
    reads: int


@dataclass(frozen=True)
class Reliability:
    """Confidence against accuracy, for 15 bins (i/15, (i+1)/15] of `val` rows by their largest probability.

    Attributes:
        confidence: a list with the mean of each bin; null where it is empty.
        accuracy: the same.
        count: a list with the rows of each bin.
    """

    confidence: list[float | None]
    accuracy: list[float | None]
    count: list[int]


@dataclass(frozen=True)
class ClassMetrics:
    """What was found of each class of `val`, in the order of `classes`.

    Attributes:
        accuracy: a list with the share of each class's rows that are taken for it; null where it has none.
        support: a list with the rows of each.
        confusion: a list for each class with how many of its rows are taken for each.
    """

    accuracy: list[float | None]
    support: list[int]
    confusion: list[list[int]]


@dataclass(frozen=True)
class Targets:
    """The numbers to predict, where these are no classes.

    Attributes:
        names: a list with the name of each.
        unit: what they are counted in; empty where nobody has said.
        mean: a list with the mean of each over the kept train rows, in its unit.
        std: a list with the (biased) standard deviation of each, likewise; a standardized target times this
            plus the mean is the target.
        loss: `squared`, `huber` or `absolute`.
    """

    names: list[str]
    unit: str
    mean: list[float]
    std: list[float]
    loss: str


@dataclass(frozen=True)
class Member:
    """A member of the stack.

    Attributes:
        name: what the stack calls it.
        target: its class.
        values: the values of its fields.
        off: the values at which it does nothing.
        hooks: the hooks that it has.
    """

    name: str
    target: str
    values: dict[str, Any]
    off: dict[str, Any]
    hooks: list[str]


@dataclass(frozen=True)
class Flops:
    """Floating-point operations of dense and convolutional layers, forward and backward.

    Attributes:
        per_example: for one train example, in the first probe step of the audit.
        total: that times the train rows times the epochs done.
    """

    per_example: float
    total: float


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What a run leaves when it ends, however it ends; the keys in the order of the file.

    A run that has not ended may lack any of it, and older records lack what came later: then a key is here
    as what stands for nothing. What nobody reads again (from `audit` to `in_shape`, `parameters`,
    `peak_memory_mb`) is not checked.

    Attributes:
        version: of this record, 3. Records of 2 have the same keys; their random draws were others.
        name: the members in order, joined by `+`; `baseline` where there are none.
        epochs: how far the run has come.
        last: what was measured after the last evaluated epoch; null if none was.
        best: the same of the epoch of the best `train.monitor`, which is `select/accuracy`, of numbers to
            predict `select/r2`, unless another is asked for; of equals the one of least `select/loss`, then
            the first.
        choices: the option of each of `model`, `dataset`, `optimizer`, `schedule`.
        config: the configuration, references resolved.
        stack: each member, in order.
        audit: each member, in order: `name`, `state` (`acts`; `rule`: it decides later and may never; or why
            it rightly does nothing), `hooks`, `modules` (new or other because of it), `facts` (sentences).
        warnings: legal combinations that are seldom meant.
        data: a sentence on how the inputs were made, where a person should know it: what of a text dataset
            is unknown or cut; else empty.
        in_shape: shape of one example without the batch.
        num_classes: number of classes, or of numbers to predict.
        targets: the numbers to predict; left out where these are classes.
        classes: names of the classes in the order of their labels: what their files or folders are called,
            or say; numbers where a source has no names; empty where numbers are predicted.
        rows: `train`, `select`, `val`: numbers of rows.
        class_rows: the same, a list with the rows of each class, as training is told them; null where there
            are none.
        curve_rows: `train`, `select`, `val`: numbers of the rows that the lines of `metrics.jsonl` were
            measured on; left out where these are all that are measured (`train.evaluate_rows`).
        parameters: numbers in the model's parameters.
        flops: floating-point operations of dense and convolutional layers, forward and backward.
        kept: the same as `last` of the weights that the run ended with, measured after it; only where a
            member overrides `final_model`.
        status: `finished`, `stopped` (by a member), `pruned` (by a search), `diverged`, `failed` or
            `interrupted`.
        reason: one sentence for `pruned`, `diverged` and `failed`, else empty.
        test: null until test was read.
        reliability: with `calibration`, of a run that finished or stopped, else null: `last` and `best`, each
            for the 15 bins (i/15, (i+1)/15] of `val` rows by their largest probability.
        corruption: with `corruption`, of a run that finished or stopped, else null: `last` and `best`, each
            with the accuracy on corrupted `val` images, `noise/1` to `noise/5`, and so for `blur`,
            `contrast`, `brightness` and `pixelate`; `accuracy` is the mean of the 25. See
            [below](#corruption).
        per_class: with `per_class`, of a run that finished or stopped, else null: `last` and `best`, each of
            `val` and for each class in the order of `classes`. TensorBoard has the same as a picture and a
            table under `val`.
        identity: of the run, SHA-256 in hexadecimal: see [below](#identity).
        content: SHA-256 of one's own data, empty where checksums pin the data; after `+init:` that of the
            file of weights that the run started from, if it did; after each `+run:`, a key that names a
            run and `=`, that of the file of that run's weights.
        seconds: wall-clock from the start of training, the pauses between a stop and a resume left out; the
            audit before it is not counted, nor what is measured once after it.
        peak_memory_mb: `resident`, and `device` on a GPU; 10^6 bytes, of the whole process, the libraries
            included. In a sweep the jobs share one process.
        ended: when this summary was written, UTC, ISO 8601 with microseconds:
            `2026-11-23T03:15:28.123456+00:00`.
    """

    version: int | None = None
    name: str = ""
    epochs: Epochs = Epochs(0, 0)
    last: Snapshot | None = None
    best: Snapshot | None = None
    choices: dict[str, str] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    stack: list[Member] = field(default_factory=list)
    audit: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    data: str = ""
    in_shape: list[int] = field(default_factory=list)
    num_classes: int = 0
    targets: Targets | None = field(default=None, metadata=LEFT_OUT)
    classes: list[str] = field(default_factory=list)
    rows: PerSplit[int] = PerSplit(0, 0, 0)
    class_rows: PerSplit[list[int]] | None = None
    curve_rows: PerSplit[int] | None = field(default=None, metadata=LEFT_OUT)
    parameters: int = 0
    flops: Flops = Flops(0, 0)
    kept: Snapshot | None = field(default=None, metadata=LEFT_OUT)
    status: Status
    reason: str = ""
    test: Sealed | None = None
    reliability: PerWeights[Reliability] | None = None
    corruption: PerWeights[dict[str, float]] | None = None
    per_class: PerWeights[ClassMetrics] | None = None
    identity: str = ""
    content: str | None = None
    seconds: float = 0.0
    peak_memory_mb: dict[str, float] = field(default_factory=dict)
    ended: str = ""

    @property
    def snapshots(self) -> dict[str, Snapshot]:
        """What was measured of the states of the weights that a run singles out: last, best, kept."""
        found = {"last": self.last, "best": self.best, "kept": self.kept}
        return {name: one for name, one in found.items() if one is not None}

    @property
    def terms(self) -> Terms:
        """How its metrics are called."""
        return Terms(CLASSES) if self.targets is None else Terms(NUMBERS, printable(self.targets.unit))

    @property
    def monitor(self) -> str:
        """The metric of select that the best epoch is picked by, as records name it."""
        train = self.config.get("train")
        asked = train.get("monitor") if isinstance(train, dict) else None
        if not isinstance(asked, str):
            return self.terms.choosing
        return asked if split_of(asked) == "select" else f"select/{asked}"

    @property
    def reads(self) -> int:
        """How often the test split has been read."""
        return self.test.reads if self.test else 0

    def at(self, weights: str) -> Snapshot:
        """What is to be told of a finished run.

        Args:
            weights: `best`, those best by `select`; or `last`, those of the last epoch or that a member kept.
        """
        taken = self.best if weights == "best" else self.kept or self.last
        if taken is None:
            raise LookupError(f"{weights}: must have been measured, and was not")
        return taken


def read(found: Mapping[str, Any], versions: Sequence[int]) -> Summary:
    """The summary that an object of a file is, its keys checked.

    Raises:
        ValueError: it is none (`form.check`); in one sentence.
    """
    form.check(found, versions)
    return of(found)


def of(found: Mapping[str, Any]) -> Summary:
    """The same, of an object whose status is known to be one; whatever is not as it must be is left out."""
    made: Summary = parsed(Summary, found)
    return made

"""Cutting a source into train, select, val and test."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor

from regbench.data.checks.duplicates import Part
from regbench.data.checks.inspection import inspected, origin
from regbench.data.source import Encoded, Encoding, Judged, Named, Reporting, Source, Tokenizing, Untested
from regbench.types import Dataset, Split

MOST_HELD_OUT = 5000  # rows of val, and of select
TEST_SEED = 0  # of the test split where a source has none; fixed for ever, whatever split_seed is


@dataclass
class SplitOptions:
    """How to cut, whatever the source.

    Attributes:
        split_seed: decides which rows are val, which are select, and the order of train; 0 to 2^32 - 1.
        train_fraction: the share of the train rows to keep, in (0, 1].
        num_train: how many train rows to keep, at least 1; the smaller of the two holds.
        label_noise: the share of kept train rows to be told a wrong class, in [0, 1).

    Raises:
        ValueError: one of them is out of range.
    """

    split_seed: int
    train_fraction: float
    num_train: int | None
    label_noise: float

    def __post_init__(self) -> None:
        if not 0 <= self.split_seed < 2**32:
            raise ValueError(f"split_seed must lie in 0 to 2^32 - 1, got {self.split_seed}")
        if not 0 < self.train_fraction <= 1:
            raise ValueError(f"train_fraction must lie in (0, 1], got {self.train_fraction}")
        if self.num_train is not None and self.num_train < 1:
            raise ValueError(f"num_train must be at least 1, got {self.num_train}")
        if not 0 <= self.label_noise < 1:
            raise ValueError(f"label_noise must lie in [0, 1), got {self.label_noise}")


def carve(source: Source, options: SplitOptions) -> Dataset:
    """Cut the source's train rows in three and seal its test rows.

    Of n rows in stratified order the first k are val and the next k select, k = min(5000, n // 6); the rest
    is train, of which a prefix is kept. So fewer train rows are always among more of them, and val and
    select do not depend on their number. Where the source has a val split of its own that is val, and the
    first k rows are select. Only train labels are ever made wrong.

    Raises:
        ValueError: a split would be empty, there are fewer rows than asked for, or the source's rows do not
            have the shape or the labels that it says they have.
    """
    generator = torch.Generator().manual_seed(options.split_seed)
    rows, labels = source.train()
    _require_labels(source, rows, labels)
    order = stratified_order(labels, generator)
    held_out = min(MOST_HELD_OUT, len(order) // 6)
    own = source.val() if isinstance(source, Judged) else None
    cut = "val" if own is None else "select"
    _require_rows(cut, held_out, f"6 rows make one of {cut}, and the source has {len(order)}")
    if own is None:
        taken, order = order[:held_out], order[held_out:]
        judging = (rows[taken], labels[taken])
        val_origin = origin(source, "train", taken)
    else:
        _require_labels(source, *own)
        _require_rows("val", len(own[1]), "the source's own has no rows")
        judging = own
        val_origin = origin(source, "val", torch.arange(len(own[1])))
    select, rest = order[:held_out], order[held_out:]
    kept = rest[: _num_kept(len(rest), options)]
    learned = rows[kept]
    encode = _encoding(source, learned)
    train = _split(source, encode, learned, labels[kept])
    if options.label_noise > 0:
        told = mislabel(train.labels, source.num_classes, options.label_noise, len(rest), generator)
        train = replace(train, labels=told, true_labels=train.labels)
    parts = {
        "train": Part(learned, labels[kept], origin(source, "train", kept)),
        "select": Part(rows[select], labels[select], origin(source, "train", select)),
        "val": Part(*judging, val_origin),
    }
    names = _names(source)
    every = labels if own is None else torch.cat([labels, own[1]])
    doubts, facts = inspected(source, every, parts, names)
    told_by_source = source.found() if isinstance(source, Reporting) else ""
    return Dataset(
        train=train,
        select=_split(source, encode, rows[select], labels[select]),
        val=_split(source, encode, *judging),
        read_test=(lambda: _read_test(source, encode)) if _has_test(source) else None,
        in_shape=tuple(source.in_shape),
        num_classes=source.num_classes,
        note="\n".join(filter(None, [told_by_source, encode.note(learned, judging[0]), *facts])),
        warnings=(*(source.warnings() if isinstance(source, Reporting) else ()), *doubts),
        classes=names,
        tokens=_tokens(encode),
    )


def _tokens(encode: Encoding) -> dict[str, Any] | None:
    """How sentences become token ids, as plain values."""
    tokenizer = encode.tokenizer if isinstance(encode, Tokenizing) else None
    return None if tokenizer is None else asdict(tokenizer)


def _names(source: Source) -> tuple[str, ...]:
    """What the classes are called: their numbers where the source does not say.

    Raises:
        ValueError: it does not give one name to each.
    """
    names = tuple(map(str, source.classes if isinstance(source, Named) else range(source.num_classes)))
    if len(names) != source.num_classes:
        raise ValueError(f"classes must be {source.num_classes} names, one for each class, got {len(names)}")
    return names


def _encoding(source: Source, train: Tensor) -> Encoding:
    if isinstance(source, Encoded):
        return source.encoding_of(train)
    before = getattr(source, "encoding", None)  # the method's name in sources written for earlier versions
    return before(train) if callable(before) else _AsTheyAre()


def _has_test(source: Source) -> bool:
    return source.has_test if isinstance(source, Untested) else True


def stratified_order(labels: Tensor, generator: torch.Generator) -> Tensor:
    """An order of the rows (N,) in which every prefix holds the classes in proportion.

    The r-th row, from 0, of a class of n rows in random order has the key (r + 0.5) / n; rows are sorted by
    key, equal keys in random order. Up to a key t a class has n * t rows, to within half a row.
    """
    shuffled = torch.randperm(len(labels), generator=generator)
    by_class = shuffled[labels[shuffled].argsort(stable=True)]
    sizes = torch.bincount(labels)
    starts = sizes.cumsum(0) - sizes
    classes = labels[by_class]
    ranks = torch.arange(len(labels)) - starts[classes]
    keys = (ranks.double() + 0.5) / sizes[classes]
    ties = torch.randperm(len(labels), generator=generator)
    return by_class[ties[keys[ties].argsort(stable=True)]]


def fifth_apart(labels: Tensor) -> tuple[Tensor, Tensor]:
    """Row numbers of a train and of a test part, for a source that has no test split of its own.

    The test part is a stratified fifth, rounded up, and depends on nothing but the labels.
    """
    order = stratified_order(labels, torch.Generator().manual_seed(TEST_SEED))
    cut = -(-len(order) // 5)
    return order[cut:].sort().values, order[:cut].sort().values


def mislabel(
    labels: Tensor, num_classes: int, share: float, available: int, generator: torch.Generator
) -> Tensor:
    """A copy of the labels (N,) in which exactly round(share * N) have become another class, drawn uniformly.

    Rows that are wrong at one share are as wrong at a larger one. Draws are made for `available` rows, N or
    more, so that a row's wrong class does not depend on how many rows are kept.

    Raises:
        ValueError: there is no other class.
    """
    if num_classes < 2:
        raise ValueError(f"label_noise needs at least 2 classes, got {num_classes}")
    keys = torch.rand(available, dtype=torch.double, generator=generator)[: len(labels)]
    steps = torch.randint(1, num_classes, (available,), generator=generator)[: len(labels)]
    noisy = keys.argsort(stable=True)[: round(share * len(labels))]
    told = labels.clone()
    told[noisy] = (labels[noisy] + steps[noisy]) % num_classes
    return told


def _num_kept(available: int, options: SplitOptions) -> int:
    """Length of the prefix of the train rows that the options ask for."""
    wanted = available if options.num_train is None else options.num_train
    if wanted > available:
        raise ValueError(f"num_train must be at most the {available} train rows there are, got {wanted}")
    kept = min(wanted, round(options.train_fraction * available))
    _require_rows("train", kept, f"train_fraction {options.train_fraction} of {available} rows is none")
    return kept


def _read_test(source: Source, encode: Encoding) -> Split:
    rows, labels = source.test()
    _require_labels(source, rows, labels)
    _require_rows("test", len(labels), "the source has no test rows")
    return _split(source, encode, rows, labels)


def _split(source: Source, encode: Encoding, rows: Tensor, labels: Tensor) -> Split:
    """Encoded rows as a split.

    Raises:
        ValueError: they are not what the source says of them.
    """
    inputs = encode(rows)
    expected, found = (len(labels), *source.in_shape), tuple(inputs.shape)
    if found != expected:
        raise ValueError(f"inputs must have the shape {expected}, got {found}")
    return Split(inputs, labels, source.num_classes, source.scale, None, source.mirrors, encode.size)


class _AsTheyAre:
    """The encoding of sources that need none."""

    size = None

    def __call__(self, rows: Tensor) -> Tensor:
        return rows

    def note(self, train: Tensor, val: Tensor) -> str:
        return ""


def _require_rows(split: str, rows: int, reason: str) -> None:
    if rows == 0:
        raise ValueError(f"the {split} split is empty: {reason}")


def _require_labels(source: Source, rows: Tensor, labels: Tensor) -> None:
    """Refuse labels that are not what the source says of them, or not one for each row."""
    if labels.dtype != torch.int64 or labels.ndim != 1:
        raise ValueError(f"labels must be one int64 a row, got {labels.dtype} {tuple(labels.shape)}")
    if len(rows) != len(labels):
        raise ValueError(f"labels must be one int64 a row, got {len(labels)} for {len(rows)} rows")
    if len(labels) and not 0 <= labels.min() <= labels.max() < source.num_classes:
        found_range = f"{labels.min()} to {labels.max()}"
        raise ValueError(f"labels must lie in 0 to {source.num_classes - 1}, got {found_range}")
    _require_finite(rows)


def _require_finite(rows: Tensor) -> None:
    """Refuse floats that would make every loss NaN."""
    if not rows.is_floating_point() or rows.isfinite().all():
        return
    bad = (~rows.isfinite()).reshape(len(rows), -1).any(1).nonzero()
    row = int(bad[0])
    value = rows[row][~rows[row].isfinite()][0].item()
    more = f", and in {len(bad) - 1} more" if len(bad) > 1 else ""
    raise ValueError(f"inputs must be finite numbers, got {value} in row {row}{more}")

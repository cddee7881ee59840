"""Cutting a source into train, select, val and test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from regbench.data.checks.duplicates import Part
from regbench.data.checks.inspection import inspected, origin
from regbench.data.keeping import Keeping
from regbench.data.labelling import Labelling, labelling_of, strata
from regbench.data.row_groups import groups_apart
from regbench.data.source import (
    Encoded,
    Encoding,
    Grouped,
    Judged,
    OfColumns,
    Reporting,
    Source,
    Stored,
    Tokenizing,
    Untested,
)
from regbench.data.stored_rows import Store, StoredRows
from regbench.tasks import Regression
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
        label_noise: the share of kept train rows to be told a wrong class, in [0, 1); 0 where numbers are
            predicted.

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


def carve(source: Source, options: SplitOptions, keeping: Keeping | None = None) -> Dataset:
    """Cut the source's train rows in three and seal its test rows.

    Of n rows in stratified order the first k are val and the next k select, k = min(5000, n // 6); the rest
    is train, of which a prefix is kept. So fewer train rows are always among more of them, and val and
    select do not depend on their number. Where the source has a val split of its own that is val, and the
    first k rows are select. Where the source's rows are in groups these stay whole, and val and select have
    about so many rows (`regbench.data.row_groups`). Only train labels are ever made wrong. Numbers to predict
    are standardized by the train rows that are kept, in every split.

    Where rows are kept in a file all of a source's train rows are written to it, in the order of the cut, so
    that every number of them is a part of one file.

    Args:
        source: of the rows.
        options: how to cut.
        keeping: where the rows of the splits are kept; None: in memory.

    Raises:
        ValueError: a split would be empty, there are fewer rows than asked for, or the source's rows do not
            have the shape or the labels that it says they have; a target is constant; rows do not fit where
            they are to be kept.
    """
    generator = torch.Generator().manual_seed(options.split_seed)
    rows, labels = _rows_of(source, "train")
    kind = labelling_of(source)
    kind.require_noise(options.label_noise)
    _require_labels(source, kind, rows, labels)
    held_out = min(MOST_HELD_OUT, len(labels) // 6)
    own = _val_of(source)
    cut = "val" if own is None else "select"
    _require_rows(cut, held_out, f"6 rows make one of {cut}, and the source has {len(labels)}")
    order, sizes = _order(source, labels, [held_out] * (2 if own is None else 1), generator)
    if own is not None:
        _require_labels(source, kind, *own)
        _require_rows("val", len(own[1]), "the source's own has no rows")
    rest = len(order) - sum(sizes)
    ends = [0, *sizes, _num_kept(rest, options)]  # of val, unless it is the source's own, select and train
    for place in range(1, len(ends)):
        ends[place] += ends[place - 1]
    cuts = [slice(start, end) for start, end in pairwise(ends)]
    keep = _keeper(source, keeping, [ends[-1], *([len(own[1])] if own else [])], rows)
    ordered = keep(rows.taken(order))
    taken = [_part(ordered, labels[order[cut]], cut, origin(source, "train", order[cut])) for cut in cuts]
    if own is not None:
        every = slice(0, len(own[1]))
        taken.insert(0, _part(keep(own[0]), own[1], every, origin(source, "val", torch.arange(every.stop))))
    val, select, learned = taken
    encode = _encoding(source, learned.rows)
    cut_from = _Cut(source, encode, kind, kind.learned(learned.labels), keep)
    train = cut_from.split(learned)
    if options.label_noise > 0:
        told = mislabel(train.labels, kind.outputs, options.label_noise, rest, generator)
        train = replace(train, labels=told, true_labels=train.labels)
    parts = {"train": learned, "select": select, "val": val}
    names = kind.names(source)
    told_by_all = labels if own is None else torch.cat([labels, own[1]])
    doubts, facts = inspected(source, kind, told_by_all, parts, names)
    told_by_source = source.found() if isinstance(source, Reporting) else ""
    return Dataset(
        train=train,
        select=cut_from.split(select),
        val=cut_from.split(val),
        read_test=cut_from.test if _has_test(source) else None,
        in_shape=_in_shape(source, encode),
        num_classes=kind.outputs,
        note="\n".join(filter(None, [told_by_source, encode.note(learned.rows, val.rows), *facts])),
        warnings=(*(source.warnings() if isinstance(source, Reporting) else ()), *doubts),
        classes=names,
        tokens=_tokens(encode),
        columns=encode.kept if isinstance(encode, OfColumns) else None,
    )


def _rows_of(source: Source, part: str) -> tuple[StoredRows, Tensor]:
    if isinstance(source, Stored):
        return source.stored(part)
    rows, labels = source.train() if part == "train" else source.test()
    return StoredRows(Store(rows)), labels


def _val_of(source: Source) -> tuple[StoredRows, Tensor] | None:
    """The source's own val rows; None where it has none."""
    if not isinstance(source, Judged):
        return None
    if isinstance(source, Stored):
        return source.stored("val") if source.has_val else None
    own = source.val()
    return None if own is None else (StoredRows(Store(own[0])), own[1])


def _part(rows: StoredRows, labels: Tensor, cut: slice, where: Callable[[int], str]) -> Part:
    """Rows as those of a split, with what is known of them where they lie in a file."""
    known = None if rows.store.file is None else rows.digests()[cut]
    return Part(rows[cut], labels, where, known, rows.file)


def _as_they_are_kept(rows: StoredRows) -> StoredRows:
    return rows


def _keeper(
    source: Source, keeping: Keeping | None, counts: Sequence[int], rows: StoredRows
) -> Callable[[StoredRows], StoredRows]:
    """What puts rows where they are to be kept, from where splits take them.

    Args:
        source: of the rows.
        keeping: where they are to be kept.
        counts: how many rows of train, and of val, are taken.
        rows: of train.

    Raises:
        ValueError: they cannot be kept there.
    """
    if keeping is None:
        return _as_they_are_kept
    if isinstance(source, Encoded) or callable(getattr(source, "encoding", None)):
        if keeping.asked == "mapped":
            raise ValueError(
                "memory must be auto or whole for rows that become others by what train holds, as those of "
                "tables and texts do, got mapped"
            )
        return _as_they_are_kept
    what = f"{sum(counts):,} rows of {rows.shape[1:]}"
    return keeping.kept if keeping.is_mapped(sum(counts) * rows.row_bytes, what) else _as_they_are_kept


def _order(
    source: Source, labels: Tensor, held_out: Sequence[int], generator: torch.Generator
) -> tuple[Tensor, Sequence[int]]:
    """An order of the rows that begins with those held out, and how many these are.

    Args:
        source: of the rows.
        labels: of its train rows.
        held_out: how many rows each split is to have; groups that stay whole give about so many.
        generator: of the order.
    """
    groups = source.groups() if isinstance(source, Grouped) else None
    if groups is None:
        return stratified_order(labels, generator), held_out
    shares = [size / len(labels) for size in held_out]
    train, *parts = groups_apart(groups, strata(labels), [1 - sum(shares), *shares], generator)
    rest = train[stratified_order(labels[train], generator)]
    return torch.cat([*parts, rest]), [len(part) for part in parts]


def _in_shape(source: Source, encode: Encoding) -> tuple[int, ...]:
    return tuple(encode.in_shape if isinstance(encode, OfColumns) else source.in_shape)


def _tokens(encode: Encoding) -> dict[str, Any] | None:
    """How sentences become token ids, as plain values."""
    tokenizer = encode.tokenizer if isinstance(encode, Tokenizing) else None
    return None if tokenizer is None else asdict(tokenizer)


def _encoding(source: Source, train: Tensor) -> Encoding:
    if isinstance(source, Encoded):
        return source.encoding_of(train)
    before = getattr(source, "encoding", None)  # the method's name in sources written for earlier versions
    return before(train) if callable(before) else _AsTheyAre()


def _has_test(source: Source) -> bool:
    return source.has_test if isinstance(source, Untested) else True


def stratified_order(labels: Tensor, generator: torch.Generator) -> Tensor:
    """An order of the rows (N,) in which every prefix holds the classes in proportion.

    Of numbers to predict, (N, K), the tenths by the first of them stand for classes (`strata`). The r-th row,
    from 0, of a class of n rows in random order has the key (r + 0.5) / n; rows are sorted by key, equal keys
    in random order. Up to a key t a class has n * t rows, to within half a row.
    """
    labels = strata(labels)
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


@dataclass(frozen=True)
class _Cut:
    """Rows of a source as splits.

    Attributes:
        source: of all of them.
        encode: how its rows become inputs.
        kind: what its labels are.
        numbers: how they are standardized; None of classes.
        keep: puts rows where they are to be kept.
    """

    source: Source
    encode: Encoding
    kind: Labelling
    numbers: Regression | None
    keep: Callable[[StoredRows], StoredRows]

    def split(self, part: Part) -> Split:
        """Encoded rows as a split.

        Raises:
            ValueError: they are not what the source says of them.
        """
        source, labels, inputs = self.source, part.labels, self.encode(part.rows)
        expected, found = (len(labels), *_in_shape(source, self.encode)), tuple(inputs.shape)
        if found != expected:
            raise ValueError(f"inputs must have the shape {expected}, got {found}")
        if isinstance(source, Encoded):
            _require_finite(StoredRows(Store(inputs)))
        told = labels if self.numbers is None else self.numbers.standardized(labels)
        return Split(
            inputs,
            told,
            self.kind.outputs,
            source.scale,
            mirrors=source.mirrors,
            vocabulary=self.encode.size,
            numbers=self.numbers,
            columns=tuple(self.encode.columns) if isinstance(self.encode, OfColumns) else None,
            file=part.file,
        )

    def test(self) -> Split:
        rows, labels = _rows_of(self.source, "test")
        _require_labels(self.source, self.kind, rows, labels)
        _require_rows("test", len(labels), "the source has no test rows")
        return self.split(_part(self.keep(rows), labels, slice(0, len(labels)), str))


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


def _require_labels(source: Source, kind: Labelling, rows: StoredRows, labels: Tensor) -> None:
    """Refuse labels that are not what the source says of them, and inputs that are no numbers.

    Rows that are encoded may have gaps, and are looked at when they have become inputs.
    """
    kind.require(len(rows), labels)
    if not isinstance(source, Encoded):
        _require_finite(rows)


def _require_finite(rows: StoredRows) -> None:
    """Refuse floats that would make every loss NaN."""
    if not rows.dtype.is_floating_point:
        return
    bad: list[int] = []
    for part in rows.pieces():
        piece = rows[part]
        if not piece.isfinite().all():
            found = (~piece.isfinite()).reshape(len(piece), -1).any(1).nonzero()
            bad += (found[:, 0] + part.start).tolist()
    if bad:
        first = rows[slice(bad[0], bad[0] + 1)]
        value = first[~first.isfinite()][0].item()
        more = f", and in {len(bad) - 1} more" if len(bad) > 1 else ""
        raise ValueError(f"inputs must be finite numbers, got {value} in row {bad[0]}{more}")

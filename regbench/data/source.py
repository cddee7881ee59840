"""What a dataset option has to offer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from regbench.data.stored_rows import StoredRows
from regbench.data.text_files.tokens import Tokenizer
from regbench.tasks import Loss


class Source(Protocol):
    """Labelled rows, in their storage type, with the test split kept apart.

    A source is a dataclass whose fields are the keys of its YAML file; a field named `root` is given the
    folder where downloaded and cached files are kept. Nothing is read before `fetch` is called.
    """

    @property
    def in_shape(self) -> tuple[int, ...]:
        """Shape of one example, e.g. (C, H, W)."""

    @property
    def num_classes(self) -> int:
        """How many classes there are; labels lie in 0 to num_classes - 1."""

    @property
    def scale(self) -> float:
        """The stored pixel value that means 1.0."""

    @property
    def mirrors(self) -> bool:
        """Whether a mirrored image keeps its label; false for digits and letters."""

    def fetch(self) -> None:
        """Make sure that every file is there and whole, downloading what is missing.

        Raises:
            ValueError: a file is missing and cannot be had, or does not hold what it should.
        """

    def content(self) -> str:
        """A digest of what the files hold; empty where `fetch` compares them with published checksums.

        A source that has no such method is known by its train rows.
        """

    def train(self) -> tuple[Tensor, Tensor]:
        """Inputs (N, *in_shape), uint8 pixels or another storage type of `Split`, and labels (N,) int64."""

    def test(self) -> tuple[Tensor, Tensor]:
        """The same for the test split; nothing calls this while a run trains."""


class Encoding(Protocol):
    """How the rows that a source returns become inputs, as learned from the train split.

    Attributes:
        size: number of token ids; None where inputs are no tokens.
    """

    @property
    def size(self) -> int | None: ...

    def __call__(self, rows: Tensor) -> Tensor:
        """Rows as the source returns them, to inputs (N, *in_shape)."""

    def note(self, train: Tensor, val: Tensor) -> str:
        """What a person should know of it: what of the rows it leaves out."""


@runtime_checkable
class Tokenizing(Protocol):
    """An encoding that can say how a sentence becomes token ids, so that a loaded model takes sentences."""

    @property
    def tokenizer(self) -> Tokenizer | None:
        """Kept with the checkpoint; None where there are no words to keep."""


@runtime_checkable
class Encoded(Protocol):
    """A source whose rows need a vocabulary, or anything else that only the train split may decide."""

    def encoding_of(self, train: Tensor) -> Encoding:
        """The encoding by the rows (N, ...) that the train split has kept."""


@runtime_checkable
class Named(Protocol):
    """A source whose classes have names; without them a class is called by its number."""

    @property
    def classes(self) -> Sequence[str]:
        """The num_classes names, in the order of the labels."""


@runtime_checkable
class Numeric(Protocol):
    """A source that may predict numbers: then `train`, `val` and `test` return labels (N, K) float64.

    They are in their unit, as the person has them; whoever cuts the rows standardizes them by the train rows
    that are kept. `num_classes` is then not asked for.
    """

    @property
    def targets(self) -> Sequence[str]:
        """The K names of what is predicted; empty where that are classes after all."""

    @property
    def unit(self) -> str:
        """What they are counted in, one for all, such as EUR; empty where nobody has said."""

    @property
    def loss_form(self) -> Loss:
        """The data loss."""


@runtime_checkable
class Judged(Protocol):
    """A source that may have a val split of its own; then only select is cut from its train rows."""

    def val(self) -> tuple[Tensor, Tensor] | None:
        """Inputs and labels as `train` returns them, or None where the person has no such split."""


@runtime_checkable
class Untested(Protocol):
    """A source that may have no test split to seal."""

    @property
    def has_test(self) -> bool:
        """Whether `test` can be called."""


@runtime_checkable
class Reporting(Protocol):
    """A source that says what it found where a person pointed it to."""

    def found(self) -> str:
        """A line: classes with their names and rows, what was passed over and why; empty for nothing."""

    def warnings(self) -> Sequence[str]:
        """A sentence for each thing that is seldom meant."""


@runtime_checkable
class Traced(Protocol):
    """A source that can say where a row came from, for a person to look it up."""

    def origin(self, part: str, row: int) -> str:
        """The place of a row that `train` or `val`, as the part says, returned: a file, a line of a file."""


@runtime_checkable
class OfColumns(Protocol):
    """An encoding that makes standardized inputs of the columns of a table, and can say how."""

    @property
    def in_shape(self) -> tuple[int, ...]:
        """Shape of one example, which nobody knew before: (F,)."""

    @property
    def columns(self) -> Sequence[int]:
        """For each of the F inputs the number of the column that it is made of."""

    @property
    def kept(self) -> Sequence[Mapping[str, Any]]:
        """Kept with the checkpoint, so that a loaded model takes rows of a table."""


@runtime_checkable
class Stored(Protocol):
    """A source whose rows may lie in a file, so that nobody need hold them all in memory."""

    @property
    def has_val(self) -> bool:
        """Whether it has a val split of its own."""

    def stored(self, part: str) -> tuple[StoredRows, Tensor]:
        """The rows that `train`, `val` or `test`, as the part says, returns, and their labels."""


@runtime_checkable
class Grouped(Protocol):
    """A source whose rows may belong to groups that never part between splits."""

    def groups(self) -> Tensor | None:
        """The group (N,) int64 of each row that `train` returns; None where rows stand alone."""

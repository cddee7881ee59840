"""What a dataset option has to offer."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


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

    def train(self) -> tuple[Tensor, Tensor]:
        """Inputs (N, *in_shape), uint8 pixels or another storage type of `Split`, and labels (N,) int64."""

    def test(self) -> tuple[Tensor, Tensor]:
        """The same for the test split; nothing calls this while a run trains."""

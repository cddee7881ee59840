"""Handwritten digits that scikit-learn carries along: small, and there without a network."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from regbench.data.checksums import require_equal
from regbench.data.sklearn_files import carried
from regbench.data.splits import fifth_apart

SHA256 = "68aea062d35a127749050fa0e52dca09d6569ac08092c925610e0954e172dde2"  # of the table as bytes


@dataclass
class Digits:
    """Read 1,797 images of 8x8 pixels, values 0 to 16, ten classes.

    There is no official test split; a stratified fifth (360 rows) is kept apart, the same one for ever.

    Source: Alpaydin and Kaynak, 1998, https://doi.org/10.24432/C50P49 (its test part, as scikit-learn has it)
    """

    in_shape: ClassVar[tuple[int, ...]] = (1, 8, 8)
    num_classes: ClassVar[int] = 10
    classes: ClassVar[tuple[str, ...]] = tuple(map(str, range(10)))
    scale: ClassVar[float] = 16.0
    mirrors: ClassVar[bool] = False

    def fetch(self) -> None:
        digest = hashlib.sha256(_table().tobytes()).hexdigest()
        require_equal(_path(), "sha256 (unpacked)", SHA256, digest)

    def content(self) -> str:
        return ""

    def train(self) -> tuple[Tensor, Tensor]:
        return self._part(0)

    def test(self) -> tuple[Tensor, Tensor]:
        return self._part(1)

    def _part(self, which: int) -> tuple[Tensor, Tensor]:
        table = torch.from_numpy(_table())
        inputs, labels = table[:, :64].reshape(-1, *self.in_shape), table[:, 64].long()
        rows = fifth_apart(labels)[which]
        return inputs[rows], labels[rows]


def _table() -> np.ndarray:
    """One image a row: 64 pixels, then the label."""
    return np.loadtxt(_path(), delimiter=",", dtype=np.uint8)


def _path() -> Path:
    return carried("digits.csv.gz", "digits")

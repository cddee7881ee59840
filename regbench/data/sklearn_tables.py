"""Small tables that scikit-learn carries along: there without a network."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from regbench.data.checksums import require_equal
from regbench.data.sklearn_files import carried
from regbench.data.splits import fifth_apart
from regbench.data.table_files.columns import Column
from regbench.data.table_files.encoding import Numbers
from regbench.data.table_files.rows import TableRows
from regbench.tasks import Loss

MEASURES = (
    *("radius", "texture", "perimeter", "area", "smoothness", "compactness", "concavity"),
    *("concave points", "symmetry", "fractal dimension"),
)


@dataclass(frozen=True)
class Carried:
    """A table of scikit-learn's.

    Attributes:
        file: of the rows; the class is the last value of each.
        names: of the columns.
        classes: in the order of their numbers.
        sha256: of the whole table, float64, the class among it, as bytes.
    """

    file: str
    names: tuple[str, ...]
    classes: tuple[str, ...]
    sha256: str


TABLES = {
    "iris": Carried(
        "iris.csv",
        ("sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"),
        ("setosa", "versicolor", "virginica"),
        "6e592aace77bce225cd6af938de731a5798c8c30ee9cc5f1cd6abdea81e3bb25",
    ),
    "wine": Carried(
        "wine_data.csv",
        (
            *("alcohol", "malic_acid", "ash", "alcalinity_of_ash", "magnesium", "total_phenols"),
            *("flavanoids", "nonflavanoid_phenols", "proanthocyanins", "color_intensity", "hue"),
            *("od280/od315_of_diluted_wines", "proline"),
        ),
        ("class_0", "class_1", "class_2"),
        "b6ff7c6847be41ee158bdf2267e98a97e1d240566564154aba1c0cc61f551fc3",
    ),
    "breast_cancer": Carried(
        "breast_cancer.csv",
        (
            *(f"mean {measure}" for measure in MEASURES),
            *(f"{measure} error" for measure in MEASURES),
            *(f"worst {measure}" for measure in MEASURES),
        ),
        ("malignant", "benign"),
        "54cbf95e148c6eed11e8b2ac1637b5f44a8053293412279de71c47b345e9eb50",
    ),
}
DIABETES = ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")
# of the columns and the target, as bytes
DIABETES_SHA256 = "839c546b0b4ac02c2e6cbe5e5c92313cefa993446c9733e9b49477cc3f96e104"


class SklearnRows(TableRows):
    """Rows of numbers alone, of which a fifth, the same one for ever, is kept apart as the test split."""

    rare = 1  # there are no categories
    loss: Loss = "squared"
    columns_named: Sequence[str]

    @property
    def columns(self) -> Sequence[Column]:
        return [Column(name, None) for name in self.columns_named]

    @abstractmethod
    def fetch(self) -> None:
        """Compare the rows with their checksum."""

    def content(self) -> str:
        return ""

    def train(self) -> tuple[Tensor, Tensor]:
        return self._part(0)

    def test(self) -> tuple[Tensor, Tensor]:
        return self._part(1)

    @property
    @abstractmethod
    def _labels(self) -> Tensor:
        """Of all rows."""

    @property
    @abstractmethod
    def _table(self) -> np.ndarray:
        """One row a line, the target last, float64."""

    def _part(self, which: int) -> tuple[Tensor, Tensor]:
        rows = fifth_apart(self._labels)[which]
        return torch.from_numpy(self._table[:, :-1])[rows], self._labels[rows]


@dataclass
class SklearnClasses(SklearnRows):
    """Read one of the tables with classes: 150 irises, 178 wines or 569 tumours.

    There is no official test split; a stratified fifth is kept apart, the same one for ever.

    Source: Fisher, 1936, https://doi.org/10.1111/j.1469-1809.1936.tb02137.x (iris);
    Aeberhard and Forina, 1992, https://doi.org/10.24432/C5PC7J (wine);
    Wolberg, Mangasarian, Street and Street, 1993, https://doi.org/10.24432/C5DW2B (breast_cancer)

    Attributes:
        name: which of them.
        numbers: standardize: minus the mean, by the standard deviation; quantile: normal scores.
    """

    targets: ClassVar[tuple[str, ...]] = ()

    name: Literal["iris", "wine", "breast_cancer"]
    numbers: Numbers

    @property
    def columns_named(self) -> Sequence[str]:  # type: ignore[override]
        return TABLES[self.name].names

    @property
    def classes(self) -> Sequence[str]:
        return TABLES[self.name].classes

    def fetch(self) -> None:
        _require(self._table, TABLES[self.name].file, TABLES[self.name].sha256)

    @cached_property
    def _table(self) -> np.ndarray:
        path = carried(TABLES[self.name].file, f"rows of {self.name}")
        return np.loadtxt(path, delimiter=",", skiprows=1)

    @property
    def _labels(self) -> Tensor:
        return torch.from_numpy(self._table[:, -1]).long()


@dataclass
class Diabetes(SklearnRows):
    """Read 442 patients: ten measurements, and how far the disease has come a year later, a number.

    There is no official test split; a fifth, stratified by tenths of the number, is kept apart, the same one
    for ever.

    Source: Efron, Hastie, Johnstone and Tibshirani, 2004, https://doi.org/10.1214/009053604000000067

    Attributes:
        numbers: standardize: minus the mean, by the standard deviation; quantile: normal scores.
        loss: of the number to predict.
    """

    classes: ClassVar[tuple[str, ...]] = ()
    targets: ClassVar[tuple[str, ...]] = ("progression",)
    columns_named: ClassVar[tuple[str, ...]] = DIABETES  # type: ignore[misc]

    numbers: Numbers
    loss: Loss

    def fetch(self) -> None:
        _require(self._table, "diabetes_data_raw.csv.gz", DIABETES_SHA256)

    @cached_property
    def _table(self) -> np.ndarray:
        inputs, target = (
            np.loadtxt(carried(f"diabetes_{part}.csv.gz", "rows of diabetes"), ndmin=2)
            for part in ("data_raw", "target")
        )
        return np.hstack([inputs, target.reshape(-1, 1)])

    @property
    def _labels(self) -> Tensor:
        return torch.from_numpy(self._table[:, -1:])


def _require(table: np.ndarray, file: str, expected: str) -> None:
    digest = hashlib.sha256(np.ascontiguousarray(table).tobytes()).hexdigest()
    require_equal(carried(file, "rows"), "sha256 (unpacked)", expected, digest)

"""The tables that scikit-learn carries along, as it loads them itself."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch
from sklearn import datasets

from regbench.data import sklearn_tables
from regbench.data.sklearn_tables import Diabetes, SklearnClasses
from regbench.data.splits import SplitOptions, carve

NAMES = ["iris", "wine", "breast_cancer"]


def made(name: str) -> Any:
    return Diabetes("standardize", "squared") if name == "diabetes" else SklearnClasses(name, "standardize")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [*NAMES, "diabetes"])
def test_holds_the_rows_that_scikit_learn_loads(name: str) -> None:
    load = getattr(datasets, f"load_{name}")
    truth = load(scaled=False) if name == "diabetes" else load()
    source = made(name)
    source.fetch()
    parts = [source.train(), source.test()]
    found = sorted(
        (*row.tolist(), float(label))
        for rows, labels in parts
        for row, label in zip(rows, labels, strict=True)
    )
    assert found == sorted((*row, float(label)) for row, label in zip(truth.data, truth.target, strict=True))
    assert [column.name for column in source.columns] == list(truth.feature_names)
    if name in NAMES:
        assert list(source.classes) == list(truth.target_names)


@pytest.mark.parametrize(
    ("name", "sizes"), [("iris", 30), ("wine", 36), ("breast_cancer", 114), ("diabetes", 89)]
)
def test_the_test_split_is_a_fifth_rounded_up(name: str, sizes: int) -> None:
    assert len(made(name).test()[1]) == sizes


@pytest.mark.parametrize("name", [*NAMES, "diabetes"])
def test_is_cut_into_splits_of_standardized_inputs(name: str) -> None:
    data = carve(made(name), SplitOptions(0, 1.0, None, 0.0))
    assert data.train.inputs.mean(0).abs().max() < 1e-6
    assert (data.train.inputs.std(0, correction=0) - 1).abs().max() < 1e-5
    assert data.warnings == ()


def test_the_number_is_predicted_as_a_number() -> None:
    data = carve(made("diabetes"), SplitOptions(0, 1.0, None, 0.0))
    assert data.train.numbers is not None
    assert data.train.numbers.targets == ("progression",)
    assert data.train.labels.shape == (len(data.train), 1)
    assert data.num_classes == 1


def test_damaged_rows_are_named_with_both_checksums(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sklearn_tables, "DIABETES_SHA256", "0" * 64)
    with pytest.raises(
        ValueError, match=r"diabetes_data_raw\.csv\.gz must have the sha256 .* 0{64}, got 839c"
    ):
        made("diabetes").fetch()


def test_reads_them_without_the_second_that_scikit_learn_takes() -> None:
    code = (
        "import sys; from regbench.data.sklearn_tables import Diabetes; d = Diabetes('standardize', "
        "'squared')\nd.fetch(); d.train(); print({'sklearn'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "set()\n"), done.stderr


def test_rows_are_not_shared_between_parts() -> None:
    source = made("wine")
    together = torch.cat([source.train()[0], source.test()[0]])
    assert len(together.unique(dim=0)) == 178

"""What the classes of each dataset are called."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from regbench.data.digits import Digits
from regbench.data.image_folder import ImageFolder
from regbench.data.source import Named, Source
from regbench.data.splits import SplitOptions, carve
from regbench.data.text_csv import TextCSV
from regbench.data.text_sets import SST2, TREC
from regbench.data.torchvision_sets import CIFAR, SVHN, MNISTFamily
from tests.data.test_splits import LABELS, Numbered, options
from tests.data.test_torchvision_sets import stored

PLAIN = SplitOptions(0, 1.0, None, 0.0)
NUMBERS = tuple("0123456789")


def test_digits_are_called_as_they_read() -> None:
    assert carve(Digits(), PLAIN).classes == NUMBERS
    assert SVHN.classes == NUMBERS
    assert MNISTFamily("MNIST", "nowhere").classes == NUMBERS


@pytest.mark.parametrize(
    ("name", "first", "last"), [("FashionMNIST", "T-shirt/top", "Ankle boot"), ("KMNIST", "o", "wo")]
)
def test_the_names_of_the_mnist_family_are_those_of_its_publishers(name: str, first: str, last: str) -> None:
    names = MNISTFamily(name, "nowhere").classes  # type: ignore[arg-type]
    assert (len(names), names[0], names[-1]) == (10, first, last)


def test_cifar_has_the_names_in_its_files() -> None:
    source = CIFAR("CIFAR10", str(stored("cifar-10-batches-py")))
    assert ",".join(source.classes) == "airplane,automobile,bird,cat,deer,dog,frog,horse,ship,truck"


@pytest.mark.parametrize(
    ("source", "folder", "letters"), [(TREC, "trec", "adehln"), (SST2, "SST-2", "np")], ids=["trec", "sst2"]
)
def test_text_sets_name_what_their_labels_mean(source: type, folder: str, letters: str) -> None:
    assert "".join(name[0] for name in source.classes) == letters
    made: Source = source(8, 2, str(stored(folder)))
    made.fetch()
    assert carve(made, PLAIN).classes == source.classes


def test_the_questions_of_trec_stand_under_the_names_of_their_classes() -> None:
    source = TREC(24, 2, str(stored("trec")))
    sentences, labels = source.read("train")
    begin = {s[0]: source.classes[n] for s, n in zip(sentences, labels.tolist(), strict=True)}
    assert (begin["who"], begin["where"]) == ("human", "location")


def test_folders_and_label_values_are_names(tmp_path: Path) -> None:
    for name in ("b dog", "a cat"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(6):
            pixels = np.full((4, 4), 20 * number, dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{number}.png")
    photos = ImageFolder(str(tmp_path / "photos"), 4, 1, "refuse", "white", str(tmp_path))
    photos.fetch()
    assert carve(photos, PLAIN).classes == ("a cat", "b dog")
    with (tmp_path / "table.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *[("a b", x) for x in ("no", "yes") * 10]])
    table = TextCSV(
        length=4,
        min_count=1,
        path=str(tmp_path / "table.csv"),
        val_path=None,
        test_path=None,
        encoding="utf-8",
        tokens="words",
        text="text",
        label="label",
        delimiter=",",
    )
    assert carve(table, PLAIN).classes == ("no", "yes")


def test_a_source_without_names_has_numbers() -> None:
    source = Numbered(LABELS)
    assert not isinstance(source, Named)
    assert carve(source, options()).classes == ("0", "1", "2")


@pytest.mark.parametrize("names", [("a", "b"), ("a", "b", "c", "d"), ()])
def test_there_must_be_one_name_for_each_class(names: tuple[str, ...]) -> None:
    source = Numbered(LABELS)
    source.classes = names  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match=rf"^classes must be 3 names, one for each class, got {len(names)}$"):
        carve(source, options())

"""Which source a dataset's node is, by what it names."""

import sys
from pathlib import Path
from typing import Any

import pytest

from regbench.assembly.data import content_of, load_data
from regbench.assembly.dataset_source import make_source
from regbench.errors import ConfigError

CODE = """
import random
from typing import Literal

import numpy as np
import torch
from torch.utils.data import Dataset, IterableDataset

class Rows(Dataset):
    number, sign = 24, 1
    def __len__(self):
        return self.number
    def __getitem__(self, row):
        return torch.full((1, 2, 2), self.sign * row / 24), row % 2

class Halves(Rows):
    def __init__(self, train: bool = True):
        self.sign = 1 if train else -1

class Words(Rows):
    def __init__(self, split="train"):
        self.sign = {"train": 1, "valid": 2, "test": 3}[split]

class NoTest(Rows):
    def __init__(self, split: Literal["train", "val"]):
        self.sign = {"train": 1, "val": 2}[split]

class Else(Rows):
    def __init__(self, split="train"):
        self.sign = 1 if split == "train" else 3

class OnlyTrain(Rows):
    def __init__(self, split="train"):
        if split != "train":
            raise KeyError(split)

class Drawn(Rows):
    def __init__(self):
        self.rows = torch.rand(24, 1, 2, 2) + random.random() + np.random.rand()
    def __getitem__(self, row):
        return self.rows[row], row % 2

class Turned(Rows):
    def __init__(self, transform=None):
        self.transform = transform
    def __getitem__(self, row):
        value, label = super().__getitem__(row)
        return self.transform(value), label

class Plain:
    def __len__(self):
        return 24
    def __getitem__(self, row):
        return np.full((2, 2), row, dtype=np.uint8), row % 2

class Endless(IterableDataset):
    def __iter__(self):
        yield torch.zeros(1), 0

class Broken(Rows):
    def __init__(self, path="x"):
        self.file = open("/no/such/file")

class Odd:
    pass

def made(number: int):
    rows = Rows()
    rows.number = number
    return rows

class Faulty:
    in_shape, num_classes, scale, mirrors = (1,), 2, 1.0, True
    def fetch(self):
        return {}["rows"]

class Sealed:
    in_shape, num_classes, scale, mirrors = (1,), 2, 1.0, True
    def fetch(self):
        pass
    def train(self):
        return torch.rand(24, 1), torch.arange(24) % 2
    def test(self):
        return [][3]
"""


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    name = f"mine_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path)
    options = {"split_seed": 0, "train_fraction": 1.0, "num_train": None, "label_noise": 0.0}
    yield lambda what, **values: {"_target_": f"{name}.{what}", "root": str(tmp_path), **options, **values}
    sys.modules.pop(name, None)


def signs(node: Any) -> list[float | None]:
    """By how much the rows of val and of test are multiplied."""
    data = load_data(node)
    test = data.read_test() if data.read_test else None
    return [round(float(s.inputs.abs().max() * 24 / 23), 1) if s else None for s in (data.val, test)]


def sizes(node: Any) -> list[int]:
    data = load_data(node)
    return [len(s) for s in (data.train, data.select, data.val, data.read_test() if data.read_test else ())]


def test_a_dataset_without_splits_is_cut_in_four(node: Any):
    assert sizes(node("Rows")) == [13, 3, 3, 5]  # a fifth of 24, rounded up; 19 // 6
    assert sizes(node("made", number=50)) == [28, 6, 6, 10]
    assert sizes(node("Plain")) == [13, 3, 3, 5]


def test_train_and_test_are_made_by_the_classes_own_parameter(node: Any):
    assert sizes(node("Halves")) == [16, 4, 4, 24]
    assert load_data(node("Halves")).read_test().inputs.max() == 0
    assert sizes(node("Halves", train=False)) == [13, 3, 3, 5], "the person has said which"


def test_a_val_split_of_its_own_is_val(node: Any):
    assert sizes(node("Words")) == [20, 4, 24, 24]
    assert signs(node("Words")) == [2, 3]
    assert "train by split=train; val by split=valid; test by split=test" in load_data(node("Words")).note


def test_where_test_is_no_split_there_is_none_or_a_fifth(node: Any):
    assert sizes(node("NoTest")) == [20, 4, 24, 0]
    assert sizes(node("OnlyTrain")) == [13, 3, 3, 5]
    assert "none by split=test: OnlyTrain raises KeyError: 'test' (" in load_data(node("OnlyTrain")).note


def test_a_class_that_takes_any_word_for_test_has_no_val(node: Any):
    assert sizes(node("Else")) == [16, 4, 4, 24]


def test_rows_that_are_drawn_while_it_is_made_are_the_same_in_every_run(node: Any):
    first, second = (make_source(dict(list(node("Drawn").items())[:2])) for _ in range(2))
    assert first.content() == second.content()


def test_a_transform_is_made_of_its_own_node(node: Any):
    resize = {"_target_": "torchvision.transforms.Resize", "size": [4, 4]}
    assert load_data(node("Turned", transform=resize)).in_shape == (1, 4, 4)
    both = {"_target_": "torchvision.transforms.Compose", "transforms": [resize, resize]}
    assert load_data(node("Turned", transform=both)).in_shape == (1, 4, 4)
    flip = {"_target_": "torchvision.transforms.RandomErasing", "p": 0.5}
    with pytest.raises(ConfigError, match=r"^dataset: train row \d+ must be the same whenever it is read"):
        load_data(node("Turned", transform=flip))


def test_torchvisions_own_are_read_as_they_are(node: Any):
    fake = node("x") | {"_target_": "torchvision.datasets.FakeData", "size": 60, "image_size": [1, 8, 8]}
    data = load_data(fake | {"num_classes": 3})
    assert (data.in_shape, data.num_classes, len(data.read_test())) == ((1, 8, 8), 3, 12)
    with pytest.raises(ConfigError, match=r"^dataset: FashionMNIST raises RuntimeError: Dataset not found"):
        load_data(node("x") | {"_target_": "torchvision.datasets.FashionMNIST"})


def test_a_download_that_torchvision_asks_for_is_said_as_it_is_typed(node: Any, tmp_path: Path):
    wanted = node("unused") | {"_target_": "torchvision.datasets.MNIST", "root": str(tmp_path)}
    with pytest.raises(ConfigError, match=r"download it; type \+dataset.download=true$"):
        load_data(wanted)
    with pytest.raises(ConfigError, match=r"download it; type dataset.download=true$"):
        load_data(wanted | {"download": False})


def test_its_content_is_in_the_identity(node: Any):
    one, other = (content_of({"dataset": node("made", number=number)}) for number in (24, 25))
    assert one != other


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "Endless",
            r"must be a map-style Dataset with __len__ and __getitem__, got the IterableDataset Endless$",
        ),
        ("Broken", r"Broken raises FileNotFoundError: .*such file.* \(.*mine_.*\.py, line \d+\)$"),
        ("Faulty", r"KeyError: 'rows' \(.*mine_.*\.py, line \d+\)$"),
    ],
)
def test_refuses_in_a_sentence_with_the_place_of_a_persons_code(node: Any, name: str, said: str):
    with pytest.raises(ConfigError, match=rf"^dataset: {said}"):
        load_data(node(name))


def test_what_is_no_dataset_is_refused_before_it_is_made(node: Any):
    with pytest.raises(ConfigError, match=r"^dataset\._target_: must name a Source, or a map-style .*\.Odd$"):
        load_data(node("Odd"))


def test_what_a_persons_source_raises_for_its_test_rows_is_told_too(node: Any):
    data = load_data(node("Sealed"))
    with pytest.raises(ConfigError, match=r"^dataset: list index out of range \(.*mine_.*, line \d+\)$"):
        data.read_test()


def test_a_field_that_is_none_is_refused(node: Any):
    with pytest.raises(ConfigError, match=r"^dataset: no such field 'sizes'"):
        load_data(node("Halves", sizes=3))

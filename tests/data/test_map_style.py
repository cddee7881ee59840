"""A person's torch Dataset, read as it is."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import Dataset

from regbench.data.map_rows import input_of, label_of
from regbench.data.map_style import MapStyle
from regbench.data.splits import SplitOptions, carve

OPTIONS = SplitOptions(0, 1.0, None, 0.0)
Row = Callable[[int], Any]


class Listed(Dataset[Any]):
    """Rows by a function of their number."""

    def __init__(self, row: Row, number: int = 20, **attributes: Any) -> None:
        self.row, self.number = row, number
        self.__dict__.update(attributes)

    def __len__(self) -> int:
        return self.number

    def __getitem__(self, row: int) -> Any:
        return self.row(row)


def grey(value: int) -> Image.Image:
    return Image.new("L", (3, 2), value)


def opened(row: Row, number: int = 20, **attributes: Any) -> MapStyle:
    source = MapStyle({"train": Listed(row, number, **attributes)})
    source.fetch()
    return source


def refused(row: Row, said: str, number: int = 20, **attributes: Any) -> None:
    with pytest.raises(ValueError, match=said):
        opened(row, number, **attributes)


def test_images_are_kept_as_bytes_and_a_fifth_of_them_is_test():
    source = opened(lambda row: (grey(row), row % 2))
    (inputs, labels), (test_inputs, test_labels) = source.train(), source.test()
    assert (inputs.shape, inputs.dtype, source.scale) == ((16, 1, 2, 3), torch.uint8, 255.0)
    rows = inputs[:, 0, 0, 0].tolist() + test_inputs[:, 0, 0, 0].tolist()
    assert sorted(rows) == list(range(20))
    assert [row % 2 for row in rows] == labels.tolist() + test_labels.tolist()
    assert sorted(test_labels.tolist()) == [0, 0, 1, 1]
    data = carve(source, OPTIONS)
    assert data.note == (
        "Listed: 2 classes: 0 10, 1 10; rows: 20 train, each uint8 (1, 2, 3); a fifth of them test"
    )


def parts(**numbers: int) -> MapStyle:
    """Parts with rows of one value each: 0, 1, ... by their order."""
    made = {split: Listed(lambda row, value=place: (torch.full((1, 2, 2), value / 10), row % 2), number)
            for place, (split, number) in enumerate(numbers.items())}  # fmt: skip
    source = MapStyle(made)
    source.fetch()
    return source


def test_parts_of_its_own_are_kept_apart():
    data = carve(parts(train=24, val=6, test=8), OPTIONS)  # 24 // 6 = 4
    assert [len(s) for s in (data.train, data.select, data.val, data.read_test())] == [20, 4, 6, 8]
    found = [s.inputs.unique().tolist() for s in (data.select, data.val, data.read_test())]
    assert found == [pytest.approx([value]) for value in (0, 0.1, 0.2)]
    assert carve(parts(train=24, val=6), OPTIONS).read_test is None
    assert "no test split, so that none is sealed" in parts(train=24, val=6).found()


def test_a_test_part_that_is_the_train_part_is_refused_and_such_a_val_is_none():
    rows = Listed(lambda row: (torch.full((2,), float(row)), row % 2))
    with pytest.raises(ValueError, match=r"^the test rows must not be the train rows"):
        MapStyle({"train": rows, "test": rows}).fetch()
    other = Listed(lambda row: (torch.full((2,), -float(row)), row % 2))
    assert MapStyle({"train": rows, "test": other, "val": other}).val() is None


def test_its_content_is_that_of_its_rows():
    base = opened(lambda row: (grey(row), row % 2)).content()
    assert opened(lambda row: (grey(row), row % 2)).content() == base
    assert opened(lambda row: (grey(row + (row == 7)), row % 2)).content() != base
    assert opened(lambda row: (grey(row), int(row in (1, 3)))).content() != base


def test_classes_have_the_datasets_names_else_those_of_its_labels_else_numbers():
    assert opened(lambda row: (grey(row), row % 2)).classes == ["0", "1"]
    assert opened(lambda row: (grey(row), row % 2), classes=("cat", "dog", "eel")).classes == [
        "cat",
        "dog",
        "eel",
    ]
    assert opened(lambda row: (grey(row), row % 2), num_classes=4).num_classes == 4
    named = opened(lambda row: (grey(row), ("dog", "cat")[row % 2]))
    assert named.classes == ["cat", "dog"]
    inputs, labels = named.train()
    assert labels.tolist() == [1 - value % 2 for value in inputs[:, 0, 0, 0].tolist()]


@pytest.mark.parametrize(
    "label",
    [2, np.int64(2), np.uint8(2), torch.tensor(2), np.array([2]), torch.tensor([0, 0, 1.0, 0]), [0, 0, 1]],
)
def test_a_label_is_a_number_in_any_form_or_a_one_among_zeros(label: Any):
    assert label_of(label, "row 0") == 2


@pytest.mark.parametrize("label", [2.0, torch.tensor(2.0), [1, 1, 0], [0, 0], np.zeros(3)])
def test_whole_floats_are_no_classes_and_numbers_only_where_the_dataset_names_them(label: Any):
    refused(lambda row: (grey(row), label), r"^the label of train row 0 must be one class: .*number_names")
    width = torch.as_tensor(label).numel()
    source = opened(lambda row: (grey(row), label), number_names=["a", "b", "c"][:width])
    assert source.train()[1].tolist() == [torch.as_tensor(label).double().reshape(-1).tolist()] * 16


@pytest.mark.parametrize("label", [None, np.zeros((2, 2)), 1j, {}])
def test_what_is_neither_a_class_nor_numbers_is_no_label(label: Any):
    with pytest.raises(ValueError, match=r"^the label of row 0 must be one class"):
        label_of(label, "row 0")


def test_floats_are_numbers_to_predict_in_double_precision():
    source = opened(lambda row: (grey(row), 0.1 * row), unit="cm", loss_form="huber")
    (_, values), (_, test_values) = source.train(), source.test()
    assert values.dtype == torch.float64
    assert sorted(values[:, 0].tolist() + test_values[:, 0].tolist()) == [0.1 * row for row in range(20)]
    assert (list(source.targets), source.unit, source.loss_form) == (["number"], "cm", "huber")
    assert source.found().startswith("Listed: 1 number to predict: number 0 to 1.9 cm; rows: 20 train")


def test_rows_of_floats_are_several_numbers_also_where_one_looks_like_a_class():
    source = opened(lambda row: (grey(row), torch.tensor([0.0, 1.0]) if row == 3 else [row, 0.5]))
    (inputs, values), (test_inputs, test_values) = source.train(), source.test()
    rows = torch.cat([inputs, test_inputs])[:, 0, 0, 0].tolist()
    found = dict(zip(rows, torch.cat([values, test_values]).tolist(), strict=True))
    assert (found[3], found[4]) == ([0.0, 1.0], [4.0, 0.5])
    assert (list(source.targets), source.num_classes) == (["number 0", "number 1"], 2)


def test_numbers_are_refused_by_row_where_one_is_none():
    refused(lambda row: (grey(row), float("nan") if row == 7 else 0.5 * row), r"^the label of train row 7 must be finite, got nan")  # fmt: skip # noqa: E501
    refused(lambda row: (grey(row), "cat" if row == 7 else 0.5 * row), r"^the label of train row 7 must be a number as .* got 'cat'")  # fmt: skip # noqa: E501
    refused(lambda row: (grey(row), [0.5] * (2 + (row == 7))), r"^the label of train row \d must be 3 numbers as .* got 2$")  # fmt: skip # noqa: E501
    refused(lambda row: (grey(row), 0.5 * row), r"^number_names must be 1 name,", number_names=["a", "b"])
    refused(lambda row: (grey(row), 0.5 * row), r"^loss_form must be one of squared, huber, absolute, got 'l2'$", loss_form="l2")  # fmt: skip # noqa: E501


def test_arrays_have_channels_last_and_tensors_first():
    array = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    assert input_of(array, "").tolist() == array.transpose(2, 0, 1).tolist()
    assert input_of(torch.tensor(array), "").shape == (2, 2, 3)
    assert input_of(array[..., 0], "").shape == input_of(torch.tensor(array[..., 0]), "").shape == (1, 2, 2)
    assert input_of(np.zeros((1, 5, 4)), "").shape == (1, 5, 4)
    assert input_of(np.array([0.25, 4.0]), "").tolist() == [0.25, 4.0]
    assert input_of(np.array([0.25]), "").dtype == input_of(torch.zeros(1).half(), "").dtype == torch.float32


def test_images_of_any_mode_are_grey_or_have_three_channels():
    expected = {"1": 1, "L": 1, "LA": 1, "I;16": 1, "RGB": 3, "RGBA": 3, "P": 3, "CMYK": 3}
    assert {mode: len(input_of(Image.new(mode, (2, 2)), "")) for mode in expected} == expected


@pytest.mark.parametrize(
    "wrong", [[1, 2], "x", torch.zeros(2, dtype=torch.int64), np.zeros(2, bool), torch.zeros(0)]
)
def test_what_is_neither_bytes_nor_floats_is_no_input(wrong: Any):
    with pytest.raises(ValueError, match=r"^row 0 must hold "):
        input_of(wrong, "row 0")


def test_refuses_rows_that_differ_in_size_by_their_number_and_says_what_to_do():
    refused(lambda row: (Image.new("L", (3 + (row == 7), 2)), 0), r"^train row 7 must have the shape \(1, 2, 3\) of row 0, got \(1, 2, 4\); .*Resize")  # fmt: skip # noqa: E501
    refused(lambda row: (Image.new("RGB" if row == 7 else "L", (3, 2)), 0), r"^train row 7 .*Grayscale")
    refused(
        lambda row: (torch.zeros(2) if row else torch.zeros(2, dtype=torch.uint8), 0), "row 1 must be torch.u"
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_refuses_what_is_no_finite_number_by_its_row(value: float):
    refused(
        lambda row: (torch.tensor([0.0, value if row == 7 else 1.0]), 0), rf"^train row 7 .*finite.*{value}"
    )


def test_refuses_random_rows():
    refused(lambda row: (torch.rand(2), row % 2), r"^train row 0 must be the same whenever it is read")
    generator = torch.Generator().manual_seed(0)
    seldom = lambda row: (torch.full((2,), float(torch.rand((), generator=generator) < 0.3)), 0)  # noqa: E731
    refused(seldom, "must be the same whenever it is read")
    refused(lambda row: (torch.zeros(2), int(torch.randint(99, (), generator=generator))), "must be the same")


def test_refuses_labels_that_do_not_begin_at_zero_leave_one_out_or_are_no_class():
    refused(lambda row: (grey(row), 1 + row % 2), r"^labels must begin at 0, got 1 to 2$")
    refused(lambda row: (grey(row), -1), r"^labels must begin at 0, got -1 to -1$")
    refused(lambda row: (grey(row), 3 * (row % 2)), r"^labels must leave out none of 0 to 3, got no 1; ")
    refused(lambda row: (grey(row), row), r"row 2 must be in 0 to 1, got 2$", classes=["cat", "dog"])
    refused(
        lambda row: (grey(row), "cow"), r"row 0 must be one of cat, dog, got 'cow'$", classes=["cat", "dog"]
    )


def test_refuses_what_is_no_pair():
    refused(
        lambda row: {"image": grey(row), "label": 0, "name": ""},
        r"^train row 0 must be a pair .*a dict of 3$",
    )
    refused(
        lambda row: (grey(row), 0, 1), r"^train row 0 must be a pair of input and label, got a tuple of 3$"
    )
    refused(lambda row: None, r"got a NoneType$")


def test_what_a_persons_code_raises_is_told_with_its_place():
    def row(number: int) -> Any:
        return {"a": 1}["b" if number == 3 else "a"] and (grey(1), number % 2)

    line = row.__code__.co_firstlineno + 1
    refused(row, rf"^train row 3 raises KeyError: 'b' \(.*test_map_style\.py, line {line}\)$")


def test_refuses_no_rows_and_more_than_fit_into_memory():
    refused(lambda row: (grey(row), 0), "Listed must have rows, got none", number=0)
    refused(
        lambda row: (grey(row), 0), r"rows of \(1, 2, 3\) must fit into memory twice, 1.2e\+05 GB", 10**13
    )
    huge = torch.zeros(1).expand(1, 10**7, 10**7)
    refused(lambda row: (huge, 0), r"^train row 0 of \(1, 10000000, 10000000\) must fit into memory twice")
    with pytest.raises(ValueError, match="num_classes must be at most 1000000, got 10000000000"):
        opened(lambda row: (grey(row), row % 2), num_classes=10**10)
    with pytest.raises(ValueError, match="got no __len__"):
        MapStyle({"train": object()}).fetch()


@pytest.mark.parametrize(
    ("value", "got"),
    [(torch.zeros(1, 2, 2).to_sparse(), "sparse_coo"), (torch.zeros(1, 2, 2, device="meta"), "meta")],
)
def test_refuses_tensors_that_are_not_dense(value: torch.Tensor, got: str):
    refused(
        lambda row: (value, 0), f"^train row 0 must hold a dense tensor with values, got one that is {got}$"
    )


def test_tells_of_floats_outside_zero_to_one_and_of_channels_that_stand_last():
    (said,) = opened(lambda row: (torch.full((1, 2, 2), row - 5.0), row % 2)).warnings()
    assert said.startswith("dataset: pixels lie in -5 to 14, ")
    assert "leave out Normalize" in said
    (said,) = opened(lambda row: (torch.full((1, 2, 2), row * 12.0), row % 2)).warnings()
    assert "0 to 228, " in said
    assert "divide them by 255" in said
    (said,) = opened(lambda row: (torch.full((8, 8, 3), row / 20), row % 2)).warnings()
    assert "(8, 8, 3) looks like (H, W, C)" in said
    assert opened(lambda row: (torch.tensor([-5.0, row]), row % 2)).warnings() == []


def test_equal_rows_are_called_by_their_numbers_in_the_dataset():
    """Rows 0 and 1 of 60 are equal, and all others differ."""
    source = opened(lambda row: (torch.full((1, 2, 2), max(row, 1) / 99), row % 3 % 2), 60)
    said = [w for seed in range(9) for w in carve(source, SplitOptions(seed, 1.0, None, 0.0)).warnings]
    named = [w for w in said if "stand" in w]
    assert named
    assert all("train row 0 is train row 1" in w or "train row 1 is train row 0" in w for w in named)


def test_test_rows_that_stand_in_train_are_counted_and_named():
    parts = {
        "train": Listed(lambda row: (grey(row), row % 2)),
        "test": Listed(lambda row: (grey(row + 18), row % 2), 10),
    }
    (said,) = MapStyle(parts).warnings()
    assert said == (
        "dataset: 2 of the 10 test rows (20.0%) stand among the rows that train, select and val are cut from "
        "(test row 0 is train row 18, test row 1 is train row 19)"
    )


def test_refuses_numbers_beside_names():
    refused(lambda row: (grey(row), "a" if row == 7 else 1), "must be numbers or names, .*, got 'a' and 1$")


def test_a_dataset_may_say_that_mirrored_images_are_others():
    assert opened(lambda row: (grey(row), row % 2)).mirrors
    assert not opened(lambda row: (grey(row), row % 2), mirrors=False).mirrors

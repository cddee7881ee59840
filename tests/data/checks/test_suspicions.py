import pytest
import torch

from regbench.data.checks import suspicions


def labels_of(*sizes: int) -> torch.Tensor:
    """Labels of classes of these sizes."""
    return torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))


def test_three_classes_of_ten_rows_each_raise_no_doubt():
    assert suspicions.of_labels(labels_of(10, 10, 10), ["cat", "dog", "hen"]) == []
    assert suspicions.of_labels(labels_of(3, 90, 7), ["1", "2", "10"]) == []


def test_more_classes_than_a_tenth_of_the_rows_are_numbers_or_names_of_rows():
    (said,) = suspicions.of_labels(labels_of(10, 10, 9), ["0.5", "1.25", "3"])  # 3 > 2.9
    assert said == (
        "dataset: 3 classes stand in 29 rows, more than one for every 10; are the labels numbers to predict, "
        "or the names of the rows? '0.5', '1.25', '3'"
    )


def test_a_few_names_in_a_small_dataset_are_names():
    (said,) = suspicions.of_labels(labels_of(8, 8), ["cat", "dog"])
    assert said == (
        "dataset: 2 classes stand in 16 rows, more than one for every 10, few to learn from and few to judge "
        "by: 'cat', 'dog'"
    )
    (said,) = suspicions.of_labels(labels_of(8, 8), ["0", "1"])  # numbers of classes, which have no names
    assert "few to learn from" in said
    said = suspicions.of_labels(labels_of(*[5] * 11), [f"c{n}" for n in range(11)])
    assert "names of the rows?" in said[0]


def test_an_id_for_each_row_is_said_in_short():
    said = suspicions.of_labels(torch.arange(1200), [f"id{n:04}" for n in range(1200)])
    assert [sentence.split(":")[1][:20] for sentence in said] == [
        " 1,200 classes stand",
        " fewer than 3 rows, ",
    ]
    assert said[0].endswith("'id0000', 'id0001', 'id0002', 'id0003', 'id0004', 1,195 more")
    assert said[1].endswith(
        "are of 1,200 classes: 'id0000' (1 row), 'id0001' (1 row), 'id0002' (1 row), "
        "'id0003' (1 row), 'id0004' (1 row), 1,195 more"
    )


def test_classes_of_one_and_two_rows_are_named_with_them():
    (said,) = suspicions.of_labels(labels_of(50, 2, 3, 1), ["cat", "dog", "hen", "owl"])
    assert said == (
        "dataset: fewer than 3 rows, so that train, select and val cannot all have one, are of 2 classes: "
        "'dog' (2 rows), 'owl' (1 row)"
    )


def test_a_class_without_a_row_is_named():
    assert suspicions.of_labels(labels_of(20, 0, 20), ["cat", "dog", "hen"]) == [
        "dataset: 1 of the 3 classes have no row that train, select or val could take: 'dog'"
    ]


@pytest.mark.parametrize(
    "names",
    [
        ("Cat", "cat"),
        ("cat", "cat "),
        ("\tcat", "cat"),
        ("ice cream", "icecream"),
        ("cat", "cat\u200b"),  # a blank of no width
        ("caf\u00e9", "cafe\u0301"),  # the accent apart
        ("STRASSE", "straße"),
        ("1", "1.0"),
        ("01", "1"),
        ("1e2", "100"),
    ],
)
def test_names_that_only_look_different_are_named_together(names: tuple[str, str]):
    said = suspicions.of_labels(labels_of(20, 5, 20), [names[0], names[1], "dog"])
    assert said == [
        "dataset: classes differ in nothing but blanks, case or notation: "
        f"{names[0]!r} (20 rows), {names[1]!r} (5 rows); are they one?"
    ]


@pytest.mark.parametrize(
    "names",
    [("cat", "cats"), ("1", "-1"), ("1_0", "10"), ("sNaN1", "sNaN2"), ("é", "e"), ("inf", "infinity")],
)
def test_names_that_differ_are_let_be(names: tuple[str, str]):
    assert suspicions.of_labels(labels_of(20, 20), names) == []


@pytest.mark.parametrize(
    "name", ["nan", "NaN", "None", "NULL", "", "  ", "n/a", "N/A", "NA", "<NA>", "?", "#N/A"]
)
def test_a_missing_value_that_became_a_class_is_named(name: str):
    said = suspicions.of_labels(labels_of(20, 4), ["cat", name])
    assert said == [
        f"dataset: a missing value is read as a class: {name!r} (4 rows); "
        "leave such rows out where they have no label"
    ]


def test_classes_that_a_split_lacks_are_named_and_vals_lost_rows_counted():
    splits = {"train": labels_of(5, 0, 5), "select": labels_of(2, 1, 0), "val": labels_of(1, 3, 0)}
    assert suspicions.of_splits(splits, ["cat", "dog", "hen", "owl"]) == [
        "dataset: train has no row of 'dog', select has no row of 'hen', val has no row of 'hen'; "
        "3 rows of val can only be wrong: train never shows their label"
    ]
    splits["val"] = labels_of(1, 0, 0)
    assert suspicions.of_splits(splits, ["cat", "dog", "hen"]) == [
        "dataset: train has no row of 'dog', select has no row of 'hen', val has no row of 'dog', 'hen'"
    ]


def test_splits_that_hold_every_class_raise_no_doubt():
    assert suspicions.of_splits(dict.fromkeys(("train", "select", "val"), labels_of(1, 1)), ["a", "b"]) == []


def test_many_names_are_cut_short():
    (said,) = suspicions.of_labels(torch.zeros(100, dtype=torch.int64), list("abcdefg"))
    assert said.endswith(": 'b', 'c', 'd', 'e', 'f', 1 more")
    (said,) = suspicions.of_labels(torch.zeros(100, dtype=torch.int64), list("abcdef"))
    assert said.endswith(": 'b', 'c', 'd', 'e', 'f'")

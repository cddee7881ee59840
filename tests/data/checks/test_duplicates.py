import re
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from regbench.data.checks.duplicates import Part, of_rows
from regbench.data.splits import SplitOptions, carve

CLASSES = ("cat", "dog")


def part(name: str, rows: list[list[float]], labels: list[int], dtype: torch.dtype = torch.uint8) -> Part:
    return Part(torch.tensor(rows, dtype=dtype), torch.tensor(labels), lambda row: f"{name} {row}")


def said(train: Part, select: Part, val: Part) -> list[str]:
    return of_rows({"train": train, "select": select, "val": val}, CLASSES)


def test_different_rows_are_not_mentioned():
    apart = (part("t", [[1, 2], [2, 1]], [0, 1]), part("s", [[1, 1]], [0]), part("v", [[2, 2]], [0]))
    assert said(*apart) == []


def test_rows_of_val_that_stand_in_train_are_counted_once_each_and_named():
    train = part("t", [[1, 2], [3, 4], [1, 2], [5, 6]], [0, 1, 0, 0])
    val = part("v", [[1, 2], [7, 8], [3, 4], [1, 2]], [0, 0, 1, 0])  # three of four
    assert said(train, part("s", [[0, 0]], [0]), val) == [
        "equal rows stand in two splits: 3 of val's 4 rows (75.0%) in train; on them memory passes "
        "for generalization (v 0 is t 0, v 3 is t 0, v 2 is t 1)"
    ]


def test_every_pair_of_splits_is_looked_at_and_other_labels_are_counted():
    train = part("t", [[1, 2], [3, 4], [9, 9]], [0, 1, 0])
    select = part("s", [[3, 4], [5, 5], [6, 6], [7, 7]], [1, 0, 0, 0])
    val = part("v", [[1, 2], [6, 6]], [1, 0])
    assert said(train, select, val) == [
        "equal rows stand in two splits: 1 of val's 2 rows (50.0%) in train, 1 with another label; "
        "1 of select's 4 rows (25.0%) in train; 1 of val's 2 rows (50.0%) in select; "
        "on them memory passes for generalization (v 0 is t 0, s 0 is t 1, v 1 is s 2)",
        "equal inputs have different labels: 1 input in 2 rows of train, select and val "
        "(t 0 is 'cat', v 0 is 'dog')",
    ]


def test_a_row_whose_label_one_of_its_twins_has_is_not_one_with_another_label():
    train = part("t", [[1, 2], [1, 2]], [0, 1])
    crossing, conflict = said(train, part("s", [[0, 0]], [0]), part("v", [[1, 2]], [1]))
    assert "1 of val's 1 rows (100.0%) in train;" in crossing
    assert "1 input in 3 rows" in conflict


def test_equal_rows_within_train_are_mentioned_for_their_labels_alone():
    others = (part("s", [[0, 0]], [0]), part("v", [[9, 9]], [0]))
    assert said(part("t", [[1, 2], [1, 2]], [0, 0]), *others) == []
    assert said(part("t", [[1, 2], [8, 8], [1, 2], [1, 2], [8, 8]], [0, 0, 1, 0, 1]), *others) == [
        "equal inputs have different labels: 2 inputs in 5 rows of train, select and val "
        "(t 0 is 'cat', t 2 is 'dog')"
    ]


def test_narrower_token_rows_are_those_that_are_padded():
    train = part("t", [[3, 4, 0, 0], [3, 4, 5, 0]], [0, 0], torch.int64)
    val = part("v", [[3, 4], [4, 3]], [0, 0], torch.int64)
    assert "1 of val's 2 rows (50.0%) in train" in said(train, part("s", [[9]], [0], torch.int64), val)[0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_zeros_of_either_sign_are_equal(dtype: torch.dtype):
    splits = (part(name, rows, [0], dtype) for name, rows in (("t", [[-0.0]]), ("s", [[1]]), ("v", [[0.0]])))
    assert "1 of val's 1 rows (100.0%) in train" in said(*splits)[0]


# --- in a dataset that is cut


@dataclass
class Pairs:
    """Sixty rows of which row n and row n + 30 are equal; the first half is cat, the other `second`."""

    second: int = 0
    num_classes: int = 2
    in_shape: tuple[int, ...] = (1,)
    scale: float = 255.0
    mirrors: bool = False

    def fetch(self) -> None: ...

    def train(self) -> tuple[Tensor, Tensor]:
        halves = torch.tensor([0] * 30 + [self.second] * 30)
        return (torch.arange(60) % 30).unsqueeze(1), halves

    def test(self) -> tuple[Tensor, Tensor]:
        raise AssertionError("the test split is sealed")


class Named(Pairs):
    def origin(self, part: str, row: int) -> str:
        return f"{part}/{row}.png"


class Published(Pairs):
    def content(self) -> str:
        return ""


class Own(Pairs):
    def content(self) -> str:
        return "a digest"


def cut(source: Pairs, num_train: int | None = None, label_noise: float = 0.0) -> list[str]:
    data = carve(source, SplitOptions(0, 1.0, num_train, label_noise))
    return [line for line in (*data.warnings, *data.note.splitlines()) if "equal" in line]


def by_hand(num_train: int) -> int:
    """How many val rows are equal to one of the kept train rows; read off the rows themselves."""
    data = carve(Pairs(), SplitOptions(0, 1.0, num_train, 0.0))
    kept = [int(row) for row in data.train.inputs]
    return sum(int(row) in kept for row in data.val.inputs)


@pytest.mark.parametrize("num_train", [40, 11])
def test_val_is_compared_with_the_train_rows_that_are_kept(num_train: int):
    (said,) = cut(Pairs(), num_train)
    assert 0 < by_hand(num_train) < 10
    assert f"{by_hand(num_train)} of val's 10 rows ({by_hand(num_train) * 10}.0%) in train" in said


def test_labels_that_were_made_wrong_on_purpose_are_no_conflict():
    (said,) = cut(Pairs(), label_noise=0.5)
    assert "label" not in said


def test_equal_rows_with_two_labels_are_said():
    crossing, conflict = cut(Pairs(second=1))
    assert f"in train, {by_hand(40)} with another label" in crossing
    assert "30 inputs in 60 rows" in conflict


def test_rows_go_by_the_names_that_the_source_has_for_them_or_by_their_numbers():
    named, numbered = cut(Named())[0], cut(Pairs())[0]
    pairs = re.findall(r"train/(\d+)\.png is train/(\d+)\.png", named)
    assert len(pairs) == 3
    assert all(abs(int(one) - int(other)) == 30 for one, other in pairs)
    assert re.findall(r"row (\d+) is row (\d+)", numbered) == pairs


def test_of_a_published_set_it_is_a_fact_and_of_ones_own_a_warning():
    published, own = (carve(kind(second=1), SplitOptions(0, 1.0, None, 0.0)) for kind in (Published, Own))
    assert not any("equal" in line for line in published.warnings)
    assert published.note.startswith("equal rows stand in two splits: ")
    assert "; equal inputs have different labels: 30 inputs in 60 rows" in published.note
    assert "\n" not in published.note
    assert own.warnings[-2].startswith("dataset: equal rows stand in two splits: ")
    assert own.warnings[-1].startswith("dataset: equal inputs have different labels: ")
    assert own.note == ""

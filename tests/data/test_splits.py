from collections import Counter
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from regbench.data.splits import SplitOptions, carve, fifth_apart, mislabel, stratified_order


@dataclass
class Numbered:
    """A source whose inputs are the numbers of their rows; test rows go on where train rows end."""

    labels: Tensor
    num_test: int = 4
    num_classes: int = 3
    in_shape: tuple[int, ...] = (1,)
    scale: float = 255.0
    mirrors: bool = False
    test_reads: int = 0

    def fetch(self) -> None: ...

    def train(self) -> tuple[Tensor, Tensor]:
        return torch.arange(len(self.labels)).unsqueeze(1), self.labels

    def test(self) -> tuple[Tensor, Tensor]:
        self.test_reads += 1
        numbers = torch.arange(self.num_test).unsqueeze(1) + len(self.labels)
        return numbers, torch.zeros(self.num_test, dtype=torch.int64)


LABELS = torch.tensor([0] * 60 + [1] * 60 + [2] * 60)


def options(
    split_seed: int = 0, train_fraction: float = 1.0, num_train: int | None = None, label_noise: float = 0.0
) -> SplitOptions:
    return SplitOptions(split_seed, train_fraction, num_train, label_noise)


def numbers(inputs: Tensor) -> list[int]:
    return inputs.flatten().tolist()


def test_val_and_select_are_a_sixth_each_and_train_is_the_rest():
    data = carve(Numbered(LABELS), options())  # 180 // 6 = 30
    assert [len(s) for s in (data.val, data.select, data.train)] == [30, 30, 120]
    everything = [n for s in (data.val, data.select, data.train) for n in numbers(s.inputs)]
    assert sorted(everything) == list(range(180))


def test_val_never_exceeds_5000_rows():
    data = carve(Numbered(torch.arange(30_006) % 3), options())  # 30006 // 6 = 5001
    assert [len(s) for s in (data.val, data.select, data.train)] == [5000, 5000, 20_006]


def test_labels_stay_with_their_rows():
    data = carve(Numbered(LABELS), options())
    for split in (data.train, data.select, data.val):
        assert split.labels.tolist() == [n // 60 for n in numbers(split.inputs)]


@pytest.mark.parametrize("sizes", [(7, 7, 7), (50, 50, 50), (30, 29, 31)])
def test_every_prefix_holds_each_class_in_proportion_to_within_one_row(sizes: tuple[int, ...]):
    labels = torch.repeat_interleave(torch.arange(3), torch.tensor(sizes))
    order = stratified_order(labels, torch.Generator().manual_seed(3))
    assert sorted(order.tolist()) == list(range(len(labels)))
    for length in range(1, len(labels) + 1):
        counts = Counter(labels[order[:length]].tolist())
        for label, size in enumerate(sizes):
            assert abs(counts[label] - size * length / len(labels)) <= 1


def test_a_rare_class_stands_in_the_middle_of_its_share():
    labels = torch.tensor([0] * 9 + [1])  # the one row has the key 0.5, as has the fifth of nine
    order = stratified_order(labels, torch.Generator().manual_seed(0))
    assert order.tolist().index(9) in (4, 5)


def test_rows_are_shuffled_within_their_class_and_ties_between_classes():
    seeds = range(40)
    orders = [stratified_order(LABELS, torch.Generator().manual_seed(s)) for s in seeds]
    assert len({int(order[0]) for order in orders}) > 20
    assert {int(LABELS[order[0]]) for order in orders} == {0, 1, 2}


def test_the_same_split_seed_makes_the_same_splits_and_another_does_not():
    one, again, other = (carve(Numbered(LABELS), options(split_seed=s)) for s in (5, 5, 6))
    assert numbers(one.train.inputs) == numbers(again.train.inputs)
    assert set(numbers(one.val.inputs)) != set(numbers(other.val.inputs))


def test_the_global_generator_neither_matters_nor_moves():
    torch.manual_seed(1)
    one, after = carve(Numbered(LABELS), options(label_noise=0.5)), torch.rand(1)
    torch.manual_seed(1)
    assert torch.rand(1) == after
    again = carve(Numbered(LABELS), options(label_noise=0.5))
    assert torch.equal(one.train.labels, again.train.labels)


def test_fewer_train_rows_are_the_first_of_more_and_held_out_rows_stay():
    whole = carve(Numbered(LABELS), options())
    for fewer, rows in (
        (options(train_fraction=0.25), 30),
        (options(num_train=7), 7),
        (options(train_fraction=0.25, num_train=40), 30),
        (options(train_fraction=0.5, num_train=40), 40),
    ):
        data = carve(Numbered(LABELS), fewer)
        assert numbers(data.train.inputs) == numbers(whole.train.inputs)[:rows]
        assert numbers(data.val.inputs) == numbers(whole.val.inputs)
        assert numbers(data.select.inputs) == numbers(whole.select.inputs)


def test_train_prefixes_are_stratified():
    data = carve(Numbered(LABELS), options(num_train=30))
    assert Counter(data.train.labels.tolist()) == {0: 10, 1: 10, 2: 10}
    assert Counter(carve(Numbered(LABELS), options()).measured.labels.tolist()) == {0: 10, 1: 10, 2: 10}


def test_noise_makes_the_exact_share_of_labels_wrong_and_keeps_the_true_ones():
    data = carve(Numbered(LABELS), options(label_noise=0.3))  # round(0.3 * 120) = 36
    assert data.train.true_labels is not None
    assert (data.train.labels != data.train.true_labels).sum() == 36
    assert data.train.true_labels.tolist() == [n // 60 for n in numbers(data.train.inputs)]


def test_only_train_labels_are_made_wrong():
    source = Numbered(LABELS)
    data = carve(source, options(label_noise=0.9))
    for split in (data.select, data.val):
        assert split.labels.tolist() == [n // 60 for n in numbers(split.inputs)]
        assert split.true_labels is None
    assert data.read_test().labels.tolist() == [0] * 4
    assert source.labels.tolist() == [0] * 60 + [1] * 60 + [2] * 60


def test_without_noise_there_are_no_true_labels_beside_the_labels():
    assert carve(Numbered(LABELS), options()).train.true_labels is None


def test_rows_wrong_at_a_share_are_as_wrong_at_a_larger_one():
    less, more = (carve(Numbered(LABELS), options(label_noise=s)).train for s in (0.1, 0.4))
    wrong = less.labels != less.true_labels
    assert wrong.sum() == 12
    assert torch.equal(less.labels[wrong], more.labels[wrong])


def test_wrong_classes_are_uniform_over_the_others():
    labels = torch.full((6000,), 2)
    told = mislabel(labels, 4, 0.5, len(labels), torch.Generator().manual_seed(0))
    counts = torch.bincount(told, minlength=4)
    assert counts[2] == 3000
    assert (counts[[0, 1, 3]] - 1000).abs().max() < 5 * (3000 * 1 / 3 * 2 / 3) ** 0.5  # five deviations


def test_a_rows_wrong_class_does_not_depend_on_how_many_rows_are_kept():
    labels = torch.zeros(100, dtype=torch.int64)
    some = mislabel(labels[:50], 9, 0.99, 100, torch.Generator().manual_seed(0))
    every = mislabel(labels, 9, 0.99, 100, torch.Generator().manual_seed(0))[:50]
    both = (some != 0) & (every != 0)
    assert both.sum() >= 48
    assert torch.equal(some[both], every[both])


def test_test_rows_are_read_only_when_asked_for():
    source = Numbered(LABELS)
    data = carve(source, options())
    assert source.test_reads == 0
    assert numbers(data.read_test().inputs) == [180, 181, 182, 183]
    assert source.test_reads == 1


def test_splits_carry_what_the_source_says_of_its_pixels():
    source = Numbered(LABELS, scale=16.0, mirrors=True)
    data = carve(source, options())
    for split in (data.train, data.select, data.val, data.read_test()):
        assert (split.scale, split.mirrors, split.num_classes) == (16.0, True, 3)
    assert (data.in_shape, data.num_classes) == ((1,), 3)


def test_a_fifth_apart_is_stratified_and_rounded_up():
    train, held_out = fifth_apart(LABELS[:178])  # 178 / 5 = 35.6
    assert len(held_out) == 36
    assert sorted([*train.tolist(), *held_out.tolist()]) == list(range(178))
    assert sorted(Counter(LABELS[held_out].tolist()).values()) == [12, 12, 12]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"split_seed": -1}, r"split_seed must lie in 0 to 2\^32 - 1, got -1"),
        ({"split_seed": 2**32}, r"split_seed must lie in 0 to 2\^32 - 1, got 4294967296"),
        ({"train_fraction": 0.0}, r"train_fraction must lie in \(0, 1\], got 0.0"),
        ({"train_fraction": 1.1}, r"train_fraction must lie in \(0, 1\], got 1.1"),
        ({"num_train": 0}, "num_train must be at least 1, got 0"),
        ({"label_noise": 1.0}, r"label_noise must lie in \[0, 1\), got 1.0"),
        ({"label_noise": -0.1}, r"label_noise must lie in \[0, 1\), got -0.1"),
    ],
)
def test_refuses_options_out_of_range(changed: dict, message: str):
    with pytest.raises(ValueError, match=message):
        options(**changed)


@pytest.mark.parametrize(
    ("source", "chosen", "message"),
    [
        (
            Numbered(LABELS),
            {"num_train": 121},
            "num_train must be at most the 120 train rows there are, got 121",
        ),
        (
            Numbered(LABELS),
            {"train_fraction": 0.004},
            "the train split is empty: train_fraction 0.004 of 120",
        ),
        (Numbered(LABELS[:5]), {}, "the val split is empty: .* has 5"),
        (Numbered(LABELS * 0, num_classes=1), {"label_noise": 0.1}, "at least 2 classes, got 1"),
        (Numbered(LABELS, num_classes=2), {}, "labels must lie in 0 to 1, got 0 to 2"),
        (Numbered(LABELS.int()), {}, "labels must be one int64 a row, got torch.int32"),
        (Numbered(LABELS, in_shape=(2,)), {}, r"inputs must have the shape \(120, 2\), got \(120, 1\)"),
    ],
)
def test_refuses_what_cannot_be_cut(source: Numbered, chosen: dict, message: str):
    with pytest.raises(ValueError, match=message):
        carve(source, options(**chosen))


def test_refuses_an_empty_test_split_when_it_is_read():
    data = carve(Numbered(LABELS, num_test=0), options())
    with pytest.raises(ValueError, match="the test split is empty"):
        data.read_test()


@dataclass
class Judging(Numbered):
    """A source with a val split of its own, two named classes, words on what it found, and no test split."""

    has_test: bool = False
    classes: tuple[str, ...] = ("cat", "dog", "hen")

    def val(self) -> tuple[Tensor, Tensor]:
        return torch.tensor([[900], [901]]), torch.tensor([2, 0])

    def found(self) -> str:
        return "3 animals"

    def warnings(self) -> list[str]:
        return ["hens look like dogs"]


def test_a_val_split_of_the_sources_own_is_val_and_select_is_cut_from_train():
    data = carve(Judging(LABELS), options())
    assert (numbers(data.val.inputs), data.val.labels.tolist()) == ([900, 901], [2, 0])
    assert [len(data.select), len(data.train)] == [30, 150]  # 180 // 6 = 30
    assert sorted(numbers(data.select.inputs) + numbers(data.train.inputs)) == list(range(180))


def test_what_a_source_says_of_itself_is_kept():
    data = carve(Judging(LABELS), options())
    assert data.classes == ("cat", "dog", "hen")
    assert data.note == "3 animals"
    assert data.warnings == ("hens look like dogs", "dataset: val has no row of 'dog'")
    assert data.read_test is None
    assert data.to(torch.device("cpu")).read_test is None


def test_classes_without_names_are_called_by_their_numbers():
    assert carve(Numbered(LABELS), options()).classes == ("0", "1", "2")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_refuses_inputs_that_are_no_finite_numbers_by_their_row(value: float):
    source = Numbered(LABELS)
    rows, labels = source.train()
    rows = rows.float()
    rows[5] = value
    source.train = lambda: (rows, labels)  # type: ignore[method-assign]
    with pytest.raises(ValueError, match=rf"^inputs must be finite numbers, got {value} in row 5$"):
        carve(source, options())
    rows[7] = value
    with pytest.raises(ValueError, match=rf"got {value} in row 5, and in 1 more$"):
        carve(source, options())


def test_refuses_more_or_fewer_names_than_classes():
    with pytest.raises(ValueError, match=r"^classes must be 3 names, one for each class, got 2$"):
        carve(Judging(LABELS, classes=("cat", "dog")), options())

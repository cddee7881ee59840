"""Numbers to predict: how a source of them is cut and standardized."""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from regbench.data.checks import numbers
from regbench.data.labelling import strata
from regbench.data.splits import SplitOptions, carve, fifth_apart
from regbench.tasks import Loss, Regression


@dataclass
class Measured:
    """A source whose inputs are the numbers of their rows."""

    values: Tensor
    targets: tuple[str, ...] = ("price",)
    unit: str = "EUR"
    loss_form: Loss = "squared"
    in_shape: tuple[int, ...] = (1,)
    scale: float = 255.0
    mirrors: bool = False

    def fetch(self) -> None: ...

    def train(self) -> tuple[Tensor, Tensor]:
        return torch.arange(len(self.values)).float().unsqueeze(1), self.values

    def test(self) -> tuple[Tensor, Tensor]:
        return torch.tensor([[-1.0], [-2.0]]), torch.full((2, len(self.targets)), 100.0, dtype=torch.float64)


def options(num_train: int | None = None, label_noise: float = 0.0) -> SplitOptions:
    return SplitOptions(0, 1.0, num_train, label_noise)


def column(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64).unsqueeze(1)


def test_targets_are_standardized_by_the_train_rows_that_are_kept():
    values = torch.arange(60, dtype=torch.float64).unsqueeze(1) ** 2
    data = carve(Measured(values), options(num_train=16))
    kept = values[data.train.inputs.flatten().long()]
    mean, std = kept.mean().item(), kept.std(correction=0).item()
    assert data.train.numbers == Regression((mean,), (std,), ("price",), "EUR", "squared")
    assert data.task == data.val.task == data.select.task == data.train.task
    for split in (data.train, data.select, data.val):
        assert (split.labels.dtype, split.num_classes) == (torch.float32, 1)
        expected = (values[split.inputs.flatten().long()] - mean) / std
        torch.testing.assert_close(split.labels.double(), expected, rtol=1e-6, atol=1e-6)
        torch.testing.assert_close(split[:3].targets, split.labels[:3])
    assert data.read_test is not None
    torch.testing.assert_close(data.read_test().labels.double(), column(100, 100).sub(mean).div(std))
    assert (data.num_classes, data.classes) == (1, ())


def test_every_prefix_has_as_many_rows_of_each_tenth():
    values = torch.rand(600, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    data = carve(Measured(values), options())
    tenth = (values.flatten().argsort().argsort() // 60)[data.train.inputs.flatten().long()]
    for length in (50, 100, 400):
        counts = torch.bincount(tenth[:length], minlength=10)
        assert counts.max() - counts.min() <= 1


def test_strata_of_equal_numbers_are_one():
    assert strata(column(*range(20))).tolist() == [place // 2 for place in range(20)]
    found = strata(column(0, 0, 0, 0, 0, 0, 0, 0, 1, 2)).tolist()
    assert len(set(found[:8])) == 1
    assert len({found[0], found[8], found[9]}) == 3
    train, test = fifth_apart(column(*range(50)))
    assert torch.bincount(test // 5).tolist() == [1] * 10
    assert sorted([*train.tolist(), *test.tolist()]) == list(range(50))


CONSTANT = r"^the target price must vary over the train rows, got 3\.5 in all 40$"
NOISY = r"^label_noise needs classes, got numbers to predict and label_noise=0\.1$"
ROWS = column(*range(60))


@pytest.mark.parametrize(
    ("source", "asked", "said"),
    [
        (Measured(column(*[3.5] * 60)), options(), CONSTANT),
        (Measured(ROWS), options(label_noise=0.1), NOISY),
        (Measured(column(*range(60), float("inf"))), options(), r"^labels must be finite .* inf in row 60$"),
        (Measured(ROWS.float()), options(), r"^labels must be float64 \(60, 1\)"),
        (Measured(ROWS, targets=("a", "b")), options(), r"^labels must be float64 \(60, 2\)"),
        (Measured(1e200 * ROWS), options(), r"^targets must be of a size"),
    ],
)
def test_refuses_what_cannot_be_learned(source: Measured, asked: SplitOptions, said: str):
    with pytest.raises(ValueError, match=said):
        carve(source, asked)


def test_one_train_row_is_kept_for_whoever_refuses_it():
    assert carve(Measured(column(*range(60))), options(num_train=1)).train.labels.tolist() == [[0.0]]


def test_equal_rows_with_different_numbers_are_no_fault_and_in_two_splits_they_are():
    source = Measured(column(*range(60)))
    source.train = lambda: (torch.zeros(60, 1), source.values)  # type: ignore[method-assign]
    (said,) = [one for one in carve(source, options()).warnings if "equal" in one]
    assert "equal rows stand in two splits: 10 of val's 10 rows (100.0%) in train, 10 with another" in said


def test_few_whole_values_may_be_classes_and_one_far_away_a_missing_value():
    assert numbers.of_values(column(*range(6)), ["price"]) == []
    (said,) = numbers.of_values(column(1, 2, 1, 2), ["price"])
    assert said == "dataset: the target price has 2 values in 4 rows (1, 2); are they classes?"
    (said,) = numbers.of_values(column(*(row / 500 for row in range(500)), -999), ["price"])
    assert "price is more than 10 standard deviations from its mean in 1 row (-999)" in said

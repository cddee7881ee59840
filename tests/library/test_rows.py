"""Which row of train each row of a batch is, in a loop of one's own."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset

import regbench
from regbench.errors import ConfigError
from regbench.library.applied import Applied
from regbench.library.rows import numbers_of
from tests.library.nets import net, rows, sgd


def applied(train: Any = None, **given: Any) -> Applied:
    model = net()
    stack = regbench.stack("early_learning")
    return stack.apply(model, sgd(model), train=train or rows(), epochs=2, steps_per_epoch=4, **given)


def test_a_member_that_needs_them_says_what_is_missing() -> None:
    inputs, labels = rows()
    with pytest.raises(ConfigError) as caught:
        applied().step(inputs, labels)
    assert str(caught.value) == (
        "rows: must be given as loss(inputs, labels, rows=...), the place of each row in train, "
        "as reg.early_learning keeps something of each"
    )


def test_others_do_without_and_may_be_given_them() -> None:
    inputs, labels = rows()
    weights = []
    for given in ({}, {"rows": torch.arange(len(labels))}):
        model = net()
        made = regbench.stack("mixup", "dropout").apply(
            model, sgd(model), train=rows(), epochs=1, steps_per_epoch=1
        )
        made.step(inputs, labels, **given)
        weights.append(model[1].weight.detach().clone())
    assert torch.equal(*weights)


def test_in_evaluation_none_are_needed() -> None:
    made = applied()
    made.model.eval()
    inputs, labels = rows()
    assert made.loss(inputs, labels).isfinite()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (torch.arange(47), r"must be whole numbers \(48,\), one for each label, got torch.int64 \(47,\)"),
        (torch.arange(48.0), r"must be whole numbers \(48,\), one for each label, got torch.float32 \(48,\)"),
        (torch.ones(48).bool(), r"must be whole numbers \(48,\), .*, got torch.bool \(48,\)"),
        (torch.arange(1, 49), r"must be places in the 48 rows of train, from 0, or -1 .*, got 1 to 48"),
        (torch.arange(-2, 46), r"must be places in the 48 rows of train, from 0, or -1 .*, got -2 to 45"),
    ],
    ids=["fewer", "floats", "bools", "from 1", "negative"],
)
def test_wrong_ones_are_refused_in_a_sentence(wrong: Tensor, said: str) -> None:
    inputs, labels = rows()
    with pytest.raises(ConfigError, match=f"^rows: {said}$"):
        applied().loss(inputs, labels, rows=wrong)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.uint16, torch.int32], ids=str)
def test_whole_numbers_of_any_width_will_do(dtype: torch.dtype) -> None:
    found = numbers_of(torch.tensor([0, 47, 3]).to(dtype), 3, 48, torch.device("cpu"))
    assert (found.dtype, found.tolist()) == (torch.int64, [0, 47, 3])


def test_those_without_a_sign_are_refused_by_what_they_are() -> None:
    with pytest.raises(ConfigError, match=r"in the 48 rows of train, from 0, or -1 .*, got 3 to 255$"):
        numbers_of(torch.tensor([3, 255], dtype=torch.uint8), 2, 48, torch.device("cpu"))


@pytest.mark.parametrize("rows", [[], torch.zeros(0, dtype=torch.int64)], ids=["list", "tensor"])
def test_of_an_empty_batch_there_are_none(rows: Any) -> None:
    found = numbers_of(rows, 0, 48, torch.device("cpu"))
    assert (found.dtype, found.shape) == (torch.int64, (0,))


def test_what_is_kept_is_of_the_rows_that_were_told() -> None:
    inputs, labels = rows()
    made = applied()
    given = torch.tensor([7, -1, 3], dtype=torch.int32)
    made.step(inputs[:3], labels[:3], rows=given)
    averages = made.state_dict()["reg"]["early_learning"]["averages"]
    assert averages.shape == (48, 3)
    assert averages.any(1).nonzero()[:, 0].tolist() == [3, 7]
    made.step(inputs[:2], labels[:2], rows=[0, 1])  # a list will do


class Many(Dataset[Any]):
    """More rows than are looked at before a loop."""

    reads = 0

    def __len__(self) -> int:
        return 5000

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        type(self).reads += 1
        return torch.full((1, 4, 4), row / 5000), row % 3


def test_a_dataset_has_all_its_rows_and_not_all_are_read() -> None:
    made = applied(Many())
    assert Many.reads < 2500
    made.step(torch.rand(2, 1, 4, 4), torch.tensor([0, 1]), rows=torch.tensor([4999, 1500]))
    assert made.state_dict()["reg"]["early_learning"]["averages"].shape == (5000, 3)
    with pytest.raises(ConfigError, match=r"^rows: must be places in the 5000 rows of train"):
        made.loss(torch.rand(1, 1, 4, 4), torch.tensor([0]), rows=torch.tensor([5000]))


def test_the_audit_shows_that_such_members_act() -> None:
    model = net()
    stack = regbench.stack("early_learning", "temporal_ensembling")
    found = regbench.audit(model, stack, sgd(model), train=rows(), epochs=2, batch_size=16)
    assert [member.state for member in found.findings] == ["acts", "acts"]
    assert "  keeps 48 x 3 numbers, 0.000576 MB, also in each checkpoint" in str(found).splitlines()

"""The gap, by hand, of rows in every form."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

import regbench
from regbench.errors import ConfigError
from tests.library.nets import net, rows


class Pairs(Dataset[Any]):
    """Rows as others have them: mappings, or arrays with plain numbers as labels."""

    def __init__(self, as_mapping: bool) -> None:
        self.as_mapping = as_mapping

    def __len__(self) -> int:
        return len(rows()[1])

    def __getitem__(self, row: int) -> Any:
        value, label = rows()[0][row], int(rows()[1][row])
        return {"pixel_values": value, "labels": label} if self.as_mapping else (value.numpy(), label)


class Failing(Pairs):
    def __getitem__(self, row: int) -> Any:
        raise KeyError("lost")


class Endless(IterableDataset[Any]):
    """No row of it has a number."""

    def __iter__(self) -> Any:
        return iter(())


class Out:
    """What others' models return."""

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits


class Wrapped(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = net()

    def forward(self, inputs: Tensor) -> Out:
        return Out(self.net(inputs))


FORMS = {
    "tensors": rows(),
    "arrays": tuple(column.numpy() for column in rows()),
    "dataset": TensorDataset(*rows()),
    "loader": DataLoader(TensorDataset(*rows()), batch_size=7, shuffle=True),
    "pairs": Pairs(False),
    "mappings": DataLoader(Pairs(True), batch_size=5),
}


def by_hand(model: nn.Module, inputs: Tensor, labels: Tensor) -> tuple[float, float]:
    logits = model.eval()(inputs)
    model.train()
    return F.cross_entropy(logits, labels).item(), (logits.argmax(1) == labels).float().mean().item()


@pytest.mark.parametrize("model", [net(), Wrapped()], ids=["logits", "an object with logits"])
@pytest.mark.parametrize("form", FORMS)
def test_the_gap_is_what_val_loses_against_train(form: str, model: nn.Module) -> None:
    train = tuple(column.flip(0)[:48] for column in (rows()[0] / 2, rows()[1]))
    found = regbench.gap(model, train, FORMS[form])
    plain = model.net if isinstance(model, Wrapped) else model
    val_loss, val_accuracy = by_hand(plain, *rows())
    train_loss, train_accuracy = by_hand(plain, *train)
    assert found.val["loss"] == pytest.approx(val_loss, abs=1e-6)
    assert found.gap["loss"] == pytest.approx(val_loss - train_loss, abs=1e-6)
    assert found.gap["accuracy"] == pytest.approx(train_accuracy - val_accuracy, abs=1e-6)
    assert found.rows == (48, 48)
    assert f"gap {found.gap['loss']:+.4f}" in str(found)


def test_as_many_train_rows_as_val_rows_in_the_proportions_of_the_classes() -> None:
    seen: list[Tensor] = []
    model = net()
    model.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    inputs, labels = rows(300)
    found = regbench.gap(model, (inputs, labels), rows(12))
    assert found.rows == (12, 12)
    train = next(batch for batch in seen if len(batch) == 12)
    of = [next(int(labels[n]) for n in range(300) if torch.equal(inputs[n], row)) for row in train]
    assert [of.count(label) for label in range(3)] == [4, 4, 4]


def test_modes_and_draws_are_left_as_they_are() -> None:
    model = nn.Sequential(net(), nn.BatchNorm1d(3), nn.Dropout(0.5))
    model[1].eval()  # frozen statistics
    before = torch.get_rng_state()
    statistics = {name: buffer.clone() for name, buffer in model.named_buffers()}
    regbench.gap(model, rows(), rows())
    assert [model.training, model[1].training, model[2].training] == [True, False, True]
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(buffer, statistics[name]) for name, buffer in model.named_buffers())


def test_the_gap_is_that_of_the_command_line() -> None:
    from regbench.assembly.run import build_run
    from regbench.evaluation.measurement import gaps, measure
    from tests.conftest import tiny

    run = build_run(tiny())
    wanted = gaps(measure(run.model, run.data, run.autocast))
    found = regbench.gap(run.model, run.data.measured, run.data.val)
    assert {f"gap/{name}": value for name, value in found.gap.items()} == wanted


REFUSED = [
    (Endless(), "val: must be (inputs, labels), a map-style Dataset, a DataLoader or a Split, got Endless"),
    (Failing(False), "val: reading a row raises KeyError: 'lost' (test_gap.py, line "),
    ((rows()[0], rows()[1][:2]), "val: must have rows, and a label for each, got 48 inputs and 2 labels"),
    (
        TensorDataset(rows()[0]),
        "val: a row must be a pair of input and label, or a mapping with labels, got ",
    ),
    (
        (rows()[0], rows()[1] - 1),
        "val: labels must lie in 0 to 2, as the model returns 3 logits, got -1 to 1",
    ),
]


@pytest.mark.parametrize(("val", "sentence"), REFUSED, ids=[case[1][:30] for case in REFUSED])
def test_rows_that_are_none_are_refused_in_one_sentence(val: Any, sentence: str) -> None:
    with pytest.raises(ConfigError) as raised:
        regbench.gap(net(), rows(), val)
    assert str(raised.value).startswith(sentence)

"""The clean view of a split."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch
from torch import Tensor, nn

from regbench.measurement import CHUNK, evaluate, gaps, measure
from regbench.types import Dataset, Split


class Identity(nn.Module):
    """Logits are the inputs."""

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs


INPUTS = torch.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, 0.0]])
# told class 0 everywhere; log(1 + e^-1), log(1 + e), log(1 + e^-2)
THREE = Split(INPUTS, torch.tensor([0, 0, 0]), 2, true_labels=torch.tensor([0, 1, 0]))
LOSSES = (0.3132617, 1.3132617, 0.1269280)


def rows(count: int) -> Split:
    generator = torch.Generator().manual_seed(0)
    return Split(
        torch.randn(count, 3, generator=generator), torch.randint(3, (count,), generator=generator), 3
    )


def test_loss_and_accuracies_of_three_rows_are_those_worked_out_by_hand() -> None:
    figures = evaluate(Identity(), THREE, nullcontext)
    assert figures["loss"] == pytest.approx(sum(LOSSES) / 3, abs=1e-6)
    assert figures["accuracy"] == pytest.approx(2 / 3)
    assert figures["true_accuracy"] == 1.0


def test_a_linear_model_is_measured_by_its_logits() -> None:
    model = nn.Linear(2, 2, bias=False)
    model.weight.data = torch.tensor([[0.0, 1.0], [1.0, 0.0]])  # swaps the two: rows 1 and 3 are now wrong
    figures = evaluate(model, THREE, nullcontext)
    assert figures["loss"] == pytest.approx((1.3132617 + 0.3132617 + 2.1269280) / 3, abs=1e-6)
    assert figures["accuracy"] == pytest.approx(1 / 3)
    assert figures["true_accuracy"] == 0.0


def test_true_accuracy_is_there_only_where_labels_hold_noise() -> None:
    assert set(evaluate(Identity(), rows(4), nullcontext)) == {"loss", "accuracy"}


def test_pixels_are_scaled_to_one() -> None:
    split = Split(torch.tensor([[16, 0]], dtype=torch.uint8), torch.tensor([0]), 2, scale=16.0)
    assert evaluate(Identity(), split, nullcontext)["loss"] == pytest.approx(LOSSES[0], abs=1e-6)


@pytest.mark.parametrize("count", [1, CHUNK - 1, CHUNK, CHUNK + 1, 1025])
def test_no_row_is_left_out_and_none_counts_twice(count: int) -> None:
    split = rows(count)
    losses = split.inputs.double().logsumexp(1) - split.inputs.double().gather(1, split.labels[:, None])[:, 0]
    right = split.inputs.argmax(1) == split.labels
    figures = evaluate(Identity(), split, nullcontext)
    assert figures["loss"] == pytest.approx(losses.mean().item(), rel=1e-6)
    assert figures["accuracy"] == pytest.approx(right.sum().item() / count, abs=1e-12)


@pytest.mark.parametrize("training", [True, False])
def test_evaluates_in_evaluation_mode_and_restores_the_mode(training: bool) -> None:
    model = nn.Sequential(nn.Dropout(0.9), nn.Linear(3, 3)).train(training)
    split = rows(40)
    expected = nn.functional.cross_entropy(model[1](split.inputs), split.labels).item()
    assert evaluate(model, split, nullcontext)["loss"] == pytest.approx(expected, rel=1e-6)
    assert model.training is training
    assert model[0].training is training


def test_running_statistics_stay_as_they_are() -> None:
    model = nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 3))
    model(10 + rows(40).inputs)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    evaluate(model, rows(40), nullcontext)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_leaves_no_gradient() -> None:
    model = nn.Linear(3, 3)
    evaluate(model, rows(5), nullcontext)
    assert model.weight.grad is None


def test_computes_in_the_number_format_of_the_run() -> None:
    def bf16() -> torch.autocast:
        return torch.autocast("cpu", torch.bfloat16)

    model = nn.Linear(1, 2, bias=False)
    model.weight.data = torch.tensor([[1.001], [0.0]])  # 1.0 in bfloat16
    split = Split(torch.tensor([[1.0]]), torch.tensor([0]), 2)
    assert evaluate(model, split, bf16)["loss"] == pytest.approx(LOSSES[0], abs=1e-6)
    assert evaluate(model, split, nullcontext)["loss"] != pytest.approx(LOSSES[0], abs=1e-6)


def test_train_is_measured_on_as_many_rows_as_val() -> None:
    train = Split(INPUTS, torch.tensor([0, 0, 1]), 2)
    others = Split(INPUTS[1:], torch.tensor([0, 0]), 2)

    def no_test() -> Split:
        raise ValueError("the test split must stay sealed")

    data = Dataset(train, others, others, no_test, (2,), 2)
    measured = measure(Identity(), data, nullcontext)
    assert set(measured) == {f"{s}/{f}" for s in ("train", "select", "val") for f in ("loss", "accuracy")}
    assert measured["train/loss"] == pytest.approx((LOSSES[0] + LOSSES[1]) / 2, abs=1e-6)
    assert measured["train/accuracy"] == 0.5
    assert measured["val/loss"] == pytest.approx((LOSSES[1] + LOSSES[2]) / 2, abs=1e-6)


def test_a_gap_is_what_val_loses_against_train() -> None:
    measured = {"train/loss": 0.5, "val/loss": 0.75, "train/accuracy": 1.0, "val/accuracy": 0.875}
    assert gaps(measured) == {"gap/loss": 0.25, "gap/accuracy": 0.125}

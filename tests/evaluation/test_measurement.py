"""The clean view of a split."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import torch
from sklearn.metrics import brier_score_loss, mean_absolute_error, mean_squared_error, r2_score
from torch import Tensor, nn

from regbench.evaluation.at_end import LATE
from regbench.evaluation.calibration import calibration
from regbench.evaluation.measurement import (
    FEWEST,
    MEASURES,
    MOST,
    MOST_ELSEWHERE,
    chunk_rows,
    evaluate,
    gaps,
    measure,
    metrics,
    predict,
    read,
)
from regbench.records.metrics import BY_NAME, CLASSES, METRICS, NUMBERS, Asked, bounds
from regbench.tasks import Loss, Regression
from regbench.types import Dataset, Split


class Identity(nn.Module):
    """Logits are the inputs."""

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs


INPUTS = torch.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, 0.0]])
# told class 0 everywhere; log(1 + e^-1), log(1 + e), log(1 + e^-2)
THREE = Split(INPUTS, torch.tensor([0, 0, 0]), 2, true_labels=torch.tensor([0, 1, 0]))
SIZE = MOST["cpu"][0]  # of a chunk of rows so small
ALWAYS = {"loss", "accuracy", "balanced_accuracy", "macro_f1"}
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
    assert set(evaluate(Identity(), rows(4), nullcontext)) == ALWAYS


def test_pixels_are_scaled_to_one() -> None:
    split = Split(torch.tensor([[16, 0]], dtype=torch.uint8), torch.tensor([0]), 2, scale=16.0)
    assert evaluate(Identity(), split, nullcontext)["loss"] == pytest.approx(LOSSES[0], abs=1e-6)


@pytest.mark.parametrize("count", [1, SIZE - 1, SIZE, SIZE + 1, 1025])
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
    assert set(measured) == {f"{s}/{f}" for s in ("train", "select", "val") for f in ALWAYS}
    assert measured["train/loss"] == pytest.approx((LOSSES[0] + LOSSES[1]) / 2, abs=1e-6)
    assert measured["train/accuracy"] == 0.5
    more = measure(Identity(), data, nullcontext, ["calibration"])
    assert {name: more[name] for name in measured} == measured
    assert more.keys() - measured.keys() == {"val/ece", "val/brier"}
    assert measured["val/loss"] == pytest.approx((LOSSES[1] + LOSSES[2]) / 2, abs=1e-6)


@pytest.mark.parametrize(
    ("shape", "vocabulary", "expected"),
    [
        ((10,), None, 512),
        ((1, 8, 8), None, 512),
        ((256,), None, 512),
        ((257,), None, 256),
        ((1, 28, 28), None, 128),
        ((3, 32, 32), None, 128),
        ((3, 224, 224), None, 128),
        ((20,), 100, 128),
        ((2,), 100, 512),
    ],
)
def test_how_many_rows_are_evaluated_at_once_follows_from_the_shape_of_a_row(
    shape: tuple[int, ...], vocabulary: int | None, expected: int
) -> None:
    inputs = torch.zeros((3, *shape))
    split = Split(inputs, torch.zeros(3, dtype=torch.int64), 2, vocabulary=vocabulary)
    assert chunk_rows(split) == expected
    assert chunk_rows(split.subset(slice(0, 1))) == expected


def test_a_gpu_is_given_more_rows_at_once() -> None:
    meta = torch.device("meta")  # whose tensors have a shape alone
    cifar, photographs = (
        Split(torch.zeros(3, *shape, device=meta), torch.zeros(3, device=meta), 2)
        for shape in ((3, 32, 32), (3, 224, 224))
    )
    assert chunk_rows(cifar) == MOST_ELSEWHERE[0] == 2048
    assert chunk_rows(photographs) == FEWEST


def test_of_some_rows_it_takes_the_logits_of_these_alone() -> None:
    torch.manual_seed(0)
    model, split = nn.Linear(3, 3), rows(1100)
    few = torch.randperm(1100)[:700]
    found = predict(model, split, nullcontext, rows=few)
    assert torch.equal(found, predict(model, split, nullcontext)[few])


class Telling:
    """One of several ranks, who keeps what it would add up."""

    def __init__(self, number: int, count: int) -> None:
        self.number, self.count = number, count
        self.told: list[Tensor] = []

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        self.told += tensors


@pytest.mark.parametrize("some", [False, True])
@pytest.mark.parametrize("count", [2, 3, 5])
def test_ranks_share_the_chunks_and_the_sum_of_theirs_is_all(count: int, some: bool) -> None:
    torch.manual_seed(0)
    model, split = nn.Linear(3, 3), rows(3 * SIZE + 7)
    few = torch.randperm(len(split))[: 2 * SIZE + 1] if some else None
    calls: list[int] = []
    model.register_forward_hook(lambda *_: calls.append(1))
    whole = predict(model, split, nullcontext, rows=few)
    alone = len(calls)
    each = [Telling(number, count) for number in range(count)]
    for one in each:
        predict(model, split, nullcontext, rows=few, ranks=one)
    assert torch.equal(sum(one.told[0] for one in each), whole)  # type: ignore[arg-type]
    assert len(calls) == 2 * alone, "no chunk is made twice"


@pytest.mark.parametrize("noise", [False, True])
def test_one_look_at_the_device_reads_all_metrics(noise: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Metrics are tensors until they are read together: on a GPU each number alone would be waited for."""
    looked: list[str] = []
    for name in ("item", "tolist", "__bool__", "__int__", "__float__", "cpu", "nonzero"):
        one = getattr(Tensor, name)
        monkeypatch.setattr(Tensor, name, lambda *a, one=one, name=name: [looked.append(name), one(*a)][1])
    split = replace(rows(40), true_labels=rows(40).labels) if noise else rows(40)
    data = Dataset(split, rows(40), rows(40), None, (3,), 3)
    measure(Identity(), data, nullcontext, ["calibration"])
    assert looked == (["__bool__"] if noise else []) + ["tolist"]
    looked.clear()
    read(metrics(split.inputs, split))
    assert looked == (["__bool__"] if noise else []) + ["tolist"]


def test_a_gap_is_what_val_loses_against_train() -> None:
    measured = {"train/loss": 0.5, "val/loss": 0.75, "train/accuracy": 1.0, "val/accuracy": 0.875}
    assert gaps(measured) == {"gap/loss": 0.25, "gap/accuracy": 0.125}


# --- memorization


def test_rows_with_wrong_labels_are_measured_against_both_labels() -> None:
    told, true, guessed = torch.tensor([[0, 0, 2, 0, 1], [1, 2, 0, 1, 1], [0, 0, 0, 2, 1]])
    logits = torch.eye(3)[guessed]  # of the four wrong rows two are told, one true, one neither
    figures = evaluate(Identity(), Split(logits, told, 3, true_labels=true), nullcontext)
    assert figures["noisy_accuracy"] == 0.5
    assert figures["noisy_true_accuracy"] == 0.25
    assert figures["accuracy"] == pytest.approx(3 / 5)
    assert figures["true_accuracy"] == pytest.approx(2 / 5)


def test_three_rows_of_which_one_label_is_wrong() -> None:
    figures = evaluate(Identity(), THREE, nullcontext)
    assert (figures["noisy_accuracy"], figures["noisy_true_accuracy"]) == (0.0, 1.0)


def test_without_a_wrong_label_there_is_nothing_to_memorize() -> None:
    right = Split(INPUTS, torch.tensor([0, 1, 0]), 2, true_labels=torch.tensor([0, 1, 0]))
    assert set(evaluate(Identity(), right, nullcontext)) == ALWAYS | {"true_accuracy"}


# --- calibration


def told(*probabilities: list[float]) -> Tensor:
    """Logits of these probabilities."""
    return torch.tensor(probabilities).log()


def test_calibration_of_three_rows_is_the_one_worked_out_by_hand() -> None:
    logits = told([0.50, 0.30, 0.20], [0.52, 0.28, 0.20], [0.11, 0.11, 0.78])
    figures = calibration(logits, torch.tensor([0, 1, 2]))
    # two rows in (7/15, 8/15]: confidence 0.51, accuracy 0.5; one in (11/15, 12/15]: 0.78 and 1
    assert figures["ece"] == pytest.approx((2 * 0.01 + 0.22) / 3, abs=1e-6)
    first, second, third = 0.25 + 0.09 + 0.04, 0.2704 + 0.5184 + 0.04, 0.0121 + 0.0121 + 0.0484
    assert figures["brier"] == pytest.approx((first + second + third) / 3, abs=1e-6)


def test_who_is_right_as_often_as_they_say_has_no_calibration_error() -> None:
    logits = told(*[[0.75, 0.25]] * 4)
    figures = calibration(logits, torch.tensor([0, 0, 0, 1]))
    assert figures["ece"] == pytest.approx(0, abs=1e-7)
    assert figures["brier"] == pytest.approx((3 * 2 * 0.0625 + 2 * 0.5625) / 4)


@pytest.mark.parametrize(("right", "ece", "brier"), [(0, 1.0, 2.0), (1, 0.5, 1.0), (2, 0.0, 0.0)])
def test_who_is_always_sure_errs_as_often_as_they_are_wrong(right: int, ece: float, brier: float) -> None:
    labels = torch.tensor([0] * right + [1] * (2 - right))
    figures = calibration(torch.tensor([[200.0, 0.0]] * 2), labels)
    assert (figures["ece"], figures["brier"]) == (pytest.approx(ece), pytest.approx(brier))


@pytest.mark.parametrize(("classes", "bin_"), [(15, 1), (5, 3), (3, 5)])
def test_the_upper_edge_belongs_to_a_bin(classes: int, bin_: int) -> None:
    """A row on the edge is wrong, one above it right: in one bin their errors would cancel."""
    edge, above = bin_ / 15, bin_ / 15 + 0.03
    sure = told([above, *[(1 - above) / (classes - 1)] * (classes - 1)])
    figures = calibration(torch.cat([torch.zeros(1, classes), sure]), torch.tensor([1, 0]))
    assert figures["ece"] == pytest.approx((edge + 1 - above) / 2, abs=1e-6)


def test_the_brier_score_of_two_classes_is_twice_the_one_sided_one() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(300, 2, generator=generator)
    labels = torch.randint(2, (300,), generator=generator)
    one_sided = brier_score_loss(labels.numpy(), logits.double().softmax(1)[:, 1].numpy())
    assert calibration(logits, labels)["brier"] == pytest.approx(2 * one_sided)


def test_the_calibration_error_is_that_of_a_loop_over_bins() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(400, 5, generator=generator)
    labels = torch.randint(5, (400,), generator=generator)
    odds = np.exp(logits.double().numpy())
    sure = (odds / odds.sum(1, keepdims=True)).max(1)
    right = logits.numpy().argmax(1) == labels.numpy()
    error = 0.0
    for low in range(15):
        inside = (sure > low / 15) & (sure <= (low + 1) / 15)
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - sure[inside].mean())
    assert calibration(logits, labels)["ece"] == pytest.approx(error)


def test_calibration_takes_no_second_pass_and_leaves_the_other_figures_to_the_bit() -> None:
    class Counting(nn.Linear):
        passes = 0

        def forward(self, inputs: Tensor) -> Tensor:
            self.passes += 1
            return super().forward(inputs)

    model, split = Counting(3, 3), rows(SIZE + 7)
    plain = evaluate(model, split, nullcontext)
    assert model.passes == 2
    more = evaluate(model, split, nullcontext, ["calibration", "corruption"])
    assert model.passes == 4
    with torch.no_grad():
        logits = nn.functional.linear(split.inputs, model.weight, model.bias)
    asked = calibration(logits, split.labels)
    assert {name: more[name] for name in plain} == plain
    # of all rows at once, where it is of batches: a product of other shapes may round otherwise
    assert {name: more[name] for name in asked} == pytest.approx({n: float(v) for n, v in asked.items()})
    assert more.keys() == {*plain, *asked}


def test_logits_that_are_no_numbers_give_figures_that_are_none() -> None:
    figures = calibration(torch.tensor([[float("nan"), 0.0], [1.0, 0.0]]), torch.tensor([0, 0]))
    assert np.isnan([figures["ece"], figures["brier"]]).all()


def test_calibration_is_the_same_on_every_device(device: torch.device) -> None:
    logits, labels = torch.randn(300, 7, generator=torch.Generator().manual_seed(0)), torch.arange(300) % 7
    there = calibration(logits.to(device), labels.to(device))
    assert read(there) == pytest.approx(read(calibration(logits, labels)))


# --- the table of metrics


def test_what_is_measured_is_what_the_table_says_and_lies_where_it_says() -> None:
    generator = torch.Generator().manual_seed(0)
    labels, true = (torch.randint(3, (50,), generator=generator) for _ in range(2))
    split = Split(torch.randn(50, 3, generator=generator), labels, 3, true_labels=true)
    asked = get_args(Asked)
    found = evaluate(nn.Identity(), split, nullcontext, asked)
    known = {metric.name for metric in METRICS if metric.task == CLASSES}
    assert found.keys() == known
    for name, value in found.items():
        low, high = bounds(f"val/{name}")
        assert low <= value <= (high if high is not None else value)
    without = evaluate(nn.Identity(), split, nullcontext)
    assert without.keys() == {name for name in known if BY_NAME[name].asked is None}


def test_every_word_of_evaluate_has_what_it_asks_for() -> None:
    for task, measures in MEASURES.items():
        assert {metric.asked for metric in METRICS if metric.task == task} == set(measures)
    assert {word for word in MEASURES[CLASSES] if word is not None} | LATE.keys() == set(get_args(Asked))


PRICES = Regression((10.0,), (2.0,), ("price",), "EUR")


def standardized(*values: float, task: Regression = PRICES) -> Tensor:
    return task.standardized(torch.tensor(values, dtype=torch.float64).reshape(-1, task.outputs))


def test_figures_of_numbers_are_in_the_unit_of_the_target_and_those_worked_out_by_hand() -> None:
    """Targets 8, 10, 15 of mean 11; outputs 9, 10, 13: errors 1, 0, -2; squares 5, of 9 + 1 + 16."""
    split = Split(standardized(9, 10, 13), standardized(8, 10, 15), 1, numbers=PRICES)
    found = evaluate(Identity(), split, nullcontext, ["calibration", "per_class"])
    expected = {"loss": 5 / 3 / 2**2, "r2": 1 - 5 / 26, "rmse": (5 / 3) ** 0.5, "mae": 1.0}
    assert found == pytest.approx(expected, rel=1e-6)
    assert list(found) == list(expected)
    assert found.keys() == {metric.name for metric in METRICS if metric.task == NUMBERS}


@pytest.mark.parametrize(
    ("form", "loss"), [("squared", 5 / 12), ("absolute", 1.5 / 3), ("huber", (0.125 + 0 + 0.5) / 3)]
)
def test_the_loss_of_numbers_is_of_standardized_ones_in_each_of_its_forms(form: Loss, loss: float) -> None:
    """Standardized errors 0.5, 0, -1."""
    task = replace(PRICES, loss_form=form)
    split = Split(standardized(9, 10, 13), standardized(8, 10, 15), 1, numbers=task)
    assert evaluate(Identity(), split, nullcontext)["loss"] == pytest.approx(loss, rel=1e-6)
    assert task.loss(split.inputs, split.labels).item() == pytest.approx(loss, rel=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_several_numbers_are_measured_as_scikit_learn_measures_them(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    task = Regression((1.0, -3.0), (0.5, 20.0), ("a", "b"))
    outputs, labels = (torch.randn(300, 2, generator=generator) for _ in range(2))
    labels[:, 0] = 0.25 if seed == 2 else labels[:, 0]  # constant over this split
    found = evaluate(Identity(), Split(outputs, labels, 2, numbers=task), nullcontext)
    truth, guess = (task.in_units(values.double()).numpy() for values in (labels, outputs))
    assert found["r2"] == pytest.approx(r2_score(truth, guess), rel=1e-6)
    assert found["mae"] == pytest.approx(mean_absolute_error(truth, guess), rel=1e-6)
    assert found["rmse"] == pytest.approx(mean_squared_error(truth, guess) ** 0.5, rel=1e-6)


def test_gaps_of_numbers_say_what_val_loses() -> None:
    measured = {"train/r2": 0.9, "train/rmse": 1.0, "train/mae": 0.5, "train/loss": 0.1}
    measured |= {"val/r2": 0.4, "val/rmse": 3.0, "val/mae": 1.5, "val/loss": 0.7}
    assert gaps(measured) == pytest.approx({"gap/r2": 0.5, "gap/rmse": 2.0, "gap/loss": 0.6})

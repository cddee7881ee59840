import io
import random
from math import inf, nan

import pytest
import torch
from torch import nn

from regbench.regularizers.early_stopping import EarlyStopping
from regbench.types import Record

FIELDS = {
    "patience": 2,
    "min_delta": 0.0,
    "monitor": "select/loss",
    "mode": "min",
    "start_from": 0,
    "restore_best": True,
}


def make(**fields: object) -> EarlyStopping:
    return EarlyStopping(**(FIELDS | fields))


def make_model() -> nn.Module:
    return nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1))


def mark(model: nn.Module, epoch: int) -> None:
    """Write the epoch's number into every tensor of the model, running statistics and counters included."""
    for tensor in model.state_dict().values():
        tensor.fill_(epoch)


def run(member: EarlyStopping, values: list[float], model: nn.Module | None = None, first: int = 1) -> int:
    """Report the values epoch by epoch; the epoch of the stop, or 0."""
    model = make_model() if model is None else model
    history = []
    for epoch, value in enumerate(values, first):
        mark(model, epoch)
        history.append(Record(epoch, {member.monitor: value}))
        if member.end_epoch(history, model):
            return epoch
    return 0


def kept(member: EarlyStopping, values: list[float]) -> int:
    """The epoch whose state a run over these values ends with."""
    model = make_model()
    run(member, values, model)
    numbers = {tensor.item() for tensor in member.final_model(model).state_dict().values()}
    assert len(numbers) == 1
    return int(numbers.pop())


def keras(values: list[float], patience: int, start_from: int) -> tuple[int, int]:
    """Keras's rule in its own order, for min_delta=0: epochs of the stop (or 0) and of the best weights."""
    best, best_epoch, wait = inf, 0, 0
    for epoch, value in enumerate(values):  # from 0, as there
        if epoch < start_from:
            continue
        wait += 1
        if value < best:
            best, best_epoch, wait = value, epoch + 1, 0
            continue
        if wait >= patience and epoch > 0:
            return epoch + 1, best_epoch
    return 0, best_epoch


@pytest.mark.parametrize(
    ("patience", "values", "stop"),
    [
        (1, [3.0, 2.0, 2.5, 1.0], 3),
        (2, [3.0, 2.0, 2.5, 2.4, 1.0], 4),
        (2, [3.0, 2.0, 2.5, 1.9, 2.0, 1.0], 0),
        (2, [3.0, 3.0, 3.0], 3),  # equal is no improvement
        (3, [3.0, 2.0, 1.0, 0.5], 0),
    ],
)
def test_stops_after_patience_evaluations_without_improvement(patience: int, values: list[float], stop: int):
    assert run(make(patience=patience), values) == stop


def test_small_gains_do_not_prolong_the_run_and_are_kept_all_the_same():
    # each gain is below min_delta 0.5: patience 3 runs out at epoch 4, whose state is the best there was
    values = [3.0, 2.9, 2.8, 2.7, 0.0]
    assert run(make(patience=3, min_delta=0.5), values) == 4
    assert kept(make(patience=3, min_delta=0.5), values) == 4


def test_small_gains_add_up_against_the_last_one_that_counted():
    # 3.0 -> 2.7 -> 2.4: the second is 0.6 below the reference, although each step is only 0.3
    assert run(make(patience=2, min_delta=0.5), [3.0, 2.7, 2.4, 2.3, 2.2]) == 5


def test_a_gain_of_exactly_min_delta_does_not_count():
    assert run(make(patience=1, min_delta=0.5), [3.0, 2.5]) == 2
    assert run(make(patience=1, min_delta=0.5), [3.0, 2.4375]) == 0


def test_max_mode_is_min_mode_of_the_negated_values():
    member = {"patience": 2, "mode": "max", "monitor": "select/accuracy"}
    values = [0.5, 0.7, 0.6, 0.7, 0.9]
    assert run(make(**member), values) == 4
    assert kept(make(**member), values) == 2


def test_nan_is_no_improvement():
    assert run(make(patience=2), [3.0, nan, nan]) == 3
    assert kept(make(patience=2), [3.0, nan, 2.0, nan, nan]) == 3
    assert run(make(patience=2), [nan, nan]) == 2


def test_first_epochs_count_for_nothing():
    # 0.1 in epoch 1 would be the best of all, and epochs 2 and 3 would use up the patience
    values = [0.1, 5.0, 5.0, 3.0, 2.0, 2.5, 2.5]
    assert run(make(patience=2, start_from=3), values) == 7
    assert kept(make(patience=2, start_from=3), values) == 5
    assert kept(make(patience=2, start_from=9), values) == 7  # it never began, so the last state stays


@pytest.mark.parametrize("seed", range(40))
def test_agrees_with_keras_where_min_delta_is_zero(seed: int):
    draw = random.Random(seed)
    values = [draw.choice([1.0, 2.0, 3.0]) / (1 + 0.1 * epoch) for epoch in range(12)]
    patience, start_from = draw.randint(1, 4), draw.randint(0, 3)
    stop, best = keras(values, patience, start_from)
    assert run(make(patience=patience, start_from=start_from), values) == stop
    assert kept(make(patience=patience, start_from=start_from), values) == best


def test_restored_state_is_bit_equal_running_statistics_included():
    torch.manual_seed(0)
    model, member, states = make_model().train(), make(patience=9), []
    for epoch, value in enumerate([2.0, 1.0, 3.0], 1):
        model(torch.randn(8, 1)).sum().backward()
        for parameter in model.parameters():
            parameter.data -= 0.1 * torch.randn_like(parameter)
        states.append({name: tensor.clone() for name, tensor in model.state_dict().items()})
        member.end_epoch([Record(epoch, {"select/loss": value})], model)
    assert any(not torch.equal(states[1][name], states[2][name]) for name in states[1])
    restored = member.final_model(model)
    assert restored is model
    assert all(torch.equal(restored.state_dict()[name], states[1][name]) for name in states[1])


def test_snapshot_is_of_what_was_evaluated():
    member, average, live = make(), make_model(), make_model()
    mark(average, 7)
    mark(live, 3)
    member.end_epoch([Record(1, {"select/loss": 1.0})], average)
    assert {tensor.item() for tensor in member.final_model(live).state_dict().values()} == {7}


def test_restoring_nothing_it_keeps_the_last_state_and_no_copy():
    member = make(restore_best=False)
    assert kept(member, [1.0, 2.0, 3.0]) == 3
    assert member.state_dict()["snapshot"] is None


def test_huge_patience_never_stops_and_keeps_nothing():
    member = make(patience=1_000_000_000)
    assert kept(member, [1.0, 2.0, 3.0]) == 3
    assert member.state_dict()["snapshot"] is None
    assert not member.end_epoch([Record(1, {})], make_model())


@pytest.mark.parametrize("pause", [1, 2, 3, 4, 5])
def test_saved_and_resumed_it_decides_as_if_left_alone(pause: int):
    values = [3.0, 2.0, 2.5, 1.9, 2.0, 2.0]  # best at 4, stops at 6
    before, file = make(patience=2), io.BytesIO()
    assert run(before, values[:pause]) == 0
    torch.save(before.state_dict(), file)
    file.seek(0)
    after, model = make(patience=2), make_model()
    after.load_state_dict(torch.load(file, weights_only=True))
    assert run(after, values[pause:], model, first=pause + 1) == 6
    assert {tensor.item() for tensor in after.final_model(model).state_dict().values()} == {4}


def test_stopped_gradient_descent_is_ridge_regression_with_one_strength_per_direction():
    # on (w - v)' A (w - v) / 2 from 0, stopped at step 7: a_i = l_i (1 - lr l_i)^7 / (1 - (1 - lr l_i)^7)
    torch.manual_seed(0)
    rate, best, size = 0.2, 7, 4
    basis = torch.linalg.qr(torch.randn(size, size, dtype=torch.float64))[0]
    curvature = torch.tensor([0.05, 0.5, 1.0, 3.0], dtype=torch.float64)
    matrix, optimum = basis * curvature @ basis.T, torch.randn(size, dtype=torch.float64)
    model, member = nn.Linear(size, 1, bias=False).double(), make(patience=5)
    nn.init.zeros_(model.weight)
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    for step in range(1, 20):
        optimizer.zero_grad()
        away = model.weight[0] - optimum
        (away @ matrix @ away / 2).backward()
        optimizer.step()
        if member.end_epoch([Record(step, {"select/loss": abs(step - best)})], model):
            break
    assert step == best + 5
    shrunk = (1 - rate * curvature) ** best
    strengths = curvature * shrunk / (1 - shrunk)
    ridge = torch.linalg.solve(matrix + basis * strengths @ basis.T, matrix @ optimum)
    torch.testing.assert_close(member.final_model(model).weight[0].detach(), ridge, rtol=0, atol=1e-13)


def test_note_says_the_rule():
    assert make(patience=10).note() == "stops when select/loss has not improved for 10 evaluations"
    precise = make(patience=1, min_delta=0.01).note()
    assert precise == "stops when select/loss has not improved by more than 0.01 for 1 evaluation"
    assert make(patience=1_000_000_000).note() == ""


def test_probe_values_stop_a_run_that_still_improves():
    assert run(make(**EarlyStopping.visible_at), [3.0, 2.0, 1.0]) == 2


@pytest.mark.parametrize("monitor", ["val/loss", "test/loss", "train/loss", "loss", "gap/loss"])
def test_refuses_to_choose_by_any_other_split(monitor: str):
    with pytest.raises(ValueError, match=rf'^monitor must start with "select/", got {monitor}$'):
        make(monitor=monitor)


def test_unknown_metric_is_answered_with_those_there_are():
    record = Record(1, {"select/loss": 1.0, "val/loss": 1.0, "select/accuracy": 0.5})
    expected = "^monitor must be one of select/accuracy, select/loss, got select/f1$"
    with pytest.raises(ValueError, match=expected):
        make(monitor="select/f1").end_epoch([record], make_model())


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("patience", 0, "^patience must be at least 1, got 0$"),
        ("min_delta", -0.1, r"^min_delta must be at least 0, got -0\.1$"),
        ("start_from", -1, "^start_from must be at least 0, got -1$"),
    ],
)
def test_refuses_values_outside_their_ranges(field: str, value: float, message: str):
    with pytest.raises(ValueError, match=message):
        make(**{field: value})

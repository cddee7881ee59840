"""Temporal ensembling: two rows over three epochs by hand, the ramp, what is kept of rows."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from regbench.assembly.run import build_run
from regbench.regularizers.temporal_ensembling import TemporalEnsembling
from regbench.streams import Clock, Stream
from regbench.strengths import Steps
from regbench.training.loop import EpochEnd, batch_order, fit
from regbench.types import Batch, ForwardPass
from tests.conftest import reg_node, tiny

MODEL = nn.Linear(1, 1)


def made(strength: float = 8.0, decay: float = 0.6, ramp: float = 0.0, rows: int = 2) -> TemporalEnsembling:
    member = TemporalEnsembling(strength, decay, ramp)
    member.stream, member.train_rows = Stream(0, "temporal_ensembling", Clock()), rows
    return member


def forward(logits: Tensor, rows: list[int]) -> ForwardPass:
    batch = Batch(torch.zeros(len(logits), 1), torch.zeros_like(logits), torch.tensor(rows))
    return ForwardPass(MODEL, batch, logits, ())


def shown(member: TemporalEnsembling, p: list[list[float]], rows: list[int]) -> float:
    """The penalty of a step that predicts these probabilities."""
    value = member.penalty(forward(torch.tensor(p).log(), rows))
    member.end_step(MODEL)
    return value.item()


def test_two_rows_over_three_epochs_by_hand():
    member = made()
    assert shown(member, [[0.75, 0.25], [0.2, 0.8]], [0, 1]) == 0  # nothing is known of them yet
    # Z is .4 p and 1 - .6 is .4, so that q is the p of before: apart by .7 twice and by .25 twice
    assert shown(member, [[0.9, 0.1], [0.5, 0.5]], [1, 0]) == pytest.approx(8 * (2 * 0.49 + 2 * 0.0625) / 4)
    # Z is (.38, .26) and (.408, .232), 1 - .36 is .64: q is (.59375, .40625) and (.6375, .3625)
    apart = 2 * 0.09375**2 + 2 * 0.1375**2
    assert shown(member, [[0.5, 0.5], [0.5, 0.5]], [0, 1]) == pytest.approx(8 * apart / 4)


def test_a_row_that_was_left_out_in_an_epoch_is_corrected_by_how_often_it_was_shown():
    member = made()
    shown(member, [[0.75, 0.25]], [0])
    shown(member, [[0.2, 0.8]], [1])
    shown(member, [[0.2, 0.8]], [1])
    # q of row 0 is its p still; half of the classes' mean is that of the other row, which is where it was
    assert shown(member, [[0.5, 0.5], [0.2, 0.8]], [0, 1]) == pytest.approx(8 * 2 * 0.0625 / 4)


def test_the_gradient_goes_through_what_is_predicted_now_alone():
    member = made(strength=1.0, rows=1)
    shown(member, [[0.75, 0.25]], [0])
    logits = torch.zeros(1, 2, requires_grad=True)
    member.penalty(forward(logits, [0])).backward()
    # the mean of the two squares is (p - .75)^2, p(1 - p) is 1/4: 2 * -.25 * .25
    assert logits.grad.flatten().tolist() == pytest.approx([-0.125, 0.125])


def test_the_strength_rises_as_the_papers_ramp():
    member = made(ramp=0.5, rows=1)
    shown(member, [[0.75, 0.25]], [0])
    values = []
    for progress in (0.0, 0.25, 0.5, 1.0):
        member.begin_step(progress)
        values.append(member.penalty(forward(torch.zeros(1, 2), [0])).item())
    shares = [math.exp(-5), math.exp(-1.25), 1.0, 1.0]
    assert values == pytest.approx([8 * 0.0625 * share for share in shares])


def test_ensembles_move_where_a_schedule_of_the_strength_is_at_0():
    member = made(rows=1)
    member.schedules = {"strength": Steps([0.0, 8.0, 0.0], [0.4, 0.8])}
    values = []
    for progress, p in ((0.0, [[0.75, 0.25]]), (0.5, [[0.5, 0.5]]), (1.0, [[0.5, 0.5]])):
        member.follow(progress)
        member.begin_step(progress)
        values.append(member.penalty(forward(torch.tensor(p).log(), [0])))
        member.end_step(MODEL)
    assert values[::2] == [None, None]
    assert values[1].item() == pytest.approx(8 * 0.0625)  # q is the p of the first step
    assert member.state_dict()["averages"].sum().item() == pytest.approx(1 - 0.6**3)


def test_what_is_no_row_of_train_adds_nothing_and_leaves_no_trace():
    member = made()
    for _ in range(2):
        value = shown(member, [[0.75, 0.25], [0.2, 0.8]], [1, -1])
    assert value == pytest.approx(0, abs=1e-9)
    assert member.state_dict()["averages"][0].tolist() == [0, 0]
    assert shown(member, [[0.5, 0.5], [0.5, 0.5]], [1, -1]) == pytest.approx(8 * 2 * 0.0625 / 4)


def test_a_further_pass_knows_what_the_first_knew():
    member = made(rows=1)
    first, again = forward(torch.tensor([[0.75, 0.25]]).log(), [0]), forward(torch.zeros(1, 2), [0])
    assert member.penalty(first).item() == 0
    assert member.penalty(again).item() == 0
    member.end_step(MODEL)
    assert member.penalty(again).item() == pytest.approx(8 * 0.0625)


def test_a_run_adds_what_a_loop_by_hand_finds():
    config = tiny(reg={"temporal_ensembling": reg_node("temporal_ensembling", ramp=0.0)}, epochs=3)
    run = build_run(config)
    seen: list[Tensor] = []

    def keep(module: nn.Module, inputs: object, outputs: Tensor) -> None:
        if module.training:
            seen.append(outputs.detach().double().softmax(1))

    run.model.register_forward_hook(keep)
    orders = [torch.cat(batch_order(run, epoch)).numpy() for epoch in range(3)]
    records = [event.record for event in fit(run) if isinstance(event, EpochEnd)]
    p = torch.cat(seen).numpy().reshape(3, len(orders[0]), -1)
    ensembles = np.zeros_like(p[0])
    for epoch, order in enumerate(orders):
        expected = 0.0
        for row, now in zip(order, p[epoch], strict=True):
            if epoch:
                q = ensembles[row] / (1 - 0.6**epoch)
                expected += 30.0 * ((now - q) ** 2).mean() / len(order)
            ensembles[row] = 0.6 * ensembles[row] + 0.4 * now
        found = records[epoch].metrics["objective/temporal_ensembling"]
        assert found == pytest.approx(expected, rel=1e-3)
    (member,) = run.reg.members.values()
    np.testing.assert_allclose(member.state_dict()["averages"].numpy(), ensembles, atol=1e-6)


def test_goes_on_from_its_state_to_the_bit():
    member, again = made(), made()
    shown(member, [[0.75, 0.25], [0.2, 0.8]], [0, 1])
    again.load_state_dict(member.state_dict())
    values = [shown(one, [[0.9, 0.1], [0.5, 0.5]], [1, 0]) for one in (member, again)]
    assert values[0] == values[1] > 0
    assert member.note() == "keeps 2 x 2 numbers, 1.6e-05 MB, also in each checkpoint"
    with pytest.raises(ValueError, match=r"^state must be of 3 train rows, got one of 2$"):
        made(rows=3).load_state_dict(member.state_dict())


def test_a_run_with_a_ramp_cannot_be_made_longer():
    assert made(ramp=0.5).follows_length
    assert not made().follows_length


def test_does_nothing_without_a_strength():
    member = made(0.0)
    assert member.penalty(forward(torch.zeros(1, 2), [0])) is None
    member.end_step(MODEL)
    assert (member.state_dict(), member.note()) == ({}, "")


def test_refuses_what_is_out_of_range():
    for values, said in (
        ({"strength": -1}, "strength must be at least 0, got -1"),
        ({"decay": 1.0}, r"decay must lie in \[0, 1\), got 1.0"),
        ({"ramp": 1.5}, r"ramp must lie in \[0, 1\], got 1.5"),
    ):
        with pytest.raises(ValueError, match=f"^{said}$"):
            made(**values)

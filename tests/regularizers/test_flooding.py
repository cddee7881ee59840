"""Flooding: values and gradients by hand, of batches and of rows."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from regbench.assembly.run import build_run
from regbench.assembly.stack import build_stack
from regbench.regularizers.flooding import Flooding
from regbench.tasks import Regression
from regbench.training.audit import audit
from regbench.training.loop import EpochEnd, fit
from regbench.types import Batch, ForwardPass, Split
from tests.conftest import reg_node, tiny


def made(level: float, form: str, numbers: Regression | None = None) -> Flooding:
    member = Flooding(level, form)
    labels = torch.zeros(2, dtype=torch.int64) if numbers is None else torch.zeros(2, 1)
    member.check_data(Split(torch.zeros(2, 1), labels, 2, numbers=numbers))
    return member


def forward(logits: Tensor, targets: Tensor, class_weights: Tensor | None = None) -> ForwardPass:
    return ForwardPass(nn.Identity(), Batch(torch.zeros(len(logits), 1), targets), logits, (), class_weights)


LOGITS = torch.tensor([[math.log(9), 0.0], [0.0, math.log(3)]])  # p of 0.9 and 0.25 for the first class
FIRST = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
SURE, UNSURE = -math.log(0.9), -math.log(0.25)


def test_a_loss_above_the_level_is_itself_and_one_below_is_mirrored_at_it():
    for loss, slope, expected in ((0.7, 1.0, 0.7), (0.2, -1.0, 0.8)):
        given = torch.tensor(loss, requires_grad=True)
        flooded = made(0.5, "batch").transform_loss(given)
        flooded.backward()
        assert (flooded.item(), given.grad.item()) == (pytest.approx(expected), slope)


def test_of_rows_only_those_below_the_level_climb():
    given = LOGITS.clone().requires_grad_()
    member = made(0.5, "example")
    loss = F.cross_entropy(given, FIRST)
    assert member.transform_loss(loss) is loss
    flooded = loss + member.penalty(forward(given, FIRST))
    assert flooded.item() == pytest.approx(((1 - SURE) + UNSURE) / 2)  # |l - 1/2| + 1/2 of each
    flooded.backward()
    # of a row of its own: p - t, turned round for the first
    torch.testing.assert_close(given.grad, torch.tensor([[0.1, -0.1], [-0.75, 0.75]]) / 2)


def test_rows_weigh_as_their_classes_before_the_level_is_held_against_them():
    value = made(0.5, "example").penalty(forward(LOGITS, FIRST, torch.tensor([3.0, 1.0])))
    assert value.item() == pytest.approx(2 * (0.5 - 3 * SURE) / 2)


def test_rows_of_soft_targets_have_the_cross_entropy_with_them():
    targets = torch.tensor([[0.8, 0.2], [0.8, 0.2]])
    first = 0.8 * SURE - 0.2 * math.log(0.1)
    value = made(1.0, "example").penalty(forward(LOGITS, targets))
    assert value.item() == pytest.approx(1.0 - first, rel=1e-5)  # the second row's is 1.166


def test_of_numbers_the_level_is_in_the_unit_of_their_loss():
    member = made(0.5, "example", Regression((0.0,), (1.0,)))
    given = forward(torch.tensor([[0.5], [2.0]]), torch.zeros(2, 1))  # squares 0.25 and 4
    assert member.penalty(given).item() == pytest.approx(2 * 0.25 / 2)


@pytest.mark.parametrize("form", ["batch", "example"])
def test_training_goes_down_to_the_level_and_stays_about_it(form: str):
    reg = {"flooding": reg_node("flooding", level=0.3, form=form)}
    config = tiny(reg=reg, epochs=60) | {"seed": 3}
    config["schedule"] = {"_target_": "regbench.schedules.Constant"}
    config["train"]["evaluate_every"] = 60
    record = [event.record for event in fit(build_run(config)) if isinstance(event, EpochEnd)][-1]
    assert record.metrics["train/loss"] == pytest.approx(0.3, abs=0.1)  # without: 0.001


def test_the_audit_sees_that_it_would_act_on_a_data_loss_that_is_far_above_its_level():
    """Of alpha times log(10) at the start: 23, as also 6 * log(150) would be 30."""
    reg = {
        "loss": reg_node("symmetric_cross_entropy", alpha=10.0),
        "flooding": reg_node("flooding", level=0.3),
    }
    config = tiny(reg=reg)
    kept = {None: reg, **{out: {name: node for name, node in reg.items() if name != out} for out in reg}}
    findings = audit(lambda out: build_run(config, build_stack(kept[out]))).findings
    assert {finding.name: finding.state for finding in findings} == {"loss": "acts", "flooding": "rule"}


def test_does_nothing_at_level_zero():
    loss = torch.tensor(0.3)
    for form in ("batch", "example"):
        assert made(0.0, form).transform_loss(loss) is loss
        assert made(0.0, form).penalty(forward(LOGITS, FIRST)) is None


def test_each_form_uses_one_of_the_two_hooks():
    assert made(0.5, "batch").penalty(forward(LOGITS, FIRST)) is None


def test_refuses_a_negative_level():
    with pytest.raises(ValueError, match=r"^level must be at least 0, got -1$"):
        Flooding(-1, "batch")

"""Models of others in a loop of one's own: their places found, their names kept."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import regbench
from regbench.errors import ConfigError
from regbench.library.applied import Applied
from regbench.library.stack import Stack
from regbench.sites import Site
from tests.library.nets import Numbers, Plain, rows, sgd


def plain() -> Plain:
    torch.manual_seed(0)
    return Plain((1, 4, 4), 3)


def applied_to(stack: Stack, model: nn.Module, **given: Any) -> Applied:
    return stack.apply(model, sgd(model), train=rows(), epochs=1, steps_per_epoch=4, **given)


def test_a_model_without_sites_is_marked_and_its_state_keeps_its_names() -> None:
    model = plain()
    names = list(model.state_dict())
    stack = regbench.stack("dropout", "ema", stochastic_depth={"p_last": 0.9, "mode": "batch"})
    applied = applied_to(stack, model)
    assert applied.model is model
    applied.step(*rows())
    assert list(model.state_dict()) == names
    assert list(applied.eval_model.state_dict()) == names
    plain().load_state_dict(applied.final_model().state_dict())


def test_a_model_stays_on_its_device_and_is_trained_there(device: torch.device) -> None:
    model = plain().to(device)
    applied = applied_to(regbench.stack("dropout", "sam"), model)
    assert {parameter.device.type for parameter in model.parameters()} == {device.type}
    inputs, labels = rows()
    before = model.head.weight.detach().clone()
    applied.step(inputs.to(device), labels.to(device))
    assert not torch.equal(model.head.weight, before)


def test_the_audit_says_where() -> None:
    model = plain()
    stack = regbench.stack("dropout", stochastic_depth={"p_last": 0.9})
    found = regbench.audit(model, stack, sgd(model), train=rows())
    assert [one.state for one in found.findings] == ["acts", "acts"]
    assert "Skip at block" in found.findings[1].facts
    assert not any(isinstance(module, Site) for module in model.modules())


def test_the_average_is_a_model_of_the_persons_own_kind() -> None:
    model = plain()
    applied = applied_to(regbench.stack(ema={"decay": 0.5, "warmup": False}), model)
    for _ in range(2):
        applied.step(*rows())
    evaluated = applied.eval_model.eval()
    other = plain()
    other.load_state_dict(evaluated.state_dict())
    assert torch.equal(evaluated(rows()[0]), other.eval()(rows()[0]))
    assert not torch.equal(evaluated(rows()[0]), model.eval()(rows()[0]))


def test_places_are_named_by_globs_or_not_at_all() -> None:
    model = plain()
    applied_to(regbench.stack("dropout"), model, sites={"hidden": ["stem.2"]})
    assert [n for n, m in model.named_modules() if type(m).__name__ == "Drop"] == ["stem.2.after.0"]
    with pytest.raises(ConfigError, match=r"^reg\.dropout: Plain has no 'hidden' site$"):
        applied_to(regbench.stack("dropout"), plain(), sites="none")
    with pytest.raises(
        ConfigError, match=r"^model: sites\.hidden must name modules of the model, got 'stme\.2'"
    ):
        applied_to(regbench.stack("dropout"), plain(), sites={"hidden": ["stme.2"]})


def test_a_place_that_was_not_found_is_asked_for_by_sites() -> None:
    with pytest.raises(ConfigError) as raised:
        applied_to(regbench.stack("attention_dropout"), plain())
    assert str(raised.value).startswith("reg.attention_dropout: Plain has no 'attention' site; sites={KIND: ")


def test_members_act_on_the_inputs_in_training_and_not_in_evaluation() -> None:
    inputs, labels = rows()
    model = plain()
    applied = applied_to(regbench.stack(dropout={"p": 0.9, "where": "input"}), model)
    noisy = {applied.loss(inputs, labels).item() for _ in range(2)}
    assert len(noisy) == 2
    model.eval()
    clean = F.cross_entropy(model(inputs), F.one_hot(labels, 3).float())
    assert torch.equal(applied.loss(inputs, labels), clean)
    model.train()
    with pytest.raises(
        ConfigError, match=r"^forward: must be left out beside members that act at the inputs"
    ):
        applied.loss(inputs, labels, lambda shown: model(shown))


def test_noise_that_a_model_brings_along_is_told_and_switched_off() -> None:
    def noisy() -> nn.Sequential:
        return nn.Sequential(plain(), nn.Dropout(0.5))

    applied = applied_to(regbench.stack(), noisy())
    assert applied.note.startswith("has noise of its own in every stack, at 1")
    quiet = applied_to(regbench.stack(), noisy(), own_noise="off")
    assert quiet.note == ""
    losses = {quiet.loss(*rows()).item() for _ in range(2)}
    assert len(losses) == 1


def test_one_number_a_row_needs_no_axis() -> None:
    inputs, _ = rows()
    labels = inputs.flatten(1).sum(1)
    model = Numbers()
    stack = regbench.stack(mixup={"alpha": 1.0})
    applied = stack.apply(model, sgd(model, 0.01), train=(inputs, labels), epochs=1, steps_per_epoch=2)
    applied.step(inputs, labels)
    measured = regbench.gap(model, (inputs, labels), (inputs, labels))
    with torch.no_grad():
        assert measured.val["loss"] == pytest.approx(F.mse_loss(model(inputs), labels).item(), rel=1e-5)
    with pytest.raises(ConfigError, match=r"^reg\.label_smoothing: needs classes, got numbers to predict$"):
        regbench.stack("label_smoothing").apply(
            Numbers(), train=(inputs, labels), epochs=1, steps_per_epoch=1
        )


def test_a_model_in_double_precision_is_marked() -> None:
    model = plain().double()
    inputs = rows()[0].double()
    stack = regbench.stack(stochastic_depth={"p_last": 0.5})
    stack.apply(model, sgd(model), train=(inputs, rows()[1]), epochs=1, steps_per_epoch=1).step(
        inputs, rows()[1]
    )
    assert {p.dtype for p in model.parameters()} == {torch.float64}


def test_what_a_member_asks_of_the_model_are_logits() -> None:
    """A member that runs the model by itself, on one that returns an object."""

    class Out:
        def __init__(self, logits: Tensor) -> None:
            self.logits = logits

    class Speaking(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = plain()

        def forward(self, inputs: Tensor) -> Out:
            return Out(self.inner(inputs))

    model = Speaking()
    applied = applied_to(regbench.stack("adversarial"), model)
    applied.step(*rows())
    assert applied.terms.keys() == {"data", "adversarial"}

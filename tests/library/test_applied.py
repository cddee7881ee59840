"""A stack at work in a loop of one's own, by hand and by torch's own functions."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import regbench
from regbench.errors import ConfigError
from regbench.library.applied import Applied
from regbench.library.stack import Stack
from regbench.tasks import Regression
from tests.library.nets import net, rows, sgd


def applied_to(stack: Stack, model: nn.Module, epochs: int = 3, **given: Any) -> Applied:
    values: dict[str, Any] = {"train": rows(), "steps_per_epoch": 2} | given
    return stack.apply(model, sgd(model), epochs=epochs, **values)


def test_the_empty_stack_is_the_loop_without_it() -> None:
    """To rounding: a loss of few classes is summed otherwise than torch sums it."""
    inputs, labels = rows()
    targets = F.one_hot(labels, 3).float()
    plain, model = net(), net()
    optimizer, applied = sgd(plain), applied_to(regbench.stack(), model)
    for _ in range(4):
        optimizer.zero_grad()
        loss = F.cross_entropy(plain(inputs), targets)
        loss.backward()
        optimizer.step()
        assert applied.step(inputs, labels).item() == pytest.approx(loss.item(), rel=1e-6)
    for own, other in zip(plain.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(own, other, rtol=1e-5, atol=1e-6)


def test_a_penalty_is_added_and_told() -> None:
    inputs, labels = rows()
    model = net()
    weights = [m.weight for m in model if isinstance(m, nn.Linear)]
    squares = sum(w.square().sum().item() for w in weights)
    applied = applied_to(regbench.stack(l2={"strength": 0.1, "mode": "penalty"}), model)
    loss = applied.loss(inputs, labels).item()
    data = F.cross_entropy(model(inputs), labels).item()
    assert applied.terms.keys() == {"data", "l2"}
    assert applied.terms["l2"].item() == pytest.approx(0.05 * squares)
    assert loss == pytest.approx(data + 0.05 * squares)


def test_parts_of_a_batch_add_up_to_the_batch() -> None:
    """Without noise the mean gradient of two halves is that of the whole."""
    inputs, labels = rows()
    whole, halves = net(), net()
    one, two = (applied_to(regbench.stack(l2={"strength": 0.1}), model) for model in (whole, halves))
    one.step(inputs, labels)
    two.optimizer.zero_grad()
    for part in range(2):
        (two.loss(inputs[part::2], labels[part::2]) / 2).backward()
    two.optimizer.step()
    assert (one.step_count, two.step_count) == (1, 1)
    assert all(torch.allclose(a, b) for a, b in zip(whole.parameters(), halves.parameters(), strict=True))


def test_each_part_has_draws_of_its_own_and_a_second_pass_the_same_batch() -> None:
    inputs, labels = rows()
    seen: list[Tensor] = []

    def watched(model: nn.Module) -> Callable[[Tensor], Tensor]:
        return lambda given: seen.append(given.clone()) or model(given)  # type: ignore[func-returns-value]

    model = net()
    applied = applied_to(regbench.stack("sam", mixup={"alpha": 1.0}), model)
    applied.step(inputs, labels, watched(model))
    assert len(seen) == 2
    assert torch.equal(seen[0], seen[1])
    assert not torch.equal(seen[0], inputs)
    other = net()
    parts = applied_to(regbench.stack(mixup={"alpha": 1.0}), other)
    for _ in range(2):
        parts.loss(inputs, labels, watched(other))
    assert torch.equal(seen[2], seen[0])
    assert not torch.equal(seen[3], seen[2])


def test_in_evaluation_mode_the_loss_is_clean() -> None:
    inputs, labels = rows()
    model = net()
    applied = applied_to(regbench.stack("dropout", mixup={"alpha": 1.0}, l2={"mode": "penalty"}), model)
    model.eval()
    targets = F.one_hot(labels, 3).float()
    torch.testing.assert_close(applied.loss(inputs, labels), F.cross_entropy(model(inputs), targets))
    assert applied.step_count == 0


def test_rows_of_probabilities_are_targets_as_they_are() -> None:
    inputs, labels = rows()
    soft = torch.full((len(labels), 3), 0.25)
    soft[:, 0] = 0.5
    model = net()
    applied = applied_to(regbench.stack(), model, train=(inputs, soft))
    assert applied.loss(inputs, soft).item() == pytest.approx(F.cross_entropy(model(inputs), soft).item())
    assert applied.loss(inputs, labels).item() == pytest.approx(F.cross_entropy(model(inputs), labels).item())


@pytest.mark.parametrize("width", [1, 2])
def test_floats_are_numbers_to_predict(width: int) -> None:
    inputs, _ = rows()
    numbers = inputs.flatten(1)[:, :width]
    labels = numbers[:, 0] if width == 1 else numbers
    model = net(width)
    applied = applied_to(regbench.stack(mixup={"alpha": 1.0}), model, train=(inputs, labels))
    model.eval()
    assert torch.equal(applied.loss(inputs, labels), F.mse_loss(model(inputs), numbers))
    model.train()
    applied.step(inputs, labels)
    huber = Regression((0.0,) * width, (1.0,) * width, loss_form="huber")
    other = net(width)
    given = applied_to(regbench.stack(), other, train=(inputs, labels), task=huber)
    assert torch.equal(given.loss(inputs, labels), F.huber_loss(other(inputs), numbers))


def test_a_loss_of_ones_own_is_given_outputs_and_mixed_targets() -> None:
    inputs, labels = rows()
    given: list[Tensor] = []

    def focal(outputs: Tensor, targets: Tensor) -> Tensor:
        given.append(targets)
        logs = outputs.log_softmax(1)
        return -(targets * (1 - logs.exp()).square() * logs).sum(1).mean()

    model = net()
    applied = applied_to(regbench.stack(mixup={"alpha": 1.0, "per": "example"}), model, loss=focal)
    applied.step(inputs, labels)
    assert given[0].shape == (48, 3)
    assert torch.allclose(given[0].sum(1), torch.ones(48))
    assert ((given[0] > 0).sum(1) == 2).any()


def test_weights_of_classes_weigh() -> None:
    inputs, labels = rows()
    weights = torch.tensor([1.0, 2.0, 4.0])
    model = net()
    applied = applied_to(regbench.stack(), model, class_weights=weights)
    targets = F.one_hot(labels, 3).float()
    assert torch.equal(applied.loss(inputs, labels), F.cross_entropy(model(inputs), targets, weights))


def test_parameters_that_members_add_are_trained() -> None:
    inputs, labels = rows()
    model = net()
    model.insert(2, _norm_site())
    applied = applied_to(regbench.stack("batch_norm"), model)
    (norm,) = (m for m in model.modules() if isinstance(m, nn.BatchNorm1d))
    before = norm.bias.clone()
    applied.step(inputs, labels)
    assert not torch.equal(norm.bias, before)
    names = {id(p): n for n, p in model.named_parameters()}
    assert [names[id(p)] for p in applied.optimizer.param_groups[0]["params"]] == list(names.values())


def _norm_site() -> nn.Module:
    from regbench.sites import Site

    return Site("norm", (8,))


def test_groups_of_parameters_stay_what_they_are() -> None:
    model = net()
    model.insert(2, _norm_site())
    groups = [{"params": model[1].parameters(), "lr": 0.5}, {"params": model[4].parameters(), "lr": 0.1}]
    optimizer = torch.optim.SGD(groups)
    applied = regbench.stack("batch_norm").apply(model, optimizer, train=rows(), epochs=1, steps_per_epoch=1)
    assert applied.optimizer is optimizer
    assert [group["lr"] for group in optimizer.param_groups] == [0.5, 0.1]
    assert [len(group["params"]) for group in optimizer.param_groups] == [4, 2]


def test_a_scheduler_made_before_or_after_counts_steps_without_a_warning() -> None:
    inputs, labels = rows()
    model = net()
    optimizer = sgd(model)
    before = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
    applied = regbench.stack("sam").apply(model, optimizer, train=rows(), epochs=3, steps_per_epoch=2)
    after = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
    for scheduler in (before, after):
        applied.step(inputs, labels)
        scheduler.step()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.025)


def test_an_optimizer_with_closures_of_its_own_calls_them() -> None:
    inputs, labels = rows()
    model = net()
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.1, max_iter=4)
    stack = regbench.stack(l2={"mode": "penalty"})
    applied = stack.apply(model, optimizer, train=rows(), epochs=1, steps_per_epoch=2)
    first = applied.step(inputs, labels)
    assert applied.step_count == 1
    assert applied.step(inputs, labels) < first


def test_epochs_begin_by_themselves_and_ramps_run_from_0_to_1(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, float]] = []
    monkeypatch.setattr(Stack, "begin_epoch", lambda self, progress: told.append(("epoch", progress)))
    monkeypatch.setattr(Stack, "begin_step", lambda self, progress: told.append(("step", progress)))
    model = net()
    applied = applied_to(regbench.stack(), model, epochs=2)
    asked = []
    for _ in range(4):
        asked.append(applied.progress)
        applied.step(*rows())
    third = 1 / 3
    assert told == [
        *[("epoch", 0.0), ("step", 0.0), ("step", third)],
        *[("epoch", 0.5), ("step", 2 * third), ("step", 1.0)],
    ]
    assert asked == [0.125, 0.375, 0.625, 0.875]


def test_early_stopping_stops_and_brings_back_the_best_epoch() -> None:
    inputs, labels = rows()
    model = net()
    stack = regbench.stack(early_stopping={"patience": 2, "monitor": "select/loss"})
    applied = applied_to(stack, model, epochs=5)
    kept = []
    for value in (0.5, 0.3, 0.4, 0.6, 0.2):
        applied.step(inputs, labels)
        kept.append(copy.deepcopy(model.state_dict()))
        if applied.end_epoch({"select/loss": value}):
            break
    assert [record.metrics for record in applied.history] == [
        {"select/loss": v} for v in (0.5, 0.3, 0.4, 0.6)
    ]
    final = applied.final_model().state_dict()
    assert all(torch.equal(final[name], kept[1][name]) for name in final)


def test_the_average_is_what_is_evaluated() -> None:
    inputs, labels = rows()
    model = net()
    applied = applied_to(regbench.stack(ema={"decay": 0.5, "warmup": False}), model)
    averages: Any = None
    for _ in range(3):
        applied.step(inputs, labels)
        now = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        averages = now if averages is None else {n: (averages[n] + now[n]) / 2 for n in now}
    shown = applied.eval_model.state_dict()
    assert all(torch.allclose(shown[name], averages[name]) for name in averages)
    applied.end_epoch(select=(inputs, labels))
    hand = regbench.gap(applied.eval_model, (inputs, labels), (inputs, labels)).val["loss"]
    assert applied.history[0].metrics["select/loss"] == hand


@pytest.mark.parametrize("epoch", [1, 2])
def test_a_loop_that_was_stopped_goes_on_to_the_bit(epoch: int) -> None:
    def begun() -> Applied:
        model = net()
        stack = regbench.stack("dropout", "ema", "sam", mixup={"alpha": 1.0}, early_stopping={"patience": 2})
        return applied_to(stack, model, epochs=3)

    def trained(applied: Applied, first: int, last: int) -> Applied:
        for _ in range(first, last):
            for half in range(2):
                applied.step(*(column[half::2] for column in rows()))
            applied.end_epoch(select=rows())
        return applied

    whole = trained(begun(), 0, 3)
    half = trained(begun(), 0, epoch)
    states = [half.model.state_dict(), half.optimizer.state_dict(), half.state_dict()]
    resumed = begun()
    for part, state in zip((resumed.model, resumed.optimizer, resumed), copy.deepcopy(states), strict=True):
        part.load_state_dict(state)
    trained(resumed, epoch, 3)
    for one, other in ((whole.model, resumed.model), (whole.final_model(), resumed.final_model())):
        mine, theirs = one.state_dict(), other.state_dict()
        assert all(torch.equal(mine[name], theirs[name]) for name in mine)
    assert whole.history == resumed.history


# --- what is refused


def test_a_member_without_its_site_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"^reg\.stochastic_depth: Sequential has no 'branch' site$"):
        applied_to(regbench.stack("stochastic_depth"), net())


def test_data_that_a_member_cannot_work_on_are_refused() -> None:
    inputs, labels = rows()
    with pytest.raises(ConfigError, match=r"^reg\.color_jitter: pixels must lie in \[0, 1\], got "):
        applied_to(regbench.stack("color_jitter"), net(), train=(inputs * 3, labels))


def test_two_passes_without_a_closure_are_refused() -> None:
    model = net()
    applied = applied_to(regbench.stack("sam"), model)
    applied.loss(*rows()).backward()
    with pytest.raises(
        ConfigError, match=r"^optimizer: step must be given the closure that computes the loss"
    ):
        applied.optimizer.step()


def test_two_passes_after_a_part_outside_the_closure_are_refused() -> None:
    model = net()
    applied = applied_to(regbench.stack("sam"), model)
    applied.loss(*rows()).backward()
    with pytest.raises(
        ConfigError, match=r"^optimizer: the closure must show the whole batch, .* 1 part of it"
    ):
        applied.step(*rows())


def test_a_step_without_a_loss_is_refused() -> None:
    model = net()
    applied = applied_to(regbench.stack("dropout"), model)
    F.cross_entropy(model(rows()[0]), rows()[1]).backward()
    with pytest.raises(
        ConfigError, match=r"^optimizer: must step after a loss of this stack in training mode"
    ):
        applied.optimizer.step()


def test_more_steps_than_were_said_are_refused() -> None:
    model = net()
    applied = applied_to(regbench.stack(), model, epochs=1, steps_per_epoch=1)
    applied.step(*rows())
    with pytest.raises(ConfigError, match=r"^epochs: all 1 of 1 step are done; give apply as many"):
        applied.step(*rows())


def test_what_has_been_applied_is_not_applied_again() -> None:
    model = net()
    optimizer = sgd(model)
    stack = regbench.stack("dropout")
    stack.apply(model, optimizer, train=rows(), epochs=1, steps_per_epoch=1)
    with pytest.raises(ConfigError, match=r"^model: a stack has been applied to it already"):
        stack.apply(model, sgd(model), train=rows(), epochs=1, steps_per_epoch=1)
    with pytest.raises(ConfigError, match=r"^model: a stack has been applied to it already"):
        regbench.audit(model, stack, sgd(model), train=rows())
    other = net()
    with pytest.raises(
        ConfigError, match=r"^optimizer: must hold the parameters of the model, and holds none"
    ):
        stack.apply(other, sgd(net()), train=rows(), epochs=1, steps_per_epoch=1)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"steps_per_epoch": None}, "steps_per_epoch: must be given where train is no DataLoader"),
    ({"epochs": 0}, "epochs: must be a whole number of at least 1, got 0"),
    (
        {"train": (rows()[0], rows()[1] + 1)},
        "train: labels must lie in 0 to 2, as the model returns 3 logits, got 1 to 3",
    ),
    (
        {"train": (rows()[0], rows()[1][:3])},
        "train: must have rows, and a label for each, got 48 inputs and 3 labels",
    ),
    (
        {"train": 3},
        "train: must be (inputs, labels), a map-style Dataset, a DataLoader or a Split, got int",
    ),
]


@pytest.mark.parametrize(("given", "sentence"), REFUSED, ids=[case[1][:30] for case in REFUSED])
def test_what_is_wrong_is_refused_in_one_sentence(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError) as raised:
        applied_to(regbench.stack("dropout"), net(), **given)
    assert str(raised.value) == sentence


def test_labels_of_another_shape_are_refused() -> None:
    model = net()
    applied = applied_to(regbench.stack(), model)
    sentence = r"^labels: must be whole numbers \(B,\) or probabilities \(B, 3\), got torch.float32 \(48,\)$"
    with pytest.raises(ConfigError, match=sentence):
        applied.loss(rows()[0], rows()[1].float())
    with pytest.raises(ConfigError, match=r"^labels: must be one for each of 48 inputs, got 3$"):
        applied.loss(rows()[0], rows()[1][:3])


def test_a_state_of_something_else_is_refused() -> None:
    applied = applied_to(regbench.stack("ema"), net())
    with pytest.raises(ConfigError, match=r"^state: must be what state_dict returned, got the keys none$"):
        applied.load_state_dict({})
    with pytest.raises(ConfigError, match=r"^reg: the state must be of ema, got one of no members$"):
        applied.load_state_dict(applied_to(regbench.stack(), net()).state_dict())


def test_a_model_that_does_not_take_the_rows_is_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"^model: must take inputs of shape \(B, 1, 4, 4\), and says: mat1"
    ):
        applied_to(regbench.stack(), nn.Linear(3, 3))


def test_double_precision_stays_so() -> None:
    model = net().double()
    inputs = rows()[0].double()
    applied = applied_to(regbench.stack("dropout", "ema"), model, train=(inputs, rows()[1]))
    applied.step(inputs, rows()[1])
    assert {p.dtype for p in model.parameters()} == {torch.float64}
    assert torch.get_default_dtype() == torch.float32


def test_a_loss_beside_a_member_that_has_one_is_refused() -> None:
    stack = regbench.stack("smart_augmentation")
    with pytest.raises(ConfigError, match=r"^loss: must be left out beside reg\.smart_augmentation, which"):
        applied_to(stack, net(), loss=F.cross_entropy)


COMPUTING = {"adversarial": {"epsilon": 0.1}, "flooding": {"form": "example"}, "r_drop": {}}


@pytest.mark.parametrize("name", COMPUTING)
def test_a_loss_beside_a_member_that_computes_the_tasks_is_refused(name: str) -> None:
    with pytest.raises(
        ConfigError, match=rf"^loss: must be left out beside reg\.{name}, which computes the loss of the task"
    ):
        applied_to(regbench.stack(**{name: COMPUTING[name]}), net(), loss=F.cross_entropy)


def test_a_loss_may_stand_beside_these_where_they_are_off_or_heed_it() -> None:
    for values in (
        {"adversarial": {"epsilon": 0.0}},
        {"flooding": {"form": "batch"}},
        {"flooding": {"form": "example", "level": 0.0}},
    ):
        applied_to(regbench.stack(**values), net(), loss=F.cross_entropy)


def test_an_ensemble_of_snapshots_is_what_is_evaluated_and_kept() -> None:
    torch.manual_seed(0)
    inputs, labels = torch.randn(12, 4), torch.arange(12) % 3
    model: nn.Module = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    stack = regbench.stack(snapshot={"cycles": 2})
    applied = stack.apply(model, optimizer, train=(inputs, labels), epochs=2, steps_per_epoch=2)
    ends = []
    for _ in range(2):
        for half in (slice(0, 6), slice(6, 12)):
            applied.step(inputs[half], labels[half])
        ends.append(copy.deepcopy(model).eval()(inputs).softmax(1))
        applied.end_epoch()
    kept = applied.final_model().eval()
    torch.testing.assert_close(kept(inputs).softmax(1), (ends[0] + ends[1]) / 2)
    assert not torch.allclose(ends[0], ends[1])


@pytest.mark.parametrize("name", ["", "batch_norm", "l2"])
def test_what_a_person_leaves_out_of_the_optimizer_is_not_trained(name: str) -> None:
    inputs, labels = rows()
    model = net()
    model.insert(2, _norm_site())
    first, last = (module for module in model if isinstance(module, nn.Linear))
    before = first.weight.detach().clone(), last.weight.detach().clone()
    optimizer = torch.optim.SGD([{"params": [last.weight]}, {"params": [last.bias]}], lr=0.1)
    stack = regbench.stack(*filter(None, [name]))
    applied = stack.apply(model, optimizer, train=rows(), epochs=1, steps_per_epoch=3)
    for _ in range(3):
        applied.step(inputs, labels)
    added = 2 if name == "batch_norm" else 0  # weight and bias of the layer that the member brings along
    assert [len(group["params"]) for group in optimizer.param_groups] == [1 + added, 1]
    assert torch.equal(first.weight, before[0])
    assert not torch.equal(last.weight, before[1])


def _after(applied: Applied, steps: int) -> Applied:
    inputs, labels = rows()
    for _ in range(steps):
        applied.step(inputs, labels)
    return applied


def test_an_ensemble_goes_on_from_the_three_states() -> None:
    """Snapshots lie around the model, whose own state does not hold them."""
    stack = regbench.stack(snapshot={"cycles": 4})
    whole = _after(applied_to(stack, net(), epochs=4, steps_per_epoch=4), 9)
    states = copy.deepcopy([one.state_dict() for one in (whole.model, whole.optimizer, whole)])
    other = net()
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(1.0)
    taken_up = applied_to(stack, other, epochs=4, steps_per_epoch=4)
    for one, state in zip((taken_up.model, taken_up.optimizer, taken_up), states, strict=True):
        one.load_state_dict(state)
    inputs, _ = rows()
    for applied in (whole, taken_up):
        applied.eval_model.eval()
    assert torch.equal(whole.eval_model(inputs), taken_up.eval_model(inputs))
    for applied in (whole, taken_up):
        applied.model.train()
        _after(applied, 7)
        applied.eval_model.eval()
    assert torch.equal(whole.eval_model(inputs), taken_up.eval_model(inputs))
    with pytest.raises(ConfigError, match=r"^state: what members keep around the model must be "):
        taken_up.load_state_dict({**states[2], "around": {}})


def unmarked() -> nn.Sequential:
    """A network that has no sites of its own, so that one is put before it."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 3))


def test_what_a_member_does_to_the_inputs_in_evaluation_is_evaluated() -> None:
    """Classic dropout shows half of each input then: the logits are those of net(x / 2)."""
    inputs, labels = rows()
    model = unmarked()
    stack = regbench.stack(dropout={"where": "input", "mode": "classic", "p": 0.5}, ema={"decay": 0.5})
    for members in (stack, stack.without("ema")):
        model = unmarked()
        applied = _after(applied_to(Stack(members.members), model), 2)
        evaluated = applied.eval_model.eval()
        own = evaluated.state_dict() if "ema" in members.members else None
        copied = unmarked().eval()
        copied.load_state_dict(
            model.state_dict()
            if own is None
            else {n.removeprefix("net."): t for n, t in own.items() if n.startswith("net.")}
        )
        torch.testing.assert_close(evaluated(inputs), copied(inputs / 2))
        torch.testing.assert_close(applied.final_model().eval()(inputs), copied(inputs / 2))
        if own is None:
            measured = regbench.gap(applied.eval_model, train=rows(), val=rows()).train["loss"]
            assert measured == pytest.approx(F.cross_entropy(copied(inputs / 2), labels).item(), rel=1e-5)


def test_noise_on_the_inputs_that_evaluation_lacks_leaves_the_person_s_own_model() -> None:
    model = unmarked()
    applied = _after(applied_to(regbench.stack(dropout={"where": "input", "p": 0.5}), model), 2)
    assert applied.eval_model is model
    assert applied.final_model() is model


def test_the_curve_of_an_epoch_that_ended_before_the_state_was_saved() -> None:
    """After step 4 of 6 a ramp from 0.1 to 0.6 is at 0.1 + 0.5 * 3 / 5 = 0.4."""
    ramp = regbench.strengths.Ramp(0.1, 0.6, 1.0)
    stack = regbench.stack(dropout={"p": ramp})
    whole = _after(applied_to(stack, net()), 4)
    taken_up = applied_to(stack, net())
    taken_up.load_state_dict(whole.state_dict())
    for applied in (whole, taken_up):
        applied.end_epoch()
        assert applied.history[-1].metrics["dropout/p"] == pytest.approx(0.4)


def test_a_schedule_may_be_given_as_an_object_or_as_a_configuration_has_it() -> None:
    node = {"_target_": "regbench.strengths.Ramp", "start": 0.1, "end": 0.6, "over": 1.0}
    for value in (node, regbench.strengths.Ramp(0.1, 0.6, 1.0)):
        applied = _after(applied_to(regbench.stack(dropout={"p": value}), net()), 6)
        applied.end_epoch()
        assert applied.history[-1].metrics["dropout/p"] == 0.6

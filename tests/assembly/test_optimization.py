"""Optimizers and schedules: what cannot train is refused in one sentence, what of one's own can is taken."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from regbench.assembly.optimization import build_optimizer, build_schedule
from regbench.assembly.run import build_run
from regbench.errors import ConfigError
from regbench.training.loop import train_step
from tests.conftest import tiny


class Forgetful(torch.optim.SGD):
    """Steps without a look at its closure, so that there is no gradient."""

    def step(self, closure: Any = None) -> Any:
        return None


class NoRate(torch.optim.SGD):
    def __init__(self, params: Any) -> None:
        super().__init__(params, lr=0.1)


class Lion:
    """One's own, no subclass of torch's."""

    def __init__(self, params: Any, lr: float, groups: bool = True) -> None:
        self.params = list(params)
        if groups:
            self.param_groups = [{"params": self.params, "lr": lr}]

    def zero_grad(self) -> None:
        for parameter in self.params:
            parameter.grad = None

    def step(self, closure: Any = None) -> Any:
        loss = closure()
        with torch.no_grad():
            for parameter in self.params:
                parameter -= self.param_groups[0]["lr"] * parameter.grad.sign()
        return loss

    def state_dict(self) -> dict[str, Any]:
        return {}


def half(params: Any, lr: float) -> Any:
    return torch.optim.SGD(params, lr / 2)


def nothing(params: Any, lr: float) -> Any:
    return {}


class Rising:
    def __init__(self, top: float) -> None:
        self.top = top

    def __call__(self, progress: float) -> float:
        return self.top if progress > 0.7 else 1.0


def mine(name: str, **values: Any) -> dict[str, Any]:
    return {"_target_": f"{__name__}.{name}", **values}


def complaint(node: dict[str, Any]) -> str:
    def step() -> None:
        run = build_run(tiny() | {"optimizer": node})
        train_step(run, run.data.train[:32])

    with pytest.raises(ConfigError) as caught:
        step()
    return str(caught.value)


@pytest.mark.parametrize("name", ["Adafactor", "Rprop", "ASGD", "Adadelta", "RMSprop", "NAdam"])
def test_torch_s_optimizers_train(name: str) -> None:
    run = build_run(tiny() | {"optimizer": {"_target_": f"torch.optim.{name}"}})
    before = next(run.model.parameters()).clone()
    train_step(run, run.data.train[:32])
    assert not torch.equal(before, next(run.model.parameters()))


@pytest.mark.parametrize("name", ["Lion", "half"])
def test_one_s_own_train(name: str) -> None:
    run = build_run(tiny() | {"optimizer": mine(name)})
    before = next(run.model.parameters()).clone()
    train_step(run, run.data.train[:32])
    assert not torch.equal(before, next(run.model.parameters()))


@pytest.mark.parametrize(
    ("node", "said"),
    [
        ({"_target_": "torch.optim.LBFGS"}, "optimizer._target_: must step without being given a closure"),
        ({"_target_": "torch.optim.Optimizer"}, "optimizer._target_: must take params and lr, and torch."),
        (
            {"_target_": "torch.optim.SparseAdam"},
            "optimizer: cannot make a step, and says: SparseAdam does not support dense gradients",
        ),
        (
            {"_target_": "torch.optim.SGD", "differentiable": True},
            "optimizer: cannot make a step, and says: a leaf Variable",
        ),
        (mine("Forgetful"), "optimizer: must call the closure that its step is given, which computes"),
        (mine("NoRate"), "optimizer._target_: must take params and lr, and "),
        (mine("nothing"), "optimizer._target_: must name a torch optimizer, got "),
        (mine("Lion", groups=False), "optimizer._target_: must have param_groups, a list of dicts"),
    ],
)
def test_what_cannot_train_is_refused(node: dict[str, Any], said: str) -> None:
    assert complaint(node).startswith(said)
    assert "\n" not in complaint(node)


def test_an_optimizer_is_looked_at_before_it_is_made() -> None:
    model = torch.nn.Linear(1, 1)
    with pytest.raises(
        ConfigError, match=r"^optimizer\._target_: must name a torch optimizer, got os\.system$"
    ):
        build_optimizer({"_target_": "os.system"}, model, 0.1)


def test_the_factors_of_a_schedule_are_finite_numbers_from_0() -> None:
    assert build_schedule(mine("Rising", top=2.0))(0.9) == 2.0
    assert build_schedule({"_target_": "regbench.schedules.Cosine", "warmup": 0.1})(0.05) == 0.5
    with pytest.raises(
        ConfigError, match=r"^schedule: its factor must be a finite number from 0, got -1\.0 at"
    ):
        build_schedule(mine("Rising", top=-1.0))
    with pytest.raises(ConfigError, match=r"^schedule\._target_: must name a schedule, a dataclass whose"):
        build_schedule({"_target_": "torch.optim.lr_scheduler.StepLR"})


@pytest.mark.parametrize(
    ("option", "values", "sentence"),
    [
        (
            "Adam",
            {"betas": [2, 0.9]},
            "optimizer.betas: Invalid beta parameter at index 0: 2.0, got [2, 0.9]",
        ),
        ("Adam", {"eps": -1}, "optimizer.eps: Invalid epsilon value: -1.0, got -1"),
        ("AdamW", {"betas": [0.9, 1.5], "eps": 1e-8}, "optimizer.betas: Invalid beta parameter at index 1"),
        ("SGD", {"momentum": -1}, "optimizer.momentum: Invalid momentum value: -1.0, got -1"),
        (
            "SGD",
            {"momentum": 0, "nesterov": True},
            "optimizer.nesterov: Nesterov momentum requires a momentum and zero dampening, got true beside "
            "optimizer.momentum=0; type optimizer.nesterov=false",
        ),
        ("SGD", {"lr": -1}, "optimizer: lr must lie in [0, 3e+38), got -1.0"),
        ("SGD", {"lr": "abc"}, "optimizer: lr must be a number, got 'abc'"),
    ],
)
def test_what_torch_refuses_is_told_with_its_key(option: str, values: dict[str, Any], sentence: str) -> None:
    assert complaint({"_target_": f"torch.optim.{option}", "lr": 0.1, **values}).startswith(sentence)


@pytest.mark.parametrize(
    ("option", "values"),
    [("SGD", {"momentum": 0}), ("SGD", {"momentum": 0.5, "nesterov": True}), ("Adam", {"betas": [0, 0]})],
)
def test_values_at_the_end_of_their_range_are_taken(option: str, values: dict[str, Any]) -> None:
    build_optimizer({"_target_": f"torch.optim.{option}", "lr": 0, **values}, torch.nn.Linear(1, 1), 0.0)


class Sparse(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = torch.nn.Embedding(3, 2, sparse=True)


def kernel(model: torch.nn.Module, **node: Any) -> tuple[Any, Any]:
    """Which of torch's implementations was chosen: fused, foreach."""
    node = {"_target_": "torch.optim.SGD", **node}
    group = build_optimizer(node, model, 0.1).param_groups[0]
    return group["fused"], group["foreach"]


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_one_kernel_updates_all_weights_where_torch_has_one(name: str) -> None:
    values = {"weight_decay": 0.0} if name == "AdamW" else {}
    chosen = kernel(torch.nn.Linear(2, 1), _target_=f"torch.optim.{name}", **values)
    assert chosen == (True, None)


@pytest.mark.parametrize(
    ("asked", "chosen"),
    [
        ({"fused": False}, (False, None)),
        ({"foreach": True}, (None, True)),
        ({"foreach": False}, (None, False)),
        ({"differentiable": True}, (None, None)),
        ({"fused": True}, (True, None)),
        ({"fused": None}, (None, None)),
        ({"differentiable": False}, (None, None)),
    ],
)
def test_what_a_person_asks_for_is_what_is_taken(asked: dict[str, Any], chosen: tuple[Any, Any]) -> None:
    assert kernel(torch.nn.Linear(2, 1), **asked) == chosen


def test_weights_that_the_kernel_does_not_take_are_updated_as_before() -> None:
    complex_numbers = torch.nn.Linear(2, 1, dtype=torch.complex64)
    for model in (Sparse(), complex_numbers):
        assert kernel(model) == (None, None)


def test_the_fused_kernel_computes_the_definition() -> None:
    """Nesterov: b = m b + g; w -= lr (g + m b)."""
    model = torch.nn.Linear(1, 1, bias=False)
    weight = model.weight.item()
    node = {"_target_": "torch.optim.SGD", "momentum": 0.5, "nesterov": True}
    optimizer, buffer = build_optimizer(node, model, 0.25), 0.0
    for gradient in (1.0, -3.0, 0.5):
        model.weight.grad = torch.tensor([[gradient]])
        optimizer.step()
        buffer = 0.5 * buffer + gradient
        weight -= 0.25 * (gradient + 0.5 * buffer)
    assert model.weight.item() == pytest.approx(weight, rel=1e-6)

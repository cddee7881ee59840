import copy

import pytest
import torch

from regbench.optimizers import Wrapper, innermost, uncompiled, wrap_innermost


class Named(Wrapper):
    def __init__(self, inner, name, log):
        super().__init__(inner)
        self.name, self.log = name, log

    def step(self, closure=None):
        self.log.append(self.name)
        return super().step(closure)


def sgd(value=1.0):
    weight = torch.nn.Parameter(torch.tensor([value]))
    return weight, torch.optim.SGD([weight], lr=0.5, momentum=0.5)


def test_passes_the_step_on_and_returns_what_the_closure_returned():
    weight, optimizer = sgd()
    wrapper = Wrapper(Wrapper(optimizer))

    def closure():
        wrapper.zero_grad()
        loss = 3 * weight.sum()
        loss.backward()
        return loss.detach()

    assert wrapper.step(closure).item() == 3.0
    assert weight.item() == -0.5  # 1 - 0.5 * 3
    wrapper.zero_grad()
    assert weight.grad is None


def test_groups_and_state_are_those_of_the_torch_optimizer():
    weight, optimizer = sgd()
    wrapper = Wrapper(Wrapper(optimizer))
    assert wrapper.param_groups is optimizer.param_groups
    weight.grad = torch.ones(1)
    wrapper.step()
    other_weight, other = sgd(weight.item())
    Wrapper(other).load_state_dict(copy.deepcopy(wrapper.state_dict()))
    for parameter, one in ((weight, optimizer), (other_weight, other)):
        parameter.grad = torch.zeros(1)
        one.step()
    assert weight.item() == other_weight.item() == 0.25  # 0.5 - 0.5 * 0.5: the momentum went along
    assert Wrapper(other).param_groups is other.param_groups  # the new ones, after the load


def test_innermost_sees_through_every_wrapper():
    _, optimizer = sgd()
    assert innermost(optimizer) is optimizer
    assert innermost(Wrapper(Wrapper(optimizer))) is optimizer


def test_wrap_innermost_goes_beneath_the_wrappers_there_are():
    _, optimizer = sgd()
    log = []
    outer = Named(Named(optimizer, "outer", log), "outermost", log)
    wrapped = wrap_innermost(outer, lambda inner: Named(inner, "inner", log))
    assert wrapped is not optimizer
    assert innermost(wrapped) is optimizer
    wrapped.step()
    assert log == ["outermost", "outer", "inner"]


def test_wrap_innermost_wraps_a_bare_optimizer():
    _, optimizer = sgd()
    wrapped = wrap_innermost(optimizer, Wrapper)
    assert isinstance(wrapped, Wrapper)
    assert wrapped.inner is optimizer


def moved(cls, steps=6, late=None, **values):
    """Weights and state after steps from fixed gradients; one weight's first gradient may come late."""
    weights = [torch.nn.Parameter(torch.linspace(-1, 1, size).double()) for size in (3, 5)]
    optimizer = cls([{"params": weights[:1]}, {"params": weights[1:], "lr": 0.03}], lr=0.1, **values)
    for step in range(steps):
        optimizer.zero_grad()
        for number, weight in enumerate(weights):
            if number or late is None or step >= late:
                weight.grad = (weight.detach() * (step + 1)).sin()
        optimizer.step()
        if step == 2:
            optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    return [weight.detach() for weight in weights], optimizer.state_dict()


@pytest.mark.parametrize(
    ("cls", "values"),
    [
        (torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
        (torch.optim.SGD, {"momentum": 0.9, "nesterov": True, "fused": True}),
        (torch.optim.SGD, {"foreach": True}),
        (torch.optim.Adam, {"amsgrad": True, "fused": True}),
        (torch.optim.AdamW, {"weight_decay": 0.0, "foreach": True}),
        *[(getattr(torch.optim, name), {}) for name in ("Adadelta", "Adafactor", "ASGD", "NAdam", "RMSprop")],
    ],
)
def test_without_the_compiler_torchs_optimizers_do_the_same_to_the_bit(cls, values):
    (weights, state), (truth, theirs) = moved(uncompiled(cls), **values), moved(cls, **values)
    assert all(map(torch.equal, weights, truth))
    assert state["param_groups"] == theirs["param_groups"]
    for number, kept in theirs["state"].items():
        assert kept.keys() == state["state"][number].keys()
        assert all(
            torch.equal(torch.as_tensor(v), torch.as_tensor(state["state"][number][k]))
            for k, v in kept.items()
        )


def test_it_is_of_the_class_and_known_by_its_name():
    ours = uncompiled(torch.optim.Adam)
    assert issubclass(ours, torch.optim.Adam)
    assert (ours.__name__, ours.__module__) == ("Adam", "torch.optim.adam")
    assert uncompiled(torch.optim.Adam) is ours


def test_what_is_not_torchs_stays_as_it_is():
    class Mine(torch.optim.SGD):
        pass

    values = [1]  # cannot be hashed
    assert uncompiled(Mine) is Mine
    assert uncompiled(values.append) == values.append


def test_hooks_and_closures_are_heeded():
    weight = torch.nn.Parameter(torch.ones(1))
    optimizer, seen = uncompiled(torch.optim.SGD)([weight], lr=0.5), []
    optimizer.register_step_pre_hook(lambda *_: seen.append("before"))
    optimizer.register_step_post_hook(lambda *_: seen.append("after"))

    def closure():
        loss = 3 * weight.sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 3.0
    assert (weight.item(), seen) == (-0.5, ["before", "after"])


@pytest.mark.parametrize("dampening", [0.0, 0.25])
def test_a_weight_whose_gradient_comes_late_moves_as_one_that_begins_then(dampening):
    """torch's fused SGD fails there, or took no heed of it; without it each weight has a first step."""
    values = {"momentum": 0.5, "dampening": dampening}
    weights, _ = moved(uncompiled(torch.optim.SGD), late=2, fused=True, **values)
    truth, _ = moved(torch.optim.SGD, late=2, **values)
    for weight, true in zip(weights, truth, strict=True):
        assert torch.allclose(weight, true, rtol=1e-12)


def test_a_state_of_other_weights_is_refused_and_not_written_beyond():
    weight = torch.nn.Parameter(torch.zeros(1000))
    optimizer = uncompiled(torch.optim.SGD)([weight], lr=0.5, momentum=0.5, fused=True)
    state = optimizer.state_dict()
    state["state"] = {0: {"momentum_buffer": torch.zeros(3)}}
    with pytest.raises(ValueError, match=r"^momentum_buffer must have the shape \(1000,\) .* got \(3,\)$"):
        optimizer.load_state_dict(state)

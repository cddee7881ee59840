import copy

import torch

from regbench.optimizers import Wrapper, innermost, wrap_innermost


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

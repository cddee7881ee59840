"""Fields on their way: what a member does in the middle of a ramp, in numbers worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from regbench.assembly.stack import build_stack
from regbench.nn.recurrence import Recurrence
from regbench.regularizers.base import Stack
from regbench.sites import Site
from regbench.streams import Clock
from regbench.types import Batch, ForwardPass, Record
from tests.conftest import reg_node


def ramp(start: float, end: float) -> dict[str, Any]:
    return {"_target_": "regbench.strengths.Ramp", "start": start, "end": end, "over": 1.0}


def stack_of(name: str, **values: Any) -> Stack:
    return build_stack({name: reg_node(name, **values)}).bind(0, Clock())


def half_way(name: str, model: nn.Module, **values: Any) -> tuple[Stack, nn.Module]:
    """A stack of one member at the middle of the run, and the model that it has made of one."""
    stack = stack_of(name, **values)
    model = stack.prepare_model(model)
    stack.begin_step(0.5)
    return stack, model


def hidden(width: int) -> nn.Sequential:
    """The identity as a dense layer, and a hidden site behind it that leaves its input alone."""
    layer = nn.Linear(width, width, bias=False)
    nn.init.eye_(layer.weight)
    return nn.Sequential(layer, Site("hidden", (width,), body=nn.Identity()))


def branches(*bodies: nn.Module) -> nn.Sequential:
    return nn.Sequential(*(Site("branch", (1,), body=body) for body in bodies))


def test_classic_dropout() -> None:
    _, model = half_way("dropout", hidden(2), mode="classic", p=ramp(0.0, 0.5))
    torch.testing.assert_close(model.eval()(torch.ones(1, 2)), torch.full((1, 2), 0.75))
    trained = model.train()(torch.ones(4000, 2))
    assert set(trained.unique().tolist()) == {0.0, 1.0}  # classic: what is kept stays as it is
    assert trained.mean().item() == pytest.approx(0.75, abs=0.02)


def test_the_branches_of_stochastic_depth() -> None:
    """Survivals 1 - l/2 * 0.4 of two branches in a row: 0.8 and 0.6."""
    model = branches(nn.Identity(), nn.Identity())
    _, model = half_way("stochastic_depth", model, form="huang", p_last=ramp(0.0, 0.8))
    torch.testing.assert_close(model.eval()(torch.ones(1, 1)), torch.tensor([[0.48]]))


def test_the_branches_of_shake_drop() -> None:
    _, model = half_way("shake_drop", branches(nn.Identity(), nn.Identity()), p_last=ramp(0.2, 0.6))
    torch.testing.assert_close(model.eval()(torch.ones(1, 1)), torch.tensor([[0.48]]))  # 0.8 * 0.6
    sites: Any = model
    assert [site.around[0].survival for site in sites] == pytest.approx([0.8, 0.6])


def test_the_share_of_adaptive_dropout() -> None:
    """At z = 0 and beta = 0 the gate is 1/2; half of the dropping leaves 1 - 0.5 * 0.5 = 3/4."""
    model = hidden(1)
    _, model = half_way("adaptive_dropout", model, share=ramp(1.0, 0.0), alpha=0.0)
    torch.testing.assert_close(model.eval()(torch.full((1, 1), 4.0)), torch.full((1, 1), 3.0))


def test_the_gate_of_adaptive_dropout() -> None:
    """sigmoid(2 * 0.5 - 1) = 1/2 where alpha has come to 2 and beta to -1."""
    _, model = half_way("adaptive_dropout", hidden(1), alpha=ramp(1.0, 3.0), beta=ramp(0.0, -2.0))
    torch.testing.assert_close(model.eval()(torch.full((1, 1), 0.5)), torch.full((1, 1), 0.25))


@pytest.mark.parametrize("mask", ["gaussian", "batch", "example"])
def test_masks_of_weights(mask: str) -> None:
    """With scale classic evaluation computes with (1 - p) W, p having come to 0.2, as training on average.

    Of inputs that are 1 in one place alone each output has the mean 0.8 and the variance p * (1 - p) = 0.16.
    """
    values = {"mask": mask, "scale": "classic", "layers": "all"}
    _, model = half_way("dropconnect", nn.Sequential(nn.Linear(1, 1, bias=False)), p=ramp(0.0, 0.4), **values)
    layer: Any = model[0]  # type: ignore[index]
    with torch.no_grad():
        layer.parametrizations.weight.original.fill_(1.0)
    torch.testing.assert_close(model.eval()(torch.ones(1, 1)), torch.full((1, 1), 0.8))
    if mask == "batch":
        masked = layer.parametrizations.weight[1]
        assert masked.p == pytest.approx(0.2)
        return
    trained = model.train()(torch.ones(20_000, 1)).detach()
    assert trained.mean().item() == pytest.approx(0.8, abs=0.01)
    assert trained.var().item() == pytest.approx(0.16, abs=0.01)


def test_noise_on_weights_by_example() -> None:
    """p has come to 0.2, so the variance of a factor is 0.2 / 0.8 = 1/4."""
    model = nn.Sequential(nn.Linear(1, 1, bias=False))
    nn.init.ones_(model[0].weight)
    _, model = half_way("gaussian_dropout", model, target="weight", p=ramp(0.0, 0.4))  # type: ignore[assignment]
    trained = model.train()(torch.ones(20_000, 1)).detach()
    assert trained.var().item() == pytest.approx(0.25, abs=0.01)
    torch.testing.assert_close(model.eval()(torch.ones(1, 1)), torch.ones(1, 1))


def test_noise_on_weights_by_batch() -> None:
    """The same in 20,000 weights of one draw."""
    model = nn.Sequential(nn.Linear(20_000, 1, bias=False))
    nn.init.ones_(model[0].weight)
    values = {"target": "weight", "per": "batch", "p": ramp(0.0, 0.4)}
    _, model = half_way("gaussian_dropout", model, **values)  # type: ignore[assignment]
    trained: Any = model.train()[0]
    assert trained.weight.var().item() == pytest.approx(0.25, abs=0.01)


def test_the_bound_of_a_spectral_norm() -> None:
    """Of diag(4, 1) with the bound 3: diag(3, 0.75)."""
    model = nn.Sequential(nn.Linear(2, 2, bias=False))
    with torch.no_grad():
        model[0].weight.copy_(torch.diag(torch.tensor([4.0, 1.0])))
    _, model = half_way("spectral_norm", model, bound=ramp(2.0, 4.0))  # type: ignore[assignment]
    for mode in (True, False):
        torch.testing.assert_close(model.train(mode)(torch.eye(2)), torch.diag(torch.tensor([3.0, 0.75])))


def recurrent(name: str, **values: Any) -> Any:
    torch.manual_seed(0)
    model = nn.Sequential(Site("recurrent", (3, 2), axis=1, body=Recurrence("lstm", 2, 2)))
    return half_way(name, model, **values)[1]


def test_the_means_of_zoneout() -> None:
    """In evaluation c = d * c' + (1 - d) * new and h = e * h' + (1 - e) * new, with d = 0.1 and e = 0.4."""
    model = recurrent("zoneout", memory=ramp(0.0, 0.2), state=ramp(0.8, 0.0)).eval()
    body: Any = model[0].body
    inputs = torch.randn(1, 3, 2)
    h = c = torch.zeros(1, 2)
    found = []
    for step in inputs.unbind(1):
        gates = step @ body.weight_ih.T + body.bias_ih + h @ body.weight_hh.T + body.bias_hh
        i, f, g, o = gates.chunk(4, 1)
        new = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h, c = 0.4 * h + 0.6 * (o.sigmoid() * new.tanh()), 0.1 * c + 0.9 * new
        found.append(h)
    torch.testing.assert_close(model(inputs), torch.stack(found, 1))


def test_the_three_masks_of_variational_dropout() -> None:
    """An output is 0 or twice what it was where the output's p has come to a half, and the others to 0."""
    model = recurrent("variational_dropout", input=0.0, recurrent=0.0, output=ramp(0.2, 0.8))
    inputs = torch.randn(64, 3, 2)
    ratios = (model.train()(inputs) / model.eval()(inputs)).detach()
    assert set(ratios.round(decimals=3).unique().tolist()) == {0.0, 2.0}
    drops: Any = recurrent("variational_dropout", input=ramp(0.0, 0.2), recurrent=ramp(0.2, 0.6), output=0.0)
    assert drops[0].around[0].change.p == pytest.approx(0.1)
    assert drops[0].body.between[0].p == pytest.approx(0.4)


def moved(stack: Stack, values: list[float]) -> list[float]:
    """What is evaluated of a single weight that takes these values in the steps of a run."""
    model = nn.Linear(1, 1, bias=False)
    found = []
    for step, value in enumerate(values):
        nn.init.constant_(model.weight, value)
        stack.begin_step(step / (len(values) - 1))
        stack.end_step(model)
        found.append(stack.eval_model(model)(torch.ones(1, 1)).item())
    return found


def test_the_decay_of_an_average() -> None:
    """Decays 0.25, 0.5 and 0.75 in the second to fourth step: 4; 1 + 6; 3.5 + 0; 2.625 + 1."""
    found = moved(stack_of("ema", decay=ramp(0.0, 0.75), warmup=False), [4.0, 8.0, 0.0, 4.0])
    assert found == pytest.approx([4.0, 7.0, 3.5, 3.625])


def test_an_average_whose_decay_falls_to_zero_is_the_model() -> None:
    found = moved(stack_of("ema", decay=ramp(0.5, 0.0), warmup=False), [4.0, 8.0, 1.0])
    assert found == pytest.approx([4.0, 0.25 * 4 + 0.75 * 8, 1.0])


def test_the_decay_of_a_teacher() -> None:
    """d = min(decay, t / (t + 1)): 0.25 of decay in the second step, and 0 in the third."""
    stack = stack_of("consistency", decay=ramp(0.5, 0.0))
    member: Any = stack.members["consistency"]
    model = nn.Linear(1, 1, bias=False)
    found = []
    for step, value in enumerate([4.0, 8.0, 1.0]):
        nn.init.constant_(model.weight, value)
        stack.begin_step(step / 2)
        stack.end_step(model)
        found.append(member.state_dict()["average"]["weight"].item())
    assert found == pytest.approx([4.0, 7.0, 1.0])


def test_what_counts_as_improvement_for_early_stopping() -> None:
    """From 1.0 to 0.7 is less than 0.4 and more than 0.2: it is an improvement once that is what is asked."""
    for progress, improved in ((0.0, False), (0.5, True)):
        stack = stack_of("early_stopping", patience=1, min_delta=ramp(0.4, 0.0))
        model, history = nn.Linear(1, 1), []
        stopped = []
        for epoch, loss in enumerate([1.0, 0.7], 1):
            stack.begin_step(progress)
            history.append(Record(epoch, {"select/loss": loss}))
            stopped.append(stack.end_epoch(history, model))
        assert stopped == [False, not improved]


@pytest.mark.parametrize("name", ["batch_norm", "ghost_batch_norm"])
def test_the_momentum_of_running_statistics(name: str) -> None:
    """running = (1 - m) * 0 + m * mean, with m = 0.3 and the mean 10."""
    model = nn.Sequential(Site("norm", (2,)))
    _, model = half_way(name, model, enabled=True, momentum=ramp(0.5, 0.1))  # type: ignore[assignment]
    model.train()(torch.tensor([[9.0, 9.0], [11.0, 11.0]]))
    body: Any = model[0]  # type: ignore[index]
    torch.testing.assert_close(body.body.running_mean, torch.full((2,), 3.0))


def test_the_chunks_of_ghost_batch_norm() -> None:
    """In chunks of two rows each pair is normalized by itself: of 0, 2 and 10, 14 it is -1, 1, -1, 1."""
    model = nn.Sequential(Site("norm", (1,)))
    _, model = half_way("ghost_batch_norm", model, enabled=True, rows=ramp(2, 2))  # type: ignore[assignment]
    found = model.train()(torch.tensor([[0.0], [2.0], [10.0], [14.0]]))
    torch.testing.assert_close(found, torch.tensor([[-1.0], [1.0], [-1.0], [1.0]]), atol=1e-4, rtol=0)


def test_the_least_length_of_a_unit_in_adaptive_clipping() -> None:
    """A unit of length 0 counts as 0.5, and a tenth of it is what its gradient of length 5 becomes."""
    model = nn.Sequential(nn.Linear(2, 1, bias=False), nn.Linear(1, 1, bias=False))
    nn.init.zeros_(model[0].weight)
    model[0].weight.grad, model[1].weight.grad = torch.tensor([[3.0, 4.0]]), torch.zeros(1, 1)
    stack, _ = half_way("gradient_clipping", model, mode="adaptive", limit=0.1, eps=ramp(0.9, 0.1))
    stack.edit_gradients(model)
    torch.testing.assert_close(model[0].weight.grad, torch.tensor([[0.03, 0.04]]))


def test_the_logarithm_of_zero_in_symmetric_cross_entropy() -> None:
    """Of two classes with equal logits it is beta * 3 * 1/2."""
    stack, model = half_way("symmetric_cross_entropy", nn.Identity(), beta=1.0, log_zero=ramp(-4.0, -2.0))
    batch = Batch(torch.zeros(1, 2), torch.tensor([[1.0, 0.0]]))
    term = stack.penalty(ForwardPass(model, batch, torch.zeros(1, 2), []))
    assert term is not None
    assert term.item() == pytest.approx(1.5)

"""Zoneout: the equations of its paper, step by step, under masks that are given."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from regbench.assembly.run import build_run
from regbench.nn.recurrence import Recurrence
from regbench.regularizers.zoneout import Zone, Zoneout
from regbench.sites import Site, sites
from regbench.streams import Clock, Stream
from regbench.training.loop import train_step
from tests.conftest import reg_node, tiny


class Fixed(Stream):
    """A stream that gives the bits it was told to, by the end of its site's name, step by step."""

    def __init__(self, bits: dict[str, Tensor], site: str = "") -> None:
        super().__init__(0, "zoneout", Clock(), site)
        self.all, self.left = bits, iter(bits.get(site, ()))

    def at(self, site: str) -> Stream:
        return Fixed(self.all, site.rpartition(".")[2])

    def bits(self, keep: float, shape: Any, device: Any = "cpu") -> Tensor:
        return next(self.left).view(tuple(shape))


def plain(cell: str = "lstm", depth: int = 1) -> nn.Sequential:
    """Recurrent layers of width 4 on inputs of width 3, random biases among their weights."""
    torch.manual_seed(0)
    bodies = [Recurrence(cell, 4 if number else 3, 4) for number in range(depth)]  # type: ignore[arg-type]
    for body in bodies:
        nn.init.normal_(body.bias_hh)
    return nn.Sequential(*(Site("recurrent", (6, 4), axis=1, body=body) for body in bodies))


def prepared(
    cell: str = "lstm",
    depth: int = 1,
    stream: Stream | None = None,
    clock: Clock | None = None,
    **fields: Any,
) -> nn.Sequential:
    member = Zoneout(**({"state": 0.0, "memory": 0.0, "where": "default"} | fields))
    member.stream = stream or Stream(0, "zoneout", clock or Clock())
    model = plain(cell, depth)
    assert member.prepare_model(model) is model
    return model


def written_out(cell: str, inputs: Tensor, state_kept: Tensor, memory_kept: Tensor) -> Tensor:
    """The paper's equations with torch's own cell; kept are shares or bits, (T, B, 4)."""
    body = plain(cell)[0].body
    theirs = (nn.LSTMCell if cell == "lstm" else nn.GRUCell)(3, 4)
    for name, weight in body.named_parameters():
        getattr(theirs, name).data.copy_(weight.data)
    state, memory, states = torch.zeros(len(inputs), 4), torch.zeros(len(inputs), 4), []
    for step, d, e in zip(inputs.unbind(1), memory_kept.float(), state_kept.float(), strict=True):
        if cell == "lstm":
            now, memory_now = theirs(step, (state, memory))
            memory = d * memory + (1 - d) * memory_now
        else:
            now = theirs(step, state)
        state = e * state + (1 - e) * now
        states.append(state)
    return torch.stack(states, 1)


def coin(*shape: int, seed: int = 1) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < 0.4


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_layer_under_given_masks_is_the_papers_equations(cell: str) -> None:
    bits = {"state": coin(6, 5, 4), "memory": coin(6, 5, 4, seed=2)}
    model = prepared(cell, stream=Fixed(bits), state=0.3, memory=0.4)
    inputs = torch.randn(5, 6, 3)
    torch.testing.assert_close(model(inputs), written_out(cell, inputs, bits["state"], bits["memory"]))


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_evaluation_has_the_means_of_the_masks(cell: str) -> None:
    model = prepared(cell, state=0.3, memory=0.4).eval()
    inputs = torch.randn(5, 6, 3)
    shares = torch.full((6, 5, 4), 0.3), torch.full((6, 5, 4), 0.4)
    torch.testing.assert_close(model(inputs), written_out(cell, inputs, *shares))
    assert not torch.allclose(model(inputs), plain(cell)(inputs))


def test_a_unit_that_always_stays_keeps_its_first_state_and_its_gradient() -> None:
    # kept at the steps from the second on: the last state is the first, and so is its gradient
    bits = torch.ones(6, 2, 4, dtype=torch.bool)
    bits[0] = False
    model = prepared(stream=Fixed({"state": bits}), state=0.5)
    inputs = torch.randn(2, 6, 3, requires_grad=True)
    states = model(inputs)
    assert torch.equal(states[:, -1], states[:, 0])
    states[:, -1].sum().backward()
    assert inputs.grad[:, 0].any()
    assert not inputs.grad[:, 1:].any()


def test_each_unit_step_and_example_has_a_draw_of_its_own() -> None:
    p, rows, width = 0.3, 200, 50
    zone = Zone(p, Stream(0, "m", Clock()))
    kept = torch.stack([zone(torch.ones(rows, width), torch.zeros(rows, width)) for _ in range(4)]).double()
    count = kept.numel()
    assert kept.mean().item() == pytest.approx(p, abs=5 * math.sqrt(p * (1 - p) / count))
    for axis in (0, 1, 2):
        both = (kept * kept.roll(1, axis)).mean().item()
        assert both == pytest.approx(p * p, abs=5 * math.sqrt(p * p / count))


@pytest.mark.parametrize("field", ["state", "memory"])
def test_every_forward_pass_and_every_moment_has_draws_of_its_own(field: str) -> None:
    inputs, clock = torch.randn(8, 6, 3), Clock()
    model = prepared(clock=clock, **{field: 0.5})
    first = model(inputs)
    assert not torch.equal(model(inputs), first)
    assert torch.equal(prepared(clock=clock, **{field: 0.5})(inputs), first)
    for moved in (Clock(step=1), Clock(micro=1), Clock(passes=1)):
        assert not torch.equal(prepared(clock=moved, **{field: 0.5})(inputs), first)


def test_layers_draw_each_for_itself_and_state_and_memory_too() -> None:
    model = prepared(depth=2, state=0.5, memory=0.5)
    zones = [module for module in model.modules() if isinstance(module, Zone)]
    shown = [zone(torch.ones(20, 20), torch.zeros(20, 20)) for zone in zones]
    assert len(zones) == 4
    assert all(not torch.equal(one, other) for i, one in enumerate(shown) for other in shown[:i])


def test_without_it_the_fused_kernel_stays() -> None:
    model, inputs = prepared(), torch.randn(5, 6, 3)
    assert torch.equal(model(inputs), plain()(inputs))
    body = prepared(state=0.5)[0].body
    assert (len(body.carrying_state), len(body.carrying_memory)) == (1, 0)
    body = prepared("gru", state=0.5, memory=0.5)[0].body
    assert (len(body.carrying_state), len(body.carrying_memory)) == (1, 0)


@pytest.mark.parametrize(
    ("where", "acted"), [("default", [0, 1, 2]), ("first", [0]), ("last", [2]), ([0, -1], [0, 2])]
)
def test_acts_on_the_layers_that_where_names(where: Any, acted: list[int]) -> None:
    model = prepared(depth=3, state=0.5, where=where)
    touched = [len(site.body.carrying_state) for _, site in sites(model, "recurrent")]
    assert touched == [int(number in acted) for number in range(3)]


def test_works_in_bfloat16() -> None:
    bits = {"state": coin(6, 5, 4), "memory": coin(6, 5, 4, seed=2)}
    inputs = torch.randn(5, 6, 3)
    wanted = prepared(stream=Fixed(bits), state=0.3, memory=0.4)(inputs)
    with torch.autocast("cpu", torch.bfloat16):
        found = prepared(stream=Fixed(bits), state=0.3, memory=0.4)(inputs)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), wanted, rtol=0, atol=0.03)


def test_it_goes_beside_variational_dropout() -> None:
    nodes = {name: reg_node(name) for name in ("zoneout", "variational_dropout")}
    run = build_run(tiny("text", nodes))
    terms = train_step(run, run.data.train[slice(0, 16)])
    assert terms["data"].isfinite()


# --- refusals


def test_refuses_a_layer_that_carries_nothing() -> None:
    member = Zoneout(state=0.5, memory=0.0, where="default")
    member.stream = Stream(0, "zoneout", Clock())
    model = nn.Sequential(Site("recurrent", (6, 4), body=nn.ReLU()))
    with pytest.raises(ValueError, match=r"^zoneout needs a layer with `carrying_state` at 0, got ReLU$"):
        member.prepare_model(model)
    with pytest.raises(ValueError, match=r"^ReLU has no 'recurrent' site$"):
        member.prepare_model(nn.ReLU())


def test_refuses_a_gru_whose_state_may_not_stay() -> None:
    with pytest.raises(ValueError, match=r"^state must be above 0 for 0, which has no memory, got 0\.0$"):
        prepared("gru", memory=0.5)


@pytest.mark.parametrize("field", ["state", "memory"])
@pytest.mark.parametrize("p", [-0.1, 1.0])
def test_refuses_a_probability_outside_its_range(field: str, p: float) -> None:
    with pytest.raises(ValueError, match=rf"^{field} must lie in \[0, 1\), got {p}$"):
        prepared(**{field: p})


def test_refuses_the_inputs_of_the_model_as_a_place() -> None:
    with pytest.raises(ValueError, match=r"^where must be default, all, first, last, or indices, got input$"):
        prepared(state=0.5, where="input")

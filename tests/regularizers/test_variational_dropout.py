from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from regbench.assembly.run import build_run
from regbench.models.rnn import RNN
from regbench.nn.recurrence import Recurrence
from regbench.regularizers.variational_dropout import Locked, LockedState, VariationalDropout
from regbench.sites import Site, sites
from regbench.streams import Clock, Stream
from regbench.training.loop import train_step
from tests.conftest import reg_node, tiny

GATES = {"lstm": 4, "gru": 3}
NOTHING = {"input": 0.0, "recurrent": 0.0, "output": 0.0, "gates": "tied", "where": "default"}


class Fixed(Stream):
    """A stream that gives the masks it was told to, by the end of its site's name."""

    def __init__(self, masks: dict[str, Tensor], site: str = "") -> None:
        super().__init__(0, "variational_dropout", Clock(), site)
        self.masks = masks

    def at(self, site: str) -> Stream:
        return Fixed(self.masks, site.rpartition(".")[2])

    def mask(self, like: Tensor, keep: float, shape: Any = None) -> Tensor:
        return self.masks[self.key[2]].reshape(tuple(shape)).to(like.dtype)


class PassedOn(nn.Module):
    """A layer that does no more than pass its first input on from step to step."""

    def __init__(self) -> None:
        super().__init__()
        self.between = nn.ModuleList()

    def forward(self, inputs: Tensor) -> Tensor:
        state = inputs[:, 0]
        for _ in range(inputs.shape[1]):
            for module in self.between:
                state = module(state)
        return state.unsqueeze(1)


def member(stream: Stream | None = None, clock: Clock | None = None, **fields: Any) -> VariationalDropout:
    made = VariationalDropout(**(NOTHING | fields))
    made.stream = stream or Stream(0, "variational_dropout", clock or Clock())
    return made


def plain(cell: str = "lstm", depth: int = 1) -> nn.Sequential:
    """Recurrent layers of width 4 on inputs of width 3, random biases among their weights."""
    torch.manual_seed(0)
    bodies = [Recurrence(cell, 4 if number else 3, 4) for number in range(depth)]  # type: ignore[arg-type]
    for body in bodies:
        nn.init.normal_(body.bias_hh)
    return nn.Sequential(*(Site("recurrent", (6, 4), axis=1, body=body) for body in bodies))


def prepared(cell: str = "lstm", depth: int = 1, **given: Any) -> nn.Sequential:
    model = plain(cell, depth)
    assert member(**given).prepare_model(model) is model
    return model


def written_out(cell: str, body: Recurrence, inputs: Tensor, by_gate: Tensor) -> Tensor:
    """The layer's equations, step by step and gate by gate; gate g sees the state times by_gate[:, g]."""
    into, back, into_bias, back_bias = (
        [block.detach() for block in getattr(body, name).split(4)]
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    state, memory = torch.zeros(len(inputs), 4), torch.zeros(len(inputs), 4)
    states = []
    for step in inputs.unbind(1):
        entering = [step @ w.T + b for w, b in zip(into, into_bias, strict=True)]
        returning = [
            (state * by_gate[:, g]) @ w.T + b for g, (w, b) in enumerate(zip(back, back_bias, strict=True))
        ]
        both = [e + r for e, r in zip(entering, returning, strict=True)]
        if cell == "lstm":
            memory = both[1].sigmoid() * memory + both[0].sigmoid() * both[2].tanh()
            state = both[3].sigmoid() * memory.tanh()
        else:
            new = (entering[2] + both[0].sigmoid() * returning[2]).tanh()
            state = new + both[1].sigmoid() * (state - new)
        states.append(state)
    return torch.stack(states, 1)


def coin(*shape: int, seed: int = 1) -> Tensor:
    return (torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < 0.6).float()


# --- the masks


def test_a_mask_by_hand() -> None:
    # p = 0.2: what is kept is divided by 0.8, at both steps of each row alike
    locked = Locked(0.2, Fixed({"": torch.tensor([[1.0, 0.0], [0.0, 1.0]])}))
    sequence = torch.tensor([[[4.0, 4.0], [8.0, 8.0]], [[12.0, 12.0], [-4.0, 0.0]]])
    assert locked(sequence).tolist() == [[[5, 0], [10, 0]], [[0, 15], [0, 0]]]


def test_a_unit_is_dropped_at_all_steps_or_at_none_and_in_each_row_by_itself() -> None:
    rows, units, p = 200, 50, 0.3
    dropped = Locked(p, Stream(0, "m", Clock()))(torch.ones(rows, 5, units)) == 0
    assert torch.equal(dropped, dropped[:, :1].expand_as(dropped))
    once = dropped[:, 0].double()
    assert once.mean().item() == pytest.approx(p, abs=5 * math.sqrt(p * (1 - p) / (rows * units)))
    for axis in (0, 1):  # neighbours in the batch, and within a row, are dropped together p^2 of the time
        both = (once * once.roll(1, axis)).mean().item()
        assert both == pytest.approx(p * p, abs=5 * math.sqrt(p * p / (rows * units)))


def test_the_same_units_of_the_state_are_dropped_from_step_to_step_until_the_next_sequence() -> None:
    locked = LockedState(0.5, 1, Stream(0, "m", Clock()))
    first = locked(torch.ones(20, 30))
    assert set(first.unique().tolist()) == {0.0, 2.0}
    assert torch.equal(locked(torch.full((20, 30), 3.0)), 3 * first)
    locked.renew()
    assert not torch.equal(locked(torch.ones(20, 30)), first)
    locked.renew()
    assert locked(torch.ones(7, 30)).shape == (7, 30)  # another batch size at the same moment


def test_several_masks_are_drawn_each_by_itself() -> None:
    p, rows, width = 0.3, 100, 50
    dropped = (LockedState(p, 4, Stream(0, "m", Clock()))(torch.ones(rows, width)) == 0).double()
    assert dropped.shape == (rows, 4, width)
    both = (dropped * dropped.roll(1, 1)).mean().item()
    assert both == pytest.approx(p * p, abs=5 * math.sqrt(p * p / dropped.numel()))


def test_two_such_members_compose() -> None:
    ones, half = torch.ones(2, 4, 3), torch.full((2, 1, 3), 2.0)
    split, joint = (LockedState(0.5, n, Fixed({"": torch.ones(2 * n * 3)})) for n in (4, 1))
    assert torch.equal(joint(split(torch.ones(2, 3))), 4 * ones)  # 1 / 0.5^2, for each of four gates
    assert torch.equal(split(joint(half[:, 0])), 8 * ones)


# --- the layer


@pytest.mark.parametrize("gates", ["tied", "untied"])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_layer_under_given_masks_is_a_loop_of_ones_own(cell: str, gates: str) -> None:
    """All three masks at once, at 0.2, 0.5 and 0.6: kept values times 1.25, 2 and 2.5."""
    count = GATES[cell] if gates == "untied" else 1
    masks = {"input": coin(5, 3), "recurrent": coin(5, count, 4, seed=2), "output": coin(5, 4, seed=3)}
    assert all(not mask.all() for mask in masks.values())
    model = prepared(cell, stream=Fixed(masks), input=0.2, recurrent=0.5, output=0.6, gates=gates)
    inputs = torch.randn(5, 6, 3)
    by_gate = 2 * masks["recurrent"].expand(5, GATES[cell], 4)
    states = written_out(cell, plain(cell)[0].body, inputs * 1.25 * masks["input"].unsqueeze(1), by_gate)
    torch.testing.assert_close(model(inputs), states * 2.5 * masks["output"].unsqueeze(1))


def test_tied_masks_are_torchs_cell_given_a_masked_state() -> None:
    mask = coin(5, 4)
    model = prepared(stream=Fixed({"recurrent": mask}), recurrent=0.5)
    theirs = nn.LSTMCell(3, 4)
    for name, weight in plain()[0].body.named_parameters():
        getattr(theirs, name).data.copy_(weight.data)
    inputs, pair = torch.randn(5, 6, 3), (torch.zeros(5, 4), torch.zeros(5, 4))
    states = []
    for step in inputs.unbind(1):
        pair = theirs(step, (pair[0] * mask * 2, pair[1]))
        states.append(pair[0])
    torch.testing.assert_close(model(inputs), torch.stack(states, 1))


def test_one_step_is_ordinary_dropout_of_what_enters_and_leaves() -> None:
    masks = {"input": coin(5, 3), "recurrent": coin(5, 4), "output": coin(5, 4, seed=3)}
    model = prepared(stream=Fixed(masks), input=0.2, recurrent=0.5, output=0.6)
    inputs = torch.randn(5, 1, 3)
    wanted = plain()(inputs * masks["input"].unsqueeze(1) / 0.8) * masks["output"].unsqueeze(1) / 0.4
    torch.testing.assert_close(model(inputs), wanted)  # the first state is zero, whatever its mask


def test_a_state_only_passed_on_grows_by_the_power_of_its_steps() -> None:
    # a kept unit is divided by 0.7 five times, so that the mean is 0.7 * 0.7^-5 = 0.7^-4 = 4.165
    model = nn.Sequential(Site("recurrent", (5, 100), body=PassedOn()))
    member(recurrent=0.3).prepare_model(model)
    ends = model(torch.ones(200, 5, 100)).double()
    assert sorted({round(value, 3) for value in ends.unique().tolist()}) == [0.0, 5.95]
    assert ends.mean().item() == pytest.approx(4.165, abs=5 * 5.95 * math.sqrt(0.21 / 20_000))


def test_gradient_does_not_pass_a_dropped_input_or_output() -> None:
    masks = {"input": torch.tensor([[1.0, 0.0, 1.0]]), "output": torch.tensor([[0.0, 1.0, 1.0, 0.0]])}
    model = prepared(stream=Fixed(masks), input=0.5, output=0.5)
    inputs = torch.randn(1, 6, 3, requires_grad=True)
    outputs = model(inputs)
    outputs.sum().backward()
    assert outputs.any(1).tolist() == [[False, True, True, False]]
    assert inputs.grad.any(1).tolist() == [[True, False, True]]


def test_the_fused_kernel_stays_where_no_state_is_dropped() -> None:
    assert not prepared(input=0.5, output=0.5)[0].body.between
    assert len(prepared(recurrent=0.5)[0].body.between) == 1


@pytest.mark.parametrize("gates", ["tied", "untied"])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_evaluation_is_the_plain_layer_to_the_bit(cell: str, gates: str) -> None:
    model = prepared(cell, depth=2, input=0.5, recurrent=0.5, output=0.5, gates=gates)
    inputs = torch.randn(5, 6, 3)
    assert not torch.equal(model(inputs), plain(cell, 2)(inputs))
    assert torch.equal(model.eval()(inputs), plain(cell, 2).eval()(inputs))


@pytest.mark.parametrize("field", ["input", "recurrent", "output"])
def test_every_forward_pass_and_every_moment_has_masks_of_its_own(field: str) -> None:
    inputs, clock = torch.randn(8, 6, 3), Clock()
    model = prepared(clock=clock, **{field: 0.5})
    first, again = model(inputs), model(inputs)
    assert not torch.equal(first, again)
    assert torch.equal(prepared(clock=clock, **{field: 0.5})(inputs), first)
    for moved in (Clock(step=1), Clock(micro=1), Clock(passes=1)):
        assert not torch.equal(prepared(clock=moved, **{field: 0.5})(inputs), first)
    assert model(inputs[:3]).shape == (3, 6, 4)  # a smaller batch at the same moment


@pytest.mark.parametrize("field", ["input", "recurrent", "output"])
def test_layers_draw_each_for_itself(field: str) -> None:
    seen: list[Tensor] = []
    model = prepared(depth=2, **{field: 0.5})
    drops = [m for m in model.modules() if isinstance(m, Locked | LockedState)]
    for drop in drops:
        drop.register_forward_hook(lambda _, given, out: seen.append((out == 0) & (given[0] != 0)))
    model(torch.ones(30, 2, 3))
    one, other = seen[0 if field != "recurrent" else 1], seen[-1]  # of a state the first step is zero
    one, other = (dropped.reshape(30, -1)[:, :3] for dropped in (one, other))
    assert len(drops) == 2
    assert one.any()
    assert not torch.equal(one, other)


def test_a_rate_does_not_move_the_masks_of_another() -> None:
    alone, beside = prepared(output=0.5), prepared(input=0.5, recurrent=0.5, output=0.5)
    dropped = [model(torch.ones(20, 6, 3)) == 0 for model in (alone, beside)]
    assert torch.equal(*dropped)


def test_padding_does_not_move_the_masks() -> None:
    torch.manual_seed(0)
    tokens = torch.tensor([[4, 2, 8], [3, 5, 6]])
    logits = []
    for padding in (0, 4):
        torch.manual_seed(0)
        model = RNN((3 + padding,), 5, 9, "lstm", 3, 4, 2)
        member(input=0.5, recurrent=0.5, output=0.5).prepare_model(model)
        logits.append(model(F.pad(tokens, (0, padding))))
    torch.testing.assert_close(*logits)


@pytest.mark.parametrize(
    ("where", "acted"),
    [("default", [0, 1, 2]), ("all", [0, 1, 2]), ("first", [0]), ("last", [2]), ([0, -1], [0, 2])],
)
def test_acts_on_the_layers_that_where_names(where: Any, acted: list[int]) -> None:
    model = prepared(depth=3, input=0.5, recurrent=0.5, output=0.5, where=where)
    touched = [(len(s.around), len(s.after), len(s.body.between)) for _, s in sites(model, "recurrent")]
    assert touched == [(1, 1, 1) if number in acted else (0, 0, 0) for number in range(3)]


def test_works_in_bfloat16() -> None:
    masks = {"input": coin(5, 3), "recurrent": coin(5, 4, 4, seed=2), "output": coin(5, 4, seed=3)}
    model = prepared(stream=Fixed(masks), input=0.2, recurrent=0.2, output=0.2, gates="untied")
    inputs = torch.randn(5, 6, 3)
    wanted = model(inputs)
    with torch.autocast("cpu", torch.bfloat16):
        found = model(inputs)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), wanted, rtol=0, atol=0.03)


def test_under_sam_both_passes_draw_masks_of_their_own() -> None:
    nodes = {"sam": reg_node("sam"), "variational_dropout": reg_node("variational_dropout", recurrent=0.5)}
    run = build_run(tiny("text", nodes))
    (locked,) = (m for m in run.model.modules() if isinstance(m, LockedState))
    seen: list[tuple[int, Tensor]] = []
    locked.register_forward_hook(lambda *_: seen.append((run.clock.passes, locked._mask)))
    train_step(run, run.data.train[slice(0, 16)])
    masks = {number: [mask for when, mask in seen if when == number] for number in (0, 1)}
    assert all(mask is of_pass[0] for of_pass in masks.values() for mask in of_pass)  # one for all steps
    assert not torch.equal(masks[0][0], masks[1][0])


# --- refusals


def test_refuses_a_layer_that_nothing_can_enter_between_steps() -> None:
    model = nn.Sequential(Site("recurrent", (6, 4), body=nn.ReLU()))
    with pytest.raises(ValueError, match=r"^recurrent must be 0 for 0, as ReLU has no `between`, got 0\.5$"):
        member(recurrent=0.5).prepare_model(model)
    model = nn.Sequential(Site("recurrent", (6, 4), body=PassedOn()))
    with pytest.raises(
        ValueError, match=r"^recurrent must be 0 for 0, as PassedOn has no `gates`, got 0\.5$"
    ):
        member(recurrent=0.5, gates="untied").prepare_model(model)


def test_drops_what_enters_and_leaves_any_layer_of_sequences() -> None:
    model = nn.Sequential(Site("recurrent", (6, 3), body=nn.ReLU()))
    member(input=0.5, output=0.5).prepare_model(model)
    assert set(model(torch.ones(50, 6, 3)).unique().tolist()) == {0.0, 4.0}  # 1 / 0.5 / 0.5


def test_refuses_a_model_without_recurrent_layers() -> None:
    with pytest.raises(ValueError, match=r"^ReLU has no 'recurrent' site$"):
        member(input=0.5).prepare_model(nn.ReLU())


@pytest.mark.parametrize("field", ["input", "recurrent", "output"])
@pytest.mark.parametrize("p", [-0.1, 1.0, 1.5])
def test_refuses_a_probability_outside_its_range(field: str, p: float) -> None:
    with pytest.raises(ValueError, match=rf"^{field} must lie in \[0, 1\), got {p}$"):
        VariationalDropout(**(NOTHING | {field: p}))


def test_refuses_the_inputs_of_the_model_as_a_place() -> None:
    with pytest.raises(ValueError, match=r"^where must be default, all, first, last, or indices, got input$"):
        VariationalDropout(**(NOTHING | {"where": "input"}))

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from regbench.nn.recurrence import Cell, Recurrence
from regbench.weights import regularized_weights

CELLS = ["lstm", "gru"]
TORCHS = {"lstm": nn.LSTM, "gru": nn.GRU}
WAYS = ["fused", "stepwise", "by gate"]
WEIGHTS = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"]


class ForEachGate(nn.Module):
    """The same state for every gate."""

    def __init__(self, gates: int) -> None:
        super().__init__()
        self.gates = gates

    def forward(self, state: Tensor) -> Tensor:
        return state.unsqueeze(1).expand(-1, self.gates, -1)


class Times(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, tensor: Tensor) -> Tensor:
        return self.factor * tensor


class OnlyGate(nn.Module):
    """The state for one gate, nothing for the others."""

    def __init__(self, gates: int, chosen: int) -> None:
        super().__init__()
        self.gates, self.chosen = gates, chosen

    def forward(self, state: Tensor) -> Tensor:
        return torch.stack([state * (gate == self.chosen) for gate in range(self.gates)], 1)


def layer(cell: Cell, way: str = "fused", inputs: int = 3, width: int = 4) -> Recurrence:
    torch.manual_seed(0)
    recurrence = Recurrence(cell, inputs, width)
    if way != "fused":
        recurrence.between.append(
            nn.Identity() if way == "stepwise" else ForEachGate(4 if cell == "lstm" else 3)
        )
    return recurrence


def pair(cell: Cell, way: str) -> tuple[nn.RNNBase, Recurrence]:
    """Torch's layer and ours with its weights; none of its biases is zero."""
    ours = layer(cell, way)
    theirs = TORCHS[cell](3, 4, batch_first=True)
    with torch.no_grad():
        for name in WEIGHTS:
            getattr(ours, name).copy_(getattr(theirs, f"{name}_l0"))
    return theirs, ours


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("cell", CELLS)
def test_states_and_gradients_are_those_of_torchs_own_layer(cell: Cell, way: str) -> None:
    theirs, ours = pair(cell, way)
    leaf, twin = (torch.randn(5, 6, 3, generator=torch.manual_seed(1)).requires_grad_() for _ in "ab")
    wanted, states = theirs(leaf)[0], ours(twin)
    torch.testing.assert_close(states, wanted)
    upstream = torch.randn(5, 6, 4)
    wanted.backward(upstream)
    states.backward(upstream)
    torch.testing.assert_close(twin.grad, leaf.grad)
    for name in WEIGHTS:
        torch.testing.assert_close(getattr(ours, name).grad, getattr(theirs, f"{name}_l0").grad)


def test_an_lstm_by_hand() -> None:
    # nothing but x acts, on new memory: gates 1/2, c = tanh(x)/2, then c/2 + tanh(x)/2; h = tanh(c)/2
    lstm = layer("lstm", inputs=1, width=1)
    with torch.no_grad():
        for name in WEIGHTS:
            getattr(lstm, name).zero_()
        lstm.weight_ih[2] = 1.0
    states = lstm(torch.tensor([[[0.5493061443], [0.5493061443]]]))  # tanh of it is 1/2
    expected = torch.tensor([0.25, 0.375]).tanh() / 2
    torch.testing.assert_close(states.flatten(), expected)


@pytest.mark.parametrize("cell", CELLS)
def test_what_stands_between_acts_on_the_recurrent_weights_alone(cell: Cell) -> None:
    """W (2 h) = (2 W) h; the memory, and a GRU's old state, are not doubled."""
    theirs, ours = pair(cell, "fused")
    ours.between.append(Times(2.0))
    with torch.no_grad():
        theirs.weight_hh_l0.mul_(2)
    inputs = torch.randn(2, 5, 3)
    torch.testing.assert_close(ours(inputs), theirs(inputs)[0])


@pytest.mark.parametrize(("cell", "gate"), [("lstm", g) for g in range(4)] + [("gru", g) for g in range(3)])
def test_a_state_for_each_gate_reaches_the_rows_of_that_gate(cell: Cell, gate: int) -> None:
    theirs, ours = pair(cell, "fused")
    ours.between.append(OnlyGate(ours.gates, gate))
    with torch.no_grad():
        kept = torch.arange(len(theirs.weight_hh_l0)) // 4 == gate
        theirs.weight_hh_l0.mul_(kept.unsqueeze(1))
    inputs = torch.randn(2, 5, 3)
    torch.testing.assert_close(ours(inputs), theirs(inputs)[0])


def test_modules_between_the_steps_follow_each_other() -> None:
    theirs, ours = pair("lstm", "fused")
    ours.between.extend([Times(3.0), ForEachGate(4), Times(-0.5)])
    with torch.no_grad():
        theirs.weight_hh_l0.mul_(-1.5)
    inputs = torch.randn(2, 5, 3)
    torch.testing.assert_close(ours(inputs), theirs(inputs)[0])


@pytest.mark.parametrize("cell", CELLS)
def test_evaluation_takes_the_fused_kernel_whatever_stands_between(cell: Cell) -> None:
    recurrence, inputs = layer(cell), torch.randn(2, 5, 3)
    plain = recurrence.eval()(inputs)
    recurrence.between.append(Times(2.0))
    assert torch.equal(recurrence.eval()(inputs), plain)
    assert not torch.allclose(recurrence.train()(inputs), plain)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("cell", CELLS)
def test_a_parametrized_weight_acts_from_the_first_pass_on(cell: Cell, way: str) -> None:
    theirs, ours = pair(cell, way)
    parametrize.register_parametrization(ours, "weight_hh", Times(0.5))
    with torch.no_grad():
        theirs.weight_hh_l0.mul_(0.5)
    inputs = torch.randn(2, 5, 3)
    wanted, states = theirs(inputs)[0], ours(inputs)
    torch.testing.assert_close(states, wanted)
    wanted.sum().backward()
    states.sum().backward()
    raw = ours.parametrizations.weight_hh.original  # d/d raw = 1/2 of d/d weight
    torch.testing.assert_close(raw.grad, theirs.weight_hh_l0.grad / 2)
    with torch.no_grad():
        raw.zero_()
        theirs.weight_hh_l0.zero_()
    torch.testing.assert_close(ours(inputs), theirs(inputs)[0])  # and is read anew in the next


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("cell", CELLS)
def test_works_in_bfloat16(cell: Cell, way: str) -> None:
    recurrence, inputs = layer(cell, way), torch.randn(4, 6, 3)
    wanted = recurrence(inputs)
    with torch.autocast("cpu", torch.bfloat16):
        states = recurrence(inputs)
    assert states.dtype == torch.bfloat16
    torch.testing.assert_close(states.float(), wanted, rtol=0, atol=0.02)  # its steps at 1 are 0.004 to 0.008
    states.float().square().sum().backward()
    assert all(p.grad.dtype == torch.float32 and p.grad.any() for p in recurrence.parameters())


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("cell", CELLS)
def test_a_step_sees_nothing_of_the_later_ones(cell: Cell, way: str) -> None:
    recurrence, inputs = layer(cell, way), torch.randn(2, 6, 3)
    torch.testing.assert_close(recurrence(inputs[:, :3]), recurrence(inputs)[:, :3])


@pytest.mark.parametrize("cell", CELLS)
def test_a_device_computes_what_a_cpu_computes(cell: Cell, device: torch.device) -> None:
    for way in WAYS:
        recurrence, inputs = layer(cell, way), torch.randn(2, 6, 3)
        wanted = recurrence(inputs)
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):  # which rounds factors to 10 bits
            states = recurrence.to(device)(inputs.to(device))
        torch.testing.assert_close(states.cpu(), wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_a_gradient_can_be_taken_in_evaluation(cell: Cell, device: torch.device) -> None:
    """Of torch's own layer cuDNN gives none."""
    inputs = torch.randn(2, 6, 3, generator=torch.manual_seed(1))
    found = []
    for training in (True, False):
        recurrence = layer(cell).to(device).train(training)
        recurrence(inputs.to(device)).square().sum().backward()
        found.append([parameter.grad.cpu() for parameter in recurrence.parameters()])
    torch.testing.assert_close(*found)


@pytest.mark.parametrize("cell", CELLS)
def test_a_kernel_that_will_be_asked_for_a_gradient_is_told(
    cell: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As cuDNN's keeps what it takes in training alone; seen without a device for it."""
    told, kernel = [], getattr(torch, cell)

    def watched(*given: Any) -> Any:
        told.append(given[6])  # whether it is training
        return kernel(*given)

    monkeypatch.setattr(torch, cell, watched)
    recurrence, inputs = layer(cell).eval(), torch.randn(2, 6, 3)
    recurrence(inputs)
    with torch.no_grad():
        recurrence(inputs)
        recurrence.train()(inputs)
    assert told == [True, False, True]


@pytest.mark.parametrize("cell", CELLS)
def test_begins_with_orthogonal_recurrent_weights_and_memory_kept(cell: Cell) -> None:
    recurrence = layer(cell)
    for block in recurrence.weight_hh.detach().split(4):
        torch.testing.assert_close(block @ block.T, torch.eye(4))
    forget = [0.0] * 4 + [1.0] * 4 + [0.0] * 8 if cell == "lstm" else [0.0] * 12
    assert recurrence.bias_ih.tolist() == forget
    assert not recurrence.bias_hh.any()


@pytest.mark.parametrize("cell", CELLS)
def test_penalties_find_its_matrices_and_spare_its_biases(cell: Cell) -> None:
    recurrence = layer(cell)
    assert [name for name, _ in regularized_weights(recurrence)] == ["weight_ih", "weight_hh"]
    rows = 4 * 4 if cell == "lstm" else 3 * 4
    assert [tuple(weight.shape) for _, weight in regularized_weights(recurrence)] == [(rows, 3), (rows, 4)]


class Kept(nn.Module):
    """Give back what was there before, and remember what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[Tensor, Tensor]] = []

    def forward(self, before: Tensor, now: Tensor) -> Tensor:
        self.asked.append((before, now))
        return before


@pytest.mark.parametrize("cell", CELLS)
def test_what_is_carried_is_what_the_last_module_says(cell: Cell) -> None:
    plain, inputs = layer(cell, "stepwise"), torch.randn(5, 6, 3)
    ours, kept = layer(cell), Kept()
    ours.carrying_state.append(kept)
    assert not ours(inputs).any()  # the first state is zero, and stays
    assert len(kept.asked) == 6
    torch.testing.assert_close(kept.asked[0][1], plain(inputs)[:, 0])
    assert not ours.eval()(inputs).any()


def test_the_state_of_a_step_is_of_the_memory_that_it_computed() -> None:
    ours, inputs = layer("lstm"), torch.randn(5, 6, 3)
    ours.carrying_memory.append(Kept())
    alone = layer("lstm", "stepwise")
    torch.testing.assert_close(
        ours(inputs)[:, :1], alone(inputs[:, :1])
    )  # not zero, though the memory stays so

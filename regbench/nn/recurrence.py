"""Recurrent layers: the fused kernel, or step by step where something stands between the steps."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Cell = Literal["lstm", "gru"]
GATES = {"lstm": 4, "gru": 3}


class Recurrence(nn.Module):
    """Run an LSTM or a GRU over a sequence: (B, T, inputs) to the states (B, T, width), the first state zero.

    Gates and weights are in torch's order (LSTM: input, forget, cell, output; GRU: reset, update, new), so
    that its kernel can run. Weights are read anew in every forward pass: one that is parametrized acts.

    Paper: Hochreiter and Schmidhuber, 1997, https://doi.org/10.1162/neco.1997.9.8.1735, with the forget gate
    of Gers et al., 2000; Cho et al., 2014, https://arxiv.org/abs/1406.1078, with torch's place of the reset.

    Args:
        cell: which of the two.
        inputs: width of an input.
        width: width of the state.

    Attributes:
        gates: how many there are, and blocks of rows in the weights.
        between: what the state (B, width) passes through on its way from one step to the recurrent weights of
            the next. A member puts its modules here; each returns (B, width), or (B, gates, width) where
            every gate is to see a state of its own, and is the identity in evaluation. What a cell carries
            over by itself (an LSTM's memory, the share of the old state that a GRU keeps) does not pass
            through. While none of them is in training mode the fused kernel runs (on CPUs in float32 only).
        carrying_state: what decides, unit by unit, how much of the state before a step (B, width) stays. Each
            module is called with (before, now) and returns what is put out and goes on; also in evaluation,
            so that where there is one the layer always goes step by step.
        carrying_memory: the same of an LSTM's memory; the state of the step is that of the memory as it was
            computed.
    """

    regularized = ("weight_ih", "weight_hh")

    def __init__(self, cell: Cell, inputs: int, width: int) -> None:
        super().__init__()
        self.cell, self.inputs, self.width = cell, inputs, width
        self.gates = GATES[cell]
        rows = self.gates * width
        self.weight_ih = nn.Parameter(torch.empty(rows, inputs))
        self.weight_hh = nn.Parameter(torch.empty(rows, width))
        self.bias_ih = nn.Parameter(torch.empty(rows))
        self.bias_hh = nn.Parameter(torch.empty(rows))
        self._initialize()
        self.between = nn.ModuleList()
        self.carrying_state, self.carrying_memory = nn.ModuleList(), nn.ModuleList()

    def _initialize(self) -> None:
        """Keep the state's scale over many steps: with torch's own start 5 epochs of digits learn nothing."""
        nn.init.xavier_uniform_(self.weight_ih)
        for gate in self.weight_hh.chunk(self.gates):
            nn.init.orthogonal_(gate)
        nn.init.zeros_(self.bias_ih)
        nn.init.zeros_(self.bias_hh)
        if self.cell == "lstm":  # remember by default (Jozefowicz et al., 2015)
            nn.init.ones_(self.bias_ih.data[self.width : 2 * self.width])

    def forward(self, inputs: Tensor) -> Tensor:
        acting = any(module.training for module in self.between)
        acting = acting or len(self.carrying_state) + len(self.carrying_memory) > 0
        # in lower precision torch's kernel fails on many CPUs
        lower = inputs.device.type == "cpu" and torch.is_autocast_enabled("cpu")
        return self._stepwise(inputs) if acting or lower else self._fused(inputs)

    def extra_repr(self) -> str:
        return f"{self.cell}, {self.inputs}, {self.width}"

    def _fused(self, inputs: Tensor) -> Tensor:
        weights: list[Tensor] = [self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh]
        if inputs.is_cuda:
            weights = _in_one_piece(weights)
        start = inputs.new_zeros(1, inputs.shape[0], self.width)
        # cuDNN keeps what a gradient needs in training alone; without dropout nothing else depends on it
        kept = self.training or (torch.is_grad_enabled() and not torch.compiler.is_exporting())
        # weights, biases?, layers, dropout, training?, both directions?, batch first?
        if self.cell == "lstm":
            return torch.lstm(inputs, (start, start), weights, True, 1, 0.0, kept, False, True)[0]
        return torch.gru(inputs, start, weights, True, 1, 0.0, kept, False, True)[0]

    def _stepwise(self, inputs: Tensor) -> Tensor:
        weight_hh, bias_hh = self.weight_hh, self.bias_hh  # one reading for all steps
        entering = F.linear(inputs, self.weight_ih, self.bias_ih)
        state = memory = entering.new_zeros(inputs.shape[0], self.width)
        states = []
        for step in entering.unbind(1):
            returning = self._returning(state, weight_hh, bias_hh)
            if self.cell == "lstm":
                now, memory_now = _lstm(step + returning, memory)
                memory = _carried(self.carrying_memory, memory, memory_now)
            else:
                now = _gru(step, returning, state)
            state = _carried(self.carrying_state, state, now)
            states.append(state)
        return torch.stack(states, 1)

    def _returning(self, state: Tensor, weight_hh: Tensor, bias_hh: Tensor) -> Tensor:
        """What the state before adds to the gates: (B, gates * width)."""
        for module in self.between:
            state = module(state)
        if state.ndim == 2:
            return F.linear(state, weight_hh, bias_hh)
        blocks = weight_hh.unflatten(0, (self.gates, self.width)).transpose(1, 2)
        biases = bias_hh.view(self.gates, 1, self.width)
        return torch.baddbmm(biases, state.transpose(0, 1), blocks).transpose(0, 1).flatten(1)


def _carried(modules: nn.ModuleList, before: Tensor, now: Tensor) -> Tensor:
    """What goes on from one step to the next, of what was there before it and what it has computed."""
    for module in modules:
        now = module(before, now)
    return now


def _in_one_piece(tensors: list[Tensor]) -> list[Tensor]:
    """The same values, one after the other in memory: else cuDNN copies them so itself, and warns."""
    whole = torch.cat([tensor.flatten() for tensor in tensors])
    parts = whole.split([tensor.numel() for tensor in tensors])
    return [part.view_as(tensor) for part, tensor in zip(parts, tensors, strict=True)]


def _lstm(gates: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
    entry, keep, new, out = gates.chunk(4, 1)
    memory = keep.sigmoid() * memory + entry.sigmoid() * new.tanh()
    return out.sigmoid() * memory.tanh(), memory


def _gru(entering: Tensor, returning: Tensor, state: Tensor) -> Tensor:
    reset_in, update_in, new_in = entering.chunk(3, 1)
    reset_back, update_back, new_back = returning.chunk(3, 1)
    reset, update = (reset_in + reset_back).sigmoid(), (update_in + update_back).sigmoid()
    new = (new_in + reset * new_back).tanh()
    return (1 - update) * new + update * state

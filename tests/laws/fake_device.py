"""A training step on a GPU that is not there: what would wait for it, and what would be copied to it.

torch's fake tensors have a shape, a type and a device, and no values: an operation on them does nothing, and
what needs a value, such as `.item()` or `nonzero`, raises. Only the backward pass is left out, for torch's
engine asks for the device itself; it is made of torch's own kernels, which wait for nothing.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode, unset_fake_temporarily
from torch.utils._python_dispatch import TorchDispatchMode

from regbench.training.loop import Run, train_step
from regbench.types import Split

GPU = torch.device("cuda", 0)


class Copies(TorchDispatchMode):
    """Counts copies from one device to another."""

    def __init__(self) -> None:
        super().__init__()
        self.counted: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        if name in ("_to_copy", "copy_"):
            source = args[1] if name == "copy_" else args[0]
            if source.device.type != out.device.type:
                self.counted[f"{source.device.type} to {out.device.type}"] += 1
        return out


def copies_of_a_step(run: Run) -> Counter[str]:
    """Take two steps of a run, built on the CPU, on the GPU; return the copies of the second, by direction.

    Raises:
        Exception: torch's, where an operation needs a value.
    """
    with FakeTensorMode(allow_non_fake_inputs=True), pytest.MonkeyPatch.context() as patch:
        _move(run)
        patch.setattr(Tensor, "backward", lambda *_, **__: _give_gradients(run.model))
        for run.clock.step in range(2):  # what a device needs once is there after the first
            run.reg.begin_step(0.0)
            batch = run.data.train[torch.arange(run.batch_size, device=GPU)]
            with Copies() as copies:
                train_step(run, batch)
    return copies.counted


def _move(run: Run) -> None:
    """Put the model, the train rows and what members hold on the GPU."""
    moved = {parameter: nn.Parameter(_fake(parameter)) for parameter in run.model.parameters()}
    _move_module(run.model, moved)
    for group in run.optimizer.param_groups:
        group["params"] = [moved[parameter] for parameter in group["params"]]
        group["fused"] = None  # one kernel of torch's, for which there are no fake tensors
    for _, leaf in run.reg.leaves():
        for name, value in vars(leaf).items():
            setattr(leaf, name, _held(value))
        leaf.runs = {
            name: _taught_there(one) if isinstance(one, nn.Module) else one for name, one in leaf.runs.items()
        }
    run.device = GPU
    run.data = replace(run.data, train=_fake_split(run.data.train))


def _move_module(model: nn.Module, moved: Mapping[nn.Parameter, nn.Parameter]) -> None:
    for module in model.modules():
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = _fake(buffer)
        for name, parameter in module._parameters.items():
            if parameter is not None:
                module._parameters[name] = moved[parameter]


def _taught_there(teacher: nn.Module) -> nn.Module:
    """The model of another run, which other runs of this process are given too: a copy of it."""
    with unset_fake_temporarily():
        copied = copy.deepcopy(teacher)
    _move_module(copied, {one: nn.Parameter(_fake(one), requires_grad=False) for one in copied.parameters()})
    return copied


def _held(value: Any) -> Any:
    """What a member has made of the train rows, or been given of other runs, which lies on the device."""
    if isinstance(value, Tensor):
        return _fake(value)
    if isinstance(value, dict):
        return {name: _held(each) for name, each in value.items()}
    return value


def _fake_split(split: Split) -> Split:
    true = None if split.true_labels is None else _fake(split.true_labels)
    return replace(split, inputs=_fake(split.inputs), labels=_fake(split.labels), true_labels=true)


def _fake(tensor: Tensor) -> Tensor:
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device=GPU)


def _give_gradients(model: nn.Module) -> None:
    for parameter in model.parameters():
        parameter.grad = torch.empty_like(parameter)

"""Snapshot ensembles."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from regbench.regularizers.base import Regularizer
from regbench.space import Domain, Interval
from regbench.types import Split

NAME = "snapshot_ensemble"  # of the module that holds the snapshots


@dataclass
class Snapshot(Regularizer):
    """Evaluate the mean of the predictions of the weights at the ends of several cycles of one run.

    The run is cut into `cycles` equal parts, at whose ends the weights and buffers are kept, those of the
    last `last` parts at most. In evaluation the model returns log(mean of softmax(logits)) over those kept,
    of numbers the mean of the outputs; until the first is kept it is the model itself. The learning rate is
    the schedule's: `schedule=cyclic` with as many cycles restarts it in each. What is kept is part of the
    model, under names of its own, so that a checkpoint has all of it and `regbench.load` gives the ensemble.
    An evaluation costs one pass for each of them and one more.

    Paper: Huang et al., 2017, https://arxiv.org/abs/1704.00109, section 3

    Attributes:
        cycles: parts of the run, at least 1; a single one keeps nothing but the last weights.
        last: of how many ends predictions are averaged at most, at least 1; None: of all.

    Raises:
        ValueError: a field is out of range.
    """

    off: ClassVar[Mapping[str, Any]] = {"cycles": 1}
    search: ClassVar[Mapping[str, Domain]] = {"cycles": Interval(2, 10)}
    fixed: ClassVar[Mapping[str, str]] = {
        "cycles": "it counts the parts of the run",
        "last": "the model has room for so many snapshots from the start",
    }

    cycles: int
    last: int | None

    def __post_init__(self) -> None:
        if self.cycles < 1:
            raise ValueError(f"cycles must be at least 1, got {self.cycles}")
        if self.last is not None and self.last < 1:
            raise ValueError(f"last must be at least 1 or null, got {self.last}")
        self._of_classes = True
        self._ends = self._is_first = False

    def check_data(self, train: Split) -> None:
        self._of_classes = train.task.speaks_of_classes

    def prepare_model(self, model: nn.Module) -> nn.Module:
        if self.is_off:
            return model
        count = self.cycles if self.last is None else min(self.last, self.cycles)
        self._ensemble = Ensemble(count, self._of_classes)
        model.add_module(NAME, self._ensemble)
        model.register_state_dict_pre_hook(self._ensemble.allocate)
        model.register_load_state_dict_pre_hook(self._ensemble.allocate)
        model.register_forward_hook(self._ensemble.predict)
        return model

    def begin_step(self, progress: float) -> None:
        step = self.stream.moment[0]
        self._is_first = progress == 0  # from which alone the length of the run is not known
        if self._is_first:
            self._ends = False
            return
        steps = round(step / progress) + 1
        if step == 1 and not self.is_off and self._ends_a_cycle(0, steps):
            self._ensemble.count_in()
        self._ends = progress >= 1 or self._ends_a_cycle(step, steps)

    def end_step(self, model: nn.Module) -> None:
        if self.is_off:
            return
        if self._ends:
            self._ensemble.take(model)
        elif self._is_first:
            self._ensemble.put(model, 0)

    def eval_model(self, model: nn.Module) -> nn.Module:
        return model  # in evaluation it is the ensemble: beside another member's average it would be neither

    def note(self) -> str:
        if self.is_off:
            return ""
        kept = self._ensemble.count
        which = f"the last {kept}" if kept < self.cycles else f"{kept}"
        return (
            f"averages the predictions at the ends of {which} cycles (fewer where the run has fewer steps); "
            f"schedule=cyclic schedule.cycles={self.cycles} restarts the learning rate in each"
        )

    def _ends_a_cycle(self, step: int, steps: int) -> bool:
        """Whether the step after this one of so many belongs to another cycle, by the middle of each."""
        cycle, following = (int((step + ahead) * self.cycles / steps) for ahead in (0.5, 1.5))
        return cycle < following


class Ensemble(nn.Module):
    """Snapshots of the model that it is a part of, as buffers; where that calls its parts in turn, nothing.

    Args:
        count: how many are kept, the newest.
        of_classes: whether the model's outputs are logits of classes.
    """

    taken: Tensor
    of_classes: Tensor

    def __init__(self, count: int, of_classes: bool) -> None:
        super().__init__()
        self.count = count
        self._names: list[str] = []
        self.register_buffer("taken", torch.tensor(0))
        self.register_buffer("of_classes", torch.tensor(of_classes))

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs

    def allocate(self, model: nn.Module, *_: object) -> None:
        """Make room for the snapshots, once every member has put its own into the model."""
        if len(self._buffers) > 2:
            return
        self._names = list(_own(model))  # while it is exported, torch calls some of them otherwise
        for name, tensor in _own(model).items():
            for index in range(self.count):
                self.register_buffer(_buffer(index, name), tensor.detach().clone())

    def take(self, model: nn.Module) -> None:
        """Keep the model as it is, in the place of the oldest where all are taken."""
        self.put(model, int(self.taken) % self.count)
        self.count_in()

    @torch.no_grad()
    def put(self, model: nn.Module, index: int) -> None:
        """Copy the model as it is into one of the places; it is no snapshot before it is counted in."""
        self.allocate(model)
        for name, tensor in _own(model).items():
            self.get_buffer(_buffer(index, name)).copy_(tensor)

    @torch.no_grad()
    def count_in(self) -> None:
        """Let what was put into the next place be one of the snapshots."""
        self.taken += 1

    def predict(self, model: nn.Module, inputs: tuple[Any, ...], output: Any) -> Any:
        """What the model returns: in evaluation the mean over the snapshots, where there are some."""
        if model.training:
            return output
        is_program = torch.compiler.is_exporting()  # in which no number is known: all places are asked then
        kept = self.count if is_program else min(int(self.taken), self.count)
        if kept == 0:
            return output
        plain = _Plain(model)
        outputs = torch.stack(
            [
                torch.func.functional_call(
                    plain,
                    {f"model.{name}": self.get_buffer(_buffer(index, name)) for name in self._names},
                    inputs,
                    tie_weights=False,
                )
                for index in range(kept)
            ]
        )
        if is_program:
            return self._averaged(outputs, output)
        if not self.of_classes:
            return outputs.mean(0)
        return outputs.log_softmax(2).logsumexp(0) - math.log(kept)

    def _averaged(self, outputs: Tensor, own: Tensor) -> Tensor:
        """The mean over those of the places (count, B, K) that are taken; where none is, the model's own."""
        count = self.taken.clamp(max=self.count)
        is_left_out = (torch.arange(self.count, device=self.taken.device) >= count).view(-1, 1, 1)
        shares = outputs.log_softmax(2).masked_fill(is_left_out, -torch.inf)
        of_classes = shares.logsumexp(0) - count.to(outputs.dtype).log()
        of_numbers = outputs.masked_fill(is_left_out, 0).sum(0) / count
        return torch.where(count > 0, torch.where(self.of_classes, of_classes, of_numbers), own)


class _Plain(nn.Module):
    """The model's forward alone, without what is called around it."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.training = model.training

    def forward(self, *inputs: Any) -> Any:
        return self.model.forward(*inputs)


def _own(model: nn.Module) -> dict[str, Tensor]:
    """The model's parameters and buffers but for the snapshots, one name for each place that holds one."""
    return {
        f"{prefix}.{name}".lstrip("."): tensor
        for prefix, module in model.named_modules()
        if prefix != NAME
        for name, tensor in (*module._parameters.items(), *module._buffers.items())
        if tensor is not None
    }


def _buffer(index: int, name: str) -> str:
    """The name of a snapshot's tensor: a buffer's must have no dot."""
    return f"{index}/{name.replace('.', '/')}"

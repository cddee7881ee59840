"""Self-distillation within one run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from operator import index
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from regbench.nn.distilling import softened_divergence
from regbench.nn.passes import another_pass
from regbench.nn.snapshots import WithWeights
from regbench.regularizers.base import Regularizer
from regbench.space import Domain, Interval
from regbench.types import ForwardPass


@dataclass
class SelfDistillation(Regularizer):
    """Learn also from what the model itself predicted at the end of the part of the run before.

    The run is cut into `cycles` parts of equally many steps. In the first nothing is changed; in each other
    the objective is (1 - share) * (data loss)
    + share * temperature^2 * mean over the batch of KL(softmax(v / temperature) || softmax(z / temperature))
    in nats, z the logits and v those of the teacher: the model with the weights that it had at the end of
    the part before, in evaluation mode, for the same inputs as they are shown, without a gradient.
    `objective/data` is the first term, `objective/self_distillation` the second. Departure from the paper:
    the two weights add up to 1, and the teacher is softened as the student is, as in Hinton et al.

    Paper: Yang et al., 2019, https://arxiv.org/abs/1812.00123, section 3; the loss: Hinton et al., 2015,
    https://arxiv.org/abs/1503.02531, section 2

    Attributes:
        share: of the objective that is the teacher's, in [0, 1].
        temperature: the larger, the more the unlikely classes count, above 0.
        cycles: parts of the run, at least 2.

    Raises:
        ValueError: a field is out of range.
    """

    kind = "loss"
    off: ClassVar[Mapping[str, Any]] = {"share": 0.0}
    search: ClassVar[Mapping[str, Domain]] = {
        "share": Interval(0.1, 0.9),
        "temperature": Interval(1.0, 10.0, log=True),
        "cycles": Interval(2, 8),
    }
    needs_classes: ClassVar[bool] = True
    follows = ("share", "temperature")
    fixed: ClassVar[Mapping[str, str]] = {"cycles": "it counts the parts of the run"}

    share: float
    temperature: float
    cycles: int

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ValueError(f"share must lie in [0, 1], got {self.share}")
        if self.temperature <= 0:
            raise ValueError(f"temperature must be above 0, got {self.temperature}")
        if self.cycles < 2:
            raise ValueError(f"cycles must be at least 2, got {self.cycles}")
        self._ends = self._is_first = False
        self._teacher: dict[str, Tensor] = {}  # by the names of the model's state; empty in the first part
        self._first: dict[str, Tensor] = {}  # likewise, the end of the first step, until the second begins

    def begin_step(self, progress: float) -> None:
        step = self.stream.moment[0]
        self._is_first = progress == 0  # from which alone the length of the run is not known
        if self._is_first:
            self._ends = False
            return
        steps = round(step / progress) + 1
        if step == 1 and self._ends_a_part(0, steps):
            self._teacher = self._first
        self._first = {}
        self._ends = self._ends_a_part(step, steps)

    def transform_loss(self, loss: Tensor) -> Tensor:
        index(
            self.cycles
        )  # of runs that are trained at once it must be one number, or some have no teacher yet
        return (1 - self.share) * loss if self._teacher else loss

    def penalty(self, forward: ForwardPass) -> Tensor | None:
        if not self._teacher:
            return None
        with torch.no_grad(), evaluating(forward.model):
            taught = another_pass(forward, forward.batch.inputs, WithWeights(forward.model, self._teacher))
        return self.share * softened_divergence(taught, forward.logits, self.temperature)

    def end_step(self, model: nn.Module) -> None:
        if not (self._ends or self._is_first) or (self.is_off and not self.schedules):
            return  # with a schedule a share that is 0 for a while rises again
        kept = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
        if self._ends:
            self._teacher = kept
        else:
            self._first = kept

    def note(self) -> str:
        if self.is_off:
            return ""
        return (
            f"{self.cycles - 1} of {self.cycles} parts learn from a teacher (fewer where the run has fewer "
            "steps); "
            f"schedule=cyclic schedule.cycles={self.cycles} ends each part at a small learning rate"
        )

    def state_dict(self) -> dict[str, Any]:
        return {"teacher": dict(self._teacher), "first": dict(self._first)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._teacher = {name: tensor.clone() for name, tensor in state["teacher"].items()}
        first = state.get("first", {})  # which earlier states lack
        self._first = {name: tensor.clone() for name, tensor in first.items()}

    def _ends_a_part(self, step: int, steps: int) -> bool:
        """Whether the step after this one of so many belongs to another part, by the middle of each.

        Behind the last step there is one more, in which nothing learns: the audit's few steps, each as if it
        were the first or the last of a run, have a teacher by that.
        """
        part, following = (int((step + ahead) * self.cycles / steps) for ahead in (0.5, 1.5))
        return part < following


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Within, every module is in evaluation mode; after it each is in the mode that it was in."""
    training = [module for module in model.modules() if module.training]
    for module in training:
        module.training = False
    try:
        yield
    finally:
        for module in training:
            module.training = True

"""Distillation from a finished run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from regbench.nn.distilling import softened_divergence
from regbench.nn.passes import pass_of_another
from regbench.regularizers.base import Regularizer
from regbench.space import Domain, Interval
from regbench.types import ForwardPass, Split


@dataclass
class Distillation(Regularizer):
    """Learn also from what the model of another run predicts.

    The objective is (1 - share) * (data loss)
    + share * temperature^2 * mean over the batch of KL(softmax(v / temperature) || softmax(z / temperature))
    in nats, z the logits and v those of the teacher: the model of a finished run, with the weights of its
    best epoch (its last where no best were kept), in evaluation mode, behind its own normalization, for the
    inputs as they are shown, without a gradient. `objective/data` is the first term,
    `objective/distillation` the second. The teacher may be of any model, stack and seed, and must know the
    same classes and take the same inputs. One with the student's own model makes a born-again network, the
    next generation of which has that student for its teacher. Two teachers are two members: each keeps its
    own share of the objective, whichever comes first, and the data loss has (1 - share) of the one times
    (1 - share) of the other, so that the three add up to more than 1.

    Paper: Hinton et al., 2015, https://arxiv.org/abs/1503.02531, section 2; born again: Furlanello et al.,
    2018, https://arxiv.org/abs/1805.04770, section 3

    Attributes:
        teacher: the folder of its run; None only where share is 0.
        share: of the objective that is the teacher's, in [0, 1]; 1: no target is read.
        temperature: the larger, the more the unlikely classes count, above 0.

    Raises:
        ValueError: a field is out of range; `check_data`: there is no teacher.
    """

    kind = "loss"
    off: ClassVar[Mapping[str, Any]] = {"share": 0.0}
    search: ClassVar[Mapping[str, Domain]] = {
        "share": Interval(0.1, 0.9),
        "temperature": Interval(1.0, 10.0, log=True),
    }
    needs_classes: ClassVar[bool] = True
    reads_runs: ClassVar[Mapping[str, str]] = {"teacher": "model"}
    follows = ("share", "temperature")

    teacher: str | None
    share: float
    temperature: float

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ValueError(f"share must lie in [0, 1], got {self.share}")
        if self.temperature <= 0:
            raise ValueError(f"temperature must be above 0, got {self.temperature}")

    def check_data(self, train: Split) -> None:
        if not self.is_off and not self.teacher:
            raise ValueError("teacher must be the folder of a finished run, got null")

    def transform_loss(self, loss: Tensor) -> Tensor:
        return loss if self.is_off else (1 - self.share) * loss

    def penalty(self, forward: ForwardPass) -> Tensor | None:
        if self.is_off:
            return None
        with torch.no_grad():
            taught = pass_of_another(forward, self.runs["teacher"])
        return self.share * softened_divergence(taught, forward.logits, self.temperature)

    def note(self) -> str:
        return "" if self.is_off else "each batch is passed through the teacher as well"

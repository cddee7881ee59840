"""Adversarial training."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from regbench.images.checks import require_pixels
from regbench.nn.logits import still_logits
from regbench.nn.passes import drawing_anew
from regbench.regularizers.base import Regularizer
from regbench.sites import extra_pass
from regbench.space import Domain, Interval
from regbench.tasks import Task
from regbench.types import ForwardPass, Split

REACH = 2.5  # of all steps together, in radii: enough to come from any start to any edge


@dataclass
class Adversarial(Regularizer):
    """Learn also from the inputs moved to where the loss is larger.

    The objective is (1 - share) * J(x) + share * J(x'), J the loss of the task on the batch x as the model is
    shown it, after every other member. With one step (the fast gradient sign method)
    x' = x + epsilon * sign(gradient of J at x); with more (projected gradient descent) each goes
    2.5 * epsilon / steps along the sign and back to within epsilon of x in every coordinate. Pixels stay in
    [0, 1]. The targets are those of x. The gradients are taken with the model in training mode, its noise
    drawn anew in each pass; running statistics are moved by the clean rows alone, and x' is normalized by its
    own batch. `objective/data` is the first term, `objective/adversarial` the second.

    Paper: Goodfellow et al., 2015, https://arxiv.org/abs/1412.6572, section 6; more steps, random start:
    Madry et al., 2018, https://arxiv.org/abs/1706.06083, sections 2.1 and 5

    Attributes:
        epsilon: how far a coordinate moves at most, in the unit of the inputs (of pixels 1), at least 0.
        share: of the objective that is the loss at x', in [0, 1].
        steps: on the way to x', at least 1.
        random_start: whether the way begins at a point drawn uniformly within epsilon of x.

    Raises:
        ValueError: a field is out of range; `check_data`: inputs are token ids.
    """

    kind = "noise on inputs"
    off: ClassVar[Mapping[str, Any]] = {"epsilon": 0.0}
    # from one of 255 shades, as where accuracy is the aim, to the paper's for MNIST
    search: ClassVar[Mapping[str, Domain]] = {"epsilon": Interval(0.004, 0.25, log=True)}
    follows = ("epsilon", "share", "steps")

    epsilon: float
    share: float
    steps: int
    random_start: bool

    def __post_init__(self) -> None:
        if self.epsilon < 0:
            raise ValueError(f"epsilon must be at least 0, got {self.epsilon}")
        if not 0 <= self.share <= 1:
            raise ValueError(f"share must lie in [0, 1], got {self.share}")
        if self.steps < 1:
            raise ValueError(f"steps must be at least 1, got {self.steps}")

    def check_data(self, train: Split) -> None:
        if self.is_off:
            return
        if not train.mixable:
            raise ValueError(f"inputs must be numbers, which can be moved, got {train.inputs.dtype}")
        self._task: Task = train.task
        self._pixels = _are_pixels(train)

    def transform_loss(self, loss: Tensor) -> Tensor:
        return loss if self.is_off else (1 - self.share) * loss

    def penalty(self, forward: ForwardPass) -> Tensor | None:
        if self.is_off or self.share == 0:
            return None
        with extra_pass(forward.model):
            return self.share * self._loss(forward, self.moved(forward))

    def note(self) -> str:
        if self.is_off:
            return ""
        bounded = "inputs stay in [0, 1]" if self._pixels else "no bounds but epsilon"
        passes = "1 pass" if self.steps == 1 else f"{self.steps} passes"
        return f"{passes} to move the inputs and 1 to learn from them; {bounded}"

    @property
    def computes_task_loss(self) -> bool:
        return True

    def moved(self, forward: ForwardPass) -> Tensor:
        """(B, ...): the inputs x' of a forward pass."""
        clean = forward.batch.inputs.detach()
        inputs = clean
        if self.random_start:
            draws = self.stream.uniform(clean.shape, clean.device).to(clean.dtype)
            inputs = self._within(clean + self.epsilon * (2 * draws - 1), clean)
        length = self.epsilon if self.steps == 1 else REACH * self.epsilon / self.steps
        for _ in range(self.steps):
            inputs = inputs.detach().requires_grad_()
            # autograd.grad would refuse leaves with hooks, such as those of torch's counter of operations
            self._loss(forward, inputs).backward(inputs=[inputs])
            direction = inputs.grad.sign()  # type: ignore[union-attr]
            inputs = self._within(inputs.detach() + length * direction, clean)
        return inputs

    def _within(self, inputs: Tensor, clean: Tensor) -> Tensor:
        inputs = inputs.clamp(clean - self.epsilon, clean + self.epsilon)
        return inputs.clamp(0, 1) if self._pixels else inputs

    def _loss(self, forward: ForwardPass, inputs: Tensor) -> Tensor:
        targets = forward.batch.targets
        with drawing_anew(forward.model):
            logits = still_logits(forward.model(inputs), *targets.shape).float()
        return self._task.loss(logits, targets, forward.class_weights)


def _are_pixels(train: Split) -> bool:
    try:
        require_pixels(train)
    except ValueError:
        return False
    return True

"""Confidence penalty, and the entropy bonus of policy gradients."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from torch import Tensor

from regbench.regularizers.base import Regularizer
from regbench.space import Domain, Interval
from regbench.types import ForwardPass, Split


@dataclass
class ConfidencePenalty(Regularizer):
    """Reward predictions that are not too sure of themselves, or, on request, those that are.

    With H = -sum_k p_k log p_k of p = softmax(logits), in nats, and means over the batch, it adds
    maximize: -strength * mean(H), or with a gamma strength * mean(max(0, gamma - H));
    minimize: strength * mean(H), as in learning from unlabelled examples.
    With a ramp the strength rises in proportion to the steps, from 0 in the first to its full value at
    that share of the run (ramp=1: in the last step). The penalty does not read the targets, and nothing of it
    is left in evaluation.

    Paper: Pereyra et al., 2017, https://arxiv.org/abs/1701.06548, section 3; minimize: Grandvalet and
    Bengio, 2005, https://papers.nips.cc/paper/2004/hash/96f2b50b5d3613adf9c27049b2a888c7-Abstract.html

    Attributes:
        strength: weight of the entropy, at least 0.
        direction: whether the entropy is to grow or to fall.
        gamma: nats, in [0, log C], above which a prediction is left alone; None: none is. With maximize only.
        ramp: share of the run, in [0, 1], over which the strength rises from 0; 0: it is full from the start.

    Raises:
        ValueError: a field is out of range; `check_data`: gamma is for that many classes.
    """

    off: ClassVar[Mapping[str, Any]] = {"strength": 0.0}
    search: ClassVar[Mapping[str, Domain]] = {"strength": Interval(0.01, 1.0, log=True)}
    needs_classes: ClassVar[bool] = True
    follows = ("strength", "gamma")
    fixed: ClassVar[Mapping[str, str]] = {"ramp": "it is a share of the run itself"}

    strength: float
    direction: Literal["maximize", "minimize"]
    gamma: float | None
    ramp: float

    def __post_init__(self) -> None:
        if self.strength < 0:
            raise ValueError(f"strength must be at least 0, got {self.strength}")
        if not 0 <= self.ramp <= 1:
            raise ValueError(f"ramp must lie in [0, 1], got {self.ramp}")
        if self.gamma is not None and self.gamma < 0:
            raise ValueError(f"gamma must be at least 0, got {self.gamma}")
        if self.gamma is not None and self.direction != "maximize":
            raise ValueError(f"direction must be maximize where gamma is given, got {self.direction}")
        self._share = 0.0 if self.ramp else 1.0

    def check_data(self, train: Split) -> None:
        most = math.log(train.num_classes)
        if self.gamma is not None and self.gamma > most and not self.is_off:
            raise ValueError(
                f"gamma must be at most {most:.4g} with {train.num_classes} classes, got {self.gamma}"
            )

    def begin_step(self, progress: float) -> None:
        self._share = min(1.0, progress / self.ramp) if self.ramp else 1.0

    @property
    def follows_length(self) -> bool:
        return super().follows_length and self.ramp > 0

    def penalty(self, forward: ForwardPass) -> Tensor | None:
        if self.is_off:
            return None
        entropies, strength = entropy(forward.logits), self.strength * self._share
        if self.direction == "minimize":
            return strength * entropies.mean()
        if self.gamma is not None:
            return strength * (self.gamma - entropies).clamp(min=0).mean()
        return -strength * entropies.mean()


def entropy(logits: Tensor) -> Tensor:
    """The entropy of softmax(logits) in nats: (B, C) becomes (B,)."""
    logs = logits.log_softmax(1)  # p * log(p) itself is NaN where a p underflows to 0
    return -(logs.exp() * logs).sum(1)


def policy_loss(logits: Tensor, actions: Tensor, advantages: Tensor, strength: float) -> Tensor:
    """Return what a softmax policy minimizes under an entropy bonus, a scalar.

    -mean(advantage * log p(action)) - strength * mean(H), whose gradient over actions drawn from the policy
    is that of -(expected advantage + strength * H). Where the advantages are fixed rewards r, as in a bandit,
    the best policy is softmax(r / strength).

    Paper: Williams and Peng, 1991, https://doi.org/10.1080/09540099108946587; Mnih et al., 2016,
    https://arxiv.org/abs/1602.01783, section 4

    Args:
        logits: (B, A), of the policy over A actions in each of B states.
        actions: (B,) int64, the actions taken.
        advantages: (B,), how much better each was than expected; no gradient flows through them.
        strength: weight of the entropy, at least 0.

    Raises:
        ValueError: strength is negative.
    """
    if strength < 0:
        raise ValueError(f"strength must be at least 0, got {strength}")
    taken = logits.log_softmax(1).gather(1, actions[:, None])[:, 0]
    return -(advantages.detach() * taken).mean() - strength * entropy(logits).mean()

"""Sample pairing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from regbench.nn.checks import require_mixable
from regbench.regularizers.base import Regularizer
from regbench.space import Domain, Interval
from regbench.types import Batch, Split


@dataclass
class SamplePairing(Regularizer):
    """Show the mean of two inputs under the target of the first.

    Row i becomes (input_i + input_j) / 2 with probability p, where j is its place in a random permutation of
    the batch; the target stays t_i. It ends at a share `until` of the run, so that the rest fine-tunes on
    plain inputs. Departures from the paper: j comes from the batch and not from all train rows; the paper
    also leaves out the first epochs, and switches it off for two epochs in ten, where p does so for examples.

    Paper: Inoue, 2018, https://arxiv.org/abs/1801.02929, section 3

    Attributes:
        p: share of the examples that are paired, in [0, 1].
        until: share of the run after which it is off, in (0, 1].

    Raises:
        ValueError: a field is out of range; `check_data` and `transform_batch`: inputs are token ids.
    """

    off: ClassVar[Mapping[str, Any]] = {"p": 0.0}
    search: ClassVar[Mapping[str, Domain]] = {"p": Interval(0.2, 1.0)}
    follows = ("p",)
    fixed: ClassVar[Mapping[str, str]] = {"until": "it is a share of the run itself"}

    p: float
    until: float

    def __post_init__(self) -> None:
        if not 0 <= self.p <= 1:
            raise ValueError(f"p must lie in [0, 1], got {self.p}")
        if not 0 < self.until <= 1:
            raise ValueError(f"until must lie in (0, 1], got {self.until}")
        self._over = False

    def check_data(self, train: Split) -> None:
        if not self.is_off:
            require_mixable(train, "sample_pairing")

    def begin_step(self, progress: float) -> None:
        self._over = progress > self.until

    @property
    def follows_length(self) -> bool:
        return super().follows_length and self.until < 1

    def transform_batch(self, batch: Batch) -> Batch:
        if self.is_off or self._over:
            return batch
        require_mixable(batch, "sample_pairing")
        inputs = batch.inputs
        other = inputs[self.stream.permutation(len(batch), inputs.device)]
        chosen = self.stream.uniform((len(batch),), inputs.device) < self.p
        weights = 0.5 * chosen.to(inputs.dtype).view(-1, *[1] * (inputs.ndim - 1))
        return Batch(inputs.lerp(other, weights), batch.targets, batch.rows_but(chosen))

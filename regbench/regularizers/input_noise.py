"""Gaussian noise on inputs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from regbench.nn.checks import require_mixable
from regbench.nn.normalization import Normalization
from regbench.regularizers.base import Regularizer
from regbench.space import Domain, Interval
from regbench.types import Batch, Split


@dataclass
class InputNoise(Regularizer):
    """Add Gaussian noise to the inputs while training; targets stay.

    x + sigma * std * xi, xi ~ N(0, 1) for each value of each example, std the standard deviation of the
    value's channel over the train rows: after the model's normalization the noise has the deviation sigma. Of
    a table, whose inputs are standardized already, std is 1. Nothing is cut off, so pixels may leave [0, 1].
    For a linear model with squared errors the expected loss is that without noise and a ridge penalty:
    E|y - (x + sigma * xi) w|^2 = |y - x w|^2 + sigma^2 * |w|^2 for each row.

    Paper: Bishop, 1995, https://doi.org/10.1162/neco.1995.7.1.108; Sietsma and Dow, 1991,
    https://doi.org/10.1016/0893-6080(91)90033-2

    Attributes:
        sigma: deviation of the noise, in deviations of the inputs, at least 0.

    Raises:
        ValueError: sigma is out of range; `check_data` and `transform_batch`: inputs are token ids.
    """

    off: ClassVar[Mapping[str, Any]] = {"sigma": 0.0}
    search: ClassVar[Mapping[str, Domain]] = {"sigma": Interval(0.02, 0.5, log=True)}
    follows = ("sigma",)

    sigma: float

    def __post_init__(self) -> None:
        if self.sigma < 0:
            raise ValueError(f"sigma must be at least 0, got {self.sigma}")
        self._std = torch.ones(())

    def check_data(self, train: Split) -> None:
        if not self.is_off:
            require_mixable(train, "input_noise")

    def prepare_data(self, train: Split) -> None:
        if not self.is_off:
            self._std = Normalization.of(train).std

    def transform_batch(self, batch: Batch) -> Batch:
        if self.is_off:
            return batch
        require_mixable(batch, "input_noise")
        inputs = batch.inputs
        noise = self.stream.normal(inputs.shape, inputs.device)
        noisy = inputs + self.sigma * self._std.to(noise) * noise
        return Batch(noisy.to(inputs.dtype), batch.targets, batch.rows)

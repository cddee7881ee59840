"""How much a step of training computes, by the configuration alone, and how many threads that is worth."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from regbench.assembly.data import load_data
from regbench.assembly.device import cores, find_device
from regbench.assembly.launched import this_rank
from regbench.assembly.model import build_model
from regbench.composition.settings import Config, read_settings
from regbench.instantiation.boundary import refusing

SMALL = 1e9  # operations of a step that several threads make little sooner than one
ROWS = 2  # that are counted by
PASSES = 3  # of training: forward, and backward to inputs and to weights


def threads_of(config: Config) -> int:
    """The threads that a run computes with: those it is told, else one where a step is small, else all cores.

    Whatever the stack: techniques that are compared compute alike. The ranks of one machine share its cores.

    Raises:
        ConfigError: data or model cannot be made.
    """
    settings, train = read_settings(config)
    if settings.threads:
        return settings.threads
    most = cores()
    if (rank := this_rank()) is not None:
        most = max(1, most // rank.local_count)
    if most == 1 or find_device(settings.device).type != "cpu":
        return most
    data = load_data(config["dataset"])
    with refusing("model: "):
        model = build_model(config["model"], data, settings.seed, config["dataset"], initial=False)
        rows = min(train.batch_size, len(data.train))
        return 1 if rows * operations(model, data.train[slice(0, ROWS)].inputs) <= SMALL else most


def operations(model: nn.Module, inputs: Tensor) -> float:
    """Floating-point operations of a training step for one row.

    A multiplication and an addition for each parameter at each position of its layer's output, in three
    passes; what has no parameters is left out, as is what a layer computes without being called.

    Args:
        model: returns logits.
        inputs: of some rows.
    """
    with _counting(model, len(inputs)) as counts, torch.no_grad():
        model.eval()(inputs)
    return 2 * PASSES * sum(counts)


@contextmanager
def _counting(model: nn.Module, rows: int) -> Iterator[list[float]]:
    """The multiplications of each call of a layer, for one row, as they are made."""
    counts: list[float] = []

    def count(layer: nn.Module, _: object, output: Any) -> None:
        while isinstance(output, (tuple, list)) and output:  # of a recurrent layer its outputs come first
            output = output[0]
        if isinstance(output, Tensor) and output.dim() > 1:
            channels = output.shape[1 if isinstance(layer, _ConvNd) else -1]
            positions = output.numel() / max(1, channels * rows)
            counts.append(positions * sum(p.numel() for p in layer.parameters(recurse=False)))

    handles = [module.register_forward_hook(count) for module in model.modules()]
    try:
        yield counts
    finally:
        for handle in handles:
            handle.remove()

"""What a person's model returns, looked at without leaving a trace in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor, nn

from regbench.errors import ConfigError
from regbench.evaluation.measurement import evaluate
from regbench.instantiation.boundary import refusing
from regbench.nn.buffers import kept_buffers
from regbench.nn.logits import described, logits_of
from regbench.nn.normalization import Normalized
from regbench.streams import kept_draws
from regbench.types import Split


@torch.no_grad()
def outputs_of(model: nn.Module, inputs: Tensor) -> int:
    """How many numbers a model returns for a row.

    Args:
        model: in any mode; neither it, nor its statistics, nor anybody's draws are moved.
        inputs: (B, ...); bytes count as pixels.

    Raises:
        ConfigError: it does not return (B, K).
    """
    where = next(model.parameters(), inputs).device
    if inputs.dtype == torch.uint8:
        inputs = inputs.to(torch.get_default_dtype()).div_(255.0)
    with kept_modes(model), kept_buffers(model), kept_draws([]), _in_forward(inputs):
        outputs = logits_of(model.eval()(inputs.to(where)))
    if isinstance(outputs, Tensor) and outputs.shape == inputs.shape[:1]:
        return 1  # one number a row
    if not isinstance(outputs, Tensor) or outputs.ndim != 2 or len(outputs) != len(inputs):
        raise ConfigError(
            f"model: must return logits or numbers of shape (B, K), got {described(outputs)} for "
            f"{len(inputs)} rows"
        )
    return outputs.shape[1]


def measured(model: nn.Module, split: Split) -> dict[str, float]:
    """The metrics of a split in evaluation mode; each module's own mode is put back."""
    where = next((tensor.device for tensor in model.parameters()), split.device)
    with kept_modes(model), _in_forward(split.inputs):
        return evaluate(Normalized(nn.Identity(), model, split.num_classes), split.to(where), nullcontext)


def _in_forward(inputs: Tensor) -> AbstractContextManager[None]:
    return refusing(
        f"model: must take inputs of shape (B, {', '.join(map(str, inputs.shape[1:]))}), and says: "
    )


@contextmanager
def kept_modes(model: nn.Module) -> Iterator[None]:
    """Whatever mode the modules are put into within, they have their own again after it."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training

"""One more pass of a training step."""

from __future__ import annotations

from contextlib import nullcontext

import torch
from torch import Tensor, nn

from regbench.nn.logits import still_logits
from regbench.sites import extra_pass
from regbench.types import ForwardPass


def another_pass(
    forward: ForwardPass, inputs: Tensor, model: nn.Module | None = None, exact: bool = False
) -> Tensor:
    """The logits, (B, K) float32, of some inputs in the place of the batch's.

    The model is in training mode, its noise drawn anew; running statistics stay as they are, and the rows are
    normalized by their own.

    Args:
        forward: the step's pass over its batch.
        inputs: as many rows.
        model: with the modules of the pass's, perhaps with other weights; None for that one itself.
        exact: whether to compute in single precision where the pass was in bfloat16.
    """
    rounded = forward.bf16 and not exact
    precision = torch.autocast(inputs.device.type, torch.bfloat16) if rounded else nullcontext()
    with extra_pass(forward.model), precision:
        output = (model or forward.model)(inputs)
    return still_logits(output, *forward.batch.targets.shape).float()

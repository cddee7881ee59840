"""How a model's weights lie in memory; what they are is the same."""

from __future__ import annotations

import torch
from torch import nn

from regbench.types import Dataset

MAPS = 4  # dimensions of a convolution's weight on images


def lies_by_pixels(device: torch.device, bf16: bool, data: Dataset) -> bool:
    """Whether the channels of a pixel are to lie side by side, as tensor cores take bfloat16 images.

    Source: https://docs.pytorch.org/tutorials/intermediate/memory_format_tutorial.html
    """
    return device.type == "cuda" and bf16 and data.train.is_images


def lay_by_pixels(model: nn.Module) -> None:
    """Lay weights of convolutions so, in place; what they compute, inputs of any layout, then lies so too."""
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.dim() == MAPS:
            tensor.data = tensor.data.contiguous(memory_format=torch.channels_last)

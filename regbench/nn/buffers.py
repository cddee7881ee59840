"""Buffers of a model, kept through forward passes that are to leave no trace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.parameter import is_lazy


@contextmanager
def kept_buffers(model: nn.Module) -> Iterator[None]:
    """Whatever forward passes within do to buffers, running statistics among them, is undone after it."""
    held = [
        (module, name, buffer, buffer.clone())
        for module in model.modules()
        for name, buffer in module._buffers.items()
        if buffer is not None and not is_lazy(buffer)
    ]
    try:
        yield
    finally:
        with torch.no_grad():
            for module, name, buffer, before in held:
                module._buffers[name] = buffer.copy_(before)

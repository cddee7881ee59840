"""What makes the host wait for a device, counted without one."""

from __future__ import annotations

from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

WAITING = {"aten::_local_scalar_dense", "aten::nonzero", "aten::equal"}


class Reads(TorchDispatchMode):
    """Counts the numbers that are read of tensors, and the sizes that depend on values."""

    count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += func.overloadpacket._qualified_op_name in WAITING
        return func(*args, **(kwargs or {}))

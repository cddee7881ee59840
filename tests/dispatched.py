"""Counts what torch is asked for, on a CPU too, so that a GPU would not have to wait."""

from __future__ import annotations

from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

WAITS = {"nonzero", "_local_scalar_dense", "is_nonzero", "masked_select", "_unique2", "bincount"}


class Dispatched(TorchDispatchMode):
    """Within, operations are counted.

    Attributes:
        waits: those whose outcome the host must know before it goes on.
        changes: those that are no views.
    """

    def __init__(self) -> None:
        super().__init__()
        self.waits = 0
        self.changes = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.waits += function._schema.name.removeprefix("aten::") in WAITS
        self.changes += not function.is_view
        return function(*args, **(kwargs or {}))

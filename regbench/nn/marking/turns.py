"""Sites of a module that one forward pass calls several times."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from regbench.nn.marking.marked import Marked


class Turns(nn.ModuleList):
    """The sites of a module without weights that one forward pass calls several times: one for each call.

    Which turn it is counts from the last call of the module that `Renew` stands before. Calls beyond those
    that were seen run plainly.
    """

    def __init__(self, sites: Sequence[Marked]) -> None:
        super().__init__(sites)
        self.turn = 0

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name.startswith("__") or "0" not in self.__dict__.get("_modules", {}):
                raise
            return getattr(self[0], name)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        turn, self.turn = self.turn, self.turn + 1
        if turn < len(self):
            return self[turn](*args, **kwargs)
        first: Any = self[0]
        return first.body(*args, **kwargs)


class Renew:
    """Before a module runs: the turns of what it calls begin anew."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns

    def __call__(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        self.turns.turn = 0

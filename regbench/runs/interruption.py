"""Ctrl-C and SIGTERM: once, stop after the current step; twice, at once."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType
from typing import Any, ClassVar


class StopRequest:
    """Within this context a first signal sets `made`, and a second ends the process with status 130.

    At once means: whatever is going on, a write to a slow disk or another thread's work included. What is on
    the disk is whole all the same, because every file is written under another name first.

    Attributes:
        made: whether a signal has come.
        pending: likewise, for whoever looks once the context has ended: a run that was about to end by
            itself does so, but is not to be followed by others.
    """

    SIGNALS = (signal.SIGINT, signal.SIGTERM)
    pending: ClassVar[bool] = False

    def __init__(self) -> None:
        self.made = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        StopRequest.pending = False
        if threading.current_thread() is threading.main_thread():  # no other thread may set handlers
            self._before = {number: signal.signal(number, self._take) for number in self.SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _take(self, _number: int, _frame: FrameType | None) -> None:
        if self.made:
            os._exit(130)
        self.made = StopRequest.pending = True
        # not print: the signal may have come in the middle of one
        os.write(2, b"\nregbench: stopping after this step; once more stops at once\n")

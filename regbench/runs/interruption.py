"""Ctrl-C and SIGTERM: once, stop after the current step; twice, at once."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType
from typing import Any


class StopRequest:
    """Within this context a first signal sets `made`, and a second ends the process with status 130.

    At once means: whatever is going on, a write to a slow disk or another thread's work included. What is on
    the disk is whole all the same, because every file is written under another name first.
    """

    SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        self.made = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():  # no other thread may set handlers
            self._before = {number: signal.signal(number, self._take) for number in self.SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _take(self, _number: int, _frame: FrameType | None) -> None:
        if self.made:
            os._exit(130)
        self.made = True
        # not print: the signal may have come in the middle of one
        os.write(2, b"\nregbench: stopping after this step; once more stops at once\n")

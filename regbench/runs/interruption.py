"""Ctrl-C and SIGTERM: once, stop after the current step; twice, at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
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
        told: whether this process says that a signal has come; a worker leaves that to the one it works for.
    """

    SIGNALS = (signal.SIGINT, signal.SIGTERM)
    pending: ClassVar[bool] = False
    told: ClassVar[bool] = True

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
        if StopRequest.told:  # not print: the signal may have come in the middle of one
            os.write(2, b"\nregbench: stopping after this step; once more stops at once\n")


class Held:
    """Within this context Ctrl-C waits until somebody asks, for code that it must not break off.

    What composes a job is such code: of an exception that comes out of nowhere it makes others, or goes on as
    if there had been none. A second Ctrl-C ends the process with status 130.

    Attributes:
        active: the one that is entered in this process; None outside.
    """

    active: ClassVar[Held | None] = None

    def __init__(self) -> None:
        self._made = False
        self._before: Any = None

    def __enter__(self) -> Held:
        if threading.current_thread() is threading.main_thread():  # no other thread may set handlers
            self._before = signal.signal(signal.SIGINT, self._take)
            Held.active = self
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if Held.active is self:
            Held.active = None
            signal.signal(signal.SIGINT, self._before)
        if kind is None:
            self.heed()

    def heed(self) -> None:
        """Do now what has waited.

        Raises:
            KeyboardInterrupt: Ctrl-C has come.
        """
        if self._made:
            raise KeyboardInterrupt

    @contextmanager
    def released(self) -> Iterator[None]:
        """Meanwhile nothing waits."""
        self.heed()
        signal.signal(signal.SIGINT, self._before)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, self._take)

    def _take(self, _number: int, _frame: FrameType | None) -> None:
        if self._made:
            os._exit(130)
        self._made = True


@contextmanager
def released() -> Iterator[None]:
    """Meanwhile Ctrl-C does not wait, if it did; that of before is heeded first.

    Raises:
        KeyboardInterrupt: it has come while it waited.
    """
    if Held.active is None:
        yield
    else:
        with Held.active.released():
            yield

"""Threads of a person's code: what one raises is a sentence; none keeps a finished command from ending."""

from __future__ import annotations

import os
import sys
import threading
from typing import Any

from regbench.terminal import stdio

PATIENCE = 10.0  # seconds that threads have for ending, once the command has


def report_failures() -> None:
    """Say in one sentence what a thread raises, in the place of its trace."""
    threading.excepthook = _say


def leave_in_time(status: object) -> None:
    """See to it that the process ends with this status soon, whatever threads go on in it.

    Args:
        status: as of `sys.exit`.
    """
    if any(one for one in threading.enumerate() if not one.daemon and one is not threading.main_thread()):
        timer = threading.Timer(PATIENCE, _leave, [status])
        timer.daemon = True
        timer.start()


def _leave(status: object) -> None:
    going = [one for one in threading.enumerate() if not one.daemon and one is not threading.main_thread()]
    if going:
        from regbench.instantiation.boundary import shown

        stdio.say(
            f"regbench: {shown(going[0].name, 50)}, a thread, has not ended after {PATIENCE:g} s and is left"
        )
    stdio.flushed()
    sys.stderr.flush()
    os._exit(status if isinstance(status, int) else 1 if status else 0)


def _say(failed: Any) -> None:
    if failed.exc_type is SystemExit:
        return
    from regbench.instantiation.boundary import kind_of, reason, shown

    error = failed.exc_value
    name = shown(failed.thread.name, 50) if failed.thread else "one"
    if error is None:
        stdio.say(f"regbench: {name}, a thread, has failed: {failed.exc_type.__name__}")
        return
    kind, said = kind_of(error), reason(error)
    stdio.say(
        f"regbench: {name}, a thread, has failed: {said if said.startswith(kind) else f'{kind}: {said}'}"
    )

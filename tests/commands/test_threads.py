"""Threads of a person's own when a command has ended."""

from __future__ import annotations

import subprocess
import sys

import pytest

SOURCE = """
import threading, sys
from regbench.commands import threads
threads.PATIENCE = 0.5
ending = threading.Event()
threading.Thread(target=lambda: ending.wait({wait}), name="mine").start()
threads.leave_in_time({status!r})
sys.exit({status!r})
"""


@pytest.mark.parametrize(("wait", "status"), [(60, 3), (60, None), (0.01, 3), (0.01, None)])
def test_a_thread_does_not_keep_a_finished_command_from_ending(wait: float, status: int | None) -> None:
    code = SOURCE.format(wait=wait, status=status)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20)
    said = "regbench: mine, a thread, has not ended after 0.5 s and is left\n"
    assert (done.returncode, done.stderr) == (status or 0, said if wait == 60 else "")

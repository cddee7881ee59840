"""Who holds a folder, written down: read back as it was, and known to have ended where that can be seen."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from regbench.folders import holder
from regbench.folders.holder import Holder, decoded, encoded, start_of, this_process


def test_what_is_written_is_read_back() -> None:
    mine = this_process(30.0)
    assert decoded(encoded(mine)) == mine
    assert (mine.process, mine.patience, mine.is_near, mine.is_here, mine.is_gone) == (
        *(os.getpid(), 30.0),
        *(True, True, False),
    )


@pytest.mark.parametrize("cut", [0, 1, 20, -2])
def test_half_of_it_is_none(cut: int) -> None:
    assert decoded(encoded(this_process())[:cut]) is None


@pytest.mark.parametrize(
    "content",
    [
        b"free\n",
        b"[]",
        b"{}",
        b'{"host": 1}',
        b"\xff\xfe",
        b"[" * 100_000,
        encoded(this_process()).replace(b'"process": ', b'"process": "x", "since": '),
        encoded(replace(this_process(), since="yesterday")),
        encoded(replace(this_process(), patience=float("inf"))),
        encoded(this_process())[:-2] + b', "more": 1}',
    ],
)
def test_anything_else_is_none(content: bytes) -> None:
    assert decoded(content) is None


def test_it_is_said_by_host_process_and_time() -> None:
    one = Holder("host-a", "boot", 1234, "77", "2026-11-27T01:20:31+00:00")
    assert str(one) == "process 1234 on host-a works in it since 2026-11-27 01:20 UTC"
    assert "\x1b" not in str(replace(one, host="a\x1b[31m"))


def test_a_process_that_has_ended_is_gone_and_so_is_one_whose_number_has_another_start() -> None:
    ended = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    mine = replace(this_process(), process=ended.pid, start=start_of(ended.pid))
    assert not mine.is_gone
    ended.kill()
    ended.communicate()
    assert mine.is_gone
    if start_of(os.getpid()):
        assert replace(this_process(), start="1").is_gone


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc")
def test_one_that_has_ended_and_was_not_asked_for_its_status_is_gone() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    try:
        assert replace(this_process(), process=child, start="").is_gone
    finally:
        os.waitpid(child, 0)


@pytest.mark.parametrize("what", ["host", "machine"])
def test_of_another_host_nothing_is_known(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = replace(this_process(), process=2**22 + 1, start="1")
    assert gone.is_gone
    monkeypatch.setattr(holder, what, lambda: "another")  # of its name, or of its name after a restart
    assert not gone.is_near
    assert not gone.is_gone

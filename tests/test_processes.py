"""Commands that are forked are as those of an interpreter of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import processes
from tests.sampling import some_of

REFUSED = ["train", "train.epochs=0"]
GIVEN = """
import json, mine, os, sys
print(json.dumps([os.getcwd(), sys.argv[1:], os.environ["MINE"], mine.THERE]))
"""
SLEEPING = """
import time
print("going", flush=True)
try:
    time.sleep(60)
except KeyboardInterrupt:
    print("stopped")
"""


@pytest.mark.parametrize(
    "words", some_of([REFUSED, ["--version"], ["docs", "sweeps"], ["train", "--bogus"]], every=2)
)
def test_a_forked_command_answers_as_one_of_a_new_interpreter(tmp_path: Path, words: list[str]) -> None:
    forked, fresh = processes.run(*words, cwd=tmp_path), processes.fresh(*words, cwd=tmp_path)
    assert (forked.returncode, forked.stdout, forked.stderr) == (
        fresh.returncode,
        fresh.stdout,
        fresh.stderr,
    )


def test_it_has_the_folder_the_words_the_environment_and_the_path_that_were_given(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("THERE = 1")
    done = processes.run("a b", "c", cwd=tmp_path, code=GIVEN, MINE="here")
    assert json.loads(done.stdout) == [str(tmp_path), ["a b", "c"], "here", 1]


def test_one_leaves_nothing_to_the_next(tmp_path: Path) -> None:
    processes.run(cwd=tmp_path, code="import os, regbench; regbench.left = 1; os.environ['LEFT'] = '1'")
    done = processes.run(
        cwd=tmp_path, code="import os, regbench; print(hasattr(regbench, 'left'), 'LEFT' in os.environ)"
    )
    assert done.stdout == "False False\n"


@pytest.mark.parametrize(
    ("code", "status", "said"),
    [
        ("import sys; sys.exit(5)", 5, ""),
        ("raise SystemExit('so it is')", 1, "so it is\n"),
        ("import os; os.kill(os.getpid(), 9)", -signal.SIGKILL, ""),
        ("import os, sys; print('a', file=sys.stderr); os._exit(7)", 7, "a\n"),
    ],
)
def test_its_exit_status_is_told(tmp_path: Path, code: str, status: int, said: str) -> None:
    done = processes.run(cwd=tmp_path, code=code)
    assert (done.returncode, done.stdout, done.stderr) == (status, "", said)


def test_a_trace_is_printed_and_exit_handlers_are_called(tmp_path: Path) -> None:
    done = processes.run(cwd=tmp_path, code="import atexit; atexit.register(print, 'bye'); 1 / 0")
    assert (done.returncode, done.stdout) == (1, "bye\n")
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")


def test_it_can_be_waited_for_and_stopped(tmp_path: Path) -> None:
    with processes.start(cwd=tmp_path, code=SLEEPING) as process:
        while process.out != "going\n":
            assert process.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.01)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert process.out == "going\nstopped\n"
        process.send_signal(signal.SIGKILL)  # it has ended
    with processes.start(cwd=tmp_path, code=SLEEPING) as process:
        pid = process.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_it_ends_with_the_process_that_asked_for_it(tmp_path: Path) -> None:
    code = "from tests import processes; print(processes.Server('').process.pid)"
    done = subprocess.run([sys.executable, "-c", code], cwd=processes.ROOT, capture_output=True, text=True)
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout), 0)

"""A command line in a process of its own, forked from one that has imported everything; its time and memory held."""

from __future__ import annotations

import atexit
import contextlib
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NoReturn

from tests.processes import typed

MOST = 3e9  # bytes in memory
BEYOND = 12 * 2**30  # bytes of address space above what the parent has: no case may starve the machine
FILE = 2**30  # bytes of one written file
START = "import sys; sys.argv[0] = 'regbench'; from regbench.cli import main; main()"
ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Answer:
    """What came of a line.

    Attributes:
        status: exit status; negative: the signal that ended it.
        out, err: what was printed.
        seconds: wall-clock.
        excess: "" or what there was too much of.
    """

    status: int
    out: str
    err: str
    seconds: float
    excess: str = ""


class Child:
    """A line that runs in a folder of its own.

    Args:
        words: after `regbench`.
        cwd: where it is typed.
        kept: the folder for what it prints.
        env: variables that are set (None: unset).
        fresh: start Python anew.
        limits: of the process, by their numbers in `resource`.
        code: Python to run instead of the line.
        output: where the standard output goes; a file `out` where none is given.
    """

    def __init__(
        self,
        words: Sequence[str],
        cwd: Path,
        kept: Path,
        env: Mapping[str, str | None],
        fresh: bool = False,
        limits: Mapping[int, int] | None = None,
        code: str = "",
        output: str = "",
    ) -> None:
        self._kept, self._started, self.excess = kept, time.monotonic(), ""
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            _become(words, cwd, kept, env, fresh, limits or {}, code, output)

    @property
    def seconds(self) -> float:
        """Since it was started."""
        return time.monotonic() - self._started

    def poll(self, limit: float) -> Answer | None:
        """Its answer where it has ended, or has been ended for taking too much."""
        pid, raw = os.waitpid(self.pid, os.WNOHANG)
        if not pid:
            if self.seconds > limit:
                self._end(f"no answer within {limit:g} s")
            elif _resident(self.pid) > MOST:
                self._end(f"more than {MOST / 1e9:g} GB of memory")
            return None
        self._end("")  # what it may have started and left
        out, err = ((self._kept / name).read_text(errors="surrogateescape") for name in ("out", "err"))
        return Answer(os.waitstatus_to_exitcode(raw), out, err, self.seconds, self.excess)

    def wait(self, limit: float) -> Answer:
        """Its answer."""
        while (answer := self.poll(limit)) is None:
            time.sleep(0.02)
        return answer

    def _end(self, why: str) -> None:
        self.excess = self.excess or why
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)


def _resident(pid: int) -> int:
    """Bytes in memory; 0 where the system does not tell."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def _become(
    words: Sequence[str],
    cwd: Path,
    kept: Path,
    env: Mapping[str, str | None],
    fresh: bool,
    limits: Mapping[int, int],
    python: str,
    output: str,
) -> NoReturn:
    code = 70
    try:
        os.setsid()
        atexit._clear()  # what the parent does at its end, such as removing all folders
        for descriptor, name, flags in ((0, os.devnull, os.O_RDONLY), (1, "out", 0), (2, "err", 0)):
            flags = flags if descriptor == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND
            os.dup2(os.open(name if descriptor == 0 else kept / name, flags, 0o644), descriptor)
        for name, value in env.items():
            os.environ.pop(name, None) if value is None else os.environ.__setitem__(name, value)
        os.chdir(cwd)
        _hold(limits)
        if fresh:
            os.execv(sys.executable, [sys.executable, "-P", "-c", START, *words])
        if output:
            os.dup2(os.open(output, os.O_WRONLY), 1)
        code = typed(words, partial(_call, python) if python else None, script=ROOT)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _hold(limits: Mapping[int, int]) -> None:
    """Limit what the process may take; it is a net below what the parent looks at."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * os.sysconf("SC_PAGE_SIZE") + BEYOND
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    except OSError:
        pass  # a system without /proc
    for number, most in ({resource.RLIMIT_FSIZE: FILE, resource.RLIMIT_CORE: 0} | dict(limits)).items():
        resource.setrlimit(number, (most, most))


def _call(python: str) -> None:
    """Run Python; a refusal is said as the command line says it."""
    from regbench.errors import ConfigError

    try:
        exec(python, {})
    except ConfigError as error:
        print(f"regbench: {error}", file=sys.stderr)
        raise SystemExit(2) from error

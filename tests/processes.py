"""Command lines in processes of their own, each forked from one that has imported everything.

This spares seconds each. A process has standard streams, signals and an exit status of its own, and finds
nothing that an earlier one left behind. Of imports and of an interpreter's start only `fresh` can tell.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, Self

ROOT = Path(__file__).resolve().parents[1]
REGBENCH = [sys.executable, "-m", "regbench"]
EVERYTHING = """
import importlib, pathlib, regbench
root = pathlib.Path(regbench.__file__).parent
for path in sorted(root.rglob("*.py")):
    if path.stem not in ("__init__", "__main__"):
        importlib.import_module(".".join(["regbench", *path.relative_to(root).with_suffix("").parts]))
import matplotlib.backends.backend_agg, matplotlib.figure, plotly, tensorboard.summary.writer.record_writer
import torch.utils.tensorboard, torchvision.datasets
from hydra.core.plugins import Plugins
Plugins.instance()  # which looks for them in all packages
torch.set_num_threads(1)
"""

Done = subprocess.CompletedProcess[str]


def run(*words: str, cwd: Path, code: str = "", imported: str = EVERYTHING, **environment: str) -> Done:
    """What came of `regbench WORDS`, or of Python code with these words, typed in a folder."""
    with start(*words, cwd=cwd, code=code, imported=imported, **environment) as process:
        status = process.wait(300)
        return subprocess.CompletedProcess([*REGBENCH, *words], status, process.out, process.err)


def start(*words: str, cwd: Path, code: str = "", imported: str = EVERYTHING, **environment: str) -> Process:
    """A command that has been started; terminals are 200 columns wide."""
    return Process(_server(imported).asked, words, cwd, code, {**os.environ, "COLUMNS": "200", **environment})


def fresh(*words: str, cwd: Path, **environment: str) -> Done:
    """As `run`, by an interpreter that has imported nothing yet."""
    everything = {**os.environ, "COLUMNS": "200", **environment}
    return subprocess.run(
        [*REGBENCH, *words], cwd=cwd, env=everything, capture_output=True, text=True, timeout=300
    )


class Process:
    """A command that runs.

    Attributes:
        pid: of its process.
    """

    def __init__(
        self, server: socket.socket, words: tuple[str, ...], cwd: Path, code: str, env: Mapping[str, str]
    ) -> None:
        self._open = contextlib.ExitStack()
        self._files = [self._open.enter_context(tempfile.TemporaryFile()).fileno() for _ in "oe"]  # noqa: SIM115
        self._channel, theirs = socket.socketpair()
        self._open.enter_context(self._channel)
        with theirs, open(os.devnull) as nothing:
            streams = [nothing.fileno(), *self._files]
            socket.send_fds(server, [b"+"], [theirs.fileno(), *streams])
        request = {"words": words, "cwd": str(cwd), "code": code, "env": dict(env)}
        self._channel.sendall(json.dumps(request).encode() + b"\n")
        self.pid = self._said()
        self._status: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self.wait(60)
        self._open.close()

    def poll(self) -> int | None:
        """Its exit status where it has ended; negative: the signal that ended it."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0.0)
        return self._status

    def wait(self, timeout: float) -> int:
        """Its exit status."""
        if self._status is None:
            self._channel.settimeout(timeout)
            try:
                self._status = self._said()
            except (TimeoutError, BlockingIOError) as error:
                raise subprocess.TimeoutExpired("regbench", timeout) from error
        return self._status

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    @property
    def out(self) -> str:
        """What it has printed so far."""
        return self._printed(0)

    @property
    def err(self) -> str:
        return self._printed(1)

    def _printed(self, stream: int) -> str:
        file = self._files[stream]
        written = os.pread(file, os.fstat(file).st_size, 0)  # a seek would move where the process writes
        return written.decode().replace("\r\n", "\n")

    def _said(self) -> int:
        """A number from the one who looks after the process, four bytes long."""
        said = self._channel.recv(4, socket.MSG_WAITALL)
        if len(said) < 4:
            raise RuntimeError("the process that starts commands has ended")
        return int.from_bytes(said, "big", signed=True)


class Server:
    """A process that starts commands, and ends with the process of the tests.

    Attributes:
        asked: the way to it.
    """

    def __init__(self, imported: str) -> None:
        self.asked, theirs = socket.socketpair()
        command = [sys.executable, "-m", "tests.processes", str(theirs.fileno()), imported]
        # one thread, as there must be no other when it forks; more in a command do not spin while they wait
        quiet = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}
        with theirs:
            self.process = subprocess.Popen(command, cwd=ROOT, pass_fds=[theirs.fileno()], env=quiet)
        atexit.register(self.close)

    def close(self) -> None:
        self.asked.close()
        self.process.wait()


_server = functools.cache(Server)  # one for all tests of this process


# --- in the process that has imported everything


def serve(asked: socket.socket) -> None:
    """Start a command for each message, until nobody is left to send one."""
    while True:
        message, descriptors, _, _ = socket.recv_fds(asked, 1, 4)
        with contextlib.suppress(ChildProcessError):  # there is none
            while os.waitpid(-1, os.WNOHANG)[0]:  # those who have looked after a command until its end
                pass
        if not message:
            return
        if os.fork() == 0:
            asked.close()
            _look_after(*descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _look_after(channel: int, *streams: int) -> NoReturn:
    """Run one command in a child; say its number, and its status once it has ended."""
    with socket.socket(fileno=channel) as told:
        request = json.loads(told.makefile().readline())
        pid = os.fork()
        if pid == 0:
            told.close()
            _become(streams, **request)
        with contextlib.suppress(OSError):  # nobody waits for it any more
            told.sendall(pid.to_bytes(4, "big", signed=True))
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            told.sendall(status.to_bytes(4, "big", signed=True))
    os._exit(0)


def _become(streams: tuple[int, ...], words: list[str], cwd: str, code: str, env: dict[str, str]) -> NoReturn:
    status = 70
    try:
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        os.environ.clear()
        os.environ.update(env)
        os.chdir(cwd)
        status = typed(words, functools.partial(exec, code, {"__name__": "__main__"}) if code else None)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def typed(words: Sequence[str], python: Callable[[], Any] | None = None, script: Path | None = None) -> int:
    """The exit status of a line, run to the end of the process.

    Args:
        words: of the line.
        python: what is called in place of the command.
        script: the folder of the script that was typed; None: it was `python -m regbench`.
    """
    from regbench.cli import main

    sys.argv = ["regbench", *words]
    sys.orig_argv = [*(REGBENCH if script is None else ["regbench"]), *words]
    sys.path[0] = str(script or Path.cwd())
    if script is None:
        sys.modules["__main__"].__spec__ = importlib.util.find_spec("regbench.__main__")
    try:
        (python or main)()
        status = 0
    except SystemExit as error:
        status = _status(error.code)
    except BaseException:
        traceback.print_exc()
        status = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    return status


def _status(code: object) -> int:
    if code is None or isinstance(code, int):
        return (code or 0) & 255
    print(code, file=sys.stderr)
    return 1


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as ours:
        exec(sys.argv[2], {"__name__": "imported"})
        serve(ours)

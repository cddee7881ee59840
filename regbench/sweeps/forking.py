"""A process that starts others, each a copy of what it was when nothing but imports had been done."""

from __future__ import annotations

import os
import pickle
import queue
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, NoReturn

from regbench.runs.interruption import Held, StopRequest

LOST = 1  # exit status of a worker that nobody asks any more


class Stopped(Exception):
    """What a worker says in the place of results: a signal has ended what it was at."""


class Server:
    """Starts copies of this process, at any time later, as it is now.

    To be made while there are no other threads, and before anything is computed: a copy of a process has none
    of its threads, and cannot use a device that it has used. The copies end when this process does, however
    that ends, and so does what copies them.

    Args:
        run: what a copy does with each thing that it is sent; what it returns is sent back.
        close: called when this process has ended.

    Attributes:
        pid: of the process that copies.
    """

    def __init__(self, run: Callable[[Any], Any], close: Callable[[], object]) -> None:
        self._asked, theirs = socket.socketpair()
        sys.stdout.flush(), sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            self._asked.close()
            _lead(lambda: _serve(theirs, run, close))
        theirs.close()

    def start(self) -> Connection:
        """The way to a new copy; it says its process's number first.

        Raises:
            OSError: there is none who could start it any more.
        """
        ours, theirs = socket.socketpair()
        with ours, theirs:
            socket.send_fds(self._asked, [b"+"], [theirs.fileno()])
            return Connection(ours.detach())

    def close(self) -> None:
        """Start no more; wait until all that were started have ended, as they do once nobody asks them."""
        self._asked.close()
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


def _lead(work: Callable[[], object]) -> NoReturn:
    """Do what this copy is for, and nothing of what the process that was copied would do after it."""
    try:
        work()
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        with suppress(BaseException):
            sys.stdout.flush(), sys.stderr.flush()
        os._exit(0)


def _serve(asked: socket.socket, run: Callable[[Any], Any], close: Callable[[], object]) -> None:
    os.setsid()  # what is typed in the terminal goes to the process that asks, which passes it on
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    while True:
        message, descriptors, _, _ = socket.recv_fds(asked, 1, 1)
        if not message:
            break
        with suppress(ChildProcessError):  # there is none
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        with socket.socket(fileno=descriptors[0]) as channel, suppress(OSError):  # by its end it is known
            if os.fork() == 0:
                asked.close()
                _lead(lambda: _work(Connection(channel.detach()), run))
    with suppress(ChildProcessError):
        while os.wait():
            pass
    close()


def _work(channel: Connection, run: Callable[[Any], Any]) -> None:
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        StopRequest.told = False
        inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        threading.Thread(target=_listen, args=(channel, inbox), daemon=True).start()
        with Held():
            channel.send(os.getpid())
            os.environ.update(inbox.get())
            while True:
                channel.send(_done(run, inbox.get()))
    except KeyboardInterrupt:
        channel.send(Stopped())


def _done(run: Callable[[Any], Any], asked: Any) -> Any:
    try:
        return run(asked)
    except Exception as error:  # told, as it ends no other work
        return _travelling(error)


def _travelling(error: Exception) -> Exception:
    """An error, or what it says where it cannot be told to another process as it is."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _listen(channel: Connection, inbox: queue.SimpleQueue[Any]) -> None:
    """Take what is sent; end at once where nobody is left to send anything, as if killed."""
    try:
        while True:
            inbox.put(channel.recv())
    except (EOFError, OSError):
        os._exit(LOST)

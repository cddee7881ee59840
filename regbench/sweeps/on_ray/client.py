"""The process that speaks with Ray for a sweep: a program of its own, which imports nothing of regbench.

Ray writes to the streams of its process, sets handlers of signals, and ends the process where the cluster
is gone. It does so here, and the process of the line hears of it in a sentence. Whatever ends that process
ends this one, and with it what Ray runs for it.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, NoReturn

TICK = 0.1  # seconds between two looks at what is asked
BETWEEN_COUNTS = 5.0  # seconds between two looks at which machines there are
SMALLEST_STORE = 100 * 2**20  # bytes of Ray's store of objects, of which hardly any are kept
QUIET: dict[str, Any] = {"log_to_driver": False, "logging_level": "CRITICAL"}


def main() -> None:
    """Join a cluster, then do what is asked until nobody asks."""
    channel = Connection(int(sys.argv[1]))
    asked = channel.recv()
    inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(channel, inbox), daemon=True).start()
    try:
        import ray

        if asked["address"] == "local":
            local: dict[str, Any] = {"num_cpus": asked["cores"], "object_store_memory": SMALLEST_STORE}
            ray.init("local", include_dashboard=False, **local, **QUIET)
        else:
            ray.init(asked["address"], **QUIET)
    except (Exception, SystemExit) as error:
        channel.send(("unreachable", _sentence(error)))
        return
    channel.send(("joined", _machines()))
    Desk(channel, inbox, asked["surroundings"]).serve()
    ray.shutdown()


def _listen(channel: Connection, inbox: queue.SimpleQueue[Any]) -> None:
    """Take what is sent; end at once where nobody is left to send anything, as if killed."""
    try:
        while True:
            inbox.put(channel.recv())
    except (EOFError, OSError):
        os._exit(1)


class Desk:
    """Hands jobs to Ray, and says what comes of each.

    Args:
        channel: to whoever asks.
        inbox: what is asked.
        surroundings: of that process.
    """

    def __init__(self, channel: Connection, inbox: queue.SimpleQueue[Any], surroundings: Any) -> None:
        self._channel, self._inbox, self._surroundings = channel, inbox, surroundings
        self._common: Any = None
        self._running: dict[Any, int] = {}
        self._stopping = False

    def serve(self) -> None:
        """Until that is over."""
        import time

        import ray

        counted = time.monotonic()
        while True:
            while not self._inbox.empty() or not self._running:
                try:
                    asked = self._inbox.get(timeout=BETWEEN_COUNTS)
                except queue.Empty:
                    break
                if asked[0] == "leave":
                    return
                getattr(self, f"_{asked[0]}")(*asked[1:])
            if self._running:
                done, _ = ray.wait([*self._running], timeout=TICK)
                for one in done:
                    self._channel.send(("came", self._running.pop(one), *_came(one)))
            if time.monotonic() - counted > BETWEEN_COUNTS:
                self._channel.send(("machines", _machines()))
                counted = time.monotonic()

    def _begin(self, common: bytes) -> None:
        import ray

        self._common = ray.put(common)

    def _job(self, place: int, packed: bytes, come: int, options: dict[str, Any]) -> None:
        import ray

        run: Any = ray.remote(**options)(_work)
        sees = bool(options["num_gpus"])
        self._running[run.remote(self._surroundings, sees, self._common, packed, come)] = place

    def _stop(self) -> None:
        import ray

        for one in self._running:
            ray.cancel(one, force=False)


def _machines() -> list[tuple[float, float]]:
    """CPUs and GPUs of each machine of the cluster."""
    import ray

    of_each = [one["Resources"] for one in ray.nodes() if one["Alive"]]
    return [(one.get("CPU", 0.0), one.get("GPU", 0.0)) for one in of_each]


def _came(one: Any) -> tuple[str, Any]:
    """What came of a task: what it returned, or `lost`, `cancelled`, `failed` or `gone` and a sentence."""
    import ray
    from ray import exceptions

    kinds: list[tuple[type[BaseException], str, Callable[[BaseException], str]]] = [
        (exceptions.LocalRayletDiedError, "gone", lambda _: "Ray has ended on this machine"),
        (exceptions.TaskCancelledError, "cancelled", lambda _: "it was cancelled"),
        (exceptions.RuntimeEnvSetupError, "failed", lambda e: f"its worker cannot be set up: {_sentence(e)}"),
        (exceptions.TaskUnschedulableError, "failed", lambda e: f"no worker can be had: {_sentence(e)}"),
        (exceptions.RayTaskError, "failed", lambda e: f"its worker failed: {_last(e)}"),
        (exceptions.NodeDiedError, "lost", lambda _: "its worker was lost (its machine is gone)"),
        (exceptions.OutOfMemoryError, "lost", lambda _: "its worker was lost (out of memory)"),
        (exceptions.WorkerCrashedError, "lost", lambda _: "its worker was lost (killed, or crashed)"),
    ]
    try:
        return ray.get(one)  # type: ignore[no-any-return]
    except exceptions.RayError as error:
        for kind, what, said in kinds:
            if isinstance(error, kind):
                return what, said(error)
        return "lost", f"its worker was lost ({type(error).__name__})"


def _sentence(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def _last(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def _work(surroundings: Any, sees: bool, common: bytes, packed: bytes, come: int) -> tuple[str, Any]:
    """What a worker runs. Sent to it as it stands here, as it makes the worker find all else."""
    import os
    import socket
    import sys

    names, kinds = surroundings["own"]
    try:
        os.chdir(surroundings["cwd"])
        wanted = surroundings["environ"]
        for name, value in wanted.items():
            if name not in os.environ or not (name in names or name.startswith(kinds)):
                os.environ[name] = value
        if "OMP_NUM_THREADS" not in wanted:  # which Ray has set, and is 1 by default
            os.environ.pop("OMP_NUM_THREADS", None)
        if not sees:  # Ray hides no GPU from who asks for none, and all jobs would take the first
            os.environ["CUDA_VISIBLE_DEVICES"] = ""
        path = surroundings["path"]
        sys.path[:] = [*path, *(one for one in sys.path if one not in path)]
        from regbench.sweeps.on_ray.pieces import work
    except (OSError, ImportError) as error:
        return "failed", f"its worker on {socket.gethostname()} cannot begin: {error}"
    return work(common, packed, come)


def _leave() -> NoReturn:
    """Without what Ray would still do and say at the end of a process."""
    os._exit(0)


if __name__ == "__main__":
    main()
    _leave()

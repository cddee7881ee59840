"""Who holds a run folder: host and process, written down so that whoever waits can say it."""

from __future__ import annotations

import json
import os
import socket
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from regbench.errors import brief

PROC = Path("/proc")


@dataclass(frozen=True)
class Holder:
    """A process that holds a run folder.

    Attributes:
        host: its name.
        machine: what tells hosts of one name apart, and one before a restart from the same after it.
        process: its number.
        start: what tells processes of one number apart; empty where the system does not say.
        since: when it took the folder, UTC, ISO 8601.
        patience: seconds without a sign of it after which another host may take the folder; 0 where it gives
            none, because the system's lock is all that holds the folder.
    """

    host: str
    machine: str
    process: int
    start: str
    since: str
    patience: float = 0.0

    @property
    def is_near(self) -> bool:
        """Whether it runs on this machine, so that it can be seen whether it lives."""
        return (self.host, self.machine) == (host(), machine())

    @property
    def is_here(self) -> bool:
        """Whether it is this process."""
        return self.is_near and self.process == os.getpid() and self.start == start_of(self.process)

    @property
    def is_gone(self) -> bool:
        """Whether it is known to have ended; of another host that is never known."""
        return self.is_near and not (lives(self.process) and self.start in ("", start_of(self.process)))

    def __str__(self) -> str:
        since = self.since[:16].replace("T", " ")
        return f"process {self.process} on {brief(self.host, 80)} works in it since {since} UTC"


def this_process(patience: float = 0.0) -> Holder:
    """The process that asks, as one that takes a folder now."""
    since = datetime.now(UTC).isoformat(timespec="seconds")
    return Holder(host(), machine(), os.getpid(), start_of(os.getpid()), since, patience)


def host() -> str:
    """The name of this host."""
    return socket.gethostname()


def machine() -> str:
    """Of this system since it was started, and of the set of processes that is numbered together."""
    found = []
    with suppress(OSError):
        found.append((PROC / "sys/kernel/random/boot_id").read_text().strip())
    with suppress(OSError):
        found.append(os.readlink(PROC / "self/ns/pid"))
    return " ".join(found)


def lives(process: int) -> bool:
    """Whether a process of this machine has not ended."""
    if process <= 0:
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        pass
    return _stat(process)[:1] not in (["Z"], ["X"])  # it has ended, and nobody has asked for its status


def start_of(process: int) -> str:
    """When a process of this machine was started, in ticks since the machine was; empty where not known."""
    found = _stat(process)
    return found[19] if len(found) > 19 else ""


def _stat(process: int) -> list[str]:
    """What stands in Linux's file on a process behind its name, which may hold anything: proc(5)."""
    with suppress(OSError, ValueError):
        return (PROC / str(process) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    return []


def encoded(holder: Holder) -> bytes:
    """What is written of it."""
    return json.dumps(asdict(holder)).encode() + b"\n"


def decoded(content: bytes) -> Holder | None:
    """What was written; None where it is anything else, or half of it."""
    try:
        found = json.loads(content)
        holder = Holder(**found)
        datetime.fromisoformat(holder.since)
        sound = all(isinstance(text, str) for text in (holder.host, holder.machine, holder.start))
        sound = sound and type(holder.process) is int and 0 <= float(holder.patience) < float("inf")
    except (ValueError, TypeError, RecursionError):
        return None
    return holder if sound else None

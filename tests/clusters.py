"""A Ray cluster of this machine for the tests, and what may happen to a job in it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

PATIENCE = 180  # seconds until a busy machine has it up
MINE = '''
import os, signal
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from regbench.regularizers.base import Regularizer

@dataclass
class Accident(Regularizer):
    """Kills its process, where there is a folder for notes: once, in epoch 3, or always in the first."""

    off: ClassVar = {"strength": 0.0}
    strength: float
    kind: str

    def penalty(self, forward):
        return self.strength * forward.logits.square().mean()

    def end_epoch(self, history, evaluated):
        notes = os.environ.get("ACCIDENTS")
        if not notes or self.kind == "none" or (self.kind == "once" and len(history) < 3):
            return
        note = Path(notes) / self.kind
        if self.kind == "once" and note.exists():
            return
        with note.open("a") as file:
            print(os.getpid(), file=file)
        os.kill(os.getpid(), signal.SIGKILL)
'''
OPTION = "# @package reg.accident\n_target_: accidents.Accident\nstrength: 0.001\nkind: none\n"


def write_accidents(folder: Path) -> Path:
    """Code of a person's own beside a sweep; return the folder for notes."""
    (folder / "mine" / "reg").mkdir(parents=True)
    (folder / "mine" / "accidents.py").write_text(MINE)
    (folder / "mine" / "reg" / "accident.yaml").write_text(OPTION)
    (folder / "notes").mkdir()
    return folder / "notes"


@dataclass
class Ray:
    """A cluster that runs.

    Attributes:
        folder: of its sessions, by which its processes are known.
        address: HOST:PORT.
        environment: of whoever joins it.
    """

    folder: Path
    address: str
    environment: dict[str, str]

    @property
    def words(self) -> list[str]:
        """Of a line that uses it."""
        return ["hydra/launcher=ray_cluster", f"hydra.launcher.address={self.address}"]

    def start(self, *words: str) -> None:
        """Start a machine of it.

        Raises:
            subprocess.SubprocessError: it does not come up.
        """
        few = ["--num-cpus=2", "--object-store-memory=80000000", f"--temp-dir={self.folder}"]
        ports = ["--min-worker-port=0", "--max-worker-port=0", "--disable-usage-stats"]
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", *few, *ports, *words]
        environment = {**os.environ, **self.environment}
        with (self.folder / "start.log").open("a") as log:
            subprocess.run(command, env=environment, stdout=log, stderr=log, timeout=PATIENCE, check=True)

    def pids(self, part: str = "") -> list[int]:
        """Of its processes those of whose command this is a part."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                command = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if str(self.folder) in command and part in command:
                    found.append(int(path.parent.name))
        return found

    def kill(self, part: str = "") -> None:
        """End these, as if by the system."""
        for pid in self.pids(part):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@contextmanager
def ray_cluster() -> Iterator[Ray]:
    """One of one machine; the test is skipped where Ray is not there, or does not come up."""
    if importlib.util.find_spec("ray") is None:
        pytest.skip("ray is not installed: pip install 'regbench[ray]'")
    folder = Path(tempfile.mkdtemp(prefix="ray"))  # short, as sockets lie in it
    settings = {
        "RAY_AUTH_MODE": "disabled",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_raylet_start_wait_time_s": str(PATIENCE),
        "RAY_gcs_rpc_server_reconnect_timeout_s": "5",
    }
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    made = Ray(folder, f"127.0.0.1:{port}", settings)
    try:
        try:
            made.start("--head", f"--port={port}", "--node-ip-address=127.0.0.1", "--include-dashboard=false")
        except subprocess.SubprocessError:
            pytest.skip(f"Ray did not come up in {PATIENCE} s: {(folder / 'start.log').read_text()[-500:]}")
        yield made
    finally:
        made.kill()
        shutil.rmtree(folder, ignore_errors=True)

"""A Slurm of one node for the tests, and what may happen to a job in it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

UP = Path(__file__).parents[1] / "scripts" / "slurm_up"
DAEMONS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue")
MINE = '''
import os, signal, subprocess, time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from regbench.regularizers.base import Regularizer
from regbench.runs.interruption import StopRequest

NOTES = os.environ.get("ACCIDENTS")
JOB = os.environ.get("SLURM_JOB_ID", "")
if "SLURM_ARRAY_JOB_ID" in os.environ:
    JOB = os.environ["SLURM_ARRAY_JOB_ID"] + "_" + os.environ["SLURM_ARRAY_TASK_ID"]
SIGNALS = {"kill": signal.SIGKILL, "doomed": signal.SIGKILL, "term": signal.SIGTERM, "limit": signal.SIGUSR2}
DRIVER = {"interrupt": signal.SIGINT, "alone": signal.SIGKILL}
COMMANDS = {"requeued": ["scontrol", "requeue", JOB], "cancelled": ["scancel", JOB]}

@dataclass
class Accident(Regularizer):
    """In a job of Slurm's, where there is a folder for notes, has what its kind names happen.

    Once, at the end of the fourth epoch; to one that is doomed each time, before it has recorded an epoch.
    """

    off: ClassVar = {"strength": 0.0}
    strength: float
    kind: str

    def __post_init__(self):
        if NOTES and not JOB:  # it is built to be checked
            (Path(NOTES) / "driver").write_text(str(os.getpid()))

    def penalty(self, forward):
        return self.strength * forward.logits.square().mean()

    def end_epoch(self, history, evaluated):
        if not JOB or not NOTES or self.kind == "none" or (len(history) < 4 and self.kind != "doomed"):
            return
        note = Path(NOTES) / self.kind
        if self.kind != "doomed" and note.exists():
            return
        with note.open("a") as file:
            print(JOB, file=file)
        if self.kind in DRIVER:
            os.kill(int((Path(NOTES) / "driver").read_text()), DRIVER[self.kind])
        if self.kind == "alone":
            return
        if self.kind == "away":
            time.sleep(12)  # Slurm drains a node with a job that it has not saved, as it does every 5 s or so
            for name in ("slurmctld", "slurmd"):
                pid = (Path(os.environ["SLURM_CONF"]).parent / f"{name}.pid").read_text()
                os.kill(int(pid), signal.SIGKILL)
            return
        if self.kind in SIGNALS:
            os.kill(os.getpid(), SIGNALS[self.kind])
        if self.kind in COMMANDS:
            subprocess.run(COMMANDS[self.kind], check=True)
        end = time.monotonic() + 60
        while not StopRequest.pending and time.monotonic() < end:
            time.sleep(0.05)
'''
YAML = "# @package reg.accident\n_target_: accident.Accident\nstrength: 0.01\nkind: none\n"


def absent() -> str:
    """What of a Slurm for tests is not here; empty where all is."""
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    for name in DAEMONS:
        if shutil.which(name, path=path) is None:
            return f"{name} is not installed (Debian's slurm-wlm and munge)"
    if importlib.util.find_spec("submitit") is None:
        return "submitit is not installed (the extra slurm)"
    return "" if os.geteuid() == 0 else "the daemons of Slurm are started as root"


@contextmanager
def cluster() -> Iterator[Path]:
    """The folder of a Slurm that runs, with its `slurm.conf`; skips where there can be none."""
    if why := absent():
        pytest.skip(f"no Slurm here: {why}")
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))  # short: it holds a socket
    try:
        up = subprocess.run([UP, folder], capture_output=True, text=True, timeout=120)
        if up.returncode:
            pytest.skip(f"Slurm does not start here: {up.stderr.strip()}")
        yield folder
    finally:
        subprocess.run([UP, "down", folder], timeout=120, check=False)
        shutil.rmtree(folder, ignore_errors=True)


def accidents(folder: Path) -> list[str]:
    """The words that give a line the member `accident`, of a folder of options that is made here."""
    mine = folder / "mine"
    (mine / "reg").mkdir(parents=True)
    (mine / "accident.py").write_text(MINE)
    (mine / "reg" / "accident.yaml").write_text(YAML)
    return ["--config-dir", str(mine), "+reg=accident"]

"""Where a run happened: versions, revision, machine, command line."""

from __future__ import annotations

import importlib.metadata
import platform
import resource
import subprocess
import sys
from pathlib import Path

import torch

from regbench.records.environment import Environment

PACKAGES = ("torch", "torchvision", "hydra-core", "omegaconf", "numpy", "scikit-learn", "tensorboard")


def describe(device: torch.device, threads: int, replicas: int = 1, ranks: int = 1) -> Environment:
    """What a person needs to know to repeat the run.

    Args:
        device: that computes it.
        threads: that compute it.
        replicas: how many runs are trained together with it, itself among them.
        ranks: how many processes work at it.
    """
    from regbench import __version__

    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor()
    return Environment(
        regbench=__version__,
        python=platform.python_version(),
        packages={package: importlib.metadata.version(package) for package in PACKAGES},
        git=_revision(),
        platform=platform.platform(),
        device=str(device),
        device_name=name or platform.machine(),
        threads=threads,
        replicas=replicas,
        ranks=ranks,
        command=sys.orig_argv,
    )


def peak_memory_mb(device: torch.device) -> dict[str, float]:
    """The most memory held so far, in MB (10^6 bytes): resident, and on the GPU where there is one."""
    peaks = {"resident": _peak_resident_bytes() / 1e6}
    if device.type == "cuda":
        peaks["device"] = torch.cuda.max_memory_allocated(device) / 1e6
    return peaks


def _peak_resident_bytes() -> int:
    """Linux tells it of this program alone; the portable figure may be that of the shell that started it."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = (line.split() for line in status.read_text().splitlines())
        found = next((words for words in lines if words[:1] == ["VmHWM:"]), None)
        if found:
            return int(found[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _revision() -> str | None:
    """The revision of the current folder's repository, with a + where it holds uncommitted changes."""
    try:
        head = _git("rev-parse", "HEAD")
        return head + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.strip()

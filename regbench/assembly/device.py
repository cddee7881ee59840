"""The device, and the settings of the process."""

from __future__ import annotations

import os
import re
import sys

import torch

from regbench.assembly.launched import Rank, this_rank
from regbench.composition.settings import Settings
from regbench.errors import ConfigError

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what repeatable sums on CUDA ask for


def find_device(name: str) -> torch.device:
    """The device that `device=` means here; of several ranks each has one of its own.

    Raises:
        ConfigError: there is no such device.
    """
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    kind, colon, index = name.partition(":")
    rank = this_rank()
    if rank is not None and count and name in ("auto", "cuda"):
        return _own_device(rank, count)
    if name == "auto":
        return torch.device("cuda" if count else "cpu")
    if kind not in ("cpu", "cuda") or (colon and not re.fullmatch(r"[0-9]{1,3}", index)):
        raise ConfigError(f"device: must be auto, cpu, cuda or cuda:N, got {name!r}")
    if kind == "cuda" and int(index or 0) >= count:
        raise ConfigError(f"device: {name} is not there; this machine has {count} CUDA devices")
    if kind == "cuda" and rank is not None:
        raise ConfigError(f"device: must be auto, cuda or cpu for several ranks, got {name}")
    return torch.device(name)


def _own_device(rank: Rank, count: int) -> torch.device:
    if rank.local_count > count:
        raise ConfigError(
            f"device: must be cpu for {rank.local_count} ranks of one machine, as each needs a CUDA device "
            f"of its own and there are {count}"
        )
    return torch.device("cuda", rank.local)


def use_settings(settings: Settings) -> int:
    """Set the process's threads and determinism; return the number of threads."""
    torch.set_num_threads(settings.threads or cores())
    _use_deterministic(settings.deterministic)
    # filling fresh memory with NaN would only cost time: nothing reads it before it is written
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = not settings.deterministic
    _use_fused_attention(not (settings.deterministic and _is_cuda(settings.device)))
    return torch.get_num_threads()


def _use_deterministic(wanted: bool) -> None:
    """Let torch take deterministic algorithms, and warn where there is none, without its compiler's import.

    `torch.use_deterministic_algorithms` imports the compiler to tell it; one that is imported later, for a
    model that is compiled, reads the variable.
    """
    os.environ["TORCHINDUCTOR_DETERMINISTIC"] = str(int(wanted))
    if "torch._inductor.config" in sys.modules:
        torch.use_deterministic_algorithms(wanted, warn_only=True)
    else:
        torch.set_deterministic_debug_mode("warn" if wanted else "default")


def _is_cuda(name: str) -> bool:
    return name.startswith("cuda") or (name == "auto" and torch.cuda.is_available())


def _use_fused_attention(allowed: bool) -> None:
    """Let torch take its fused kernels of attention, or the plain formula alone.

    On CUDA their gradients are sums in any order, and where a lack of a repeatable algorithm is only warned
    of they stay so, though each has one.
    """
    torch.backends.cuda.enable_flash_sdp(allowed)  # the switch of CPUs, too, where it is repeatable
    torch.backends.cuda.enable_mem_efficient_sdp(allowed)
    torch.backends.cuda.enable_cudnn_sdp(allowed)


def cores() -> int:
    """CPU cores that this process may use; in a job of Slurm's no more than it was given."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    given = os.environ.get("SLURM_CPUS_PER_TASK", "")
    return min(there, int(given)) if given.isdecimal() and int(given) else there

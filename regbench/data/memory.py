"""Whether rows fit into memory, looked at before any of them is read."""

from __future__ import annotations

from pathlib import Path

LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")  # of a container


def require_memory(need: int, what: str, cure: str = "") -> None:
    """Refuse what would not fit; where nobody says how much memory there is, anything may.

    Args:
        need: bytes, with the copies that are made.
        what: the rows, in words.
        cure: the end of the sentence, where something can be done.
    """
    there = available()
    if there is not None and need > there:
        raise ValueError(
            f"{what} must fit into memory twice, {need / 1e9:.3g} GB, got {there / 1e9:.3g} GB{cure}"
        )


def available() -> int | None:
    """Bytes of memory that are free for use, by Linux's word, a container's and a limit's; else None."""
    found = []
    info = Path("/proc/meminfo")
    if info.is_file():
        found += [kib * 1024 for kib in _kib(info, "MemAvailable")]
    for limit in map(Path, LIMITS):
        if limit.is_file() and (text := limit.read_text().strip()).isdigit():
            found.append(int(text))
    if (most := _data_limit()) is not None:
        found.append(max(0, most - sum(_kib(Path("/proc/self/status"), "VmData")) * 1024))
    return min(found, default=None)


def is_limited() -> bool:
    """Whether a limit of this process counts the memory that it may change, as `ulimit -d` does."""
    return _data_limit() is not None


def _data_limit() -> int | None:
    """Bytes that the process may have of its own; None where there is no limit, or no such system."""
    try:
        import resource
    except ImportError:  # not everywhere
        return None
    soft = resource.getrlimit(resource.RLIMIT_DATA)[0]
    return None if soft == resource.RLIM_INFINITY else soft


def _kib(file: Path, key: str) -> list[int]:
    """The number of a line of one of Linux's files about memory; empty where there is none."""
    if not file.is_file():
        return []
    lines = dict(line.split(":", 1) for line in file.read_text().splitlines() if ":" in line)
    return [int(lines[key].split()[0])] if key in lines else []

"""Whether rows fit into memory, looked at before any of them is read."""

from __future__ import annotations

from pathlib import Path


def require_memory(need: int, what: str) -> None:
    """Refuse what would not fit; where nobody says how much memory there is, anything may."""
    there = _available()
    if there is not None and need > there:
        raise ValueError(f"{what} must fit into memory twice, {need / 1e9:.3g} GB, got {there / 1e9:.3g} GB")


def _available() -> int | None:
    """Bytes of memory that are free for use, by Linux's word and by that of a container; else None."""
    found = []
    info, limit = Path("/proc/meminfo"), Path("/sys/fs/cgroup/memory.max")
    if info.is_file():
        lines = dict(line.split(":", 1) for line in info.read_text().splitlines() if ":" in line)
        found += [int(lines[key].split()[0]) * 1024 for key in ("MemAvailable",) if key in lines]
    if limit.is_file() and (text := limit.read_text().strip()).isdigit():
        found.append(int(text))
    return min(found, default=None)

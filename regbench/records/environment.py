"""`environment.json`: where a run happened."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Environment:
    """What a person needs to know to repeat a run; the keys in the order of the file.

    Attributes:
        regbench: version of regbench.
        python: version of Python.
        packages: versions of packages.
        git: revision of the current folder's repository, `+` where it holds changes; null where it is none.
        platform: operating system and processor.
        device: what was computed on, such as `cpu` or `cuda`.
        device_name: what its maker calls it.
        threads: the number used.
        replicas: how many runs were trained together, this one among them; 1 where it was alone.
        ranks: how many processes worked at the run, each at some of the micro-batches of a step.
        command: the words of the command line.
    """

    regbench: str
    python: str
    packages: dict[str, str]
    git: str | None
    platform: str
    device: str
    device_name: str
    threads: int
    replicas: int
    ranks: int
    command: list[str]

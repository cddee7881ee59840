"""Which worker sees which GPU."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from regbench.composition.devices import read_devices, require_per_device
from regbench.errors import ConfigError, brief

SEEN = "CUDA_VISIBLE_DEVICES"  # read by CUDA when a process first asks for a device
DECIDING = ("device", "devices", "per_device")
PLACED = ("auto", "cuda")  # values of `device` that leave it open which one


@dataclass(frozen=True)
class Placement:
    """The GPUs of a sweep.

    Attributes:
        seen: what the process of the sweep sees of them, and workers for jobs that are not placed; None: what
            it sees anyway.
        taken: of each place for a job the GPU; none where none is seen.
    """

    seen: str | None = None
    taken: tuple[str, ...] = ()

    @property
    def environment(self) -> dict[str, str]:
        """Of a worker that has no seat."""
        return {} if self.seen is None else {SEEN: self.seen}

    @property
    def seats(self) -> list[dict[str, str]]:
        """The environment of each worker that has a place; where there is one alone it is this process's."""
        return [{SEEN: name} for name in self.taken] if len(self.taken) > 1 else []

    def weight(self, device: str, weight: int, slots: int) -> int:
        """How many of the slots a job of this `device` takes that would take `weight` of them on a CPU.

        0 where it takes a seat instead; all of them where there is one place alone.
        """
        if not self.taken or device not in PLACED:
            return weight
        return 0 if self.seats else slots

    @contextmanager
    def here(self) -> Iterator[None]:
        """Let this process see of GPUs what it is to see, if it has not asked for one yet."""
        before = os.environ.get(SEEN)
        os.environ.update(self.environment)
        try:
            yield
        finally:
            if self.seen is not None:
                os.environ.pop(SEEN)
                os.environ.update({} if before is None else {SEEN: before})


def visible(variable: str | None, count: int) -> list[str]:
    """How CUDA calls each device that a process sees.

    Args:
        variable: its `CUDA_VISIBLE_DEVICES`, None where it has none.
        count: of devices that it sees.
    """
    names = list(map(str, range(count))) if variable is None else variable.split(",")
    return [name.strip() for name in names[:count]]


def chosen(devices: Any, names: Sequence[str]) -> list[str]:
    """Those that are asked for, of those that there are.

    Raises:
        ConfigError: one of them is not there.
    """
    numbers = read_devices(devices)
    if numbers is None:
        return list(names)
    missing = [number for number in numbers if number >= len(names)]
    if missing and not names:
        raise ConfigError(
            f"devices: must be null, all or cpu where there is no CUDA device, got {brief(devices)}"
        )
    if missing:
        raise ConfigError(
            f"devices: must name CUDA devices that are there, 0 to {len(names) - 1}, got {missing[0]}"
        )
    return [names[number] for number in numbers]


def places(names: Sequence[str], per_device: int, most: int | None = None) -> tuple[str, ...]:
    """The device of each place for a job: one on each first, then the second on each.

    Args:
        names: of the devices.
        per_device: places on each.
        most: that there are to be; None: no limit.
    """
    return tuple(name for _ in range(per_device) for name in names)[:most]


def require_placeable(config: Mapping[str, Any], can: bool) -> None:
    """Refuse what nobody could heed, without a look at what there is.

    Args:
        config: with `device`, `devices` and `per_device`.
        can: whether jobs run in workers of this process.

    Raises:
        ConfigError: it asks for such.
    """
    device, devices, per_device = config["device"], config["devices"], config["per_device"]
    asked = read_devices(devices)
    require_per_device(per_device)
    for key, value, default in (("devices", devices, None), ("per_device", per_device, 1)):
        if not can and value != default:
            raise ConfigError(
                f"{key}: must be {'null' if default is None else default} where hydra/launcher is not "
                f"side_by_side, got {brief(value)}"
            )
    if asked == () and str(device).startswith("cuda"):
        raise ConfigError(f"devices: must be all, null or numbers of GPUs beside device={device}, got cpu")


def placement(devices: Any, per_device: int, workers: int | None = None) -> Placement:
    """The placement of a sweep's jobs on the GPUs that this process sees.

    Args:
        devices: as it is typed.
        per_device: jobs on each at once.
        workers: at most so many are to run at once; None: no limit.

    Raises:
        ConfigError: a device is not there.
    """
    names = visible(os.environ.get(SEEN), torch.cuda.device_count())
    mine = chosen(devices, names)
    return Placement(None if mine == names else ",".join(mine), places(mine, per_device, workers))

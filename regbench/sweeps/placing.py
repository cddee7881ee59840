"""Which worker sees which GPU, and how many jobs run at once for it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import torch

from regbench.composition.devices import read_devices, require_per_device
from regbench.errors import ConfigError, brief, listed

SEEN = "CUDA_VISIBLE_DEVICES"  # read by CUDA when a process first asks for a device
DECIDING = ("device", "devices", "per_device")
PLACED = ("auto", "cuda")  # values of `device` that leave it open which one
NAMED = "cuda:"  # how those begin that say which one
FOR_GPUS = "gpu"  # part of the names of a launcher's own keys for them


class Way(Enum):
    """How a launcher runs jobs."""

    IN_TURN = auto()  # one at a time, in the process of the line
    HERE = auto()  # several at once, by processes on this machine
    AWAY = auto()  # as it sees fit, maybe on other machines


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

        0 where it takes a seat instead; all of them where there is one place alone, or it names its GPU.
        """
        if self.taken and device.startswith(NAMED):
            return slots
        if not self.taken or device not in PLACED:
            return weight
        return 0 if self.seats else slots

    def parts(self, devices: Sequence[str]) -> list[list[int]]:
        """Jobs, by their numbers, that workers which keep what they see can run together.

        Those that name their GPU cannot be run by a worker that sees another one.

        Args:
            devices: of each job its `device`.
        """
        apart = {number for number, one in enumerate(devices) if self.seats and one.startswith(NAMED)}
        return [one for one in (sorted({*range(len(devices))} - apart), sorted(apart)) if one]

    @contextmanager
    def here(self) -> Iterator[None]:
        """Let this process see of GPUs what it is to see, if it has not asked for one yet."""
        before = os.environ.get(SEEN)
        os.environ.update(self.environment)
        try:
            yield
        finally:
            if self.seen is not None:
                os.environ.pop(SEEN, None)
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


def require_placeable(config: Mapping[str, Any], way: Way, keys: Sequence[str] = ()) -> None:
    """Refuse what nobody could heed, without a look at what there is.

    Args:
        config: with `device`, `devices` and `per_device`.
        way: of the launcher.
        keys: the launcher's own.

    Raises:
        ConfigError: it asks for such.
    """
    device, devices, per_device = config["device"], config["devices"], config["per_device"]
    asked = read_devices(devices)
    require_per_device(per_device)
    if way is Way.AWAY:
        _require_default(devices, per_device, f"where the launcher {_itself(keys)}")
    elif way is Way.IN_TURN:
        in_turn = "where the launcher runs one job at a time"
        if devices is not None and (asked is None or len(asked) > 1):
            raise ConfigError(f"devices: must be null, cpu or one number {in_turn}, got {brief(devices)}")
        _require_default(None, per_device, in_turn)
    if asked == () and str(device).startswith("cuda"):
        raise ConfigError(f"devices: must be all, null or numbers of GPUs beside device={device}, got cpu")


def _require_default(devices: Any, per_device: int, where: str) -> None:
    if devices is not None:
        raise ConfigError(f"devices: must be null {where}, got {brief(devices)}")
    if per_device != 1:
        raise ConfigError(f"per_device: must be 1 {where}, got {per_device}")


def _itself(keys: Sequence[str]) -> str:
    """What a launcher does about GPUs that takes jobs away."""
    own = [f"hydra.launcher.{key}" for key in keys if FOR_GPUS in key]
    return f"gives each job its GPUs itself, by {listed(own)}" if own else "starts jobs where it sees fit"


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


def placement_by(way: Way, config: Mapping[str, Any], workers: int | None) -> Placement:
    """The placement of a sweep's jobs by a launcher; none where it is not asked to place any.

    Args:
        way: of the launcher.
        config: with `devices` and `per_device`, of which it can do what they say.
        workers: as above.

    Raises:
        ConfigError: a device is not there.
    """
    if way is Way.AWAY or (way is Way.IN_TURN and config["devices"] is None):
        return Placement()
    return placement(config["devices"], config["per_device"], 1 if way is Way.IN_TURN else workers)

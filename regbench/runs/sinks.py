"""A run's sinks, as one: what one of them raises is said once, and keeps nothing from the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from regbench.instantiation.boundary import stops
from regbench.sinks.base import Sink, Start
from regbench.streams import kept_draws
from regbench.types import Record

Failed = Callable[[str, str, BaseException], None]


class Sinks:
    """Several sinks, each of which is given everything, in their order, for as long as it takes it.

    Args:
        makers: each makes one, by its name.
        start: what they are told of the run.
        failed: is called with the name of one that has raised, what it was to do, and what it has raised; it
            is closed, and given nothing more.
        devices: CUDA devices whose generators they must not shift either.
    """

    def __init__(
        self,
        makers: Mapping[str, Callable[[], Sink]],
        start: Start,
        failed: Failed,
        devices: Sequence[torch.device] = (),
    ) -> None:
        self._going: dict[str, Sink] = {}
        self._failed, self._devices = failed, devices
        for name, make in makers.items():
            with self._guarded(name, "when it was made"):
                self._going[name] = make()
        self._each("start", lambda sink: sink.start(start))
        # asked for every step, and few want to know
        self._stepping = [name for name, sink in self._going.items() if type(sink).step is not Sink.step]

    def step(self, epoch: int, share: float) -> None:
        """Part of an epoch is done; see `Sink.step`, as for the others."""
        for name in [name for name in self._stepping if name in self._going]:
            with self._guarded(name, "in step"):
                self._going[name].step(epoch, share)

    def write(self, record: Record) -> None:
        """Take the record of an epoch; each has a copy, for the record is the run's."""
        self._each("write", lambda sink: sink.write(Record(record.epoch, dict(record.metrics))))

    def show(self, pictures: Mapping[str, Tensor], epoch: int = 0) -> None:
        """Put pictures up."""
        if pictures:
            self._each("show", lambda sink: sink.show(pictures, epoch))

    def tell(self, texts: Mapping[str, str], epoch: int) -> None:
        """Put texts up."""
        self._each("tell", lambda sink: sink.tell(texts, epoch))

    def end(self, summary: Mapping[str, Any]) -> None:
        """The run has ended."""
        self._each("end", lambda sink: sink.end(summary))

    def close(self) -> None:
        """Let go of all; they are given nothing more."""
        self._each("close", lambda sink: sink.close())
        self._going.clear()

    def commands(self) -> list[str]:
        """What to type to see what they have taken."""
        found: list[str] = []
        self._each("command", lambda sink: found.append(sink.command()))
        return [one for one in found if one]

    def _each(self, what: str, call: Callable[[Sink], None]) -> None:
        for name, sink in list(self._going.items()):
            with self._guarded(name, f"in {what}"):
                call(sink)

    @contextmanager
    def _guarded(self, name: str, when: str) -> Iterator[None]:
        """What a sink raises, which may be anything, ends what it is given, and a signal ends the run."""
        try:
            with kept_draws(self._devices):
                yield
        except BaseException as error:
            if stops(error):
                raise
            sink = self._going.pop(name, None)
            self._failed(name, when, error)
            if sink is not None:
                _close(sink)


def _close(sink: Sink) -> None:
    """Have a sink let go of what it can; it has failed, and what is said of that has been said."""
    try:
        sink.close()
    except BaseException as error:
        if stops(error):
            raise

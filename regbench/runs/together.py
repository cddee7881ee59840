"""Several runs that are trained as one: each leaves in its folder what it would have left alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from regbench.instantiation.boundary import stops
from regbench.records.status import Status
from regbench.runs.interruption import StopRequest
from regbench.runs.ongoing import Ongoing
from regbench.runs.session import Session
from regbench.runs.watching import Watch
from regbench.training.loop import Diverged, EpochEnd
from regbench.training.replicas.events import ReplicaEnd
from regbench.training.replicas.fit import fit_stack

EVERY = 2.0  # seconds between two epochs whose checkpoints are written, at least
SHARE = 0.1  # of the time, at most, that writing them takes
Ending = tuple[int, Status | BaseException]  # the place of a run, and its status, or what has ended it


class Apart(Exception):
    """A stack has failed, of what its cause says; each run is to be taken up from its folder by itself."""


def go_together(ongoings: Sequence[Ongoing], watches: Sequence[Watch | None]) -> Iterator[Ending]:
    """Train runs to their ends or to a stop, leave all behind that is to be left, and give each as it ends.

    Args:
        ongoings: of one stack, equally far; each has an epoch to go.
        watches: of each, which says after which epoch its run is given up; None for one that has none.

    Raises:
        Apart: for the runs that have not been given.
    """
    with StopRequest() as request:
        together = _Together(ongoings, watches)
        yield from together.open()
        yield from together.train(request)


class _Together:
    def __init__(self, ongoings: Sequence[Ongoing], watches: Sequence[Watch | None]) -> None:
        self._ongoings, self._watches = ongoings, watches
        self._going: dict[int, Session] = {}  # by the place of its run
        self._due = Due()
        for one in ongoings:
            one.count_time(0.0)

    def open(self) -> Iterator[Ending]:
        """Open what each run writes to; of those that are to be given up at once, that is the end."""
        for place, one in enumerate(self._ongoings):
            one.count_time(1.0)
            try:
                session = Session(one, len(self._ongoings), watch=self._watches[place])
            except Exception as error:
                yield place, error
            else:
                self._going[place] = session
                yield from self._do(place, session.ask)
            one.count_time(0.0)

    def train(self, request: StopRequest) -> Iterator[Ending]:
        """Train those that are open."""
        places = list(self._going)
        started = [self._going[place].ongoing for place in places]
        histories = [list(one.history) for one in started]
        events = fit_stack(
            [one.run for one in started], histories, lambda index: self._is_over(places[index])
        )
        self._share_time()
        while self._going:
            try:
                event = next(events)
            except BaseException as error:  # a person's own code may raise anything
                yield from self._failed(error)
                return
            started[0].place.leave_copy()
            if isinstance(event, ReplicaEnd):
                yield from self._take(places[event.index], event)
                continue
            self._due.begin()
            if request.made:
                yield from self._end_all(Status.INTERRUPTED)

    def _take(self, place: int, found: ReplicaEnd) -> Iterator[Ending]:
        session, due = self._going[place], self._due.is_now()
        event = found.event
        if event is not None and not event.stopped and event.record.epoch < session.ongoing.run.epochs:
            yield from self._do(place, partial(self._go_on, session, event, due))
            if self._is_over(place):
                self._share_time()
            return

        def ended() -> Status:
            if event is None:
                raise Diverged(found.diverged)
            session.take(event)
            return Status.STOPPED if event.stopped else Status.FINISHED

        yield from self._alone(place, ended)

    def _go_on(self, session: Session, event: EpochEnd, due: bool) -> None:
        session.take(event, due)
        session.ask()

    def _is_over(self, place: int) -> bool:
        """Whether a run was given up after its epoch, or has failed over its folder."""
        return place not in self._going

    def _end_all(self, status: Status) -> Iterator[Ending]:
        for place in list(self._going):
            yield from self._alone(place, lambda: status)

    def _alone(self, place: int, work: Callable[[], Status | None]) -> Iterator[Ending]:
        """Do what is of one run; meanwhile the time is not the others'."""
        for other, session in self._going.items():
            session.ongoing.count_time(float(other == place))
        yield from self._do(place, work)
        self._share_time()

    def _do(self, place: int, work: Callable[[], Status | None]) -> Iterator[Ending]:
        try:
            status: Status | BaseException | None = self._going[place].do(work)
        except BaseException as error:
            if stops(error):
                raise
            status = error
        if status is not None:
            del self._going[place]
            yield place, status

    def _share_time(self) -> None:
        for session in self._going.values():
            session.ongoing.count_time(1 / len(self._going))

    def _failed(self, error: BaseException) -> Iterator[Ending]:
        """Leave what has been done of each run for whoever takes it up."""
        if stops(error):
            yield from self._end_all(Status.INTERRUPTED)
            raise error
        for place, session in list(self._going.items()):
            try:
                session.leave()
            except Exception as another:
                del self._going[place]
                yield place, another
        raise Apart from error


class Due:
    """Whether an epoch's checkpoints are written: of all runs or of none, so that these stay equally far."""

    def __init__(self) -> None:
        self._written, self._took = time.monotonic(), 0.0
        self._asked: tuple[float, bool] | None = None

    def begin(self) -> None:
        """Another epoch has begun."""
        if self._asked is not None and self._asked[1]:
            self._written = time.monotonic()
            self._took = self._written - self._asked[0]
        self._asked = None

    def is_now(self) -> bool:
        """Those of this one are."""
        if self._asked is None:
            now = time.monotonic()
            self._asked = now, now - self._written >= max(EVERY, self._took / SHARE)
        return self._asked[1]

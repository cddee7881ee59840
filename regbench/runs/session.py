"""One run in one folder: train it, record it, and say how it ended."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from regbench.assembly.launched import Rank, this_rank
from regbench.errors import ConfigError
from regbench.folders.ownership import EVENTS
from regbench.instantiation.boundary import kind_of, raised, refusing, shown, stops, trace
from regbench.instantiation.boundary import reason as reason_of
from regbench.records.files import ENVIRONMENT, LOG, METRICS
from regbench.records.status import Status
from regbench.records.typed import plain
from regbench.runs.checkpoints import Keeper
from regbench.runs.ending import end
from regbench.runs.environment import describe
from regbench.runs.folder import RunFolder
from regbench.runs.interruption import StopRequest
from regbench.runs.ongoing import Ongoing
from regbench.runs.opening import begin
from regbench.runs.progress import RunProgress
from regbench.runs.sinks import JsonLines, Sink, Sinks, TensorBoard
from regbench.runs.summary import best_of
from regbench.storage.files import write_json
from regbench.training.loop import Diverged, EpochEnd, fit


def train(home: RunFolder) -> Status:
    """Train from the start; return the status.

    Raises:
        ConfigError: the configuration cannot be run.
        OSError: the folder cannot be written.
    """
    return go(begin(home))


def go(ongoing: Ongoing) -> Status:
    """Train to the end or to a stop, leave everything behind that is to be left, return the status."""
    rank = this_rank()
    session = Session(ongoing, ranks=rank.count if rank else 1)
    with StopRequest() as request:
        status = session.do(lambda: _trained(session, lambda: request.made, rank))
    assert status is not None
    return status


def _trained(session: Session, asked: Callable[[], bool], rank: Rank | None) -> Status:
    if session.ongoing.stopped:  # it had stopped by itself, and was killed before it could say so
        return Status.STOPPED
    if rank is None:
        return _fitted(session, asked)
    from regbench.runs.ranks import gathered  # not at the top: it is of no use to one process

    with gathered(session.ongoing, rank, asked) as ranks:
        return Status.INTERRUPTED if ranks is None else _fitted(session, lambda: ranks.stopping)


def _fitted(session: Session, asked: Callable[[], bool]) -> Status:
    ongoing = session.ongoing
    for event in fit(ongoing.run, ongoing.history):
        ongoing.place.leave_copy()
        if isinstance(event, EpochEnd):
            session.take(event)
        else:
            session.sink.step(event.epoch, (event.step + 1) / event.steps)
        if asked():
            return Status.INTERRUPTED
    return Status.STOPPED if ongoing.stopped else Status.FINISHED


class Session:
    """From the first step after the start, or after a resume, to the end or the next stop.

    Args:
        ongoing: of the run.
        replicas: how many runs are trained together with it, itself among them.
        ranks: how many processes work at it.

    Attributes:
        sink: takes what the run shows.

    Raises:
        ConfigError: a member cannot show its pictures.
        OSError: the folder cannot be written.
    """

    def __init__(self, ongoing: Ongoing, replicas: int = 1, ranks: int = 1) -> None:
        self.ongoing, self.folder = ongoing, ongoing.home.path
        run = ongoing.run
        about = describe(run.device, ongoing.threads, replicas, ranks)
        write_json(self.folder / ENVIRONMENT, plain(about))
        board = TensorBoard(self.folder / EVENTS, ongoing.history)
        with refusing("reg: "):
            board.show(run.reg.images())
        lines = JsonLines(self.folder / METRICS, ongoing.history)
        best = partial(best_of, monitor=run.monitor)
        self.sink: Sink = Sinks(
            lines, board, RunProgress(ongoing.home.console, run.epochs, ongoing.history, best)
        )
        self._keeper = Keeper(ongoing)

    def do(self, work: Callable[[], Status | None]) -> Status | None:
        """Do part of the work, and return its status; with one, or where it fails, the run ends there.

        Then everything that is to be left behind is.

        Raises:
            BaseException: what ended the run, where no code of a person's was running.
        """
        status: Status | None = Status.FAILED
        reason = ""
        try:
            status = work()
        except Diverged as error:
            status, reason = Status.DIVERGED, str(error)
        except BaseException as error:
            if stops(error):  # the second signal, at once
                status = Status.INTERRUPTED
                raise
            reason = f"{kind_of(error)}: {reason_of(error)}"
            reason = self._told(error)
        finally:
            if status is not None:
                status = self._finish(status, reason)
        return status

    def take(self, event: EpochEnd, due: bool = True) -> None:
        """Record an epoch that is done.

        Args:
            event: its end.
            due: whether its checkpoint is written now; else with a later one, at the latest at the run's end.

        Raises:
            ConfigError: the folder has been removed.
            OSError: it cannot be written.
        """
        ongoing = self.ongoing
        ongoing.place.require()
        ongoing.take(event)
        self.sink.write(event.record)
        self._keeper.keep(event, due)

    def leave(self) -> None:
        """Write what is not written yet, for whoever takes the run up from its folder."""
        self.sink.close()
        self._keeper.write()

    def _finish(self, status: Status, reason: str) -> Status:
        """End the run; return its status, which what is measured at the end may change to failed."""
        self.ongoing.place.leave_copy()
        self.sink.close()
        try:
            self._keeper.write()
            end(self.ongoing, status, reason, self.sink)
        except BaseException as error:
            if stops(error):
                raise
            said = self._told(error)
            reason = reason if status is Status.FAILED else said
            status = Status.FAILED
            end(self.ongoing, status, reason, self.sink, ask=False)
        return status

    def _told(self, error: BaseException) -> str:
        """One sentence on what a person's own code raised, its trace put into the run's log.

        Raises:
            BaseException: the error itself, where no code of theirs was running.
        """
        ongoing = self.ongoing
        ongoing.place.require()
        with (
            suppress(OSError),
            (self.folder / LOG).open("a", encoding="utf-8", errors="backslashreplace") as f,
        ):
            f.write(trace(error))
        ours = issubclass(type(error), ConfigError)
        said = shown(str(error), 2000) if ours else raised(error)
        if ongoing.untried and issubclass(type(error), Exception) and (not said or ours):
            said = f"its checkpoint cannot be gone on from: {said or reason_of(error)}"
        if not said or os.environ.get("HYDRA_FULL_ERROR") == "1":
            raise error
        after = f"after epoch {len(ongoing.history)}" if ongoing.history else "in the first epoch"
        return f"{said}, {after}"

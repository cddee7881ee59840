"""One run in one folder: train it, record it, and say how it ended."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from regbench.assembly.launched import Rank, this_rank
from regbench.assembly.sinks import makers_of
from regbench.errors import ConfigError, lack_of_memory, printable
from regbench.instantiation.boundary import kind_of, raised, refusing, shown, stops, trace
from regbench.instantiation.boundary import reason as reason_of
from regbench.records.files import ENVIRONMENT, LOG, METRICS
from regbench.records.identity import stack_name
from regbench.records.status import Status
from regbench.records.typed import plain
from regbench.runs.checkpoints import Keeper
from regbench.runs.ending import end
from regbench.runs.environment import describe
from regbench.runs.folder import RunFolder
from regbench.runs.interruption import StopRequest
from regbench.runs.json_lines import JsonLines
from regbench.runs.ongoing import Ongoing
from regbench.runs.opening import begin
from regbench.runs.progress import RunProgress
from regbench.runs.sinks import Sinks
from regbench.runs.summary import best_of
from regbench.runs.watching import Pruned, Watch, ask
from regbench.sinks.base import Start
from regbench.storage.files import write_json
from regbench.training.loop import Diverged, EpochEnd, StepEnd, fit
from regbench.types import Record


def train(home: RunFolder, watch: Watch | None = None) -> Status:
    """Train from the start; return the status.

    Args:
        home: the run's configuration and its folder.
        watch: says after which epoch it is given up, if after any.

    Raises:
        ConfigError: the configuration cannot be run.
        OSError: the folder cannot be written.
    """
    return go(begin(home), watch)


def go(ongoing: Ongoing, watch: Watch | None = None) -> Status:
    """Train to the end or to a stop, leave everything behind that is to be left, return the status.

    Args:
        ongoing: of the run.
        watch: says after which epoch it is given up, if after any; None where several processes work at it.
    """
    rank = this_rank()
    session = Session(ongoing, ranks=rank.count if rank else 1, watch=watch)
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
    session.ask()  # where it was killed between that and its summary
    for event in fit(ongoing.run, ongoing.history):
        ongoing.place.leave_copy()
        if isinstance(event, EpochEnd):
            session.take(event)
            session.ask()
        else:
            session.step(event)
        if asked():
            return Status.INTERRUPTED
    return Status.STOPPED if ongoing.stopped else Status.FINISHED


class Session:
    """From the first step after the start, or after a resume, to the end or the next stop.

    Args:
        ongoing: of the run.
        replicas: how many runs are trained together with it, itself among them.
        ranks: how many processes work at it.
        watch: says after which epoch it is given up, if after any.

    Raises:
        ConfigError: a member cannot show its pictures.
        OSError: the folder cannot be written.
    """

    def __init__(
        self, ongoing: Ongoing, replicas: int = 1, ranks: int = 1, watch: Watch | None = None
    ) -> None:
        self.ongoing, self.folder, self._watch = ongoing, ongoing.home.path, watch
        run = ongoing.run
        about = describe(run.device, ongoing.threads, replicas, ranks)
        write_json(self.folder / ENVIRONMENT, plain(about))
        with refusing("reg: "):
            pictures = run.reg.images()
        self._lines = JsonLines(self.folder / METRICS, ongoing.history)
        devices = [run.device] if run.device.type == "cuda" else []
        self._sinks = Sinks(makers_of(ongoing.home.config), _start(ongoing), self._give_up, devices)
        self._sinks.show(pictures)
        best = partial(best_of, monitor=run.monitor)
        self._progress = RunProgress(ongoing.home.console, run.epochs, ongoing.history, best)
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
        except Pruned as error:
            status, reason = Status.PRUNED, str(error)
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

    def step(self, event: StepEnd) -> None:
        """Show that part of an epoch is done."""
        share = (event.step + 1) / event.steps
        self._sinks.step(event.epoch, share)
        self._progress.step(event.epoch, share)

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
        self._lines.write(event.record)
        self._sinks.write(event.record)
        self._progress.write(event.record)
        self._keeper.keep(event, due)

    def ask(self) -> None:
        """Whether the run goes on from here; a member that has stopped it is not overruled.

        Raises:
            Pruned: it does not.
        """
        if not self.ongoing.stopped:
            ask(self._watch, self.ongoing.history, self.ongoing.run.epochs)

    def leave(self) -> None:
        """Write what is not written yet, for whoever takes the run up from its folder."""
        self._put_away()
        self._sinks.close()
        self._keeper.write()

    def _finish(self, status: Status, reason: str) -> Status:
        """End the run; return its status, which what is measured at the end may change to failed."""
        self.ongoing.place.leave_copy()
        self._put_away()
        try:
            self._keeper.write()
            end(self.ongoing, status, reason, self._sinks)
        except BaseException as error:
            if stops(error):
                raise
            said = self._told(error)
            reason = reason if status is Status.FAILED else said
            status = Status.FAILED
            end(self.ongoing, status, reason, self._sinks, ask=False)
        finally:
            self._sinks.close()  # where the end has not come so far
        return status

    def _put_away(self) -> None:
        """Nothing is recorded any more, and the console is for what is said now."""
        self._lines.close()
        self._progress.close()

    def _give_up(self, name: str, when: str, error: BaseException) -> None:
        """Say once that a sink has failed, which is given nothing more, and let the run go on."""
        self.ongoing.place.leave_copy()
        self._log(error)
        said = f"sinks.{name} failed {when} and is given nothing more: {_why(name, error)}"
        home = self.ongoing.home
        home.console.print(f"warning: {said}; trace in {self.folder / LOG}", markup=False, soft_wrap=True)
        home.notes.append(printable(said))

    def _log(self, error: BaseException) -> None:
        """Put a trace into the run's log."""
        with (
            suppress(OSError),
            (self.folder / LOG).open("a", encoding="utf-8", errors="backslashreplace") as file,
        ):
            file.write(trace(error))

    def _told(self, error: BaseException) -> str:
        """One sentence on what a person's own code raised, its trace put into the run's log.

        Raises:
            BaseException: the error itself, where no code of theirs was running.
        """
        ongoing = self.ongoing
        ongoing.place.require()
        self._log(error)
        ours = issubclass(type(error), ConfigError)
        said = shown(str(error), 2000) if ours else self._beyond_memory(error) or raised(error)
        if ongoing.untried and issubclass(type(error), Exception) and (not said or ours):
            said = f"its checkpoint cannot be gone on from: {said or reason_of(error)}"
        if not said or os.environ.get("HYDRA_FULL_ERROR") == "1":
            raise error
        after = f"after epoch {len(ongoing.history)}" if ongoing.history else "in the first epoch"
        return f"{said}, {after}"

    def _beyond_memory(self, error: BaseException) -> str:
        """What can be done where memory has run out; empty where it has not."""
        lack = lack_of_memory(error)
        if not lack:
            return ""
        rows = self.ongoing.run.batch_size
        return f"train.batch_size: must be smaller, or train.accumulate larger, got {rows}: {lack}"


def _why(name: str, error: BaseException) -> str:
    """What a sink has raised, by its kind and the line of a person's file that raised it."""
    if type(error) is ConfigError:
        return shown(str(error)).removeprefix(f"sinks.{name}: ")
    kind, said = kind_of(error), reason_of(error)
    return raised(error) or (said if said.startswith(kind) else f"{kind}: {said}")


def _start(ongoing: Ongoing) -> Start:
    """What sinks are told of a run, in copies: it is the run's own."""
    config = copy.deepcopy(dict(ongoing.home.config))
    return Start(
        folder=ongoing.home.path,
        name=ongoing.home.path.absolute().name,
        stack=stack_name(config["reg"]),
        seed=ongoing.run.seed,
        identity=ongoing.identity,
        config=config,
        epochs=ongoing.run.epochs,
        history=[Record(one.epoch, dict(one.metrics)) for one in ongoing.history],
    )

"""One run in one folder: train it, record it, and say how it ended."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from regbench.assembly.data import content_of
from regbench.assembly.device import use_settings
from regbench.assembly.run import build_run
from regbench.assembly.workload import threads_of
from regbench.composition.settings import read_settings
from regbench.errors import ConfigError
from regbench.folders.ownership import EVENTS
from regbench.instantiation.boundary import kind_of, raised, refusing, shown, stops, trace
from regbench.instantiation.boundary import reason as reason_of
from regbench.records.files import ENVIRONMENT, LOG, METRICS, RECORD_VERSION, SUMMARY
from regbench.records.identity import identity
from regbench.records.status import Status
from regbench.records.typed import plain
from regbench.runs import checkpoints
from regbench.runs.audited import audited
from regbench.runs.ending import end
from regbench.runs.environment import describe
from regbench.runs.folder import RunFolder
from regbench.runs.interruption import StopRequest
from regbench.runs.ongoing import Ongoing
from regbench.runs.progress import RunProgress, show_audit
from regbench.runs.sealed import require_same_data
from regbench.runs.sinks import JsonLines, Sink, Sinks, TensorBoard
from regbench.runs.summary import best_of
from regbench.storage import checkpoint, checkpoint_form
from regbench.storage.files import write_json
from regbench.training.loop import Diverged, EpochEnd, fit


class Unfit(ConfigError):
    """A checkpoint is whole, and not one of this run."""


def train(home: RunFolder) -> Status:
    """Train from the start; return the status.

    Raises:
        ConfigError: the configuration cannot be run.
        OSError: the folder cannot be written.
    """
    settings, _ = read_settings(home.config)
    settings.threads = threads_of(home.config)
    threads = use_settings(settings)
    found = audited(home.config, threads)
    (home.path / SUMMARY).unlink(missing_ok=True)
    run = build_run(home.config)
    found["warnings"] = [*run.data.warnings, *run.warnings, *found["warnings"]]
    show_audit(home.console, found["findings"], found["warnings"])
    for line in run.data.note.splitlines():
        home.console.print(f"data: {line}", markup=False, highlight=False, soft_wrap=True)
    for line in run.note.splitlines():
        home.console.print(f"train: {line}", markup=False, highlight=False, soft_wrap=True)
    return Session(Ongoing(home, run, threads, found)).go()


def resume(home: RunFolder) -> Status:
    """Continue after the last finished epoch; return the status.

    Raises:
        ConfigError: there is nothing whole to continue from, or it is of another configuration.
        Unfit: what there is does not fit the configuration.
    """
    folder = home.path
    if not checkpoint.exists(folder):
        return train(home)  # stopped within its first epoch
    try:
        state, complaint = checkpoint_form.newest(folder)
    except checkpoint.Damaged as error:
        raise ConfigError(f"{folder}: {error}") from error
    if complaint:
        home.console.print(f"{complaint}; continuing from the one before", markup=False, soft_wrap=True)
        os.replace(folder / checkpoint.PREVIOUS, folder / checkpoint.LAST)
    require_same_data(folder, home.config)
    if state["version"] != RECORD_VERSION:
        raise Unfit(
            f"{folder}: its checkpoint is of version {state['version']}, whose random draws are others than "
            f"those of {RECORD_VERSION}; train into a new folder"
        )
    if state["identity"] != identity(home.config, content_of(home.config, state.get("content"))):
        raise ConfigError(
            f"{folder}: its checkpoint is of a different configuration; move the folder away, "
            "and the line that has made it trains the run anew"
        )
    try:
        checkpoints.require_best(folder, state)
    except checkpoint.Damaged as error:
        raise ConfigError(f"{folder}: {error}; train into a new folder") from error
    settings, _ = read_settings(home.config)
    settings.threads = state["threads"]  # another number would change the last bits
    threads = use_settings(settings)
    ongoing = Ongoing(
        home, build_run(home.config, initial=False), threads, state["audit"], recorded=state.get("content")
    )
    try:
        checkpoints.restore(ongoing, state)
    except Exception as error:  # whatever a state does that is not this run's
        raise Unfit(f"{folder}: its checkpoint does not fit its configuration: {reason_of(error)}") from error
    return Session(ongoing).go()


class Session:
    """From the first step after the start, or after a resume, to the end or the next stop."""

    def __init__(self, ongoing: Ongoing) -> None:
        self.ongoing, self.folder = ongoing, ongoing.home.path

    def go(self) -> Status:
        """Train to the end or to a stop, leave everything behind that is to be left, return the status."""
        ongoing, run = self.ongoing, self.ongoing.run
        write_json(self.folder / ENVIRONMENT, plain(describe(run.device, ongoing.threads)))
        board = TensorBoard(self.folder / EVENTS, ongoing.history)
        with refusing("reg: "):
            board.show(run.reg.images())
        lines = JsonLines(self.folder / METRICS, ongoing.history)
        best = partial(best_of, monitor=run.monitor)
        sink = Sinks(lines, board, RunProgress(ongoing.home.console, run.epochs, ongoing.history, best))
        status, reason = Status.FAILED, ""
        with StopRequest() as request:
            try:
                status = self._train(sink, lambda: request.made)
            except Diverged as error:
                status, reason = Status.DIVERGED, str(error)
            except BaseException as error:
                if stops(error):  # the second signal, at once
                    status = Status.INTERRUPTED
                    raise
                reason = f"{kind_of(error)}: {reason_of(error)}"
                reason = self._told(error)
            finally:
                ongoing.place.leave_copy()
                sink.close()
                status = self._finish(status, reason, sink)
        return status

    def _train(self, sink: Sink, asked: Callable[[], bool]) -> Status:
        ongoing = self.ongoing
        if ongoing.stopped:  # it had stopped by itself, and was killed before it could say so
            return Status.STOPPED
        for event in fit(ongoing.run, ongoing.history):
            ongoing.place.leave_copy()
            if isinstance(event, EpochEnd):
                ongoing.place.require()
                ongoing.take(event)
                sink.write(event.record)
                checkpoints.save(ongoing, event)
            else:
                sink.step(event.epoch, (event.step + 1) / event.steps)
            if asked():
                return Status.INTERRUPTED
        return Status.STOPPED if ongoing.stopped else Status.FINISHED

    def _finish(self, status: Status, reason: str, sink: Sink) -> Status:
        """End the run; return its status, which what is measured at the end may change to failed."""
        try:
            end(self.ongoing, status, reason, sink)
        except BaseException as error:
            if stops(error):
                raise
            said = self._told(error)
            reason = reason if status is Status.FAILED else said
            status = Status.FAILED
            end(self.ongoing, status, reason, sink, ask=False)
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

"""One run in one folder: train, record, keep what can be continued, say how it ended."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from torch import nn

from regbench.assembly.data import content_of
from regbench.assembly.device import use_settings
from regbench.assembly.model import kept_buffers
from regbench.assembly.run import build_run
from regbench.assembly.stack import build_stack
from regbench.composition.settings import read_settings
from regbench.errors import ConfigError
from regbench.evaluation.at_end import late_figures
from regbench.evaluation.measurement import gaps, measure, predict
from regbench.folders.ownership import Place
from regbench.records.files import ENVIRONMENT, LOG, METRICS, RECORD_VERSION, SUMMARY, undamaged
from regbench.records.identity import identity
from regbench.records.status import Status
from regbench.regularizers.base import hooks
from regbench.runs.class_pictures import class_table, confusion_picture
from regbench.runs.environment import describe, peak_memory_mb
from regbench.runs.interruption import StopRequest
from regbench.runs.progress import Watch, show_audit, show_summary
from regbench.runs.sealed import both, read_test, require_same_data
from regbench.runs.sinks import JsonLines, Sink, TensorBoard
from regbench.runs.summary import best_of, summarize
from regbench.storage import checkpoint, checkpoint_form
from regbench.storage.files import write_json
from regbench.streams import kept_draws
from regbench.targets.boundary import kind_of, raised, refusing, shown, stops, trace
from regbench.targets.boundary import reason as reason_of
from regbench.training.audit import audit
from regbench.training.loop import Diverged, EpochEnd, Run, fit
from regbench.types import Record
from regbench.weights import plain_state

Config = Mapping[str, Any]


@dataclass
class Job:
    """A configuration and the folder that its run lives in."""

    config: Config
    folder: Path
    choices: Mapping[str, str]
    console: Console


class Unfit(ConfigError):
    """A checkpoint is whole, and not one of this run."""


def train(job: Job) -> Status:
    """Train from the start; return the status.

    Raises:
        ConfigError: the configuration cannot be run.
        OSError: the folder cannot be written.
    """
    threads = use_settings(read_settings(job.config)[0])
    with refusing("train: the first step is refused: "):
        found = asdict(audit(lambda without: _copy(job.config, without)))
    (job.folder / SUMMARY).unlink(missing_ok=True)
    run = build_run(job.config)
    found["warnings"] = [*run.data.warnings, *run.warnings, *found["warnings"]]
    show_audit(job.console, found["findings"], found["warnings"])
    for line in run.data.note.splitlines():
        job.console.print(f"data: {line}", markup=False, highlight=False, soft_wrap=True)
    return _Session(job, run, threads, found).go()


def resume(job: Job) -> Status:
    """Continue after the last finished epoch; return the status.

    Raises:
        ConfigError: there is nothing whole to continue from, or it is of another configuration.
    """
    if not checkpoint.exists(job.folder):
        return train(job)  # stopped within its first epoch
    try:
        state, complaint = checkpoint_form.newest(job.folder)
    except checkpoint.Damaged as error:
        raise ConfigError(f"{job.folder}: {error}") from error
    if complaint:
        job.console.print(f"{complaint}; continuing from the one before", markup=False, soft_wrap=True)
        os.replace(job.folder / checkpoint.PREVIOUS, job.folder / checkpoint.LAST)
    require_same_data(job.folder, job.config)
    if (state["version"], state["identity"]) != (
        RECORD_VERSION,
        identity(job.config, content_of(job.config)),
    ):
        raise ConfigError(
            f"{job.folder}: its checkpoint is of a different configuration; move the folder away, "
            "and the line that has made it trains the run anew"
        )
    try:
        require_best(job.folder, state)
    except checkpoint.Damaged as error:
        raise ConfigError(f"{job.folder}: {error}; train into a new folder") from error
    settings, _ = read_settings(job.config)
    settings.threads = state["threads"]  # another number would change the last bits
    threads = use_settings(settings)
    session = _Session(job, build_run(job.config), threads, state["audit"])
    try:
        session.restore(state)
    except Exception as error:  # whatever a state does that is not this run's
        raise Unfit(
            f"{job.folder}: its checkpoint does not fit its configuration: {reason_of(error)}"
        ) from error
    return session.go()


def require_best(folder: Path, state: Mapping[str, Any]) -> None:
    """Refuse before the work what would be missed after it: the weights of the best epoch of a state.

    Raises:
        checkpoint.Damaged: they are not there, not whole, or of another run.
    """
    if best_of([Record(epoch, dict(metrics)) for epoch, metrics in state["history"]]) is not None:
        checkpoint_form.best(folder, state["identity"])


def _copy(config: Config, without: str | None) -> Run:
    stack = build_stack(config["reg"], seed=config["seed"])
    return build_run(config, stack.without(without) if without else stack)


class _Session:
    """From the first step after the start, or after a resume, to the end or the next stop."""

    def __init__(self, job: Job, run: Run, threads: int, found: Mapping[str, Any]) -> None:
        self.job, self.run, self.threads, self.found = job, run, threads, found
        self.checkpoints = read_settings(job.config)[0].checkpoints
        self._place = Place(job.folder)
        self.content = content_of(job.config)
        self.identity = identity(job.config, self.content)
        self.history: list[Record] = []
        self.stopped = False
        self._untried = False  # whether the state is a checkpoint's, and nothing has been trained on it yet
        self._before, self._started = 0.0, time.perf_counter()

    @property
    def seconds(self) -> float:
        """Since the run began, pauses between sessions left out."""
        return self._before + time.perf_counter() - self._started

    def _back_to(self, state: Mapping[str, Any]) -> None:
        """Undo what has been done of an epoch since the checkpoint."""
        checkpoint_form.require_like(state["model"], self.run.model.state_dict())
        self.run.model.load_state_dict(state["model"])
        self.run.optimizer.load_state_dict(state["optimizer"])
        self.run.reg.load_state_dict(state["reg"])

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up a checkpoint, and see that what it has made can be measured."""
        if len(state["history"]) > self.run.epochs:
            raise ValueError(f"it has {len(state['history'])} epochs of {self.run.epochs}")
        self._back_to(state)
        self._untried = True
        with kept_draws(), kept_buffers(self.run.model):
            evaluated = self.run.reg.eval_model(self.run.model)
            for model in (evaluated, self.run.reg.final_model(evaluated)):
                predict(model, self.run.data.val.subset(slice(0, 2)), self.run.autocast)
        self.history = [Record(epoch, metrics) for epoch, metrics in state["history"]]
        self.stopped, self._before = state["stopped"], state["seconds"]

    def go(self) -> Status:
        """Train to the end or to a stop, leave everything behind that is to be left, return the status."""
        job, folder = self.job, self.job.folder
        write_json(folder / ENVIRONMENT, describe(self.run.device, self.threads))
        board = TensorBoard(folder / "tensorboard", self.history)
        with refusing("reg: "):
            board.show(self.run.reg.images())
        sinks: list[Sink] = [JsonLines(folder / METRICS, self.history), board]
        watch = Watch(job.console, self.run.epochs, self.history, best_of)
        status, reason = Status.FAILED, ""
        with StopRequest() as request:
            try:
                status = self._train([*sinks, watch], watch, lambda: request.made)
            except Diverged as error:
                status, reason = Status.DIVERGED, str(error)
            except BaseException as error:
                if stops(error):  # the second signal, at once
                    status = Status.INTERRUPTED
                    raise
                reason = f"{kind_of(error)}: {reason_of(error)}"
                reason = self._told(error)
            finally:
                self._place.leave_copy()
                for sink in (*sinks, watch):
                    sink.close()
                status = self._finish(status, reason, board)
        return status

    def _finish(self, status: Status, reason: str, board: TensorBoard) -> Status:
        """End the run; return its status, which what is measured at the end may change to failed."""
        try:
            self._end(status, reason, board)
        except BaseException as error:
            if stops(error):
                raise
            said = self._told(error)
            reason = reason if status is Status.FAILED else said
            status = Status.FAILED
            self._end(status, reason, board, ask=False)
        return status

    def _told(self, error: BaseException) -> str:
        """One sentence on what a person's own code raised, its trace put into the run's log.

        Raises:
            BaseException: the error itself, where no code of theirs was running.
        """
        self._place.require()
        log = self.job.folder / LOG
        with suppress(OSError), log.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(trace(error))
        ours = issubclass(type(error), ConfigError)
        said = shown(str(error), 2000) if ours else raised(error)
        if self._untried and issubclass(type(error), Exception) and (not said or ours):
            said = f"its checkpoint cannot be gone on from: {said or reason_of(error)}"
        if not said or os.environ.get("HYDRA_FULL_ERROR") == "1":
            raise error
        after = f"after epoch {len(self.history)}" if self.history else "in the first epoch"
        return f"{said}, {after}"

    def _train(self, sinks: Sequence[Sink], watch: Watch, asked: Callable[[], bool]) -> Status:
        if self.stopped:  # it had stopped by itself, and was killed before it could say so
            return Status.STOPPED
        for event in fit(self.run, self.history):
            self._place.leave_copy()
            if not isinstance(event, EpochEnd):
                watch.step(event.epoch, (event.step + 1) / event.steps)
                if asked():
                    return Status.INTERRUPTED
                continue
            self._place.require()
            self.history.append(event.record)
            self._untried = False
            self.stopped = event.stopped
            for sink in sinks:
                sink.write(event.record)
            self._save(event)
            if asked():
                return Status.INTERRUPTED
        return Status.STOPPED if self.stopped else Status.FINISHED

    def _save(self, event: EpochEnd) -> None:
        run, folder = self.run, self.job.folder
        self._place.require()
        evaluated = event.evaluated or run.reg.eval_model(run.model)
        if event.evaluated is not None and best_of(self.history) is event.record:
            checkpoint.save(folder / checkpoint.BEST, plain_state(evaluated), self.identity)
        if self.checkpoints == "all":
            checkpoint.save(folder / checkpoint.OF_EPOCH.format(event.record.epoch), plain_state(evaluated))
        state = {
            "version": RECORD_VERSION,
            "identity": self.identity,
            "content": self.content,
            "threads": self.threads,
            "stopped": self.stopped,
            "history": [[record.epoch, record.metrics] for record in self.history],
            "seconds": self.seconds,
            "audit": self.found,
            "in_shape": list(run.data.in_shape),
            "num_classes": run.data.num_classes,
            "vocabulary": run.data.vocabulary,
            "classes": list(run.data.classes),
            "tokens": run.data.tokens,
            "model": run.model.state_dict(),
            "optimizer": run.optimizer.state_dict(),
            "reg": run.reg.state_dict(),
            "evaluated": plain_state(evaluated),
        }
        checkpoint.save_last(folder, state)

    def _end(self, status: Status, reason: str, board: TensorBoard, ask: bool = True) -> None:
        """Keep what the members keep, measure it, and write the summary: on every way out.

        Args:
            status: of the run.
            reason: one sentence, or nothing.
            board: is shown the classes.
            ask: the members for what they keep; not again where one has failed over that.
        """
        run, folder, seconds = self.run, self.job.folder, self.seconds
        self._place.require()
        kept = checkpoint.exists(folder)
        if kept and not status.finished:
            kept = self._undone(status)
        summary = summarize(run, self.job.config, self.job.choices, self.history, self.found)
        final = run.reg.final_model(run.reg.eval_model(run.model)) if ask else run.model
        sound = ask and all(tensor.isfinite().all() for tensor in final.state_dict().values())
        if sound and kept:
            _keep(folder, final)
        if sound and any("final_model" in hooks(type(leaf)) for _, leaf in run.reg.leaves()):
            summary["kept"] = self._measured(final)
        before = undamaged(folder)
        summary |= {"status": status, "reason": reason, "test": before.get("test")}
        models = both(run, final, folder, self.identity) if status.finished else {}
        if models and read_settings(self.job.config)[0].evaluate_test:
            summary["test"] = read_test(run, models, before.get("test"))
        summary |= late_figures(models, run.data.val, run.autocast, run.evaluate if models else ())
        summary |= {"identity": self.identity, "content": self.content}
        summary |= {"seconds": seconds, "peak_memory_mb": peak_memory_mb(run.device)}
        summary["ended"] = datetime.now(UTC).isoformat(timespec="microseconds")
        self._place.require()
        write_json(folder / SUMMARY, summary)
        _show_classes(board, summary)
        if status.finished:  # before, any of them may be needed
            checkpoint.leave(folder, self.checkpoints)
        show_summary(self.job.console, summary, str(folder))

    def _undone(self, status: Status) -> bool:
        """Go back to the end of the last epoch; whether there is a checkpoint of it.

        Raises:
            ConfigError: the file is damaged. After a failure, once that has been said, it goes without.
        """
        try:
            self._back_to(_newest(self.job.folder))
        except ConfigError:
            if status is not Status.FAILED:
                raise
            return False
        return True

    def _measured(self, final: nn.Module) -> dict[str, Any]:
        """The figures of the weights that a member kept, with the epoch that they are of."""
        metrics = measure(final, self.run.data, self.run.autocast, self.run.evaluate)
        metrics |= gaps(metrics)
        of = (r.epoch for r in self.history if metrics.items() <= r.metrics.items())
        return {"epoch": next(of, None), "metrics": metrics}


def _show_classes(board: TensorBoard, summary: Mapping[str, Any]) -> None:
    """Put what was found of each class on the board, which has been closed."""
    for name, found in (summary["per_class"] or {}).items():
        epoch, classes = (summary[name] or summary["last"])["epoch"], summary["classes"]
        board.show({f"val/confusion/{name}": confusion_picture(found["confusion"], classes)}, epoch)
        board.tell({f"val/classes/{name}": class_table(found, classes)}, epoch)
    board.close()


def _newest(folder: Path) -> dict[str, Any]:
    """The checkpoint that a run has just written itself; the one before it would be of another epoch.

    Raises:
        ConfigError: it has been damaged since.
    """
    try:
        return checkpoint.load(folder / checkpoint.LAST, checkpoint_form.check_state)
    except checkpoint.Damaged as error:
        raise ConfigError(f"{folder}: {error}") from error


def _keep(folder: Path, final: nn.Module) -> None:
    """Put the weights that the run ends with into its newest checkpoint."""
    state = _newest(folder)
    checkpoint.save(folder / checkpoint.LAST, state | {"evaluated": plain_state(final)})

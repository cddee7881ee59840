"""What is kept of a run after each epoch, and how it is taken up again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from regbench.assembly.model import kept_buffers
from regbench.errors import ConfigError
from regbench.evaluation.measurement import predict
from regbench.records.files import RECORD_VERSION
from regbench.runs.course import Course
from regbench.runs.summary import best_of
from regbench.storage import checkpoint, checkpoint_form
from regbench.streams import kept_draws
from regbench.training.loop import EpochEnd
from regbench.types import Record
from regbench.weights import plain_state


def save(course: Course, event: EpochEnd) -> None:
    """Keep what the run is continued from, and the weights of its best epoch where this is it.

    Raises:
        ConfigError: the folder has been removed.
        OSError: it cannot be written.
    """
    run, folder = course.run, course.home.path
    course.place.require()
    evaluated = event.evaluated or run.reg.eval_model(run.model)
    if event.evaluated is not None and best_of(course.history) is event.record:
        checkpoint.save(folder / checkpoint.BEST, plain_state(evaluated), course.identity)
    if course.checkpoints == "all":
        checkpoint.save(folder / checkpoint.OF_EPOCH.format(event.record.epoch), plain_state(evaluated))
    checkpoint.save_last(folder, _state(course, evaluated))


def _state(course: Course, evaluated: nn.Module) -> dict[str, Any]:
    run = course.run
    return {
        "version": RECORD_VERSION,
        "identity": course.identity,
        "content": course.content,
        "threads": course.threads,
        "stopped": course.stopped,
        "history": [[record.epoch, record.metrics] for record in course.history],
        "seconds": course.seconds,
        "audit": course.found,
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


def restore(course: Course, state: Mapping[str, Any]) -> None:
    """Take up a checkpoint, and see that what it has made can be measured.

    Raises:
        Exception: whatever a state does that is not this run's.
    """
    run = course.run
    if len(state["history"]) > run.epochs:
        raise ValueError(f"it has {len(state['history'])} epochs of {run.epochs}")
    _put_back(course, state)
    course.untried = True
    with kept_draws(), kept_buffers(run.model):
        evaluated = run.reg.eval_model(run.model)
        for model in (evaluated, run.reg.final_model(evaluated)):
            predict(model, run.data.val.subset(slice(0, 2)), run.autocast)
    course.history = [Record(epoch, metrics) for epoch, metrics in state["history"]]
    course.stopped, course.seconds_before = state["stopped"], state["seconds"]


def _put_back(course: Course, state: Mapping[str, Any]) -> None:
    checkpoint_form.require_like(state["model"], course.run.model.state_dict())
    course.run.model.load_state_dict(state["model"])
    course.run.optimizer.load_state_dict(state["optimizer"])
    course.run.reg.load_state_dict(state["reg"])


def undo_epoch(course: Course) -> None:
    """Go back to the end of the last epoch: what has been done of the next one counts for nothing.

    Raises:
        ConfigError: its checkpoint has been damaged since.
    """
    _put_back(course, _newest(course.home.path))


def keep_final(course: Course, final: nn.Module) -> None:
    """Put the weights that the run ends with into its newest checkpoint."""
    folder = course.home.path
    state = _newest(folder)
    checkpoint.save(folder / checkpoint.LAST, state | {"evaluated": plain_state(final)})


def _newest(folder: Path) -> dict[str, Any]:
    """The checkpoint that a run has just written itself; the one before it would be of another epoch.

    Raises:
        ConfigError: it has been damaged since.
    """
    try:
        return checkpoint.load(folder / checkpoint.LAST, checkpoint_form.check_state)
    except checkpoint.Damaged as error:
        raise ConfigError(f"{folder}: {error}") from error


def require_best(folder: Path, state: Mapping[str, Any]) -> None:
    """Refuse before the work what would be missed after it: the weights of the best epoch of a state.

    Raises:
        checkpoint.Damaged: they are not there, not whole, or of another run.
    """
    if best_of([Record(epoch, dict(metrics)) for epoch, metrics in state["history"]]) is not None:
        checkpoint_form.best(folder, state["identity"])

"""What is kept of a run after each epoch, and how it is taken up again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from regbench.errors import ConfigError
from regbench.evaluation.measurement import predict
from regbench.nn.buffers import kept_buffers
from regbench.records.files import RECORD_VERSION
from regbench.runs.ongoing import Ongoing
from regbench.runs.summary import best_of
from regbench.storage import checkpoint, checkpoint_form
from regbench.streams import kept_draws
from regbench.training.loop import EpochEnd, Run
from regbench.types import Record
from regbench.weights import plain_state, same_states


class Keeper:
    """Keeps what a run is continued from, and the weights of its best epoch: on the disk, or at hand for it.

    A run that is killed goes on from what is on the disk, and comes to the same records; so where epochs take
    less than writing them, not each is written.

    Attributes:
        ongoing: of the run.
    """

    def __init__(self, ongoing: Ongoing) -> None:
        self.ongoing = ongoing
        self._state: dict[str, Any] | None = None  # of the last epoch, where it is not on the disk
        self._best: dict[str, Any] | None = None  # likewise, of the best

    def keep(self, event: EpochEnd, due: bool = True) -> None:
        """Keep an epoch.

        Args:
            event: its end; the run stands there.
            due: whether to write it now.

        Raises:
            ConfigError: the folder has been removed.
            OSError: it cannot be written.
        """
        ongoing, run = self.ongoing, self.ongoing.run
        each = ongoing.checkpoints == "all"
        # the run changes its own; what is one tensor in it stays one
        taken: Callable[[Any], Any] = _itself if due or each else partial(copied, made={})
        evaluated = event.evaluated or run.reg.eval_model(run.model)
        weights = plain_state(evaluated)
        if event.evaluated is not None and best_of(ongoing.history, run.monitor) is event.record:
            self._best = taken(weights)
        self._state = taken(_learned(run, weights))
        if each:
            ongoing.place.require()
            path = ongoing.home.path / checkpoint.OF_EPOCH.format(event.record.epoch)
            checkpoint.save(path, weights, ready=ongoing.place.require)
        if due or each:
            self.write()

    def write(self) -> None:
        """Write what is not on the disk yet: the best first, as what is continued from speaks of it.

        Raises:
            ConfigError: the folder has been removed.
            OSError: it cannot be written; it is not tried again.
        """
        ongoing, state, best = self.ongoing, self._state, self._best
        self._state = self._best = None
        if state is None:
            return
        ongoing.place.require()  # before it is begun, and whenever a file is about to take its place
        folder, ready = ongoing.home.path, ongoing.place.require
        if best is not None:
            checkpoint.save(folder / checkpoint.BEST, best, ongoing.identity, ready)
        checkpoint.save_last(folder, _about(ongoing) | state, ready)


def _about(ongoing: Ongoing) -> dict[str, Any]:
    """What a checkpoint says of its run, beside what has been learned."""
    data = ongoing.run.data
    return {
        "version": RECORD_VERSION,
        "identity": ongoing.identity,
        "content": ongoing.content,
        "threads": ongoing.threads,
        "stopped": ongoing.stopped,
        "history": [[record.epoch, record.metrics] for record in ongoing.history],
        "seconds": ongoing.seconds,
        "audit": ongoing.found,
        "in_shape": list(data.in_shape),
        "num_classes": data.num_classes,
        "vocabulary": data.vocabulary,
        "classes": list(data.classes),
        "scale": data.train.scale if data.train.inputs.dtype == torch.uint8 else None,
        "numbers": None if data.train.numbers is None else asdict(data.train.numbers),
        "tokens": data.tokens,
        "columns": None if data.columns is None else list(data.columns),
    }


def _learned(run: Run, evaluated: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "model": run.model.state_dict(),
        "optimizer": run.optimizer.state_dict(),
        "reg": run.reg.state_dict(),
        "evaluated": evaluated,
    }


def _itself(state: Any) -> Any:
    return state


def copied(state: Any, made: dict[Any, Tensor]) -> Any:
    """A state of its own: its tensors, dicts and lists are copies.

    Args:
        state: of a model, an optimizer or a member.
        made: copies that were made of other states of the same run, and are made here.
    """
    if isinstance(state, Tensor):
        place = state.data_ptr(), state.shape, state.stride(), state.dtype
        if place not in made or not state.numel():
            made[place] = state.detach().clone()
        return made[place]
    if isinstance(state, list):
        return [copied(value, made) for value in state]
    if isinstance(state, dict):
        own = copy(state)  # with what torch hangs on it
        own.update((name, copied(value, made)) for name, value in state.items())
        return own
    return state


def restore(ongoing: Ongoing, state: Mapping[str, Any]) -> None:
    """Take up a checkpoint, and see that what it has made can be measured.

    Raises:
        Exception: whatever a state does that is not this run's.
    """
    ongoing.untried = True
    ongoing.history = taken_up(ongoing.run, state)
    ongoing.stopped, ongoing.seconds_before = state["stopped"], state["seconds"]


def taken_up(run: Run, state: Mapping[str, Any]) -> list[Record]:
    """Put the state of a checkpoint into a run, see that it can be measured, and return its history.

    Raises:
        Exception: whatever a state does that is not this run's.
    """
    if len(state["history"]) > run.epochs:
        raise ValueError(f"it has {len(state['history'])} epochs of {run.epochs}")
    _put_back(run, state)
    devices = [run.device] if run.device.type == "cuda" else []
    with kept_draws(devices), kept_buffers(run.model):
        evaluated = run.reg.eval_model(run.model)
        for model in (evaluated, run.reg.final_model(evaluated)):
            predict(model, run.data.val.subset(slice(0, 2)), run.autocast)
    return [Record(epoch, metrics) for epoch, metrics in state["history"]]


def _put_back(run: Run, state: Mapping[str, Any]) -> None:
    checkpoint_form.require_like(state["model"], run.model.state_dict())
    run.model.load_state_dict(state["model"])
    run.optimizer.load_state_dict(state["optimizer"])
    run.reg.load_state_dict(state["reg"])


def undo_epoch(ongoing: Ongoing) -> None:
    """Go back to the end of the last epoch: what has been done of the next one counts for nothing.

    Raises:
        ConfigError: its checkpoint has been damaged since.
    """
    _put_back(ongoing.run, _newest(ongoing.home.path))


def keep_final(ongoing: Ongoing, final: nn.Module) -> bool:
    """Put the weights that the run ends with into its newest checkpoint; whether they are others."""
    folder = ongoing.home.path
    state, weights = _newest(folder), plain_state(final)
    if same_states(state["evaluated"], weights):
        return False
    checkpoint.save(folder / checkpoint.LAST, state | {"evaluated": weights}, ready=ongoing.place.require)
    return True


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
    if any("select/loss" in metrics for _, metrics in state["history"]):
        checkpoint_form.best(folder, state["identity"])

"""What is kept of a run after each epoch, and how it is taken up again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from regbench.errors import ConfigError
from regbench.evaluation.measurement import predict
from regbench.nn.buffers import kept_buffers
from regbench.records.files import RECORD_VERSION
from regbench.runs.ongoing import Ongoing
from regbench.runs.summary import best_of
from regbench.storage import checkpoint, checkpoint_form
from regbench.streams import kept_draws
from regbench.training.loop import EpochEnd
from regbench.types import Record
from regbench.weights import plain_state, same_states


def save(ongoing: Ongoing, event: EpochEnd) -> None:
    """Keep what the run is continued from, and the weights of its best epoch where this is it.

    Raises:
        ConfigError: the folder has been removed.
        OSError: it cannot be written.
    """
    run, folder = ongoing.run, ongoing.home.path
    ongoing.place.require()
    evaluated = event.evaluated or run.reg.eval_model(run.model)
    if event.evaluated is not None and best_of(ongoing.history, run.monitor) is event.record:
        checkpoint.save(folder / checkpoint.BEST, plain_state(evaluated), ongoing.identity)
    if ongoing.checkpoints == "all":
        checkpoint.save(folder / checkpoint.OF_EPOCH.format(event.record.epoch), plain_state(evaluated))
    checkpoint.save_last(folder, _state(ongoing, evaluated))


def _state(ongoing: Ongoing, evaluated: nn.Module) -> dict[str, Any]:
    run = ongoing.run
    return {
        "version": RECORD_VERSION,
        "identity": ongoing.identity,
        "content": ongoing.content,
        "threads": ongoing.threads,
        "stopped": ongoing.stopped,
        "history": [[record.epoch, record.metrics] for record in ongoing.history],
        "seconds": ongoing.seconds,
        "audit": ongoing.found,
        "in_shape": list(run.data.in_shape),
        "num_classes": run.data.num_classes,
        "vocabulary": run.data.vocabulary,
        "classes": list(run.data.classes),
        "scale": run.data.train.scale if run.data.train.inputs.dtype == torch.uint8 else None,
        "numbers": None if run.data.train.numbers is None else asdict(run.data.train.numbers),
        "tokens": run.data.tokens,
        "columns": None if run.data.columns is None else list(run.data.columns),
        "model": run.model.state_dict(),
        "optimizer": run.optimizer.state_dict(),
        "reg": run.reg.state_dict(),
        "evaluated": plain_state(evaluated),
    }


def restore(ongoing: Ongoing, state: Mapping[str, Any]) -> None:
    """Take up a checkpoint, and see that what it has made can be measured.

    Raises:
        Exception: whatever a state does that is not this run's.
    """
    run = ongoing.run
    if len(state["history"]) > run.epochs:
        raise ValueError(f"it has {len(state['history'])} epochs of {run.epochs}")
    _put_back(ongoing, state)
    ongoing.untried = True
    with kept_draws(), kept_buffers(run.model):
        evaluated = run.reg.eval_model(run.model)
        for model in (evaluated, run.reg.final_model(evaluated)):
            predict(model, run.data.val.subset(slice(0, 2)), run.autocast)
    ongoing.history = [Record(epoch, metrics) for epoch, metrics in state["history"]]
    ongoing.stopped, ongoing.seconds_before = state["stopped"], state["seconds"]


def _put_back(ongoing: Ongoing, state: Mapping[str, Any]) -> None:
    checkpoint_form.require_like(state["model"], ongoing.run.model.state_dict())
    ongoing.run.model.load_state_dict(state["model"])
    ongoing.run.optimizer.load_state_dict(state["optimizer"])
    ongoing.run.reg.load_state_dict(state["reg"])


def undo_epoch(ongoing: Ongoing) -> None:
    """Go back to the end of the last epoch: what has been done of the next one counts for nothing.

    Raises:
        ConfigError: its checkpoint has been damaged since.
    """
    _put_back(ongoing, _newest(ongoing.home.path))


def keep_final(ongoing: Ongoing, final: nn.Module) -> bool:
    """Put the weights that the run ends with into its newest checkpoint; whether they are others."""
    folder = ongoing.home.path
    state, weights = _newest(folder), plain_state(final)
    if same_states(state["evaluated"], weights):
        return False
    checkpoint.save(folder / checkpoint.LAST, state | {"evaluated": weights})
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

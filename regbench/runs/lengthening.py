"""A run made longer: what has been trained of it must be the start of the longer run, to the bit."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from regbench.assembly.data import content_of
from regbench.assembly.run import build_run
from regbench.composition.recorded import distrust_of, longer_line, read_run, write_longer
from regbench.composition.settings import Config
from regbench.composition.trust import UNTRUSTED, Trust, require_trusted
from regbench.errors import ConfigError
from regbench.records.files import change_summary, read_summary
from regbench.records.identity import DIGITS, identity, stem
from regbench.records.status import Status
from regbench.records.summary import Epochs, Sealed
from regbench.runs.sealed import require_same_data
from regbench.storage import checkpoint, checkpoint_form
from regbench.storage.reading import there
from regbench.training.loop import batch_order


def lengthen(folder: Path, epochs: int, trust: Trust = UNTRUSTED) -> Path:
    """Make an unfinished or finished run one of more epochs, ready to be continued; return its folder.

    The folder of a sweep's job is called by its identity, so it is given another name: the line with as many
    epochs then finds the run, and the line that has made it does not.

    Args:
        folder: of a run that nobody works in.
        epochs: of the whole run.
        trust: see `read_run`.

    Raises:
        ConfigError: the longer run would not begin as this one did, or too little is left of it. Nothing has
            been changed.
    """
    config, longer = read_run(folder, trust=trust)[0], read_run(folder, epochs, trust)[0]
    require_trusted(longer, distrust_of(folder, trust))
    _refuse_ended(folder, epochs)
    state = _state(folder, config, longer)
    done = len(state["history"]) if state else 0
    if epochs <= done:
        raise ConfigError(f"train.epochs: must be more than the {done} that are done, got {epochs}")
    if done:
        _refuse_another_start(folder, config, longer, done)
    made = identity(longer, content_of(longer, _recorded(folder)))
    place = _renamed(folder, config, made)
    if place != folder and there(place):
        raise ConfigError(f"train.epochs: the run of {epochs} epochs is there already, in {place}")
    # Whatever of this has been done when the process dies, the same command does the rest.
    if state:
        checkpoint.save(folder / checkpoint.LAST, state | {"identity": made})
        if there(folder / checkpoint.BEST):
            checkpoint.save(folder / checkpoint.BEST, checkpoint_form.best(folder), made)
    write_longer(folder, epochs, Path(os.path.abspath(place)).name)
    _reopen(folder, longer, made, done)
    if place != folder:
        os.rename(folder, place)
    return place


def _refuse_ended(folder: Path, epochs: int) -> None:
    summary = read_summary(folder)
    ways = {Status.STOPPED: "was stopped by a member", Status.DIVERGED: "has diverged"}
    if summary is not None and summary.status is Status.PRUNED:
        raise ConfigError(
            f"train.epochs: {folder} was pruned by a search after epoch {summary.epochs.done}, and what was "
            f"given up is not gone on with; type {longer_line(folder, epochs)}"
        )
    if summary is None or summary.status not in ways:
        return
    how, done = ways[summary.status], summary.epochs.done
    raise ConfigError(
        f"train.epochs: {folder} {how} after epoch {done}, as a longer run would; there is nothing to extend"
    )


def _state(folder: Path, config: Config, longer: Config) -> dict[str, Any] | None:
    """The newest checkpoint; None where no epoch has been done yet."""
    summary = read_summary(folder)
    finished = summary is not None and summary.status is Status.FINISHED
    names = [checkpoint.LAST, checkpoint.BEST] if finished else []
    missing = [name for name in names if not there(folder / name)]
    epochs = longer["train"]["epochs"]
    if missing:
        raise ConfigError(
            f"train.epochs: {folder} holds no {missing[0]} to go on with, "
            f"as checkpoints={config['checkpoints']} leaves none; type {longer_line(folder, epochs)}"
        )
    if not checkpoint.exists(folder):
        return None
    require_same_data(folder, config)
    own = [identity(one, content_of(one, _recorded(folder))) for one in (config, longer)]
    try:
        state, _ = checkpoint_form.newest(folder)
        if there(folder / checkpoint.BEST):
            checkpoint_form.best(folder, *own)
    except checkpoint.Damaged as error:
        raise ConfigError(f"{folder}: {error}; type {longer_line(folder, epochs)}") from error
    if state["identity"] not in own:
        raise ConfigError(
            f"{folder}: its checkpoint is of a different configuration; train into a new folder"
        )
    return state


def _recorded(folder: Path) -> str | None:
    """What its record says of data and initial weights."""
    summary = read_summary(folder)
    return summary.content if summary else None


def _refuse_another_start(folder: Path, config: Config, longer: Config, done: int) -> None:
    """Refuse where a longer run would have trained its first epochs otherwise."""
    before, after = config["train"]["epochs"], longer["train"]["epochs"]
    instead = f"type {longer_line(folder, after)}"
    for key in _others(config, longer):
        raise ConfigError(f"{key}: follows train.epochs, so a longer run begins otherwise; {instead}")
    run = build_run(longer, learn=False, initial=False)
    steps = len(batch_order(run, 0))
    factors = (
        [run.schedule((step + 0.5) / (steps * n)) for step in range(steps * done)] for n in (before, after)
    )
    if len({tuple(one) for one in factors}) > 1:
        raise ConfigError(
            f"schedule: follows the length of the run, so {after} epochs do not begin as {before} do, "
            f"which they would with schedule=constant; {instead}"
        )
    for name, leaf in run.reg.leaves():
        if leaf.follows_length or leaf.schedules:
            raise ConfigError(
                f"reg.{name}: follows the length of the run, so a longer one begins otherwise; {instead}"
            )
    every = config["train"]["evaluate_every"]
    if done == before and done % every:
        raise ConfigError(
            f"train.evaluate_every: epoch {done} was evaluated as the last one, and with {every} "
            f"would not be in a longer run; {instead}"
        )


def _others(config: Any, longer: Any, key: str = "") -> list[str]:
    """Keys other than the number of epochs whose values differ."""
    if isinstance(config, dict) and isinstance(longer, dict):
        return [k for n in config for k in _others(config[n], longer.get(n), f"{key}.{n}".lstrip("."))]
    return [key] if config != longer and key != "train.epochs" else []


def _renamed(folder: Path, config: Config, made: str) -> Path:
    """The folder's name with the identity of the longer run, where it has one in it."""
    place = Path(os.path.abspath(folder))
    named = re.fullmatch(rf"({re.escape(stem(config))}_)[0-9a-f]{{{DIGITS}}}(_\d+)?", place.name)
    return folder if named is None else place.with_name(f"{named[1]}{made[:DIGITS]}")


def _reopen(folder: Path, longer: Config, made: str, done: int) -> None:
    """Say in the summary that the run is to go on; of readings of the test split their number is kept."""
    summary = read_summary(folder)
    if summary is None:
        return
    change_summary(
        folder,
        status=Status.INTERRUPTED,
        reason="",
        config=dict(longer),
        identity=made,
        epochs=Epochs(longer["train"]["epochs"], done),
        test=Sealed(reads=summary.reads) if summary.reads else None,
        reliability=None,
        corruption=None,
    )

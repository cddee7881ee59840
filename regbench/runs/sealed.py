"""The sealed test split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from regbench.assembly.data import data_content_of, load_data
from regbench.assembly.device import find_device
from regbench.assembly.trained import require_same_run
from regbench.composition.recorded import distrust_of, read_run
from regbench.composition.settings import read_settings
from regbench.composition.trust import Trust, require_trusted
from regbench.errors import ConfigError
from regbench.evaluation.measurement import Autocast, evaluate
from regbench.folders.lock import locked
from regbench.folders.placement import refuse_unwritable
from regbench.instantiation.boundary import reason as reason_of
from regbench.instantiation.boundary import refusing
from regbench.nn.snapshots import WithWeights
from regbench.records.files import change_summary, read_summary, undamaged
from regbench.records.identity import parts_of_content
from regbench.records.summary import Sealed
from regbench.runs.load import load_model
from regbench.storage import checkpoint_form
from regbench.training.loop import Run, autocast_for
from regbench.types import Dataset
from regbench.weights import load_plain_state, same_weights


def with_best_weights(run: Run, folder: Path, own: str) -> nn.Module:
    """The model with the weights of the run's best epoch.

    Raises:
        ConfigError: the file with them is damaged, or not of this run.
    """
    best = WithWeights(run.model, run.model.state_dict())
    try:
        weights = checkpoint_form.best(folder, own)
        load_plain_state(best, {name: tensor.to(run.device) for name, tensor in weights.items()})
    except (ValueError, RuntimeError) as error:
        raise ConfigError(f"{folder}: {reason_of(error)}") from error
    return best


def read_test(
    models: Mapping[str, nn.Module],
    data: Dataset,
    autocast: Autocast,
    asked: Sequence[str],
    before: int,
) -> Sealed:
    """Open the sealed test split once, for all of the models together, and count it.

    Nothing else opens it.

    Args:
        models: `last` with the weights that the run ended with, `best` with those of its best epoch; where
            these are one object it is measured once.
        data: of the run.
        autocast: the number format.
        asked: what else to measure (`evaluate`).
        before: how often the split has been read before.

    Raises:
        ValueError: the dataset has no test split.
    """
    if data.read_test is None:
        raise ValueError("must have a test split to read, and its dataset has none")
    test = data.read_test()
    several = {id(model): model for model in models.values()}
    figures = {place: evaluate(model, test, autocast, asked) for place, model in several.items()}
    return Sealed(**{name: dict(figures[id(model)]) for name, model in models.items()}, reads=before + 1)


def require_same_data(folder: Path, config: Mapping[str, Any]) -> None:
    """Refuse a person's data that are no longer those that a run was trained on.

    Raises:
        ConfigError: they are others: what is cut from them as test might have been train.
    """
    before = undamaged(folder)
    content = parts_of_content(config, before.content)[0] if before and before.content else ""
    # empty, or not there, where checksums pin them
    if content and data_content_of(config) != content:
        raise ConfigError(
            f"{folder}: its data have changed since it was trained, so that rows of test may have been rows "
            "of train; put them back, or train into a new folder"
        )


def require_readable(folder: Path, trust: Trust) -> None:
    """Refuse what would be found out after the test split has been read.

    Raises:
        ConfigError: the weights are damaged, or data or configuration are others than those of the run.
    """
    refuse_unwritable(folder, str(folder))  # the reading is counted there
    config = read_run(folder, trust=trust)[0]
    require_trusted(config, distrust_of(folder, trust))
    require_same_data(folder, config)
    if found := undamaged(folder):
        state = {"version": found.version, "identity": found.identity, "content": found.content}
        require_same_run(folder, config, state)
    for weights in ("last", "best"):
        model = load_model(folder, weights, trust)
        if any(one.isfinite().logical_not().any() for one in (*model.parameters(), *model.buffers())):
            raise ConfigError(f"{folder}: its {weights} weights must be finite numbers, and are not")


def read_again(folder: Path, before: int, trust: Trust) -> Sealed:
    """What the last and the best weights of an ended run reach on its test split, by `read_test`.

    Args:
        folder: of a finished run (`require_readable`).
        before: how often it was read before.
        trust: what of the run may be called.

    Raises:
        ConfigError: the dataset has no test split.
    """
    config, _ = read_run(folder, trust=trust)
    settings, _ = read_settings(config)
    device, bf16 = find_device(settings.device), settings.precision == "bf16"
    data = load_data(config["dataset"]).to(device)
    models = {name: load_model(folder, name, trust).to(device) for name in ("last", "best")}
    if same_weights(*models.values()):
        models["best"] = models["last"]
    with refusing(f"{folder}: "):
        return read_test(models, data, lambda: autocast_for(device, bf16), settings.evaluate, before)


def read_counted(folder: Path, trust: Trust, at_most: int | None = None) -> Sealed:
    """The same, counted in the run's summary while nobody else works in its folder.

    Args:
        folder: of a finished run (`require_readable`).
        trust: what of the run may be called.
        at_most: where it has been read more often than that, it is not read again; None: it is, anyway.

    Raises:
        ConfigError: the dataset has no test split, or the folder holds no summary any more.
    """
    with locked(folder, wait=True) as hold:  # of several at once each counts
        summary = read_summary(folder)
        if summary is None:
            raise ConfigError(f"{folder}: must be a finished run, and holds no summary")
        if at_most is not None and summary.test and summary.reads > at_most:
            return summary.test
        test = read_again(folder, summary.reads, trust)
        hold.require()
        change_summary(folder, test=test)
    return test

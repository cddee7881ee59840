"""The model of a run folder, with the weights that were trained."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from regbench.assembly.data import content_of
from regbench.assembly.model import build_net
from regbench.assembly.sites import mark_sites
from regbench.assembly.stack import build_stack
from regbench.composition.recorded import distrust_of, read_run
from regbench.composition.settings import read_settings
from regbench.composition.trust import Trust, require_trusted
from regbench.errors import ConfigError
from regbench.instantiation.boundary import refusing
from regbench.nn.normalization import Normalization, Normalized
from regbench.records.files import READ_VERSIONS, undamaged
from regbench.records.identity import identity, is_path
from regbench.storage import checkpoint, checkpoint_form
from regbench.streams import Clock, kept_draws, seed_draws
from regbench.tasks import Regression
from regbench.types import Dataset
from regbench.weights import load_plain_state, plain_state

ABOUT = ("in_shape", "num_classes", "vocabulary", "classes", "tokens", "columns")  # what is kept of the data


@dataclass(frozen=True)
class Trained:
    """A trained model and what it was trained on.

    Attributes:
        model: in evaluation mode, its normalization in front, on the CPU.
        about: the data, by the names that a checkpoint gives its parts; older ones lack some.
        numbers: that it predicts; None of classes.
    """

    model: nn.Module
    about: Mapping[str, Any]
    numbers: Regression | None

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, or their numbers where no names are known; of numbers none."""
        named = self.about.get("classes") or map(str, range(self.about["num_classes"]))
        return () if self.numbers else tuple(named)


def read_trained(folder: Path, weights: str, trust: Trust) -> Trained:
    """The model of a run folder; neither its dataset nor what it learned from is needed.

    Args:
        folder: of the run.
        weights: best or last.
        trust: what of the run may be called.

    Raises:
        ConfigError: the folder is none of a run, it is damaged, or it names what may not be called.
    """
    config, _ = read_run(folder, trust=trust)
    require_trusted(config, distrust_of(folder, trust))
    try:
        state, _ = checkpoint_form.newest(folder)
        tensors = state["evaluated"] if weights == "last" else checkpoint_form.best(folder, state["identity"])
    except checkpoint.Damaged as error:
        raise ConfigError(f"{folder}: {error}") from error
    require_same_run(folder, config, state)
    model = _built(folder, config, state, tensors, weights)
    about = {name: state[name] for name in ABOUT if name in state}
    return Trained(model.eval(), about, _numbers(folder, state.get("numbers")))


def plain_names(folder: Path, data: Dataset, trust: Trust) -> set[str]:
    """The names of the tensors of a run's model as it was before any member put something in.

    Args:
        folder: of the run.
        data: what the model is to be made for; what it was trained on need not be there.
        trust: what of the run may be called.

    Raises:
        ConfigError: as `read_trained`, or the model cannot be made for these data.
    """
    config, _ = read_run(folder, trust=trust)
    require_trusted(config, distrust_of(folder, trust))
    with kept_draws():
        net = build_net(config["model"], data.in_shape, data.num_classes, data.vocabulary)
    return {f"net.{name}" for name in plain_state(net)}


def require_same_run(folder: Path, config: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Refuse a configuration that is no longer the one that was trained.

    A person's own data count as their digest, which the run's record has, so that they need not be there.

    Args:
        folder: of the run.
        config: as it is recorded there.
        state: what was kept of the run: `version`, `identity`, and perhaps `content`.

    Raises:
        ConfigError: the identity is another one.
    """
    if state["version"] not in READ_VERSIONS or not state.get("identity"):
        return
    summary = undamaged(folder)
    content = state.get("content", summary and summary.content)
    with suppress(ConfigError):  # nothing is known of data that are not there any more
        content = content_of(config) if content is None else content
    moved = _with_paths(config, summary and summary.config)
    if content is not None and state["identity"] not in [identity(one, content) for one in (config, moved)]:
        raise ConfigError(
            f"{folder}: .hydra/config.yaml is not that of the run, which was trained with another "
            "configuration; put it back"
        )


def _with_paths(config: Any, before: Any) -> Any:
    """A configuration with the paths that it had before: what they lead to may have moved."""
    if not isinstance(config, dict) or not isinstance(before, dict):
        return config
    return {
        name: before[name]
        if is_path(name, value) and isinstance(value, str) and isinstance(before.get(name), str)
        else _with_paths(value, before.get(name))
        for name, value in config.items()
    }


def _built(
    folder: Path,
    config: Mapping[str, Any],
    state: Mapping[str, Any],
    tensors: dict[str, Tensor],
    weights: str,
) -> Any:
    """The model of a run's configuration with these weights."""
    unfit = f"{folder}: its {weights} weights do not fit its configuration: "
    seed = read_settings(config)[0].seed
    with refusing(f"{folder}: "), kept_draws():  # whoever calls this keeps their own draws
        seed_draws(seed)
        net = build_net(config["model"], state["in_shape"], state["num_classes"], state["vocabulary"])
        normalization: nn.Module = nn.Identity()
        if state["vocabulary"] is None:
            with refusing(unfit):
                normalization = _normalization(tensors, len(state["in_shape"]))
        stack = build_stack(config["reg"], seed=seed).bind(seed, Clock())
        plain = Normalized(normalization, net, state["num_classes"])
        mark_sites(plain, config["model"], state["in_shape"], state["vocabulary"])
        model: Any = stack.prepare_model(plain)
    with refusing(unfit):
        checkpoint_form.require_like(tensors, plain_state(model))
        load_plain_state(model, tensors)
    return model


def _normalization(tensors: Mapping[str, Tensor], axes: int) -> Normalization:
    """The one that was trained with, of inputs with so many axes.

    Raises:
        ValueError: there is none.
    """
    found = [tensors.get(f"normalization.{name}") for name in ("mean", "std")]
    mean, std = found
    if mean is None or std is None or mean.shape != std.shape or mean.dim() != axes:
        raise ValueError("they must have a mean and a standard deviation of the inputs for each channel")
    return Normalization(mean, std)


def _numbers(folder: Path, kept: Mapping[str, Any] | None) -> Regression | None:
    """What a checkpoint has kept of the numbers to predict; None of classes."""
    if kept is None:
        return None
    with refusing(f"{folder}: its numbers cannot be read: "):
        listed = {name: tuple(kept[name]) for name in ("mean", "std", "targets")}
        return Regression(**{**kept, **listed})

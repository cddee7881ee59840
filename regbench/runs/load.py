"""The trained model of a run folder."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from regbench.assembly.data import content_of
from regbench.assembly.model import build_net
from regbench.assembly.sites import mark_sites
from regbench.assembly.stack import build_stack
from regbench.composition.recorded import distrust_of, read_run
from regbench.composition.settings import read_settings
from regbench.composition.trust import UNTRUSTED, Trust, require_trusted
from regbench.data.table_files.taking import RowEncoder
from regbench.data.text_files.tokens import Tokenizer
from regbench.errors import ConfigError
from regbench.instantiation.boundary import refusing
from regbench.nn.normalization import Normalization, Normalized
from regbench.records.files import READ_VERSIONS, undamaged
from regbench.records.identity import identity, is_path
from regbench.storage import checkpoint, checkpoint_form
from regbench.streams import Clock, kept_draws, seed_draws
from regbench.tasks import Regression
from regbench.weights import load_plain_state, plain_state


def load_model(
    folder: str | Path, weights: str = "best", trust: Trust = UNTRUSTED, in_units: bool = False
) -> nn.Module:
    """See `regbench.load`.

    Args:
        folder: of the run.
        weights: best or last.
        trust: what of the run may be called.
        in_units: whether numbers that it predicts are put back into the unit of their targets; else they are
            standardized, as in training.
    """
    folder = Path(folder)
    if weights not in ("best", "last"):
        raise ConfigError(f"weights must be best or last, got {weights!r}")
    config, _ = read_run(folder, trust=trust)
    require_trusted(config, distrust_of(folder, trust))
    try:
        state, _ = checkpoint_form.newest(folder)
        tensors = state["evaluated"] if weights == "last" else checkpoint_form.best(folder, state["identity"])
    except checkpoint.Damaged as error:
        raise ConfigError(f"{folder}: {error}") from error
    require_same_run(folder, config, state)
    model = _built(folder, config, state, tensors, weights)
    numbers = _numbers(folder, state.get("numbers"))
    named = state.get("classes") or map(str, range(state["num_classes"]))
    model.classes, model.numbers = () if numbers else tuple(named), numbers
    if numbers is not None and in_units:
        model.register_forward_hook(InUnits(numbers))
    if state["vocabulary"] is not None:
        tokens = state.get("tokens")
        with refusing(f"{folder}: its words cannot be read: "):
            tokenizer = Tokenizer(**tokens) if tokens else None
        model.register_forward_pre_hook(TakesSentences(tokenizer))
    elif state.get("columns") is not None:
        with refusing(f"{folder}: its columns cannot be read: "):
            model.register_forward_pre_hook(TakesRows(RowEncoder(state["columns"])))
    return model.eval()


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


class InUnits:
    """After a forward pass: standardized numbers become those of their unit.

    Args:
        numbers: how they were standardized.
    """

    def __init__(self, numbers: Regression) -> None:
        self.numbers = numbers

    def __call__(self, model: nn.Module, inputs: tuple[Any, ...], outputs: Tensor) -> Tensor:
        return self.numbers.in_units(outputs)


class TakesSentences:
    """Before a forward pass: a list of sentences becomes token ids; token ids stay as they are.

    Args:
        tokenizer: of the run; None where its checkpoint has kept no words.
    """

    def __init__(self, tokenizer: Tokenizer | None) -> None:
        self.tokenizer = tokenizer

    def __call__(self, model: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments of the pass.

        Raises:
            ValueError: they are neither, or the words are not known.
        """
        if isinstance(inputs[0], Tensor):
            return inputs
        if self.tokenizer is None:
            raise ValueError("inputs must be token ids, for the run has kept no words of its vocabulary")
        device = next(model.parameters()).device
        return (self.tokenizer(inputs[0]).to(device), *inputs[1:])


class TakesRows:
    """Before a forward pass: rows of a table, dicts or a data frame, become inputs; tensors stay as they are.

    Args:
        encoder: of the run.
    """

    def __init__(self, encoder: RowEncoder) -> None:
        self.encoder = encoder

    def __call__(self, model: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments of the pass.

        Raises:
            ValueError: they are neither.
        """
        if isinstance(inputs[0], Tensor):
            return inputs
        device = next(model.parameters()).device
        return (self.encoder(inputs[0]).to(device), *inputs[1:])

"""A stack by the names of its members."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from regbench.assembly.stack import build_stack
from regbench.composition.kinds import STRENGTH
from regbench.composition.named_option import named_option
from regbench.errors import ConfigError, brief
from regbench.library.applied import Applied
from regbench.library.front import OwnNoise, Sites
from regbench.library.preparation import prepare
from regbench.library.rows import Rows
from regbench.regularizers import base
from regbench.regularizers.base import Regularizer
from regbench.tasks import Task


class Stack(base.Stack):
    """Regularizers in the order of their calls, and the seed that all their draws come from.

    It is a description: `apply` works on a copy, so that one stack serves many models.

    Attributes:
        members: the regularizers by name, in order.
        seed: from 0 to 2^32 - 1.
    """

    def __init__(self, members: Mapping[str, Regularizer], seed: int = 0) -> None:
        super().__init__(members)
        self.seed = seed

    def __str__(self) -> str:
        return f"{' + '.join(self.members) or 'the empty stack'}, seed {self.seed}"

    def apply(
        self,
        model: nn.Module,
        optimizer: Any = None,
        *,
        train: Rows,
        epochs: int,
        steps_per_epoch: int | None = None,
        num_classes: int | None = None,
        task: Task | None = None,
        loss: Callable[[Tensor, Tensor], Tensor] | None = None,
        class_weights: Tensor | None = None,
        sites: Sites = "auto",
        own_noise: OwnNoise = "keep",
    ) -> Applied:
        """Prepare a model, in place, and its optimizer for a training loop of one's own.

        Args:
            model: takes a batch's inputs and returns logits (B, C), or numbers (B, K); what it returns may
                also hold them as `logits`.
            optimizer: a torch optimizer over the model's parameters. Parameters that a member adds are added
                to its first group. From now on its `step` edits gradients and weights as the members ask.
                Where it is made later: `Applied.prepare_optimizer`.
            train: the rows to learn from, for members that look at them or learn from them: (inputs, labels),
                a map-style Dataset, a DataLoader, or a `regbench.types.Split`.
            epochs: that the loop is going to have.
            steps_per_epoch: updates of an epoch; a DataLoader's length where `train` is one.
            num_classes: C; found from the model's logits for two rows where it is not given.
            task: what is predicted; by default classes where labels are whole numbers or rows of
                probabilities (B, C), else numbers, as they are.
            loss: of (outputs (B, K), targets (B, K)), a scalar, in the place of the cross-entropy, or of the
                mean squared error. Targets are what the members have made of the labels, and labels one-hot.
            class_weights: (C,) of the cross-entropy.
            sites: where members may act in a model that holds no `regbench.sites.Site`: `auto` finds places
                by type, `none` marks none, a mapping from kinds to globs over paths of modules names them.
                Names in the model's state stay as they are.
            own_noise: off switches off dropout and stochastic depth that the model brings along.

        Raises:
            ConfigError: a member refuses the model (such as one without the sites it needs), the data or the
                optimizer; what is said begins with the member's name.
        """
        return prepare(
            copy.deepcopy(self),
            model,
            optimizer,
            seed=self.seed,
            train=train,
            epochs=epochs,
            steps_per_epoch=steps_per_epoch,
            num_classes=num_classes,
            task=task,
            loss=loss,
            class_weights=class_weights,
            sites=sites,
            own_noise=own_noise,
        )


def stack(
    *names: str,
    seed: int = 0,
    config_dir: str | Path | None = None,
    **members: Mapping[str, Any] | Regularizer,
) -> Stack:
    """Regularizers by the names of the catalogue (`regbench list reg`), in the order of the arguments.

    Args:
        *names: members at the values of their YAML.
        seed: of all draws of the members, from 0 to 2^32 - 1.
        config_dir: a folder of further options, `reg/NAME.yaml` in it, which is put on the import path.
        **members: members with values that count before those of the YAML, as in mixup={"alpha": 0.2}; or
            any name with a `Regularizer` of your own, or with one of the catalogue's a second time.

    Raises:
        ConfigError: there is no such regularizer or field, a value is wrong, or two members exclude each
            other; in one sentence, with the name that may have been meant.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise ConfigError(f"seed: must be a whole number in [0, 2^32 - 1], got {brief(repr(seed))}")
    odd = next((name for name in names if not isinstance(name, str)), None)
    if odd is not None:
        raise ConfigError(f"reg: must be names of regularizers, got {brief(repr(odd))}")
    twice = next((name for name in names if name in members or names.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(
            f"reg.{twice}: given twice; the second one needs a name of its own, and is given as a Regularizer"
        )
    made: dict[str, Regularizer] = {}
    for name, values in [*((name, {}) for name in names), *members.items()]:
        made[name] = _member(name, values, seed, config_dir)
    try:
        return Stack(made, seed)
    except ValueError as error:
        raise ConfigError(f"reg: {error}") from error


def _member(name: str, values: Any, seed: int, config_dir: str | Path | None) -> Regularizer:
    if isinstance(values, Regularizer):
        return copy.deepcopy(values)
    if not isinstance(values, Mapping):
        raise ConfigError(
            f"reg.{name}: must be a Regularizer, or a mapping of fields to values, got {brief(repr(values))}"
        )
    node = named_option("reg", name, {key: _as_node(value) for key, value in values.items()}, config_dir)
    return build_stack({name: node}, seed=seed).members[name]


def _as_node(value: Any) -> Any:
    """A schedule as a configuration has it; any other value as it is."""
    cls = type(value)
    if not is_dataclass(value) or isinstance(value, type) or not STRENGTH.suits(cls):
        return value
    own = {field.name: getattr(value, field.name) for field in fields(value) if field.init}
    return {"_target_": f"{cls.__module__}.{cls.__qualname__}", **own}

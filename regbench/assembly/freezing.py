"""Parameters that are not trained (`model.freeze`)."""

from __future__ import annotations

from typing import Any

from torch import nn

from regbench.assembly.globs import matched
from regbench.composition.settings import Config
from regbench.errors import ConfigError
from regbench.instantiation.fields import converted
from regbench.weights import plain_parameters


def freeze(net: nn.Module, node: Config) -> None:
    """Freeze what the model's node lists under `freeze`, in place.

    A normalization with running statistics whose every parameter is frozen keeps its statistics: it stays in
    evaluation mode while the model trains. One without parameters does as the module around it.

    Raises:
        ConfigError: a glob names nothing, or nothing is left to train.
    """
    asked = converted(node.get("freeze", []), list[str] | str, "model: freeze")
    globs = [asked] if isinstance(asked, str) else asked
    if not globs:
        return
    parameters = plain_parameters(net)
    for chosen in matched(globs, parameters, "model: freeze").values():
        for parameter in chosen:
            parameter.requires_grad_(False)
    if not any(parameter.requires_grad for parameter in parameters.values()):
        count = len({id(parameter) for parameter in parameters.values()})
        raise ConfigError(f"model: freeze must leave parameters to train, and names each of the {count}")
    _rest_norms(net, resting=False)


def _rest_norms(module: nn.Module, resting: bool) -> None:
    """Let the normalizations in a module rest where what they hold, or what is around them, is frozen."""
    held = list(module.parameters())
    resting = not any(one.requires_grad for one in held) if held else resting
    if resting and getattr(module, "running_mean", None) is not None:
        module.register_forward_pre_hook(_evaluates)
    for child in module.children():
        _rest_norms(child, resting)


def _evaluates(module: nn.Module, _inputs: Any) -> None:
    """Before each forward pass, for `train()` reaches every module; of no object, so that copies work."""
    module.training = False

"""The sinks that a configuration names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib.util import find_spec
from typing import Any

from regbench.composition.kinds import SINK
from regbench.errors import ConfigError, brief
from regbench.instantiation.checking import Distrust, look
from regbench.instantiation.fields import checked, make
from regbench.sinks.base import Sink

# of a run that was recorded before there was a choice
ONLY = {"tensorboard": {"_target_": "regbench.sinks.tensorboard.TensorBoard"}}


def makers_of(config: Mapping[str, Any]) -> dict[str, Callable[[], Sink]]:
    """What makes each sink, by its name; may raise whatever a person's own code does.

    Args:
        config: resolved; without the key `sinks`, it is that of a run from before it was there.
    """
    return {name: partial(make, node, f"sinks.{name}", SINK) for name, node in _named(config)}


def check_sinks(config: Mapping[str, Any], distrust: Distrust | None = None) -> None:
    """Look at each sink, at its arguments and at the packages that it needs; none is made.

    Args:
        config: resolved.
        distrust: of one that is not the person's own command line.

    Raises:
        ConfigError: something is not as it must be.
    """
    for name, node in _named(config):
        key = f"sinks.{name}"
        if not isinstance(node, Mapping):
            raise ConfigError(
                f"{key}: must be a group of settings with a _target_, got "
                f"{'null' if node is None else brief(node)}; type ~{key} to take it away"
            )
        target = look(node, key, SINK, distrust)
        checked(target, {field: value for field, value in node.items() if field != "_target_"}, key, {})
        for package, install in getattr(target, "needs", {}).items():
            if not _is_there(package):
                raise ConfigError(f"{key}: needs {package}; type pip install '{install}'")


def _is_there(package: str) -> bool:
    """Whether a package could be imported; it is not, which may take long."""
    try:
        return find_spec(package) is not None
    except ValueError:  # such as of one that has been switched off
        return False


def _named(config: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    sinks = config.get("sinks", ONLY)
    if not isinstance(sinks, Mapping):
        raise ConfigError(f"sinks: must be names of options, as in sinks=[tensorboard], got {brief(sinks)}")
    yield from sinks.items()

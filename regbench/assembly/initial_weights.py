"""The weights that a run starts from (`model.init`), or that another run has kept: read, and finite."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from regbench.composition.settings import Config
from regbench.errors import ConfigError, brief
from regbench.instantiation.fields import converted
from regbench.storage import weight_files
from regbench.strengths import KEPT as SCHEDULED

NORMALIZATION = "normalization."  # of a run's checkpoint: its inputs', not the model's


@dataclass(frozen=True)
class InitialWeights:
    """Weights to start from.

    Attributes:
        path: of their file, or of the run that has them.
        tensors: by name.
        what: names them, in words that a sentence begins with.
    """

    path: Path
    tensors: Mapping[str, Tensor]
    what: str = "model: init"


def initial_path(node: Config) -> Path | None:
    """The file that the model's part of a configuration starts from; None where it starts from none.

    Raises:
        ConfigError: what is asked for is no path, or there is no such file.
    """
    asked = converted(node.get("init"), str | None, "model: init")
    if asked is None:
        return None
    path = Path(asked)
    try:
        if not asked or not path.exists():
            raise ConfigError(f"model: init must be a file of weights, and there is none at {brief(asked)!r}")
        return weight_files.file_of(path)
    except ConfigError:
        raise
    except (OSError, ValueError) as error:
        raise _refused(path, error) from error


def initial_digest(node: Config, recorded: str = "") -> str:
    """A digest of the file that a model starts from; empty where it starts from none.

    Args:
        node: the model's part of the configuration.
        recorded: what it was when the run began, if it has; it stands for a file that is gone since.

    Raises:
        ConfigError: it cannot be read, or is another than that recorded.
    """
    if recorded and isinstance(node.get("init"), str) and not Path(node["init"]).exists():
        return recorded
    path = initial_path(node)
    if path is None:
        return ""
    try:
        found = weight_files.digest(path)
    except ConfigError:
        raise
    except (OSError, ValueError) as error:
        raise _refused(path, error) from error
    if recorded and found != recorded:
        raise ConfigError(
            f"model: init must be the file that the run has started from, and {brief(path)} holds others by "
            "now; put it back, or train into a new folder"
        )
    return found


def read_initial(node: Config) -> InitialWeights | None:
    """The weights that a model starts from; None where it starts from none.

    Raises:
        ConfigError: they cannot be read, or are no finite numbers.
    """
    path = initial_path(node)
    if path is None:
        return None
    try:
        tensors = weight_files.read(path)
    except ConfigError:
        raise
    except (OSError, ValueError) as error:
        raise _refused(path, error) from error
    return _finite(InitialWeights(path, _plainly_named(tensors)))


def weights_of_run(file: Path, folder: str, key: str) -> InitialWeights:
    """The weights in a file of a run's, without the normalization of its inputs.

    Args:
        file: of the folder.
        folder: of the run, as it is named.
        key: that names it.

    Raises:
        ConfigError: they cannot be read, or are no finite numbers.
    """
    try:
        tensors = weight_files.read(file)
    except ConfigError:
        raise
    except (OSError, ValueError) as error:
        said = f"cannot be read: {error.strerror}" if isinstance(error, OSError) else str(error)
        raise ConfigError(f"{key}: must be the folder of a run, and {brief(file)} {said}") from error
    return _finite(InitialWeights(Path(folder), _plainly_named(tensors), f"{key}:"))


def _finite(weights: InitialWeights) -> InitialWeights:
    """The same weights.

    Raises:
        ConfigError: they are no finite numbers.
    """
    named = weights.tensors.items()
    odd = next((n for n, t in named if t.is_floating_point() and not t.isfinite().all()), None)
    if odd is not None:
        path = brief(weights.path)
        raise ConfigError(f"{weights.what} must hold finite numbers, and {brief(odd)} in {path} has others")
    return weights


def _refused(path: Path, error: Exception) -> ConfigError:
    said = f"cannot be read: {error.strerror}" if isinstance(error, OSError) else str(error)
    return ConfigError(f"model: init must be a file of weights, and {brief(path)} {said}")


def _plainly_named(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors without what a checkpoint of ours holds beside the model."""
    if any(name.startswith("net.") for name in tensors):
        return {name: one for name, one in tensors.items() if not _beside(name)}
    return dict(tensors)


def _beside(name: str) -> bool:
    """Whether a tensor of a run is its inputs' normalization, or where a member's schedule had come to."""
    return name.startswith(NORMALIZATION) or name.rpartition(".")[2].startswith(SCHEDULED)

"""The folders of runs that members read: that they are such, and a digest of the weights that lie there."""

from __future__ import annotations

from pathlib import Path

from regbench.composition.hydra_record import CONFIG, FOLDER
from regbench.composition.named_runs import named_runs
from regbench.composition.settings import Config
from regbench.errors import ConfigError, brief
from regbench.records.files import Damaged, read_summary
from regbench.storage import weight_files
from regbench.storage.reading import there

OFF = "off"  # in the place of a digest


def weights_in(folder: str, key: str) -> Path:
    """The file of weights of a finished run: those of its best epoch, or its last where no best are kept.

    Args:
        folder: of the run.
        key: that names it.

    Raises:
        ConfigError: there is no such folder, it is no finished run's, or it has kept no weights.
    """
    path = Path(folder)
    what = f"{key}: must be the folder of a finished run"
    try:
        if not path.is_dir():
            raise ConfigError(f"{what}, and there is none at {brief(folder)!r}")
        if not there(path / FOLDER / CONFIG):
            raise ConfigError(f"{what}, and {brief(folder)} holds no {FOLDER}/{CONFIG}")
        summary = read_summary(path)
        if summary is None or not summary.status.finished:
            status = "not finished" if summary is None else summary.status
            raise ConfigError(f"{what}, and the run in {brief(folder)} is {status}")
        return weight_files.file_of(path)
    except Damaged as error:
        raise ConfigError(f"{what}, and in {brief(folder)} {error.said}") from error
    except ConfigError:
        raise
    except (OSError, ValueError) as error:
        raise _refused(folder, key, error) from error


def digests_of(config: Config, recorded: dict[str, str]) -> dict[str, str]:
    """A digest of the weights of each run that a stack names, by the key that names it.

    A member that is off reads none, so which one it names makes no difference.

    Args:
        config: resolved.
        recorded: what they were when the run began, if it has; that stands for a folder that is gone since.

    Raises:
        ConfigError: one cannot be read, or has other weights than those recorded.
    """
    found = {}
    for named in named_runs(config.get("reg")):
        key, before = named.full_key, recorded.get(named.full_key)
        if named.is_off:
            found[key] = OFF
            continue
        found[key] = before if before and not Path(named.path).exists() else _digest(named.path, key)
        if before and found[key] != before:
            raise ConfigError(
                f"{key}: must be the run that this one has begun with, and {brief(named.path)} holds other "
                "weights by now; put them back, or train into a new folder"
            )
    return found


def _digest(folder: str, key: str) -> str:
    path = weights_in(folder, key)
    try:
        return weight_files.digest(path)
    except ConfigError:
        raise
    except (OSError, ValueError) as error:
        raise _refused(folder, key, error) from error


def _refused(folder: str, key: str, error: Exception) -> ConfigError:
    said = f"cannot be read: {error.strerror}" if isinstance(error, OSError) else str(error)
    return ConfigError(
        f"{key}: must be the folder of a run that has kept weights, and {brief(folder)} {said}"
    )

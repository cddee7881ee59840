"""One option by its name: without a command line, or Hydra, which a person's own program may use itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from regbench.composition.option_files import require_sound
from regbench.composition.option_sources import OptionFiles, refuse_shadowed, require_folder, why_not_there
from regbench.composition.paths import config_dir
from regbench.composition.recorded import import_from
from regbench.composition.settings import settled
from regbench.composition.yaml_values import values_of
from regbench.errors import ConfigError, brief, nearest


def named_option(
    group: str, name: str, values: Mapping[str, Any], extra: str | Path | None = None
) -> dict[str, Any]:
    """What an option's file sets, references replaced by what they refer to, some values changed.

    Args:
        group: reg, model, dataset, optimizer or schedule.
        name: the file's.
        values: that count before the file's; for a dataset also those that all datasets have.
        extra: a person's own config folder, which is put on the import path.

    Raises:
        ConfigError: there is no such option, or its file cannot be read.
    """
    own = None
    if extra is not None:
        require_folder(str(extra))
        own = OptionFiles(str(extra))
        import_from(str(extra))
    folders = [config_dir(), *([Path(extra)] if extra is not None else [])]
    found = [path for folder in folders if (path := folder / group / f"{name}.yaml").is_file()]
    if not found:
        names = sorted(path.stem for folder in folders for path in (folder / group).glob("*.yaml"))
        hidden = why_not_there(own, f"{group}/{name}")
        close = f"; {hidden}" if hidden else nearest(name, names) or f"; see `regbench list {group}`"
        raise ConfigError(f"{group}: no option {brief(repr(name))}{close}")
    refuse_shadowed(own, [f"{group}/{name}"])
    require_sound(found[0], group)
    node = values_of(found[0].read_text(encoding="utf-8"))
    if "defaults" in node:
        raise ConfigError(
            f"{group}: {name} is made of other options, which only a command line composes; name these"
        )
    shared = values_of((config_dir() / "train.yaml").read_text()).get(group, {}) if group == "dataset" else {}
    try:
        plain: Any = OmegaConf.to_container(OmegaConf.create({**shared, **node}), resolve=True)
    except OmegaConfBaseException as error:
        raise ConfigError(
            f"{found[0]}: a reference must lead to a value of its own file, got {error}"
        ) from error
    key = f"reg.{name}" if group == "reg" else group
    return settled({key: {**plain, **values}})[key]

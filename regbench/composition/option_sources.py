"""Where Hydra finds a person's option files: each is looked at before it is read."""

from __future__ import annotations

import os
from pathlib import Path

from regbench.composition.option_files import keys_of, require_sound
from regbench.composition.paths import config_dir
from regbench.errors import ConfigError


class OptionFiles:
    """A folder of a person's options.

    Args:
        folder: as it was typed.

    Raises:
        ConfigError: it is no folder.
    """

    def __init__(self, folder: str) -> None:
        require_folder(folder)
        self._folder = Path(os.path.abspath(folder))

    def require_sound(self, option: str) -> None:
        """Look at the file of an option, such as reg/mine, before it is read.

        Raises:
            ConfigError: it is not what an option is.
        """
        require_sound(self.file(option), option.rpartition("/")[0])

    def file(self, option: str) -> Path:
        """Where the file of an option lies, whether it is there or not."""
        return self._folder / (option if option.endswith(".yaml") else f"{option}.yaml")


def require_folder(extra: str) -> None:
    """Refuse a --config-dir that is none, before it is put on the import path.

    Raises:
        ConfigError: it is no folder.
    """
    if not os.path.isdir(extra):
        raise ConfigError(f"--config-dir: must be a folder, got {extra or 'nothing'}")


def refuse_shadowed(own: OptionFiles | None, options: list[str]) -> None:
    """Refuse options of a person's that ours of the same name stand before.

    Args:
        own: the person's folder.
        options: that are chosen, such as reg/dropout.

    Raises:
        ConfigError: one of them is in both folders, and not the same.
    """
    for option in options if own is not None else []:
        file, ours = own.file(option), config_dir() / f"{option}.yaml"  # type: ignore[union-attr]
        if file.is_file() and ours.is_file() and not _alike(file, ours):
            raise ConfigError(
                f"{file}: must have another name, as regbench has an option {option}, which would count"
            )


def refuse_unnamed(own: OptionFiles | None, options: list[str]) -> None:
    """Refuse regularizers and sinks of a person's that stand at the group itself, where each needs a name.

    Args:
        own: the person's folder.
        options: those at their group, such as reg/mine.

    Raises:
        ConfigError: one of them makes one.
    """
    for option in options if own is not None else []:
        file, (group, _, name) = own.file(option), option.rpartition("/")  # type: ignore[union-attr]
        if file.is_file() and "_target_" in keys_of(file):
            raise ConfigError(f"{file}: must begin with the line # @package {group}.{name}")


def why_not_there(own: OptionFiles | None, option: str) -> str:
    """What is said of an option that Hydra does not see though something has its name; or nothing."""
    if own is None:
        return ""
    file = own.file(option)
    if os.path.lexists(file) and not file.is_file():
        return f"{file} must be a plain file, and is none"
    parent = file.parent
    alike = [name for name in os.listdir(parent) if name != file.name] if parent.is_dir() else []
    for name in alike:
        stem, _, end = name.rpartition(".")
        if name == file.stem or (stem == file.stem and end.lower() in ("yml", "yaml")):
            return f"{parent / name} must be called {file.name}"
    return ""


def _alike(one: Path, other: Path) -> bool:
    return one.samefile(other) or one.read_bytes() == other.read_bytes()

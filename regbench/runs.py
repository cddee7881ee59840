"""A run folder, read back."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from regbench.config import resolved
from regbench.errors import ConfigError

GROUPS = ("model", "dataset", "optimizer", "schedule")


def read_run(folder: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """The resolved configuration of a run folder, and which option of each group was chosen.

    The folder that the run was started in, which its relative paths are of, and that which its own options
    came from are put on the import path, as for training.

    Raises:
        ConfigError: the folder is no run folder.
    """
    record = folder / ".hydra"
    try:
        cfg = OmegaConf.load(record / "config.yaml")
        about = OmegaConf.load(record / "hydra.yaml").hydra
        typed_in = str(about.runtime.cwd)
        config = resolved(cfg, typed_in)  # type: ignore[arg-type]
    except FileNotFoundError as error:
        raise ConfigError(f"{folder}: must be the folder of a run, and holds no {error.filename}") from error
    except (YAMLError, OmegaConfBaseException, AttributeError) as error:
        raise ConfigError(f"{record}: cannot be read: {str(error).splitlines()[0]}") from error
    sources = [s.path for s in about.runtime.config_sources if s.provider == "command-line"]
    import_from()
    folders = [*(path.removeprefix("file://") for path in sources), typed_in]
    import_from(*filter(os.path.isdir, folders))  # before the current one: what was trained is imported
    return config, choices_of(about)


def choices_of(about: Any) -> dict[str, str]:
    """Which option of each group was chosen, from Hydra's record."""
    return {group: name for group, name in about.runtime.choices.items() if group in GROUPS}


def import_from(*folders: str) -> None:
    """Put folders, and the current one before them, on the import path."""
    for folder in (*folders, os.getcwd()):
        if os.path.abspath(folder) not in sys.path:
            sys.path.insert(0, os.path.abspath(folder))

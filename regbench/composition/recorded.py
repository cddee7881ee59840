"""A run folder, read back."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from regbench.composition import hydra_record
from regbench.composition.option_files import MADE
from regbench.composition.trust import UNTRUSTED, Trust, environment_for, import_for
from regbench.instantiation.checking import Distrust
from regbench.storage.files import write_text


def read_run(
    folder: Path, epochs: int | None = None, trust: Trust = UNTRUSTED
) -> tuple[dict[str, Any], dict[str, str]]:
    """The resolved configuration of a run folder, and which option of each group was chosen.

    The current folder is put on the import path, as for training. Where the record is trusted, so are the
    folder that the run was started in, which its relative paths are of, and that of its own options.

    Args:
        folder: of the run.
        epochs: as if the run had been given so many.
        trust: whether what is recorded is taken for what the person has typed; `require_trusted` looks at
            what it names.

    Raises:
        ConfigError: the folder is no run folder.
    """
    cfg, about = hydra_record.read(folder)
    about = about.hydra
    with environment_for(folder, trust):
        typed_in = str(about.runtime.cwd)
        config = hydra_record.settled(folder, cfg, typed_in, epochs)
    sources = [s.path for s in about.runtime.config_sources if s.provider == "command-line"]
    import_for(folder, trust, [*(path.removeprefix("file://") for path in sources), typed_in])
    return config, choices_of(about)


def distrust_of(folder: Path, trust: Trust) -> Distrust | None:
    """How what the configuration of a run names is to be looked at; None where it is trusted."""
    return trust.of(folder, str(hydra_record.read(folder)[1].hydra.runtime.cwd))


def write_longer(folder: Path, epochs: int, name: str) -> None:
    """Put another number of epochs, and the folder's new name, into a run's record of its command line."""
    record = folder / ".hydra"
    cfg, about = hydra_record.read(folder)
    cfg.train.epochs = epochs
    words = _longer_words(about, epochs)
    about.hydra.overrides.task = words
    about.hydra.job.override_dirname = ",".join(sorted(words))
    old = Path(os.path.abspath(folder)).name
    write_text(record / "config.yaml", OmegaConf.to_yaml(cfg))
    write_text(record / "overrides.yaml", OmegaConf.to_yaml(OmegaConf.create(words)))
    write_text(record / "hydra.yaml", OmegaConf.to_yaml(about).replace(old, name))


def longer_line(folder: Path, epochs: int) -> str:
    """The command that trains such a run from the start, with another number of epochs."""
    _, about = hydra_record.read(folder)
    own = [s.path for s in about.hydra.runtime.config_sources if s.provider == "command-line"]
    options = ["--config-dir", own[0].removeprefix("file://")] if own else []
    return shlex.join(["regbench", "train", *options, *_longer_words(about, epochs)])


def _longer_words(about: Any, epochs: int) -> list[str]:
    """The words of a run's command line, references as they were typed, with another number of epochs."""
    plain: Any = OmegaConf.to_container(about, resolve=False)
    words = plain["hydra"]["overrides"]["task"]
    kept = [word for word in words if word.lstrip("+").partition("=")[0] != "train.epochs"]
    return [*kept, f"train.epochs={epochs}"]


def choices_of(about: Any) -> dict[str, str]:
    """Which option of each group was chosen, from Hydra's record."""
    return {group: name for group, name in about.runtime.choices.items() if group in MADE}


def import_from(*folders: str) -> None:
    """Put folders, and the current one before them, on the import path."""
    for folder in (*folders, os.getcwd()):
        if os.path.abspath(folder) not in sys.path:
            sys.path.insert(0, os.path.abspath(folder))

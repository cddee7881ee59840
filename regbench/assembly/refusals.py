"""Which regularizers cannot act on a model, and why: found by trying."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from regbench.assembly.run import check
from regbench.composition.compose import compose_jobs, keys_of, read_line
from regbench.composition.option_files import require_sound
from regbench.composition.paths import config_dir
from regbench.errors import ConfigError


def refusals(model: str, words: Sequence[str] = (), extra: Path | None = None) -> dict[str, str]:
    """Name and reason of each regularizer, of the package or of a folder more, that cannot act on a model.

    Args:
        model: the option's name.
        words: the model's values, another dataset and what else `regbench train` takes, but for `reg`.
        extra: a person's own config folder.

    Raises:
        ConfigError: there is no such model, or it cannot be built on the dataset.
    """
    for word, key in zip(words, keys_of(words), strict=True):
        if key.partition(".")[0] == "reg":
            raise ConfigError(f"reg: each regularizer is tried by itself; leave {word} out")
    where = ["--config-dir", str(extra)] if extra else []
    base = compose_jobs(read_line([*where, f"model={model}", *words], "list"))[0].config
    check(base)
    found = {}
    folders = [config_dir(), *([extra] if extra else [])]
    for path in sorted(path for folder in folders for path in (folder / "reg").glob("*.yaml")):
        require_sound(path, "reg")
        try:
            check({**base, "reg": {path.stem: option(path.read_text())}})
        except ConfigError as error:
            found[path.stem] = str(error).removeprefix(f"reg.{path.stem}: ")
    return found


def option(text: str) -> dict[str, Any]:
    """The values of an option's file, read as Hydra reads them (1e-3 is a number)."""
    return OmegaConf.to_container(OmegaConf.create(text))  # type: ignore[return-value]

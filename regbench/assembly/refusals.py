"""Which regularizers cannot act on a model, and why: found by trying."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from regbench.assembly.run import check
from regbench.composition.compose import compose_jobs, keys_of, read_line
from regbench.composition.option_files import require_sound
from regbench.composition.paths import config_dir
from regbench.composition.yaml_values import values_of
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
    base = tried_on([f"model={model}", *words], extra)
    check(base)
    found = {}
    for name, node in each_option(extra):
        try:
            check({**base, "reg": {name: node}})
        except ConfigError as error:
            found[name] = str(error).removeprefix(f"reg.{name}: ")
    return found


def tried_on(words: Sequence[str], extra: Path | None) -> dict[str, Any]:
    """The configuration of a line without regularizers, on which each is tried by itself.

    Raises:
        ConfigError: the line is wrong, or has regularizers.
    """
    for word, key in zip(words, keys_of(words), strict=True):
        if key.partition(".")[0] == "reg":
            raise ConfigError(f"reg: each regularizer is tried by itself; leave {word} out")
    where = ["--config-dir", str(extra)] if extra else []
    return compose_jobs(read_line([*where, *words], "list"))[0].config


def each_option(extra: Path | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and values of each regularizer's file, of the package and of a folder more, by name.

    Raises:
        ConfigError: a file is not sound.
    """
    folders = [config_dir(), *([extra] if extra else [])]
    for path in sorted(path for folder in folders for path in (folder / "reg").glob("*.yaml")):
        require_sound(path, "reg")
        yield path.stem, option(path.read_text())


def option(text: str) -> dict[str, Any]:
    """The values of an option's file, read as Hydra reads them (1e-3 is a number)."""
    return values_of(text)

"""The options of a command line: those that are offered, each once and in full."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from regbench.errors import ConfigError


class Arguments(argparse.ArgumentParser):
    """An argument parser whose complaint is one sentence. Options are not abbreviated, nor given twice.

    Raises:
        ConfigError: the words are not those of the command.
    """

    def __init__(self, **given: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **given})
        for name in (None, "store", "store_true"):
            self.register("action", name, _once(self._registry_get("action", name)))

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the words after `regbench COMMAND`."""
        raise ConfigError(f"{self.prog.removeprefix('regbench ')}: {message}")


def named(text: str) -> str:
    """A word that names a file or a folder; an empty one would be the current folder.

    Raises:
        argparse.ArgumentTypeError: it is empty, as of a variable of the shell that is not set.
    """
    if not text.strip():
        raise argparse.ArgumentTypeError("must be a name, got an empty word")
    return text


def path(text: str) -> Path:
    """The path that a word names.

    Raises:
        argparse.ArgumentTypeError: as of `named`.
    """
    return Path(named(text))


def _once(action: type[argparse.Action]) -> Callable[..., argparse.Action]:
    """An action that refuses to be taken twice in one line."""

    class Once(action):  # type: ignore[misc, valid-type]
        def __call__(
            self, parser: Any, namespace: Any, values: Any, option_string: str | None = None
        ) -> None:
            if option_string is not None:
                given = namespace.__dict__.setdefault("_given", set())
                if self.dest in given:
                    parser.error(f"{option_string} is given twice")
                given.add(self.dest)
            super().__call__(parser, namespace, values, option_string)

    return Once

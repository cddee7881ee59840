"""Command lines that are not Hydra's."""

from __future__ import annotations

import argparse
from typing import NoReturn

from regbench.errors import ConfigError


class Arguments(argparse.ArgumentParser):
    """An argument parser whose complaint is one sentence.

    Raises:
        ConfigError: the words are not those of the command.
    """

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the words after `regbench COMMAND`."""
        raise ConfigError(f"{self.prog.removeprefix('regbench ')}: {message}")

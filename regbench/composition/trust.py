"""A run folder may come from anybody: what is imported and called to read one, and what when asked for."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from omegaconf.resolvers import oc

from regbench.errors import ConfigError
from regbench.instantiation.boundary import shown
from regbench.instantiation.checking import Distrust
from regbench.instantiation.origins import in_a_run

HELP = "import from the folders that the run was trained in, and call what it names as if you had typed it"
OURS = "REGBENCH_"  # environment variables that any run may refer to


@dataclass(frozen=True)
class Trust:
    """Whether a recorded configuration is trusted as a line that the person has typed.

    Attributes:
        given: by --trust, or trust=True.
        how: what gives it, for a sentence.
    """

    given: bool
    how: str

    def of(self, folder: Path, trained_in: str) -> Distrust | None:
        """How what a run's configuration names is to be looked at; None for as if it had been typed."""
        if self.given:
            return None
        return Distrust(folder, f"; it was trained in {shown(trained_in)}; {self.how} to import from there")


UNTRUSTED = Trust(False, "trust it")


def import_for(folder: Path, trust: Trust, recorded: Sequence[str]) -> None:
    """Put the current folder first on the import path, and the recorded ones last where they are trusted.

    The current one is a person's own, unless it is that of a run or lies in one: then a file `sklearn.py` in
    there would be imported in the place of the library, so it is taken off the path too.
    """
    here = os.getcwd()
    if in_a_run(Path(here), folder):
        sys.path[:] = [path for path in sys.path if os.path.abspath(path) != here]
    elif here not in sys.path:
        sys.path.insert(0, here)
    for path in map(os.path.abspath, recorded if trust.given else ()):
        if os.path.isdir(path) and path not in sys.path:
            sys.path.append(path)


@contextmanager
def environment_for(folder: Path, trust: Trust) -> Iterator[None]:
    """Within, a recorded reference reads no environment variable but regbench's own, unless it is trusted.

    What it read would be written into the run's summary, which may go back to whoever recorded it.

    Raises:
        ConfigError: one is referred to.
    """
    asked: list[str] = []

    def env(key: str, *default: Any) -> Any:
        if trust.given or key.startswith(OURS):
            return oc.env(key, *default)
        asked.append(key)
        raise KeyError(key)

    OmegaConf.register_new_resolver("oc.env", env, replace=True)
    try:
        yield
    except (OmegaConfBaseException, ConfigError) as error:
        if not asked:
            raise
        raise ConfigError(
            f"{folder}: its configuration must refer to no environment variable, as to "
            f"{shown(asked[0], 100)}; {trust.how} to let it"
        ) from error
    finally:
        OmegaConf.register_new_resolver("oc.env", oc.env, replace=True)


def require_trusted(config: Mapping[str, Any], distrust: Distrust | None) -> None:
    """Look at all that a recorded configuration names, before any of it is called.

    Raises:
        ConfigError: something named may not be called.
    """
    from regbench.composition.kinds import look_at  # not at the top: torch takes seconds

    look_at(config, distrust)

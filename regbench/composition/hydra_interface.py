"""The places where what Hydra documents does not suffice: each with what is used instead, and why.

Nothing of `hydra._internal`, and no name that begins with an underscore, is used anywhere. What stands here
are calls of Hydra's public classes of which its documentation says nothing: an update may change them.

- `GlobalHydra.config_loader`: `hydra.compose` composes single runs alone, and lists no groups and defaults.
- `ConfigLoader.get_sources` gives the sources themselves, not copies. Hydra reads every file anew for each
  composition, fifteen of them, and a person's files without a look at them: see `ReadOnce`.
- `Plugins.register`, of a `SearchPathPlugin` that puts the folder of --config-dir where Hydra's own flag
  does. By `hydra.searchpath`, the documented way, a run's record would name another provider.
- `HydraContext` with a plain `Callback`, whose methods do nothing: it is declared to take the callbacks of
  a line, which are of a private class, and of which there are none (`hydra_settings` refuses them).
- `run_job` and `configure_log` of `hydra.core.utils`, as launchers of others use them.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from typing import Any, ClassVar

from hydra import initialize_config_dir
from hydra.core.config_loader import ConfigLoader
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from hydra.core.utils import configure_log, run_job
from hydra.experimental.callback import Callback
from hydra.plugins.config_source import ConfigResult, ConfigSource
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra.types import HydraContext, RunMode, TaskFunction

from regbench.composition.copies import copier
from regbench.composition.paths import config_dir

PRIMARY = "train"  # the configuration that all others are put into, and what Hydra calls the job
BASE = "1.3"  # the Hydra version whose behaviour is asked for
COMMAND_LINE = "command-line"  # what Hydra calls the folder of --config-dir


def loader_of(extra: str | None, look: Callable[[str], None]) -> ConfigLoader:
    """Hydra's loader of our options, and of a person's. Hydra itself is left as it was before it was set up.

    Args:
        extra: the person's folder.
        look: is called with each option of that folder, such as reg/mine, before it is read; may raise.
    """
    GlobalHydra.instance().clear()
    Plugins.instance().register(OptionFolder)
    OptionFolder.folder = extra
    try:
        initialize_config_dir(str(config_dir()), job_name=PRIMARY, version_base=BASE)
        loader = GlobalHydra.instance().config_loader()
    finally:
        OptionFolder.folder = None
        GlobalHydra.instance().clear()
    for source in loader.get_sources():
        read = ReadOnce(source, look if source.provider == COMMAND_LINE else _unseen)
        source.load_config = read  # type: ignore[method-assign]
    return loader


class OptionFolder(SearchPathPlugin):
    """Adds the folder of --config-dir to where Hydra looks for options."""

    folder: ClassVar[str | None] = None  # while a loader is made

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        if self.folder is not None:
            search_path.append(COMMAND_LINE, f"file://{os.path.abspath(self.folder)}")


class ReadOnce:
    """Stands for `load_config` of a source, and reads no file twice.

    Copies of a source, of which Hydra makes one for each composition, share what was read.

    Args:
        source: what is read from.
        look: is called with an option before it is read; may raise.
    """

    def __init__(self, source: ConfigSource, look: Callable[[str], None]) -> None:
        self._source, self._look = copy.copy(source), look
        self._read: dict[str, Callable[[], ConfigResult]] = {}

    def __call__(self, config_path: str) -> ConfigResult:
        """A file as Hydra reads it."""
        if config_path not in self._read:
            self._look(config_path)
            self._read[config_path] = copier(self._source.load_config(config_path))
        return self._read[config_path]()

    def __deepcopy__(self, _: Any) -> ReadOnce:
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Without what was read: another process reads for itself."""
        return self.__dict__ | {"_read": {}}


def _unseen(_: str) -> None:
    """Our own options, and Hydra's, need no look."""


def context(loader: ConfigLoader) -> HydraContext:
    """What Hydra's launchers want to be given."""
    return HydraContext(loader, Callback())  # type: ignore[arg-type]


def run_one(loader: ConfigLoader, words: list[str], task: TaskFunction) -> None:
    """Run a task by a line without -m, in the folder that it names, as Hydra's own `main` does.

    Args:
        loader: composes the line.
        words: of the line.
        task: is given the configuration, without Hydra's own part; what it raises is raised.
    """
    cfg = loader.load_configuration(PRIMARY, words, RunMode.RUN)
    cfg.hydra.mode = RunMode.RUN
    configure_log(cfg.hydra.hydra_logging, cfg.hydra.verbose)
    done = run_job(task, cfg, "hydra.run.dir", None, context(loader))
    _ = done.return_value  # raises what the task has raised

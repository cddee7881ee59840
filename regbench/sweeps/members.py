"""What is done with a job of a sweep in the process that runs it: by itself, or several together."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from rich.console import Console

from regbench.composition.recorded import choices_of
from regbench.composition.settings import resolved
from regbench.errors import of_the_system
from regbench.folders.claims import forget
from regbench.folders.lock import Locked
from regbench.folders.state import State, state_of
from regbench.records.status import Status
from regbench.runs.folder import RunFolder
from regbench.runs.interruption import StopRequest, released
from regbench.runs.watching import Watch
from regbench.runs.work import LOCKED, REFUSED, Outcome, Policy, work_in
from regbench.runs.work_together import work_in_each
from regbench.sweeps.losses import LOST, WorkerLost

SKIPPED = "skipped"  # what comes of a job that is not started, because another has failed
LATE = "late"  # likewise, because it would not have ended in time
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Members:
    """Runs, or continues, jobs of a sweep in the folders that Hydra has made; nothing is shown.

    Attributes:
        stop: nothing is done where this file exists, and it is made where a job fails.
        latest: likewise nothing where the moment that stands here for the folder's name has passed.
        watches: for the folder's name what says after which epoch the run is given up, if after any.
    """

    stop: Path | None = None
    latest: Mapping[str, float] = field(default_factory=dict)
    watches: Mapping[str, Watch] = field(default_factory=dict)

    def __call__(self, cfg: DictConfig) -> Outcome:
        """One job of this configuration.

        Raises:
            KeyboardInterrupt: a signal has stopped it; its folder is left to be continued.
        """
        home = self.prepare(cfg)
        if isinstance(home, Outcome):
            return home
        with released():
            outcome = _try(home, self.watches.get(home.path.name))
        return self._ended([outcome], [home])[0]

    def prepare(self, cfg: DictConfig) -> RunFolder | Outcome:
        """A job that others are waited for to be run with; its outcome where it is not to be run at all."""
        folder = Path(HydraConfig.get().runtime.output_dir)
        late = time.time() > self.latest.get(folder.name, math.inf)
        if late or (self.stop and self.stop.exists()):
            _forget(folder)
            return Outcome(LATE if late else SKIPPED)
        return RunFolder(resolved(cfg), folder, choices_of(HydraConfig.get()), Console(quiet=True))

    def run(self, prepared: Sequence[RunFolder | Outcome]) -> list[Outcome]:
        """Several jobs together; of those that are not to be run their outcomes.

        Raises:
            KeyboardInterrupt: as above.
        """
        homes = [one for one in prepared if isinstance(one, RunFolder)]
        notes: dict[int, str] = {}
        with released():
            watches = [self.watches.get(one.path.name) for one in homes]
            found = work_in_each(homes, notes.__setitem__, watches)
        made = [
            replace(one, note=_joined(homes[place], notes.get(place)), error=None)
            for place, one in enumerate(found)
        ]
        outcomes = iter(self._ended(made, homes))
        return [next(outcomes) if isinstance(one, RunFolder) else one for one in prepared]

    def unable(self, error: Exception) -> Outcome:
        """What comes of a job that could not begin, or whose worker was lost."""
        if isinstance(error, WorkerLost) and error.again:
            return Outcome(LOST, str(error))
        if isinstance(error, Locked):
            return Outcome(LOCKED, str(error))
        if self.stop:
            self.stop.touch()
        return Outcome(REFUSED, of_the_system(error) or str(error))

    def _ended(self, outcomes: list[Outcome], homes: Sequence[RunFolder]) -> list[Outcome]:
        if StopRequest.pending or any(one.status == Status.INTERRUPTED for one in outcomes):
            for home in homes:
                _forget(home.path)
            raise KeyboardInterrupt
        if self.stop and any(one.status in (Status.FAILED, REFUSED) for one in outcomes):
            self.stop.touch()
        return outcomes


def _forget(folder: Path) -> None:
    """Take the folder of a job away that has not begun."""
    if state_of(folder) is State.NEW:
        forget(folder)


def _try(home: RunFolder, watch: Watch | None) -> Outcome:
    notes: list[str] = []
    try:
        outcome = work_in(home, Policy.MEND, notes.append, watch)
    except Exception as error:  # one job's fault must not end the others
        log.exception("the job has failed")
        outcome = Outcome(Status.FAILED, f"{type(error).__name__}: {error}")
    # without the error, which may not travel from one process to another
    return replace(outcome, note=_joined(home, notes[-1] if notes else None), error=None)


def _joined(home: RunFolder, note: str | None) -> str:
    """What is to be said of a run: how it was gone on with, and what it has noted itself."""
    return "; ".join(filter(None, [note, *home.notes]))

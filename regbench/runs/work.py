"""One try at the run of a folder, whoever asks for it: the folder locked, the run begun or gone on with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from regbench.assembly.sinks import check_sinks
from regbench.composition.trust import require_trusted
from regbench.errors import ConfigError, of_the_system
from regbench.folders.lock import Locked, locked
from regbench.folders.removal import remove_files
from regbench.folders.state import refuse_begun, state_of
from regbench.records.files import read_summary
from regbench.records.status import Status
from regbench.runs.checkpoints import require_best
from regbench.runs.folder import RunFolder
from regbench.runs.ongoing import Ongoing
from regbench.runs.opening import Unfit, take_up
from regbench.runs.session import go, train
from regbench.runs.watching import Watch
from regbench.storage import checkpoint, checkpoint_form

LOCKED = "locked"  # what comes of a run that another process works at
REFUSED = "refused"  # what comes of a run that cannot be begun, or gone on with


class Policy(Enum):
    """What is done where a run has been begun in the folder."""

    FRESH = "fresh"  # refused: a run is trained from its start
    CONTINUE = "continue"  # it is gone on with; where what there is of it is damaged, that is refused
    MEND = "mend"  # it is gone on with; where what there is of it is not enough, it begins again


@dataclass(frozen=True)
class Outcome:
    """What came of one try.

    Attributes:
        status: a `Status` of the run; or `LOCKED` or `REFUSED`.
        reason: one sentence, where it is one of these, or where nothing was to be done.
        note: what was damaged of what had been done of it before, and where it was begun again.
        idle: whether the run had ended before, so that nothing was done.
        error: what it was refused for.
    """

    status: str
    reason: str = ""
    note: str = ""
    idle: bool = False
    error: Exception | None = field(default=None, compare=False, repr=False)

    @property
    def exit_code(self) -> int:
        """Of the command line."""
        return 2 if self.status in (LOCKED, REFUSED) else Status(self.status).exit_code


def work_in(
    home: RunFolder,
    policy: Policy,
    tell: Callable[[str], None] = lambda _: None,
    watch: Watch | None = None,
) -> Outcome:
    """Hold the folder, and train its run there to the end or to a stop.

    Args:
        home: the run's configuration and its folder.
        policy: what is done where it has been begun.
        tell: is told what was damaged, and where the run goes on from then, also where that then fails.
        watch: says after which epoch the run is given up, if after any.

    Raises:
        Exception: a fault of regbench's own.
    """
    try:
        with locked(home.path):
            return _worked(home, policy, tell, watch)
    except (ConfigError, OSError) as error:
        return refused(error)


def refused(error: Exception) -> Outcome:
    """What comes of a run that cannot be begun, or gone on with, for this reason."""
    if isinstance(error, Locked):
        return Outcome(LOCKED, str(error), error=error)
    return Outcome(REFUSED, of_the_system(error) or str(error), error=error)


def _worked(home: RunFolder, policy: Policy, tell: Callable[[str], None], watch: Watch | None) -> Outcome:
    if policy is Policy.FRESH:
        refuse_begun(home.path)
        return Outcome(train(home, watch))
    if policy is Policy.MEND:
        found = mended(home, tell)
        return found if isinstance(found, Outcome) else Outcome(go(found, watch))
    summary = read_summary(home.path)
    if summary and summary.status.ended:
        return Outcome(summary.status, summary.reason, idle=True)
    require_trusted(home.config, home.distrust)
    check_sinks(home.config, home.distrust)
    return Outcome(go(take_up(home), watch))


def mended(home: RunFolder, tell: Callable[[str], None]) -> Ongoing | Outcome:
    """The run of a folder that is held, as far as it is whole; at its start where that is not enough.

    Where it has ended, that.

    Args:
        home: the run's configuration and its folder.
        tell: is told what was damaged, and where the run goes on from then.

    Raises:
        ConfigError: it cannot be begun or gone on with.
        OSError: the folder cannot be read or written.
    """
    state = state_of(home.path)
    if state.ended:
        return Outcome(Status(state), idle=True)
    if checkpoint.exists(home.path):
        try:
            newest, complaint = checkpoint_form.newest(home.path)
            require_best(home.path, newest)
        except checkpoint.Damaged as error:
            _begin_again(home.path, error, tell)
        else:
            if complaint:
                tell(f"{complaint}; it was continued from the one before")
    try:
        return take_up(home)
    except Unfit as error:
        _begin_again(home.path, error, tell)
        return take_up(home)


def _begin_again(folder: Path, error: Exception, tell: Callable[[str], None]) -> None:
    """Take a run's weights away, so that it is trained from the start, and say why."""
    remove_files(folder, checkpoint.names(folder))
    tell(f"{error}; it was run again from the start")

"""A run folder, taken before anything is written into it, and given back where the run never began."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from regbench.errors import ConfigError
from regbench.folders.holder_files import is_holders
from regbench.folders.lock import is_locked
from regbench.folders.ownership import (
    EVENTS,
    HYDRA,
    HYDRAS,
    LOCK,
    MARK,
    SUB_RUNS,
    is_hydras_of_ours,
    is_marked,
    is_ours,
    names_in,
)
from regbench.folders.placement import refuse_links, refuse_others, refuse_strange
from regbench.folders.removal import is_file, remove_events, remove_files
from regbench.records.files import ENVIRONMENT, LOG, METRICS, SUMMARY
from regbench.storage import checkpoint
from regbench.storage.folders import insisting, missing, remove_empty

SAID = "This folder is a run of regbench, which replaces its own files in here and no others.\n"
FILES = (LOG, METRICS, ENVIRONMENT, SUMMARY, LOCK)


@dataclass(frozen=True)
class Claim:
    """A folder that a run may write to.

    Attributes:
        folder: of the run.
        made: the folders that were made for it, the outermost first.
        before: names that were in it.
        kept: what was in the files that Hydra writes before the run begins.
    """

    folder: Path
    made: tuple[Path, ...]
    before: frozenset[str]
    kept: dict[Path, bytes]

    def give_back(self) -> None:
        """Take away what has been written since, unless there is a checkpoint to go on from."""
        if checkpoint.exists(self.folder) or not self.folder.is_dir():
            return
        with suppress(OSError):
            _clear(self.folder, self.before)
            for path, content in self.kept.items():
                path.write_bytes(content)
        if MARK not in self.before:
            _unmark(self.folder)
        remove_empty(*reversed(self.made))


def claim(folder: Path, key: str) -> Claim:
    """Make a folder where it is missing, and mark it.

    Args:
        folder: of a run.
        key: the setting that names it.

    Raises:
        ConfigError: it holds what is not ours, or cannot be written; nothing has been left.
    """
    refuse_others(folder, key)
    made: list[Path] = []
    try:
        insisting(lambda: _make(folder, made))
        before = frozenset(names_in(folder))
        kept = {path: path.read_bytes() for path in _hydras(folder) if is_file(path)}
        mark(folder)
    except OSError as error:
        remove_empty(*reversed(made))
        raise ConfigError(f"{key}: {folder} cannot be written: {error.strerror}") from error
    whole = {path.absolute(): content for path, content in kept.items()}  # the run may change the current one
    return Claim(folder.absolute(), tuple(path.absolute() for path in made), before, whole)


def _make(folder: Path, made: list[Path]) -> None:
    for path in reversed(missing(folder)):
        with suppress(FileExistsError):  # another process has made it meanwhile
            path.mkdir()
            made.append(path)


def adopt(folder: Path, key: str) -> Claim:
    """Mark a folder that Hydra has written its record into, where nothing else is in it.

    Raises:
        ConfigError: something else is.
    """
    if not is_marked(folder) and {*names_in(folder)} <= {HYDRA, LOG} and is_hydras_of_ours(folder):
        mark(folder)
        return Claim(folder.absolute(), (), frozenset(), {})
    return claim(folder, key)


def mark(folder: Path) -> None:
    """Put the mark into a folder that is ours.

    Raises:
        OSError: it cannot be written.
    """
    path = folder / MARK
    with suppress(FileExistsError), path.open("x") as file:
        try:
            file.write(SAID)
            file.flush()
        except OSError:
            path.unlink()
            raise


def require_ours(folder: Path) -> None:
    """Refuse to go on in a folder that holds no run of ours, and mark one of before there were marks.

    Raises:
        ConfigError: it holds none, or cannot be written.
    """
    if not is_ours(folder):
        refuse_strange(folder, "RUN_FOLDER")
        raise ConfigError(f"{folder}: must be the folder of a run of regbench")
    refuse_links(folder, "RUN_FOLDER")  # its name is no matter: it may be the current folder
    try:
        mark(folder)
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be written: {error.strerror}") from error


def forget(folder: Path) -> None:
    """Take a job's folder away that holds nothing but what Hydra writes before the job begins.

    One that another process works in stays: it may be about to begin.
    """
    if is_locked(folder):
        return
    with suppress(OSError):
        if (folder / LOG).stat().st_size == 0:
            remove_files(folder, [LOG])
        if {name for name in names_in(folder) if not is_holders(name)} <= {MARK, HYDRA, LOCK}:
            _clear(folder, ())
            _unmark(folder)
            remove_empty(folder)


def _clear(folder: Path, but: Iterable[str]) -> None:
    """Delete what a run writes before its first checkpoint, without some of it."""
    holders = filter(is_holders, names_in(folder))
    left = {HYDRA, EVENTS, *FILES, *checkpoint.names(folder), *holders} - {*but}
    remove_files(folder, left)
    if HYDRA in left:
        remove_files(folder / HYDRA, HYDRAS)
    if EVENTS in left:
        remove_events(folder / EVENTS, SUB_RUNS)
        remove_empty(*(folder / EVENTS / name for name in SUB_RUNS))
    remove_empty(*(folder / name for name in (HYDRA, EVENTS) if name in left))


def _unmark(folder: Path) -> None:
    """Take the mark away where nothing is left of the run."""
    with suppress(OSError):
        if names_in(folder) == [MARK]:
            remove_files(folder, [MARK])


def _hydras(folder: Path) -> list[Path]:
    return [*(folder / HYDRA / name for name in HYDRAS), folder / LOG]

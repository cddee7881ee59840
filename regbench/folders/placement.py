"""Where a run may be written: refused before anything is, in one sentence with the setting that names it."""

from __future__ import annotations

import os
import re
import tempfile
from contextlib import suppress
from pathlib import Path

from regbench.errors import ConfigError, listed
from regbench.folders.holder_files import HOLDER
from regbench.folders.ownership import (
    EVENTS,
    HYDRA,
    HYDRAS,
    LOCK,
    MARK,
    SUB_RUNS,
    WANDB,
    is_ours,
    kind_of,
    names_in,
)
from regbench.folders.removal import remove_files
from regbench.records.files import ENVIRONMENT, LOG, METRICS, SUMMARY
from regbench.storage import checkpoint
from regbench.storage.files import is_unfinished
from regbench.storage.folders import insisting, missing, remove_empty

CURRENT = "the current folder"  # taken where it is empty and its whole name is typed
FOLDERS = (HYDRA, EVENTS, *(f"{EVENTS}/{name}" for name in SUB_RUNS), WANDB)  # of a run folder
WRITTEN_IN_PLACE = (MARK, LOCK, LOG, *(f"{HYDRA}/{name}" for name in HYDRAS))  # others are renamed into place
REPLACED = (ENVIRONMENT, METRICS, SUMMARY, HOLDER, checkpoint.LAST, checkpoint.PREVIOUS, checkpoint.BEST)
ASIDE = (*REPLACED, *(f"{name}.tmp" for name in REPLACED))  # the latter of earlier versions
LONGEST, LONGEST_PART = 3000, 255  # bytes of a folder's name; what a run writes lies below it


def refuse_others(folder: Path, key: str) -> None:
    """Refuse a folder that a run must not write into: a person's own, or one that leads elsewhere by a link.

    Raises:
        ConfigError: as `refuse_strange` and `refuse_links`.
    """
    refuse_strange(folder, key)
    refuse_links(folder, key)


def refuse_strange(folder: Path, key: str) -> None:
    """Refuse a folder that is neither new nor empty nor ours.

    Args:
        folder: of a run that is to be written, or continued.
        key: the setting that names it.

    Raises:
        ConfigError: it is a person's own. Nothing has been written.
    """
    refuse_name(folder, key)
    inside = _listed(folder, key)
    if inside and not is_ours(folder):
        raise ConfigError(
            f"{key}: {folder} must be a new or an empty folder, or that of a run, and holds "
            f"{_several(sorted(inside))}; name another one"
        )


def _listed(folder: Path, key: str) -> list[str]:
    """The names in a folder; none where it is not there.

    Raises:
        ConfigError: it is no folder, or cannot be read.
    """
    try:
        return names_in(folder)
    except FileNotFoundError as error:
        if not folder.is_symlink():
            return []
        raise ConfigError(f"{key}: {folder} must be a folder, and is a link to nothing") from error
    except NotADirectoryError as error:
        there = os.path.lexists(folder)
        what = "must be a folder, and is a file" if there else "cannot be written: it lies below a file"
        raise ConfigError(f"{key}: {folder} {what}") from error
    except OSError as error:
        raise ConfigError(f"{key}: {folder} cannot be read: {error.strerror}") from error


def refuse_place(folder: Path, key: str) -> None:
    """Refuse a folder that runs cannot stand in, whatever else does.

    Args:
        folder: of a sweep.
        key: the setting that names it.

    Raises:
        ConfigError: it is no folder, or one that is never only a sweep's.
    """
    refuse_name(folder, key)
    _listed(folder, key)


def refuse_name(folder: Path, key: str) -> None:
    """Refuse what is no name for a folder, and a folder that is never a run's own.

    Raises:
        ConfigError: it is one of these.
    """
    text = str(folder)
    if not text.isprintable():
        raise ConfigError(f"{key}: must be a name that can be printed, got {text!r}")
    if len(os.fsencode(text)) > LONGEST or any(
        len(os.fsencode(part)) > LONGEST_PART for part in folder.parts
    ):
        limits = f"{LONGEST_PART} bytes between two slashes, and of {LONGEST}"
        raise ConfigError(f"{key}: must be a name of at most {limits}, got one of {len(os.fsencode(text))}")
    if folder.parts[:1] and re.fullmatch(r"~[\w-]*", folder.parts[0]):
        raise ConfigError(f"{key}: ~ stands for no folder here; type the home folder's name, got {folder}")
    for place, what in (
        (_here(), CURRENT),
        (_home(), "the home folder"),
        (Path("/"), "all there is"),
    ):
        if place is None or not _same(folder, place):
            continue
        if what != CURRENT or not folder.is_absolute() or names_in(folder):
            raise ConfigError(f"{key}: must be a folder of its own, got {folder}, which is {what}")
    if os.path.lexists(folder / ".git"):
        raise ConfigError(
            f"{key}: must be a folder of its own, got {folder}, which holds a repository (.git)"
        )


def _here() -> Path | None:
    try:
        return Path.cwd()
    except OSError:
        return None  # it has been deleted


def _home() -> Path | None:
    try:
        return Path.home()
    except RuntimeError:
        return None


def _same(one: Path, other: Path) -> bool:
    try:
        return os.path.samefile(one, other)
    except (OSError, ValueError):
        return False


def _several(names: list[str]) -> str:
    return listed([name if name.isprintable() else repr(name) for name in names], 3, " and ")


def refuse_links(folder: Path, key: str) -> None:
    """Refuse a run folder in which something leads elsewhere, or is of another kind than it should.

    Raises:
        ConfigError: something is.
    """
    for names, due in ((FOLDERS, "a folder"), (WRITTEN_IN_PLACE, "a file")):
        for name in names:
            there = kind_of(folder / name)
            if there not in ("", due):
                raise ConfigError(
                    f"{key}: {folder / name} must be {due} of the run's own, and is {there}; move it away"
                )
    for name in ASIDE:
        if kind_of(folder / name) == "a folder":
            raise ConfigError(
                f"{key}: {folder / name} must be a file of the run's own, and is a folder; move it away"
            )


def remove_unfinished(folder: Path) -> None:
    """Delete what killed processes were writing in a run folder that this process holds."""
    with suppress(OSError):
        left = [name for name in os.listdir(folder) if is_unfinished(name, _is_replaced)]
        remove_files(folder, left)


def _is_replaced(name: str) -> bool:
    return name in REPLACED or checkpoint.is_name(name)


def refuse_unwritable(folder: Path, key: str) -> None:
    """Try whether something can be written in a folder, and take everything away again.

    Raises:
        ConfigError: nothing can.
    """
    new = missing(folder)
    try:
        insisting(lambda: _write_in(folder))
    except OSError as error:
        raise ConfigError(f"{key}: {folder} cannot be written: {error.strerror}") from error
    finally:
        remove_empty(*new)  # unless another process has begun to use it


def _write_in(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass

"""Whose a folder is: regbench writes only into one that it made or found empty, and has marked."""

from __future__ import annotations

import json
import os
import re
import stat
from pathlib import Path

from regbench.errors import ConfigError
from regbench.records import ENVIRONMENT, LOG, METRICS, SUMMARY

MARK = ".regbench"  # in a run folder, put there before anything else
LOCK = ".lock"  # by which a living process keeps others out
HYDRA = ".hydra"
HYDRAS = ("config.yaml", "hydra.yaml", "overrides.yaml")  # what Hydra writes in there
EVENTS = "tensorboard"
SUB_RUNS = ("train", "val")
FOLDERS = (HYDRA, EVENTS, *(f"{EVENTS}/{name}" for name in SUB_RUNS))  # of a run folder
WRITTEN_IN_PLACE = (MARK, LOCK, LOG, *(f"{HYDRA}/{name}" for name in HYDRAS))  # others are renamed into place
REPLACED = (ENVIRONMENT, METRICS, SUMMARY)
KEYS = ("model", "dataset", "optimizer", "schedule", "train", "reg", "seed")  # of every configuration
LONGEST, LONGEST_PART = 3000, 255  # bytes of a folder's name; what a run writes lies below it
LARGEST = 1 << 20  # bytes of a file that are looked at


class Place:
    """A run folder that a process works in.

    Args:
        folder: of the run, which is there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._marked = folder, is_marked(folder)
        self._number = _number(folder)

    def require(self) -> None:
        """Refuse to write on where the folder has been deleted, or emptied, or is another one now.

        Raises:
            ConfigError: it has been.
        """
        gone = _number(self._folder) != self._number
        if gone or (self._marked and not is_marked(self._folder)):
            raise ConfigError(f"{self._folder}: was removed while its run was going on; type the line again")


def _number(folder: Path) -> tuple[int, int] | None:
    """What tells a folder from another one of its name."""
    try:
        found = os.stat(folder)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def is_marked(folder: Path) -> bool:
    """Whether regbench has put its mark into a folder."""
    return _kind(folder / MARK) == "a file"


def is_ours(folder: Path) -> bool:
    """Whether a folder is marked, or holds a run of before there were marks."""
    return is_marked(folder) or _holds_run(folder)


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
        return os.listdir(folder)
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
        (_here(), "the current folder"),
        (_home(), "the home folder"),
        (Path("/"), "all there is"),
    ):
        if place is not None and _same(folder, place):
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
    shown = [name if name.isprintable() else repr(name) for name in names[:3]]
    return ", ".join(shown) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def refuse_links(folder: Path, key: str) -> None:
    """Refuse a run folder in which something would be written through, or is of another kind than a run writes.

    Raises:
        ConfigError: something is.
    """
    for names, due in ((FOLDERS, "a folder"), (WRITTEN_IN_PLACE, "a file")):
        for name in names:
            there = _kind(folder / name)
            if there not in ("", due):
                raise ConfigError(
                    f"{key}: {folder / name} must be {due} of the run's own, and is {there}; move it away"
                )
    for name in REPLACED:
        if _kind(folder / name) == "a folder":
            raise ConfigError(
                f"{key}: {folder / name} must be a file of the run's own, and is a folder; move it away"
            )


def _kind(path: Path) -> str:
    """What lies at a path; links are not followed; empty where there is nothing, or it cannot be known."""
    try:
        mode = os.lstat(path).st_mode
    except (OSError, ValueError):
        return ""
    kinds = {stat.S_IFREG: "a file", stat.S_IFDIR: "a folder", stat.S_IFLNK: "a link"}
    return kinds.get(stat.S_IFMT(mode), "no plain file")


def _holds_run(folder: Path) -> bool:
    """Whether Hydra's record beside it, or what the run has measured, is one of ours."""
    if _kind(folder / HYDRA) != "a folder":
        return False
    return (
        is_hydras_of_ours(folder)
        or _is_our_summary(_start(folder / SUMMARY, 16 * LARGEST))
        or re.match(rb'\{"epoch": 1, .*"objective/data"', _start(folder / METRICS)) is not None
    )


def is_hydras_of_ours(folder: Path) -> bool:
    """Whether the record that Hydra has put into a folder is of one of our jobs.

    Text is looked for and nothing parsed: YAML may be made to take for ever.
    """
    config = _start(folder / HYDRA / "config.yaml").decode(errors="replace")
    about = _start(folder / HYDRA / "hydra.yaml").decode(errors="replace")
    keys = {*re.findall(r"^(\w+):", config, re.MULTILINE)}
    return keys.issuperset(KEYS) and re.search(r"^ +app_name: regbench", about, re.MULTILINE) is not None


def _is_our_summary(content: bytes) -> bool:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and {"version", "status", "config", "identity"} <= found.keys()


def _start(path: Path, size: int = LARGEST) -> bytes:
    """The first bytes of a plain file; none of anything else."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
    try:
        number = os.open(path, flags)
    except (OSError, ValueError):
        return b""
    with open(number, "rb") as file:
        try:
            return file.read(size) if stat.S_ISREG(os.fstat(number).st_mode) else b""
        except OSError:
            return b""

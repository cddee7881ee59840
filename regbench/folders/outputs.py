"""Files that a person asks for: written whole or not at all, over nothing but what they named."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from regbench.errors import ConfigError
from regbench.folders.ownership import LOCK, is_ours, kind_of
from regbench.folders.placement import REPLACED, WRITTEN_IN_PLACE
from regbench.storage.files import write_bytes
from regbench.storage.folders import emptied_on_failure

# of a search: the folder of its files, and the one that says what it is
STUDY, ABOUT = "study", "search.json"
ADVICE = "advice.json"  # says what an advice is on, beside what each of its stages has come to
OF_ADVICE = (ADVICE, "plan.json", "race.json", "search.json", "ablation.json")
MAKER = "regbench"  # stands in every figure that is written, and tells it from a person's own


def write_output(path: Path, content: bytes) -> None:
    """Put the content into a file of this name, in place of one that is there, or into a pipe or a device.

    A link to a file is replaced, and the file that it leads to is left alone.

    Raises:
        OSError: it cannot be written; what was there still is.
    """
    try:
        kind = stat.S_IFMT(os.stat(path).st_mode)
    except FileNotFoundError:
        kind = stat.S_IFREG
    if kind == stat.S_IFDIR:
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if owner := owner_of(path):
        raise OSError(errno.EPERM, f"is a file of {owner}", str(path))
    if kind == stat.S_IFBLK:
        raise OSError(errno.EPERM, "is a disk", str(path))
    if kind != stat.S_IFREG or Path(os.path.abspath(path)).parts[1:2] in (("dev",), ("proc",)):
        _write_into(path, content)
    else:
        _replace(path, content)


def owner_of(path: Path) -> str:
    """Whose file a path is: one that a run, a search or an advice has or may have; empty where nobody's."""
    place = place_of(path)
    if any(
        str(place.relative_to(folder)) in (*WRITTEN_IN_PLACE, *REPLACED) and is_ours(folder)
        for folder in place.parents[:2]
    ):
        return "a run"
    if any(folder.name == STUDY and _is_state(folder, ABOUT) for folder in (place, *place.parents)):
        return "a search"
    if place.name in OF_ADVICE and _is_state(place.parent, ADVICE):
        return "an advice"
    return ""


def _is_state(folder: Path, about: str) -> bool:
    """Whether a folder holds this file, and the lock of who writes it: a person's own has none."""
    return kind_of(folder / about) != "" and kind_of(folder / LOCK) != ""


def run_around(path: Path) -> Path | None:
    """The run folder that a path is, or lies in; None where there is none."""
    place = place_of(path)
    return next((folder for folder in (place, *place.parents[:2]) if is_ours(folder)), None)


def place_of(path: Path) -> Path:
    """Where a path leads by links of folders; one to a file is replaced, and is not followed."""
    return Path(os.path.realpath(path)) if path.is_dir() else Path(os.path.realpath(path.parent)) / path.name


def refuse_one_place(command: str, outputs: Iterable[tuple[str, Path]]) -> None:
    """Refuse two outputs at one place, of which one would be lost.

    Args:
        command: its name.
        outputs: the option and the path of each.

    Raises:
        ConfigError: there are two.
    """
    found: dict[Path, str] = {}
    for option, path in outputs:
        if path.exists() and not (path.is_file() or path.is_dir()):
            continue  # a pipe or a device takes what comes one after the other
        place = place_of(path)
        if other := found.get(place):
            raise ConfigError(
                f"{command}: {option}: must be another place than that of {other}, got {place.name} for both"
            )
        found[place] = option


def _replace(path: Path, content: bytes) -> None:
    try:
        write_bytes(path, content, path.with_name(f".regbench-{secrets.token_hex(6)}.tmp"))
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _write_into(path: Path, content: bytes) -> None:
    """Write to a pipe or a device; one that nobody reads is an error and no long wait."""
    number = os.open(path, os.O_WRONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0))
    os.set_blocking(number, True)
    with open(number, "wb", buffering=0) as file:
        if stat.S_ISREG(os.fstat(number).st_mode):  # /dev/stdout, where that is a file
            file.seek(0, os.SEEK_END)
        left = memoryview(content)
        try:
            while left:
                left = left[file.write(left) :]
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path)) from error


def write_figures(folder: Path, files: Mapping[str, bytes]) -> list[Path]:
    """Write figures, each with `MAKER` in it, into a folder, all or none that is new; give their paths.

    Args:
        folder: made where it is missing.
        files: the content of each by its name.

    Raises:
        OSError: one cannot be written, or would take the place of what is no figure of ours.
    """
    paths = [folder / name for name in files]
    new = [path for path in paths if not _is_old(path)]
    with emptied_on_failure(folder):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for path, content in zip(paths, files.values(), strict=True):
                write_output(path, content)
        except OSError:
            with suppress(OSError):
                for path in new:
                    path.unlink(missing_ok=True)
            raise
    return paths


def _is_old(path: Path) -> bool:
    """Whether a figure that we have made is there, to be replaced.

    Raises:
        OSError: something else is.
    """
    try:
        if stat.S_ISREG(os.lstat(path).st_mode) and MAKER.encode() in path.read_bytes():
            return True
    except FileNotFoundError:
        return False
    raise OSError(errno.EEXIST, "is there, and is no figure of regbench; move it away", str(path))

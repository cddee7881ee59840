"""Whose a folder is: regbench writes only into one that it made or found empty, and has marked."""

from __future__ import annotations

import json
import os
import re
import stat
from pathlib import Path

from regbench.errors import ConfigError
from regbench.folders import lease
from regbench.records.files import METRICS, SUMMARY

MARK = ".regbench"  # in a run folder, put there before anything else
LOCK = ".lock"  # by which a living process keeps others out
HYDRA = ".hydra"
HYDRAS = ("config.yaml", "hydra.yaml", "overrides.yaml")  # what Hydra writes in there
EVENTS = "tensorboard"
SUB_RUNS = ("train", "val")
WANDB = "wandb"  # where Weights & Biases keeps what is not sent
KEYS = ("model", "dataset", "optimizer", "schedule", "train", "reg", "seed")  # of every configuration
LOOKED_AT = 1 << 20  # bytes of a file that are looked at
# What NFS and FUSE call a file that was deleted while a process had it open, until it is closed.
DELETED = re.compile(r"\.(nfs|fuse_hidden)[0-9a-f]{16,}")


class Place:
    """A run folder that a process works in.

    Args:
        folder: of the run, which is there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._marked = folder, is_marked(folder)
        self._number, self._process = _number(folder), os.getpid()
        self._lease = lease.own(folder)

    def leave_copy(self) -> None:
        """End the process at once where it is a copy, by an `os.fork` in a person's code, that has come back.

        The folder is that of the process which the copy was made of.
        """
        if os.getpid() != self._process:
            os._exit(0)

    def require(self) -> None:
        """Refuse to write on where the folder has been deleted, or emptied, or is another one's now.

        Raises:
            ConfigError: it has been.
            OSError: it cannot be known.
        """
        self.leave_copy()
        if self._lease and is_marked(self._folder):  # by its file a folder is known; numbers of FUSE change
            self._lease.require()
            return
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


def names_in(folder: Path) -> list[str]:
    """The names in a folder, without those of files that are deleted already.

    Raises:
        OSError: it cannot be read.
    """
    return [name for name in os.listdir(folder) if not DELETED.fullmatch(name)]


def is_marked(folder: Path) -> bool:
    """Whether regbench has put its mark into a folder."""
    return kind_of(folder / MARK) == "a file"


def is_ours(folder: Path) -> bool:
    """Whether a folder is marked, or holds a run of before there were marks."""
    return is_marked(folder) or _holds_run(folder)


def kind_of(path: Path) -> str:
    """What lies at a path; links are not followed; empty where there is nothing, or it cannot be known."""
    try:
        mode = os.lstat(path).st_mode
    except (OSError, ValueError):
        return ""
    kinds = {stat.S_IFREG: "a file", stat.S_IFDIR: "a folder", stat.S_IFLNK: "a link"}
    return kinds.get(stat.S_IFMT(mode), "no plain file")


def _holds_run(folder: Path) -> bool:
    """Whether Hydra's record beside it, or what the run has measured, is one of ours."""
    if kind_of(folder / HYDRA) != "a folder":
        return False
    return (
        is_hydras_of_ours(folder)
        or _is_our_summary(_start(folder / SUMMARY, 16 * LOOKED_AT))
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


def _start(path: Path, size: int = LOOKED_AT) -> bytes:
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

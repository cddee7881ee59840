"""Which file system a folder lies on, and whether a lock that is taken there is seen from other hosts."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")  # of Linux; elsewhere every folder counts as local


class Reach(Enum):
    """Who is kept out by a lock that is taken with `flock`."""

    ALL = "all"  # whoever sees the folder; of a local disk that is this host
    ONE = "one"  # other processes of this host
    UNKNOWN = "unknown"  # depends on what cannot be seen from here
    NOBODY = "nobody"  # and even to make a file that must be new is no safe step there


@dataclass(frozen=True)
class FileSystem:
    """Of a folder.

    Attributes:
        kind: as the system calls it, such as `nfs4`.
        reach: of locks.
        option: of the mount, that decides it; empty where none does.
        remedy: what to do so that locks reach all hosts; empty where nothing is known.
    """

    kind: str
    reach: Reach
    option: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class _Rule:
    """Of a kind of file system.

    Attributes:
        reach: of its locks, without any of the options.
        options: that change it.
        remedy: see `FileSystem`; `{}` stands for the option.
    """

    reach: Reach
    options: Mapping[str, Reach] = field(default_factory=dict)
    remedy: str = ""

    def of(self, kind: str, mounted: set[str]) -> FileSystem:
        """A file system of this kind, mounted with these options."""
        option = next((one for one in self.options if one in mounted), "")
        return FileSystem(kind, self.options.get(option, self.reach), option, self.remedy.format(option))


UNSEEN = _Rule(Reach.UNKNOWN)
# nfs(5): nolock and local_lock keep locks on the client; else flock is a lock of all bytes at the server.
_LOCAL = {"nolock": Reach.ONE, "local_lock=all": Reach.ONE, "local_lock=flock": Reach.ONE}
_NFS = _Rule(Reach.ALL, _LOCAL, "mount it without {}")
_CLUSTER = _Rule(Reach.ALL, {"localflocks": Reach.ONE}, "mount it without {}")
_SMB = _Rule(Reach.UNKNOWN, {"nobrl": Reach.ONE})  # since Linux 5.5 they go to the server
_OBJECTS = _Rule(Reach.NOBODY)
RULES: Mapping[str, _Rule] = {
    "nfs": _NFS,
    "nfs4": _NFS,
    # mount.lustre(8): without either there is no flock at all
    "lustre": _Rule(Reach.ONE, {"flock": Reach.ALL, "localflock": Reach.ONE}, "mount it with flock"),
    **dict.fromkeys(("cifs", "smb3", "smbfs"), _SMB),
    **dict.fromkeys(("ceph", "fuse.ceph", "fuse.ceph-fuse"), _Rule(Reach.ALL)),
    **dict.fromkeys(("gfs2", "ocfs2"), _CLUSTER),
    "fuse.sshfs": _Rule(Reach.ONE),
    **dict.fromkeys(("fuseblk", "fuse.fuse-overlayfs"), _Rule(Reach.ALL)),  # of a disk, of a container
    # what stands for a store of objects, in which the last one to write wins
    **dict.fromkeys(("fuse.s3fs", "fuse.goofys", "fuse.geesefs", "fuse.mountpoint-s3"), _OBJECTS),
    **dict.fromkeys(("fuse.gcsfuse", "fuse.rclone", "fuse.blobfuse", "fuse.blobfuse2"), _OBJECTS),
    **dict.fromkeys(("9p", "virtiofs", "vboxsf", "prl_fs", "vmhgfs"), UNSEEN),  # of the host of a machine
    **dict.fromkeys(("gpfs", "beegfs", "afs", "coda", "pvfs2", "panfs", "wekafs", "acfs"), UNSEEN),
}


def file_system_of(folder: Path) -> FileSystem:
    """The file system that a folder lies on, or would if it were there."""
    try:
        text = MOUNTS.read_text(errors="surrogateescape")
    except OSError:
        return FileSystem("", Reach.ALL)
    return file_system_at(text, os.path.realpath(folder))


def file_system_at(mountinfo: str, path: str) -> FileSystem:
    """The same, by what Linux says of its mounts.

    Args:
        mountinfo: what stands in `/proc/self/mountinfo`, see proc(5).
        path: absolute, without links.
    """
    found, longest = FileSystem("", Reach.ALL), -1
    for line in mountinfo.splitlines():
        place, dash, about = line.partition(" - ")
        before, after = place.split(" "), about.split(" ")
        if not dash or len(before) < 6 or len(after) < 3:
            continue
        point = _unescaped(before[4])
        if _lies_in(path, point) and len(point) >= longest:  # of two on one place the later one is seen
            longest = len(point)
            found = _judged(after[0], _unescaped(after[1]), {*before[5].split(","), *after[2].split(",")})
    return found


def _judged(kind: str, source: str, options: set[str]) -> FileSystem:
    if kind in RULES:
        return RULES[kind].of(kind, options)
    is_remote = re.match(r"//|[^/].*:/", source) is not None  # //server/share, server:/folder
    return UNSEEN.of(kind, options) if is_remote or kind.partition(".")[0] == "fuse" else _local(kind)


def _local(kind: str) -> FileSystem:
    return FileSystem(kind, Reach.ALL)


def _lies_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _unescaped(name: str) -> str:
    r"""A name without the escapes of blanks and the like, such as \040."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), name)

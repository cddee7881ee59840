"""Event files of TensorBoard in a folder, in place of those of the last call, and of nothing else."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from regbench.folders.outputs import write_output
from regbench.folders.removal import is_file, is_folder, remove_files
from regbench.storage.folders import emptied_on_failure, remove_empty

MARK = ".regbench-events.json"  # lists the files of the last call, for the next one to delete
LONGEST = 1 << 26  # bytes of the mark
PREFIX, SUFFIX = "events.out.tfevents.", ".regbench"

Steps = list[tuple[int, Summary]]


def replace_events(folder: Path, files: Mapping[str, Steps]) -> None:
    """Write event files, after those of an earlier call have been deleted.

    Args:
        folder: made where it is missing; files of others in it are left alone.
        files: what each holds at which step, by its path in the folder.

    Raises:
        ValueError: the list of what an earlier call has written is none, or a link leads out of the folder.
        OSError: something cannot be written or deleted; none of the new files is left then.
    """
    old, now = _listed(folder), time.time()
    _refuse_links(folder, files)
    with emptied_on_failure(folder):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _clear(folder, old)
            write_output(folder / MARK, (json.dumps([*files], indent=0) + "\n").encode())
            for entry, steps in files.items():
                _write(folder / entry, steps, now)
        except OSError:
            with suppress(OSError):
                _clear(folder, files)
            raise


def _clear(folder: Path, entries: Iterable[str]) -> None:
    """Delete the event files of these names, the folders that are empty then, and the mark."""
    for entry in entries:
        path = folder / entry
        places = path.parents[: len(PurePosixPath(entry).parts) - 1]
        if all(map(is_folder, places)):  # none of them leads elsewhere
            remove_files(path.parent, [path.name])
            remove_empty(*places)
    remove_files(folder, [MARK])


def _refuse_links(folder: Path, entries: Iterable[str]) -> None:
    """Refuse to write where a link leads out of the folder."""
    for entry in entries:
        for place in (folder / entry).parents[: len(PurePosixPath(entry).parts) - 1]:
            if place.is_symlink():
                raise ValueError(f"{place} must be a folder, and is a link")


def _listed(folder: Path) -> list[str]:
    """The event files below a folder that its mark names; none where there is no mark.

    Raises:
        ValueError: it is no such list.
    """
    mark = folder / MARK
    if not mark.exists() and not mark.is_symlink():
        return []
    if not is_file(mark) or mark.stat().st_size > LONGEST:
        raise ValueError(f"{mark} must be a plain file that lists event files")
    try:
        entries = json.loads(mark.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{mark} must list event files, got {error}") from error
    if not isinstance(entries, list):
        raise ValueError(f"{mark} must list event files, got {type(entries).__name__}")
    for entry in entries:
        path = PurePosixPath(str(entry))
        ours = path.name.startswith(PREFIX) and path.name.endswith(SUFFIX) and str(entry).isprintable()
        if not isinstance(entry, str) or path.is_absolute() or ".." in path.parts or not ours:
            raise ValueError(f"{mark} must list event files below its folder, got {str(entry)[:80]!r}")
    return entries


def _write(path: Path, steps: Steps, now: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        records = RecordWriter(file)
        records.write(Event(wall_time=now, file_version="brain.Event:2").SerializeToString())
        for step, summary in steps:
            records.write(Event(wall_time=now, step=step, summary=summary).SerializeToString())

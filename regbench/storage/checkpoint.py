"""Checkpoints: written whole or not at all, read whole or not at all, without running what is in them."""

from __future__ import annotations

import copy
import io
import os
import re
import shutil
import warnings
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from regbench.storage import archives
from regbench.storage.files import Ready, at_once, replaced, write_bytes
from regbench.storage.reading import machine_memory, opened, sentence, there

LAST, PREVIOUS, BEST = "last.pt", "previous.pt", "best.pt"
OF_EPOCH = "epoch_{:04}.pt"
Check = Callable[[Any], None]


class Damaged(ValueError):
    """A file that is no checkpoint, or no whole one."""


def save(path: Path, state: Mapping[str, Any], owner: str = "", ready: Ready = at_once) -> None:
    """Write to a temporary file, sync, rename; a file of that name is replaced in one go or kept.

    Args:
        path: of the file.
        state: what it holds.
        owner: the identity of what it belongs to, for a state that does not tell.
        ready: see `files.replaced`.

    Raises:
        OSError: it cannot be written, for the reason that the system gives.
    """
    import torch

    content = io.BytesIO()
    torch.save(_compact(dict(state)), content)  # not into the file: torch would hide the reason of a failure
    archives.close(content, owner)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        write_bytes(path, content.getbuffer(), sync=True, ready=ready)
    except OSError as error:
        raise OSError(f"cannot write {path}: {error.strerror}") from error


def _compact(value: Any) -> Any:
    """The same, tensors that are part of a larger one copied: torch would save the whole of that."""
    import torch

    if isinstance(value, torch.Tensor):
        part = value.untyped_storage().nbytes() > value.numel() * value.element_size()
        return value.clone() if part else value
    if not isinstance(value, dict | list):
        return value
    found = copy.copy(value)
    for key in value if isinstance(value, dict) else range(len(value)):
        found[key] = _compact(value[key])
    return found


def save_last(folder: Path, state: Mapping[str, Any], ready: Ready = at_once) -> None:
    """Write the newest checkpoint and keep the one before it; `ready` as in `files.replaced`."""
    if there(folder / LAST):
        with replaced(folder / PREVIOUS, ready=ready) as link:
            try:
                os.link(folder / LAST, link)
            except OSError:  # a file system without links
                with suppress(shutil.SameFileError):  # a server may have made it, and have been asked again
                    shutil.copy2(folder / LAST, link)
    save(folder / LAST, state, ready=ready)


def leave(folder: Path, wanted: str) -> None:
    """Remove an ended run's checkpoints but those wanted: none, last, best, last+best or all of them."""
    (folder / PREVIOUS).unlink(missing_ok=True)  # it stands by for the last one while that is replaced
    kept = {"last": ("last",), "best": ("best",), "none": ()}.get(wanted, ("last", "best"))
    if "last" not in kept:
        (folder / LAST).unlink(missing_ok=True)
    if "best" not in kept:
        (folder / BEST).unlink(missing_ok=True)


def load(path: Path, check: Check | None = None, owners: Collection[str] = ()) -> dict[str, Any]:
    """Read a checkpoint, onto the CPU.

    Args:
        path: of the file.
        check: raises ValueError for a content that is not what it should be.
        owners: whose it may be, where it says whose it is; any's where none is given.

    Raises:
        Damaged: the file is no whole checkpoint, or another's; its name and what is wrong, in one sentence.
    """
    import torch

    try:
        with opened(path, machine_memory()) as file:  # a larger one cannot be one of this machine's
            archives.require_whole(file)
            owner = archives.owner_of(file)
            with warnings.catch_warnings(action="ignore"):
                state = torch.load(file, weights_only=True, map_location="cpu")
    except Exception as error:  # what is made of any bytes at all may fail in any way
        raise Damaged(f"{path.name} is no whole checkpoint: {_reason(error)}") from error
    if owner and owners and owner not in owners:
        raise Damaged(f"{path.name} is another's: it was copied from elsewhere")
    try:
        if check is not None:
            check(state)
    except ValueError as error:
        raise Damaged(f"{path.name} is no checkpoint of a run: {error}") from error
    return state


def _reason(error: Exception) -> str:
    """The first sentence of what torch says: the next ones advise to load the file unsafely."""
    sentences = sentence(error).split(". ")
    return sentences[0].removesuffix(".") if str(error) else "it ends too early"


def exists(folder: Path) -> bool:
    """Whether a run folder holds a checkpoint to continue from."""
    return any(there(folder / name) for name in (LAST, PREVIOUS))


def names(folder: Path) -> list[str]:
    """The names of a run's checkpoints that are in a folder."""
    return [path.name for path in folder.glob("*.pt") if is_name(path.name)]


def is_name(name: str) -> bool:
    """Whether a checkpoint of a run is called so."""
    return name in (LAST, PREVIOUS, BEST) or re.fullmatch(r"epoch_\d{4,}\.pt", name) is not None


def load_newest(folder: Path, check: Check | None = None) -> tuple[dict[str, Any], str]:
    """The newest whole checkpoint, and what is to be said of one that was not whole ("" if nothing).

    Args:
        folder: of a run.
        check: as for `load`.

    Raises:
        Damaged: none is whole, or there is none.
    """
    complaints: list[str] = []
    for name in (LAST, PREVIOUS):
        if not there(folder / name):
            continue
        try:
            return load(folder / name, check), "; ".join(complaints)
        except Damaged as error:
            complaints.append(str(error))
    raise Damaged("; ".join(complaints) or f"{folder} holds no checkpoint")

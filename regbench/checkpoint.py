"""Checkpoints: written whole or not at all, read without running what is in them; torch only for that."""

from __future__ import annotations

import io
import os
import pickle
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

LAST, PREVIOUS, BEST = "last.pt", "previous.pt", "best.pt"
OF_EPOCH = "epoch_{:04}.pt"


def save(path: Path, state: Mapping[str, Any]) -> None:
    """Write to a temporary file, sync, rename; a file of that name is replaced in one go or kept.

    Raises:
        OSError: it cannot be written, for the reason that the system gives.
    """
    import torch

    content = io.BytesIO()
    torch.save(dict(state), content)  # not into the file itself: torch would hide the reason of a failure
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    try:
        temporary.unlink(missing_ok=True)  # of a process that was killed; a link would lead elsewhere
        with temporary.open("xb") as file:
            file.write(content.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise OSError(f"cannot write {path}: {error.strerror}") from error
    finally:
        temporary.unlink(missing_ok=True)


def save_last(folder: Path, state: Mapping[str, Any]) -> None:
    """Write the newest checkpoint and keep the one before it."""
    if (folder / LAST).exists():
        link = folder / (PREVIOUS + ".tmp")
        link.unlink(missing_ok=True)
        try:
            os.link(folder / LAST, link)
        except OSError:  # a file system without links
            shutil.copy2(folder / LAST, link)
        os.replace(link, folder / PREVIOUS)
    save(folder / LAST, state)


def leave(folder: Path, wanted: str) -> None:
    """Remove an ended run's checkpoints but those wanted: none, last, best, last+best or all of them."""
    (folder / PREVIOUS).unlink(missing_ok=True)  # it stands by for the last one while that is replaced
    kept = {"last": ("last",), "best": ("best",), "none": ()}.get(wanted, ("last", "best"))
    if "last" not in kept:
        (folder / LAST).unlink(missing_ok=True)
    if "best" not in kept:
        (folder / BEST).unlink(missing_ok=True)


def load(path: Path) -> dict[str, Any]:
    """Read a checkpoint.

    Raises:
        ValueError: the file is no whole checkpoint.
    """
    import torch

    try:
        return torch.load(path, weights_only=True, map_location="cpu")
    except (RuntimeError, pickle.UnpicklingError, EOFError, OSError, KeyError, ValueError) as error:
        raise ValueError(f"{path.name} is no whole checkpoint: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """The first sentence of what torch says: the next ones advise to load the file unsafely."""
    sentences = str(error).partition("\n")[0].split(". ")
    return sentences[0].removesuffix(".") or "it ends too early"


def exists(folder: Path) -> bool:
    """Whether a run folder holds a checkpoint to continue from."""
    return any((folder / name).exists() for name in (LAST, PREVIOUS))


def names(folder: Path) -> list[str]:
    """The names of a run's checkpoints that are in a folder."""
    there = (path.name for path in folder.glob("*.pt"))
    return [
        name for name in there if name in (LAST, PREVIOUS, BEST) or re.fullmatch(r"epoch_\d{4,}\.pt", name)
    ]


def load_newest(folder: Path) -> tuple[dict[str, Any], str]:
    """The newest whole checkpoint, and what is to be said of one that was not whole ("" if nothing).

    Raises:
        ValueError: none is whole, or there is none.
    """
    complaints: list[str] = []
    for name in (LAST, PREVIOUS):
        if not (folder / name).exists():
            continue
        try:
            return load(folder / name), "; ".join(complaints)
        except ValueError as error:
            complaints.append(str(error))
    raise ValueError("; ".join(complaints) or f"{folder} holds no checkpoint")

"""What a person may have meant by a folder that cannot be read, and what to type then."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from regbench.data.image_files.files import (
    ARCHIVES,
    STRAY,
    folders_in,
    has_images,
    images_in,
    is_hidden,
    what_of,
)
from regbench.data.image_files.names import names_of, split_of
from regbench.data.typed import typed


def require_outermost(path: Path) -> None:
    """Refuse a folder whose splits lie one folder further down, whichever way.

    Raises:
        ValueError: they do.
    """
    for folder in folders_in(path):
        inner = [f for f in folders_in(folder) if split_of(f)]
        if not inner:
            continue
        if any(folders_in(f) for f in inner):
            raise ValueError(
                f"path must be the folder that holds the splits, got {path}, where {folder.name} holds "
                f"{names_of(inner)}; set {typed('path', folder)}"
            )
        if any(has_images(f) for f in inner):
            raise ValueError(
                f"{path} must hold the splits, and each of them the classes, got {names_of(inner)} inside "
                f"the class {folder.name}; make it {inner[0].name}/{folder.name}"
            )


def advice(part: Path, path: Path, folders: Sequence[Path]) -> str:
    """The end of a sentence on a folder of fewer than 2 classes.

    Args:
        part: that folder.
        path: the outermost one, which is part itself where there are no splits.
        folders: those in part.
    """
    deepest = _first_fork(folders[0]) if folders else None
    if deepest and part == path:
        inner = names_of(folders_in(deepest))
        where = "which" if deepest == folders[0] else f"where {deepest.relative_to(part)}"
        return f", {where} holds {inner}; set {typed('path', deepest)}"
    if deepest:
        return f", which holds {names_of(folders_in(deepest))}; move them up into {part.name}"
    return _of_files(part, path) + _train_alone(part, path)


def _first_fork(folder: Path) -> Path | None:
    """The folder, at the end of a chain of single ones, that holds splits, or several folders with images."""
    inner = folders_in(folder)
    while len(inner) == 1 and not split_of(inner[0]):
        folder, inner = inner[0], folders_in(inner[0])
    filled = [f for f in inner if has_images(f)]
    return folder if len(filled) > 1 or any(split_of(f) for f in filled) else None


def _of_files(part: Path, path: Path) -> str:
    """What lies in a folder that has no folders."""
    loose = len(images_in(part))
    if loose:
        here = f"; if it is a class itself, set {typed('path', part.parent)}" if part == path else ""
        return f", and {what_of({STRAY: loose})}{here}"
    packed = sorted(f.name for f in part.iterdir() if f.suffix.lower() in ARCHIVES and not is_hidden(f.name))
    return f", and {', '.join(packed)}; unpack it" if packed else ""


def _train_alone(part: Path, path: Path) -> str:
    """What to type where a split beside train has no classes, as of competitions whose test has no labels."""
    train = next((f for f in folders_in(path) if split_of(f) == "train"), None)
    if part == path or train is None or train == part or len(folders_in(train)) < 2:
        return ""
    return f"; to read {train.name} alone, of which a fifth is test then, set {typed('path', train)}"

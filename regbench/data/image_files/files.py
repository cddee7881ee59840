"""The images below a class folder, and why other files are passed over."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from regbench.data.image_files.pixels import is_image

SUFFIXES = {
    *(".avif", ".bmp", ".dib", ".gif", ".j2k", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm"),
    *(".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"),
}
UNREADABLE = {
    *(".arw", ".cr2", ".cr3", ".dng", ".eps", ".heic", ".heif", ".jxl", ".nef", ".orf", ".pdf", ".psd"),
    *(".raw", ".rw2", ".svg", ".tga"),
}
ARCHIVES = {".7z", ".bz2", ".gz", ".rar", ".tar", ".tgz", ".xz", ".zip"}
SYSTEM = {"__macosx", "thumbs.db", "desktop.ini", "ehthumbs.db", "$recycle.bin", "@eadir"}  # in lower case

# Why a file is passed over; else its suffix is why.
HIDDEN = "hidden"
BROKEN = "broken link"
LOOP = "link to a folder above it"
ODD = "no plain file"
NO_SUFFIX = "without suffix and no image"
TWICE = "second link to a file"
STRAY = "image in no class folder"
NO_SPLIT = "folder that is no split"
SEVERAL = {
    BROKEN: "broken links",
    LOOP: "links to folders above them",
    ODD: "no plain files",
    TWICE: "second links to files",
    STRAY: "images in no class folder",
    NO_SPLIT: "folders that are no split",
}


def is_hidden(name: str) -> bool:
    """Whether an operating system keeps the file for itself, rather than a person."""
    return name.startswith(".") or name.lower() in SYSTEM


def folders_in(folder: Path) -> list[Path]:
    """The folders in a folder that a person sees, in the order of their names."""
    return sorted(f for f in folder.iterdir() if f.is_dir() and not is_hidden(f.name))


def images_in(folder: Path) -> list[Path]:
    """The images that lie in a folder itself."""
    found = sorted(folder.iterdir())
    return [f for f in found if not is_hidden(f.name) and f.is_file() and not why_not(f)]


def has_images(folder: Path) -> bool:
    """Whether an image lies anywhere below a folder."""
    return any(not reason for _, reason in walk(folder))


def walk(folder: Path, chain: tuple[Path, ...] = ()) -> Iterator[tuple[Path, str]]:
    """Every file below a folder in the order of names, and why it is passed over: "" for an image.

    Linked folders are followed unless they lead back to where they lie in. A hidden folder counts as a file.

    Args:
        folder: where to look.
        chain: the real folders that were passed on the way to it.
    """
    chain = (*chain, folder.resolve())
    for path in sorted(folder.iterdir()):
        if is_hidden(path.name):
            yield path, HIDDEN
        elif not path.is_dir():
            yield path, why_not(path)
        elif path.is_symlink() and _leads_back(path.resolve(), chain):
            yield path, LOOP
        else:
            yield from walk(path, chain)


def _leads_back(target: Path, chain: tuple[Path, ...]) -> bool:
    return any(target == passed or target in passed.parents for passed in chain)


def why_not(file: Path) -> str:
    """Why a file is passed over; empty for an image, which its suffix says, or else its first bytes."""
    suffix = file.suffix.lower()
    if not file.is_file():
        return ODD if os.path.exists(file) else BROKEN
    if suffix:
        return "" if suffix in SUFFIXES else suffix
    return "" if is_image(file) else NO_SUFFIX


def what_of(passed: Mapping[str, int]) -> str:
    """Counted reasons in words, the most frequent first."""
    ordered = sorted(passed.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{n} {why if n == 1 else SEVERAL.get(why, why)}" for why, n in ordered)

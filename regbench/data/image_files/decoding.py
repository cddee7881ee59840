"""Files to pixels, once: what was decoded is kept until a file or a setting changes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import prod
from pathlib import Path

import numpy as np

from regbench.data.image_files.pixels import DEEPEST, Color, decode
from regbench.data.mapped_files import mapped, require_disk, reserve
from regbench.data.stored_rows import Store
from regbench.errors import listed
from regbench.storage.files import replaced, writer
from regbench.storage.folders import undone_on_failure
from regbench.storage.reading import json_object, opened
from regbench.terminal.bar import numbers

VERSION = 3  # of the way from a file to pixels: another one decodes anew
HEADER = 4096  # bytes that a file of an array may have beside its values
NAMED = 20  # bad images that a sentence names before it only counts
DARK = DEEPEST // 16  # 12 bits in files of 16


@dataclass
class Notes:
    """What was met while decoding.

    Attributes:
        bad: why an image cannot be read, by its row as JSON has it.
        transparent, deep, animated: how many images have holes, 16 bits, more than one frame.
        brightest: the largest of all 16-bit greys.
    """

    bad: dict[str, str] = field(default_factory=dict)
    transparent: int = 0
    deep: int = 0
    animated: int = 0
    brightest: int = 0


@dataclass(frozen=True)
class Images:
    """Pixels of all files.

    Attributes:
        kept: the file with the pixels.
        bad: by row, why an image cannot be read.
        notes: what else was met.
    """

    kept: Path
    bad: Mapping[int, str]
    notes: Notes

    def pixels(self) -> Store:
        """(N, C, size, size) uint8, zeros for a bad image; writing to it does not reach the file."""
        return Store(mapped(self.kept), self.kept)

    def odd(self) -> list[str]:
        """A sentence on 16-bit images that hold less."""
        if not self.notes.deep or self.notes.brightest > DARK:
            return []
        return [
            f"the brightest of all 16-bit greys is {self.notes.brightest} of {DEEPEST}, so that they are all "
            "nearly black; stretch them before"
        ]


def how_read(images: Images) -> list[str]:
    """Phrases on the images that had to be changed to be read."""
    notes = images.notes
    said = {
        "transparent, laid on the background": notes.transparent,
        "with 16-bit greys, scaled to 8 bits": notes.deep,
        "animated, of which the first frame is read": notes.animated,
        "bad, left out": len(images.bad),
    }
    return [f"{count} {what}" for what, count in said.items() if count]


@dataclass(frozen=True)
class Reading:
    """How to read image files.

    Attributes:
        size: height and width in pixels.
        channels: 1 or 3.
        background: the colour under transparent images.
        skip: go on at an image that cannot be read, instead of refusing all.
    """

    size: int
    channels: int
    background: Color
    skip: bool


def decoded_once(files: Sequence[Path], how: Reading, cache: Path) -> Images:
    """All files as images, in their order, decoded unless the cache folder has them.

    Raises:
        ValueError: some cannot be read, and they are not to be skipped.
    """
    facts = [[str(f.resolve()), f.stat().st_size, f.stat().st_mtime_ns] for f in files]
    settings = [VERSION, facts, asdict(how)]
    folder = cache / hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:16]
    pixels, notes = folder / "images.npy", folder / "notes.json"
    size = len(files) * how.channels * how.size**2
    said = _recalled(pixels, notes, size + HEADER)
    if said is None:
        with undone_on_failure(folder):
            folder.mkdir(parents=True, exist_ok=True)
            said = _decode(files, how, pixels, notes)
    return Images(pixels, {int(row): why for row, why in said.bad.items()}, said)


def _recalled(pixels: Path, notes: Path, most: int) -> Notes | None:
    """What was met while decoding; None where pixels or notes are not there as they were written."""
    try:
        kept = json_object(notes) or {}
        sound = kept["digest"] == _digest(kept["notes"], kept["pixels"])
        return Notes(**kept["notes"]) if sound and kept["pixels"] == _digest_of(pixels, most) else None
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _digest(notes: object, pixels: object) -> str:
    """Of the notes and of the digest of the pixels."""
    return hashlib.blake2b(json.dumps([notes, pixels], sort_keys=True).encode(), digest_size=32).hexdigest()


def _digest_of(pixels: Path, most: int) -> str:
    with opened(pixels, most) as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=32)).hexdigest()


def bad_ones(files: Sequence[Path], bad: Mapping[int, str]) -> str:
    """The first bad images with their reasons, and how many more there are."""
    return listed([f"{files[row]} {reason}" for row, reason in bad.items()], NAMED, " and ")


def _require_good(files: Sequence[Path], bad: Mapping[int, str]) -> None:
    if bad:
        count = "one that is not" if len(bad) == 1 else f"{len(bad)} that are not"
        raise ValueError(
            f"every image must be one that can be read, got {count}: {bad_ones(files, bad)}; "
            "dataset.on_bad=skip leaves them out"
        )


def _decode(files: Sequence[Path], how: Reading, pixels: Path, notes: Path) -> Notes:
    """Write pixels and notes under other names, and rename them once they are complete, the pixels last."""
    aside = [target.with_name(f"unfinished-{writer()}{target.suffix}") for target in (pixels, notes)]
    with replaced(pixels, aside[0]) as new_pixels, replaced(notes, aside[1]) as new_notes:
        met = _decode_into(new_pixels, files, how)
        digest = _digest_of(new_pixels, new_pixels.stat().st_size)
        kept = {"notes": asdict(met), "pixels": digest, "digest": _digest(asdict(met), digest)}
        new_notes.write_text(json.dumps(kept))
    return met


def _decode_into(pixels: Path, files: Sequence[Path], how: Reading) -> Notes:
    """Write the pixels of every file; say what was met on the way."""
    shape = (len(files), how.channels, how.size, how.size)
    require_disk(prod(shape), pixels.parent, f"the pixels of {len(files):,} images")
    rows = np.lib.format.open_memmap(pixels, mode="w+", dtype=np.uint8, shape=shape)
    with pixels.open("rb+") as file:
        reserve(file.fileno(), pixels.stat().st_size)
    met, bad = Notes(), dict[int, str]()
    for row in numbers(len(files), "decoding images"):
        try:
            image = decode(files[row], how.size, how.channels, how.background)
        except ValueError as error:
            bad[row] = str(error)
            continue
        rows[row] = image.pixels
        met.transparent += image.transparent
        met.animated += image.animated
        met.deep += image.brightest is not None
        met.brightest = max(met.brightest, image.brightest or 0)
    if not how.skip:
        _require_good(files, bad)
    met.bad = {str(row): why for row, why in bad.items()}
    rows.flush()
    return met

"""A person's own images: a folder for each class."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from regbench.data.checksums import digest_of_files
from regbench.data.folders import undone_on_failure
from regbench.data.splits import fifth_apart

SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}


@dataclass
class ImageFolder:
    """Read images from one folder for each class; classes are numbered in the order of their names.

    `path` holds either `train` and `test`, each with the same class folders, or the class folders
    themselves: then a stratified fifth, the same whatever split_seed is, becomes the test split. An image is
    scaled until its shorter side is `size`, and its centre is cut out. Images are decoded once and kept in
    <root>/image_folder; a changed file or setting makes them be decoded anew.

    Attributes:
        path: the folder.
        size: height and width of an example in pixels, at least 1.
        channels: 1 for grey, 3 for colour.
        root: the folder for cached files.
    """

    scale: ClassVar[float] = 255.0
    mirrors: ClassVar[bool] = True

    path: str
    size: int
    channels: Literal[1, 3]
    root: str

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"size must be at least 1, got {self.size}")

    @property
    def in_shape(self) -> tuple[int, ...]:
        return (self.channels, self.size, self.size)

    @property
    def num_classes(self) -> int:
        return len(_classes(self._parts[0]))

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(_classes(self._parts[0]))

    def fetch(self) -> None:
        """Decode the images, unless that has been done.

        Raises:
            ValueError: the folder is missing or has fewer than 2 class folders, train and test have different
                ones, a class has no images, or an image cannot be read.
        """
        names = [_classes(part) for part in self._parts]
        if names[0] != names[-1]:
            expected, found = map(", ".join, names)
            raise ValueError(f"{self._parts[1]} must have the class folders {expected}, got {found}")
        self._decoded([path for part in self._parts for path, _ in _listed(part)])

    def content(self) -> str:
        named = ((str(f.relative_to(self.path)), f) for part in self._parts for f, _ in _listed(part))
        return digest_of_files((name, file) for name, file in named)

    def train(self) -> tuple[Tensor, Tensor]:
        return self._rows(test=False)

    def test(self) -> tuple[Tensor, Tensor]:
        return self._rows(test=True)

    def _rows(self, test: bool) -> tuple[Tensor, Tensor]:
        listed = [list(_listed(part)) for part in self._parts]
        inputs = self._decoded([path for part in listed for path, _ in part])
        labels = torch.tensor([label for part in listed for _, label in part])
        if len(listed) == 1:
            rows = fifth_apart(labels)[test]
            return inputs[rows], labels[rows]
        cut = len(listed[0])
        return (inputs[cut:], labels[cut:]) if test else (inputs[:cut], labels[:cut])

    @property
    def _parts(self) -> list[Path]:
        """The folders that hold class folders: train and test, or only one."""
        path = Path(self.path).expanduser()
        if not path.is_dir():
            raise ValueError(f"path must be a folder, got {path}")
        parts = [path / "train", path / "test"]
        return parts if all(part.is_dir() for part in parts) else [path]

    def _decoded(self, files: list[Path]) -> Tensor:
        """All images (N, C, H, W) uint8 in the order of the files; a view of the file that keeps them."""
        facts = [[str(f.resolve()), f.stat().st_size, f.stat().st_mtime_ns] for f in files]
        key = hashlib.sha256(json.dumps([facts, self.size, self.channels]).encode()).hexdigest()[:16]
        cached = Path(self.root).expanduser() / "image_folder" / key / "images.npy"
        if not cached.is_file():
            with undone_on_failure(cached.parent):
                self._decode(files, cached)
        return torch.from_numpy(np.load(cached, mmap_mode="c"))

    def _decode(self, files: list[Path], target: Path) -> None:
        """Write the pixels of all files under another name, and rename once they are complete."""
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_name(f"unfinished-{os.getpid()}.npy")
        shape = (len(files), *self.in_shape)
        pixels = np.lib.format.open_memmap(unfinished, mode="w+", dtype=np.uint8, shape=shape)
        for row, file in enumerate(files):
            pixels[row] = read_image(file, self.size, self.channels)
        pixels.flush()
        unfinished.replace(target)


def read_image(file: Path, size: int, channels: int) -> np.ndarray:
    """Decode one image to (channels, size, size) uint8.

    Raises:
        ValueError: it cannot be read, or has more than 8 bits a channel.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(file) as image:
            mode = image.mode
            upright = ImageOps.exif_transpose(image).convert("L" if channels == 1 else "RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:  # as Pillow has it
        raise ValueError(f"{file} must be an image that can be read, got {error}") from error
    if mode.startswith(("I", "F")):  # converting would clip their values without a word
        raise ValueError(f"{file} must have at most 8 bits a channel, got the mode {mode}")
    fitted = ImageOps.fit(upright, (size, size), Image.Resampling.BILINEAR)
    return np.asarray(fitted).reshape(size, size, channels).transpose(2, 0, 1)


def _listed(part: Path) -> Iterator[tuple[Path, int]]:
    """Every image below a folder of class folders, and its label, in the order of their names."""
    for label, name in enumerate(_classes(part)):
        below = sorted((part / name).rglob("*"))
        files = [f for f in below if f.suffix.lower() in SUFFIXES and f.name[0] != "." and f.is_file()]
        if not files:
            raise ValueError(f"every class must have images, got none in {part / name}")
        for file in files:
            yield file, label


def _classes(part: Path) -> list[str]:
    """Names of the class folders, sorted."""
    names = sorted(f.name for f in part.iterdir() if f.is_dir() and f.name[0] != ".")
    if len(names) < 2:
        raise ValueError(f"{part} must have at least 2 class folders, got {', '.join(names) or 'none'}")
    return names

"""A person's own images: a folder for each class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import ClassVar, Literal

import torch
from torch import Tensor

from regbench.data.checks.counts import by_class
from regbench.data.checks.duplicates import Part, of_test
from regbench.data.checksums import digest_of_files
from regbench.data.image_files.decoding import Images, Reading, bad_ones, decoded_once, how_read
from regbench.data.image_files.files import ARCHIVES, STRAY, UNREADABLE, what_of
from regbench.data.image_files.layout import WHOLE, Layout, read_layout
from regbench.data.image_files.pixels import color_of
from regbench.data.splits import fifth_apart
from regbench.data.stored_rows import Store, StoredRows
from regbench.errors import counted

LARGEST_SIDE = 10_000  # pixels of a side
LARGEST_BAD = 2**28  # bytes of a bad image that is read once more, for a digest of the data


@dataclass
class ImageFolder:
    """Read images from one folder for each class; classes are numbered in the order of their names.

    `path` holds either the class folders themselves, of which a stratified fifth, the same whatever
    split_seed is, becomes the test split; or a folder for each split, each with the same class folders:
    train or training; val, valid, validation or dev; test or testing; in upper or lower case. Without val
    that is cut from train; without test there is none. An image is scaled until its shorter side is `size`,
    and its centre is cut out; 16-bit greys are scaled to 8 bits, of an animation the first frame is read.
    Images are decoded once and kept in <root>/image_folder; a changed file or setting makes them be decoded
    anew.

    Attributes:
        path: the folder.
        size: height and width of an example in pixels, at least 1.
        channels: 1 for grey, 3 for colour.
        on_bad: what to do about images that cannot be read: refuse all of the folder, or skip these.
        background: the colour under transparent images: a name, hexadecimal digits, or red, green, blue.
        root: the folder for cached files.
    """

    scale: ClassVar[float] = 255.0
    mirrors: ClassVar[bool] = True

    path: str
    size: int
    channels: Literal[1, 3]
    on_bad: Literal["refuse", "skip"]
    background: str | list[int]
    root: str

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"size must be at least 1, got {self.size}")
        if self.size > LARGEST_SIDE:
            raise ValueError(f"size must be at most {LARGEST_SIDE}, got {self.size}")
        self._ground = color_of(self.background)
        self._places: dict[str, tuple[Tensor, Tensor]] = {}

    @property
    def in_shape(self) -> tuple[int, ...]:
        return (self.channels, self.size, self.size)

    @property
    def num_classes(self) -> int:
        return len(self._layout.classes)

    @property
    def classes(self) -> Sequence[str]:
        return self._layout.classes

    @property
    def has_test(self) -> bool:
        return WHOLE in self._layout.parts or "test" in self._layout.parts

    def fetch(self) -> None:
        """Decode the images, unless that has been done.

        Raises:
            ValueError: the folder's folders make no sense as splits and classes, or images cannot be read.
        """
        self._require_every_class()

    def content(self) -> str:
        path, bad = self._layout.path, self._images.bad
        return digest_of_files(
            (str(image.file.relative_to(path)), image.file)
            for n, image in enumerate(self._layout.images)
            if n not in bad or image.file.stat().st_size <= LARGEST_BAD
        )

    @property
    def has_val(self) -> bool:
        return "val" in self._layout.parts

    def train(self) -> tuple[Tensor, Tensor]:
        return self._rows("train")

    def val(self) -> tuple[Tensor, Tensor] | None:
        return self._rows("val") if self.has_val else None

    def test(self) -> tuple[Tensor, Tensor]:
        return self._rows("test")

    def stored(self, part: str) -> tuple[StoredRows, Tensor]:
        places, labels = self._good(part)
        return StoredRows(self._pixels, places), labels

    def found(self) -> str:
        said = [self._sizes(), self._splits()]
        said += how_read(self._images)
        if self._layout.passed_over:
            said.append(f"passed over {what_of(self._layout.passed_over)}")
        return "; ".join(said)

    def warnings(self) -> Sequence[str]:
        said = list(self._layout.odd)
        if bad := self._images.bad:
            are = "is" if len(bad) == 1 else "are"
            said.append(f"{counted(len(bad), 'bad image')} {are} left out: {bad_ones(self._files, bad)}")
        passed = self._layout.passed_over
        meant = {why: count for why, count in passed.items() if why in {STRAY, *UNREADABLE, *ARCHIVES}}
        if meant:
            said.append(f"not read, and perhaps meant to be: {what_of(meant)}")
        said += self._images.odd()
        if self.has_test:
            held = [part for part in self._layout.parts if part not in (WHOLE, "train", "test")]
            said += of_test(self._part("test"), [self._part(part) for part in ("train", *held)])
        return [f"dataset: {sentence}" for sentence in said]

    def origin(self, part: str, row: int) -> str:
        """The file of a row, from the folder that `path` names."""
        place = int(self._good(part)[0][row])
        return str(self._layout.images[place].file.relative_to(self._layout.path))

    def _part(self, split: str) -> Part:
        rows, labels = self.stored(split)
        first = rows[slice(0, 1)]  # nobody asks for more, as the digests are known
        return Part(first, labels, partial(self.origin, split), rows.digests())

    @cached_property
    def _layout(self) -> Layout:
        return read_layout(self.path)

    @cached_property
    def _images(self) -> Images:
        how = Reading(self.size, self.channels, self._ground, self.on_bad == "skip")
        return decoded_once(self._files, how, Path(self.root).expanduser() / "image_folder")

    @property
    def _files(self) -> list[Path]:
        return [listed.file for listed in self._layout.images]

    @cached_property
    def _pixels(self) -> Store:
        return self._images.pixels()

    def _good(self, split: str) -> tuple[Tensor, Tensor]:
        """Place and label, (N,) int64 each, of every readable image of a split."""
        if split not in self._places:
            within = WHOLE if WHOLE in self._layout.parts else split
            bad, listed = self._images.bad, enumerate(self._layout.images)
            good = [(n, image.label) for n, image in listed if image.split == within and n not in bad]
            places, labels = torch.tensor(good, dtype=torch.int64).reshape(-1, 2).T.contiguous()
            if within != split:
                apart = fifth_apart(labels)[split == "test"]
                places, labels = places[apart], labels[apart]
            self._places[split] = (places, labels)
        return self._places[split]

    def _rows(self, split: str) -> tuple[Tensor, Tensor]:
        places, labels = self._good(split)
        rows = StoredRows(self._images.pixels(), places)  # a map of their own, which may be written to
        return rows[slice(0, len(rows))], labels

    def _require_every_class(self) -> None:
        for split, part in self._layout.parts.items():
            there = set(self._good(split)[1].tolist())
            for label, name in enumerate(self._layout.classes):
                if label not in there:
                    raise ValueError(f"every class must have images, got only bad ones in {part / name}")

    def _sizes(self) -> str:
        counts = Counter(label for split in self._layout.parts for label in self._good(split)[1].tolist())
        return by_class(self.classes, [counts[label] for label in range(self.num_classes)], "images")

    def _splits(self) -> str:
        counts = {split: len(self._good(split)[1]) for split in self._layout.parts}
        if WHOLE in counts:
            return f"{counts[WHOLE]} images, a fifth of them test"
        said = ", ".join(f"{counts[split]} in {part.name}" for split, part in self._layout.parts.items())
        return f"images: {said}" + ("" if "test" in counts else "; no folder test, so that none is sealed")

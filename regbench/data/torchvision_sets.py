"""The image sets that torchvision downloads.

torchvision is imported for a download alone: that takes as long as torch's import.
"""

from __future__ import annotations

import pickle
import shutil
import struct
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from math import prod
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from regbench.data.checksums import require_crc_of_gzip, require_digest
from regbench.data.downloads import obtain, obtain_whole
from regbench.data.published_sets import BATCHES, DIGITS, IDX_SETS, IDX_SHAPES, SVHN_FILES, Batches


@dataclass
class MNISTFamily:
    """Read MNIST, Fashion-MNIST or Kuzushiji-MNIST: 60,000 and 10,000 grey images of 28x28, ten classes.

    The files lie in <root>/<name>/raw, as torchvision lays them out. Kuzushiji-MNIST's unpacked files are
    checked by header and length, and against the archives where these lie beside them.
    """

    in_shape: ClassVar[tuple[int, ...]] = (1, 28, 28)
    num_classes: ClassVar[int] = 10
    scale: ClassVar[float] = 255.0

    name: Literal["MNIST", "FashionMNIST", "KMNIST"]
    root: str

    @property
    def mirrors(self) -> bool:
        return self.name == "FashionMNIST"

    @property
    def classes(self) -> tuple[str, ...]:
        return IDX_SETS[self.name].classes

    def fetch(self) -> None:
        folder, archives = self._folder, self._archives
        for archive, md5 in archives.items():
            if (folder / archive).is_file() and all((folder / file).is_file() for file in IDX_SHAPES):
                require_digest(folder / archive, "md5", md5)
        by_hand = f"put the four .gz archives into {folder}"
        obtain(folder, self._checks(), by_hand, self._download, list(archives))

    def _checks(self) -> dict[str, Callable[[Path], None]]:
        unpacked = IDX_SETS[self.name].unpacked
        if not unpacked:
            return {file: partial(require_idx, shape=shape) for file, shape in IDX_SHAPES.items()}
        pairs = zip(IDX_SHAPES, unpacked, strict=True)
        return {file: partial(require_digest, algorithm="sha256", expected=digest) for file, digest in pairs}

    def _download(self, aside: Path, _: Sequence[str]) -> None:
        raw = aside / self.name / "raw"
        take_whole(self._folder, raw, self._archives.items())
        _torchvision(self.name)(aside, download=True)
        for path in raw.iterdir():
            path.replace(aside / path.name)

    def content(self) -> str:
        return ""

    def train(self) -> tuple[Tensor, Tensor]:
        return self._part("train")

    def test(self) -> tuple[Tensor, Tensor]:
        return self._part("t10k")

    def _part(self, part: str) -> tuple[Tensor, Tensor]:
        images, labels = (read_idx(self._folder / name) for name in IDX_SHAPES if name.startswith(part))
        return images.unsqueeze(1), labels.long()

    @property
    def _archives(self) -> dict[str, str]:
        """The names of the archives, and their md5."""
        return {f"{file}.gz": md5 for file, md5 in zip(IDX_SHAPES, IDX_SETS[self.name].archives, strict=True)}

    @property
    def _folder(self) -> Path:
        return _home(self.root) / self.name / "raw"


@dataclass
class CIFAR:
    """Read CIFAR-10 or CIFAR-100: 50,000 and 10,000 colour images of 32x32.

    The files lie in <root>/cifar-10-batches-py or <root>/cifar-100-python.
    """

    in_shape: ClassVar[tuple[int, ...]] = (3, 32, 32)
    scale: ClassVar[float] = 255.0
    mirrors: ClassVar[bool] = True

    name: Literal["CIFAR10", "CIFAR100"]
    root: str

    @property
    def num_classes(self) -> int:
        return 100 if self.name == "CIFAR100" else 10

    @property
    def classes(self) -> tuple[str, ...]:
        """As the set's own file has them, which `fetch` has compared with its checksum."""
        with (self._folder / self._known.about[0]).open("rb") as file:
            return tuple(pickle.load(file, encoding="latin1")[self._known.names])

    def fetch(self) -> None:
        folder = self._folder
        by_hand = f"put {self._known.archive[0]} into {folder.parent}"
        obtain_whole(folder, "md5", self._known.digests, by_hand, self._download)

    def _download(self, aside: Path, names: Sequence[str]) -> None:
        inner = aside / "archive"
        take_whole(_home(self.root), inner, [self._known.archive])
        _torchvision(self.name)(inner, download=True)
        for name in names:
            (inner / self._known.folder / name).replace(aside / name)

    def content(self) -> str:
        return ""

    def train(self) -> tuple[Tensor, Tensor]:
        return self._part(self._known.train)

    def test(self) -> tuple[Tensor, Tensor]:
        return self._part(self._known.test)

    def _part(self, names: Iterable[str]) -> tuple[Tensor, Tensor]:
        """The rows of these files, which `fetch` has compared with their checksums."""
        batches = []
        for name in names:
            with (self._folder / name).open("rb") as file:
                batches.append(pickle.load(file, encoding="latin1"))
        pixels = np.vstack([batch["data"] for batch in batches]).reshape(-1, *self.in_shape)
        labels = [label for batch in batches for label in batch[self._known.labels]]
        return torch.from_numpy(pixels), torch.tensor(labels)

    @property
    def _known(self) -> Batches:
        return BATCHES[self.name]

    @property
    def _folder(self) -> Path:
        return _home(self.root) / self._known.folder


@dataclass
class SVHN:
    """Read Street View House Numbers, cropped: 73,257 and 26,032 colour images of 32x32, ten classes.

    The files lie in <root> itself; the `extra` part is left out.
    """

    in_shape: ClassVar[tuple[int, ...]] = (3, 32, 32)
    num_classes: ClassVar[int] = 10
    classes: ClassVar[tuple[str, ...]] = DIGITS
    scale: ClassVar[float] = 255.0
    mirrors: ClassVar[bool] = False

    root: str

    def fetch(self) -> None:
        home = _home(self.root)
        obtain_whole(home, "md5", dict(SVHN_FILES.values()), f"put both files into {home}", self._download)

    def _download(self, aside: Path, names: Sequence[str]) -> None:
        for part, (name, _) in SVHN_FILES.items():
            if name in names:
                _torchvision("SVHN")(aside, part, download=True)

    def content(self) -> str:
        return ""

    def train(self) -> tuple[Tensor, Tensor]:
        return self._part("train")

    def test(self) -> tuple[Tensor, Tensor]:
        return self._part("test")

    def _part(self, name: str) -> tuple[Tensor, Tensor]:
        from scipy.io import loadmat

        stored = loadmat(_home(self.root) / SVHN_FILES[name][0])
        pixels = np.ascontiguousarray(stored["X"].transpose(3, 2, 0, 1))  # of (H, W, C, N)
        labels = stored["y"].astype(np.int64).squeeze()
        return torch.from_numpy(pixels), torch.from_numpy(labels % 10)  # 10 stands for the digit 0


def take_whole(folder: Path, target: Path, archives: Iterable[Sequence[str]]) -> None:
    """Copy the archives, names with their md5, that a person has put into a folder and that are whole."""
    target.mkdir(parents=True, exist_ok=True)
    for name, md5 in archives:
        with suppress(ValueError, OSError):
            require_digest(folder / name, "md5", md5)
            shutil.copyfile(folder / name, target / name)


def read_idx(path: Path) -> Tensor:
    """The bytes of an unpacked idx file, in the shape that its header tells."""
    content = bytearray(path.read_bytes())
    dimensions = content[3]
    shape = struct.unpack_from(f">{dimensions}I", content, 4)
    return torch.frombuffer(content, dtype=torch.uint8, offset=4 * (1 + dimensions)).view(shape)


def require_idx(path: Path, shape: tuple[int, ...]) -> None:
    """Check an unpacked idx file of bytes, for which no checksum is published.

    Raises:
        ValueError: its header or length is not that of the shape, or its archive beside it holds other bytes.
    """
    header = struct.pack(f">{1 + len(shape)}I", 0x0800 + len(shape), *shape)
    length = len(header) + prod(shape)
    with path.open("rb") as file:
        found = file.read(len(header))
    if found != header:
        raise ValueError(f"{path} must begin with the bytes {header.hex()}, got {found.hex()}")
    if path.stat().st_size != length:
        raise ValueError(f"{path} must hold {length} bytes, got {path.stat().st_size}")
    archive = path.with_name(f"{path.name}.gz")
    if archive.is_file():
        require_crc_of_gzip(path, archive)


def _torchvision(name: str) -> Any:
    """The dataset class of that name."""
    from torchvision import datasets

    return getattr(datasets, name)


def _home(root: str) -> Path:
    return Path(root).expanduser()

"""The image sets that torchvision downloads.

torchvision is imported where it is used: that takes a second, which other sources need not pay.
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

IDX_SHAPES = {
    "train-images-idx3-ubyte": (60000, 28, 28),
    "train-labels-idx1-ubyte": (60000,),
    "t10k-images-idx3-ubyte": (10000, 28, 28),
    "t10k-labels-idx1-ubyte": (10000,),
}
# Of the unpacked files, in the order above, taken from archives that have torchvision's checksums:
# torchvision knows those of the archives only, but what is read are these.
IDX_SHA256 = {
    "MNIST": (
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
    "FashionMNIST": (
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
}
DIGITS = tuple(map(str, range(10)))


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
        return DIGITS if self.name == "MNIST" else tuple(_torchvision(self.name).classes)

    def fetch(self) -> None:
        folder, archives = self._folder, dict(_torchvision(self.name).resources)
        for archive, md5 in archives.items():
            if (folder / archive).is_file() and all((folder / file).is_file() for file in IDX_SHAPES):
                require_digest(folder / archive, "md5", md5)
        by_hand = f"put the four .gz archives into {folder}"
        obtain(folder, self._checks(), by_hand, self._download, list(archives))

    def _checks(self) -> dict[str, Callable[[Path], None]]:
        if self.name not in IDX_SHA256:
            return {file: partial(require_idx, shape=shape) for file, shape in IDX_SHAPES.items()}
        pairs = zip(IDX_SHAPES, IDX_SHA256[self.name], strict=True)
        return {file: partial(require_digest, algorithm="sha256", expected=digest) for file, digest in pairs}

    def _download(self, aside: Path, _: Sequence[str]) -> None:
        known, raw = _torchvision(self.name), aside / self.name / "raw"
        take_whole(self._folder, raw, known.resources)
        known(aside, download=True)
        for path in raw.iterdir():
            path.replace(aside / path.name)

    def content(self) -> str:
        return ""

    def train(self) -> tuple[Tensor, Tensor]:
        return self._part("train")

    def test(self) -> tuple[Tensor, Tensor]:
        return self._part("t10k")

    def _part(self, part: str) -> tuple[Tensor, Tensor]:
        from torchvision.datasets import mnist

        images = mnist.read_image_file(str(self._folder / f"{part}-images-idx3-ubyte"))
        labels = mnist.read_label_file(str(self._folder / f"{part}-labels-idx1-ubyte"))
        return images.unsqueeze(1), labels

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
        known = _torchvision(self.name)
        with (_home(self.root) / known.base_folder / known.meta["filename"]).open("rb") as file:
            return tuple(pickle.load(file, encoding="latin1")[known.meta["key"]])

    def fetch(self) -> None:
        known = _torchvision(self.name)
        folder = _home(self.root) / known.base_folder
        digests = dict([*known.train_list, *known.test_list, (known.meta["filename"], known.meta["md5"])])
        obtain_whole(folder, "md5", digests, f"put {known.filename} into {folder.parent}", self._download)

    def _download(self, aside: Path, names: Sequence[str]) -> None:
        known = _torchvision(self.name)
        inner = aside / "archive"
        take_whole(_home(self.root), inner, [(known.filename, known.tgz_md5)])
        known(inner, download=True)
        for name in names:
            (inner / known.base_folder / name).replace(aside / name)

    def content(self) -> str:
        return ""

    def train(self) -> tuple[Tensor, Tensor]:
        return self._part(train=True)

    def test(self) -> tuple[Tensor, Tensor]:
        return self._part(train=False)

    def _part(self, train: bool) -> tuple[Tensor, Tensor]:
        part = _torchvision(self.name)(_home(self.root), train=train)
        # torchvision shows the stored (N, C, H, W) bytes as (N, H, W, C); turning back copies nothing
        return torch.from_numpy(part.data.transpose(0, 3, 1, 2)), torch.tensor(part.targets)


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
        known, home = _torchvision("SVHN"), _home(self.root)
        digests = {known.split_list[part][1]: known.split_list[part][2] for part in ("train", "test")}
        obtain_whole(home, "md5", digests, f"put both files into {home}", self._download)

    def _download(self, aside: Path, names: Sequence[str]) -> None:
        known = _torchvision("SVHN")
        for part in ("train", "test"):
            if known.split_list[part][1] in names:
                known(aside, part, download=True)

    def content(self) -> str:
        return ""

    def train(self) -> tuple[Tensor, Tensor]:
        return self._part("train")

    def test(self) -> tuple[Tensor, Tensor]:
        return self._part("test")

    def _part(self, name: str) -> tuple[Tensor, Tensor]:
        part = _torchvision("SVHN")(_home(self.root), name)
        return torch.from_numpy(np.ascontiguousarray(part.data)), torch.from_numpy(part.labels)


def take_whole(folder: Path, target: Path, archives: Iterable[Sequence[str]]) -> None:
    """Copy the archives, names with their md5, that a person has put into a folder and that are whole."""
    target.mkdir(parents=True, exist_ok=True)
    for name, md5 in archives:
        with suppress(ValueError, OSError):
            require_digest(folder / name, "md5", md5)
            shutil.copyfile(folder / name, target / name)


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

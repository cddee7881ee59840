"""Folders for image_folder: images that cannot be read, or are bombs; names and settings that are wrong."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from tests.fuzzing.case import Case, Recipes
from tests.fuzzing.damage import DAMAGES, damaged
from tests.fuzzing.drawn import pairs

RECIPES = Recipes()
Stock = Mapping[str, Path]
SHOWN = [
    "dataset=image_folder",
    "dataset.size=8",
    "model.width=8",
    "train.epochs=1",
    "train.batch_size=8",
    "device=cpu",
]


def picture(
    chance: random.Random, kind: str = "PNG", mode: str = "RGB", size: tuple[int, int] = (8, 8)
) -> bytes:
    """An image file of noise."""
    stored = io.BytesIO()
    blank = Image.new(mode, size)
    Image.frombytes(mode, size, chance.randbytes(len(blank.tobytes()))).save(stored, kind)
    return stored.getvalue()


def fill(root: Path, chance: random.Random, classes: Sequence[str] = ("cat", "dog"), count: int = 16) -> None:
    """Class folders with images."""
    for name in classes:
        (root / name).mkdir(parents=True)
        for number in range(count):
            (root / name / f"{number}.png").write_bytes(picture(chance))


def of(chance: random.Random, change: Callable[[Path], Any], more: Sequence[str] = (), **rest: Any) -> Case:
    """The case of a folder `photos` of two classes that has been changed."""

    def prepare(work: Path, stock: Stock) -> None:
        fill(work / "photos", chance)
        change(work / "photos")

    begin = chance.choice((["train"], ["train"], ["plan"], ["train", "-m"]))
    keys = {word.partition("=")[0] for word in more}
    words = [word for word in [*SHOWN, "dataset.path=photos"] if word.partition("=")[0] not in keys]
    if "model" in keys:
        words = [word for word in words if not word.startswith("model.")]
    return Case([*begin, *words, *more], prepare=prepare, **({"named": ["dataset", "photos"]} | rest))


def png(width: int, height: int, data: bytes = b"") -> bytes:
    """A PNG that says it has a size, whatever it holds."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = b"\x89PNG\r\n\x1a\n"
    for name, content in ((b"IHDR", header), (b"IDAT", data), (b"IEND", b"")):
        parts += (
            struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        )
    return parts


@RECIPES
def image(chance: random.Random) -> Case:
    """An image that is damaged, or something else."""
    kind = chance.choice([name for name in DAMAGES if name != "removed"])
    name = chance.choice(("cat/3.png", "dog/15.png", "cat/0.png"))
    harmless = [
        "longer",
        "flip",
        "zeros",
        "doubled",
        "broken_link",
        "circle",
        "folder",
        "pipe",
        "zero_device",
        "windows",
        "huge",
    ]
    skip = chance.random() < 0.3
    more = ["dataset.on_bad=skip"] if skip else []
    statuses = (0, 2) if kind in harmless or skip else (2,)
    return of(
        chance,
        lambda photos: damaged(photos / name, kind, chance),
        more,
        statuses=statuses,
        named=[name[4:]],
        about=f"{name}: {kind} {more}",
    )


HOSTILE: tuple[tuple[bytes, bool], ...] = (  # and whether something may rightly be read from it
    (png(60000, 60000, zlib.compress(bytes(1000))), False),
    (png(2**31 - 1, 2**31 - 1), False),
    (png(0, 0), False),
    (png(8, 8), False),
    (png(30000, 30000, zlib.compress(bytes(9_000_100))), False),
    (png(8, 8, zlib.compress(bytes(50_000_000))), True),
    (b"\x89PNG\r\n\x1a\n", False),
    (b"GIF89a" + b"\xff" * 50, True),
    (b"BM" + b"\xff" * 60, False),
    (b"\xff\xd8\xff\xe0" + bytes(50), False),
    (b"II*\x00" + b"\xff" * 100, False),
    (b"RIFF\xff\xff\xff\xffWEBPVP8 " + bytes(30), False),
    (b"<svg xmlns='http://www.w3.org/2000/svg'/>", False),
    (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n(made) (w) file\n", False),
    (b"P6 99999 99999 255\n", False),
    (b"P6 8 8 255\n", False),
    (b"", False),
    (b"\x00" * 10000, False),
    (b"version https://git-lfs.github.com/spec/v1\n", False),
    (b"<html>404</html>", False),
)


@RECIPES
def hostile(chance: random.Random) -> Case:
    """An image that is a bomb, or no picture."""
    odd, mild = chance.choice(HOSTILE)
    suffix = chance.choice((".png", ".png", ".jpg", ".tif", ".ppm", ".webp", ".gif", ".eps", ""))
    statuses = (0, 2) if mild or suffix in (".eps", "") else (2,)
    write = f"odd{suffix}"
    return of(
        chance,
        lambda photos: (photos / "cat" / write).write_bytes(odd),
        statuses=statuses,
        named=["odd"],
        about=f"{write} is {odd[:20]!r}",
    )


@RECIPES
def other(chance: random.Random) -> Case:
    """An image of another size, mode or format: it is read."""
    modes = "L PNG;RGBA PNG;1 PNG;P GIF;RGB JPEG;CMYK JPEG;LA PNG;RGB BMP;RGB TIFF;RGB WEBP;I;16 PNG".replace(
        "I;16", "I,16"
    ).split(";")
    mode, kind = chance.choice(modes).replace(",", ";").split(" ")
    size = chance.choice(((8, 8), (1, 1), (3, 200), (300, 2), (64, 64)))

    def change(photos: Path) -> None:
        (photos / "cat" / f"other.{kind.lower()}").write_bytes(picture(chance, kind, mode, size))

    return of(chance, change, statuses=(0,), about=f"{mode} {kind} {size}")


@RECIPES
def leftovers(chance: random.Random) -> Case:
    """What systems and editors leave between images: it is passed over."""
    names = ".DS_Store Thumbs.db ._0.png desktop.ini 0.png~ notes.txt labels.csv 0.png.part x.heic a.mp4 x.py .gitkeep .0.png.swp 0.xmp"
    name, where = chance.choice(names.split()), chance.choice((".", "cat"))
    content = chance.choice((b"\x00\x00\x00\x01Bud1", b"\xd0\xcf", b"", b"x", b"raise SystemExit"))
    return of(
        chance,
        lambda photos: (photos / where / name).write_bytes(content),
        statuses=(0,),
        about=f"{name} in {where}",
    )


SETTINGS = """
dataset.size=0 -> size
dataset.size=-1 -> size
dataset.size=1.5 -> size
dataset.size=abc -> size
dataset.size=[8,8] -> size
dataset.size=1000000 -> size
dataset.size=«9*400» -> size
dataset.size=null -> size
dataset.channels=2 -> channels
dataset.channels=0 -> channels
dataset.channels=x -> channels
dataset.channels=3.5 -> channels
dataset.on_bad=nope -> on_bad
dataset.on_bad=5 -> on_bad
dataset.on_bad=[skip] -> on_bad
dataset.background=nope -> background
dataset.background=[1,2] -> background
dataset.background=[1,2,300] -> background
dataset.background=[a,b,c] -> background
dataset.background=[1.5,2,3] -> background
dataset.background=[-1,2,3] -> background
dataset.background=5 -> background
dataset.background=\\'\\' -> background
dataset.background=\\'#zzzzzz\\' -> background
dataset.background={a:1} -> background
dataset.background=null -> background
dataset.path=nope -> path
dataset.path= -> path
dataset.path=null -> path
dataset.path=5 -> path
dataset.path=[photos] -> path
dataset.path={a:photos} -> path
dataset.path=photos/cat/0.png -> path photos
dataset.path=/dev/null -> path /dev/null
dataset.path=/dev/zero -> path /dev/zero
dataset.path=/proc/self -> path /proc
dataset.path=\\'a␤b\\' -> path
dataset.path=\\'␛[31m\\' -> path
dataset.path=photos/cat -> path photos
dataset.path=~nope/photos -> path nope
dataset.path=«x*300» -> path
dataset.path=. -> path precious
dataset.path='${nope}' -> path
dataset.num_train=0 -> num_train
dataset.train_fraction=0 -> train_fraction
model=nope -> model
+reg=word_dropout -> word_dropout
train.class_weights=[1,2,3] -> class_weights
dataset.pth=photos -> pth
"""


@RECIPES
def settings(chance: random.Random) -> Case:
    """A setting of the images that it cannot have."""
    (bad,), names = chance.choice(pairs(SETTINGS))
    statuses = (2, 0) if bad == "dataset.path=." else (2,)
    return of(chance, lambda photos: None, [bad], named=[*names, "dataset"], statuses=statuses, about=bad)

"""Folders for image_folder: images that cannot be read, layouts that can be meant in no way, files that are none."""

from __future__ import annotations

import io
import os
import random
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from PIL import Image

from tests.fuzzing.case import Case, Recipes
from tests.fuzzing.damage import DAMAGES, damaged

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
    count = size[0] * size[1] * len(Image.new(mode, (1, 1)).tobytes())
    Image.frombytes(mode, size, chance.randbytes(count)).save(stored, kind)
    return stored.getvalue()


def fill(root: Path, chance: random.Random, classes: Sequence[str] = ("cat", "dog"), count: int = 16) -> None:
    """Class folders with images."""
    for name in classes:
        (root / name).mkdir(parents=True)
        for number in range(count):
            (root / name / f"{number}.png").write_bytes(picture(chance))


def of(
    chance: random.Random, change: Callable[[Path], None], more: Sequence[str] = (), **rest: object
) -> Case:
    """The case of a folder `photos` of two classes that has been changed."""

    def prepare(work: Path, stock: Stock) -> None:
        fill(work / "photos", chance)
        change(work / "photos")

    begin = chance.choice((["train"], ["train"], ["plan"], ["train", "-m"]))
    keys = {word.partition("=")[0] for word in more}
    words = [word for word in [*SHOWN, "dataset.path=photos"] if word.partition("=")[0] not in keys]
    return Case([*begin, *words, *more], prepare=prepare, **({"named": ["dataset", "photos"]} | rest))  # type: ignore[arg-type]


def png(width: int, height: int, data: bytes = b"") -> bytes:
    """A PNG that says it has a size, whatever it holds."""
    parts = b"\x89PNG\r\n\x1a\n"
    for name, content in (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", data),
        (b"IEND", b""),
    ):
        parts += (
            struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        )
    return parts


@RECIPES
def damaged_image(chance: random.Random) -> Case:
    """An image that is damaged, or something else."""
    kind = chance.choice([name for name in DAMAGES if name not in ("removed",)])
    name = chance.choice(("cat/3.png", "dog/15.png", "cat/0.png"))
    harmless = kind in (
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
    )
    skip = chance.random() < 0.3
    more = ["dataset.on_bad=skip"] if skip else []
    statuses = (0, 2) if harmless or skip else (2,)
    return of(
        chance,
        lambda photos: damaged(photos / name, kind, chance),
        more,
        statuses=statuses,
        named=[name.partition("/")[2]],
        about=f"{name}: {kind} {more}",
    )


@RECIPES
def hostile_image(chance: random.Random) -> Case:
    """An image that is a bomb, or no picture."""
    odd = chance.choice(
        (
            png(60000, 60000, zlib.compress(bytes(1000))),
            png(2**31 - 1, 2**31 - 1),
            png(0, 0),
            png(8, 8),
            png(30000, 30000, zlib.compress(bytes(90001 * 100))),
            png(8, 8, zlib.compress(bytes(50_000_000))),
            b"\x89PNG\r\n\x1a\n",
            b"GIF89a" + b"\xff" * 50,
            b"BM" + b"\xff" * 60,
            b"\xff\xd8\xff\xe0" + bytes(50),
            b"II*\x00" + b"\xff" * 100,
            b"RIFF\xff\xff\xff\xffWEBPVP8 " + bytes(30),
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n(made) (w) file\n",
            b"P6 99999 99999 255\n",
            b"P6 8 8 255\n",
        )
    )
    suffix = chance.choice((".png", ".png", ".jpg", ".tif", ".ppm", ".webp", ".gif", ".eps", ""))
    statuses = (0, 2) if suffix in (".eps", "") else (2,)
    if odd.startswith(b"\x89PNG") and b"IDAT" in odd and len(odd) > 40_000:
        statuses = (0, 2)
    return of(
        chance,
        lambda photos: (photos / "cat" / f"odd{suffix}").write_bytes(odd),
        statuses=statuses,
        named=["odd"],
        about=f"odd{suffix} is {odd[:20]!r}",
    )


@RECIPES
def other_image(chance: random.Random) -> Case:
    """An image of another size, mode or format: it is read."""
    mode, kind = chance.choice(
        (
            ("L", "PNG"),
            ("RGBA", "PNG"),
            ("1", "PNG"),
            ("P", "GIF"),
            ("RGB", "JPEG"),
            ("CMYK", "JPEG"),
            ("LA", "PNG"),
            ("RGB", "BMP"),
            ("RGB", "TIFF"),
            ("RGB", "WEBP"),
            ("I;16", "PNG"),
        )
    )
    size = chance.choice(((8, 8), (1, 1), (3, 200), (300, 2), (64, 64)))

    def change(photos: Path) -> None:
        (photos / "cat" / f"other.{kind.lower()}").write_bytes(picture(chance, kind, mode, size))

    return of(chance, change, statuses=(0,), about=f"{mode} {kind} {size}")


@RECIPES
def layout(chance: random.Random) -> Case:
    """A layout that is none."""
    what, statuses = chance.choice(
        (
            ("empty", (2,)),
            ("flat", (2,)),
            ("one class", (2,)),
            ("an empty class", (2, 0)),
            ("file", (2,)),
            ("too high", (2,)),
            ("too deep", (2,)),
            ("splits beside classes", (2,)),
            ("val and valid", (2,)),
            ("other classes", (2,)),
            ("only test", (2,)),
            ("train file", (2,)),
            ("few", (2, 0)),
            ("no images", (2,)),
            ("link to itself", (2, 0)),
            ("link out", (0, 2)),
            ("missing", (2,)),
            ("train empty", (2,)),
            ("dots", (2,)),
        )
    )

    def change(photos: Path) -> None:
        import shutil

        def again(path: str, **more: object) -> None:
            fill(photos / path, chance, **more)  # type: ignore[arg-type]

        if what == "empty":
            shutil.rmtree(photos)
            photos.mkdir()
        elif what == "flat":
            for path in list((photos / "cat").iterdir()):
                path.rename(photos / path.name)
            shutil.rmtree(photos / "cat")
            shutil.rmtree(photos / "dog")
        elif what == "one class":
            shutil.rmtree(photos / "dog")
        elif what == "an empty class":
            (photos / "bird").mkdir()
        elif what in ("file", "missing"):
            shutil.rmtree(photos)
            if what == "file":
                photos.write_text("x")
        elif what == "too high":
            again("x/y/train")
            shutil.rmtree(photos / "cat")
            shutil.rmtree(photos / "dog")
        elif what == "too deep":
            for name in ("cat", "dog"):
                shutil.rmtree(photos / name)
            again("cat/a/b")
        elif what == "splits beside classes":
            again("train")
        elif what == "val and valid":
            for name in ("train", "val", "valid"):
                again(name)
            shutil.rmtree(photos / "cat")
            shutil.rmtree(photos / "dog")
        elif what == "other classes":
            again("train")
            again("val", classes=("cat", "bird"))
            shutil.rmtree(photos / "cat")
            shutil.rmtree(photos / "dog")
        elif what in ("only test", "train empty", "train file"):
            shutil.rmtree(photos / "cat")
            shutil.rmtree(photos / "dog")
            again("test")
            if what == "train empty":
                (photos / "train").mkdir()
            if what == "train file":
                (photos / "train").write_text("x")
        elif what == "few":
            for path in [*(photos / "cat").iterdir(), *(photos / "dog").iterdir()][2:]:
                path.unlink()
        elif what == "no images":
            for path in photos.rglob("*.png"):
                path.rename(path.with_suffix(".txt"))
        elif what == "link to itself":
            (photos / "loop").symlink_to(".")
        elif what == "link out":
            (photos / "cat" / "out.png").symlink_to("/etc/hostname")
        else:
            for name in ("cat", "dog"):
                (photos / name).rename(photos / f".{name}")

    return of(chance, change, statuses=statuses, about=what)


@RECIPES
def leftovers(chance: random.Random) -> Case:
    """What systems and editors leave between images: it is passed over."""
    name, content = chance.choice(
        (
            (".DS_Store", b"\x00\x00\x00\x01Bud1"),
            ("Thumbs.db", b"\xd0\xcf"),
            ("._0.png", b"\x00\x05\x16\x07"),
            ("desktop.ini", b"[x]"),
            ("0.png~", b"x"),
        )
        + (
            ("notes.txt", b"x"),
            ("labels.csv", b"a,b"),
            ("0.png.part", b"\x89PNG"),
            ("x.heic", b"ftyp"),
            ("a.mp4", b"ftyp"),
            ("x.py", b"raise SystemExit"),
        )
    )
    where = chance.choice((".", "cat"))
    return of(
        chance,
        lambda photos: (photos / where / name).write_bytes(content),
        statuses=(0,),
        about=f"{name} in {where}",
    )


@RECIPES
def names(chance: random.Random) -> Case:
    """Odd names of classes and images: they are read, and cannot act on a terminal."""
    odd = chance.choice(
        (
            "a b",
            "é",
            "\x1b[31mred",
            "a\nb",
            "a'b",
            "[x]",
            "{x}",
            "$x",
            "-x",
            "~",
            "a,b",
            "x" * 200,
            "猫",
            "\u202ecat",
            "a\\b",
            "=",
            "NaN",
            "1",
        )
    )

    def change(photos: Path) -> None:
        if chance.random() < 0.5:
            (photos / "cat").rename(photos / odd)
        else:
            (photos / "cat" / "0.png").rename(photos / "cat" / f"{odd}.png")

    return of(chance, change, statuses=(0, 2), about=f"named {odd[:20]!r}")


@RECIPES
def settings(chance: random.Random) -> Case:
    """A setting of the images that it cannot have."""
    bad, name = chance.choice(
        (
            ("dataset.size=0", "size"),
            ("dataset.size=-1", "size"),
            ("dataset.size=1.5", "size"),
            ("dataset.size=abc", "size"),
            ("dataset.size=[8,8]", "size"),
            ("dataset.size=1000000", "size"),
            ("dataset.size=null", "size"),
            ("dataset.channels=2", "channels"),
            ("dataset.channels=0", "channels"),
            ("dataset.channels=x", "channels"),
            ("dataset.on_bad=nope", "on_bad"),
            ("dataset.on_bad=5", "on_bad"),
            ("dataset.on_bad=[skip]", "on_bad"),
            ("dataset.background=nope", "background"),
            ("dataset.background=[1,2]", "background"),
            ("dataset.background=[1,2,300]", "background"),
            ("dataset.background=[a,b,c]", "background"),
            ("dataset.background=5", "background"),
            ("dataset.background=''", "background"),
            ("dataset.background='#zzzzzz'", "background"),
            ("dataset.background={a:1}", "background"),
            ("dataset.path=nope", "path"),
            ("dataset.path=", "path"),
            ("dataset.path=null", "path"),
            ("dataset.path=5", "path"),
            ("dataset.path=[photos]", "path"),
            ("dataset.path=photos/cat/0.png", "path"),
            ("dataset.path=/dev/null", "path"),
            ("dataset.path=/proc/self", "path"),
            ("dataset.path='a\nb'", "path"),
            ("dataset.path=photos/cat", "path"),
            ("dataset.path=~nope/photos", "path"),
            ("dataset.num_train=1", "num_train"),
            ("dataset.num_train=100000", "num_train"),
            ("model=rnn", "model"),
            ("+reg=word_dropout", "word_dropout"),
            ("train.class_weights=[1,2,3]", "class_weights"),
        )
    )
    case = of(chance, lambda photos: None, [bad], named=[name, "dataset"], about=bad)
    if bad.startswith("model="):
        case.words = [word for word in case.words if not word.startswith("model.")]
    return case


def unreadable(photos: Path) -> None:
    """A folder that may not be entered (where one is not root)."""
    os.chmod(photos / "cat", 0)

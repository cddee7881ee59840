"""Layouts of image_folder that can be meant in no way, or in more than one; odd names in it."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.fuzzing.case import Case, Recipes
from tests.fuzzing.drawn import each
from tests.fuzzing.images import fill, of, picture

RECIPES = Recipes()
Layout = Callable[[Path, random.Random], None]
LAYOUTS: dict[str, tuple[Layout, tuple[int, ...]]] = {}


def layout(*statuses: int) -> Callable[[Layout], Layout]:
    """Enter a change of a folder of two classes, with the statuses that are right."""

    def enter(change: Layout) -> Layout:
        LAYOUTS[change.__name__] = change, statuses
        return change

    return enter


def bare(photos: Path) -> None:
    """Take the classes away."""
    for name in ("cat", "dog"):
        shutil.rmtree(photos / name)


@layout(2)
def empty(photos: Path, chance: random.Random) -> None:
    bare(photos)


@layout(2)
def flat(photos: Path, chance: random.Random) -> None:
    for path in list((photos / "cat").iterdir()):
        path.rename(photos / path.name)
    bare(photos)


@layout(2)
def one_class(photos: Path, chance: random.Random) -> None:
    shutil.rmtree(photos / "dog")


@layout(2, 0)
def an_empty_class(photos: Path, chance: random.Random) -> None:
    (photos / "bird").mkdir()


@layout(2)
def a_file(photos: Path, chance: random.Random) -> None:
    shutil.rmtree(photos)
    photos.write_text("x")


@layout(2)
def missing(photos: Path, chance: random.Random) -> None:
    shutil.rmtree(photos)


@layout(2)
def too_high(photos: Path, chance: random.Random) -> None:
    bare(photos)
    fill(photos / "x" / "y" / "train", chance)


@layout(2)
def too_deep(photos: Path, chance: random.Random) -> None:
    bare(photos)
    fill(photos / "cat" / "a" / "b", chance)


@layout(2)
def splits_beside_classes(photos: Path, chance: random.Random) -> None:
    fill(photos / "train", chance)


@layout(2)
def val_and_valid(photos: Path, chance: random.Random) -> None:
    bare(photos)
    for name in ("train", "val", "valid"):
        fill(photos / name, chance)


@layout(2)
def other_classes(photos: Path, chance: random.Random) -> None:
    bare(photos)
    fill(photos / "train", chance)
    fill(photos / "val", chance, ("cat", "bird"))


@layout(2)
def only_test(photos: Path, chance: random.Random) -> None:
    bare(photos)
    fill(photos / "test", chance)


@layout(2)
def train_empty(photos: Path, chance: random.Random) -> None:
    only_test(photos, chance)
    (photos / "train").mkdir()


@layout(2)
def train_a_file(photos: Path, chance: random.Random) -> None:
    only_test(photos, chance)
    (photos / "train").write_text("x")


@layout(2, 0)
def few(photos: Path, chance: random.Random) -> None:
    for path in [*(photos / "cat").iterdir(), *(photos / "dog").iterdir()][chance.choice((1, 2, 5)) :]:
        path.unlink()


@layout(2)
def no_images(photos: Path, chance: random.Random) -> None:
    for path in list(photos.rglob("*.png")):
        path.rename(path.with_suffix(".txt"))


@layout(2, 0)
def a_link_to_itself(photos: Path, chance: random.Random) -> None:
    (photos / "loop").symlink_to(".")


@layout(2, 0)
def a_link_out(photos: Path, chance: random.Random) -> None:
    (photos / "cat" / "out.png").symlink_to("/etc/hostname")


@layout(2)
def hidden(photos: Path, chance: random.Random) -> None:
    for name in ("cat", "dog"):
        (photos / name).rename(photos / f".{name}")


@layout(2)
def upper_and_lower(photos: Path, chance: random.Random) -> None:
    bare(photos)
    for name in ("train", "Train"):
        fill(photos / name, chance)


@layout(2, 0)
def the_same_images(photos: Path, chance: random.Random) -> None:
    one = picture(chance)
    for path in photos.rglob("*.png"):
        path.write_bytes(one)


@layout(2, 0)
def a_deep_chain(photos: Path, chance: random.Random) -> None:
    (photos / "/".join(["a"] * 300)).mkdir(parents=True)


@layout(2, 0)
def a_class_that_is_a_link(photos: Path, chance: random.Random) -> None:
    (photos / "bird").symlink_to("cat")


@layout(2)
def a_broken_link(photos: Path, chance: random.Random) -> None:
    shutil.rmtree(photos)
    photos.symlink_to("nowhere")


@layout(2)
def a_circle(photos: Path, chance: random.Random) -> None:
    shutil.rmtree(photos)
    photos.symlink_to("photos")


@RECIPES
def laid_out(chance: random.Random) -> Case:
    """A layout that is none."""
    what = chance.choice(list(LAYOUTS))
    change, statuses = LAYOUTS[what]
    return of(chance, lambda photos: change(photos, chance), statuses=statuses, about=what)


NAMES = each(
    "a b|é|␛[31mred|a␤b|a'b|[x]|{x}|$x|-x|~|a,b|«x*200»|猫|\u202ecat|a\\b|=|NaN|1|${nope}|[bold]|:smile:|a\udcffb|null|CON",
    "|",
)


@RECIPES
def names(chance: random.Random) -> Case:
    """Odd names of classes and images: they are read, and cannot act on a terminal."""
    odd, of_class = chance.choice(NAMES), chance.random() < 0.6

    def change(photos: Path) -> None:
        if of_class:
            (photos / "cat").rename(photos / odd)
        else:
            (photos / "cat" / "0.png").rename(photos / "cat" / f"{odd}.png")

    broken = not of_class and chance.random() < 0.5
    if broken:
        return of(
            chance,
            lambda photos: (photos / "cat" / f"{odd}.png").write_bytes(b"x"),
            named=["dataset"],
            about=f"broken image {odd[:20]!r}",
        )
    return of(chance, change, statuses=(0, 2), about=f"named {odd[:20]!r}")

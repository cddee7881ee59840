"""What the folders of a person's images mean: which are splits, which are classes."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from regbench.data.image_files.advice import advice, require_outermost
from regbench.data.image_files.files import (
    ARCHIVES,
    HIDDEN,
    NO_SPLIT,
    STRAY,
    TWICE,
    folders_in,
    has_images,
    images_in,
    is_hidden,
    walk,
    what_of,
    why_not,
)
from regbench.data.image_files.names import SPLITS, are_like_splits, names_of, some, split_of
from regbench.data.typed import typed

WHOLE = ""  # the split of images that are in none


@dataclass(frozen=True)
class Listed:
    """An image, its split (a key of SPLITS, or WHOLE) and the number of its class."""

    file: Path
    split: str
    label: int


@dataclass
class Layout:
    """What was found in a folder.

    Attributes:
        path: the folder.
        parts: the folder of each split, train first; WHOLE alone where there are no split folders.
        classes: names of the classes, in the order of the labels.
        images: by split, then class, then name.
        passed_over: how many files are not read, by reason.
        odd: sentences on what is seldom meant.
    """

    path: Path
    parts: Mapping[str, Path]
    classes: Sequence[str]
    images: list[Listed] = field(default_factory=list)
    passed_over: Counter[str] = field(default_factory=Counter)
    odd: list[str] = field(default_factory=list)


def read_layout(named: str) -> Layout:
    """Look through a folder.

    Raises:
        ValueError: it is none, it has fewer than 2 classes, a class without images or other classes in
            another split, or its folders can be meant in more than one way.
    """
    path = _folder(named)
    parts = _splits(path)
    if WHOLE in parts:
        require_outermost(path)
    by_class = {split: _classes(part, path) for split, part in parts.items()}
    first, *others = by_class
    for split in others:
        _require_same(parts[first], by_class[first], parts[split], by_class[split])
    layout = Layout(path, parts, sorted(by_class[first]))
    _list_images(layout, by_class)
    _pass_over_beside(layout)
    _look_for_odd(layout)
    return layout


def _folder(named: str) -> Path:
    path = Path(named).expanduser()
    if not named or not path.is_dir():
        packed = named and path.is_file() and path.suffix.lower() in ARCHIVES
        shown = named if named.strip() else repr(named)
        raise ValueError(f"path must be a folder, got {shown}{'; unpack it' if packed else ''}")
    return path


def _splits(path: Path) -> dict[str, Path]:
    folders = folders_in(path)
    named = [f for f in folders if split_of(f)]
    if not named and are_like_splits(folders):  # of a name that nobody could foresee
        raise ValueError(
            f"{path} must hold classes, or splits that are called train, val and test, got "
            f"{names_of(folders)}; rename them"
        )
    if not named:
        return {WHOLE: path}
    beside = [f for f in folders if not split_of(f) and has_images(f)]
    if beside:
        raise ValueError(
            f"{path} must hold either splits or classes, got {names_of(named)} beside {names_of(beside)}; "
            "a class that is called like a split needs another name, and a split is called train, val or test"
        )
    found: dict[str, Path] = {}
    for split in SPLITS:
        meant = [f for f in named if split_of(f) == split]
        if len(meant) > 1:
            raise ValueError(f"{path} must have one folder for {split}, got {names_of(meant)}")
        if meant:
            found[split] = meant[0]
    if "train" not in found:
        raise ValueError(f"{path} must have a folder train beside {names_of(named)}")
    return found


def _classes(part: Path, path: Path) -> dict[str, Path]:
    """The class folders of a split by their names; composed and decomposed letters are the same."""
    folders = folders_in(part)
    found = {unicodedata.normalize("NFC", f.name): f for f in folders}
    if len(found) < len(folders):
        raise ValueError(f"{part} must have class folders of different names, got {names_of(folders)}")
    if len(found) < 2:
        raise ValueError(
            f"{part} must have at least 2 class folders, got {names_of(folders) or 'none'}"
            + advice(part, path, folders)
        )
    return found


def _require_same(first: Path, expected: Mapping[str, Path], part: Path, found: Mapping[str, Path]) -> None:
    lacking, more = sorted({*expected} - {*found}), sorted({*found} - {*expected})
    if lacking or more:
        differences = [f"lacks {some(lacking)}"] * bool(lacking)
        differences += [f"has {some(more)}, which {first.name} has not"] * bool(more)
        raise ValueError(f"{part} must have the class folders of {first}, but {' and '.join(differences)}")


def _list_images(layout: Layout, by_class: Mapping[str, Mapping[str, Path]]) -> None:
    """Fill in the images and what is passed over beside them."""
    seen: dict[tuple[int, int], Listed] = {}
    shared: list[str] = []
    for split, classes in by_class.items():
        for label, name in enumerate(layout.classes):
            passed: Counter[str] = Counter()
            before = len(layout.images)
            for file, reason in walk(classes[name]):
                listed = Listed(file, split, label)
                reason = reason or _link(listed, seen, layout.path, shared)
                if reason:
                    passed[reason] += 1
                else:
                    layout.images.append(listed)
            if len(layout.images) == before:
                why = f", and passed over {what_of(passed)}" if passed else ""
                raise ValueError(f"every class must have images, got none in {classes[name]}{why}")
            layout.passed_over += passed
    if shared:
        more = f", and {len(shared) - 1} more" if len(shared) > 1 else ""
        layout.odd.append(f"one file stands in two classes or splits: {shared[0]}{more}")


def _link(listed: Listed, seen: dict[tuple[int, int], Listed], path: Path, shared: list[str]) -> str:
    """Why a file is passed over that is a link to one of the same class; others are noted in `shared`."""
    facts = listed.file.stat()
    other = seen.setdefault((facts.st_dev, facts.st_ino), listed)
    if other is listed:
        return ""
    if (other.split, other.label) == (listed.split, listed.label):
        return TWICE
    shared.append(f"{other.file.relative_to(path)} is {listed.file.relative_to(path)}")
    return ""


def _pass_over_beside(layout: Layout) -> None:
    """Count what lies beside the class folders and beside the splits."""
    for folder in {layout.path, *layout.parts.values()}:
        for file in folder.iterdir():
            if file.is_dir() and not is_hidden(file.name):
                layout.passed_over[NO_SPLIT] += folder not in layout.parts.values() and not split_of(file)
            elif is_hidden(file.name):
                layout.passed_over[HIDDEN] += 1
            else:
                layout.passed_over[why_not(file) or STRAY] += 1
    layout.passed_over = +layout.passed_over


def _look_for_odd(layout: Layout) -> None:
    path = layout.path.absolute()
    if WHOLE in layout.parts and split_of(path):
        others = [f for f in folders_in(path.parent) if split_of(f) and f != path]
        if others:
            all_of_them = all(len(folders_in(f)) > 1 for f in others)
            how = f"; {typed('path', path.parent)} reads all" if all_of_them else ""
            layout.odd.append(f"{names_of(others)} beside {path} is not read{how}")
    inner = [_inner_folders(part / name) for part in layout.parts.values() for name in layout.classes]
    if inner[0] and len(inner[0]) > 1 and all(names == inner[0] for names in inner):
        layout.odd.append(
            f"every class has images only in its folders {some(sorted(inner[0]))}; the classes are "
            f"{some(layout.classes)}"
        )


def _inner_folders(folder: Path) -> set[str]:
    """Names of the folders in a class folder; none where images lie beside them."""
    if not folder.is_dir() or images_in(folder):
        return set()
    return {f.name for f in folders_in(folder)}

"""What the folders of a person's images mean: which are splits, which are classes."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from regbench.data.folder_files import (
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

SPLITS = {  # in lower case
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing"),
}
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
        _require_outermost(path)
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
        raise ValueError(f"path must be a folder, got {named or 'nothing'}{'; unpack it' if packed else ''}")
    return path


def split_of(folder: Path) -> str | None:
    """The split that a folder's name stands for."""
    return next((split for split, names in SPLITS.items() if folder.name.lower() in names), None)


def _splits(path: Path) -> dict[str, Path]:
    folders = folders_in(path)
    named = [f for f in folders if split_of(f)]
    if not named:
        return {WHOLE: path}
    beside = [f for f in folders if not split_of(f) and has_images(f)]
    if beside:
        raise ValueError(
            f"{path} must hold either splits or classes, got {_names(named)} beside {_names(beside)}; "
            "a class that is called like a split needs another name"
        )
    found: dict[str, Path] = {}
    for split in SPLITS:
        meant = [f for f in named if split_of(f) == split]
        if len(meant) > 1:
            raise ValueError(f"{path} must have one folder for {split}, got {_names(meant)}")
        if meant:
            found[split] = meant[0]
    if "train" not in found:
        raise ValueError(f"{path} must have a folder train beside {_names(named)}")
    return found


def _require_outermost(path: Path) -> None:
    """Refuse a folder whose splits lie one folder further down, whichever way."""
    for folder in folders_in(path):
        inner = [f for f in folders_in(folder) if split_of(f)]
        if not inner:
            continue
        if any(folders_in(f) for f in inner):
            raise ValueError(
                f"path must be the folder that holds the splits, got {path}, where {folder.name} holds "
                f"{_names(inner)}; set dataset.path={folder}"
            )
        if any(has_images(f) for f in inner):
            raise ValueError(
                f"{path} must hold the splits, and each of them the classes, got {_names(inner)} inside the "
                f"class {folder.name}; make it {inner[0].name}/{folder.name}"
            )


def _classes(part: Path, path: Path) -> dict[str, Path]:
    """The class folders of a split by their names; composed and decomposed letters are the same."""
    folders = folders_in(part)
    found = {unicodedata.normalize("NFC", f.name): f for f in folders}
    if len(found) < len(folders):
        raise ValueError(f"{part} must have class folders of different names, got {_names(folders)}")
    if len(found) < 2:
        raise ValueError(
            f"{part} must have at least 2 class folders, got {_names(folders) or 'none'}"
            + _advice(part, path, folders)
        )
    return found


def _advice(part: Path, path: Path, folders: Sequence[Path]) -> str:
    """What a person may have meant by a folder of fewer than 2 classes."""
    inner = [f for f in (folders_in(folders[0]) if folders else []) if has_images(f)]
    if len(inner) > 1 and part == path:
        return f", which holds {_names(inner)}; set dataset.path={folders[0]}"
    if len(inner) > 1:
        return f", which holds {_names(inner)}; move them up into {part.name}"
    loose = len(images_in(part))
    if loose:
        here = f"; if it is a class itself, set dataset.path={part.parent}" if part == path else ""
        return f", and {what_of({STRAY: loose})}{here}"
    packed = sorted(f.name for f in part.iterdir() if f.suffix.lower() in ARCHIVES and not is_hidden(f.name))
    return f", and {', '.join(packed)}; unpack it" if packed else ""


def _require_same(first: Path, expected: Mapping[str, Path], part: Path, found: Mapping[str, Path]) -> None:
    lacking, more = sorted({*expected} - {*found}), sorted({*found} - {*expected})
    if lacking or more:
        differences = [f"lacks {_some(lacking)}"] * bool(lacking)
        differences += [f"has {_some(more)}, which {first.name} has not"] * bool(more)
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
            layout.odd.append(
                f"{_names(others)} beside {path} is not read; dataset.path={path.parent} reads all"
            )
    alike: dict[str, list[str]] = {}
    for name in layout.classes:
        alike.setdefault("".join(name.casefold().split()), []).append(name)
    layout.odd += [
        f"{' and '.join(names)} are read as two classes" for names in alike.values() if len(names) > 1
    ]
    inner = [_inner_folders(part / name) for part in layout.parts.values() for name in layout.classes]
    if inner[0] and len(inner[0]) > 1 and all(names == inner[0] for names in inner):
        layout.odd.append(
            f"every class has images only in its folders {_some(sorted(inner[0]))}; the classes are "
            f"{_some(layout.classes)}"
        )


def _inner_folders(folder: Path) -> set[str]:
    """Names of the folders in a class folder; none where images lie beside them."""
    if not folder.is_dir() or images_in(folder):
        return set()
    return {f.name for f in folders_in(folder)}


def _names(folders: Sequence[Path]) -> str:
    return _some([f.name for f in folders])


def _some(names: Sequence[str]) -> str:
    """The first few of many names."""
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"

"""What the names of folders say: which are called like splits."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from regbench.data.image_files.files import folders_in
from regbench.errors import listed

SPLITS = {  # in lower case
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing"),
}
ENDINGS = re.compile(r"[\s_-]*(set|data|images|split)$")  # training_set, testset, val-images
# Parts of a name that a split has and a class seldom: seg_train, trn, my_eval
HINTS = {word for words in SPLITS.values() for word in words} | {
    "trn",
    "tst",
    "eval",
    "evaluation",
    "holdout",
}


def split_of(folder: Path) -> str | None:
    """The split that a folder's name stands for."""
    name = ENDINGS.sub("", folder.name.lower())
    return next((split for split, names in SPLITS.items() if name in names), None)


def are_like_splits(folders: Sequence[Path]) -> bool:
    """Whether folders that are called like no split are nevertheless meant as splits.

    Each has a word of one in its name, and folders of its own, which a class seldom has.
    """
    words = [set(re.split(r"[^a-z]+", folder.name.lower())) for folder in folders]
    return len(folders) > 1 and all(w & HINTS and folders_in(f) for w, f in zip(words, folders, strict=True))


def names_of(folders: Sequence[Path]) -> str:
    """The names of the first few of many folders."""
    return some([folder.name for folder in folders])


def some(names: Sequence[str]) -> str:
    """The first few of many names."""
    return listed(names, 5, " and ")

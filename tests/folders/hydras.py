"""Folders as Hydra leaves them, and what is in a folder."""

from __future__ import annotations

import os
from pathlib import Path

OURS = "".join(
    f"{key}: {{}}\n" for key in ("model", "dataset", "optimizer", "schedule", "reg", "seed", "train")
)


def record_of_ours(folder: Path) -> Path:
    """What Hydra writes before one of our jobs begins."""
    return _record(folder, OURS, "hydra:\n  help:\n    app_name: regbench train\n  job:\n    name: train\n")


def another_app(folder: Path) -> Path:
    """The same of an app that is called as ours is, and has groups that are called as some of ours are."""
    config = "".join(OURS.splitlines(keepends=True)[:3]) + "train: {}\nseed: 0\n"
    return _record(folder, config, "hydra:\n  help:\n    app_name: train\n  job:\n    name: train\n")


def _record(folder: Path, config: str, hydra: str) -> Path:
    (folder / ".hydra").mkdir(parents=True)
    for name, text in (("config", config), ("hydra", hydra), ("overrides", "[]\n")):
        (folder / ".hydra" / f"{name}.yaml").write_text(text)
    (folder / "train.log").touch()
    return folder


def contents(folder: Path) -> dict[str, str]:
    """Every name below a folder, with its text, or where it leads to; links are not followed."""
    found = {}
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(place, name)
            link = f"-> {os.readlink(path)}" if path.is_symlink() else ""
            what = link or (path.read_bytes().decode(errors="replace") if path.is_file() else "a folder")
            found[str(path.relative_to(folder))] = what
    return found

"""What was decoded is kept, and decoded anew where it is not as it was written."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from regbench.data.image_files.decoding import Images, Reading, decoded_once

HOW = Reading(size=2, channels=1, background="white", skip=True)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Five images, each of one grey value, and one that is none."""
    for number in range(5):
        Image.fromarray(np.full((2, 2), number * 40, dtype=np.uint8)).save(tmp_path / f"{number}.png")
    (tmp_path / "5.png").write_bytes(b"no image")
    return [tmp_path / f"{number}.png" for number in range(6)]


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


def noted(path: Path) -> None:
    """One bad image less, with the digest that the rest has."""
    kept = json.loads(path.read_text())
    kept["notes"]["bad"] = {}
    path.write_text(json.dumps(kept))


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def large(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(20 * 2**30)  # sparse


def as_made(images: Images) -> bool:
    greys = images.pixels().values[:, 0, 0, 0].tolist() == [0, 40, 80, 120, 160, 0]
    return greys and list(images.bad) == [5] and images.notes.bad.keys() == {"5"}


@pytest.mark.parametrize("name", ["images.npy", "notes.json"])
@pytest.mark.parametrize(
    "damage",
    [flipped, pipe, large, Path.unlink, lambda p: p.write_bytes(b""), lambda p: p.write_text("[]"),
     lambda p: p.write_text("{}"), lambda p: p.write_bytes(p.read_bytes()[:-1]),
     lambda p: p.write_text("[" * 10**5), lambda p: p.write_bytes(p.read_bytes() + b"x")],
)  # fmt: skip
def test_what_is_damaged_is_decoded_anew(
    files: list[Path], tmp_path: Path, name: str, damage: Callable[[Path], None]
) -> None:
    (kept,) = {decoded_once(files, HOW, tmp_path / "cache").kept}
    damage(kept.with_name(name))
    assert as_made(decoded_once(files, HOW, tmp_path / "cache"))
    before = kept.stat().st_mtime_ns
    assert as_made(decoded_once(files, HOW, tmp_path / "cache"))
    assert kept.stat().st_mtime_ns == before, "and kept again"


def test_notes_that_say_something_else_are_noticed(files: list[Path], tmp_path: Path) -> None:
    kept = decoded_once(files, HOW, tmp_path / "cache").kept
    noted(kept.with_name("notes.json"))
    assert as_made(decoded_once(files, HOW, tmp_path / "cache"))

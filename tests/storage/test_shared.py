"""What one process has made is read by the others."""

from __future__ import annotations

import errno
from pathlib import Path

from regbench.storage.shared import Shared, made_once, sharing


class Counted:
    """Makes a text, and counts how often."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> str:
        self.times += 1
        return f"made {self.times}"


def write(text: str, path: Path) -> None:
    path.write_text(text)


def test_within_its_context_a_thing_is_made_once_and_its_folder_then_gone() -> None:
    make = Counted()
    with sharing() as folder:
        found = [made_once("word", key, make, write, Path.read_text) for key in ("a", "a", "b")]
        assert found == ["made 1", "made 1", "made 2"]
        assert len(list(folder.iterdir())) == 2
    assert not folder.exists()
    assert made_once("word", "a", make, write, Path.read_text) == "made 3", "nothing is shared"
    assert Shared.folder is None


def test_where_there_is_no_room_each_makes_its_own() -> None:
    def full(text: str, path: Path) -> None:
        path.write_text(text[:2])
        raise OSError(errno.ENOSPC, "No space left on device")

    make = Counted()
    with sharing() as folder:
        assert [made_once("word", "a", make, full, Path.read_text) for _ in range(2)] == ["made 1", "made 2"]
        assert list(folder.iterdir()) == [], "nothing half is left"

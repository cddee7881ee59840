"""The digest of a checkpoint: any byte that is changed is noticed; older files have their checksums."""

from __future__ import annotations

import io
import random
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from regbench.storage import archives, checkpoint
from regbench.storage.checkpoint import BEST, LAST, PREVIOUS, Damaged

STATE = {"weights": torch.arange(1000.0), "history": [[1, {"val/loss": 0.5}]], "name": "x" * 50}
PLACES = 60


def saved(folder: Path, name: str = LAST) -> Path:
    checkpoint.save(folder / name, STATE)
    return folder / name


def saved_before(folder: Path) -> Path:
    """A file as it was written when there was no digest."""
    torch.save(STATE, content := io.BytesIO())
    (folder / LAST).write_bytes(content.getvalue())
    return folder / LAST


def flipped(path: Path, bit: int) -> None:
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)


def equal(state: Any) -> bool:
    return torch.equal(state["weights"], STATE["weights"]) and state["history"] == STATE["history"]


def places(path: Path) -> list[int]:
    """Seeded places of bits: anywhere, at both ends, and in the index."""
    count, chance = path.stat().st_size * 8, random.Random(0)
    near = [chance.randrange(count - 8 * 1000, count) for _ in range(PLACES)]
    return [
        *(chance.randrange(count) for _ in range(PLACES)),
        *near,
        0,
        7,
        count - 1,
        count - 8 * 72,
        count - 8 * 75,
    ]


def test_torch_and_zipfile_read_it_as_any_other(tmp_path: Path) -> None:
    path = saved(tmp_path)
    assert equal(torch.load(path, weights_only=True))
    assert equal(torch.load(io.BytesIO(path.read_bytes()), weights_only=True))
    assert equal(torch.load(path, weights_only=True, mmap=True))
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.comment.startswith(b"blake2b:")


def test_the_same_state_makes_the_same_file(tmp_path: Path) -> None:
    assert saved(tmp_path).read_bytes() == saved(tmp_path, BEST).read_bytes()


def test_any_bit_that_is_flipped_is_noticed(tmp_path: Path) -> None:
    path = saved(tmp_path)
    whole = path.read_bytes()
    for bit in places(path):
        flipped(path, bit)
        with pytest.raises(Damaged, match=r"^last\.pt is no whole checkpoint: "):
            checkpoint.load(path)
        path.write_bytes(whole)
    assert equal(checkpoint.load(path))


def test_any_bit_of_an_older_file_is_noticed_or_changes_nothing(tmp_path: Path) -> None:
    path = saved_before(tmp_path)
    whole = path.read_bytes()
    assert equal(checkpoint.load(path))
    noticed = 0
    for bit in places(path):
        flipped(path, bit)
        try:
            assert equal(checkpoint.load(path))
        except Damaged:
            noticed += 1
        path.write_bytes(whole)
    assert noticed > PLACES


@pytest.mark.parametrize("make", [saved, saved_before])
@pytest.mark.parametrize(
    "change",
    [lambda c: c[:-1], lambda c: c + b"\0", lambda c: c[1:], lambda c: b"\0" + c, lambda c: c[:-72],
     lambda c: c + c, lambda c: b"", lambda c: c[: len(c) // 2],
     lambda c: bytes(len(c)), lambda c: c[:500] + c[501:]],
)  # fmt: skip
def test_what_is_cut_or_added_is_noticed(tmp_path: Path, make: Any, change: Any) -> None:
    path = make(tmp_path)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(Damaged):
        checkpoint.load(path)


def test_a_digest_that_was_taken_away_is_missed(tmp_path: Path) -> None:
    path = saved(tmp_path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = b""
    assert equal(torch.load(path, weights_only=True)), "all else is there"
    with pytest.raises(Damaged, match="its digest was taken away"):
        checkpoint.load(path)


def test_a_file_saved_again_by_torch_is_one_without_a_digest(tmp_path: Path) -> None:
    path = saved(tmp_path)
    torch.save(torch.load(path, weights_only=True), path)
    assert equal(checkpoint.load(path))


@pytest.mark.parametrize("with_end", [False, True])
def test_a_large_file_is_refused_before_it_is_read(tmp_path: Path, with_end: bool) -> None:
    path = saved(tmp_path)
    end = path.read_bytes()[-94:]
    with path.open("r+b") as file:
        file.truncate(12 * 2**30)  # sparse
        file.seek(-94, 2)
        file.write(end if with_end else bytes(94))
    started = time.perf_counter()
    with pytest.raises(Damaged):
        checkpoint.load(path)
    assert time.perf_counter() - started < 1


def test_packed_members_are_refused(tmp_path: Path) -> None:
    """A few kB could be gigabytes of zeros."""
    path = saved(tmp_path)
    content = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist()[:-1]:  # without the mark
            new.writestr(name, old.read(name))
    path.write_bytes(content.getvalue())
    with pytest.raises(Damaged, match="its members must not be packed"):
        checkpoint.load(path)
    archives.close(content)
    path.write_bytes(content.getvalue())
    with pytest.raises(Damaged, match="its members must not be packed"):
        checkpoint.load(path)


def test_a_damaged_last_one_falls_back_to_the_one_before(tmp_path: Path) -> None:
    for epoch in (1, 2):
        checkpoint.save_last(tmp_path, {"epoch": epoch})
    flipped(tmp_path / LAST, 4001)
    state, said = checkpoint.load_newest(tmp_path)
    assert state == {"epoch": 1}
    assert said.startswith("last.pt is no whole checkpoint: ")
    flipped(tmp_path / PREVIOUS, 4001)
    with pytest.raises(Damaged, match=r"^last\.pt is .*; previous\.pt is "):
        checkpoint.load_newest(tmp_path)


def test_a_file_says_whose_it_is_and_is_taken_for_nobody_else_s(tmp_path: Path) -> None:
    path = tmp_path / BEST
    checkpoint.save(path, STATE, owner="one")
    assert equal(checkpoint.load(path))
    assert equal(checkpoint.load(path, owners=["two", "one"]))
    with pytest.raises(Damaged, match=r"^best\.pt is another's"):
        checkpoint.load(path, owners=["two"])
    for other in (saved(tmp_path), saved_before(tmp_path)):  # they do not say, as older ones do not
        assert equal(checkpoint.load(other, owners=["two"]))

"""Rows in files that are mapped: the same as in memory, written once, and never half."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from filelock import FileLock
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset as Listed

from regbench.data import keeping, mapped_files, stored_rows
from regbench.data.image_folder import ImageFolder
from regbench.data.keeping import Keeping
from regbench.data.map_style import MapStyle
from regbench.data.source import Source
from regbench.data.splits import SplitOptions, carve
from regbench.data.stored_rows import Store, StoredRows
from regbench.data.text_csv import TextCSV
from regbench.storage.files import writer
from regbench.types import Dataset
from tests.conftest import CSV

Make = Callable[[Path], Source]


@dataclass
class InMemory:
    """Two hundred images of three classes; one of them stands there twice, with another label."""

    num_classes: int = 3
    in_shape: tuple[int, ...] = (2, 3, 3)
    scale: float = 255.0
    mirrors: bool = False

    def fetch(self) -> None: ...

    def content(self) -> str:
        return "two hundred rows"

    def train(self) -> tuple[Tensor, Tensor]:
        rows = torch.randint(256, (200, 2, 3, 3), generator=torch.Generator().manual_seed(1)).byte()
        rows[7] = rows[180]
        return rows, torch.arange(200) % 3

    def test(self) -> tuple[Tensor, Tensor]:
        rows, labels = self.train()
        return rows[:50].flip(0), labels[:50]


class Floats(Listed[Any]):
    def __len__(self) -> int:
        return 120

    def __getitem__(self, row: int) -> Any:
        value = torch.full((2, 3), row / 120)
        value[0, 0] = -0.0 if row % 2 else 0.0
        return value, row % 4


def folder(path: Path) -> ImageFolder:
    for row in range(60):
        file = path / "images" / "ab"[row % 2] / f"{row:02}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((2, 2), row % 50, dtype=np.uint8)).save(file)  # ten of them are there twice
    return ImageFolder(str(path / "images"), 2, 1, "refuse", "white", str(path))


def judged(path: Path) -> ImageFolder:
    """A folder with a val of its own."""
    for part, rows in (("train", 60), ("val", 12)):
        for row in range(rows):
            file = path / "parted" / part / "ab"[row % 2] / f"{row:02}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((2, 2), row, dtype=np.uint8)).save(file)
    return ImageFolder(str(path / "parted"), 2, 1, "refuse", "white", str(path))


def in_memory(_: Path) -> InMemory:
    return InMemory()


def floats(path: Path) -> MapStyle:
    return MapStyle({"train": Floats()}, (), Keeping("mapped", path / "mapped"))


SOURCES: list[Make] = [in_memory, floats, folder, judged]


def cut(source: Source, path: Path | None, **options: Any) -> Dataset:
    source.fetch()
    chosen = SplitOptions(
        **{"split_seed": 0, "train_fraction": 1.0, "num_train": None, "label_noise": 0.0} | options
    )
    return carve(source, chosen, None if path is None else Keeping("mapped", path / "mapped"))


def files(path: Path) -> list[Path]:
    return sorted((path / "mapped").glob("*.npy"))


def require_same(one: Dataset, other: Dataset) -> None:
    for name in ("train", "select", "val"):
        mine, theirs = getattr(one, name), getattr(other, name)
        for field in ("inputs", "labels", "true_labels"):
            a, b = getattr(mine, field), getattr(theirs, field)
            assert (a is None and b is None) or (a.dtype == b.dtype and torch.equal(a, b)), (name, field)
            assert a is None or not a.is_floating_point() or torch.equal(a.signbit(), b.signbit())
    nothing = {"train": None, "select": None, "val": None, "read_test": None}
    assert replace(one, **nothing) == replace(other, **nothing)  # type: ignore[arg-type]


@pytest.mark.parametrize("make", SOURCES)
@pytest.mark.parametrize("options", [{}, {"num_train": 20, "label_noise": 0.3, "split_seed": 3}])
def test_rows_in_a_file_are_those_in_memory(tmp_path: Path, make: Make, options: dict[str, Any]) -> None:
    whole, mapped = cut(make(tmp_path), None, **options), cut(make(tmp_path), tmp_path, **options)
    require_same(whole, mapped)
    assert whole.train.file is None
    for split in (mapped.train, mapped.select, mapped.val):
        assert split.file is not None
        assert split.file.is_file()
    assert (whole.read_test is None) == (mapped.read_test is None)
    if whole.read_test is not None and mapped.read_test is not None:
        before, one, other = files(tmp_path), whole.read_test(), mapped.read_test()
        assert torch.equal(one.inputs, other.inputs)
        assert torch.equal(one.labels, other.labels)
        assert other.file is not None
        assert set(files(tmp_path)) > set(before), "no test row was in a file before the test was read"


def test_what_is_told_of_equal_rows_is_told_of_rows_in_a_file(tmp_path: Path) -> None:
    assert any("equal" in line for line in cut(in_memory(tmp_path), tmp_path).warnings)
    assert any("stand among the rows" in line for line in cut(folder(tmp_path), tmp_path).warnings)


def test_a_file_is_written_once_for_every_number_of_rows_and_anew_for_another_cut(tmp_path: Path) -> None:
    cut(in_memory(tmp_path), tmp_path)
    (file,) = files(tmp_path)
    made = file.stat().st_ino
    for options in ({}, {"num_train": 30}, {"train_fraction": 0.5}, {"label_noise": 0.5}):
        cut(in_memory(tmp_path), tmp_path, **options)
    assert [(one, one.stat().st_ino) for one in files(tmp_path)] == [(file, made)]
    cut(in_memory(tmp_path), tmp_path, split_seed=1)
    assert len(files(tmp_path)) == 2


def test_a_val_of_the_persons_own_that_lies_in_order_is_written_nowhere(tmp_path: Path) -> None:
    data = cut(judged(tmp_path), tmp_path)
    assert len(files(tmp_path)) == 1
    assert data.val.file is not None
    assert data.val.file.name == "images.npy"


def test_writing_to_rows_reaches_neither_the_file_nor_the_next_one_who_asks(tmp_path: Path) -> None:
    data = cut(in_memory(tmp_path), tmp_path)
    data.train.inputs.fill_(3)
    require_same(cut(in_memory(tmp_path), tmp_path), cut(in_memory(tmp_path), None))


def test_half_a_file_is_not_taken(tmp_path: Path) -> None:
    whole = cut(in_memory(tmp_path), tmp_path)
    (file,) = files(tmp_path)
    with file.open("rb+") as half:
        half.truncate(file.stat().st_size // 2)
    host, _, _ = writer().rpartition("-")
    left, another_s = (file.with_name(f"unfinished-rows-{name}-1") for name in (host, "another-host"))
    another_s.write_bytes(b"half")
    left.write_bytes(b"half")
    require_same(cut(in_memory(tmp_path), tmp_path), cut(in_memory(tmp_path), None))
    assert not left.exists()
    assert another_s.exists()  # it may be at it
    another_s.unlink()
    del whole


def test_an_interruption_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(stored_rows, "AT_ONCE", 1000)
    monkeypatch.setattr(mapped_files.os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        cut(in_memory(tmp_path), tmp_path)
    assert {one.name for one in (tmp_path / "mapped").glob("*")} <= {mapped_files.LOCK}


def test_who_waits_for_another_process_takes_what_that_has_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = StoredRows(Store(torch.arange(12).reshape(4, 3)))
    (written,) = [mapped_files.written_once(rows, tmp_path / "elsewhere").file]
    assert written is not None
    monkeypatch.setattr(mapped_files, "SOON", 0.01)
    monkeypatch.setattr(mapped_files, "_write", lambda *_: pytest.fail("it was there"))
    found: list[StoredRows] = []
    here = tmp_path / "mapped"
    here.mkdir()
    waiting = threading.Thread(target=lambda: found.append(mapped_files.written_once(rows, here)))
    with FileLock(here / mapped_files.LOCK):
        waiting.start()
        while not (said := capsys.readouterr().err):
            assert waiting.is_alive()
        written.rename(here / written.name)
    waiting.join()
    assert "waiting for another process that writes rows into" in said
    assert torch.equal(found[0].store.values, rows.store.values)


def test_a_disk_that_is_full_is_told_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mapped_files.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 100}))
    lacking = (
        r"^200 rows of \(2, 3, 3\) must fit into .*mapped, 3.6e-06 GB, got 1e-07 GB; set dataset.root .* or "
    )
    with pytest.raises(ValueError, match=f"{lacking}dataset.memory=whole"):
        cut(in_memory(tmp_path), tmp_path)
    with pytest.raises(
        ValueError, match=r"^120 train rows of \(1, 2, 3\) must fit into .*mapped, 2.88e-06 GB"
    ):
        floats(tmp_path).fetch()
    with pytest.raises(ValueError, match=r"^the pixels of 60 images must fit into"):
        folder(tmp_path).fetch()
    assert not (tmp_path / "mapped").exists()


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    (tmp_path / "mapped").write_text("a file")
    with pytest.raises(ValueError, match=r"^memory=mapped must be able to write rows into .*, got "):
        cut(in_memory(tmp_path), tmp_path)


def test_auto_is_a_file_where_rows_take_more_than_a_quarter_of_the_free_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keeping, "available", lambda: 400)
    auto = Keeping("auto")
    assert [auto.is_mapped(need, "rows") for need in (100, 101)] == [False, True]
    monkeypatch.setattr(keeping, "available", lambda: None)
    assert not auto.is_mapped(10**30, "rows"), "nobody knows"


def test_rows_that_are_asked_for_in_memory_and_do_not_fit_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("regbench.data.memory.available", lambda: 100)
    with pytest.raises(
        ValueError, match=r"^rows must fit into memory twice, .*; dataset.memory=mapped needs less$"
    ):
        Keeping("whole").is_mapped(51, "rows")


def test_sentences_are_refused_a_file(tmp_path: Path) -> None:
    source = TextCSV(12, 1, str(CSV), None, None, "text", "label", ",", "utf-8", "words")
    with pytest.raises(ValueError, match=r"^memory must be auto or whole for rows that become others"):
        cut(source, tmp_path)

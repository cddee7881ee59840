"""Rows that cannot fit into memory are refused before they are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from regbench.data import memory
from regbench.data.image_folder import ImageFolder
from regbench.data.text_csv import TextCSV


def test_what_does_not_fit_is_refused_and_what_does_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available", lambda: 1000)
    memory.require_memory(1000, "rows")
    with pytest.raises(ValueError, match=r"^rows must fit into memory twice, 1e-06 GB, got 1e-06 GB$"):
        memory.require_memory(1001, "rows")


def test_where_nobody_says_how_much_there_is_anything_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available", lambda: None)
    memory.require_memory(10**30, "rows")


def test_a_size_of_images_that_none_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^size must be at most 10000, got 10001$"):
        ImageFolder(str(tmp_path), 10_001, 1, "refuse", "white", str(tmp_path))


def test_a_length_that_no_memory_holds_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label\n" + "a b,x\nc d,y\n" * 10)
    table = TextCSV(10**15, 1, str(tmp_path / "a.csv"), None, None, "text", "label", ",", "utf-8", "words")
    table.fetch()
    with pytest.raises(ValueError, match=r"^length 1000000000000000 of \d+ rows must fit into memory twice"):
        table.train()

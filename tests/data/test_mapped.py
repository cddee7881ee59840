"""A dataset that is held in memory once is the one that was read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from regbench.assembly.data import _load_data, load_data
from regbench.data.mapped import read_mapped, write_mapped
from regbench.storage.shared import sharing
from tests.conftest import compose


def test_every_row_and_what_is_said_of_them_comes_back(tmp_path: Path) -> None:
    data = load_data(compose("dataset.num_train=97", "dataset.label_noise=0.2")["dataset"])
    write_mapped(data, tmp_path / "rows")
    found, has_test = read_mapped(tmp_path / "rows")
    assert has_test
    for name in ("train", "select", "val"):
        one, other = getattr(data, name), getattr(found, name)
        assert torch.equal(one.inputs, other.inputs)
        assert torch.equal(one.labels, other.labels)
        assert one.scale == other.scale
    assert torch.equal(found.train.true_labels, data.train.true_labels)  # type: ignore[arg-type]
    plain = [replace(one, train=None, select=None, val=None, read_test=None) for one in (data, found)]  # type: ignore[arg-type]
    assert plain[0] == plain[1]


def test_no_test_row_lies_in_the_file(tmp_path: Path) -> None:
    data = load_data(compose()["dataset"])
    assert data.read_test is not None
    write_mapped(data, tmp_path / "rows")
    rows = sum(len(split) for split in (data.train, data.select, data.val))
    size = rows * (data.train.inputs[0].numel() + 8)  # a byte a pixel, and the label
    assert (tmp_path / "rows").stat().st_size < 1.1 * size + 10_000
    assert len(data.read_test()) * data.train.inputs[0].numel() > 20_000, "they would have been seen"


def test_what_another_process_has_read_is_what_this_one_would_read() -> None:
    node = compose("dataset.num_train=97")["dataset"]
    alone = load_data(node)
    with sharing() as folder:
        _load_data.cache_clear()
        load_data(node)
        assert len(list(folder.iterdir())) == 1
        _load_data.cache_clear()  # as in another process
        shared = load_data(node)
        assert torch.equal(shared.train.inputs, alone.train.inputs)
        assert shared.read_test is not None
        assert alone.read_test is not None
        assert torch.equal(shared.read_test().inputs, alone.read_test().inputs), "from the source itself"
    _load_data.cache_clear()


def test_of_rows_in_a_file_of_their_own_only_its_name_is_written(tmp_path: Path) -> None:
    node = compose("dataset.num_train=97", "dataset.memory=mapped", f"dataset.root={tmp_path}")["dataset"]
    data = load_data(node)
    write_mapped(data, tmp_path / "rows")
    found, _ = read_mapped(tmp_path / "rows")
    for name in ("train", "select", "val"):
        one, other = getattr(data, name), getattr(found, name)
        assert torch.equal(one.inputs, other.inputs)
        assert other.file == one.file
        assert one.file.parent == tmp_path / "mapped"
    assert (tmp_path / "rows").stat().st_size < data.train.inputs.nbytes + 10_000
    one.file.unlink()
    with pytest.raises(FileNotFoundError):  # so that the next one who asks cuts them anew
        read_mapped(tmp_path / "rows")
    _load_data.cache_clear()

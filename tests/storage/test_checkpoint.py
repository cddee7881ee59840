"""Checkpoints: whole or not at all, and read without running what is in them."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from regbench.storage import checkpoint
from regbench.storage.checkpoint import BEST, LAST, PREVIOUS
from tests.storage.full_disk import file_size_limit


class Trap:
    """Makes a folder where it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.folder),)


def truncate(path: Path, share: float = 0.5) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_loaded_is_what_was_saved(tmp_path: Path) -> None:
    state = {
        "weights": torch.tensor([1.0, float("nan"), -0.0]),
        "bf16": torch.tensor([1.5], dtype=torch.bfloat16),
        "history": [[1, {"val/loss": 0.25}]],
        "nothing": None,
        "infinite": float("inf"),
    }
    checkpoint.save(tmp_path / "deep" / BEST, state)
    loaded = checkpoint.load(tmp_path / "deep" / BEST)
    torch.testing.assert_close(loaded.pop("weights"), state.pop("weights"), rtol=0, atol=0, equal_nan=True)
    assert loaded == state
    assert names(tmp_path / "deep") == [BEST]


def test_of_a_tensor_that_is_part_of_a_larger_one_only_that_part_is_saved(tmp_path: Path) -> None:
    large = torch.arange(100_000.0)
    checkpoint.save(tmp_path / LAST, {"reg": [{"weights": large[:10]}]})
    assert (tmp_path / LAST).stat().st_size < 10_000
    assert torch.equal(checkpoint.load(tmp_path / LAST)["reg"][0]["weights"], large[:10])


def test_a_state_that_cannot_be_written_leaves_the_old_file(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / LAST, {"epoch": 1})
    with pytest.raises((pickle.PicklingError, AttributeError)):
        checkpoint.save(tmp_path / LAST, {"weights": torch.zeros(10), "hook": lambda: None})
    assert checkpoint.load(tmp_path / LAST) == {"epoch": 1}
    assert names(tmp_path) == [LAST]


def test_a_full_disk_leaves_the_old_file_and_is_an_error_of_the_system(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / LAST, {"epoch": 1})
    with file_size_limit(8192), pytest.raises(OSError, match=r"^cannot write .*last\.pt: "):
        checkpoint.save(tmp_path / LAST, {"weights": torch.zeros(10_000)})
    assert checkpoint.load(tmp_path / LAST) == {"epoch": 1}
    assert names(tmp_path) == [LAST]


def test_a_full_disk_leaves_both_of_the_checkpoints_readable(tmp_path: Path) -> None:
    for epoch in (1, 2):
        checkpoint.save_last(tmp_path, {"epoch": epoch})
    with file_size_limit(8192), pytest.raises(OSError, match="cannot write"):
        checkpoint.save_last(tmp_path, {"weights": torch.zeros(10_000)})
    assert checkpoint.load_newest(tmp_path) == ({"epoch": 2}, "")


def test_keeps_the_one_before(tmp_path: Path) -> None:
    checkpoint.save_last(tmp_path, {"epoch": 1})
    assert names(tmp_path) == [LAST]
    for epoch in (2, 3):
        checkpoint.save_last(tmp_path, {"epoch": epoch})
    assert checkpoint.load(tmp_path / LAST) == {"epoch": 3}
    assert checkpoint.load(tmp_path / PREVIOUS) == {"epoch": 2}
    assert names(tmp_path) == [LAST, PREVIOUS]


def test_keeps_the_one_before_where_a_link_was_left_half_made(tmp_path: Path) -> None:
    checkpoint.save_last(tmp_path, {"epoch": 1})
    (tmp_path / (PREVIOUS + ".tmp")).write_text("left by a run that was killed")
    checkpoint.save_last(tmp_path, {"epoch": 2})
    assert checkpoint.load(tmp_path / PREVIOUS) == {"epoch": 1}


def test_the_newest_is_the_last_without_a_complaint(tmp_path: Path) -> None:
    for epoch in (1, 2):
        checkpoint.save_last(tmp_path, {"epoch": epoch})
    assert checkpoint.load_newest(tmp_path) == ({"epoch": 2}, "")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_truncated_file_is_passed_over_with_a_sentence(tmp_path: Path, share: float) -> None:
    for epoch in (1, 2):
        checkpoint.save_last(tmp_path, {"epoch": epoch})
    truncate(tmp_path / LAST, share)
    state, complaint = checkpoint.load_newest(tmp_path)
    assert state == {"epoch": 1}
    assert complaint.startswith("last.pt is no whole checkpoint: ")
    assert len(complaint) > len("last.pt is no whole checkpoint: ")
    assert "\n" not in complaint
    assert ". " not in complaint


def test_the_previous_one_alone_is_enough(tmp_path: Path) -> None:
    for epoch in (1, 2):
        checkpoint.save_last(tmp_path, {"epoch": epoch})
    (tmp_path / LAST).unlink()
    assert checkpoint.exists(tmp_path)
    assert checkpoint.load_newest(tmp_path)[0] == {"epoch": 1}


def test_two_truncated_files_are_refused_with_both_names(tmp_path: Path) -> None:
    for epoch in (1, 2):
        checkpoint.save_last(tmp_path, {"epoch": epoch})
    truncate(tmp_path / LAST)
    truncate(tmp_path / PREVIOUS)
    with pytest.raises(ValueError, match=r"^last\.pt is no whole checkpoint: .*; previous\.pt is no whole"):
        checkpoint.load_newest(tmp_path)


def test_an_empty_folder_holds_none(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / BEST, {})
    assert not checkpoint.exists(tmp_path)
    with pytest.raises(ValueError, match=r"holds no checkpoint$"):
        checkpoint.load_newest(tmp_path)


def test_a_file_that_is_not_there_is_no_whole_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^best\.pt is no whole checkpoint: "):
        checkpoint.load(tmp_path / BEST)


def test_code_in_a_checkpoint_is_refused_and_never_runs(tmp_path: Path) -> None:
    torch.save({"epoch": Trap(tmp_path / "sprung")}, tmp_path / LAST)
    with pytest.raises(ValueError, match=r"^last\.pt is no whole checkpoint: ") as caught:
        checkpoint.load(tmp_path / LAST)
    assert not (tmp_path / "sprung").exists()
    assert "weights_only" not in str(caught.value), "it must not advise to load the file unsafely"
    torch.load(tmp_path / LAST, weights_only=False)
    assert (tmp_path / "sprung").exists(), "the trap must be one"


def test_a_server_that_has_made_a_link_and_is_asked_again_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As NFS does where the first answer was lost."""
    true = os.link

    def twice(*names: Any) -> None:
        true(*names)
        true(*names)

    monkeypatch.setattr(os, "link", twice)
    for epoch in (1, 2):
        checkpoint.save_last(tmp_path, {"epoch": epoch})
    assert checkpoint.load(tmp_path / PREVIOUS) == {"epoch": 1}
    assert sorted(os.listdir(tmp_path)) == [LAST, PREVIOUS]

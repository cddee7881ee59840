"""Folders that are claimed for a run, and given back."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from regbench.errors import ConfigError
from regbench.folders.claims import adopt, claim, forget, mark
from regbench.folders.holder_files import FREE
from regbench.folders.lock import locked
from regbench.folders.ownership import MARK
from regbench.folders.placement import refuse_unwritable
from tests.folders.hydras import another_app, contents, record_of_ours

KEY = "hydra.run.dir"
RECORDS = (".hydra/config.yaml", "train.log", "metrics.jsonl", "environment.json", "summary.json", ".lock",
           "best.pt", "epoch_0001.pt", "tensorboard/val/events.out.tfevents.1.here.2.0")  # fmt: skip


def write(folder: Path, *names: str, text: str = "a run's") -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


@pytest.mark.parametrize("name", ["new", "new/below", "empty"])
def test_a_new_folder_and_an_empty_one_are_marked_before_anything_else(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    claim(tmp_path / name, KEY)
    assert [path.name for path in (tmp_path / name).iterdir()] == [MARK]
    claim(tmp_path / name, KEY)  # killed here, the same line is typed again


def test_a_folder_that_another_process_takes_away_meanwhile_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each tries whether it can write there, and deletes the empty folders that it has made for that."""
    folder, taken, make = tmp_path / "new" / "below", [], Path.mkdir

    def taking(self: Path, *args: Any, **kwargs: Any) -> None:
        make(self, *args, **kwargs)
        if self == folder.parent and not taken:
            taken.append(self)
            self.rmdir()

    monkeypatch.setattr(Path, "mkdir", taking)
    claim(folder, KEY)
    assert taken
    assert (folder / MARK).exists()


def test_nor_does_it_keep_another_from_trying(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, taken, opened = tmp_path / "new", [], tempfile.TemporaryFile

    def taking(*args: Any, **kwargs: Any) -> Any:
        if not taken:
            taken.append(folder)
            folder.rmdir()
        return opened(*args, **kwargs)

    monkeypatch.setattr(tempfile, "TemporaryFile", taking)
    refuse_unwritable(folder, KEY)
    assert taken
    assert not folder.exists()


@pytest.mark.parametrize("name", RECORDS)
def test_a_file_of_a_person_that_is_called_as_one_of_a_run_is_left(tmp_path: Path, name: str) -> None:
    write(tmp_path / "mine", name, text="precious")
    before = contents(tmp_path)
    with pytest.raises(
        ConfigError, match=r"^hydra\.run\.dir: .*mine must be a new or an empty folder, .*holds"
    ):
        claim(tmp_path / "mine", KEY)
    assert contents(tmp_path) == before


def test_a_folder_is_given_back_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    for folder in (tmp_path / "there", tmp_path / "not" / "there" / "yet"):
        before = contents(tmp_path)
        claimed = claim(folder, KEY)
        write(folder, *RECORDS)
        claimed.give_back()
        assert contents(tmp_path) == before


def test_what_another_has_put_there_meanwhile_stays_and_so_does_the_mark_then(tmp_path: Path) -> None:
    claimed = claim(tmp_path / "run", KEY)
    beside = ("notes.txt", "tensorboard/precious", "tensorboard/val/precious", ".hydra/precious", "mine.pt")
    write(tmp_path / "run", *RECORDS, *beside)
    claimed.give_back()
    assert {name for name, what in contents(tmp_path / "run").items() if what == "a run's"} == {*beside}
    assert claim(tmp_path / "run", KEY).before >= {"notes.txt"}


def test_of_a_folder_of_before_everything_stays_byte_for_byte(tmp_path: Path) -> None:
    claim(tmp_path, KEY)
    write(tmp_path, *RECORDS, "notes.txt")
    before = contents(tmp_path)
    claimed = claim(tmp_path, KEY)
    write(tmp_path, ".hydra/config.yaml", ".hydra/hydra.yaml", "train.log", text="of another line")
    claimed.give_back()
    assert {n: what for n, what in contents(tmp_path).items() if n != ".hydra/hydra.yaml"} == before


def test_nothing_is_given_back_once_there_is_a_checkpoint(tmp_path: Path) -> None:
    claimed = claim(tmp_path / "run", KEY)
    write(tmp_path / "run", *RECORDS, "last.pt")
    before = contents(tmp_path)
    claimed.give_back()
    assert contents(tmp_path) == before


def test_nothing_is_removed_through_a_link(tmp_path: Path) -> None:
    write(tmp_path / "mine", "train/events.out.tfevents.1", "config.yaml", "precious")
    before = contents(tmp_path / "mine")
    for number, (name, target) in enumerate(
        [("tensorboard", "../mine"), ("tensorboard/train", "../../mine/train"), (".hydra", "../mine"),
         ("summary.json", "../mine/precious"), ("best.pt", "../mine/precious")]
    ):  # fmt: skip
        folder = tmp_path / f"run{number}"
        claimed = claim(folder, KEY)
        (folder / name).parent.mkdir(exist_ok=True)
        os.symlink(target, folder / name)
        claimed.give_back()
        assert contents(tmp_path / "mine") == before


def test_what_hydra_has_just_written_for_us_is_adopted_and_that_of_another_app_is_not(tmp_path: Path) -> None:
    record_of_ours(tmp_path / "ours")
    another_app(tmp_path / "another")
    record_of_ours(tmp_path / "mine")
    (tmp_path / "mine" / "precious").touch()
    (tmp_path / "mine" / ".hydra" / "config.yaml").write_text("half: ")
    adopt(tmp_path / "ours", KEY)
    assert (tmp_path / "ours" / MARK).is_file()
    for name in ("another", "mine"):
        before = contents(tmp_path / name)
        with pytest.raises(ConfigError, match=f"{name} must be a new or an empty folder"):
            adopt(tmp_path / name, KEY)
        assert contents(tmp_path / name) == before


def test_a_job_that_is_not_started_leaves_nothing_and_one_with_more_stays(tmp_path: Path) -> None:
    for name in ("job", "more"):
        record_of_ours(tmp_path / name)
        mark(tmp_path / name)
    write(tmp_path / "more", "notes.txt")
    forget(tmp_path / "job")
    forget(tmp_path / "more")
    assert not (tmp_path / "job").exists()
    assert {MARK, "notes.txt", ".hydra/config.yaml"} <= contents(tmp_path / "more").keys()


def test_a_disk_too_full_for_the_mark_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(folder: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("regbench.folders.claims.mark", full)
    with pytest.raises(
        ConfigError, match=r"^hydra\.run\.dir: .*run cannot be written: No space left on device$"
    ):
        claim(tmp_path / "new" / "run", KEY)
    assert list(tmp_path.iterdir()) == []


DELETED = [".nfs000000000012d68700000003", ".fuse_hidden0000001400000002"]


@pytest.mark.parametrize("name", DELETED)
def test_a_file_that_is_deleted_already_makes_no_folder_strange(tmp_path: Path, name: str) -> None:
    """NFS and FUSE keep what a process has open under another name until that is closed."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / name).touch()
    claimed = claim(folder, "hydra.run.dir")
    assert (folder / MARK).exists()
    (folder / ".lock").touch()
    claimed.give_back()
    assert os.listdir(folder) == [name]
    mark(folder)
    write(folder, ".lock", "train.log", text="")
    forget(folder)
    assert os.listdir(folder) == [name]
    (folder / f"{name}x").touch()
    with pytest.raises(ConfigError, match=f"holds {name}x; name another one"):
        claim(folder, "hydra.run.dir")


def test_who_has_held_a_folder_is_taken_away_with_it(tmp_path: Path) -> None:
    for name in (".holder", ".holder.3", ".holder.0a1b.tmp"):
        folder = tmp_path / "run"
        claimed = claim(folder, "hydra.run.dir")
        (folder / ".lock").touch()
        (folder / name).write_bytes(FREE)
        claimed.give_back()
        assert not folder.exists()
        claim(folder, "hydra.run.dir")
        write(folder, ".lock", "train.log", text="")
        (folder / name).write_bytes(FREE)
        forget(folder)
        assert not folder.exists()


def test_a_folder_that_another_process_works_in_is_not_forgotten(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    claim(folder, "hydra.run.dir")
    write(folder, "train.log", text="")
    with locked(folder):
        before = sorted(os.listdir(folder))
        forget(folder)
        assert sorted(os.listdir(folder)) == before
    forget(folder)
    assert not folder.exists()

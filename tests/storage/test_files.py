"""Files that are whole or not there, and folders that are taken away where what they were made for fails."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from regbench.storage.files import is_unfinished, replaced, write_bytes, write_text, writer
from regbench.storage.folders import emptied_on_failure, missing, undone_on_failure


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def made_twice(folder: Path, beside: str = "") -> None:
    """Begin, and fail."""
    folder.mkdir(parents=True)
    if beside:
        (folder.parent / beside).touch()
    folder.mkdir()


def test_what_is_written_takes_the_place_of_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("before")
    (tmp_path / f"a.{writer()}.tmp").write_text("left by a process that was killed")
    with replaced(path) as aside:
        assert path.read_text() == "before"
        assert not aside.exists()
        aside.write_text("after")
    assert (path.read_text(), names(tmp_path)) == ("after", ["a"])


def test_what_breaks_off_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("before")
    with pytest.raises(TypeError), replaced(path) as aside:
        aside.write_bytes("half")  # type: ignore[arg-type]
    assert (path.read_text(), names(tmp_path)) == ("before", ["a"])


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    (tmp_path / f"a.{writer()}.tmp").symlink_to("mine")
    (tmp_path / "a").symlink_to("mine")
    write_text(tmp_path / "a", "ours")
    assert (tmp_path / "mine").read_text() == "mine"
    assert (tmp_path / "a").read_text() == "ours"
    assert (tmp_path / "a").is_symlink() is False
    assert names(tmp_path) == ["a", "mine"]


def test_no_two_processes_of_whatever_host_write_to_one_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that was taken for dead and goes on puts what it has written itself into place, and whole."""
    with replaced(tmp_path / "a") as slow:
        slow.write_text("of the slow one")
        monkeypatch.setattr("socket.gethostname", lambda: "node/1.cluster")
        with replaced(tmp_path / "a") as other:
            other.write_text("half of")
            assert {slow, other} == {*tmp_path.iterdir()}
            assert other.name == f"a.node-1-cluster-{os.getpid()}.tmp"
        assert (tmp_path / "a").read_text() == "half of"
    assert (tmp_path / "a").read_text() == "of the slow one"
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize(
    ("name", "is_one"),
    [("a.pt.tmp", True), ("a.pt.host-b-12.tmp", True), ("a.pt.h.b.tmp", False), ("b.pt.tmp", False),
     ("a.pt", False), ("a.tmp", False), (".tmp", False), ("xa.pt.tmp", False)],
)  # fmt: skip
def test_what_a_killed_process_was_writing_is_known_by_its_name(name: str, is_one: bool) -> None:
    assert is_unfinished(name, lambda name: name == "a.pt") is is_one


@pytest.mark.parametrize("sync", [True, False])
def test_bytes_go_by_any_name_beside_it(sync: bool, tmp_path: Path) -> None:
    write_bytes(tmp_path / "a", b"\x00\xff", tmp_path / ".other", sync)
    assert ((tmp_path / "a").read_bytes(), names(tmp_path)) == (b"\x00\xff", ["a"])


def test_signs_that_utf8_lacks_are_spelled_out(tmp_path: Path) -> None:
    write_text(tmp_path / "a", "é\udc80")
    assert (tmp_path / "a").read_bytes() == "é\\udc80".encode()


def test_where_the_place_is_taken_by_a_folder_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_text(tmp_path / "a", "text")
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("undoing", [emptied_on_failure, undone_on_failure])
def test_folders_that_were_made_in_vain_go_and_others_stay(undoing: object, tmp_path: Path) -> None:
    deep = tmp_path / "there" / "a" / "b"
    deep.parents[1].mkdir()
    assert missing(deep) == [deep, deep.parent]
    with pytest.raises(FileExistsError), undoing(deep):  # type: ignore[operator]
        made_twice(deep)
    assert [names(tmp_path), names(tmp_path / "there")] == [["there"], []]
    with undoing(deep):  # type: ignore[operator]
        deep.mkdir(parents=True)
    assert deep.is_dir()


def test_what_another_process_has_put_into_them_stays_where_that_may_be(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    for undoing, left in ((emptied_on_failure, True), (undone_on_failure, False)):
        with pytest.raises(FileExistsError), undoing(deep):
            made_twice(deep, "theirs")
        assert (deep.parent / "theirs").exists() is left
        assert not deep.exists()
        (deep.parent / "theirs").unlink(missing_ok=True)
        if deep.parent.exists():
            deep.parent.rmdir()

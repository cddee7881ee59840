"""What is deleted before event files are written, and what is not."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from regbench.reports import event_files
from regbench.reports.event_files import MARK, replace_events
from tests.folders.hydras import contents

OLD = "events.out.tfevents.1.regbench"
LISTS = [
    [f"../away/{OLD}"],
    [f"a/../../away/{OLD}"],
    [f"/{OLD}"],
    ["precious"],
    [f"a\0/{OLD}"],
    [5],
    [None],
    {"a": 1},
    "half",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (f"away/{OLD}", f"tb/a/{OLD}", "tb/a/precious", "tb/precious"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("precious")
    return tmp_path / "tb"


def refused(folder: Path) -> None:
    before = contents(folder.parent)
    with pytest.raises(ValueError, match="must"):
        replace_events(folder, {f"a/{OLD[:-1]}": []})
    assert contents(folder.parent) == before


@pytest.mark.parametrize("entries", LISTS)
def test_a_list_that_names_anything_else_is_refused_and_nothing_deleted(
    folder: Path, entries: object
) -> None:
    (folder / MARK).write_text(json.dumps(entries))
    refused(folder)


@pytest.mark.parametrize("text", ["{", "[" * 100_000, "\ud800"])
def test_a_list_that_cannot_be_read_is_refused(folder: Path, text: str) -> None:
    (folder / MARK).write_bytes(text.encode(errors="surrogatepass"))
    refused(folder)


def test_a_list_that_is_a_link_or_a_pipe_or_a_folder_is_refused(folder: Path) -> None:
    (folder / "list").write_text("[]")
    os.symlink("list", folder / MARK)
    refused(folder)
    (folder / MARK).unlink()
    os.mkfifo(folder / MARK)
    refused(folder)
    (folder / MARK).unlink()
    (folder / MARK).mkdir()
    refused(folder)


def test_only_what_is_listed_goes_and_nothing_behind_a_link(folder: Path) -> None:
    os.symlink("../away", folder / "b")
    (folder / "c").mkdir()
    os.symlink(f"../../away/{OLD}", folder / "c" / OLD)
    (folder / MARK).write_text(json.dumps([f"a/{OLD}", f"b/{OLD}", f"c/{OLD}", f"nowhere/{OLD}"]))
    before = contents(folder.parent)
    replace_events(folder, {})
    after = contents(folder.parent)
    assert after.pop(f"tb/{MARK}") == "[]\n"
    assert {name for name in before if name not in after} == {f"tb/a/{OLD}", f"tb/{MARK}"}


def test_where_an_arm_s_folder_is_a_link_nothing_is_written_behind_it(folder: Path) -> None:
    os.symlink("../away", folder / "b")
    before = contents(folder.parent)
    with pytest.raises(ValueError, match="b must be a folder, and is a link"):
        replace_events(folder, {f"b/{OLD}": []})
    assert contents(folder.parent) == before


def test_on_a_full_disk_no_new_file_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = event_files._write

    def full(path: Path, *rest: object) -> None:
        if path.parent.name == "b":
            raise OSError(28, "No space left on device", str(path))
        whole(path, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(event_files, "_write", full)
    with pytest.raises(OSError, match="No space left"):
        replace_events(tmp_path / "new" / "tb", {f"a/{OLD}": [], f"b/{OLD}": []})
    assert list(tmp_path.iterdir()) == []

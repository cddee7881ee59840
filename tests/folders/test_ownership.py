"""Whose a folder is."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from regbench.errors import ConfigError
from regbench.folders.claims import mark, require_ours
from regbench.folders.ownership import Place, is_ours
from regbench.folders.placement import refuse_others, refuse_place
from tests.folders.hydras import another_app, contents, record_of_ours

KEY = "hydra.run.dir"
NAMES = {
    ".": "which is the current folder",
    "": "which is the current folder",
    "sub/..": "which is the current folder",
    "/": "which is all there is",
    "~": "~ stands for no folder here",
    "~/runs": "~ stands for no folder here",
    "home": "which is the home folder",
    "project": r"which holds a repository \(\.git\)",
    "file": "must be a folder, and is a file",
    "file/run": "cannot be written: it lies below a file",
    "full": "must be a new or an empty folder, .* and holds 1, 2, 3 and 1 more; name another one",
    "link": "must be a new or an empty folder",
    "dangling": "must be a folder, and is a link to nothing",
    "loop": "cannot be read: ",
    "a\nb": "must be a name that can be printed",
    "a\x1b[31m": "must be a name that can be printed",
    "x" * 300: "must be a name of at most 255 bytes between two slashes, .*, got one of 300$",
    "x/" * 2000: "and of 3000, got one of 3999$",
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("full", "sub", "home", "project/.git"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("file", "full/1", "full/2", "full/3", "full/4"):
        (tmp_path / name).touch()
    for name, target in (("link", "full"), ("dangling", "nowhere"), ("loop", "loop"), ("free", "sub")):
        os.symlink(target, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_that_a_run_must_not_write_into_is_refused_with_the_key(place: Path, name: str) -> None:
    before = contents(place)
    with pytest.raises(ConfigError, match=rf"^hydra\.run\.dir: .*{NAMES[name]}") as refused:
        refuse_others(Path(name), KEY)
    assert str(refused.value).isprintable()
    assert contents(place) == before


@pytest.mark.parametrize("name", ["sub", "free", "new", "new/below", "~x/y/../z"[1:], "sub/in it", "ünïcode"])
def test_a_new_and_an_empty_folder_are_taken_whatever_their_names(place: Path, name: str) -> None:
    refuse_others(Path(name), KEY)


def test_a_sweep_may_stand_in_a_folder_beside_other_things(place: Path) -> None:
    refuse_place(Path("full"), "hydra.sweep.dir")
    for name in (".", "/", "home", "file", "dangling", "loop", "project"):
        with pytest.raises(ConfigError, match=r"^hydra\.sweep\.dir: "):
            refuse_place(Path(name), "hydra.sweep.dir")


def test_a_record_of_ours_is_ours_and_that_of_another_app_is_not(tmp_path: Path) -> None:
    assert is_ours(record_of_ours(tmp_path / "ours"))
    other = another_app(tmp_path / "other")
    (other / "summary.json").write_text(json.dumps({"version": 2, "status": "finished", "config": {}}))
    (other / "metrics.jsonl").write_text('{"epoch": 1, "loss": 0.5}\n')
    assert not is_ours(other)


def test_a_run_of_before_the_mark_is_ours_even_where_hydras_record_is_damaged(tmp_path: Path) -> None:
    for name, text in (
        ("summary.json", json.dumps({"version": 2, "status": "failed", "config": {}, "identity": "0"})),
        ("metrics.jsonl", '{"epoch": 1, "objective/data": 2.5}\n'),
    ):
        folder = record_of_ours(tmp_path / name)
        (folder / ".hydra" / "config.yaml").write_text("mod")
        assert not is_ours(folder)
        (folder / name).write_text(text)
        assert is_ours(folder)
        shutil.rmtree(folder / ".hydra")
        assert not is_ours(folder)


@pytest.mark.parametrize("kind", ["link", "folder", "pipe"])
def test_what_is_called_as_the_mark_and_is_no_file_is_none(tmp_path: Path, kind: str) -> None:
    path = tmp_path / ".regbench"
    {"link": lambda: path.symlink_to("x"), "folder": path.mkdir, "pipe": lambda: os.mkfifo(path)}[kind]()
    assert not is_ours(tmp_path)


@pytest.mark.parametrize(
    ("name", "said"),
    [(".hydra", "a folder"), ("tensorboard", "a folder"), ("tensorboard/train", "a folder"),
     ("train.log", "a file"), (".lock", "a file"), (".hydra/hydra.yaml", "a file")],
)  # fmt: skip
def test_a_run_whose_files_lead_elsewhere_is_refused(tmp_path: Path, name: str, said: str) -> None:
    path = tmp_path / "run" / name
    path.parent.mkdir(parents=True)
    mark(tmp_path / "run")
    refuse_others(tmp_path / "run", KEY)
    os.symlink(tmp_path, path)
    with pytest.raises(
        ConfigError, match=f"{name} must be {said} of the run's own, and is a link; move it away$"
    ):
        refuse_others(tmp_path / "run", KEY)


def test_only_a_run_of_ours_is_gone_on_with_and_it_is_marked(tmp_path: Path) -> None:
    require_ours(record_of_ours(tmp_path / "run"))
    assert (tmp_path / "run" / ".regbench").is_file()
    other = contents(another_app(tmp_path / "other"))
    (tmp_path / "empty").mkdir()
    for name in ("other", "empty", "nowhere"):
        with pytest.raises(ConfigError, match=name):
            require_ours(tmp_path / name)
    assert contents(tmp_path / "other") == other
    assert list((tmp_path / "empty").iterdir()) == []


@pytest.mark.parametrize("then", ["gone", "emptied", "another"])
def test_a_folder_that_is_no_longer_there_is_not_written_to(tmp_path: Path, then: str) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    mark(folder)
    place = Place(folder)
    place.require()
    if then == "emptied":
        (folder / ".regbench").unlink()
    else:
        folder.rename(tmp_path / "moved")
    if then == "another":
        folder.mkdir()
        mark(folder)
    with pytest.raises(ConfigError, match="run: was removed while its run was going on"):
        place.require()


def test_the_current_folder_may_be_a_run_that_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(record_of_ours(tmp_path / "run"))
    require_ours(Path("."))
    assert (tmp_path / "run" / ".regbench").is_file()


def test_the_current_folder_is_taken_where_it_is_empty_and_typed_in_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refuse_others(tmp_path, KEY)
    (tmp_path / "mine").touch()
    with pytest.raises(ConfigError, match=f"^{KEY}: .* which is the current folder$"):
        refuse_others(tmp_path, KEY)

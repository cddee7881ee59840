"""One process at a time in a run folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from regbench.errors import ConfigError
from regbench.folders.lock import Locked, is_locked, locked
from tests.folders.hydras import contents


def test_a_folder_is_locked_by_one_at_a_time(tmp_path: Path) -> None:
    assert not is_locked(tmp_path)
    with locked(tmp_path):
        assert is_locked(tmp_path)
        with pytest.raises(Locked, match="another process works in it"), locked(tmp_path):
            pass
    assert not is_locked(tmp_path)


@pytest.mark.parametrize("kind", ["precious", "nowhere", ".lock", "folder", "a folder", "a pipe"])
def test_a_lock_that_leads_elsewhere_is_refused_and_what_it_leads_to_is_left(
    tmp_path: Path, kind: str
) -> None:
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "folder").mkdir()
    run = tmp_path / "run"
    run.mkdir()
    if kind == "a folder":
        (run / ".lock").mkdir()
    elif kind == "a pipe":
        os.mkfifo(run / ".lock")
    else:
        os.symlink(f"../{kind}" if kind != ".lock" else kind, run / ".lock")
    before = contents(tmp_path)
    with pytest.raises(ConfigError, match=r"\.lock: must be a plain file of the run's own"), locked(run):
        pass
    assert not is_locked(run)
    assert contents(tmp_path) == before


def test_a_folder_that_has_gone_is_not_made_again(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be locked"), locked(tmp_path / "gone"):
        pass
    assert list(tmp_path.iterdir()) == []

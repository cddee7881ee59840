"""The collector rests while modules are imported, and is then as it was."""

from __future__ import annotations

import gc
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from regbench.terminal.imports import kept


@pytest.mark.parametrize("collecting", [True, False])
def test_the_collector_is_afterwards_as_it_was(collecting: bool) -> None:
    before = gc.isenabled()
    (gc.enable if collecting else gc.disable)()
    try:
        with suppress(ImportError), kept():
            assert not gc.isenabled()
            raise ImportError
        assert gc.isenabled() is collecting
    finally:
        (gc.enable if before else gc.disable)()


def test_only_what_is_new_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "imported_once.py").write_text("cells = [[] for _ in range(100)]")
    monkeypatch.syspath_prepend(tmp_path)
    gc.unfreeze()
    for _ in range(2):
        frozen = gc.get_freeze_count()
        with kept():
            import imported_once  # noqa: F401
    assert gc.get_freeze_count() == frozen > 0
    gc.unfreeze()
    del sys.modules["imported_once"]

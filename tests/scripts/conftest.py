"""Scripts as modules, and as commands."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
Typed = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def script() -> Callable[[str], ModuleType]:
    """A script, imported by its name."""

    def imported(name: str) -> ModuleType:
        loader = importlib.machinery.SourceFileLoader(f"{name}_script", str(ROOT / "scripts" / name))
        spec = importlib.util.spec_from_loader(loader.name, loader)
        assert spec is not None
        module = importlib.util.module_from_spec(spec)
        loader.exec_module(module)
        return module

    return imported


@pytest.fixture
def typed(tmp_path: Path) -> Typed:
    """A script run as a person does, with one thread; it must leave the checkout as it was."""

    def run(name: str, *words: str) -> subprocess.CompletedProcess[str]:
        before = _state()
        command = [sys.executable, str(ROOT / "scripts" / name), *words]
        done = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
        )
        assert _state() == before
        return done

    return run


def _state() -> dict[Path, bytes]:
    """What a script keeps and writes."""
    return {
        path: path.read_bytes() for place in ("docs", "scripts") for path in (ROOT / place).rglob("*.[mj]*")
    }

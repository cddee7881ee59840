"""Scripts as modules, and as commands."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from tests import processes

ROOT = Path(__file__).parents[2]
AS_A_SCRIPT = """
import runpy, sys
sys.path[0] = {0!r}
sys.argv[0] = {0!r} + "/" + {1!r}
runpy.run_path(sys.argv[0], run_name="__main__")
"""
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
        done = processes.run(*words, cwd=tmp_path, code=AS_A_SCRIPT.format(str(ROOT / "scripts"), name))
        assert _state() == before
        return done

    return run


def _state() -> dict[Path, bytes]:
    """What a script keeps and writes."""
    return {
        path: path.read_bytes() for place in ("docs", "scripts") for path in (ROOT / place).rglob("*.[mj]*")
    }

"""Pages of docs/ that a script makes, of figures that it keeps in scripts/figures, and where these come from.

A page is written from kept figures alone, so that it can be written again, with other words, by `--page`, without
measuring anything again.
"""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import os
import platform
import re
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FIGURES = Path(__file__).resolve().parent / "figures"
WIDTH = 126  # characters of a line of the documents
CPU_INFO = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class Stamp:
    """Where figures come from; what is not known of old ones is empty.

    Attributes:
        command: what made them.
        date: the day that it ended, as 2026-11-26.
        version: of regbench.
        commit: of the repository; of old figures the one that brought them in.
        torch: its version.
        machine: cores, processor and GPU.
        note: what else is to be known, a sentence.
    """

    command: str
    date: str
    version: str
    commit: str
    torch: str = ""
    machine: str = ""
    note: str = ""

    @classmethod
    def now(cls) -> Stamp:
        """Of what the script that runs has just measured here."""
        from regbench import __version__

        torch = importlib.metadata.version("torch")
        return cls(_command(), datetime.date.today().isoformat(), __version__, _commit(), torch, _machine())

    def sentence(self) -> str:
        """The same for readers."""
        torch = f"torch {self.torch}" if self.torch else "torch's version was not kept"
        machine = self.machine or "the machine was not kept"
        at = f"regbench {self.version} at {self.commit or 'no commit'}"
        said = f"Measured by `{self.command}`: {self.date}, {at}, {torch}, {machine}."
        return f"{said} {self.note}".strip()


def _command() -> str:
    """The script as it was typed, but for where its runs lie."""
    words = sys.argv[1:]
    if "--folder" in words:
        place = words.index("--folder")
        del words[place : place + 2]
    return shlex.join([f"scripts/{Path(sys.argv[0]).name}", *words])


def _commit() -> str:
    """The short revision, with a + where files are changed; empty outside a repository."""
    try:
        head, changed = (
            _git("rev-parse", "--short", "HEAD"),
            _git("status", "--porcelain", "--untracked-files=no"),
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return head + ("+" if changed else "")


def _git(*words: str) -> str:
    return subprocess.run(
        ["git", *words], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()


def _machine() -> str:
    lines = CPU_INFO.read_text().splitlines() if CPU_INFO.is_file() else []
    named = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    cores = f"{os.cpu_count()} cores of {named or platform.processor() or platform.machine()}"
    try:
        asked = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
        gpus = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split("\n")
    except (OSError, subprocess.SubprocessError):
        gpus = []
    return ", ".join([cores, *(gpu.strip() for gpu in gpus if gpu.strip())]) + ("" if gpus else ", no GPU")


def keep(name: str, stamp: Stamp, figures: Any) -> None:
    """Write figures, with where they come from, into scripts/figures."""
    text = json.dumps(
        {"stamp": asdict(stamp), "figures": figures}, indent=1, ensure_ascii=False, allow_nan=False
    )
    (FIGURES / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def kept(name: str) -> tuple[Stamp, Any]:
    """The figures that were kept under a name, and where they come from."""
    found = json.loads((FIGURES / f"{name}.json").read_text(encoding="utf-8"))
    return Stamp(**found["stamp"]), found["figures"]


def write(name: str, text: str) -> None:
    """Write a page of docs/."""
    (ROOT / "docs" / f"{name}.md").write_text(text, encoding="utf-8")


def placed(text: str, heading: str, section: str) -> str:
    """A document with one section, `## heading`, written anew.

    Raises:
        ValueError: it has no such section, or several.
    """
    pattern = rf"(?ms)^{re.escape(heading)}\n.*?(?=^## )"
    made, found = re.subn(pattern, lambda _: f"{heading}\n\n{section}\n", text)
    if found != 1:
        raise ValueError(f"the document must have one section {heading}, got {found}")
    return made


def filled(text: str) -> str:
    """A paragraph in lines as wide as the documents'."""
    return textwrap.fill(text, WIDTH)


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a Markdown table; a | within a cell becomes a /."""
    cells = ([cell.replace("|", "/") for cell in row] for row in rows)
    return [_row(headings), _row(["---"] * len(headings)), *map(_row, cells)]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"

"""A Slurm of one node: it comes up, again where it runs, and leaves no process."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests import slurm


def processes_of(folder: Path) -> set[str]:
    """Names of the processes that know of a folder, by their words or variables."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            known = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
            if str(folder).encode() in known:
                found.add((process / "comm").read_text().strip())
        except OSError:  # it has ended meanwhile, or is none of ours
            continue
    return found


def test_it_comes_up_twice_and_leaves_nothing() -> None:
    with slurm.cluster() as folder:
        up = {*slurm.DAEMONS[:3]}
        assert processes_of(folder) >= up
        again = subprocess.run([slurm.UP, folder], capture_output=True, text=True, timeout=120)
        assert (again.returncode, again.stderr) == (0, "")
        assert again.stdout.splitlines()[-1].split()[-2:] == ["idle", "localhost"]
        environment = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf")}
        wrap = ["sbatch", "--output=/dev/null", "--wrap", f"sleep 300 # {folder}"]
        subprocess.run(wrap, env=environment, check=True, capture_output=True)
        down = subprocess.run([slurm.UP, "down", folder], capture_output=True, text=True, timeout=120)
        assert (down.returncode, down.stderr) == (0, "")
        assert processes_of(folder) == set()


@pytest.mark.parametrize("words", [[], ["down"], ["one", "two"], ["down", "one", "two"]])
def test_wrong_words_are_told_how_it_is_used(words: list[str]) -> None:
    done = subprocess.run([slurm.UP, *words], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "usage: scripts/slurm_up [down] FOLDER\n"

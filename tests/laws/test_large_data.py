"""Data larger than the memory that a process may have train, and are refused where they must be in it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.processes import run

WIDE = """
import torch
from torch.utils.data import Dataset

NOISE = torch.randint(128, (1, 100, 100), generator=torch.Generator().manual_seed(0)).byte()

class Wide(Dataset):
    '''300 MB of rows: noise of a class's brightness, shifted anew whenever they are asked for.'''

    def __len__(self):
        return 30000

    def __getitem__(self, row):
        return NOISE.roll(row) + 100 * (row % 2), row % 2
"""
LIMITED = """
import pathlib, re, resource, sys
sys.path.insert(0, ".")
taken = int(re.search(r"VmData:\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1]) * 1024
resource.setrlimit(resource.RLIMIT_DATA, (taken + int(sys.argv[1]), resource.RLIM_INFINITY))
from regbench.cli import main
del sys.argv[1]
main()
"""
WORDS = [
    *("train", "dataset=own", "dataset._target_=wide.Wide", "dataset.root=.", "model=mlp", "model.width=2"),
    *(
        "model.depth=1",
        "train.epochs=1",
        "train.batch_size=128",
        "threads=1",
        "device=cpu",
        "checkpoints=none",
    ),
]
ROOM = (
    280_000_000  # bytes beside what is taken already: less than the rows; up to 151 MB were seen to be taken
)


@pytest.mark.skipif(sys.platform != "linux", reason="no limit of memory that spares maps of files")
def test_rows_of_more_than_a_process_may_have_are_trained_on_in_a_file_and_in_memory_refused(
    tmp_path: Path,
) -> None:
    (tmp_path / "wide.py").write_text(WIDE)
    whole = run(str(ROOM), *WORDS, "dataset.memory=whole", cwd=tmp_path, code=LIMITED)
    assert whole.returncode == 2
    assert "30000 train rows of (1, 100, 100) must fit into memory twice" in whole.stderr
    assert "dataset.memory=mapped needs less" in whole.stderr
    mapped = run(str(ROOM), *WORDS, cwd=tmp_path, code=LIMITED)  # auto
    assert mapped.returncode == 0, mapped.stderr
    assert "epoch 1/1" in mapped.stdout
    assert [file.suffix for file in (tmp_path / "mapped").iterdir() if file.stat().st_size] == [".npy"]

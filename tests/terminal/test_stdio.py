"""Standard streams that are closed or full, and folders and limits that leave no room."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from regbench.errors import ConfigError, lack_of_memory, of_the_system
from regbench.terminal.stdio import flushed
from tests.records.made import figures, write_run

REGBENCH = f"{sys.executable} -m regbench"


def shell(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["bash", "-c", line], cwd=folder, capture_output=True, text=True, timeout=60)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
@pytest.mark.parametrize("words", ["", "docs sweeps"])
def test_a_full_standard_output_is_one_sentence(tmp_path: Path, words: str) -> None:
    done = shell(f"{REGBENCH} {words} > /dev/full", tmp_path)
    said = "regbench: the standard output cannot be written: No space left on device\n"
    assert (done.returncode, done.stderr) == (2, said)


def test_closed_streams_are_nobody_who_reads(tmp_path: Path) -> None:
    done = shell(f"{REGBENCH} docs <&- >&- 2>&-; echo $?; {REGBENCH} nonsense 2>&-; echo $?", tmp_path)
    assert done.stdout == "0\n2\n"


@pytest.mark.parametrize("columns", ["0", "1"])
def test_a_terminal_of_no_width_is_a_narrow_one(tmp_path: Path, columns: str) -> None:
    write_run(tmp_path / "run", [], 0, [figures(0.9)])
    done = shell(f"COLUMNS={columns} {REGBENCH} compare run", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_no_file_takes_the_number_of_a_closed_stream(tmp_path: Path) -> None:
    code = (
        "import regbench.terminal.stdio as s; s.open_closed(); f = open('f', 'w'); print(1); g = f.fileno()"
    )
    assert (
        shell(f'{sys.executable} -c "{code}; assert g > 2" <&- >&- 2>&- && echo well', tmp_path).stdout
        == "well\n"
    )


def test_a_current_folder_that_has_been_deleted_is_said(tmp_path: Path) -> None:
    done = shell(f"mkdir gone; cd gone; rmdir ../gone; {REGBENCH} plan -m seed=0,1", tmp_path)
    assert done.returncode == 2
    assert done.stderr == "regbench: plan: the current folder has been deleted; go to another one\n"


def test_what_came_of_a_lack_of_files_or_disk_is_told_by_that_and_a_fault_of_ours_is_not() -> None:
    assert of_the_system(OSError(errno.EACCES, "Permission denied", "a\nb")) == "a b: Permission denied"
    assert of_the_system(ImportError("libtorch.so: Too many open files")) == "Too many open files"
    error = RuntimeError("could not import")
    error.__cause__ = OSError(errno.EMFILE, "Too many open files", "x.py")
    assert of_the_system(error) == "x.py: Too many open files"
    assert of_the_system(KeyError("width")) == ""


CUDA = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity")
CPU = RuntimeError(
    "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 2508800000 bytes"
)
ROWS = MemoryError(
    "Unable to allocate 37.3 GiB for an array with shape (100000, 50000) and data type float64"
)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (CUDA, "out of memory where 2.00 GiB more were asked for"),
        (CPU, "out of memory where 2.51 GB more were asked for"),
        (ROWS, "out of memory where 37.3 GiB more were asked for"),
        (MemoryError(), "out of memory"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`"), "out of memory"),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), ""),
        (ValueError("out of memory"), ""),
    ],
)
def test_a_lack_of_memory_is_told_whoever_notices_it(error: Exception, said: str) -> None:
    assert of_the_system(error) == lack_of_memory(error) == said
    outer = ConfigError("model: it is too large")
    outer.__cause__ = error
    assert (of_the_system(outer), lack_of_memory(outer)) == ("", said)  # its own words have the key


def test_what_a_persons_code_has_put_in_the_place_of_the_output_is_not_flushed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert flushed() == ""

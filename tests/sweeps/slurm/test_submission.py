"""What is asked of Slurm, and what a person is told where it cannot be asked, or does not take it."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import replace
from pathlib import Path

import pytest

from regbench.errors import ConfigError
from regbench.sweeps.slurm import submission
from regbench.sweeps.slurm.submission import COMMANDS, Options, Submission, require_slurm
from tests import processes

USUAL = Options(
    partition=None,
    timeout_min=60,
    signal_delay_s=120,
    mem_gb=4,
    cpus_per_task=None,
    gpus_per_node=None,
    gres=None,
    account=None,
    qos=None,
    constraint=None,
    exclude=None,
    name=None,
    array_parallelism=256,
)
REFUSES = 'echo "sbatch: error: invalid partition specified: nope" >&2; exit 1'


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of Slurm's commands, which do nothing, first on the path."""
    pytest.importorskip("submitit", reason="submitit is not installed (the extra slurm)")
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in COMMANDS:
        command(folder, name, "exit 0")
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


def command(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def submitted(tmp_path: Path, options: Options, count: int = 2) -> str:
    """The script that sbatch was given."""
    kept: list[object] = []
    Submission(tmp_path / "a sweep", options)([str] * count, kept.extend)
    assert len(kept) == count
    return (tmp_path / "script").read_text()


def test_what_is_asked_for_reaches_slurm(here: Path, tmp_path: Path) -> None:
    command(here, "sbatch", f'cat "$1" > {tmp_path}/script; echo "Submitted batch job 7"')
    script = submitted(
        tmp_path, replace(USUAL, partition="short", gpus_per_node=1, cpus_per_task=3, mem_gb=1.5)
    )
    for line in ("partition=short", "gpus-per-node=1", "cpus-per-task=3", "mem=1536MB", "time=60", "requeue"):
        assert f"#SBATCH --{line}\n" in script
    assert "#SBATCH --array=0-1%2\n" in script
    assert "#SBATCH --job-name='a sweep'\n" in script
    assert "#SBATCH --signal=USR2@120\n" in script
    assert "srun --unbuffered" in script
    assert " --cpus-per-task=3 " in script, "which srun does not know by itself"


def test_what_is_not_asked_for_is_left_to_the_cluster(here: Path, tmp_path: Path) -> None:
    command(here, "sbatch", f'cat "$1" > {tmp_path}/script; echo "Submitted batch job 7"')
    script = submitted(tmp_path, replace(USUAL, mem_gb=None))
    for key in ("partition", "account", "qos", "gpus", "gres", "mem", "constraint", "exclude"):
        assert f"--{key}" not in script


def test_many_are_several_arrays(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submission, "MOST", 2)
    command(here, "sbatch", f'echo x >> {tmp_path}/script; echo "Submitted batch job 7"')
    assert submitted(tmp_path, USUAL, 5).count("x") == 3


def test_jobs_that_slurm_does_not_take_are_a_sentence_and_leave_nothing(
    here: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    command(here, "sbatch", REFUSES)
    with pytest.raises(ConfigError) as raised:
        Submission(tmp_path / "sweep", USUAL)([str, str], lambda _: None)
    said = "hydra/launcher: Slurm does not take the jobs: invalid partition specified: nope"
    assert str(raised.value) == said
    assert not (tmp_path / "sweep").exists()
    assert capfd.readouterr() == ("", "")


def test_a_line_whose_jobs_are_not_taken_ends_with_that_sentence(here: Path, tmp_path: Path) -> None:
    command(here, "sbatch", REFUSES)
    words = ["-m", "seed=0,1", "dataset.num_train=97", "device=cpu", "hydra/launcher=slurm"]
    path = os.environ["PATH"]
    done = processes.run("train", *words, "hydra.launcher.partition=nope", cwd=tmp_path, PATH=path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("regbench: hydra/launcher: Slurm does not take the jobs: invalid partition")
    assert done.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["bin"]
    done = processes.run("train", *words, cwd=tmp_path, PATH=str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert "hydra/launcher: slurm needs sbatch on the path" in done.stderr
    assert done.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["bin"]


def test_without_the_extra_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'regbench\[slurm\]'"):
        require_slurm()


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"signal_delay_s: must be shorter .* 60 s, got 60"):
        replace(USUAL, timeout_min=1, signal_delay_s=60)
    with pytest.raises(ConfigError, match=r"hydra\.sweep\.dir: must have no %"):
        Submission(tmp_path / "100%", USUAL)

"""A run that an earlier version has left half done: its draws were others, so it is not gone on with."""

from __future__ import annotations

from pathlib import Path

import pytest

from regbench.commands import resume, train
from regbench.errors import ConfigError
from regbench.folders.state import State, state_of
from regbench.records.files import READ_VERSIONS, RECORD_VERSION, change_summary, read_summary
from regbench.storage import checkpoint
from tests.runs.test_damage import SMALL, STACK

EARLIER = READ_VERSIONS[0]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    assert train.main([*SMALL, STACK, "hydra.run.dir=run"]) == 0
    return tmp_path / "run"


def test_an_ended_run_counts_as_ended(run: Path) -> None:
    change_summary(run, version=EARLIER)
    assert state_of(run) is State.FINISHED


def test_a_half_done_run_is_refused_by_resume_and_begun_again_by_a_sweep(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["-m", *SMALL, STACK, "seed=0", "hydra.sweep.dir=sweep"]
    assert train.main(line) == 0
    (job,) = (path for path in run.with_name("sweep").iterdir() if (path / "summary.json").exists())
    whole = (job / "metrics.jsonl").read_text()
    state = checkpoint.load(job / checkpoint.LAST)
    checkpoint.save(job / checkpoint.LAST, state | {"version": EARLIER})
    (job / "summary.json").unlink()
    with pytest.raises(
        ConfigError, match=f"checkpoint is of version {EARLIER}, whose random draws are others"
    ):
        resume.main([str(job)])
    capsys.readouterr()
    assert train.main(line) == 0
    assert "it was run again from the start" in capsys.readouterr().out
    summary = read_summary(job)
    assert summary is not None
    assert summary.version == RECORD_VERSION
    assert [len(text.splitlines()) for text in (whole, (job / "metrics.jsonl").read_text())] == [4, 4]

"""The threads of many jobs, each kind looked at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from regbench.sweeps import threads
from regbench.sweeps.jobs import Job
from regbench.sweeps.threads import threads_of_each
from tests.conftest import compose


def test_jobs_that_differ_in_what_does_not_matter_are_asked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(threads, "threads_of", lambda config: asked.append(config) or len(asked))
    words = [
        ["seed=1"], ["seed=2"], ["+reg=dropout"], ["dataset.split_seed=4"], ["train.lr=0.2"],
        ["model.width=8"], ["threads=2"], ["train.batch_size=7"], ["seed=3"],
    ]  # fmt: skip
    jobs = [Job(n, some, compose(*some), tmp_path / str(n)) for n, some in enumerate(words)]
    assert threads_of_each(jobs) == [1, 1, 1, 1, 1, 2, 3, 4, 1]
    assert len(asked) == 4

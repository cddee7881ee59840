"""A job's words say where its folder lies, whatever it is called."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from regbench.sweeps.jobs import Job
from regbench.sweeps.words import folder_in, words_of


@pytest.mark.parametrize(
    "name", ["job", "a b", "a=b,c", "a${b}c", "it's", 'say "no"', "50%", "[x]{y}", "\\n"]
)
def test_the_folder_of_a_job_is_read_back_from_its_words(tmp_path: Path, name: str) -> None:
    job = Job(0, ["seed=3", "hydra.sweep.dir=elsewhere", "+reg=[l1,l2]"], {}, tmp_path / name / name)
    words = shlex.split(words_of(job))
    assert words[:2] == ["seed=3", "+reg=[l1,l2]"]
    assert folder_in(words) == tmp_path / name / name


def test_words_that_name_no_folder_have_none() -> None:
    assert folder_in(["seed=3", "hydra.sweep.dir=there"]) is None


def test_a_folder_is_where_the_line_is_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = folder_in(shlex.split(words_of(Job(0, [], {}, Path("outputs") / "job"))))
    assert found == tmp_path / "outputs" / "job"

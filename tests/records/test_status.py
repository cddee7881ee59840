"""Statuses of a run: what each means for who reads it, and for the shell."""

from __future__ import annotations

import json

import pytest

from regbench.folders.state import State
from regbench.records.status import Status


@pytest.mark.parametrize(
    ("word", "finished", "ended", "exit_code"),
    [("finished", True, True, 0), ("stopped", True, True, 0), ("diverged", False, True, 3),
     ("pruned", False, True, 0),     ("failed", False, False, 1), ("interrupted", False, False, 130)],
)  # fmt: skip
def test_a_status_says_what_is_left_to_do_and_how_the_command_ends(
    word: str, finished: bool, ended: bool, exit_code: int
) -> None:
    status = Status(word)
    assert (status.finished, status.ended, status.exit_code) == (finished, ended, exit_code)
    assert json.dumps({"status": status}) == f'{{"status": "{word}"}}'
    assert f"{status}" == word


def test_the_state_of_a_job_is_a_status_unless_it_is_new_or_left() -> None:
    assert {state for state in State if not state.ended} == {State.NEW, State.LEFT, State.FAILED}
    for status in set(Status) - {Status.INTERRUPTED}:
        assert (State(status).finished, State(status).ended) == (status.finished, status.ended)

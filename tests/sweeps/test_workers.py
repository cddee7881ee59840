"""Work that is handed to workers, each a process: all of it is done, whatever becomes of one of them."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from regbench.errors import ConfigError
from regbench.runs.interruption import StopRequest
from regbench.sweeps.forking import Server
from regbench.sweeps.workers import Piece, Workers

Work = tuple[Callable[..., Any], tuple[Any, ...]]


def call(asked: Work) -> Any:
    task, values = asked
    return task(*values)


@pytest.fixture
def workers() -> Iterator[Workers]:
    made = Workers(Server(call, lambda: None), {"OF_A_WORKER": "here"})
    yield made
    made.close()


def piece(task: Callable[..., Any], *values: Any, weight: int = 1, came: Callable[[], int] = int) -> Piece:
    return Piece((task, values), weight, came)


def who(value: int) -> tuple[int, int]:
    time.sleep(0.05)
    return value, os.getpid()


def raising() -> None:
    raise ConfigError("train: as it was told to")


class Odd(Exception):
    """It cannot be read where it arrives."""

    def __init__(self, one: int, other: int) -> None:
        super().__init__(f"{one} and {other}")


def raising_odd() -> None:
    raise Odd(1, 2)


def dying(notes: Path, times: int) -> str:
    """Be killed so many times, each a line in a file, before it returns."""
    with notes.open("a") as file:
        file.write("tried\n")
    if tried(notes) <= times:
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


def tried(notes: Path) -> int:
    return notes.read_text().count("\n") if notes.exists() else 0


def together(meeting: Path, number: int, wanted: int) -> int:
    """Wait until so many are at it, at most for two seconds; return how many were."""
    (meeting / str(number)).touch()
    end = time.monotonic() + 2
    while time.monotonic() < end and len(os.listdir(meeting)) < wanted:
        time.sleep(0.01)
    found = len(os.listdir(meeting))
    time.sleep(0.2)
    (meeting / str(number)).unlink()
    return found


def until_stopped(note: Path) -> str:
    with StopRequest() as stop:
        note.touch()
        while not stop.made:
            time.sleep(0.01)
    raise KeyboardInterrupt


def test_results_come_in_order_by_workers_that_stay(workers: Workers) -> None:
    for _ in range(2):
        found = workers([piece(who, value) for value in range(6)], 2)
        assert [value for value, _ in found] == [0, 1, 2, 3, 4, 5]
        pids = {pid for _, pid in found}
        assert len(pids) == 2
        assert os.getpid() not in pids
    (_, again), *_ = workers([piece(who, 0)], 2)
    assert again in pids, "no new one is started"


def test_a_worker_has_the_environment_that_it_is_given(workers: Workers) -> None:
    assert workers([piece(os.getenv, "OF_A_WORKER")], 1) == ["here"]
    assert "OF_A_WORKER" not in os.environ


def dying_on_its_seat(notes: Path) -> str | None:
    dying(notes, 1)
    return os.getenv("SEAT")


def test_what_takes_a_seat_has_one_to_itself(tmp_path: Path) -> None:
    """Beside what takes slots, and also where the worker before it was killed."""
    workers = Workers(Server(call, lambda: None), seats=[{"SEAT": "a"}, {"SEAT": "b"}])
    seated = [piece(together, tmp_path, number, 2, weight=0) for number in range(4)]
    assert max(workers(seated, 1)) == 2, "as many as there are seats"
    mixed = [piece(os.getenv, "SEAT", weight=weight) for weight in (0, 1, 0, 1)]
    found = workers(mixed, 1)
    assert (found[1], found[3]) == (None, None)
    assert {found[0], found[2]} <= {"a", "b"}
    assert workers([piece(dying_on_its_seat, tmp_path / "notes", weight=0)], 1) == ["a"]
    workers.close()


def test_what_one_raises_ends_no_other(workers: Workers) -> None:
    wrong, right, odd = workers([piece(raising), piece(abs, -2), piece(raising_odd)], 2)
    assert isinstance(wrong, ConfigError)
    assert str(wrong) == "train: as it was told to"
    assert right == 2
    assert "1 and 2" in str(odd)


@pytest.mark.parametrize(("weights", "most"), [([1, 1, 1], 3), ([3, 3, 3], 1), ([2, 2, 2], 1), ([7, 7], 1)])
def test_what_runs_together_takes_no_more_than_the_slots(
    workers: Workers, tmp_path: Path, weights: list[int], most: int
) -> None:
    pieces = [piece(together, tmp_path, number, most, weight=weight) for number, weight in enumerate(weights)]
    assert max(workers(pieces, 3)) == most


def test_what_a_killed_worker_was_at_is_done_by_another(workers: Workers, tmp_path: Path) -> None:
    pieces = [piece(abs, -1), piece(dying, tmp_path / "notes", 2), *(piece(abs, -n) for n in range(4))]
    assert workers(pieces, 2) == [1, "done", 0, 1, 2, 3]
    assert tried(tmp_path / "notes") == 3


def test_what_kills_its_workers_is_given_up_unless_it_comes_further(workers: Workers, tmp_path: Path) -> None:
    stuck, further = tmp_path / "stuck", tmp_path / "further"
    pieces = [
        piece(dying, stuck, 100),
        piece(abs, -1),
        piece(dying, further, 6, came=lambda: tried(further) // 2),
    ]
    given_up, done, went_on = workers(pieces, 2)
    assert isinstance(given_up, ConfigError)
    assert "killed" in str(given_up)
    assert tried(stuck) == 3, "it is tried again twice"
    assert (done, went_on) == (1, "done")


def test_a_signal_stops_each_after_its_step_and_starts_no_more(workers: Workers, tmp_path: Path) -> None:
    notes = [tmp_path / str(number) for number in range(3)]

    def interrupt() -> None:
        while not all(note.exists() for note in notes[:2]):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        workers([piece(until_stopped, note) for note in notes], 2)
    assert not notes[2].exists()
    assert workers([piece(abs, -1)], 2) == [1], "others may be asked later"


def test_nothing_hangs_where_nobody_can_start_workers(tmp_path: Path) -> None:
    server = Server(call, lambda: None)
    os.kill(server.pid, signal.SIGKILL)
    workers = Workers(server)
    with pytest.raises(ConfigError, match=r"hydra/launcher: .* the same line goes on"):
        workers([piece(abs, -1)], 2)
    workers.close()


def test_workers_end_with_the_one_they_work_for(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    workers = Workers(Server(call, closed.touch))
    (pid,) = workers([piece(os.getpid)], 1)
    workers.close()
    assert closed.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)

"""How often a job is tried again whose workers are lost, by Ray and by us together; by a Ray that is none."""

from __future__ import annotations

import itertools
import pickle
from collections import deque
from pathlib import Path
from typing import Any

import pytest

from regbench.folders.lock import locked
from regbench.records.files import METRICS
from regbench.runs.interruption import StopRequest
from regbench.sweeps.losses import MOST_LOSSES, WorkerLost
from regbench.sweeps.on_ray import call
from regbench.sweeps.on_ray.call import Call, Gone, room
from regbench.sweeps.on_ray.options import Options
from regbench.sweeps.on_ray.pieces import Piece

pytest.importorskip("cloudpickle")
ONE = {"num_cpus": 1, "num_gpus": 0}


class FakeRay:
    """Stands for the way to the process that speaks with Ray.

    Args:
        gains: for each try at a job how many epochs it records before its worker dies; then it returns.
    """

    def __init__(self, gains: list[int]) -> None:
        self.gains, self.tries, self.said = deque(gains), [], deque[Any]()
        self.most_open = self.open = 0

    def send(self, asked: tuple[Any, ...]) -> None:
        if asked[0] == "job":
            _, place, packed, come, options = asked
            self.open += 1
            self.most_open = max(self.most_open, self.open)
            self.said.append(("came", place, *self._came(pickle.loads(packed), come, options["max_retries"])))

    def _came(self, piece: Piece, come: int, retries: int) -> tuple[str, Any]:
        for _ in range(retries + 1):
            if piece.epochs() != come:
                return "further", piece.epochs()
            if not self.gains:
                return "returned", pickle.dumps("done")
            self.tries.append(come)
            with (piece.folder / METRICS).open("a") as file:  # type: ignore[operator]
                file.write("{}\n" * self.gains.popleft())
        return "lost", "its worker was lost (killed, or crashed)"

    def poll(self, _seconds: float) -> bool:
        return bool(self.said)

    def recv(self) -> Any:
        self.open -= 1
        return self.said.popleft()


def run(folder: Path, gains: list[int], retries: int = MOST_LOSSES - 1) -> tuple[Any, FakeRay]:
    folder.mkdir(exist_ok=True)
    ray = FakeRay(gains)
    options = Options("h:1", None, None, retries, None)
    (found,) = Call(ray, [Piece((), 0, folder)], options, ONE, StopRequest())()  # type: ignore[arg-type]
    return found, ray


def expected(gains: list[int], retries: int) -> int | None:
    """After how many losses a job is given up, from the rule's words; None: never."""
    row = 0
    for number, gain in enumerate(gains, 1):
        row = 1 if gain else row + 1
        if row > retries:
            return number
    return None


@pytest.mark.parametrize("retries", range(MOST_LOSSES))
def test_a_job_is_tried_again_as_often_as_the_rule_says_whoever_does_it(
    tmp_path: Path, retries: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """All ways in which up to five workers are lost, with an epoch before it or without."""
    cases = [list(one) for count in range(6) for one in itertools.product((0, 2), repeat=count)]
    for number, gains in enumerate(cases):
        found, ray = run(tmp_path / str(number), list(gains), retries)
        limit = expected(gains, retries)
        assert len(ray.tries) == (len(gains) if limit is None else limit), gains
        assert isinstance(found, WorkerLost) == (limit is not None), gains
        assert found == "done" or not found.again
    said = capsys.readouterr().out
    assert ("its worker was lost; it is launched again" in said) == (retries > 0)


def test_one_that_is_given_up_says_why(tmp_path: Path) -> None:
    found, _ = run(tmp_path / "job", [0, 0, 0])
    assert str(found) == "its worker was lost (killed, or crashed), 3 times without a new epoch"
    found, _ = run(tmp_path / "job", [0], retries=0)
    assert str(found) == "its worker was lost (killed, or crashed)"


def test_no_more_are_sent_at_once_than_is_asked_for(tmp_path: Path) -> None:
    ray = FakeRay([])
    pieces = [Piece((), number, tmp_path) for number in range(7)]
    found = Call(ray, pieces, Options("h:1", None, None, 2, 3), ONE, StopRequest())()  # type: ignore[arg-type]
    assert (found, ray.most_open) == (["done"] * 7, 3)


@pytest.mark.parametrize("what", ["cancelled", "failed"])
def test_what_is_cancelled_or_cannot_begin_is_not_tried_again(tmp_path: Path, what: str) -> None:
    ray = FakeRay([])
    ray._came = lambda *_: (what, "it was")  # type: ignore[method-assign]
    options = Options("h:1", None, None, 2, None)
    (found,) = Call(ray, [Piece((), 0, tmp_path)], options, ONE, StopRequest())()  # type: ignore[arg-type]
    assert (str(found), found.again) == ("it was", False)


def test_a_cluster_that_is_gone_or_has_no_room_any_more_ends_the_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = Options("h:1", None, None, 2, None)
    for came, room_for, why in (
        (("gone", "Ray has ended"), 60.0, "Ray has ended"),
        (None, -1.0, "no machine"),
    ):
        monkeypatch.setattr(call, "ROOMLESS", room_for)
        ray = FakeRay([])
        if came:
            ray._came = lambda *_, came=came: came  # type: ignore[method-assign, misc]
        else:
            ray.said.append(("machines", [(0.0, 0.0)]))
        with pytest.raises(Gone, match=why):
            Call(ray, [Piece((), 0, tmp_path)], options, ONE, StopRequest())()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("cpus", "gpus", "there"),
    [(1, 0, 12), (4, 0, 3), (1, 0.25, 12), (1, 0.5, 6), (1, 1, 3), (1, 2, 1), (16, 0, 0), (0.5, 0, 24),
     (3, 0.1, 3)],
)  # fmt: skip
def test_room_is_of_each_machine_by_itself(cpus: float, gpus: float, there: int) -> None:
    """Of 8 CPUs and 2 GPUs, and of 4 and 1: a job lies on one of them."""
    assert room([(8.0, 2.0), (4.0, 1.0)], {"num_cpus": cpus, "num_gpus": gpus}) == there


def test_a_job_that_another_line_works_at_is_no_lost_one(tmp_path: Path) -> None:
    piece = Piece((), 0, tmp_path)
    assert not piece.is_taken()
    with locked(tmp_path):
        assert piece.is_taken()
    assert not piece.is_taken()

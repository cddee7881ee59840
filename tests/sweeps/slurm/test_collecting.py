"""Jobs that are lost, whatever Slurm says of them: handed over again or given up, the others collected."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from regbench.errors import ConfigError
from regbench.records.files import METRICS
from regbench.sweeps.losses import WorkerLost
from regbench.sweeps.slurm import collecting
from regbench.sweeps.slurm.collecting import Collector
from regbench.sweeps.slurm.queue import Unanswered

Says = Callable[[str], str]


class Queue:
    """Takes jobs in the place of Slurm. They are called by their place and how often it was tried: 0.1, 0.2.

    Attributes:
        happens: for the name of a job, what Slurm says of it at its first question and at later ones; a
            number instead: what it returns by then.
    """

    def __init__(self, folder: Path, happens: Mapping[str, Sequence[Any]]) -> None:
        self.folder, self.happens = folder, {name: list(said) for name, said in happens.items()}
        self.submitted: list[list[str]] = []
        self.cancelled: list[str] = []
        self._times: dict[int, int] = {}

    def __call__(self, works: Sequence[Any], keep: Callable[[Sequence[Any]], None]) -> None:
        keep([self._job(work) for work in works])
        self.submitted.append([self._name(work.number) for work in works])

    def _name(self, number: int) -> str:
        return f"{number}.{self._times[number]}"

    def _job(self, work: Any) -> Any:
        self._times[work.number] = self._times.get(work.number, 0) + 1
        name = self._name(work.number)
        paths = {
            kind: self.folder / f"{name}_{kind}"
            for kind in ("result_pickle", "submitted_pickle", "stdout", "stderr")
        }
        paths["stdout"].write_text("Starting\n")
        result = paths["result_pickle"]
        return SimpleNamespace(
            job_id=name, paths=SimpleNamespace(**paths), result=lambda: pickle.loads(result.read_bytes())
        )

    def states(self, names: Sequence[str]) -> dict[str, str]:
        found = {}
        for name in names:
            said = self.happens[name]
            one = said.pop(0) if len(said) > 1 else said[0]
            if isinstance(one, Unanswered | KeyboardInterrupt):
                raise one
            if not isinstance(one, str):
                (self.folder / f"{name}_result_pickle").write_bytes(pickle.dumps(one))
            found[name] = one if isinstance(one, str) else "COMPLETED"
        return found

    def cancel(self, names: Sequence[str]) -> str:
        self.cancelled += names
        return ", ".join(names)


@pytest.fixture
def collect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[list[Any], Queue]]:
    pytest.importorskip("submitit", reason="submitit is not installed (the extra slurm)")
    for name, value in (("BETWEEN_LOOKS", 0.001), ("SOONEST", 0.0), ("SHARE", 0.0)):
        monkeypatch.setattr(collecting, name, value)
    monkeypatch.setattr(collecting, "USUAL_PATIENCE", 0.0)

    def collected(count: int, **happens: Any) -> tuple[list[Any], Queue]:
        unable = happens.pop("unable", lambda lost: lost)
        (tmp_path / "logs").mkdir(exist_ok=True)
        made = Queue(tmp_path / "logs", {name[1:].replace("_", "."): one for name, one in happens.items()})
        monkeypatch.setattr(collecting, "states", made.states)
        monkeypatch.setattr(collecting, "cancel", made.cancel)
        works: Any = [SimpleNamespace(number=one, folder=tmp_path / f"job{one}") for one in range(count)]
        for work in works:
            work.folder.mkdir(exist_ok=True)
        collected.queue = made  # type: ignore[attr-defined]
        return Collector(made, works, unable)(), made  # type: ignore[arg-type]

    return collected


def test_each_is_collected_whenever_it_ends(collect: Any) -> None:
    found, queue = collect(2, j0_1=["PENDING", "RUNNING", "RUNNING", 10], j1_1=[11])
    assert found == [10, 11]
    assert queue.submitted == [["0.1", "1.1"]]
    assert not any("pickle" in path.name for path in queue.folder.iterdir()), "what travelled is taken away"


def test_a_lost_one_is_handed_over_again_while_the_others_run(collect: Any, capsys: Any) -> None:
    found, queue = collect(
        2, j0_1=["RUNNING", "OUT_OF_MEMORY"], j0_2=["RUNNING", 10], j1_1=["RUNNING"] * 9 + [11]
    )
    assert found == [10, 11]
    assert queue.submitted == [["0.1", "1.1"], ["0.2"]]
    assert capsys.readouterr().out == "job0: its worker was lost (OUT_OF_MEMORY); it is launched again\n"


def test_lost_three_times_it_is_given_up(collect: Any) -> None:
    found, queue = collect(1, j0_1=["FAILED"], j0_2=["OUT_OF_MEMORY"], j0_3=["FAILED"])
    assert (str(found[0]), found[0].again) == ("its worker was lost (FAILED)", False)
    assert len(queue.submitted) == 3


def test_with_a_new_epoch_it_is_counted_anew(collect: Any, tmp_path: Path) -> None:
    class Epoch(str):
        """A state by which another epoch has been recorded."""

        def __hash__(self) -> int:
            with (tmp_path / "job0" / METRICS).open("a") as file:
                file.write("{}\n")
            return super().__hash__()

    lost = {f"j0_{time}": [Epoch("FAILED")] for time in range(1, 6)}
    found, queue = collect(1, **lost, j0_6=[10])
    assert found == [10]
    assert len(queue.submitted) == 6


def test_one_that_a_person_has_ended_is_not_handed_over_again(collect: Any) -> None:
    found, queue = collect(2, j0_1=["CANCELLED"], j1_1=["RUNNING", 11])
    assert (str(found[0]), found[0].again) == ("its worker was lost (CANCELLED)", False)
    assert (found[1], len(queue.submitted)) == (11, 1)


def test_one_that_is_given_up_is_told_of_while_the_others_run(collect: Any) -> None:
    asked: list[str] = []

    def unable(lost: WorkerLost) -> str:
        asked.append(f"{lost}, with {len(collect.queue.happens['1.1'])} answers to come")
        return "given up"

    found, _ = collect(2, j0_1=["CANCELLED"], j1_1=["RUNNING"] * 5 + [11], unable=unable)
    assert found == ["given up", 11]
    assert len(asked) == 1
    assert "with 1 answers" not in asked[0], "only when all had ended"


def test_whatever_goes_wrong_here_none_is_left_running(collect: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(collecting, "epochs_in", full)
    with pytest.raises(BrokenPipeError):
        collect(2, j0_1=["FAILED"], j1_1=["RUNNING"])
    assert collect.queue.cancelled == ["1.1"]


def test_a_result_may_show_late(collect: Any) -> None:
    assert collect(1, j0_1=["COMPLETED", "COMPLETED", "COMPLETED", 10])[0] == [10]


@pytest.mark.parametrize("state", ["COMPLETED", "UNKNOWN"])
def test_one_that_has_ended_and_never_leaves_one_is_lost(
    collect: Any, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(collecting.PATIENCE, state, 0.02)
    found, queue = collect(1, j0_1=[state], j0_2=[10])
    assert (found, len(queue.submitted)) == ([10], 2)


def test_one_that_is_queued_again_is_waited_for(collect: Any) -> None:
    found, queue = collect(
        1, j0_1=["RUNNING", "COMPLETING", "PENDING", "PREEMPTED", "REQUEUED", "RUNNING", 10]
    )
    assert (found, len(queue.submitted)) == ([10], 1)


def test_that_it_had_ended_before_it_ran_again_is_forgotten(
    collect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a clock that goes on by a second whenever it is looked at, three times between two questions."""
    seconds = count()
    clock = SimpleNamespace(sleep=lambda _: None, monotonic=lambda: float(next(seconds)))
    monkeypatch.setattr(collecting, "time", clock)
    monkeypatch.setitem(collecting.PATIENCE, "PREEMPTED", 5.0)
    found, queue = collect(1, j0_1=["PREEMPTED", "RUNNING", "PREEMPTED", "RUNNING", "PREEMPTED", 10])
    assert (found, len(queue.submitted)) == ([10], 1)


def test_what_one_leaves_counts_whatever_slurm_says_of_it(
    collect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(collecting.PATIENCE, "COMPLETED", 0.0)
    found, queue = collect(1, j0_1=[10])
    assert (found, len(queue.submitted)) == ([10], 1)


def test_while_slurm_gives_no_answer_nothing_is_lost_and_that_is_said_once(collect: Any, capsys: Any) -> None:
    found, queue = collect(1, j0_1=[Unanswered("it is away"), Unanswered("it is away"), "RUNNING", 10])
    assert (found, len(queue.submitted)) == ([10], 1)
    assert capsys.readouterr().out.splitlines() == [
        "Slurm gives no answer (it is away); it is asked again, and jobs that run go on",
        "Slurm answers again",
    ]


def test_of_one_that_never_began_its_log_is_told(collect: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong(Queue):
        def _job(self, work: Any) -> Any:
            job = super()._job(work)
            job.paths.stdout.unlink()
            job.paths.stderr.write_text("/no/python: No such file or directory\nsrun: error\n\n")
            return job

    monkeypatch.setattr(f"{__name__}.Queue", Wrong)
    found, queue = collect(1, j0_1=["FAILED"], j0_2=["FAILED"], j0_3=["FAILED"])
    told = f"before it began: /no/python: No such file or directory; see {queue.folder}/0.3_stderr"
    assert str(found[0]) == f"its worker was lost (FAILED) {told}"


def test_what_a_job_itself_takes_for_a_loss_is_one(collect: Any) -> None:
    found, queue = collect(1, j0_1=[WorkerLost("the time is up")], j0_2=[10])
    assert (found, len(queue.submitted)) == ([10], 2)


def test_ctrl_c_cancels_what_runs(collect: Any, capsys: Any) -> None:
    with pytest.raises(KeyboardInterrupt):
        collect(2, j0_1=[10], j1_1=["RUNNING", KeyboardInterrupt()])
    assert collect.queue.cancelled == ["1.1"]
    assert capsys.readouterr().out == "Slurm's jobs 1.1 are cancelled, and stop after their step\n"


@pytest.mark.parametrize("error", [Unanswered("it is away"), KeyboardInterrupt()])
def test_where_they_cannot_be_cancelled_it_is_said_how(
    collect: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any, error: BaseException
) -> None:
    def cancel(self: Queue, names: Sequence[str]) -> str:
        raise error

    monkeypatch.setattr(Queue, "cancel", cancel)
    with pytest.raises(KeyboardInterrupt):
        collect(1, j0_1=["RUNNING", KeyboardInterrupt()])
    why = str(error) or "interrupted"
    told = f"Slurm's jobs may go on, as they were not cancelled ({why}); type scancel 0.1\n"
    assert capsys.readouterr().out == told


def test_a_controller_that_is_away_when_a_lost_one_is_handed_over_is_asked_again(
    collect: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    class Away(Queue):
        def __call__(self, works: Sequence[Any], keep: Callable[[Sequence[Any]], None]) -> None:
            self.tries = getattr(self, "tries", 0) + 1
            if self.tries in (2, 3):
                raise ConfigError("hydra/launcher: Slurm does not take the jobs: it is away")
            super().__call__(works, keep)

    monkeypatch.setattr(f"{__name__}.Queue", Away)
    for others in ({}, {"j1_1": ["RUNNING"] * 9 + [11]}):
        found, queue = collect(1 + len(others), j0_1=["FAILED"], j0_2=[10], **others)
        assert found == [10, 11][: len(found)]
        assert queue.submitted[1:] == [["0.2"]]
        said = capsys.readouterr().out.splitlines()[1:]
        assert said == ["hydra/launcher: Slurm does not take the jobs: it is away; it is asked again"]

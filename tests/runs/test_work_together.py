"""Runs that are trained together leave in their folders what each would have left alone."""

from __future__ import annotations

import io
import itertools
import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from regbench.folders.lock import locked
from regbench.regularizers.dropout import Dropout
from regbench.runs import together, work_together
from regbench.runs.checkpoints import Keeper
from regbench.runs.folder import RunFolder
from regbench.runs.json_lines import JsonLines
from regbench.runs.work import LOCKED, REFUSED, Outcome, Policy, work_in
from regbench.runs.work_together import work_in_each
from regbench.training.replicas import fit, proof
from tests.conftest import reg_node, tiny
from tests.replicas import in_turn
from tests.sampling import crossed, some_of

TIMES = ("seconds", "peak_memory_mb", "ended")


@pytest.fixture(autouse=True)
def _exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stacks whose records are those of separate runs to the last bit."""
    monkeypatch.setattr(together, "fit_stack", in_turn)
    monkeypatch.setattr(work_together, "unstackable", lambda _: "")


def home(folder: Path, seed: int = 0, reg: dict[str, Any] | None = None, **train: Any) -> RunFolder:
    folder.mkdir(parents=True, exist_ok=True)
    config = tiny("mlp", reg=reg or {"dropout": reg_node("dropout")}, **{"epochs": 3, **train})
    return RunFolder(config | {"seed": seed}, folder, {}, Console(file=io.StringIO(), quiet=True))


def untimed(node: Any) -> Any:
    if isinstance(node, dict):
        return {k: untimed(v) for k, v in node.items() if k not in TIMES and not str(k).startswith("time/")}
    return [untimed(value) for value in node] if isinstance(node, list) else node


def left_in(folder: Path) -> dict[str, Any]:
    """All that a run has left, times aside."""
    found: dict[str, Any] = {"files": sorted(path.name for path in folder.iterdir())}
    found["metrics"] = [
        untimed(json.loads(line)) for line in (folder / "metrics.jsonl").read_text().splitlines()
    ]
    found["summary"] = untimed(json.loads((folder / "summary.json").read_text()))
    for path in folder.glob("*.pt"):
        found[path.name] = exact(untimed(torch.load(path, weights_only=True)))
    found["events"] = sorted(path.parent.name for path in folder.glob("tensorboard/*/events*"))
    return found


def exact(node: Any) -> Any:
    """Tensors as what can be compared."""
    if isinstance(node, torch.Tensor):
        return node.dtype, node.tolist()
    if isinstance(node, dict):
        return {name: exact(value) for name, value in node.items()}
    return [exact(value) for value in node] if isinstance(node, list | tuple) else node


def alone(place: Path, **how: Any) -> dict[str, Any]:
    outcome = work_in(home(place, **how), Policy.MEND)
    return {"outcome": outcome, **left_in(place)}


def both(tmp_path: Path, *hows: dict[str, Any]) -> None:
    """Hold runs that are trained together to each by itself."""
    homes = [home(tmp_path / f"together{number}", **how) for number, how in enumerate(hows)]
    outcomes = work_in_each(homes)
    for number, how in enumerate(hows):
        expected = alone(tmp_path / f"alone{number}", **how)
        assert {"outcome": outcomes[number], **left_in(homes[number].path)} == expected
        with locked(homes[number].path):
            pass
    made = [json.loads((one.path / "environment.json").read_text())["replicas"] for one in homes]
    assert made == [len(hows)] * len(hows)


def test_each_leaves_what_it_leaves_alone(tmp_path: Path) -> None:
    strong = {"dropout": reg_node("dropout", p=0.8)}
    both(tmp_path, {"seed": 0}, {"seed": 1, "lr": 0.01}, {"seed": 1, "reg": strong})


def test_one_that_diverges_and_one_that_stops_leave_the_others_alone(tmp_path: Path) -> None:
    stops = reg_node("early_stopping", patience=1, min_delta=10.0)
    both(
        tmp_path,
        {"seed": 0, "reg": {"early_stopping": stops}, "epochs": 5},
        {"seed": 1, "reg": {"early_stopping": stops | {"patience": 3}}, "epochs": 5},
        {"seed": 2, "reg": {"early_stopping": stops}, "lr": 1e30, "epochs": 5},
    )


def test_with_checkpoints_of_all_epochs_each_has_them(tmp_path: Path) -> None:
    homes = [home(tmp_path / f"{seed}", seed) for seed in (0, 1)]
    for one in homes:
        one.config["checkpoints"] = "all"  # type: ignore[index]
    work_in_each(homes)
    for one in homes:
        assert {p.name for p in one.path.glob("epoch_*.pt")} == {f"epoch_000{n}.pt" for n in (1, 2, 3)}


@pytest.mark.parametrize(("every", "at"), crossed([0.0, 1e9], [2, 5, 9]))
def test_after_a_signal_all_go_on_to_the_same_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int, every: float
) -> None:
    monkeypatch.setattr(together, "EVERY", every)
    expected = [alone(tmp_path / f"alone{seed}", seed=seed) for seed in (0, 1)]
    homes = [home(tmp_path / f"together{seed}", seed) for seed in (0, 1)]
    with monkeypatch.context() as patch:
        patch.setattr(together, "fit_stack", upset(at, lambda: signal.raise_signal(signal.SIGINT)))
        assert work_in_each(homes) == [Outcome("interrupted")] * 2
    for one in homes:
        found = json.loads((one.path / "summary.json").read_text())
        assert (found["status"], found["epochs"]["done"]) == ("interrupted", len(lines(one)))
    assert work_in_each(homes) == [Outcome("finished")] * 2
    assert [{"outcome": Outcome("finished"), **left_in(one.path)} for one in homes] == expected


def lines(one: RunFolder) -> list[str]:
    return (one.path / "metrics.jsonl").read_text().splitlines()


def upset(at: int, act: Callable[[], None]) -> Callable[..., Iterator[Any]]:
    """A stack in which something happens before the event of this number."""

    def events(*arguments: Any) -> Iterator[Any]:
        for number, event in enumerate(in_turn(*arguments)):
            if number == at:
                act()
            yield event

    return events


@pytest.mark.parametrize(("at", "every"), some_of([*product(range(1, 12, 2), [0.0, 1e9])], every=5))
def test_a_process_that_is_killed_leaves_folders_that_go_on_to_the_same_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int, every: float
) -> None:
    expected = [alone(tmp_path / f"alone{seed}", seed=seed, epochs=2) for seed in (0, 1)]
    homes = [home(tmp_path / f"together{seed}", seed, epochs=2) for seed in (0, 1)]
    child = os.fork()
    if child == 0:  # a copy, which dies in the middle
        together.EVERY = every
        together.fit_stack = upset(at, lambda: os._exit(9))  # type: ignore[assignment]
        work_in_each(homes)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert [one.status for one in work_in_each(homes)] == ["finished"] * 2
    assert [{"outcome": Outcome("finished"), **left_in(one.path)} for one in homes] == expected


def test_runs_that_are_not_equally_far_go_on_in_stacks_that_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    homes = [home(tmp_path / f"together{seed}", seed) for seed in range(4)]
    keep = Keeper.keep

    def stopping(self: Keeper, event: Any, due: bool) -> None:
        keep(self, event, due)
        signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(Keeper, "keep", stopping)
        for one in homes[:2]:
            assert work_in(one, Policy.MEND) == Outcome("interrupted")
    made = []
    monkeypatch.setattr(together, "fit_stack", lambda *given: made.append(len(given[0])) or in_turn(*given))
    assert work_in_each(homes) == [Outcome("finished")] * 4
    assert made == [2, 2]
    for seed, one in enumerate(homes):
        assert left_in(one.path) | {"outcome": Outcome("finished")} == alone(tmp_path / f"{seed}", seed=seed)


def test_a_member_that_raises_ends_its_run_as_alone_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = Dropout.begin_epoch

    def raising(self: Dropout, progress: float) -> None:
        begin(self, progress)
        if 0.5 < progress < 0.9 and self.p == 0.25:  # no probe of the audit
            raise ValueError("enough")

    monkeypatch.setattr(Dropout, "begin_epoch", raising)
    told: list[tuple[int, str]] = []
    faulty = {"dropout": reg_node("dropout", p=0.25)}
    homes = [home(tmp_path / "a"), home(tmp_path / "b", reg=faulty), home(tmp_path / "c", 1)]
    outcomes = work_in_each(homes, lambda place, said: told.append((place, said)))
    assert [one.status for one in outcomes] == ["finished", "failed", "finished"]
    said = "its stack has failed: enough; it was gone on with by itself"
    assert told == [(1, said), (2, said)], "the first had its last epoch"
    for name, how in (("a", {}), ("c", {"seed": 1})):
        expected = alone(tmp_path / f"alone {name}", **how)
        assert left_in(tmp_path / name)["metrics"] == expected["metrics"]


def test_a_folder_that_is_removed_or_full_ends_its_run_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = JsonLines.write

    def full(self: JsonLines, record: Any) -> None:
        if record.epoch == 2 and "full" in self._file.name:
            raise OSError(28, "No space left on device", self._file.name)
        if record.epoch == 2 and "gone" in self._file.name:
            shutil.rmtree(Path(self._file.name).parent)
        write(self, record)

    monkeypatch.setattr(JsonLines, "write", full)
    names = ("one", "full", "gone", "two")
    outcomes = work_in_each([home(tmp_path / "a" / name) for name in names])
    expected = [work_in(home(tmp_path / "b" / name), Policy.MEND) for name in names]
    assert [one.status for one in outcomes] == [one.status for one in expected]
    assert [str(one.reason).replace("/a/", "/b/") for one in outcomes] == [one.reason for one in expected]
    assert "No space left on device" in (tmp_path / "a" / "full" / "summary.json").read_text()
    assert "gone: was removed while its run was going on" in outcomes[2].reason
    assert not (tmp_path / "a" / "gone").exists()
    assert left_in(tmp_path / "a" / "one")["metrics"] == left_in(tmp_path / "b" / "two")["metrics"]


def test_what_is_held_has_ended_or_cannot_begin_is_left_out(tmp_path: Path) -> None:
    homes = [home(tmp_path / f"{number}", number) for number in range(5)]
    work_in(homes[1], Policy.MEND)
    homes[2] = home(tmp_path / "2", 2, reg={"dropout": reg_node("dropout", p=2.0)})
    with locked(homes[3].path):
        outcomes = work_in_each(homes)
    assert [one.status for one in outcomes] == ["finished", "finished", REFUSED, LOCKED, "finished"]
    assert [one.idle for one in outcomes] == [False, True, False, False, False]
    made = json.loads((homes[4].path / "environment.json").read_text())["replicas"]
    assert made == 2


def test_runs_that_cannot_be_stacked_are_trained_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work_together, "unstackable", lambda _: "no")
    homes = [home(tmp_path / f"{seed}", seed) for seed in (0, 1)]
    assert work_in_each(homes) == [Outcome("finished")] * 2
    assert json.loads((homes[0].path / "environment.json").read_text())["replicas"] == 1


def test_the_time_of_each_is_its_share_of_what_has_passed(tmp_path: Path) -> None:
    import time

    started = time.perf_counter()
    homes = [home(tmp_path / f"{seed}", seed) for seed in range(3)]
    work_in_each(homes)
    passed = time.perf_counter() - started
    seconds = [json.loads((one.path / "summary.json").read_text())["seconds"] for one in homes]
    assert 0 < sum(seconds) <= passed


def test_where_writing_takes_long_checkpoints_of_few_epochs_are_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    monkeypatch.setattr(together.time, "monotonic", lambda: now[0])
    due = together.Due()
    written = []
    for second in range(100):
        now[0] = max(now[0], float(second))
        due.begin()
        if due.is_now():
            written.append(now[0])
            now[0] += 1.0
        assert due.is_now() == bool(written and written[-1] == second), "for all runs of an epoch alike"
    assert written[0] == together.EVERY
    assert all(b - a >= 1 / together.SHARE for a, b in itertools.pairwise(written))


def test_a_stack_that_is_interrupted_goes_on_to_the_records_of_one_that_was_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stacked = fit.fit_stack

    def stopped(*given: Any) -> Iterator[Any]:
        for number, event in enumerate(stacked(*given)):
            if number == 6:
                signal.raise_signal(signal.SIGINT)
            yield event

    monkeypatch.setattr(together, "fit_stack", stacked)
    monkeypatch.setattr(work_together, "unstackable", proof.unstackable)
    whole = [home(tmp_path / f"whole{seed}", seed) for seed in range(3)]
    assert work_in_each(whole) == [Outcome("finished")] * 3
    homes = [home(tmp_path / f"part{seed}", seed) for seed in range(3)]
    with monkeypatch.context() as patch:
        patch.setattr(together, "fit_stack", stopped)
        assert work_in_each(homes) == [Outcome("interrupted")] * 3
    assert work_in_each(homes) == [Outcome("finished")] * 3
    for one, other in zip(homes, whole, strict=True):
        assert left_in(one.path) == left_in(other.path)
        assert json.loads((one.path / "environment.json").read_text())["replicas"] == 3

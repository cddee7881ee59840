"""One run by several processes, as torchrun starts them: one folder, one voice, and none left behind."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import torch
import torch.distributed as dist

from tests import processes
from tests.processes import Process
from tests.ranks import apart
from tests.sampling import some_of

SHORT = [
    *["model=mlp", "model.width=16", "train.batch_size=32", "train.lr=0.05", "dataset.num_train=97"],
    *["threads=1", "device=cpu", "train.accumulate=2"],
]
FOLDER = "hydra.run.dir=run"


def records(folder: Path) -> list[dict[str, float]]:
    """Those of a run, without times."""
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    kept = (json.loads(line).items() for line in lines)
    return [{name: value for name, value in one if not name.startswith("time/")} for one in kept]


def require_alike(one: Path, other: Path) -> None:
    assert records(one)
    assert apart(records(one), records(other)) == []
    last, best = (
        [torch.load(folder / name, weights_only=False) for folder in (one, other)]
        for name in ("last.pt", "best.pt")
    )
    assert apart(*best) == []
    for part in ("identity", "model", "optimizer", "reg", "evaluated"):
        assert apart(*(state[part] for state in last), part) == []


def status(folder: Path) -> str:
    return str(json.loads((folder / "summary.json").read_text())["status"])


def alone(cwd: Path, *words: str) -> None:
    """Let one process work."""
    done = processes.run(*words, cwd=cwd)
    assert (done.returncode, done.stderr) == (0, "")


class Ranks:
    """Processes that have been started as torchrun starts them, the store being that of the test."""

    def __init__(self, each: Sequence[Process]) -> None:
        self.each = each

    def wait(self) -> list[int]:
        return [one.wait(120) for one in self.each]

    def has_come_to(self, folder: Path, epochs: int) -> None:
        """Wait until the run has so many."""
        metrics = folder / "metrics.jsonl"
        while not metrics.exists() or len(metrics.read_text().splitlines()) < epochs:
            assert self.each[0].poll() is None, self.each[0].err
            time.sleep(0.01)


def store_of_an_agent() -> dist.TCPStore:
    """As torchrun keeps one, however often it starts the ranks again."""
    return dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)


@contextmanager
def ranks(
    cwd: Path, *words: str, count: int = 2, restarts: int = 0, store: dist.TCPStore | None = None
) -> Iterator[Ranks]:
    """Start a line at so many ranks."""
    store = store or store_of_an_agent()
    said = {
        "TORCHELASTIC_RUN_ID": "test",
        "TORCHELASTIC_USE_AGENT_STORE": "True",
        "TORCHELASTIC_RESTART_COUNT": str(restarts),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(store.port),
        "WORLD_SIZE": str(count),
        "LOCAL_WORLD_SIZE": str(count),
    }
    with ExitStack() as started:
        yield Ranks(
            [
                started.enter_context(
                    processes.start(*words, cwd=cwd, **said, RANK=str(number), LOCAL_RANK=str(number))
                )
                for number in range(count)
            ]
        )


def by_torchrun(cwd: Path, *words: str) -> processes.Done:
    """Let torchrun start two ranks."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "-m", "regbench"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(processes.ROOT), *sys.path])}
    return subprocess.run(
        [*torchrun, *words], cwd=cwd, env=environment, capture_output=True, text=True, timeout=300
    )


# --- a run


def test_two_ranks_leave_the_folder_of_one_process_and_one_of_them_speaks(tmp_path: Path) -> None:
    line = ["train", *SHORT, "train.epochs=3", "+reg=[dropout,batch_norm,mixup,sam,ema]"]
    with ranks(tmp_path, *line, "hydra.run.dir=two") as both:
        assert both.wait() == [0, 0]
        first, second = both.each
        assert (second.out, second.err, first.err) == ("", "", "")
        assert first.out.count("epoch 3/3") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["two"]
    alone(tmp_path, *line, "hydra.run.dir=one")
    require_alike(tmp_path / "two", tmp_path / "one")
    two, one = ({path.name for path in (tmp_path / name).iterdir()} for name in ("two", "one"))
    assert two == one
    for folder, count in (("two", 2), ("one", 1)):
        environment = json.loads((tmp_path / folder / "environment.json").read_text())
        assert (environment["ranks"], environment["replicas"]) == (count, 1)
    two, one = (
        json.loads((tmp_path / name / "summary.json").read_text())["identity"] for name in ("two", "one")
    )
    assert two == one


def test_a_folder_that_is_named_by_the_time_is_one(tmp_path: Path) -> None:
    with ranks(tmp_path, "train", *SHORT, "train.epochs=1") as both:
        assert both.wait() == [0, 0]
    assert len(list(tmp_path.rglob("metrics.jsonl"))) == 1


def test_what_a_member_has_learned_is_known_at_every_rank(tmp_path: Path) -> None:
    line = ["train", *SHORT, "train.epochs=1", "+reg=feature_space", "reg.feature_space.epochs=1"]
    with ranks(tmp_path, *line, "hydra.run.dir=two", count=2) as both:
        assert both.wait() == [0, 0]
    alone(tmp_path, *line, "hydra.run.dir=one")
    require_alike(tmp_path / "two", tmp_path / "one")


# --- refusals


@pytest.mark.parametrize(
    ("words", "said"),
    some_of(
        [
            (
                ["train", "device=cpu", "train.accumulate=3"],
                "train.accumulate: must be a multiple of the 2 ranks",
            ),
            (["train", "train.lr=-1"], "train.lr: must lie in"),
            (["train", *SHORT, "+reg=nothing"], ""),
            (["train", *SHORT, "-m", "seed=0,1"], "train -m: must be typed without torchrun"),
            (["list"], "list: must be typed without torchrun"),
            (["no"], "unknown command 'no'"),
            (["resume", "nowhere"], "nowhere"),
        ],
        every=3,
    ),
    ids=["shares", "value", "option", "sweep", "command", "word", "folder"],
)
def test_a_wrong_line_is_answered_once_and_ends_all(words: list[str], said: str, tmp_path: Path) -> None:
    with ranks(tmp_path, *words) as both:
        assert both.wait() == [2, 2]
        first, second = both.each
        assert first.err.startswith(f"regbench: {said}")
        assert first.err.count("\n") == 1
        assert first.out + second.out + second.err == ""
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_worked_in_or_done_is_refused_at_all(tmp_path: Path) -> None:
    line = ["train", *SHORT, "train.epochs=1", FOLDER]
    alone(tmp_path, *line)
    with ranks(tmp_path, *line) as both:
        assert both.wait() == [2, 2]
        assert both.each[0].err.count("\n") == 1
    with ranks(tmp_path, "resume", "run") as both:
        assert both.wait() == [0, 0]
        assert "nothing to continue" in both.each[0].out


def test_help_is_shown_once(tmp_path: Path) -> None:
    with ranks(tmp_path, "train", "--help") as both:
        assert both.wait() == [0, 0]
        assert both.each[0].out
        assert both.each[1].out == ""


# --- ends

LONG = ["train", *SHORT, "train.epochs=30", "+reg=[dropout,batch_norm]"]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    alone(folder, *LONG, FOLDER)
    return folder / "run"


@pytest.mark.parametrize(
    ("number", "whom", "ends"),
    [
        (signal.SIGTERM, [0, 1], [130, 130]),
        pytest.param(signal.SIGTERM, [0], [130, 130], marks=pytest.mark.long),
        pytest.param(signal.SIGINT, [1], [130, 130], marks=pytest.mark.long),
        (signal.SIGKILL, [0], None),
        pytest.param(signal.SIGKILL, [1], [1, -9], marks=pytest.mark.long),
    ],
    ids=["all", "first", "second", "first killed", "second killed"],
)
def test_a_signal_stops_all_and_the_run_goes_on_at_any_number_of_ranks(
    number: int, whom: list[int], ends: list[int] | None, undisturbed: Path, tmp_path: Path
) -> None:
    with ranks(tmp_path, *LONG, FOLDER) as both:
        both.has_come_to(tmp_path / "run", 2)
        for one in whom:
            both.each[one].send_signal(number)
        if ends is None:  # the others wait for its word, until torchrun ends them
            both.each[0].wait(60)
            both.each[1].send_signal(signal.SIGTERM)
            assert both.each[1].wait(60) in (1, 130)
        else:
            assert both.wait() == ends
        assert both.each[1].out + both.each[1].err == ""
        assert "Traceback" not in both.each[0].err
    if number == signal.SIGKILL:
        assert (tmp_path / "run" / "summary.json").exists() is (whom == [1])
    else:
        assert status(tmp_path / "run") == "interrupted"
    shutil.copytree(tmp_path / "run", tmp_path / "again")
    alone(tmp_path, "resume", "run")
    with ranks(tmp_path, "resume", "again") as both:
        assert both.wait() == [0, 0]
        assert both.each[0].out.count("epoch 30/30") == 1
    for name in ("run", "again"):
        assert status(tmp_path / name) == "finished"
        require_alike(tmp_path / name, undisturbed)


def test_started_again_by_torchrun_train_goes_on_in_its_folder(undisturbed: Path, tmp_path: Path) -> None:
    store = store_of_an_agent()
    with ranks(tmp_path, *LONG, FOLDER, store=store) as both:
        both.has_come_to(tmp_path / "run", 2)
        both.each[1].kill()
        assert both.wait() == [1, -9]
    with ranks(tmp_path, *LONG, FOLDER, store=store, restarts=1) as both:
        assert both.wait() == [0, 0]
    require_alike(tmp_path / "run", undisturbed)


FAILING = """
import torch.distributed as dist
from dataclasses import dataclass
from regbench.regularizers.base import Regularizer
from regbench.types import Batch

@dataclass
class Failing(Regularizer):
    at: int
    where: str
    off = {"at": -2}

    def prepare_data(self, train):
        if self.where == "start" and self.rank() == self.at:
            raise KeyError("no such thing")

        if self.where == "slow" and self.rank() == self.at:
            import pathlib, time
            pathlib.Path("waiting").touch()
            time.sleep(3)

    def transform_batch(self, batch):
        if self.where == "step" and self.rank() == self.at and self.stream.moment[0] == 9:
            raise KeyError("no such row")
        return Batch(batch.inputs / 2, batch.targets)

    def rank(self):
        import os
        return int(os.environ.get("RANK", -1)) if self.where != "step" or dist.is_initialized() else -1
"""


FAILING_YAML = """
# @package reg.failing
_target_: failing.Failing
at: {at}
where: {where}
"""


def failing(cwd: Path, at: int, where: str) -> list[str]:
    """A line with a member that fails, or waits, at one rank."""
    (cwd / "mine" / "reg").mkdir(parents=True)
    (cwd / "mine" / "failing.py").write_text(FAILING)
    (cwd / "mine" / "reg" / "failing.yaml").write_text(FAILING_YAML.format(at=at, where=where))
    return ["train", "--config-dir", "mine", *SHORT, "train.epochs=5", "+reg=failing", FOLDER]


def test_a_signal_while_others_get_ready_is_heeded_at_once(tmp_path: Path) -> None:
    with ranks(tmp_path, *failing(tmp_path, 1, "slow")) as both:
        while not (tmp_path / "waiting").exists():
            assert both.each[0].poll() is None, both.each[0].err
            time.sleep(0.01)
        both.each[0].send_signal(signal.SIGTERM)
        assert both.wait() == [130, 130]
    assert status(tmp_path / "run") == "interrupted"
    assert not (tmp_path / "run" / "metrics.jsonl").read_text()
    alone(tmp_path, "resume", "run", "--trust")


@pytest.mark.parametrize(
    ("where", "at", "said"),
    [
        ("start", 0, ""),
        ("step", 1, "rank 1: "),
        pytest.param("start", 1, "rank 1: ", marks=pytest.mark.long),
        pytest.param("step", 0, "", marks=pytest.mark.long),
    ],
)
def test_what_fails_at_one_rank_ends_all_and_is_told(at: int, where: str, said: str, tmp_path: Path) -> None:
    with ranks(tmp_path, *failing(tmp_path, at, where)) as both:
        codes = both.wait()
        first, second = both.each
        assert second.out + second.err == ""
        told = re.sub(r"\s+", " ", first.out + first.err)
    assert "KeyError" in told or "no such" in told
    if (at, where) == (0, "start"):
        assert codes == [2, 2]
        assert not (tmp_path / "run").exists()
        return
    assert codes == [1, 1]
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["status"] == "failed"
    assert summary["reason"].startswith(said)
    assert f"no such {'thing' if where == 'start' else 'row'}" in summary["reason"]
    assert "failing.py" in summary["reason"]


# --- torchrun itself


def test_torchrun_trains_one_run(tmp_path: Path) -> None:
    line = ["train", *SHORT, "train.epochs=2", "+reg=dropout"]
    done = by_torchrun(tmp_path, *line, "hydra.run.dir=two")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("epoch 2/2") == 1
    alone(tmp_path, *line, "hydra.run.dir=one")
    require_alike(tmp_path / "two", tmp_path / "one")


@pytest.mark.gpu
def test_two_gpus_are_one(tmp_path: Path) -> None:
    """By the same code, with NCCL."""
    if (count := torch.cuda.device_count()) < 2:
        pytest.skip(f"two CUDA devices are needed, and here are {count}")
    line = [
        *SHORT[:-3],
        "train.accumulate=4",
        "device=cuda",
        "train.epochs=3",
        "+reg=[dropout,batch_norm,sam]",
    ]
    done = by_torchrun(tmp_path, "train", *line, "hydra.run.dir=two")
    assert done.returncode == 0, done.stderr
    alone(tmp_path, "train", *line, "hydra.run.dir=one")
    for two, one in zip(records(tmp_path / "two"), records(tmp_path / "one"), strict=True):
        assert two == pytest.approx(one, abs=1e-4)


@pytest.mark.long
def test_torchrun_says_once_what_is_wrong_with_a_line(tmp_path: Path) -> None:
    done = by_torchrun(tmp_path, "train", "train.accumulate=3")
    assert done.returncode != 0
    assert done.stderr.count("regbench: train.accumulate: must be a multiple of the 2 ranks") == 1
    assert re.search(r"Root Cause.*exitcode  : 2 ", done.stderr, re.DOTALL)
    assert list(tmp_path.iterdir()) == []

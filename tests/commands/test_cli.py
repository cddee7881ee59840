"""The command line as a person meets it: real processes, real folders, real signals."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import regbench
from regbench.folders.claims import mark
from regbench.weights import load_plain_state
from tests import processes

ROOT = Path(__file__).parents[2]
QUICK = ["train.epochs=1", "model.width=8", "threads=1", "device=cpu"]
Cli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """Run regbench in an empty folder."""

    def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return processes.run(*words, cwd=tmp_path, **environment)

    return run


def records(folder: Path) -> list[dict[str, float]]:
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [{n: v for n, v in json.loads(line).items() if not n.startswith("time/")} for line in lines]


def summary(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "summary.json").read_text())


def refused(done: subprocess.CompletedProcess[str], sentence: str, folder: Path) -> None:
    """Exit status 2, one line on stderr, nothing left behind."""
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert re.search(sentence, done.stderr), done.stderr
    assert not (folder / "outputs").exists()


# --- what a person types


@pytest.mark.parametrize(
    ("words", "stack"),
    [
        ([], []),
        (["+reg=dropout"], ["dropout"]),
        (["reg=dropout"], ["dropout"]),
        (
            ["+reg=[dropout,label_smoothing,mixup]", "reg.dropout.p=0.3"],
            ["dropout", "label_smoothing", "mixup"],
        ),
        (["+reg@reg.wide=dropout", "+reg@reg.narrow=dropout", "reg.wide.p=0.1"], ["wide", "narrow"]),
    ],
)
def test_train_leaves_a_whole_run_behind(
    cli: Cli, tmp_path: Path, words: list[str], stack: list[str]
) -> None:
    done = cli("train", *words, *QUICK)
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "outputs" / "runs" / "digits_mlp").iterdir()
    said = summary(folder)
    assert said["status"] == "finished"
    assert [member["name"] for member in said["stack"]] == stack
    assert [finding["state"] for finding in said["audit"]] == ["acts"] * len(stack)
    assert said["data"] == ""
    assert {p.name for p in folder.iterdir()} >= {
        "metrics.jsonl", "tensorboard", "summary.json", "environment.json", ".hydra", "last.pt", "best.pt",
    }  # fmt: skip
    assert f"tensorboard --logdir {folder.relative_to(tmp_path)}/tensorboard" in done.stdout
    assert len(records(folder)) == 1
    assert re.search(r"^epoch 1/1  train 0\.\d{4}", done.stdout, re.M)


def test_a_sweep_runs_every_stack_with_every_seed(cli: Cli, tmp_path: Path) -> None:
    done = cli("train", "-m", "+reg=[],dropout,[dropout,mixup]", "seed=0,1", *QUICK)
    assert done.returncode == 0, done.stderr
    (sweep,) = (tmp_path / "outputs" / "sweeps").iterdir()
    found = {(s["name"], s["config"]["seed"]) for s in map(summary, filter(Path.is_dir, sweep.iterdir()))}
    assert found == {(name, seed) for name in ("baseline", "dropout", "dropout+mixup") for seed in (0, 1)}


def test_cfg_shows_the_configuration_and_runs_nothing(cli: Cli, tmp_path: Path) -> None:
    done = cli("train", "+reg=dropout", "--cfg", "job")
    assert done.returncode == 0
    assert re.search(r"^reg:\n  dropout:\n    _target_: .*\n    p: 0.5", done.stdout, re.M)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "usage: regbench COMMAND"),
        (["--help"], "usage: regbench COMMAND"),
        (["--version"], regbench.__version__),
        (["list"], "dropout"),
        (["train", "--help"], ", dropout, "),
        (["train", "--help"], "regbench train: train one stack of regularizers"),
        (["resume", "--help"], "RUN_FOLDER"),
        (["test", "--help"], "RUN_FOLDER"),
    ],
)
def test_help(cli: Cli, words: list[str], expected: str) -> None:
    done = cli(*words)
    assert done.returncode == 0, done.stderr
    assert expected in done.stdout


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("regbench tr", "train"),
        ("regbench train +reg=lab", "label_smoothing"),
        ("regbench train mod", "model="),
    ],
)
def test_shell_completion(cli: Cli, line: str, expected: str) -> None:
    done = cli("-sc", "query=bash", COMP_LINE=line)
    assert done.returncode == 0, done.stderr
    assert expected in done.stdout


def test_completion_can_be_installed(cli: Cli) -> None:
    assert "complete -o nospace" in cli("-sc", "install=bash").stdout


# --- wrong input


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ["+reg=dropout", "reg.dropout.p=1.5"],
            r"^regbench: reg\.dropout\.p: must lie in \[0, 1\), got 1\.5$",
        ),
        (["-m", "+reg=dropout", "reg.dropout.p=0.1,2"], r"^regbench: reg\.dropout\.p: must lie in"),
        (["device=cuda:9"], r"^regbench: device: cuda:9 is not there"),
        (["dataset=cifar100", "dataset.root=nowhere"], r"^regbench: dataset: .*nowhere"),
        (["+reg=l2", "reg.l2.strength=1e-30"], r"^regbench: reg\.l2: changes nothing of MLP"),
        (
            ["+reg=early_stopping", "reg.early_stopping.monitor=select/f1"],
            r"^regbench: reg\.early_stopping\.monitor: must",
        ),
        (["--bogus"], r"^regbench: train: unrecognized arguments: --bogus"),
    ],
)
def test_bad_input_is_refused_in_one_line(cli: Cli, tmp_path: Path, words: list[str], sentence: str) -> None:
    refused(cli("train", *words), sentence, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["sweeps", "sweeps.md", "docs/sweeps.md"])
def test_a_page_of_the_documentation_is_printed_as_it_is_written(cli: Cli, name: str) -> None:
    assert cli("docs", name).stdout == (ROOT / "docs" / "sweeps.md").read_text()


def test_pages_are_listed_and_a_wrong_name_is_answered_with_the_nearest(cli: Cli, tmp_path: Path) -> None:
    listed = {line.split()[0] for line in cli("docs").stdout.splitlines()}
    files = (ROOT / "docs").rglob("*.md")
    assert listed == {str(path.relative_to(ROOT / "docs").with_suffix("")) for path in files}
    assert cli("docs", "small_mlp").stdout == cli("docs", "examples/small_mlp").stdout != ""
    refused(
        cli("docs", "recrods"), r"^regbench: docs: no page 'recrods'; did you mean 'records'\?$", tmp_path
    )


def test_every_page_that_the_commands_name_is_there(cli: Cli) -> None:
    said = "".join(cli(command, "--help").stdout for command in ("compare", "ablate", "strength"))
    named = re.findall(r"`regbench docs (\S+)`", said)
    assert len(named) == 3
    assert all((ROOT / "docs" / f"{name}.md").exists() for name in named)


def test_an_unknown_command_is_answered_with_the_nearest(cli: Cli, tmp_path: Path) -> None:
    refused(cli("trian"), "unknown command 'trian'; did you mean 'train'", tmp_path)


def test_a_folder_that_cannot_be_written_is_refused(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused(cli("train", "hydra.run.dir=file/run"), r"file.* cannot be written", tmp_path)


def test_a_full_disk_ends_the_run_in_one_line(tmp_path: Path) -> None:
    """The limit on a file's size stands for it: no file may pass 100 kB, and a checkpoint is larger."""
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (102_400, 102_400))"
    code = f"{limited}\nfrom regbench.cli import main\nmain()"
    done = processes.run("train", "hydra.run.dir=run", "threads=1", cwd=tmp_path, code=code)
    assert done.returncode == 2
    assert re.search(r"^regbench: .*best\.pt", done.stderr, re.M), done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("run/*.tmp"))


def test_a_loss_that_is_no_number_ends_the_run(cli: Cli, tmp_path: Path) -> None:
    done = cli("train", "hydra.run.dir=run", "train.lr=1e30", *QUICK)
    assert done.returncode == 3, done.stderr
    assert summary(tmp_path / "run")["status"] == "diverged"
    assert summary(tmp_path / "run")["last"] is None
    assert "diverged: the objective in epoch 1 is not finite" in done.stdout
    again = cli("resume", "run")
    assert again.returncode == 3
    assert "the run has ended, status diverged" in again.stdout


BOMB = """
from dataclasses import dataclass
from typing import ClassVar
from regbench.regularizers.base import Regularizer
@dataclass
class Bomb(Regularizer):
    off: ClassVar = {"at": 2.0}
    at: float
    def begin_step(self, progress):
        self._due = progress >= self.at
    def transform_loss(self, loss):
        return loss * 1.5
    def edit_weights(self, model):
        if self._due:
            next(model.parameters()).data.fill_(float("nan"))
"""


def test_what_diverges_later_keeps_its_last_good_weights(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "reg").mkdir()
    (tmp_path / "bomb.py").write_text(BOMB)
    (tmp_path / "reg" / "bomb.yaml").write_text("# @package reg.bomb\n_target_: bomb.Bomb\nat: 0.5\n")
    words = ["train", "--config-dir", ".", "+reg=[bomb,early_stopping]", *QUICK[1:], "train.epochs=4"]
    assert cli(*words, "hydra.run.dir=run").returncode == 3
    assert summary(tmp_path / "run")["epochs"] == {"planned": 4, "done": 2}
    state = torch.load(tmp_path / "run" / "last.pt", weights_only=True)
    assert len(state["history"]) == 2
    assert all(tensor.isfinite().all() for part in ("model", "evaluated") for tensor in state[part].values())
    assert summary(tmp_path / "run")["kept"]["epoch"] == 2


# --- stopping, resuming, testing, loading

LONG = [
    "train",
    "+reg=[dropout,ema,early_stopping]",
    "evaluate=[calibration,corruption]",
    "train.epochs=40",
    "model.width=32",
    "threads=1",
    "device=cpu",
]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run left alone."""
    folder = tmp_path_factory.mktemp("whole")
    assert processes.run(*LONG, "hydra.run.dir=run", cwd=folder).returncode == 0
    return folder / "run"


def stopped_after(folder: Path, words: list[str], epochs: int, *signals: signal.Signals) -> tuple[int, str]:
    """Start a command and send it signals once the run has so many records."""
    with processes.start(*words, cwd=folder) as process:
        lines = folder / "run" / "metrics.jsonl"
        while process.poll() is None and not (lines.exists() and lines.read_text().count("\n") >= epochs):
            time.sleep(0.01)
        for number in signals:
            process.send_signal(number)
            time.sleep(0.05)
        return process.wait(60), process.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(
    cli: Cli, tmp_path: Path, whole: Path, number: signal.Signals
) -> None:
    code, said = stopped_after(tmp_path, [*LONG, "hydra.run.dir=run"], 3, number)
    assert code == (-9 if number == signal.SIGKILL else 130)
    if number != signal.SIGKILL:
        assert "stopping after this step" in said
        assert summary(tmp_path / "run")["status"] == "interrupted"
        assert summary(tmp_path / "run")["reliability"] is summary(tmp_path / "run")["corruption"] is None
        kept = torch.load(tmp_path / "run" / "last.pt", weights_only=True)
        assert_is_of_a_finished_epoch(tmp_path / "run", kept)
    with (tmp_path / "run" / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 99, "half a li')
    assert len(records_before_the_cut(tmp_path / "run")) < 40
    done = cli("resume", "run")
    assert done.returncode == 0, done.stderr
    assert records(tmp_path / "run") == records(whole)
    for part in ("reliability", "corruption", "identity"):
        assert summary(tmp_path / "run")[part] == summary(whole)[part] is not None
    one, other = (torch.load(folder / "last.pt", weights_only=True) for folder in (tmp_path / "run", whole))
    for part in ("model", "evaluated"):
        assert all(torch.equal(one[part][name], other[part][name]) for name in other[part])
    again = cli("resume", "run")
    assert again.returncode == 0
    assert "the run has ended, status finished" in again.stdout


def assert_is_of_a_finished_epoch(folder: Path, state: dict[str, Any]) -> None:
    """The weights it ends with are those of early stopping's best epoch so far, not of a part of one."""
    best = min(state["history"], key=lambda epoch: epoch[1]["select/loss"])
    assert summary(folder)["kept"]["epoch"] == best[0]


def records_before_the_cut(folder: Path) -> list[str]:
    return (folder / "metrics.jsonl").read_text().splitlines()[:-1]


def test_a_second_signal_stops_at_once(tmp_path: Path) -> None:
    code, _ = stopped_after(tmp_path, [*LONG, "hydra.run.dir=run"], 2, signal.SIGINT, signal.SIGINT)
    assert code == 130


def test_train_into_a_run_is_refused_and_names_resume(cli: Cli, whole: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in whole.rglob("*")}
    done = cli("train", f"hydra.run.dir={whole}")
    assert done.returncode == 2
    assert f"regbench resume {whole}" in done.stderr
    assert {p: p.stat().st_mtime_ns for p in whole.rglob("*")} == before


def test_train_into_remains_without_a_checkpoint_starts_anew(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "run" / "tensorboard" / "val").mkdir(parents=True)
    (tmp_path / "run" / "metrics.jsonl").write_text('{"epoch": 7}\n{"ep')
    (tmp_path / "run" / "summary.json").write_text('{"status": "failed"}')
    mark(tmp_path / "run")
    assert cli("train", "hydra.run.dir=run", *QUICK).returncode == 0
    assert [record["epoch"] for record in records(tmp_path / "run")] == [1]


@pytest.fixture
def interrupted(tmp_path: Path) -> Path:
    stopped_after(tmp_path, [*LONG, "hydra.run.dir=run"], 4, signal.SIGINT)
    return tmp_path / "run"


def test_a_truncated_checkpoint_falls_back_to_the_one_before(
    cli: Cli, interrupted: Path, whole: Path
) -> None:
    last = interrupted / "last.pt"
    last.write_bytes(last.read_bytes()[:1000])
    done = cli("resume", "run")
    assert done.returncode == 0, done.stderr
    assert "last.pt is no whole checkpoint" in done.stdout
    assert records(interrupted) == records(whole)


def test_a_run_that_lost_its_best_weights_is_refused_before_it_goes_on(cli: Cli, interrupted: Path) -> None:
    (interrupted / "best.pt").write_bytes(b"half")
    before = records(interrupted)
    done = cli("resume", "run")
    assert done.returncode == 2
    assert re.fullmatch(
        r"regbench: run: best\.pt is no whole checkpoint: .*; train into a new folder\n", done.stderr
    )
    assert records(interrupted) == before


def test_a_record_of_another_version_is_not_read_on(cli: Cli, whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "old")
    (tmp_path / "old" / "summary.json").write_text(json.dumps(summary(whole) | {"version": 1}))
    refused(
        cli("test", "old"), r"^regbench: old: must hold a record of version 2 or 3, and is of 1$", tmp_path
    )


def test_a_checkpoint_of_another_configuration_is_refused(cli: Cli, interrupted: Path) -> None:
    config = interrupted / ".hydra" / "config.yaml"
    config.write_text(config.read_text().replace("width: 32", "width: 33"))
    done = cli("resume", "run")
    assert done.returncode == 2
    assert "is of a different configuration" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["resume", "test"])
def test_a_folder_that_is_no_run_is_refused(cli: Cli, tmp_path: Path, command: str) -> None:
    (tmp_path / "empty").mkdir()
    refused(cli(command, "empty"), "empty: must be the folder of a run", tmp_path)


def test_the_test_split_is_read_on_request_and_every_reading_counted(cli: Cli, tmp_path: Path) -> None:
    assert cli("train", "hydra.run.dir=a", *QUICK).returncode == 0
    assert summary(tmp_path / "a")["test"] is None
    assert cli("train", "hydra.run.dir=b", "evaluate_test=true", *QUICK).returncode == 0
    first = summary(tmp_path / "b")["test"]
    assert first["reads"] == 1
    assert cli("test", "a", "b").returncode == 0
    assert [summary(tmp_path / name)["test"]["reads"] for name in "ab"] == [1, 2]
    assert summary(tmp_path / "b")["test"] == {**first, "reads": 2}
    assert summary(tmp_path / "a")["test"] == first


def test_load_returns_the_model_that_was_measured(whole: Path) -> None:
    best = summary(whole)["best"]
    model = regbench.load(str(whole))
    assert not any(module.training for module in model.modules())
    from regbench.assembly.data import load_data

    val = load_data(summary(whole)["config"]["dataset"]).val
    right = (model(val[:].inputs).argmax(1) == val.labels).double().mean().item()
    assert right == best["metrics"]["val/accuracy"]


def test_best_weights_load_into_the_plain_model(whole: Path) -> None:
    from regbench.assembly.data import load_data
    from regbench.assembly.model import build_model

    config = summary(whole)["config"]
    plain = build_model(config["model"], load_data(config["dataset"]), seed=1)
    load_plain_state(plain, torch.load(whole / "best.pt", weights_only=True))
    inputs = torch.rand(5, 1, 8, 8)
    torch.testing.assert_close(plain.eval()(inputs), regbench.load(str(whole))(inputs))


def test_twenty_epochs_leave_little_besides_checkpoints(cli: Cli, tmp_path: Path) -> None:
    assert cli("train", "+reg=[dropout,l1,mixup]", "hydra.run.dir=run", "threads=1").returncode == 0
    files = [p for p in (tmp_path / "run").rglob("*") if p.is_file() and p.suffix != ".pt"]
    assert sum(p.stat().st_size for p in files) < 300_000


# --- a person's own parts

OWN_MODEL = """
from torch import nn
class Net(nn.Module):
    def __init__(self, num_classes: int, hidden: int):
        super().__init__()
        head = nn.Linear(hidden, num_classes)
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(64, hidden), nn.ReLU(), head)
    def forward(self, inputs):
        return self.layers(inputs)
"""
OWN_REG = """
from dataclasses import dataclass
from typing import ClassVar
from regbench.regularizers.base import Regularizer
from regbench.types import Batch
@dataclass
class Noise(Regularizer):
    off: ClassVar = {"strength": 0.0}
    strength: float
    def transform_batch(self, batch):
        noise = self.stream.normal(batch.inputs.shape)
        return Batch(batch.inputs + self.strength * noise, batch.targets)
"""


def test_an_own_model(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(OWN_MODEL)
    words = ["model=own", "model._target_=mine.Net", "+model.hidden=16", "train.epochs=2"]
    done = cli("train", *words, "hydra.run.dir=run")
    assert done.returncode == 0, done.stderr
    state = torch.load(tmp_path / "run" / "best.pt", weights_only=True)
    assert state["net.layers.1.weight"].shape == (16, 64)
    assert "normalization.mean" in state
    missing = r"reg\.stochastic_depth: Net has no 'branch' site"
    refused(cli("train", *words, "+reg=stochastic_depth"), missing, tmp_path)
    refused(cli("train", *words[:2]), r"model: hidden has no value", tmp_path)
    refused(cli("train", *words[:3], "+model.hiden=3"), r"model\.hiden: no such field; did you", tmp_path)


def test_an_own_regularizer(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "mine" / "reg").mkdir(parents=True)
    (tmp_path / "mine" / "my_noise.py").write_text(OWN_REG)
    yaml = "# @package reg.my_noise\n_target_: my_noise.Noise\nstrength: 0.1\n"
    (tmp_path / "mine" / "reg" / "my_noise.yaml").write_text(yaml)
    words = ["train", "--config-dir", "mine", "+reg=[my_noise,dropout]", *QUICK]
    assert cli(*words, "hydra.run.dir=run").returncode == 0
    assert summary(tmp_path / "run")["name"] == "my_noise+dropout"
    model = processes.run(cwd=tmp_path, code="import regbench; print(regbench.load('run', trust=True)[1:])")
    assert "MLP" in model.stdout or "not subscriptable" in model.stderr  # it was built: my_noise was found
    done = cli(*words, "reg.my_noise.strength=much", "hydra.run.dir=other")
    refused(done, r"reg\.my_noise\.strength: must be a number, got 'much'", tmp_path)


def test_an_image_folder(cli: Cli, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for label, name in enumerate(("dark", "light")):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for index in range(40):
            pixels = rng.integers(0, 128, (12, 9, 3), dtype=np.uint8) + np.uint8(127 * label)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{index}.png")
    words = ["dataset=image_folder", "dataset.path=photos", "dataset.size=8", "dataset.root=cache"]
    done = cli("train", *words, "hydra.run.dir=run", "train.batch_size=8", "model.width=16", "train.epochs=5")
    assert done.returncode == 0, done.stderr
    assert summary(tmp_path / "run")["last"]["metrics"]["train/accuracy"] == 1


def test_a_table_of_sentences(cli: Cli, tmp_path: Path) -> None:
    rows = [("a red cat sits .", "cat"), ("two big dogs run , run and run .", "dog")] * 30
    table = "\n".join(["words;animal", *(f"{text};{animal}" for text, animal in rows)])
    (tmp_path / "animals.csv").write_text(table + "\n")
    words = ["model=rnn", "dataset=text_csv", "dataset.path=animals.csv", 'dataset.delimiter=";"']
    words += ["dataset.text=words", "dataset.label=animal", "dataset.length=6", "train.batch_size=8"]
    done = cli("train", *words, "hydra.run.dir=run", "evaluate_test=true", *QUICK)
    assert done.returncode == 0, done.stderr
    found, note = summary(tmp_path / "run")["data"].splitlines()
    assert found == ("60 rows of 2 classes in animals.csv: cat (30), dog (30); test: a fifth of the rows, 12")
    assert note.startswith("a vocabulary of 10 words ")  # of the eleven `and` stands only where it is cut off
    for line in (found, note):
        assert done.stdout.count(f"data: {line}\n") == 1
    warnings = summary(tmp_path / "run")["warnings"]
    assert warnings[0].startswith("dataset: 12 of the 12 test rows (100.0%) stand among the rows that ")
    assert warnings[1].startswith("dataset: 50.0% of the rows are cut, being longer than 6 words: ")
    assert warnings[2].startswith(
        "dataset: equal rows stand in two splits: 8 of val's 8 rows (100.0%) in train;"
    )
    assert summary(tmp_path / "run")["test"]["reads"] == 1


def test_python_runs_as_a_module_and_stops_for_a_closed_pipe(cli: Cli) -> None:
    command = f"{sys.executable} -m regbench list | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ["-m", "+reg=label_smoothing", "reg.label_smoothing.epsilon=0.1,0.95"],
            r"reg\.label_smoothing\.eps",
        ),
        (["-m", "seed=0,1", "hydra.sweep.subdir=x"], r"^regbench: hydra\.sweep\.subdir: is made of"),
        (["-m", "seed=0,1", "hydra/launcher=slum"], r"^regbench: hydra/launcher: no option 'slum'"),
        (["-m", "seed=0,-1"], r"^regbench: seed: must lie in"),
        (["-m", "sweep=a,b"], r"^regbench: sweep: must be one name for all jobs, got a, b"),
        (["-m", "sweep=../up"], r"^regbench: sweep: must be letters"),
        (["--force"], r"^regbench: train: --force is for a sweep"),
        (["--fail-fast"], r"^regbench: train: --fail-fast is for a sweep"),
        (["checkpoints=some"], r"^regbench: checkpoints: must be"),
        (
            ["evaluate=[foo]"],
            r"^regbench: evaluate: must be one of calibration, corruption, per_class, got 'foo'$",
        ),
        (["-m", "evaluate=3,[]"], r"^regbench: evaluate: must be a list, got 3$"),
        (["+reg=batch_norm", "train.batch_size=1"], r"train: the first step is refused"),
        (["--config-name", "foo"], r"--config-name is not for regbench; add options by --config-dir"),
        (["~model"], r"^regbench: model: must be there"),
        (["model.width=1000000000000"], r"^regbench: model\.width: must be at most"),
        (["optimizer=adam", "optimizer.betas=[0.9]"], r"^regbench: optimizer\.betas: must be"),
    ],
)
def test_more_bad_input_is_refused_in_one_line(
    cli: Cli, tmp_path: Path, words: list[str], sentence: str
) -> None:
    refused(cli("train", *words), sentence, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_options_may_stand_between_overrides(cli: Cli, tmp_path: Path) -> None:
    done = cli(
        "train", "seed=0,1", "-m", *QUICK, "hydra.sweep.dir=sweep", "--config-dir", ".", "+reg=dropout"
    )
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.glob("sweep/*/summary.json"))) == 2


@pytest.mark.parametrize("command", ["resume", "test"])
def test_a_missing_folder_is_asked_for_in_one_line(cli: Cli, tmp_path: Path, command: str) -> None:
    refused(cli(command), f"^regbench: {command}: the following arguments are required", tmp_path)

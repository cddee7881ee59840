"""Run folders whose files were changed: the right result or one sentence, whatever is read of them."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import regbench
from regbench.commands import plan, resume, train
from regbench.commands import test as sealed
from regbench.errors import ConfigError, as_typed
from regbench.runs.checkpoints import Keeper
from regbench.storage import archives, checkpoint
from tests import processes
from tests.folders.hydras import another_app
from tests.sampling import crossed, some_of
from tests.storage.test_reading import LAUGHS, REFERENCES, odd

SMALL = [
    "train.epochs=4",
    "dataset.num_train=97",
    "train.batch_size=32",
    "model.width=8",
    "threads=1",
    "device=cpu",
]
STACK = "+reg=[dropout,ema,early_stopping]"
STOPPING = """
import sys
from regbench import cli
from regbench.runs.checkpoints import Keeper
keep = Keeper.keep
def stopping(self, event, due):
    keep(self, event, due)
    if event.record.epoch == 2 and self.ongoing.home.path.name == "part":
        raise KeyboardInterrupt
Keeper.keep = stopping
words = sys.argv[1:]
for folder in ("whole", "part"):
    sys.argv = ["regbench", *words, f"hydra.run.dir={folder}"]
    try:
        cli.main()
    except SystemExit:
        pass
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run that has ended, and with the same one, interrupted after two of its four epochs."""
    folder = tmp_path_factory.mktemp("runs")
    assert processes.run("train", *SMALL, STACK, cwd=folder, code=STOPPING).returncode == 0
    return folder


@pytest.fixture
def whole(runs: Path, tmp_path: Path) -> Path:
    return shutil.copytree(runs / "whole", tmp_path / "run")


@pytest.fixture
def part(runs: Path, tmp_path: Path) -> Path:
    return shutil.copytree(runs / "part", tmp_path / "run")


def records(run: Path) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{name: v for name, v in line.items() if not name.startswith("time/")} for line in lines]


def summary(run: Path) -> dict[str, Any]:
    return json.loads((run / "summary.json").read_text())


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 4
    path.write_bytes(content)


def change(path: Path, changed: Callable[[dict[str, Any]], Any]) -> None:
    """Another content, with the digest that is due to it."""
    state = torch.load(path, weights_only=True)
    made = changed(state)
    torch.save(state if made is None else made, content := io.BytesIO())
    archives.close(content)
    path.write_bytes(content.getvalue())


def refusal(command: Callable[..., Any], *words: str) -> str:
    with pytest.raises(ConfigError) as caught:
        command(list(words))
    said = str(caught.value)
    assert said.isprintable(), said
    return said


def load(words: list[str]) -> None:
    for weights in ("best", "last"):
        regbench.load(words[0], weights)  # type: ignore[arg-type]


def test_undamaged_they_go_on_and_are_read(part: Path, runs: Path) -> None:
    assert resume.main([str(part)]) == 0
    assert records(part) == records(runs / "whole")
    load([str(part)])
    assert sealed.main([str(part)]) == 0
    assert summary(part)["test"]["reads"] == 1


def test_a_flipped_bit_of_the_last_checkpoint_costs_an_epoch(
    part: Path, runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flip(part / "last.pt")
    assert resume.main([str(part)]) == 0
    assert "last.pt is no whole checkpoint: " in capsys.readouterr().out
    assert records(part) == records(runs / "whole")


def test_runs_from_before_there_were_digests_go_on(part: Path, runs: Path) -> None:
    for path in part.glob("*.pt"):
        state = torch.load(path, weights_only=True)
        state.pop("content", None)
        torch.save(state, path)
    load([str(part)])
    assert resume.main([str(part)]) == 0
    assert records(part) == records(runs / "whole")


@pytest.mark.parametrize("command", [load, sealed.main])
def test_flipped_best_weights_are_refused_and_named(whole: Path, command: Callable[..., Any]) -> None:
    flip(whole / "best.pt")
    before = (whole / "summary.json").read_bytes()
    assert refusal(command, str(whole)).startswith(f"{whole}: best.pt is no whole checkpoint: ")
    assert (whole / "summary.json").read_bytes() == before, "test has not been read"


def test_best_weights_of_another_run_are_refused_by_all(runs: Path, tmp_path: Path) -> None:
    words = ["seed=1", *(word.replace("epochs=4", "epochs=1") for word in SMALL)]
    train.main([*words, STACK, f"hydra.run.dir={tmp_path / 'other'}"])
    run, begun = (shutil.copytree(runs / name, tmp_path / name) for name in ("whole", "part"))
    for folder, command in ((run, sealed.main), (run, load), (begun, resume.main)):
        shutil.copy(tmp_path / "other" / "best.pt", folder)
        assert "best.pt is another's" in refusal(command, str(folder))
    shutil.copy(runs / "part" / "best.pt", begun)
    assert resume.main([str(begun)]) == 0


def test_test_refuses_weights_that_are_no_numbers_before_it_reads(whole: Path) -> None:
    weights = checkpoint.load(whole / "best.pt")
    next(iter(weights.values())).fill_(torch.nan)
    checkpoint.save(whole / "best.pt", weights)
    before = summary(whole)
    assert (
        refusal(sealed.main, str(whole)) == f"{whole}: its best weights must be finite numbers, and are not"
    )
    assert summary(whole) == before


def test_resume_refuses_flipped_best_weights_before_it_goes_on(part: Path) -> None:
    flip(part / "best.pt")
    before = records(part)
    assert refusal(resume.main, str(part)).startswith(f"{part}: best.pt is no whole checkpoint: ")
    assert records(part) == before


def without(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda state: state.pop(name) and None


def put(value: Any, *path: Any) -> Callable[[dict[str, Any]], None]:
    def changed(state: Any) -> None:
        for name in path[:-1]:
            state = state[name]
        state[path[-1]] = value

    return changed


NAMES = ["version", "identity", "threads", "stopped", "history", "seconds", "audit", "in_shape", "num_classes",
         "vocabulary", "model", "optimizer", "reg", "evaluated"]  # fmt: skip
WIDE = {"net.0.weight": torch.zeros(3, 3)}
SHARED: list[Any] = ["x"]
for _ in range(50):
    SHARED = [SHARED] * 9  # a file of a kB, and more values than there are atoms
FORMS = [
    *map(without, NAMES),
    *(put(value, name) for name in NAMES for value in ("x", [], {}, torch.zeros(2)) if (name, value) != ("identity", "x")),
    lambda state: [state], lambda state: "x", lambda state: torch.zeros(3), lambda state: {},
    put(2.5, "threads"), put(0, "threads"), put(10**6, "threads"), put(float("nan"), "seconds"), put(-1, "seconds"), put(None, "seconds"),
    put([[2, {}]], "history"), put([[1, {"val/loss": "x"}]], "history"), put([[1, {"select/loss": 1.0}]], "history"),
    put([[1, 5]], "history"), put([[n, {}] for n in range(1, 6)], "history"), put([5], "history"), put({"findings": SHARED}, "audit"), put(SHARED, "audit", "findings"),
    put([5], "audit", "warnings"), put([0, 8], "in_shape"), put([2**40], "in_shape"), put(["x"], "in_shape"), put(0, "num_classes"),
    put(["a"], "classes"), put("abc", "classes"), put({"words": 5}, "tokens"), put([{"kind": "numbers"}], "columns"), put([], "columns"), put(WIDE, "model"), put(WIDE, "evaluated"),
    put({"a": 5}, "model"), put(torch.zeros(3), "evaluated", "normalization.mean"), put({}, "reg"), put({"ema": 5}, "reg"),
    put({}, "reg", "ema", "average"), put(WIDE, "reg", "ema", "average"), put("x", "reg", "ema", "t"),
    put({}, "reg", "early_stopping"), put({}, "optimizer", "state"), put([], "optimizer", "param_groups"),
    put(torch.zeros(3), "optimizer", "state", 0, "momentum_buffer"), put("x", "optimizer", "state", 0, "momentum_buffer"),
]  # fmt: skip


@pytest.mark.parametrize("form", some_of(FORMS, every=6))
def test_a_checkpoint_of_another_form_is_one_sentence(part: Path, runs: Path, form: Any) -> None:
    (part / "previous.pt").unlink()
    change(part / "last.pt", form)
    code, said = None, ""
    try:
        code = resume.main([str(part)])
    except ConfigError as error:
        said = str(error)
    if code is None:
        assert said.startswith(f"{part}: ")
        assert said.isprintable()
        assert "last.pt" in said or "its checkpoint" in said
    elif code:  # found when the next step was made
        assert (code, summary(part)["status"]) == (1, "failed")
        assert summary(part)["reason"].startswith("its checkpoint cannot be gone on from: ")
    else:
        assert len(records(part)) == 4


@pytest.mark.parametrize("form", some_of(FORMS[: len(NAMES)], every=5))
def test_a_checkpoint_of_another_form_falls_back_to_the_one_before(part: Path, runs: Path, form: Any) -> None:
    change(part / "last.pt", form)
    assert resume.main([str(part)]) == 0
    assert records(part) == records(runs / "whole")


WEIGHTS = [
    lambda state: [state], lambda state: {}, put(5, "net.0.weight"), put(torch.zeros(3), "normalization.mean"),
    lambda state: {"a": torch.zeros(2)}, lambda state: {1: torch.zeros(2)},
    lambda state: {n: t[..., None] for n, t in state.items()},
    lambda state: {n: t.to(torch.complex64) for n, t in state.items()},
]  # fmt: skip


@pytest.mark.parametrize(("command", "form"), crossed([load, sealed.main], WEIGHTS))
def test_best_weights_of_another_form_are_refused(
    whole: Path, command: Callable[..., Any], form: Any
) -> None:
    change(whole / "best.pt", form)
    assert "best" in refusal(command, str(whole))
    assert summary(whole)["test"] is None


@pytest.mark.parametrize("command", [load, sealed.main, resume.main])
def test_a_configuration_that_was_changed_by_hand_is_refused(
    runs: Path, tmp_path: Path, command: Callable[..., Any]
) -> None:
    run = shutil.copytree(runs / ("part" if command is resume.main else "whole"), tmp_path / "run")
    config = run / ".hydra" / "config.yaml"
    config.write_text(config.read_text().replace("p: 0.", "p: 0.1"))
    said = refusal(command, str(run))
    assert "configuration" in said
    config.write_text(
        config.read_text().replace("p: 0.1", "p: 0.").replace("device: cpu", "device: cpu # here")
    )
    command([str(run)])


DAMAGE = {
    "empty": "", "text": "5", "list": "- 1\n", "laughs": LAUGHS, "references": REFERENCES, "tab": "\ta: 1",
    "two": "a: 1\n---\na: 1\n", "tag": "a: !!python/object/apply:os.mkdir [sprung]", "NUL": "a\0", "number": "1: 2",
    "twice": "a: 1\na: 2", "hydra": "hydra: 5", "part": "hydra: {runtime: {cwd: x}}", "train": "train: 5",
}  # fmt: skip
EDITS = [
    ("config.yaml", "train:\n", "train: 5\nother:\n"), ("config.yaml", "\nseed: 0", "\nseed: [1]"),
    ("config.yaml", "model:\n", "model: null\nother:\n"), ("config.yaml", "\nseed: 0", "\nseed: ${nowhere}"),
    ("config.yaml", "\nseed: 0", "\nseed: ${seed}"), ("config.yaml", "\nseed: 0", "\nseed: ${oc.env:NO_SUCH}"),
    ("config.yaml", "\nseed: 0", "\nseed: .nan"), ("config.yaml", "\nseed: 0", "\n1: 0"), ("config.yaml", "\nseed: 0", "\n"),
    ("config.yaml", "precision: fp32", "precision: 5"), ("config.yaml", "reg:\n", "reg: 5\nother:\n"),
    ("config.yaml", "_target_: regbench.models.mlp.MLP", "_target_: 5"), ("config.yaml", "epochs: 4", "epochs: four"),
    ("config.yaml", "evaluate:\n", "evaluate: 5\nother:\n"), ("config.yaml", "width: 8", "width: [8]"),
    ("hydra.yaml", "  runtime:\n", "  other:\n"), ("hydra.yaml", "    cwd: ", "    cwd: [1]\n    other: "),
    ("hydra.yaml", "    task:\n", "    task: 5\n    other:\n"), ("hydra.yaml", "    choices:\n", "    choices: 5\n    other:\n"),
    ("hydra.yaml", "    config_sources:\n", "    config_sources: [5]\n    other:\n"),
    ("hydra.yaml", "  job:\n", "  other:\n"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "kind"), crossed(["config.yaml", "hydra.yaml"], list(DAMAGE)))
def test_a_record_that_is_none_is_one_sentence(part: Path, file: str, kind: str) -> None:
    (part / ".hydra" / file).write_text(DAMAGE[kind])
    for command in (load, resume.main):
        assert refusal(command, str(part)).startswith(f"{part}: .hydra/{file} ")


@pytest.mark.parametrize(("file", "before", "after"), some_of(EDITS, every=3))
def test_a_record_of_another_form_is_one_sentence(part: Path, file: str, before: str, after: str) -> None:
    path = part / ".hydra" / file
    assert before in path.read_text()
    path.write_text(path.read_text().replace(before, after, 1))
    for command in (load, resume.main):
        said = refusal(command, str(part))
        assert said.startswith(f"{part}: ")
        assert file in said or "configuration" in said


@pytest.mark.parametrize(
    ("file", "kind"),
    crossed(
        ["summary.json", "last.pt", "best.pt", ".hydra/config.yaml", ".hydra/hydra.yaml"],
        ["pipe", "device", "folder", "circle", "large"],
    ),
)
def test_what_is_no_plain_file_is_refused(whole: Path, file: str, kind: str) -> None:
    (whole / file).unlink()
    (whole / "previous.pt").unlink(missing_ok=True)
    odd(whole / file, kind)
    assert file in refusal(sealed.main, str(whole))


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b"\xff\0", b'{"status": "finished"}', b"[" * 10**5]
)
def test_a_damaged_summary_is_one_sentence(whole: Path, content: bytes) -> None:
    (whole / "summary.json").write_bytes(content)
    for command in (sealed.main, resume.main):
        assert refusal(command, str(whole)).startswith(f"{whole}: summary.json ")


def test_a_summary_that_was_taken_away_is_written_anew(whole: Path) -> None:
    before = summary(whole)
    (whole / "summary.json").unlink()
    assert resume.main([str(whole)]) == 0
    assert summary(whole)["identity"] == before["identity"]
    assert summary(whole)["last"] == before["last"]


@pytest.mark.parametrize("name", ["nowhere", "file", "circle", "x" * 300, "file/below", "empty", "pipe"])
@pytest.mark.parametrize("command", [load, sealed.main, resume.main])
def test_what_is_no_run_folder_is_one_sentence(
    tmp_path: Path, command: Callable[..., Any], name: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "circle").symlink_to("circle")
    os.mkfifo(tmp_path / "pipe")
    said = refusal(command, str(tmp_path / name))
    assert said.startswith(f"{tmp_path}/{name}"[:60])  # the middle of a long name is left out
    assert ": must be the folder of a run, and " in said


@pytest.mark.parametrize(
    ("name", "why"),
    some_of(
        [
            ("file", "must be a folder, and is a file"),
            ("circle", "Too many levels of symbolic links"),
            ("x" * 300, "must be a name of at most 255 bytes"),
            ("file/below", "it lies below a file"),
        ],
        every=2,
    ),
)
def test_plan_refuses_what_is_no_folder(tmp_path: Path, name: str, why: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "circle").symlink_to("circle")
    said = refusal(plan.main, *SMALL, f"hydra.sweep.dir={tmp_path / name}")
    assert said.startswith("hydra.sweep.dir: ")
    assert why in said


def test_a_checkpoint_that_is_damaged_while_the_run_goes_on_ends_in_one_sentence(
    part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = Keeper.keep

    def damaging(self: Keeper, event: Any, due: bool) -> None:
        keep(self, event, due)
        if event.record.epoch == 4:
            flip(part / "best.pt")
            flip(part / "last.pt")

    monkeypatch.setattr(Keeper, "keep", damaging)
    assert resume.main([str(part)]) == 1
    assert summary(part)["status"] == "failed"
    assert "last.pt is no whole checkpoint: " in summary(part)["reason"]


def test_a_sweep_runs_damaged_jobs_again_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*SMALL[1:], "train.epochs=1", "seed=0,1,2", f"hydra.sweep.dir={tmp_path / 'sweep'}"]

    def sweep() -> str:
        done = processes.run("train", "-m", *words, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    sweep()
    jobs = sorted((tmp_path / "sweep").iterdir())
    before = [records(job) for job in jobs]
    weights = [checkpoint.load(job / "best.pt") for job in jobs]
    (jobs[0] / "summary.json").write_text('{"version": 2, "sta')
    for job in jobs[1:]:
        (job / "summary.json").unlink()
    change(jobs[1] / "last.pt", put(WIDE, "model"))
    flip(jobs[2] / "best.pt")
    plan.main(words)
    assert f"{jobs[0].name} would be run again: summary.json cannot be read: " in capsys.readouterr().out
    said = sweep()
    assert f"{jobs[0].name} is run again: summary.json cannot be read: " in said
    assert "its checkpoint does not fit its configuration: " in said
    assert f"{jobs[2].name}: best.pt is no whole checkpoint: " in said
    assert said.count("run again") == 3
    assert [records(job) for job in jobs] == before
    for job, tensors in zip(jobs, weights, strict=True):
        again = checkpoint.load(job / "best.pt")
        assert all(torch.equal(again[name], tensor) for name, tensor in tensors.items())


def test_a_split_whose_reading_cannot_be_counted_is_not_read(
    whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unwritable(dir: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("regbench.folders.placement.tempfile.TemporaryFile", unwritable)
    monkeypatch.setattr("regbench.runs.sealed.read_again", lambda *_: pytest.fail("it has been read"))
    assert refusal(sealed.main, str(whole)).endswith("cannot be written: Permission denied")
    load([str(whole)])


def test_a_folder_of_another_application_is_told_from_a_run(tmp_path: Path) -> None:
    folder = another_app(tmp_path / "app")
    for command in (resume.main, sealed.main, load):
        said = refusal(command, str(folder))
        assert said.startswith(f"{folder}: .hydra/config.yaml must be that of a run of regbench, and has no ")


@pytest.mark.parametrize("name", ["previous.pt", "best.pt", "last.pt.tmp", "summary.json.tmp"])
def test_a_folder_that_is_called_as_a_file_of_a_run_is_refused_before_the_work(part: Path, name: str) -> None:
    (part / name).unlink(missing_ok=True)
    (part / name).mkdir()
    (part / name / "mine").touch()
    assert f"{name} must be a file of the run's own, and is a folder" in refusal(resume.main, str(part))
    assert (part / name / "mine").exists()


@pytest.mark.parametrize(
    ("name", "typed"), [("a b", "'a b'"), ("$(x)", "'$(x)'"), ("-x", "./-x"), ("run", "run")]
)
def test_a_folder_is_named_as_it_is_typed(name: str, typed: str) -> None:
    assert as_typed(name) == typed

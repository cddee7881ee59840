"""`regbench ablate` as a person meets it: a sweep like any other, and what it says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from regbench.commands.ablate import main
from regbench.composition.compose import compose_each, compose_jobs, read_line
from regbench.errors import ConfigError
from regbench.records.identity import identity
from regbench.records.metrics import Terms

QUICK = ["train.epochs=1", "train.batch_size=32", "model.width=8", "dataset.num_train=97", "device=cpu"]
TWO = "+reg=[dropout,label_smoothing]"


def written(folder: Path) -> dict[str, int]:
    found = folder.glob("outputs/sweeps/*/*/summary.json")
    return {path.parent.name: path.stat().st_mtime_ns for path in found}


def test_two_members_are_four_stacks_and_what_ran_is_not_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([TWO, "seed=0,1", *QUICK, "--plan"]) == 0
    assert "8 jobs, 0 done, 8 left: about " in capsys.readouterr().out
    assert not (tmp_path / "outputs").exists()
    assert main([TWO, "seed=0,1", *QUICK, "--json", "found.json"]) == 0
    before = written(tmp_path)
    stacks = ("baseline", "dropout", "label_smoothing", "dropout+label_smoothing")
    assert {name.rpartition("_")[0] for name in before} == {f"{s}_seed{n}" for s in stacks for n in (0, 1)}
    said = capsys.readouterr().out
    assert "8 of 8 jobs finished" in said
    assert "dropout and label_smoothing" in said
    assert "7 seeds would do" in said
    found = json.loads((tmp_path / "found.json").read_text())
    assert (found["command"], found["format"]) == ("ablate", 1)
    (one,) = found["conditions"]
    assert one["members"] == ["dropout", "label_smoothing"]
    figures = {stack["name"]: stack["figure"]["mean"] for stack in one["stacks"]}
    whole, first, second, none = (figures[n] for n in (stacks[3], stacks[1], stacks[2], stacks[0]))
    assert one["pairs"][0]["interaction"]["mean"] == pytest.approx(whole - first - second + none)
    assert one["leave_one_out"]["effects"][0]["difference"]["mean"] == pytest.approx(whole - second)

    assert main([TWO, "seed=0,1", *QUICK, "--metric", "val/loss", "--at=best"]) == 0
    assert written(tmp_path) == before
    assert Terms().title("val/loss") in capsys.readouterr().out


def test_each_condition_has_a_report_and_a_failed_job_is_told_by_the_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    line = ["+reg=dropout", "seed=0", "train.lr=0.05,1e30", *QUICK]
    assert main([*line, "--json", "found.json"]) == 4
    said = capsys.readouterr().out
    assert "digits mlp dropout train.lr=0.05: stacks" in said
    assert "digits mlp dropout train.lr=1e+30: stacks" in said
    fine, diverged = json.loads((tmp_path / "found.json").read_text())["conditions"]
    assert [stack["seeds"] for stack in fine["stacks"]] == [[0], [0]]
    assert [stack["diverged"] for stack in diverged["stacks"]] == [[0], [0]]
    assert diverged["solo"]["effects"][0]["difference"] is None


@pytest.mark.parametrize(
    ("words", "left_out", "same"),
    [
        (["+reg=[dropout,mixup]", "reg.dropout.p=0.3"], ["dropout"], ["reg=mixup"]),
        (["reg=[dropout,mixup]", "reg.dropout.p=0.3"], ["mixup"], ["+reg=dropout", "reg.dropout.p=0.3"]),
        (["+reg=[dropout,mixup]", "+reg.dropout.sites=[input]"], ["dropout", "mixup"], []),
        (
            ["+experiment=cocktail"],
            ["l2", "label_smoothing"],
            ["+reg=[dropout,mixup]", "reg.dropout.p=0.3", "model=cnn", "train.epochs=10"],
        ),
        (
            ["+reg@reg.wide=dropout", "+reg@reg.narrow=dropout", "reg.wide.p=0.1"],
            ["narrow"],
            ["+reg@reg.wide=dropout", "reg.wide.p=0.1"],
        ),
        (
            ["+reg@reg.inner.dropout=dropout", "+reg@reg.inner.mixup=mixup", "+reg=l2"],
            ["inner"],
            ["+reg=l2"],
        ),
    ],
)  # fmt: skip
def test_a_stack_without_a_member_is_the_job_that_a_person_would_type(
    words: list[str], left_out: list[str], same: list[str]
) -> None:
    line = read_line(["-m", *words])
    (whole,) = compose_jobs(line)
    (without,) = compose_each(line, [[*whole.overrides, *(f"~reg.{name}" for name in left_out)]])
    (typed,) = compose_jobs(read_line(["-m", *same]))
    assert identity(without.config) == identity(typed.config) != identity(whole.config)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "the stack must have at least one member"),
        (["+reg=[],dropout"], "the stack must have at least one member"),
        (["--factorial", "+reg=[dropout,l1,l2,mixup,label_smoothing,confidence_penalty,ema]"],
         r"at most 6 members \(64 stacks\), got 7"),
        (["+reg=dropout", "--metric", "gap/accuracy"], "--metric must be a figure of val, test, corruption"),
        (["+reg=dropout", "--at", "first"], "--at: invalid choice"),
        (["+reg=dropout", "--json", "nowhere/found.json"], "--json: must be a file in a folder"),
        (["+reg=dropout", "--cfg", "job"], "--cfg is for `regbench train`"),
        (["+reg=dropout", "--pair"], "ablate: "),
        (["+reg=dropuot"], "did you mean 'dropout'"),
    ],
)  # fmt: skip
def test_a_wrong_line_is_refused_in_a_sentence_and_nothing_is_run(
    words: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=sentence) as caught:
        main([*words, *QUICK])
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []

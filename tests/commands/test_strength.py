"""`regbench strength` as a person meets it: one value swept, off as the baseline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from regbench.commands.strength import main
from regbench.errors import ConfigError
from regbench.reports.paper import style

QUICK = ["train.epochs=1", "train.batch_size=32", "model.width=8", "dataset.num_train=97", "device=cpu"]


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a line in an empty folder; give what was written."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> list[dict[str, Any]]:
        assert main([*words, *QUICK, "--json", "found.json"]) == 0
        return json.loads((tmp_path / "found.json").read_text())["conditions"]

    return run


def jobs(folder: Path) -> set[str]:
    return {path.parent.name for path in folder.glob("outputs/sweeps/*/*/summary.json")}


def test_off_is_added_as_the_baseline_and_said(
    found: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (curve,) = found("reg=dropout", "reg.dropout.p=0.1,0.5", "seed=0,1")
    said = capsys.readouterr().out
    assert "reg.dropout.p=0 is added: there reg.dropout is off, which is the baseline" in said
    assert "the best p tried is" in said
    assert len(jobs(tmp_path)) == 6
    assert [(one["value"], one["seeds"]) for one in curve["points"]] == [(v, [0, 1]) for v in (0.0, 0.1, 0.5)]
    assert curve["baseline"]["value"] == 0.0
    assert curve["points"][0]["difference"] is None
    means = [one["score"]["mean"] for one in curve["points"]]
    assert curve["points"][2]["difference"]["mean"] == pytest.approx(means[2] - means[0])
    assert curve["best"]["value"] in (0.0, 0.1, 0.5)
    found("reg=dropout", "reg.dropout.p=0,0.1,0.5", "seed=0,1")
    assert len(jobs(tmp_path)) == 6, "the line with off in it is the same sweep"
    assert "is added" not in capsys.readouterr().out


def test_a_key_that_does_not_turn_its_member_off_has_the_stack_without_it_as_baseline(
    found: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("+reg=[elastic_net,label_smoothing]", "reg.elastic_net.strength_l1=0,1e-4", "seed=0")
    (curve,) = found(*words)
    assert "the baseline is the stack without it" in capsys.readouterr().out
    assert curve["baseline"]["value"] is None
    assert curve["off"] == 0.0
    assert [one["difference"] is None for one in curve["points"]] == [False, False]
    assert sum(name.startswith("label_smoothing_seed0") for name in jobs(tmp_path)) == 1


def test_where_all_other_strengths_are_off_the_key_itself_turns_its_member_off(
    found: Any, tmp_path: Path
) -> None:
    words = ("+reg=elastic_net", "reg.elastic_net.strength_l1=1e-4,1e-3", "reg.elastic_net.strength_l2=0")
    (curve,) = found(*words)
    assert curve["baseline"]["value"] == 0.0
    assert not any(name.startswith("baseline") for name in jobs(tmp_path))


def test_whatever_else_is_swept_gives_a_curve_each_in_the_page_and_in_figures(
    found: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(style, "FORMATS", {"svg": style.FORMATS["svg"]})
    drawn = ("--html", "page.html", "--figures", "new/figures")
    curves = found("+reg=dropout", "reg.dropout.p=0,0.5", "model.depth=1,2", "seed=0", *drawn)
    assert [one["name"] for one in curves] == [f"digits mlp dropout model.depth={depth}" for depth in (1, 2)]
    assert [len(one["points"]) for one in curves] == [2, 2]
    page = (tmp_path / "page.html").read_text()
    assert [page.count(f'<div class="chart" id="curve-{number}-chart"') for number in (1, 2, 3)] == [1, 1, 0]
    written = [path.name for path in sorted((tmp_path / "new/figures").iterdir())]
    assert written == [f"digits-mlp-dropout-model-depth-{depth}-response.svg" for depth in (1, 2)]


@pytest.mark.parametrize(
    ("option", "place"),
    [("--html", "no/such.html"), ("--html", "."), ("--figures", "a_file"), ("--figures", "a_file/below")],
)
def test_what_could_not_be_written_is_refused_before_anything_is_run(
    option: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a_file").touch()
    with pytest.raises(ConfigError, match=rf"strength: {option}: must be a \w+ .*, got {place}$") as caught:
        main(["+reg=dropout", "reg.dropout.p=0,0.5", *QUICK, option, place])
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["a_file"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["+reg=dropout"], r"must sweep one value of one member, such as reg.dropout.p=0,.*, got none"),
        (["+reg=dropout", "reg.dropout.p=0.5"], "got none"),
        (["+reg=[dropout,l2]", "reg.dropout.p=0,0.5", "reg.l2.strength=0,1e-4"],
         r"got reg.dropout.p and reg.l2.strength"),
        (["+reg=batch_norm", "reg.batch_norm.enabled=true,false"], "must be a number to have a response"),
        (["+reg=dropout", "reg.dropout.p=0,2"], r"p must lie in \[0, 1\)"),
        (["+reg=dropout", "reg.dropout.q=0,1"], "reg.dropout"),
        (["+reg=dropout", "reg.dropout.p=0,0.5", "--metric=train/loss"], "which have chosen nothing"),
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

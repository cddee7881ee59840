"""The sealed test split, read once for a search's winner and its tuned baseline."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from regbench.commands import final as command
from regbench.commands import train
from regbench.composition.trust import UNTRUSTED
from regbench.errors import ConfigError
from regbench.records.files import change_summary
from regbench.records.summary import Sealed
from regbench.reports.final_text import said
from regbench.runs import sealed
from regbench.studies.searching import final
from regbench.studies.searching.final import read_final

SEEDS = list(range(100, 108))
FEW = 2
QUICK = ["train.epochs=1", "train.batch_size=32", "model.width=8", "dataset.num_train=97", "device=cpu"]
SIDES = {
    "baseline": ["+reg=[l2]", "train.lr=0.3"],
    "winner": ["+reg=[dropout,l2]", "train.lr=0.2"],
}


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as a search leaves it whose winner was confirmed; its runs are real, its files by hand."""
    root = tmp_path_factory.mktemp("searched") / "one"
    sides: dict[str, Any] = {}
    for name, words in SIDES.items():
        before = {path.name for path in root.glob("*_seed*")}
        seeds = ",".join(map(str, SEEDS))
        assert train.main(["-m", *words, *QUICK, f"seed={seeds}", f"hydra.sweep.dir={root}"]) == 0
        folders = {path.name for path in root.glob("*_seed*")} - before
        by_seed = {str(seed): next(one for one in folders if f"_seed{seed}_" in one) for seed in SEEDS}
        stack = "dropout+l2" if name == "winner" else "tuned baseline"
        sides[name] = {"arm": name, "trial": 3, "stack": stack, "words": words, "folders": by_seed}
    study = root / "study"
    study.mkdir()
    (study / "search.json").write_text(json.dumps({"line": ["+reg=[dropout]", "trials=6"], "format": 1}))
    kept = {"metric": "val/accuracy", "at": "last", "margin": None, "tuned": ["train.lr"], "seeds": SEEDS}
    (study / "confirmation.json").write_text(json.dumps({**kept, **sides, "over": "it is decided"}))
    return root


@pytest.fixture
def whole(studied: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(studied, tmp_path / "one"))


@pytest.fixture
def root(whole: Path) -> Path:
    """The same, confirmed on two seeds, which are soon read."""
    path = whole / "study" / "confirmation.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"seeds": SEEDS[:FEW]}))
    return whole


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each time that a test split is opened."""
    found: list[int] = []
    read = sealed.read_test

    def counted(*given: Any) -> Sealed:
        found.append(1)
        return read(*given)

    monkeypatch.setattr(sealed, "read_test", counted)
    return found


def summary(root: Path, side: str, seed: int) -> dict[str, Any]:
    kept = json.loads((root / "study" / "confirmation.json").read_text())
    found: dict[str, Any] = json.loads((root / kept[side]["folders"][str(seed)] / "summary.json").read_text())
    return found


def plant(
    root: Path, monkeypatch: pytest.MonkeyPatch, val: Mapping[str, float], test: Mapping[str, float]
) -> None:
    """Accuracies by side: on val as recorded, on test as it will be read; every other seed a point more."""
    kept = json.loads((root / "study" / "confirmation.json").read_text())
    figures = {}
    for side in SIDES:
        for place, name in enumerate(kept[side]["folders"].values()):
            more = 0.01 * (place % 2) if side == "winner" else 0.0
            figures[name] = test[side] + more
            path = root / name / "summary.json"
            found = json.loads(path.read_text())
            found["last"]["metrics"]["val/accuracy"] = val[side] + more
            path.write_text(json.dumps(found))

    def read(folder: Path, *_: Any, **__: Any) -> None:
        taken = {"accuracy": figures[folder.name], "loss": 1.0}
        change_summary(folder, test=Sealed(last=taken, best=taken, reads=1))

    monkeypatch.setattr(final, "read_counted", read)
    monkeypatch.setattr(final, "require_readable", lambda *_: None)


def test_all_runs_of_both_are_read_once_and_counted_where_they_lie(root: Path, opened: list[int]) -> None:
    found = read_final(root, UNTRUSTED)
    assert len(opened) == 2 * FEW
    for seed, one in zip(SEEDS[:FEW], found.readings, strict=True):
        both = [summary(root, side, seed) for side in ("winner", "baseline")]
        assert [of["test"]["reads"] for of in both] == [1, 1]
        assert [of["test"]["last"]["accuracy"] for of in both] == [one.winner_test, one.baseline_test]
        assert [of["last"]["metrics"]["val/accuracy"] for of in both] == [one.winner, one.baseline]
        assert (one.seed, one.reads) == (seed, (1, 1))
    assert found.test.differences == [one.winner_test - one.baseline_test for one in found.readings]
    assert found.val.differences == [one.winner - one.baseline for one in found.readings]


def test_a_second_call_reads_nothing_and_says_the_same(root: Path, opened: list[int]) -> None:
    first = read_final(root, UNTRUSTED)
    opened.clear()
    again = read_final(root, UNTRUSTED)
    assert opened == []
    assert (first.is_new, again.is_new) == (True, False)
    assert (again.test, again.val, again.winner.words) == (first.test, first.val, first.winner.words)
    assert list(again.readings) == list(first.readings)
    assert said(again) == said(first)


def test_interrupted_it_goes_on_with_those_that_were_not_read(
    root: Path, opened: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = final.read_counted
    with monkeypatch.context() as patched:

        def cut(*given: Any, **named: Any) -> Sealed:
            if len(opened) == 3:
                raise KeyboardInterrupt
            return read(*given, **named)

        patched.setattr(final, "read_counted", cut)
        with pytest.raises(KeyboardInterrupt):
            read_final(root, UNTRUSTED)
    assert len(opened) == 3
    assert not (root / "study" / "final.json").exists()
    found = read_final(root, UNTRUSTED)
    assert len(opened) == 2 * FEW
    assert {reads for one in found.readings for reads in one.reads} == {1}


def test_what_others_had_read_before_is_read_once_more_and_told(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = json.loads((root / "study" / "confirmation.json").read_text())
    sealed.read_counted(root / kept["winner"]["folders"]["101"], UNTRUSTED)
    assert command.main([str(root)]) == 0
    assert [summary(root, "winner", seed)["test"]["reads"] for seed in (100, 101)] == [1, 2]
    assert "some of them 2 times in all" in " ".join(capsys.readouterr().out.split())


def test_the_command_says_it_and_writes_it(
    root: Path, tmp_path: Path, opened: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "found.json"
    assert command.main([str(root), "--json", str(file)]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "by the test that may be looked at after every seed" in out
    assert "read once for this search, of 4 runs; it will not be read again" in out
    assert command.main([str(root)]) == 0
    assert "this call has read nothing" in " ".join(capsys.readouterr().out.split())
    assert len(opened) == 2 * FEW
    found = json.loads(file.read_text())
    assert [one["reads"] for one in found["readings"]] == [[1, 1]] * FEW
    assert found["winner"]["stack"] == "dropout+l2"


def test_the_winner_stays_who_it_was_where_test_says_the_opposite(
    whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(whole, monkeypatch, {"winner": 0.9, "baseline": 0.8}, {"winner": 0.7, "baseline": 0.8})
    found = read_final(whole, UNTRUSTED)
    # by hand: of eight seeds four have +0.10 and four +0.11 on val, and -0.10 and -0.09 on test
    assert found.val.mean == pytest.approx(0.105)
    assert found.test.mean == pytest.approx(-0.095)
    assert (found.val.word, found.test.word) == ("better", "worse")
    assert found.winner.stack == "dropout+l2"
    assert said(found)[1] == (
        "test says the opposite, and yet the winner stays dropout+l2: it was confirmed on val, and test "
        "chooses nothing; report both"
    )


def test_the_baseline_stays_what_to_use_where_only_test_finds_the_winner_better(
    whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(whole, monkeypatch, {"winner": 0.795, "baseline": 0.8}, {"winner": 0.9, "baseline": 0.8})
    found = read_final(whole, UNTRUSTED)
    assert found.val.mean == pytest.approx(0.0)  # +0.5 points and -0.5 points in turn
    assert (found.val.word, found.test.word) == ("not resolved", "better")
    assert said(found)[1].startswith("test says something else than val, and yet the tuned baseline stays")


def test_test_that_agrees_is_said_to(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(whole, monkeypatch, {"winner": 0.9, "baseline": 0.8}, {"winner": 0.85, "baseline": 0.8})
    assert said(read_final(whole, UNTRUSTED))[1].startswith("test says the same, and the winner stays")


def refused(root: Path) -> str:
    with pytest.raises(ConfigError) as error:
        command.main([str(root)])
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_folder_without_a_search_is_refused(tmp_path: Path) -> None:
    assert "must be given the folder of a search" in refused(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_search_that_is_not_confirmed_is_refused_with_what_to_type(root: Path, opened: list[int]) -> None:
    (root / "study" / "confirmation.json").unlink()
    assert "type `regbench search '+reg=[dropout]' trials=6`" in refused(root)
    assert opened == []


def test_a_search_that_found_nothing_to_confirm_is_refused(root: Path) -> None:
    (root / "study" / "confirmation.json").write_text(json.dumps({"lost": "the tuned baseline is as good"}))
    assert "nothing was found that survives, as the tuned baseline is as good" in refused(root)


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"metric": 1, "at": "last"}'])
def test_a_damaged_file_is_refused(content: str, root: Path, opened: list[int]) -> None:
    (root / "study" / "confirmation.json").write_text(content)
    assert "confirmation.json" in refused(root)
    assert opened == []


def test_a_run_that_was_moved_away_is_refused(root: Path, opened: list[int]) -> None:
    kept = json.loads((root / "study" / "confirmation.json").read_text())
    name = kept["winner"]["folders"]["101"]
    (root / name).rename(root.parent / name)
    assert "is not there" in refused(root)
    assert opened == []


def test_a_run_without_weights_is_refused(root: Path, opened: list[int]) -> None:
    kept = json.loads((root / "study" / "confirmation.json").read_text())
    config = root / kept["baseline"]["folders"]["101"] / ".hydra" / "config.yaml"
    text = config.read_text()
    assert "checkpoints: last+best" in text
    config.write_text(text.replace("checkpoints: last+best", "checkpoints: none"))
    assert "was run with checkpoints=none" in refused(root)
    assert opened == []


def test_a_search_whose_folder_was_moved_whole_is_read(root: Path, tmp_path: Path) -> None:
    moved = root.rename(tmp_path / "elsewhere")
    assert len(read_final(moved, UNTRUSTED).readings) == FEW

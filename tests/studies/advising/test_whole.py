"""An advice as a person meets it: typed, killed, typed again by another process, and shown again."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests import processes

# a normalization helps by many points after so few epochs; a strong l1 harms; the mlp has no branch
CATALOGUE = ("batch_norm", "l2", "label_smoothing", "shake_drop")
LINE = [
    *["train.epochs=4", "train.lr=0.1", "train.batch_size=32", "model.width=32", "dataset.num_train=97"],
    *["device=cpu", "budget=30min", "study=mine"],
]
# what ends each stage is a number of runs here, and not the time, which a test must not hang on
QUICK = """
import dataclasses, sys
from regbench.studies.advising import acting, racing, searched
every = acting.entries
acting.entries = lambda *given: [one for one in every(*given) if one.name in CATALOGUE]
budget = racing.Budget
racing.Budget = lambda seconds: budget(seconds, seeds=SEEDS)
settings = searched.search_settings
searched.search_settings = lambda *given: dataclasses.replace(
    settings(*given), trials=TRIALS, finalists=1, finalist_seeds=1, confirm_seeds=FRESH
)
from regbench.cli import main
main()
"""


def code(catalogue: Sequence[str] = CATALOGUE, seeds: int = 2, trials: int = 6, fresh: int = 8) -> str:
    return f"CATALOGUE, SEEDS, TRIALS, FRESH = {tuple(catalogue)}, {seeds}, {trials}, {fresh}\n{QUICK}"


def advise(folder: Path, *words: str) -> processes.Done:
    return processes.run("advise", *LINE, *words, cwd=folder, code=code())


def test_what_it_comes_to_is_on_one_page(tmp_path: Path) -> None:
    words = ["--json", "found.json", "--html", "page.html", "--test"]
    small = code(["batch_norm", "shake_drop"], seeds=1, trials=2, fresh=2)
    done = processes.run("advise", *LINE, *words, cwd=tmp_path, code=small)
    # two fresh seeds decide nothing, whatever they say: the smallest p that they can have is 1/2
    assert (done.returncode, done.stderr) == (0, "")
    assert "Nothing was found that survives: use the tuned baseline" in done.stdout
    found = json.loads((tmp_path / "found.json").read_text())
    assert (found["search"]["outcome"], found["search"]["seeds"]) == ("nothing", [100, 101])
    assert [one["option"] for one in found["plan"]["left_out"]] == ["shake_drop"]
    assert found["race"]["candidates"] == ["batch_norm"]
    assert (found["ablation"], len(found["test"])) == (None, 2)
    page = (tmp_path / "page.html").read_text()
    assert "On test, over 2 fresh seeds" in page
    assert "the time kept for it was not used" in page


def when(folder: Path) -> dict[str, int]:
    return {str(path.parent): path.stat().st_mtime_ns for path in folder.rglob("summary.json")}


@pytest.mark.long
def test_it_is_killed_and_goes_on_and_is_shown_again(tmp_path: Path) -> None:
    root = tmp_path / "outputs" / "advice" / "mine"
    with processes.start("advise", *LINE, cwd=tmp_path, code=code()) as process:
        until = time.monotonic() + 240
        while not len(list(root.glob("search/*/summary.json"))) >= 2:
            assert time.monotonic() < until
            time.sleep(0.05)
        process.kill()
    before, plan, race = when(tmp_path), (root / "plan.json").read_text(), (root / "race.json").read_text()
    assert not (root / "search.json").exists()

    done = advise(tmp_path, "--json", "found.json", "--html", "page.html")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Switch on batch_norm, beside l2, which the tuned baseline has too." in done.stdout
    after = when(tmp_path)
    assert {path: after[path] for path in before} == before  # nothing that had ended was run again
    assert ((root / "plan.json").read_text(), (root / "race.json").read_text()) == (plan, race)
    found = json.loads((tmp_path / "found.json").read_text())
    assert [one["option"] for one in found["plan"]["left_out"]] == ["shake_drop"]
    assert "branch" in found["plan"]["left_out"][0]["reason"]
    assert {one["name"]: one["seeds"] for one in found["race"]["rows"]} == dict.fromkeys(
        ("batch_norm", "l2", "label_smoothing"), 2
    )
    assert (found["plan"]["chooses"], found["plan"]["metric"]) == ("select/accuracy", "val/accuracy")
    search = found["search"]
    assert search["outcome"] == "survives"
    assert search["low"] > 0
    assert search["time"] > 0
    assert search["trials"]["baseline"] == 3
    assert min(search["seeds"]) >= 100
    parts = {one["member"]: one for one in found["ablation"]["parts"]}
    assert set(parts) == set(search["winner"]["members"])
    assert parts["batch_norm"]["mean"] > 0
    assert "Switch on batch_norm" in (tmp_path / "page.html").read_text()

    again = advise(tmp_path, "--json", "again.json")
    assert again.returncode == 0
    assert when(tmp_path) == after
    kept = json.loads((tmp_path / "again.json").read_text())
    assert {**kept, "typed": ""} == {**found, "typed": ""}
    other = advise(tmp_path, "--margin", "1")
    assert other.returncode == 2
    assert "study: outputs/advice/mine holds other advice, whose margin is none and not 1;" in other.stderr

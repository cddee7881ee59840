"""Whole searches of a tiny model: what they leave, killed and gone on with, and by two processes at once."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
import pytest

from tests import processes

QUICK = ["train.epochs=3", "train.batch_size=32", "model.width=8", "dataset.num_train=97", "device=cpu"]
SMALL = ["finalists=1", "finalists.seeds=1", "confirm.seeds=6", "batch=4", "sampler=random", "study=one"]
LINE = ["+reg=[dropout,l1]", "trials=8", *SMALL, *QUICK]
ROOT = Path("outputs") / "searches" / "one"


def search(cwd: Path, *words: str) -> processes.Done:
    return processes.run("search", *words, cwd=cwd)


def asked(root: Path, number: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((root / "study" / f"{number:04}.asked.json").read_text())[
        "trials"
    ]
    return found


def trials(root: Path) -> list[dict[str, Any]]:
    """Those that have ended, in order; how long they took aside."""
    found = []
    for path in sorted((root / "study").glob("*.ended.json")):
        for one in json.loads(path.read_text())["trials"]:
            one["trial"].pop("seconds")
            found.append(one)
    return found


def summaries(root: Path) -> dict[str, dict[str, Any]]:
    return {path.parent.name: json.loads(path.read_text()) for path in root.glob("*/summary.json")}


def when(root: Path) -> dict[str, int]:
    return {path.parent.name: path.stat().st_mtime_ns for path in root.glob("*/summary.json")}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    done = search(folder, *LINE, "--json", "found.json")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert "has failed" not in done.stderr  # of the thread that draws the table
    return folder


def test_every_trial_is_asked_for_and_run_once(undisturbed: Path) -> None:
    root = undisturbed / ROOT
    found = trials(root)
    assert len(found) == 8
    for arm in ("baseline", "dropout+l1"):
        assert [one["trial"]["number"] for one in found if one["arm"] == arm] == [0, 1, 2, 3]
    named = [job for one in found for job in one["trial"]["jobs"]]
    assert set(named) <= set(summaries(root))
    rates = {one["arm"]: one["trial"]["values"]["train.lr"] for one in found if one["trial"]["number"] == 0}
    assert len(set(rates.values())) == 1  # every arm begins with the usual one


def test_trials_of_an_arm_have_their_members_and_decay(undisturbed: Path) -> None:
    for one in trials(undisturbed / ROOT):
        inside = one["trial"]["members"]
        for job in one["trial"]["jobs"]:
            config = summaries(undisturbed / ROOT)[job]["config"]
            assert list(config["reg"]) == [*inside, "l2"]
            assert config["checkpoints"] == "none"


def test_no_search_opens_a_test_split(undisturbed: Path) -> None:
    assert [one["test"] for one in summaries(undisturbed / ROOT).values() if one.get("test")] == []


def test_seeds_of_trials_finalists_and_the_confirmation_are_others(undisturbed: Path) -> None:
    root = undisturbed / ROOT
    named = json.loads((root / "study" / "finalists.json").read_text())
    assert (named["seeds"], named["fresh"]) == ([1], [100, 101, 102, 103, 104, 105])
    seeds = {one["config"]["seed"] for one in summaries(root).values()}
    assert seeds <= {0, 1, *range(100, 106)}


def test_what_final_needs_is_written(undisturbed: Path) -> None:
    root = undisturbed / ROOT
    kept = json.loads((root / "study" / "confirmation.json").read_text())
    found = json.loads((undisturbed / "found.json").read_text())
    if found["confirmation"] is None:
        assert kept["lost"]
        return
    assert kept["over"]
    assert kept["tuned"] == ["train.lr"]
    for side in ("winner", "baseline"):
        assert kept[side]["words"] == found["confirmation"][side]["words"]
        for seed, name in kept[side]["folders"].items():
            config = summaries(root)[name]["config"]
            assert config["seed"] == int(seed)
            assert (root / name / "last.pt").exists()


def test_the_record_is_what_optuna_s_own_tools_read(undisturbed: Path) -> None:
    backend = optuna.storages.journal.JournalFileBackend(str(undisturbed / ROOT / "study" / "optuna.journal"))
    storage = optuna.storages.JournalStorage(backend)
    for arm in ("baseline", "dropout+l1"):
        study = optuna.load_study(study_name=f"one/{arm}", storage=storage)
        own = [one["trial"] for one in trials(undisturbed / ROOT) if one["arm"] == arm]
        assert [one.params for one in study.trials] == [one["values"] for one in own]
        assert [one.user_attrs["words"] for one in study.trials] == [one["words"] for one in own]


def test_the_same_line_runs_nothing_again(undisturbed: Path) -> None:
    before = when(undisturbed / ROOT)
    done = search(undisturbed, *LINE, "--json", "again.json")
    assert done.returncode == 0
    assert when(undisturbed / ROOT) == before
    first, again = (json.loads((undisturbed / f"{name}.json").read_text()) for name in ("found", "again"))
    assert again["said"] == first["said"]


@pytest.mark.parametrize("name", ["0000.asked", "0000.ended", "finalists", "winner", "confirmation"])
@pytest.mark.parametrize("content", ["{}", '{"trials": [{}]}'])
def test_a_damaged_file_is_told_in_a_sentence(
    undisturbed: Path, tmp_path: Path, name: str, content: str
) -> None:
    shutil.copytree(undisturbed / ROOT, tmp_path / ROOT)
    path = tmp_path / ROOT / "study" / f"{name}.json"
    assert path.exists()
    path.write_text(content)
    done = search(tmp_path, *LINE)
    assert done.returncode == 2
    assert re.fullmatch(rf"regbench: study: in {ROOT}/study {path.name} must hold .* lacks it\n", done.stderr)
    assert path.read_text() == content


def test_what_is_no_journal_is_told_in_a_sentence(undisturbed: Path, tmp_path: Path) -> None:
    shutil.copytree(undisturbed / ROOT, tmp_path / ROOT)
    journal = tmp_path / ROOT / "study" / "optuna.journal"
    before = journal.read_text()
    journal.write_text("{}\n")
    done = search(tmp_path, *LINE)
    said = f"study: {journal.relative_to(tmp_path)} must be a journal of Optuna's, and is none"
    assert done.stderr == f"regbench: {said}; move it away, and it is written anew\n"
    journal.unlink()
    assert search(tmp_path, *LINE).returncode == 0
    assert journal.read_text().count('"op_code":4') == before.count('"op_code":4') == 8  # its trials


def test_another_line_is_refused_in_the_folder(undisturbed: Path) -> None:
    done = search(undisturbed, *LINE, "sampler.seed=1")
    assert done.returncode == 2
    assert "holds another search, whose sampler.seed is 0 and not 1" in done.stderr


def test_another_margin_than_the_winner_was_confirmed_with_is_refused(undisturbed: Path) -> None:
    assert (undisturbed / ROOT / "study" / "winner.json").is_file()
    done = search(undisturbed, *LINE, "--margin", "0.5")
    assert done.returncode == 2
    said = "search: --margin: must stay as the winner was confirmed with, which is none"
    assert done.stderr == f"regbench: {said}\n"


def test_no_seeds_are_added_once_the_test_split_has_been_read(undisturbed: Path, tmp_path: Path) -> None:
    root = tmp_path / ROOT
    shutil.copytree(undisturbed / ROOT, root)
    kept = json.loads((root / "study" / "confirmation.json").read_text())
    names = [name for side in ("winner", "baseline") for name in kept[side]["folders"].values()]
    reading = json.dumps(dict.fromkeys(names, 0))  # as `final` leaves it before it reads
    (root / "study" / "reading.json").write_text(reading)
    gone = root / kept["winner"]["folders"][str(max(map(int, kept["winner"]["folders"])))]
    shutil.rmtree(gone)
    done = search(tmp_path, *LINE)
    assert "the test split has been read, and no seeds are added after that" in done.stdout
    assert not gone.exists()


def same(root: Path, undisturbed: Path) -> None:
    assert trials(root) == trials(undisturbed / ROOT)
    named = [json.loads((one / "study" / "finalists.json").read_text()) for one in (root, undisturbed / ROOT)]
    assert named[0] == named[1]
    assert set(summaries(root)) == set(summaries(undisturbed / ROOT))


def test_killed_in_the_middle_of_a_round_it_goes_on_to_the_same_trials(
    undisturbed: Path, tmp_path: Path
) -> None:
    root = tmp_path / ROOT
    with processes.start("search", *LINE, cwd=tmp_path) as process:
        end = time.time() + 200
        while len(when(root)) < 6 and time.time() < end and process.poll() is None:
            time.sleep(0.02)
        process.kill()
    assert len(list((root / "study").glob("*.ended.json"))) < 2, "it was killed too late to say anything"
    assert search(tmp_path, *LINE).returncode == 0
    same(root, undisturbed)


@pytest.mark.long
def test_two_processes_at_once_ask_for_the_same_trials_and_run_each_once(
    undisturbed: Path, tmp_path: Path
) -> None:
    with (
        processes.start("search", *LINE, cwd=tmp_path) as one,
        processes.start("search", *LINE, cwd=tmp_path) as other,
    ):
        assert (one.wait(300), other.wait(300)) == (0, 0), one.err + other.err
    same(tmp_path / ROOT, undisturbed)
    for folder in (tmp_path / ROOT).glob("*/metrics.jsonl"):
        epochs = [json.loads(line)["epoch"] for line in folder.read_text().splitlines()]
        assert epochs == [1, 2, 3]


@pytest.mark.long
def test_an_impossible_value_is_a_pruned_trial_with_its_reason(tmp_path: Path) -> None:
    """Of 8 pixels less than a sixteenth is no pixel, so that nothing is moved."""
    line = ["+reg=[translation]", "reg.translation.fraction=interval(0.001,0.2)", "trials=12", "batch=6"]
    done = search(tmp_path, *line, *SMALL[:3], *SMALL[4:], *QUICK)
    assert done.returncode == 0, done.stderr
    moved = [one["trial"] for one in trials(tmp_path / ROOT) if one["arm"] == "translation"]
    impossible = [one for one in moved if one["values"]["reg.translation.fraction"] * 8 < 0.5]
    assert 0 < len(impossible) < len(moved)
    for one in moved:
        _told(one, one in impossible)


def _told(trial: Mapping[str, Any], is_impossible: bool) -> None:
    if is_impossible:
        assert (trial["state"], trial["score"]) == ("pruned", None)
        assert "reg.translation" in trial["reason"] or "fraction" in trial["reason"]
    else:
        assert trial["state"] == "complete"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["reg.dropout.p=interval(0,2)"], r"reg\.dropout\.p: must lie in \[0, 1\), got 2\.0"),
        (["reg.dropout.p=2"], r"reg\.dropout\.p: must lie in \[0, 1\), got 2\.0"),
        (
            ["reg.dropout.p={_target_:regbench.strengths.Nope}"],
            r"reg\.dropout\.p\._target_: module regbench\.strengths has no class 'Nope'",
        ),
        (["+reg=distillation"], r"reg\.distillation: teacher must be the folder of a finished run, got null"),
        (["+reg=[dropblock,mixup]"], r"reg\.dropblock: MLP has no 'hidden' site with maps \(C, H, W\)"),
        (["reg.dropout.mode=inverted,nope"], r"reg\.dropout\.mode: must be one of .*, got 'nope'"),
        (["train.lr=interval(-1,1)"], r"train\.lr: must lie in \[0, .*, got -1\.0"),
        (
            ["reg.dropout.nope=interval(0,1)"],
            r"reg\.dropout\.nope: no such key; did you mean 'reg\.dropout\.p'\?",
        ),
        (["storage=nope://x:secret@z/w"], r"storage: nope://x:\*\*\*@z/w cannot be opened: .*"),
    ],
)
def test_what_is_wrong_with_trials_is_said_before_a_folder_is_made(
    tmp_path: Path, words: list[str], said: str
) -> None:
    given = {word.partition("=")[0]: word for word in (*LINE, *words)}  # the last one of each counts
    done = search(tmp_path, *given.values())
    assert (done.returncode, list(tmp_path.iterdir())) == (2, [])
    assert re.fullmatch(f"regbench: {said}\n", done.stderr)


def test_an_arm_that_comes_to_no_end_has_found_nothing(tmp_path: Path) -> None:
    """Every run with such a penalty diverges, which no check before it can know."""
    given = {word.partition("=")[0]: word for word in (*LINE, "+reg=l1", "trials=4", "reg.l1.strength=1e30")}
    done = search(tmp_path, *given.values(), "--json", "found.json")
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["outcome"] == "nothing"
    assert found["said"].startswith(
        "Nothing was found that survives: no trial of l1 with a candidate has come"
    )
    assert "to go on:" not in done.stdout


def test_a_value_that_some_trials_can_have_is_searched(tmp_path: Path) -> None:
    """The smallest area must be at most the largest, which other trials have."""
    areas = [
        "reg.random_erasing.min_area=interval(0.3,0.4)",
        "reg.random_erasing.max_area=interval(0.35,0.9)",
    ]
    line = ["+reg=[random_erasing]", *areas, "trials=4", *SMALL, *QUICK]
    assert search(tmp_path, *line, "--plan").returncode == 0
    none = [line[0], areas[0], "reg.random_erasing.max_area=interval(0.1,0.2)", *line[3:]]
    done = search(tmp_path, *none, "--plan")
    assert done.returncode == 2
    # the values nearest to the defaults
    said = "reg.random_erasing.min_area: must be at most max_area, got 0.3 and 0.2"
    assert done.stderr == f"regbench: {said}\n"


def test_what_is_checked_beforehand_computes_nothing_that_a_worker_would_hang_after(tmp_path: Path) -> None:
    """A copy of a process that has computed with several threads hangs in its own first product."""
    line = [
        *LINE,
        "trials=2",
        "batch=2",
        "model.width=600",
        "train.batch_size=interval(16,64)",
        "train.epochs=1",
    ]
    given = {word.partition("=")[0]: word for word in line}  # the last one of each counts
    done = processes.fresh("search", *given.values(), cwd=tmp_path, OMP_NUM_THREADS="2")
    assert done.returncode == 0, done.stderr

"""What lies in the folder of a search: damaged, of another search, about to be written over, not claimed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import optuna
import pytest

from regbench.errors import ConfigError
from regbench.folders.outputs import ADVICE, OF_ADVICE, write_output
from regbench.folders.ownership import LOCK, MARK
from regbench.studies.advising import advising, folder
from regbench.studies.searching.rounds import StudyFolder
from regbench.studies.study import Output, refuse_output, refuse_outputs
from tests import processes

ABOUT = {
    "format": 1,
    "configuration": "one digest",
    "arms": {"baseline": {"train.lr": "0.1 to 1"}, "mixup": {"reg.mixup.alpha": "0.1 to 1"}},
    "words": {},
}
LINE = ["+reg=mixup", "trials=9", "threads=1"]
TRIAL = {
    **{
        "number": 0,
        "state": "complete",
        "members": [],
        "values": {"train.lr": 0.1},
        "words": ["train.lr=0.1"],
    },
    **{"score": 0.5, "loss": 1.0, "steps": {"1": 0.5}, "epochs": 1, "seconds": 0.1, "reason": ""},
    **{"jobs": ["a"], "noted": {}},
}
TRIALS = [{"arm": arm, "trial": TRIAL} for arm in ("baseline", "mixup")]
OPEN = [{"arm": one["arm"], "trial": TRIAL | {"state": "open", "score": None}} for one in TRIALS]
SIDE = {"arm": "mixup", "trial": 0, "stack": "mixup", "words": ["seed=1"], "folders": {"100": "a"}}
RIGHT: dict[str, dict[str, Any]] = {
    "0000.asked.json": {"trials": OPEN},
    "0000.ended.json": {"seconds": 1.5, "trials": TRIALS},
    "finalists.json": {"trials": {"baseline": [0], "mixup": [0]}, "seeds": [1], "fresh": [100]},
    "winner.json": {"arm": "mixup", "trial": 0, "baseline": 0, "lost": "", "margin": None},
    "confirmation.json": {
        **{"metric": "val/accuracy", "at": "last", "margin": None, "tuned": ["train.lr"], "seeds": [100]},
        **{"winner": SIDE, "baseline": SIDE, "over": "it is decided"},
    },
    "reading.json": {"a": 0},
}


@pytest.fixture
def study(tmp_path: Path) -> StudyFolder:
    made = StudyFolder(tmp_path / "one")
    with made.held():
        made.require(ABOUT, {"line": LINE})
    for name, content in RIGHT.items():
        (made.path / name).write_text(json.dumps(content))
    return made


def read(study: StudyFolder) -> list[Any]:
    """All that a search and `final` look at."""
    rounds = [study.about(), study.asked(0), study.ended(0), study.clock(0)]
    return [*rounds, study.finalists(), study.winner(), study.confirmation(), study.reading(), study.final()]


def test_files_that_are_whole_are_read(study: StudyFolder) -> None:
    assert read(study)[4:] == [RIGHT[name] for name in list(RIGHT)[2:]] + [None]
    (study.path / "confirmation.json").write_text('{"lost": "the baseline is as good"}')
    assert study.confirmation() == {"lost": "the baseline is as good"}


@pytest.mark.parametrize("name", ["search.json", *RIGHT, "final.json"])
@pytest.mark.parametrize("content", ["[]", "{}", '{"trials": [{}]}', '{"a": null}'])
def test_a_damaged_file_is_refused_where_it_is_read(study: StudyFolder, name: str, content: str) -> None:
    (study.path / name).write_text(content)
    with pytest.raises(ConfigError, match=rf"^study: in .*/study {name} must hold|name runs") as error:
        read(study)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("0000.asked.json", {"trials": []}, "must hold trials, and holds none"),
        ("0000.asked.json", {"trials": 3}, "must hold a list as trials, and holds 3"),
        (
            "0000.ended.json",
            {"trials": TRIALS[:1]},
            "must hold the trials of 0000.asked.json, and holds others",
        ),
        ("0000.ended.json", {"seconds": "1"}, 'must hold a number as seconds, and holds "1"'),
        (
            "0000.ended.json",
            {"trials": [TRIALS[0], {"arm": "mixup", "trial": TRIAL | {"state": "gone"}}]},
            'must hold the state of a trial as trials.1.trial.state, and holds "gone"',
        ),
        (
            "0000.ended.json",
            {"trials": [{"arm": "baseline", "trial": TRIAL | {"score": None}}, TRIALS[1]]},
            "must hold a score in trials.0.trial, which is complete, and holds none",
        ),
        (
            "0000.ended.json",
            {"trials": [{"arm": "baseline", "trial": TRIAL | {"steps": {"x": 1.0}}}, TRIALS[1]]},
            "must hold numbers as keys of trials.0.trial.steps, and holds x",
        ),
        (
            "0000.ended.json",
            {"trials": [{"arm": "baseline", "trial": TRIAL | {"more": 1}}, TRIALS[1]]},
            "must hold what a trial has, and holds more in trials.0.trial",
        ),
        (
            "0000.asked.json",
            {"trials": [{"arm": "l1", "trial": TRIAL}]},
            "of the search's arms, and holds l1",
        ),
        (
            "finalists.json",
            {"trials": {"mixup": [4]}},
            "must name trials that have ended, and names 4 of mixup",
        ),
        ("finalists.json", {"trials": {"l1": []}}, "must name trials that have ended, and names none of l1"),
        ("winner.json", {"arm": "l1"}, "must name trials that have ended, and names 0 of l1"),
        ("winner.json", {"baseline": -1}, "must hold a whole number of at least 0 as baseline, and holds -1"),
        ("confirmation.json", {"lost": ""}, ""),
        ("confirmation.json", {"seeds": [9]}, "must hold folders of both sides of seed 9, and lacks one"),
        (
            "confirmation.json",
            {"metric": "accuracy"},
            'must hold a figure of val as metric, and holds "accuracy"',
        ),
        ("reading.json", {"a": True}, "must hold a whole number of at least 0 as a, and holds true"),
    ],
)
def test_what_is_wrong_within_a_file_is_said(
    study: StudyFolder, name: str, change: dict[str, Any], said: str
) -> None:
    (study.path / name).write_text(json.dumps(RIGHT[name] | change))
    if not said:  # an empty reason is none
        assert study.confirmation()
        return
    with pytest.raises(ConfigError) as error:
        read(study)
    assert str(error.value).startswith(f"study: in {study.path} {name} ")
    assert str(error.value).endswith(said)


@pytest.mark.parametrize(
    ("about", "line", "said"),
    [
        (
            {"arms": {**ABOUT["arms"], "mixup": {"reg.mixup.alpha": "0.1 to 2"}}},  # type: ignore[dict-item]
            LINE,
            "whose arms.mixup.reg.mixup.alpha is 0.1 to 1 and not 0.1 to 2",
        ),
        (
            {"arms": {"baseline": {"train.lr": "0.1 to 1"}}},
            LINE,
            "whose arms has mixup, which this one's has not",
        ),
        ({"words": {"mixup": ["a"]}}, LINE, "whose words has no mixup, which this one's has"),
        (
            {"configuration": "another digest"},
            ["+reg=mixup", "trials=12", "threads=2"],
            "whose configuration, all values that decide a run, is another one: its line has threads=1 and "
            "this one has threads=2",
        ),
        (
            {"configuration": "another digest"},
            LINE,
            "is another one: both lines say the same, so its data or its defaults were others",
        ),
    ],
)
def test_of_another_search_the_first_place_that_differs_is_said(
    study: StudyFolder, about: dict[str, Any], line: list[str], said: str
) -> None:
    with pytest.raises(ConfigError) as error:
        study.require(ABOUT | about, {"line": line})
    assert said in str(error.value)
    assert str(error.value).endswith("; name this one by study=NAME")


def output(path: Path, option: str = "--json", is_folder: bool = False) -> Output:
    return Output(option, path, is_folder, lambda *_: None)


@pytest.mark.parametrize("name", ["search.json", "new.json", "0000.asked.json"])
def test_no_output_is_written_among_the_files_of_a_search(study: StudyFolder, name: str) -> None:
    before = (study.path / "search.json").read_bytes()
    with pytest.raises(ConfigError, match=r"^search: --json: must be no file of a search, got "):
        refuse_output("search", output(study.path / name))
    with pytest.raises(OSError, match="is a file of a search"):
        write_output(study.path / name, b"x")
    with pytest.raises(ConfigError, match=r"^search: --figures: must be no file of a search, got "):
        refuse_output("search", output(study.path, "--figures", True))
    assert (study.path / "search.json").read_bytes() == before
    refuse_output("search", output(study.root / "found.json"))


def test_no_output_takes_the_place_of_what_an_advice_knows(tmp_path: Path) -> None:
    assert {*OF_ADVICE} == {
        folder.ABOUT,
        *(advising.PLAN, advising.RACE, advising.SEARCH, advising.ABLATION),
    }
    write_output(tmp_path / "plan.json", b"a person's own")
    (tmp_path / ADVICE).write_text("{}")
    refuse_output("advise", output(tmp_path / ADVICE))  # a person's own report of that name
    (tmp_path / LOCK).touch()
    for name in OF_ADVICE:
        with pytest.raises(ConfigError, match=r"^advise: --html: must be no file of an advice, got "):
            refuse_output("advise", output(tmp_path / name, "--html"))
    refuse_output("advise", output(tmp_path / "page.html"))


def test_no_output_lies_in_the_folder_of_a_run(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    refuse_output("race", output(tmp_path / "run" / "found.json"))
    (tmp_path / "run" / MARK).touch()
    (tmp_path / "link").symlink_to("run")
    for place in ("run", "link"):
        for one in (output(tmp_path / place / "found.json"), output(tmp_path / place, "--figures", True)):
            with pytest.raises(
                ConfigError, match=rf"^race: {one.option}: must not lie in the folder of a run"
            ):
                refuse_output("race", one)


def test_two_outputs_at_one_place_are_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    two = [output(tmp_path / "same.x"), output(tmp_path / "link" / "same.x", "--html")]
    with pytest.raises(
        ConfigError,
        match=r"^strength: --html: must be another place than that of --json, got same\.x for both$",
    ):
        refuse_outputs("strength", two)
    refuse_outputs("strength", [two[0], output(tmp_path / "other.x", "--html")])
    refuse_outputs("strength", [output(Path("/dev/null")), output(Path("/dev/null"), "--html")])


@pytest.mark.parametrize("command", [["search", "+reg=dropout"], ["advise", "model=mlp"]])
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--json", "same.x", "--html", "same.x"], "--html: must be another place than that of --json"),
        (["--metric", "accuracy"], "--metric must be a figure of val, such as val/accuracy; got accuracy"),
        (["--metric", "test/accuracy"], "--metric must be a figure of val, such as val/accuracy; got test/"),
        (
            ["--metric", "select/loss"],
            "--metric must be a figure of val, which has chosen nothing; got select/",
        ),
    ],
)
def test_it_is_said_of_a_whole_line(tmp_path: Path, command: list[str], words: list[str], said: str) -> None:
    done = processes.run(*command, *words, cwd=tmp_path)
    assert (done.returncode, list(tmp_path.iterdir())) == (2, [])
    assert done.stderr.startswith(f"regbench: {command[0]}: {said}")


QUICK = ["train.epochs=1", "model.width=8", "dataset.num_train=97", "device=cpu", "study=st"]


@pytest.mark.parametrize("kind", ["below nothing", "a folder", "no database", "another search's"])
def test_a_storage_that_is_refused_leaves_nothing(tmp_path: Path, kind: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("no database\n" * 200)
    line = [
        "search",
        "+reg=dropout",
        "trials=2",
        "confirm.seeds=6",
        "finalists=1",
        "finalists.seeds=1",
        *QUICK,
    ]
    place = {"below nothing": "no/x.db", "a folder": "folder", "no database": "text"}.get(kind, "own.db")
    if place == "own.db":
        made = optuna.create_study(storage=f"sqlite:///{tmp_path}/own.db", study_name="st/baseline")
        made.set_user_attr("regbench", "another one")
    done = processes.run(*line, f"storage=sqlite:///{tmp_path}/{place}", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"regbench: storage: sqlite:///{tmp_path}/{place} ")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "outputs").exists()


def test_figures_are_refused_where_a_search_that_has_not_begun_will_have_its_files(tmp_path: Path) -> None:
    line = ["search", "+reg=dropout", "trials=2", *QUICK, "--figures", "outputs/searches/st/study"]
    done = processes.run(*line, cwd=tmp_path)
    said = "search: --figures: must be no file of a search, got outputs/searches/st/study"
    assert (done.returncode, done.stderr) == (2, f"regbench: {said}\n")
    assert list(tmp_path.iterdir()) == []

"""`regbench race` as a person meets it: typed, stopped, killed and typed again."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from regbench.commands import compare
from regbench.commands.race import main
from regbench.errors import ConfigError
from regbench.studies.readings import Readings
from tests import processes

QUICK = [
    *["train.epochs=3", "train.lr=0.3", "train.batch_size=32", "model.width=16", "dataset.num_train=97"],
    "device=cpu",
]
# without noise there is no difference to the baseline, to the bit; with little but noise nothing is learned
LINE = ["+reg=dropout", "reg.dropout.p=0,0.97", *QUICK, "--margin", "1"]


@pytest.fixture
def race(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a line in a folder; give its status, what it says, and what it writes."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[int, str, dict[str, Any]]:
        code = main([*words, "--json", "found.json"])
        file = tmp_path / "found.json"
        return code, capsys.readouterr().out, json.loads(file.read_text()) if file.exists() else {}

    return run


def jobs(folder: Path) -> set[str]:
    return {path.parent.name for path in folder.glob("outputs/sweeps/*/*/summary.json")}


def when(folder: Path) -> dict[str, int]:
    paths = folder.glob("outputs/sweeps/*/*/summary.json")
    return {path.parent.name: path.stat().st_mtime_ns for path in paths}


def states(found: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["state"] for one in found["stacks"]}


def verdicts(report: dict[str, Any]) -> dict[str, str]:
    (comparison,) = report["comparisons"]
    return {arm["name"]: arm["verdict"]["word"] for arm in comparison["arms"] if arm["verdict"]}


def test_a_race_ends_when_all_is_decided_and_compare_says_the_same_of_its_folders(
    race: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said, found = race(*LINE)
    assert code == 0
    assert "the empty stack is added, as the baseline" in said
    assert "no budget is set" in said
    assert (
        "dropout p=0 makes no difference that matters after 7 seeds: val accuracy 0.00 points [0.00, 0.00]"
        in said
    )
    assert re.search(r"dropout p=0.97 is worse after \d+ seeds: val accuracy -\d", said)
    assert f"the race is over after {len(jobs(tmp_path))} jobs" in said
    assert found["over"] == "all is decided"
    expected = {"dropout p=0": "no difference that matters", "dropout p=0.97": "worse"}
    assert states(found) == {"baseline": "baseline", **expected}
    assert verdicts(found["report"]) == expected
    base, same, worse = found["stacks"]
    assert base["seeds"] == max(same["seeds"], worse["seeds"])
    assert same["seeds"] + worse["seeds"] + base["seeds"] == len(jobs(tmp_path))
    assert worse["standing"]["high"] < 0
    # the line that is printed gives that report again
    command = said.strip().splitlines()[-1].strip()
    assert command == "regbench compare outputs/sweeps/digits_mlp --margin 1"
    assert compare.main([*shlex.split(command)[2:], "--json", "again.json"]) == 0
    assert capsys.readouterr().out.strip() in said
    assert json.loads((tmp_path / "again.json").read_text()) == found["report"]
    # all is decided at once where it is typed again, or planned
    before = when(tmp_path)
    assert race(*LINE)[1].count("is worse after") == 1
    assert when(tmp_path) == before
    assert main([*LINE, "--plan"]) == 0
    assert "nothing is left to run: all is decided" in capsys.readouterr().out
    # where other runs lie in the folder, the line names those of the race
    names = jobs(tmp_path)
    place = tmp_path / "outputs/sweeps/digits_mlp"
    shutil.copytree(place / min(names), place / "other")
    words = shlex.split(race(*LINE)[1].strip().splitlines()[-1])
    assert {Path(word).name for word in words[2:-2]} == names


def ended(folder: Path, count: int) -> None:
    """Wait until so many jobs have ended."""
    until = time.monotonic() + 120
    while len(jobs(folder)) < count:
        assert time.monotonic() < until
        time.sleep(0.02)


def verdict_lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if re.search(r" (is|makes) .* after \d+ seeds: ", line)]


@pytest.mark.long
def test_a_race_that_is_killed_goes_on_and_ends_as_an_undisturbed_one(tmp_path: Path) -> None:
    places = [tmp_path / name for name in ("killed", "whole")]
    for place in places:
        place.mkdir()
    with processes.start("race", *LINE, cwd=places[0]) as process:
        ended(places[0], 5)
        process.kill()
        process.wait(60)
    before = when(places[0])
    done = [processes.run("race", *LINE, cwd=place) for place in places]
    assert [one.returncode for one in done] == [0, 0], done[0].stderr
    assert before.items() <= when(places[0]).items(), "what had ended is not run again"
    assert verdict_lines(done[0].stdout) == verdict_lines(done[1].stdout)
    assert len(verdict_lines(done[0].stdout)) == 2, "each as it falls"
    assert jobs(places[0]) == jobs(places[1])


@pytest.mark.long
def test_so_does_a_race_side_by_side(tmp_path: Path) -> None:
    done = []
    for name, words in (("turn", ["hydra/launcher=basic"]), ("side", ["hydra.launcher.n_jobs=3"])):
        (tmp_path / name).mkdir()
        done.append(processes.run("race", *LINE, *words, cwd=tmp_path / name))
        assert done[-1].returncode == 0, done[-1].stderr
    assert verdict_lines(done[0].stdout) == verdict_lines(done[1].stdout)
    assert jobs(tmp_path / "turn") == jobs(tmp_path / "side")


def test_ctrl_c_ends_it_with_what_is_known_and_the_same_line_goes_on(tmp_path: Path) -> None:
    with processes.start("race", *LINE, cwd=tmp_path) as process:
        ended(tmp_path, 4)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        said, wrong = process.out, process.err
    assert "the same line goes on" in said
    assert "spent: " in said
    assert "dropout p=0 is not resolved" in said
    assert "regbench compare outputs/sweeps/digits_mlp --margin 1" in said
    assert wrong.endswith("regbench: interrupted\n")


@pytest.mark.parametrize("budget", ["budget.jobs=24", pytest.param("budget.seeds=8", marks=pytest.mark.long)])
def test_a_budget_is_not_exceeded(race: Any, tmp_path: Path, budget: str) -> None:
    line = ["+reg=[],label_smoothing,confidence_penalty", *QUICK, budget]
    code, said, found = race(*line)
    assert code == 0
    limit = int(budget.partition("=")[2])
    if "jobs" in budget:
        assert len(jobs(tmp_path)) <= limit
        assert found["over"] == f"the budget of {limit} jobs is spent"
    else:
        assert [one["seeds"] for one in found["stacks"]] == [limit] * 3
        assert found["over"] == f"all {limit} seeds are used"
    assert set(states(found).values()) == {"baseline", "open"}
    assert set(verdicts(found["report"]).values()) == {"not resolved"}
    assert "label_smoothing is not resolved" in said


def test_a_job_that_would_not_end_in_time_is_not_started(race: Any, tmp_path: Path) -> None:
    in_turn = "hydra/launcher=basic"  # the first job then begins at once, however busy the machine is
    code, said, found = race("+reg=[],label_smoothing", *QUICK, "budget=1s", in_turn)
    assert code == 0
    assert found["over"].startswith("the time is spent")
    assert 0 < len(jobs(tmp_path)) < 40
    seeds = [one["seeds"] for one in found["stacks"]]
    assert sum(seeds) == len(jobs(tmp_path)), "what was not started does not count"
    assert {path.name for path in tmp_path.glob("outputs/sweeps/*/*")} == jobs(tmp_path)
    assert "failed" not in said


@pytest.mark.parametrize(
    ("seconds", "said"), [(90.0, ": the next job would take about 1 min 30 s, and "), (0.04, "")]
)
def test_what_the_next_job_would_take_is_told_where_it_is_a_time(
    seconds: float, said: str, race: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = Readings.longest

    def longest(self: Readings, entry: int) -> float | None:
        if measured(self, entry) is None:  # of the first round: nothing has been run
            return None
        time.sleep(1.2 if seconds < 1 else 0)  # asked before the jobs are started: the time is over by then
        return seconds

    monkeypatch.setattr(Readings, "longest", longest)
    budget = "budget=1s" if seconds < 1 else "budget=59s"  # in which the first round ends on any machine
    _, _, found = race("+reg=[],label_smoothing", *QUICK, budget, "hydra/launcher=basic")
    assert found["over"].partition(said or "?")[0] == "the time is spent"
    assert found["over"].endswith("are left of 59.0 s" if said else "spent")


def test_a_plan_says_what_comes_first_and_starts_nothing(race: Any, tmp_path: Path) -> None:
    code, said, _ = race("+reg=[],dropout,mixup", *QUICK, "budget=2h", "--plan")
    assert code == 0
    assert "2 to decide, none of them before 7 seeds" in said
    assert "3 jobs, 0 done, 3 left: about " in said
    assert not list(tmp_path.glob("outputs/sweeps/*/*"))


def test_a_stack_that_diverges_is_out_and_the_others_go_on(race: Any, tmp_path: Path) -> None:
    code, said, found = race("+reg=l2", "reg.l2.strength=0,1e30", *QUICK, "--margin", "1")
    assert code == 4
    assert "l2 strength=1e+30 is out: diverged with seed 0" in said
    assert states(found) == {
        "baseline": "baseline",
        "l2 strength=0": "no difference that matters",
        "l2 strength=1e+30": "diverged with seed 0",
    }
    assert found["over"] == "all others are decided, and l2 strength=1e+30 diverged with seed 0"
    assert sum("strength=1e+30" in one["name"] and one["seeds"] for one in found["stacks"]) == 1
    assert said.count("  regbench train -m ") == 1, "how to repeat that one"


def test_without_a_baseline_it_is_over(race: Any, tmp_path: Path) -> None:
    quick = [word for word in QUICK if "lr" not in word]
    code, said, _ = race("+reg=[],dropout", *quick, "train.lr=1e30")
    assert code == 4
    assert "the baseline diverged with seed 0, and nothing can be compared without it" in said
    assert len(jobs(tmp_path)) == 2


def test_a_metric_that_no_run_has_is_refused_once_that_is_known(race: Any) -> None:
    with pytest.raises(
        ConfigError, match=r"^race: --metric: no run that counts has measured val/f2; there are"
    ):
        race("+reg=[],dropout", *QUICK, "--metric", "val/f2")


def test_of_numbers_to_predict_it_speaks_in_their_unit(race: Any, tmp_path: Path) -> None:
    rows = [f"{k % 17},{k % 5},{100 * (k % 17) - 30 * (k % 5)}\n" for k in range(200)]
    (tmp_path / "houses.csv").write_text("rooms,floor,price\n" + "".join(rows))
    line = ["dataset=table", "dataset.path=houses.csv", "dataset.target=price", "dataset.unit=EUR"]
    line += ["model.width=8", "train.epochs=1", "device=cpu", "+reg=dropout", "reg.dropout.p=0"]
    code, said, found = race(*line, "--metric", "val/rmse", "--margin", "20")
    assert code == 0
    assert (
        "dropout makes no difference that matters after 6 seeds: val RMSE 0.0000 EUR [0.0000, 0.0000]" in said
    )
    assert "lies within 20.000 EUR of 0" in said
    (comparison,) = found["report"]["comparisons"]
    assert comparison["terms"] == {"task": "regression", "unit": "EUR"}
    assert comparison["judge"]["margin"] == 20
    _, said, found = race(*line, "--margin", "0.01")
    (comparison,) = found["report"]["comparisons"]
    assert (comparison["metric"], comparison["judge"]["margin"]) == ("val/r2", 0.01)
    assert "val R2: 1 of 1 decided; 12 jobs" in said
    assert shlex.split(said.splitlines()[-1])[:3] == ["regbench", "compare", "outputs/sweeps/table_mlp"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["+reg=[]"], "race: must have a stack beside the empty one, such as .*, got none"),
        (["+reg=droput"], "no option 'droput'"),
        (["+reg=dropout", "budget=2"], "budget: must be a time such as"),
        (
            ["+reg=dropout", "budget.jobs=9"],
            "budget.jobs: must be at least 12, as nothing can be decided with",
        ),
        (
            ["+reg=[],dropout", "budget.seeds=5"],
            "budget.seeds: must be at least 6, as .* with one stack, got 5",
        ),
        (["+reg=dropout", "seed=range(5)"], "seed: must have at least 6 values, .*, got 5; without the key"),
        (["+reg=dropout,mixup", "seed=3"], "seed: must have at least 7 values, .* with 2 beside the"),
        (["+reg=dropout", "--margin", "0"], "race: --margin must be a number above 0"),
        (["+reg=dropout", "--margin", "x"], "got x"),
        (["+reg=dropout", "--metric", "gap/accuracy"], "race: --metric must be a figure of val"),
        (["+reg=dropout", "--fixed-seeds"], "race: unrecognized arguments: --fixed-seeds"),
        (["+reg=dropout", "--json", "no/such.json"], "race: --json: must be a file in a folder"),
        (
            ["+reg=dropout", "model=mlp,cnn"],
            "race: must be of stacks that differ in nothing else, .* of model",
        ),
        (["+reg=dropout", "train.epochs=0"], "epochs must be at least 1, got 0"),
        (["+reg=dropout", "--cfg", "job"], "race: --cfg is for `regbench train`"),
    ],
)
def test_a_wrong_line_is_refused_in_a_sentence_and_nothing_is_run(
    words: Sequence[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=sentence) as caught:
        main([*words])
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []

"""A part of the battery of wrong inputs, and that the battery itself would notice what it is for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzzing.battery import KINDS, Name, names
from tests.fuzzing.case import Case
from tests.fuzzing.children import Answer
from tests.fuzzing.digests import changes, digests
from tests.fuzzing.verdict import faults

ROOT = Path(__file__).resolve().parents[2]
SENTENCE = "regbench: train.epochs: must be at least 1, got 0\n"
WRONG = Case(["train", "train.epochs=0"], ["train.epochs"])


def judged(
    case: Case = WRONG, status: int = 2, err: str = SENTENCE, out: str = "", after: str = "x"
) -> list[str]:
    answer = Answer(status, out, err, 1.0)
    return faults(case, answer, {"kept": "x"}, {"kept": after} if after else {}, Path(), {})


@pytest.mark.parametrize("cases", [len(KINDS), pytest.param(200, marks=pytest.mark.long)])
def test_wrong_inputs_of_each_kind_are_answered_rightly(cases: int) -> None:
    fuzz = [
        sys.executable,
        str(ROOT / "scripts" / "fuzz"),
        "--cases",
        str(cases),
        "--seed",
        "11",
        "--jobs",
        "1",
    ]
    done = subprocess.run([*fuzz, "--seconds", "60"], cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{cases} of {cases} wrong inputs are answered rightly" in done.stdout


def test_a_refusal_in_one_sentence_is_right() -> None:
    assert judged() == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"status": 1}, "exit status 1 and not 2"),
        ({"status": 0}, "exit status 0 and not 2"),
        ({"err": "Traceback (most recent call last):\nValueError: x\n"}, "a trace"),
        ({"err": "train.epochs is wrong\n"}, "does not begin with 'regbench: '"),
        ({"err": SENTENCE + "and more\n"}, "2 lines"),
        ({"err": ""}, "does not begin with 'regbench: '"),
        ({"err": SENTENCE.replace("epochs", "epoch\x1b[31m")}, "cannot be printed"),
        ({"err": SENTENCE.replace("0", "0" * 600)}, "signs"),
        ({"err": "regbench: seed: must be a whole number\n"}, "names none of train.epochs"),
        ({"after": "y"}, "left: changed kept"),
        ({"after": ""}, "left: removed kept"),
    ],
)
def test_any_other_answer_to_a_wrong_line_is_a_fault(wrong: dict[str, object], said: str) -> None:
    assert any(said in one for one in judged(**wrong))  # type: ignore[arg-type]


def test_an_answer_that_never_came_is_a_fault() -> None:
    late = Answer(-9, "", "", 20.0, "no answer within 20 s")
    assert faults(WRONG, late, {}, {}, Path(), {}) == ["no answer within 20 s"]


def test_where_a_result_may_be_right_it_is_looked_at() -> None:
    case = Case(["resume", "run"], statuses=(2, 0), right=lambda work, stock: "other weights")
    assert judged(case, status=0, err="") == ["other weights"]
    assert judged(case, status=0, err="", after="y") == ["in the folder: changed kept", "other weights"]


def test_files_are_told_apart_by_their_content_and_kind(tmp_path: Path) -> None:
    for name in ("kept", "changed", "removed"):
        (tmp_path / name).write_text(name)
    before = digests(tmp_path)
    (tmp_path / "changed").write_text("another")
    (tmp_path / "removed").unlink()
    (tmp_path / "made").mkdir()
    assert changes(before, digests(tmp_path), []) == ["removed removed", "changed changed", "new made"]
    assert changes(before, digests(tmp_path), ["made", "re*"]) == ["changed changed"]
    (tmp_path / "changed").unlink()
    (tmp_path / "changed").symlink_to("kept")
    assert "changed changed" in changes(before, digests(tmp_path), [])


@pytest.mark.parametrize("kind", KINDS)
def test_a_case_is_drawn_again_by_its_name(kind: str) -> None:
    one, again = Name(kind, 3, 17).case(), Name.of(f"{kind}:3:17").case()
    assert (one.words, one.about, one.statuses, one.env) == (
        again.words,
        again.about,
        again.statuses,
        again.env,
    )


def test_a_hundred_cases_are_of_all_kinds() -> None:
    assert {one.kind for one in names(KINDS, 100, 0)} == set(KINDS)

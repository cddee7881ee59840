"""Whether an answer is right: one sentence that names what is wrong, nothing left, nothing lost."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from tests.fuzzing.case import REFUSED, Case
from tests.fuzzing.children import Answer
from tests.fuzzing.digests import changes

LONGEST = 600  # characters of a sentence
BEGINS = "regbench: "
ALWAYS = ("*/.lock", ".lock")  # the lock of a run folder, which is the operating system's
# what a killed process leaves, and whoever holds the folder after it takes away
LEFTOVER = re.compile(r"removed (.*/)?(\.holder|[^/]+-\d+\.tmp)")
WARNED = re.compile(r"^\S+:\d+: \w*Warning: |^\S*/\S+\.py:\d+", re.M)


def faults(
    case: Case,
    answer: Answer,
    before: dict[str, str],
    after: dict[str, str],
    folder: Path,
    stock: Mapping[str, Path],
) -> list[str]:
    """What is wrong with an answer; empty where it is right."""
    if answer.excess:
        return [answer.excess]
    said = []
    if "Traceback" in answer.out + answer.err:
        said.append("a trace")
    if answer.status not in case.statuses:
        said.append(f"exit status {answer.status} and not {' or '.join(map(str, case.statuses))}")
    if answer.status == REFUSED:
        said += _of_sentence(answer.err, case)
        left = changes(before, after, [*ALWAYS, *case.leaves])
        said += [f"left: {one}" for one in left if not LEFTOVER.fullmatch(one)][:5]
        return said
    said += _of_signs(answer.out + answer.err)
    if WARNED.search(answer.err) and "a trace" not in said:
        said.append("a warning of Python's own")
    said += [f"in the folder: {one}" for one in changes(before, after, [*ALWAYS, *case.writes])][:5]
    if case.right and answer.status in case.statuses:
        wrong = case.right(folder, stock)
        said += [wrong] if wrong else []
    return said


def _of_sentence(err: str, case: Case) -> list[str]:
    said = _of_signs(err.rstrip("\n"), newline=False)
    sentence = err.rstrip("\n")
    if not sentence.startswith(BEGINS):
        said.append(f"does not begin with {BEGINS!r}")
    if len(sentence.partition("; type ")[0]) > LONGEST:  # what is to be typed is as long as what was
        said.append(f"a sentence of {len(sentence)} signs")
    if case.named and not any(name.lower() in sentence.lower() for name in case.named):
        said.append(f"names none of {', '.join(case.named)}"[:200])
    return said


def _of_signs(text: str, newline: bool = True) -> list[str]:
    lines = text.count("\n")
    if not newline and lines:
        return [f"{lines + 1} lines"]
    signs = sorted({sign for sign in text.replace("\n", "") if not sign.isprintable()} - {"\t", "\xa0"})
    return [f"signs that cannot be printed: {' '.join(map(ascii, signs))[:100]}"] if signs else []

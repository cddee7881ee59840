"""What each file of a study must hold, and what is said of one that does not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from regbench.analysis.searching import TrialState
from regbench.errors import brief
from regbench.folders.outputs import ABOUT
from regbench.studies.searching.differences import brief_json

FINALISTS = "finalists.json"
WINNER = "winner.json"
CONFIRMATION, READING, FINAL = "confirmation.json", "reading.json", "final.json"
ASKED, ENDED = "asked", "ended"


class Kind(NamedTuple):
    """What a value of a file must be.

    Attributes:
        what: in words.
        fits: whether a value is that.
    """

    what: str
    fits: Callable[[Any], bool]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


ANYTHING = Kind("a value", lambda _: True)
TEXT = Kind("text", lambda value: isinstance(value, str))
NUMBER = Kind("a number", _is_number)
OPTIONAL = Kind("a number or null", lambda value: value is None or _is_number(value))
WHOLE = Kind("a whole number", _is_whole)
COUNT = Kind("a whole number of at least 0", lambda value: _is_whole(value) and value >= 0)
STATE = Kind("the state of a trial", lambda value: isinstance(value, str) and value in [*TrialState])
SNAPSHOT = Kind("last or best", lambda value: value in ("last", "best"))
OF_VAL = Kind("a figure of val", lambda value: isinstance(value, str) and value.startswith("val/"))
SIDE = {"arm": TEXT, "trial": COUNT, "stack": TEXT, "words": [TEXT], "folders": {int: TEXT}}
TRIAL = {
    "number": COUNT,
    "state": STATE,
    "members": [TEXT],
    "values": {str: ANYTHING},
    "words": [TEXT],
    "score": OPTIONAL,
    "loss": OPTIONAL,
    "steps": {int: NUMBER},
    "epochs": COUNT,
    "seconds": NUMBER,
    "reason": TEXT,
    "jobs": [TEXT],
    "noted": {str: NUMBER},
}
READ = {
    "seed": WHOLE,
    "winner": NUMBER,
    "baseline": NUMBER,
    "winner_test": NUMBER,
    "baseline_test": NUMBER,
    "reads": [COUNT],
}
COMPARED = {
    "metric": TEXT,
    "differences": [NUMBER],
    "mean": NUMBER,
    "low": OPTIONAL,
    "high": OPTIONAL,
    "p": OPTIONAL,
    "word": TEXT,
}
# What each kind of file must hold at least: objects by key, or with any keys of a type; lists of one kind.
SHAPES: dict[str, Any] = {
    ABOUT: {"line": [TEXT]},  # what else it holds is looked at by `require`
    ASKED: {"trials": [{"arm": TEXT, "trial": TRIAL}]},
    ENDED: {"seconds": NUMBER, "trials": [{"arm": TEXT, "trial": TRIAL}]},
    FINALISTS: {"trials": {str: [COUNT]}, "seeds": [WHOLE], "fresh": [WHOLE]},
    WINNER: {"arm": TEXT, "trial": COUNT, "baseline": COUNT, "lost": TEXT, "margin": OPTIONAL},
    CONFIRMATION: {
        "metric": OF_VAL,
        "at": SNAPSHOT,
        "margin": OPTIONAL,
        "tuned": [TEXT],
        "seeds": [WHOLE],
        "winner": SIDE,
        "baseline": SIDE,
        "over": TEXT,
    },
    READING: {str: COUNT},
    FINAL: {
        "format": WHOLE,
        "regbench": TEXT,
        "at": SNAPSHOT,
        "winner": SIDE,
        "baseline": SIDE,
        "readings": [READ],
        "val": COMPARED,
        "test": COMPARED,
        "terms": {str: ANYTHING},
        "read": TEXT,
    },
}
LOST = {"lost": TEXT}  # the same of a winner that need not be confirmed


def wrong_in(name: str, found: Mapping[str, Any]) -> str:
    """What is not as it must be in a file of a study, in words that follow its name; empty where nothing is.

    Args:
        name: of the file.
        found: its object.
    """
    kind = name.split(".")[1] if name.endswith((f".{ASKED}.json", f".{ENDED}.json")) else name
    if kind not in SHAPES:
        return ""
    shape = LOST if kind == CONFIRMATION and found.get("lost") else SHAPES[kind]
    return _wrong(found, shape) or _empty(kind, found)


def _wrong(found: Any, shape: Any, at: str = "") -> str:
    """What is not as it must be, in words that follow the name of the file; empty where nothing is.

    Args:
        found: a value of the file.
        shape: a `Kind`; a list of the one kind that items are of; an object with these keys at least, or
            with any keys where it has one that is a type, of which they are.
        at: the keys that lead to the value.
    """
    if isinstance(shape, Kind):
        return "" if shape.fits(found) else _unlike(shape.what, at, found)
    if isinstance(shape, list):
        if not isinstance(found, list):
            return _unlike("a list", at, found)
        return _first((_within(at, number), one, shape[0]) for number, one in enumerate(found))
    if not isinstance(found, dict):
        return _unlike("an object", at, found)
    return _wrong_keys(found, shape, at) or _first(
        (_within(at, key), one, shape[key] if key in shape else next(iter(shape.values())))
        for key, one in found.items()
        if key in shape or _any_key(shape)
    )


def _first(each: Iterable[tuple[str, Any, Any]]) -> str:
    """What is wrong with the first value that is, each given with its keys and its shape."""
    return next((said for at, one, shape in each if (said := _wrong(one, shape, at))), "")


def _wrong_keys(found: Mapping[str, Any], shape: Mapping[Any, Any], at: str) -> str:
    of = f" of {at}" if at else ""
    if _any_key(shape):
        strange = [key for key in found if int in shape and not _is_key(key)]
        return f"must hold numbers as keys{of}, and holds {brief(strange[0])}" if strange else ""
    missing = [key for key in shape if key not in found]
    return f"must hold {missing[0]}{of}, and lacks it" if missing else ""


def _any_key(shape: Mapping[Any, Any]) -> bool:
    return int in shape or str in shape


def _within(at: str, key: object) -> str:
    return f"{at}.{key}" if at else str(key)


def _is_key(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20


def _unlike(due: str, at: str, found: Any) -> str:
    return f"must hold {due}{f' as {at}' if at else ''}, and holds {brief_json(found)}"


def _empty(kind: str, found: Mapping[str, Any]) -> str:
    """Of what is right in its form, what cannot have been written so; in words as those of `_wrong`."""
    if kind == READING and not found:
        return "must name runs, and names none"
    if kind == CONFIRMATION and not found.get("lost"):
        folders = [found[side]["folders"] for side in ("winner", "baseline")]
        if gone := [seed for seed in found["seeds"] if any(str(seed) not in of for of in folders)]:
            return f"must hold folders of both sides of seed {gone[0]}, and lacks one"
    for number, one in enumerate(found["trials"] if kind in (ASKED, ENDED) else ()):
        trial, at = one["trial"], f"trials.{number}.trial"
        if strange := sorted(trial.keys() - TRIAL.keys()):
            return f"must hold what a trial has, and holds {brief(strange[0])} in {at}"
        if trial["state"] == TrialState.COMPLETE and trial["score"] is None:
            return f"must hold a score in {at}, which is complete, and holds none"
    return ""

"""What a search has asked for and what came of it, in files that are whole or not there.

The folder `study` of a search holds one file for each round of trials that was asked for, and one for what
came of it. They, and the run folders, are all that a search knows: it can be killed at any moment and typed
again, and several processes that share the folder ask for the same trials. Whoever writes holds the folder.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from regbench.analysis.searching import BASELINE, Trial, TrialState
from regbench.errors import ConfigError, brief, listed
from regbench.folders.lock import locked
from regbench.folders.outputs import ABOUT, STUDY
from regbench.storage.files import write_json
from regbench.storage.reading import json_object
from regbench.studies.searching.settings import KNOWN

FORMAT = 1
FINALISTS, JOURNAL = "finalists.json", "optuna.journal"
WINNER = "winner.json"
CONFIRMATION, READING, FINAL = "confirmation.json", "reading.json", "final.json"
ASKED, ENDED = "asked", "ended"
CONFIGURATION = "configuration"  # a digest, so that what differs in it cannot be shown
LONGEST = 120  # signs of a value that is shown


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


@dataclass(frozen=True)
class Asked:
    """A trial that is asked for.

    Attributes:
        arm: its name.
        trial: open, or impossible, with its reason.
    """

    arm: str
    trial: Trial


class StudyFolder:
    """The files of a search.

    Args:
        root: its folder, which holds the runs, too.
    """

    def __init__(self, root: Path) -> None:
        self.root, self.path = root, root / STUDY

    @property
    def journal(self) -> Path:
        """Where Optuna's record is, unless it is elsewhere."""
        return self.path / JOURNAL

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else writes as long as the body runs."""
        self.path.mkdir(parents=True, exist_ok=True)
        with locked(self.path, wait=True):
            yield

    def require(self, about: Mapping[str, Any], told: Mapping[str, Any]) -> None:
        """Write what the search is, or refuse a folder that holds another one.

        Args:
            about: what must be the same.
            told: what is written besides, for readers.

        Raises:
            ConfigError: it does.
        """
        there = self._read(ABOUT)
        if there is None:
            write_json(self.path / ABOUT, {**told, **about})
            return
        for key, value in json.loads(json.dumps(about)).items():
            if there.get(key) != value:
                said = _apart(key, there.get(key), value)
                if key == CONFIGURATION:
                    said = _lines_apart(there["line"], told.get("line", ()))
                raise ConfigError(
                    f"study: {self.root} holds another search, whose {said}; name this one by study=NAME"
                )

    def about(self) -> dict[str, Any] | None:
        """What the search is; None where the folder holds none."""
        return self._read(ABOUT)

    def rounds(self) -> int:
        """How many have been asked for."""
        number = 0
        while (self.path / _name(number, ASKED)).exists():
            number += 1
        return number

    def asked(self, number: int) -> list[Asked]:
        """The trials of a round."""
        name = _name(number, ASKED)
        trials = self._trials(name) or []
        if not trials:
            raise self._refused(name, "must hold trials, and holds none")
        return trials

    def ask(self, number: int, trials: list[Asked]) -> None:
        """Write the trials of a round."""
        write_json(self.path / _name(number, ASKED), {"trials": [asdict(one) for one in trials]})

    def ended(self, number: int) -> list[Asked] | None:
        """What came of the trials of a round; None before that is known."""
        name = _name(number, ENDED)
        trials = self._trials(name)
        if trials is not None and _numbers(trials) != _numbers(self.asked(number)):
            raise self._refused(name, f"must hold the trials of {_name(number, ASKED)}, and holds others")
        return trials

    def end(self, number: int, trials: list[Asked], seconds: float) -> None:
        """Write what came of them, once, and how long that took by the clock."""
        if self.ended(number) is None:
            found = {"seconds": round(seconds, 3), "trials": [asdict(one) for one in trials]}
            write_json(self.path / _name(number, ENDED), found)

    def clock(self, number: int) -> float:
        """Seconds of the clock that a round took; 0 before it has ended."""
        return float((self._read(_name(number, ENDED)) or {}).get("seconds", 0.0))

    def winner(self) -> dict[str, Any] | None:
        """Who won, and why it need not be confirmed, if so; None before one is named."""
        found = self._read(WINNER)
        if found is not None:
            self._require_ended(WINNER, {found["arm"]: [found["trial"]], BASELINE: [found["baseline"]]})
        return found

    def name_winner(self, found: Mapping[str, Any]) -> None:
        """Write that, once."""
        if self.winner() is None:
            write_json(self.path / WINNER, dict(found))

    def finalists(self) -> dict[str, Any] | None:
        """Which trials are finalists, and the seeds of what comes after; None before they are named."""
        found = self._read(FINALISTS)
        if found is not None:
            self._require_ended(FINALISTS, found.get("trials", {}))
        return found

    def name_finalists(self, found: Mapping[str, Any]) -> None:
        """Write that, once."""
        if self.finalists() is None:
            write_json(self.path / FINALISTS, dict(found))

    def confirmation(self) -> dict[str, Any] | None:
        """Which runs confirmed the winner, or why none had to; None before that has ended."""
        return self._read(CONFIRMATION)

    def confirm(self, found: Mapping[str, Any]) -> None:
        """Write that, unless more seeds are there already: a budget that was raised adds some."""
        there = self.confirmation()
        if there is None or len(there.get("seeds", ())) <= len(found.get("seeds", ())):
            write_json(self.path / CONFIRMATION, dict(found), sync=True)

    def is_read(self) -> bool:
        """Whether the test split has been read for it, or is being read."""
        return self.reading() is not None

    def reading(self) -> dict[str, Any] | None:
        """Of which runs the test split is read, and how often it had been before; None before that begins."""
        return self._read(READING)

    def begin_reading(self, found: Mapping[str, Any]) -> None:
        """Write that, once."""
        if self.reading() is None:
            write_json(self.path / READING, dict(found), sync=True)

    def final(self) -> dict[str, Any] | None:
        """What was read of the test split; None before it was."""
        return self._read(FINAL)

    def finish(self, found: Mapping[str, Any]) -> None:
        """Write that, once."""
        if self.final() is None:
            write_json(self.path / FINAL, dict(found), sync=True)

    def _read(self, name: str) -> dict[str, Any] | None:
        """A file's object, with all that its kind must hold where the folder is that of a search."""
        try:
            found = json_object(self.path / name)
        except ValueError as error:
            raise ConfigError(f"study: in {self.path} {error}") from error
        kind = name.split(".")[1] if name.endswith((f".{ASKED}.json", f".{ENDED}.json")) else name
        if found is not None and kind in SHAPES and self._is_searched:
            shape = LOST if kind == CONFIRMATION and found.get("lost") else SHAPES[kind]
            if wrong := _wrong(found, shape) or _empty(kind, found):
                raise self._refused(name, wrong)
        return found

    @property
    def _is_searched(self) -> bool:
        """Whether the folder says which search it is of."""
        return (self.path / ABOUT).exists()

    def _refused(self, name: str, why: str) -> ConfigError:
        return ConfigError(f"study: in {self.path} {name} {why}")

    def _trials(self, name: str) -> list[Asked] | None:
        """The trials in the file of a round; None where it is not there."""
        found = self._read(name)
        if found is None:
            return None
        arms: Any = (self.about() or {}).get("arms")
        of_arms = arms if isinstance(arms, dict) else None  # of which `require` says it
        strange = [one["arm"] for one in found["trials"] if of_arms is not None and one["arm"] not in of_arms]
        if strange:
            raise self._refused(name, f"must hold trials of the search's arms, and holds {brief(strange[0])}")
        return [Asked(one["arm"], _trial(one["trial"])) for one in found["trials"]]

    def _require_ended(self, name: str, named: Mapping[str, Sequence[int]]) -> None:
        """Refuse a file that names a trial of which no round says that it has ended.

        Raises:
            ConfigError: it does.
        """
        if not self._is_searched:
            return
        rounds = [one for number in range(self.rounds()) for one in self.ended(number) or ()]
        known = [one.arm for one in rounds if one.trial.state is not TrialState.OPEN]
        for arm, numbers in named.items():
            if arm not in known or not all(number < known.count(arm) for number in numbers):
                those = f"{listed(numbers, 3) or 'none'} of {brief(arm)}"
                raise self._refused(name, f"must name trials that have ended, and names {those}")


def _numbers(trials: Sequence[Asked]) -> list[tuple[str, int]]:
    return [(one.arm, one.trial.number) for one in trials]


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
    return f"must hold {due}{f' as {at}' if at else ''}, and holds {_brief(found)}"


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


def _apart(at: str, there: Any, value: Any) -> str:
    """The first place within two values where they differ, and both there."""
    if isinstance(there, dict) and isinstance(value, dict):
        key = next(key for key in [*there, *value] if there.get(key, _apart) != value.get(key, _apart))
        if key not in value:
            return f"{at} has {key}, which this one's has not"
        if key not in there:
            return f"{at} has no {key}, which this one's has"
        return _apart(f"{at}.{key}", there[key], value[key])
    return f"{at} is {_shown(there)} and not {_shown(value)}"


def _lines_apart(there: Sequence[str], typed: Sequence[str]) -> str:
    """What differs in the words of two lines whose configurations differ, of which a digest is kept."""
    both = [_words(there), _words(typed)]
    own = [[word for word in words if word not in other] for words, other in (both, both[::-1])]
    said = [brief(" ".join(words) or "none of these words", LONGEST) for words in own]
    why = f"its line has {said[0]} and this one has {said[1]}"
    if not any(own):
        why = "both lines say the same, so its data or its defaults were others"
    return f"{CONFIGURATION}, all values that decide a run, is another one: {why}"


def _words(line: Sequence[str]) -> list[str]:
    """Those that set values of runs, and none of the search."""
    return [
        word
        for word in line
        if "=" in word and not word.startswith("-") and word.lstrip("+").partition("=")[0] not in KNOWN
    ]


def _name(number: int, what: str) -> str:
    return f"{number:04}.{what}.json"


def _trial(found: Mapping[str, Any]) -> Trial:
    steps = {int(step): value for step, value in found["steps"].items()}
    return Trial(**{**found, "state": TrialState(found["state"]), "steps": steps})


def _shown(value: Any) -> str:
    """A value within a sentence: text as it is, as a person types it."""
    return brief(value, LONGEST) if isinstance(value, str) else _brief(value)


def _brief(value: Any) -> str:
    return brief(json.dumps(value), LONGEST)

"""What a search has asked for and what came of it, in files that are whole or not there.

The folder `study` of a search holds one file for each round of trials that was asked for, and one for what
came of it. They, and the run folders, are all that a search knows: it can be killed at any moment and typed
again, and several processes that share the folder ask for the same trials. Whoever writes holds the folder.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from regbench.analysis.searching import BASELINE, Trial, TrialState
from regbench.errors import ConfigError, brief, listed
from regbench.folders.lock import locked
from regbench.folders.outputs import ABOUT, STUDY
from regbench.storage.files import write_json
from regbench.storage.reading import json_object
from regbench.studies.searching.differences import CONFIGURATION, apart, lines_apart
from regbench.studies.searching.shapes import (
    ASKED,
    CONFIRMATION,
    ENDED,
    FINAL,
    FINALISTS,
    READING,
    WINNER,
    wrong_in,
)

FORMAT = 1
JOURNAL = "optuna.journal"


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
                said = apart(key, there.get(key), value)
                if key == CONFIGURATION:
                    said = lines_apart(there["line"], told.get("line", ()))
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
        if found is not None and self._is_searched and (wrong := wrong_in(name, found)):
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


def _name(number: int, what: str) -> str:
    return f"{number:04}.{what}.json"


def _trial(found: Mapping[str, Any]) -> Trial:
    steps = {int(step): value for step, value in found["steps"].items()}
    return Trial(**{**found, "state": TrialState(found["state"]), "steps": steps})

"""What a search has asked for and what came of it, in files that are whole or not there.

The folder `study` of a search holds one file for each round of trials that was asked for, and one for what
came of it. They, and the run folders, are all that a search knows: it can be killed at any moment and typed
again, and several processes that share the folder ask for the same trials. Whoever writes holds the folder.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from regbench.analysis.searching import Trial, TrialState
from regbench.errors import ConfigError
from regbench.folders.lock import locked
from regbench.storage.files import write_json
from regbench.storage.reading import json_object

STUDY = "study"
FORMAT = 1
ABOUT, FINALISTS, JOURNAL = "search.json", "finalists.json", "optuna.journal"
WINNER = "winner.json"
CONFIRMATION, READING, FINAL = "confirmation.json", "reading.json", "final.json"
ASKED, ENDED = "asked", "ended"


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
        for key, value in about.items():
            if there.get(key) != json.loads(json.dumps(value)):
                raise ConfigError(
                    f"study: {self.root} holds another search, whose {key} is {_brief(there.get(key))} and "
                    f"not {_brief(value)}; name this one by study=NAME"
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
        found = self._read(_name(number, ASKED)) or {}
        return [Asked(one["arm"], _trial(one["trial"])) for one in found["trials"]]

    def ask(self, number: int, trials: list[Asked]) -> None:
        """Write the trials of a round."""
        write_json(self.path / _name(number, ASKED), {"trials": [asdict(one) for one in trials]})

    def ended(self, number: int) -> list[Asked] | None:
        """What came of the trials of a round; None before that is known."""
        found = self._read(_name(number, ENDED))
        return None if found is None else [Asked(one["arm"], _trial(one["trial"])) for one in found["trials"]]

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
        return self._read(WINNER)

    def name_winner(self, found: Mapping[str, Any]) -> None:
        """Write that, once."""
        if self.winner() is None:
            write_json(self.path / WINNER, dict(found))

    def finalists(self) -> dict[str, Any] | None:
        """Which trials are finalists, and the seeds of what comes after; None before they are named."""
        return self._read(FINALISTS)

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
        try:
            return json_object(self.path / name)
        except ValueError as error:
            raise ConfigError(f"study: in {self.path} {error}") from error


def _name(number: int, what: str) -> str:
    return f"{number:04}.{what}.json"


def _trial(found: Mapping[str, Any]) -> Trial:
    steps = {int(step): value for step, value in found["steps"].items()}
    return Trial(**{**found, "state": TrialState(found["state"]), "steps": steps})


def _brief(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 120 else f"{text[:117]}..."

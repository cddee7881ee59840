"""Both sides of a search's confirmation, known from its folder alone."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from regbench.analysis.question import Question
from regbench.analysis.searching import Setting
from regbench.errors import ConfigError, as_typed
from regbench.studies.searching.rounds import StudyFolder


@dataclass(frozen=True)
class Confirmed:
    """The runs by which a winner was confirmed, or was not.

    Attributes:
        question: what was asked of them.
        tuned: keys whose values are each side's own.
        winner, baseline: the sides; names of their folders by seed.
        seeds: of which both have finished, in order.
    """

    question: Question
    tuned: list[str]
    winner: Setting
    baseline: Setting
    seeds: list[int]

    def pairs(self, root: Path) -> list[tuple[int, Path, Path]]:
        """Each seed with the folders of winner and baseline."""
        sides = (self.winner.folders, self.baseline.folders)
        return [(seed, *(root / of[seed] for of in sides)) for seed in self.seeds]  # type: ignore[misc]


def confirmed_of(folder: StudyFolder) -> Confirmed:
    """What the folder of a search says of its confirmation.

    Raises:
        ConfigError: it holds no search, or one that is not confirmed, or whose winner did not have to be.
    """
    about, root = folder.about(), folder.root
    if about is None:
        raise ConfigError(
            f"final: must be given the folder of a search, such as outputs/searches/NAME, got "
            f"{as_typed(root)}, which holds none"
        )
    kept = folder.confirmation()
    if kept is None:
        raise ConfigError(
            f"final: the search in {as_typed(root)} must have been confirmed on fresh seeds, and is not yet; "
            f"type `{_line(about)}`, which goes on with it"
        )
    if why := kept.get("lost"):
        raise ConfigError(
            f"final: the search in {as_typed(root)} has no winner to read test for: nothing was found that "
            f"survives, as {why}"
        )
    found = _read(kept)
    if not found.seeds:
        raise ConfigError(
            f"final: the search in {as_typed(root)} must have a fresh seed of which winner and baseline have "
            f"finished, and has none: {kept.get('over')}"
        )
    return found


def _line(about: Mapping[str, Any]) -> str:
    """The line that goes on with a search: what began it may be another command, whose line is whole."""
    words = [str(word) for word in about.get("line", ())]
    return shlex.join(words if words[:1] == ["regbench"] else ["regbench", "search", *words])


def _read(kept: Mapping[str, Any]) -> Confirmed:
    at: Literal["last", "best"] = "best" if kept["at"] == "best" else "last"
    margin = None if kept["margin"] is None else float(kept["margin"])
    winner, baseline = side_of(kept["winner"]), side_of(kept["baseline"])
    seeds = [int(seed) for seed in kept["seeds"] if seed in winner.folders and seed in baseline.folders]
    return Confirmed(
        Question(str(kept["metric"]), at, margin=margin), list(kept["tuned"]), winner, baseline, seeds
    )


def side_of(kept: Mapping[str, Any]) -> Setting:
    """One side, as a file has it: its folders are names, never paths that lead out of the search's folder."""
    folders = {int(seed): Path(name).name for seed, name in kept["folders"].items()}
    return Setting(kept["arm"], int(kept["trial"]), kept["stack"], list(kept["words"]), folders)

"""The winner against the tuned baseline, on seeds that chose nothing and rows that chose nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from regbench.analysis.question import Question
from regbench.analysis.searching import BASELINE, Arm, Confirmation, Setting, Trial
from regbench.analysis.verdicts import NOT_RESOLVED
from regbench.composition.command_line import CommandLine
from regbench.composition.compose import keys_of
from regbench.composition.composer import Composer
from regbench.folders.state import state_of
from regbench.records.identity import stack_name
from regbench.studies.budget import Spending
from regbench.studies.entries import Entry, Field, Jobs
from regbench.studies.race import DIVERGED, Race
from regbench.studies.searching.jobs import TrialJobs

TUNED_BASELINE = "tuned baseline"


class Confirming:
    """A race of two, which may be looked at after every seed.

    Args:
        line: the words of every job, with the folder of all.
        composer: of the line's folder of options.
        jobs: knows the words of trials.
        won: the winner's arm, its trial, and the baseline's.
        fresh: the seeds, in order.
        question: what is asked of the runs.
        tuned: keys that every trial sets.
        spending: of the time.
        say: takes the verdict.

    Attributes:
        race: of both.
    """

    def __init__(
        self,
        line: CommandLine,
        composer: Composer,
        jobs: TrialJobs,
        won: tuple[Arm, Trial, Trial],
        fresh: Sequence[int],
        question: Question,
        tuned: Sequence[str],
        spending: Spending,
        say: Callable[[str], None],
    ) -> None:
        arm, winner, base = won
        self._question, self._tuned = question, list(tuned)
        stack = stack_name(dict.fromkeys(winner.members))
        entries = [Entry(TUNED_BASELINE, jobs.entry(base)), Entry(stack, jobs.entry(winner))]
        self._sides = [
            Setting(BASELINE, base.number, TUNED_BASELINE, _of_run(entries[0])),
            Setting(arm.name, winner.number, stack, _of_run(entries[1])),
        ]
        self._field = Field(entries, list(fresh), added=False)
        self._jobs = Jobs(line, self._field, composer)
        self.race = Race(self._field, self._jobs, question, spending, say, tuned)

    @property
    def out(self) -> str:
        """Which side diverged or failed on a fresh seed, and with which; empty where none has."""
        base, winner = self.race.places()
        one = base if base.out else winner
        return f"{one.name} {one.out}" if one.out else ""

    @property
    def winner_is_out(self) -> bool:
        """Whether that was the winner."""
        base, winner = self.race.places()
        return bool(winner.out) and not base.out

    @property
    def baseline_diverged(self) -> bool:
        """Whether the tuned baseline did, which it would again: there is nothing to compare with."""
        return self.race.places()[0].out.startswith(DIVERGED)

    def found(self) -> Confirmation:
        """What both have reached so far."""
        place = self.race.places()[1]
        judged = self.race.judged
        seeds = {job.folder: job.config["seed"] for job in judged if state_of(job.folder).finished}
        folders: list[dict[int, str]] = [{}, {}]
        for turn in range(place.seeds):
            for number in (0, 1):
                job = self._jobs.at(number, turn)
                if job.folder in seeds:
                    folders[number][job.config["seed"]] = str(job.folder)
        base, winner = (
            Setting(side.arm, side.trial, side.stack, side.words, of)
            for side, of in zip(self._sides, folders, strict=True)
        )
        one = place.standing
        made = Confirmation(self._question.metric, self._question.at, winner, base, over=self.race.over)
        if one is None:
            return made
        paired = [seed for seed in self._field.seeds or () if seed in winner.folders and seed in base.folders]
        verdict = one.verdict
        over = self.race.over or ("it is decided" if verdict.word != NOT_RESOLVED else "")
        comparisons = self.race.report().comparisons
        return Confirmation(
            made.metric,
            made.at,
            winner,
            base,
            paired,
            one.differences,
            one.mean,
            one.low,
            one.high,
            verdict.p_adjusted,
            verdict.word,
            over,
            comparisons[0] if len(comparisons) == 1 else None,
        )

    def kept(self) -> dict[str, Any]:
        """The same for a file from which `final` knows both sides; folders by their names."""
        found = self.found()
        return {
            "metric": found.metric,
            "at": found.at,
            "margin": self._question.margin,
            "tuned": self._tuned,
            "seeds": found.seeds,
            "winner": _kept(found.winner),
            "baseline": _kept(found.baseline),
            "over": found.over,
        }


def _kept(side: Setting) -> dict[str, Any]:
    return {**asdict(side), "folders": {seed: Path(folder).name for seed, folder in side.folders.items()}}


def _of_run(entry: Entry) -> list[str]:
    """Its words for a run by itself: without what says where and by what the search's runs were run."""
    pairs = zip(entry.overrides, keys_of(entry.overrides), strict=True)
    return [word for word, key in pairs if not key.startswith("hydra")]

"""What the runs of a race say, each read once, while it runs and between its rounds."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from threading import Lock

from regbench.analysis.cohorts import cohorts
from regbench.analysis.notes import note_of
from regbench.analysis.question import Question, refuse_unmeasured
from regbench.analysis.racing import Standing, standings
from regbench.records.reader import Result, find
from regbench.sweeps.jobs import Job

Cell = tuple[int, int]  # a stack's number, 0 for the baseline, and its turn: which of the seeds, from 0


class Readings:
    """The runs that have ended, by their cells.

    Args:
        question: what is asked of them.
    """

    def __init__(self, question: Question) -> None:
        self._question = question
        self._read: dict[Cell, Result] = {}
        self._found: tuple[int, dict[int, Standing]] = (0, {})  # of how many runs, and what they say
        self._busy = Lock()  # the live table reads too

    def take(self, jobs: Iterable[tuple[Cell, Job]]) -> None:
        """Take in those runs of these that have ended."""
        with self._busy:
            for cell, job in jobs:
                if cell not in self._read:
                    self._read.update((cell, result) for result in find([job.folder]).results)

    def standings(self) -> dict[int, Standing]:
        """What they say, by the numbers of the stacks."""
        with self._busy:
            if len(self._read) != self._found[0]:
                self._found = len(self._read), self._judged()
            return self._found[1]

    def settled(self) -> dict[Cell, Result]:
        """The runs of each stack up to the first seed of which there is none.

        A p-value holds at all numbers of seeds at once, taken in their order. Were a seed to come between two
        others later, as one that runs for longer beside them, two orders would be looked at.
        """
        turns: dict[int, int] = {}
        for number, turn in sorted(self._read):
            if turn == turns.get(number, 0):
                turns[number] = turn + 1
        return {cell: result for cell, result in self._read.items() if cell[1] < turns.get(cell[0], 0)}

    def _judged(self) -> dict[int, Standing]:
        runs = self.settled()
        numbers = {id(result): number for (number, _), result in runs.items()}
        found: dict[int, Standing] = {}
        for cohort in cohorts(runs.values())[0]:  # one, as they differ in nothing but their stacks
            names = {group.name: numbers[id(group.example)] for group in cohort.groups}
            found |= {names[name]: one for name, one in standings(cohort, self._question).items()}
        return found

    def taken(self, cells: Iterable[Cell]) -> float:
        """Seconds that these took in all."""
        return sum(self._read[cell].summary.seconds for cell in cells if cell in self._read)

    def longest(self, number: int) -> float | None:
        """The most seconds that a run of a stack took; None before one has ended."""
        seconds = [one.summary.seconds for (stack, _), one in self._read.items() if stack == number]
        return max(seconds, default=None)

    def mean_seconds(self) -> float | None:
        """That a run took; None before one has ended."""
        seconds = [one.summary.seconds for one in self._read.values()]
        return statistics.fmean(seconds) if seconds else None

    def refuse_unmeasured(self) -> None:
        """Refuse a metric that no run has measured.

        Raises:
            ConfigError: none has, though some have ended.
        """
        runs = [result for result in self._read.values() if result.ended]
        measured = {figure for result in runs for figure in note_of(result, self._question.at).figures}
        if measured:
            refuse_unmeasured("race", self._question.metric, measured)

"""What the runs of a race say, each read once, while it runs and between its rounds."""

from __future__ import annotations

import statistics
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from threading import Lock

from regbench.analysis.cohorts import cohorts, regardless_of
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
        tuned: keys whose values are each stack's own.
    """

    def __init__(self, question: Question, tuned: Collection[str] = ()) -> None:
        self._question, self._tuned = question, tuned
        self._read: dict[Cell, Result] = {}
        self._found: tuple[int, dict[int, Standing]] = (0, {})  # of how many runs, and what they say
        self._busy = Lock()  # the live table reads too

    def take(self, jobs: Iterable[tuple[Cell, Job]]) -> None:
        """Take in those runs of these that have ended."""
        with self._busy:
            for cell, job in jobs:
                if cell not in self._read:
                    found = regardless_of(find([job.folder]).results, self._tuned)
                    self._read.update((cell, result) for result in found)

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
            question = replace(self._question, baseline=_first(names))
            found |= {names[name]: one for name, one in standings(cohort, question).items()}
        return found

    def question_of(self, results: Sequence[Result], first: Collection[str]) -> Question:
        """The question of a report on them, with the name that the first stack has in it.

        Args:
            results: of the report.
            first: folders of runs of the first stack.
        """
        for cohort in cohorts(results)[0]:
            for group in cohort.groups:
                if group.example.folder in first:
                    return replace(self._question, baseline=group.name)
        return self._question

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


def _first(names: Mapping[str, int]) -> str | None:
    """The name of the stack that others are compared with; None where it has not run."""
    return next((name for name, number in names.items() if number == 0), None)

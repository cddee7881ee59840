"""A race: seeds go where they decide something, until all is decided or the budget is spent."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from regbench.analysis.cohorts import regardless_of
from regbench.analysis.comparison import report
from regbench.analysis.question import Question
from regbench.analysis.racing import Place, rule_of
from regbench.analysis.report import Report
from regbench.errors import duration, listed
from regbench.folders.placement import refuse_links
from regbench.folders.state import State, state_of
from regbench.records.reader import find
from regbench.reports.race_text import board, decided
from regbench.stats.racing import Next, next_pairs
from regbench.studies.budget import Spending
from regbench.studies.entries import Field, Rows
from regbench.studies.readings import Cell, Readings
from regbench.sweeps.estimate import Costs
from regbench.sweeps.jobs import Job
from regbench.sweeps.sweep import Round
from regbench.terminal.columns import Table

SPENT = "the time is spent"
DIVERGED = "diverged"
SHORTEST = 0.1  # seconds of a job that are worth a sentence


class Race:
    """The rounds of a race, and what they have found so far.

    The folders are the state: a race that is typed again asks for the same rounds from the first one on, and
    what has ended by then costs nothing.

    Args:
        field: what starts.
        jobs: the runs.
        question: what is asked of them.
        spending: of the budget.
        say: takes a sentence on each stack that is decided, or out.
        tuned: keys whose values are each stack's own.

    Attributes:
        over: why it has ended; empty where it has not.
        next_job: what the next job would have taken of what was left, where the time is spent; else empty.
    """

    def __init__(
        self,
        field: Field,
        jobs: Rows,
        question: Question,
        spending: Spending,
        say: Callable[[str], None],
        tuned: Collection[str] = (),
    ) -> None:
        self.over = self.next_job = ""
        self._field, self._jobs, self._question, self._spending = field, jobs, question, spending
        self._say = say
        self._said: set[int] = set()
        self._seeds = [0] * len(field.entries)
        self._out = [""] * len(field.entries)
        self._readings, self._tuned = Readings(question, tuned), tuned
        self._cells: dict[str, Cell] = {}  # by the names of their jobs
        self._begun: set[str] = set()  # of these; each is looked at until it has

    @property
    def jobs(self) -> list[Job]:
        """All that have been asked for, but those that were late."""
        return [self._jobs.at(*cell) for cell in self._cells.values()]

    @property
    def why_over(self) -> str:
        """Why it has ended, with what the next job would have taken; empty where it has not."""
        return ": ".join(filter(None, [self.over, self.next_job]))

    @property
    def most(self) -> float:
        """How many seeds a stack may have."""
        given = math.inf if self._field.seeds is None else len(self._field.seeds)
        return min(given, self._spending.budget.seeds or math.inf)

    def rounds(self) -> Iterator[Round]:
        """What is to be run next, whenever the jobs of the last round have come to their end.

        Raises:
            ConfigError: the metric that is asked for has not been measured.
        """
        while cells := self._next():
            jobs = [self._jobs.at(*cell) for cell in cells]
            self._cells |= {job.name: cell for job, cell in zip(jobs, cells, strict=True)}
            for entry, turn in cells:
                self._seeds[entry] = turn + 1
            latest = self._count(jobs)
            yield Round(jobs, latest)
            self.read(jobs)
            self._take_out(jobs, latest)
            self._tell()

    def planned(self) -> list[Job]:
        """The jobs of the next round of which any is left to do; none where it is over."""
        for one in self.rounds():
            if not all(state_of(job.folder).ended for job in one.jobs):
                return list(one.jobs)
        return []

    def read(self, jobs: Sequence[Job]) -> None:
        """Take in the runs of jobs that have ended; the live table does so before the round is over.

        It may be told of others', where the race is a part of a longer sweep.
        """
        ours = [job for job in jobs if job.name in self._cells]
        self._readings.take((self._cells[job.name], job) for job in ours)

    def places(self) -> list[Place]:
        """Where each stack is, the baseline first."""
        found = self._readings.standings()
        return [
            Place(entry.name, seeds, found.get(number), out, is_baseline=not number)
            for number, (entry, seeds, out) in enumerate(
                zip(self._field.entries, self._seeds, self._out, strict=True)
            )
        ]

    def board(self, ended: Sequence[Job]) -> Table:
        """The live table, once these jobs have ended."""
        self.read(ended)
        return board(self.places(), self._question.metric, self.spent(), self._jobs.terms)

    def spent(self) -> str:
        """What has been spent, jobs that are only asked for left out."""
        self._begun |= {
            job.name
            for job in self.jobs
            if job.name not in self._begun and state_of(job.folder) is not State.NEW
        }
        return self._spending.said(len(self._begun & self._cells.keys()))

    def report(self) -> Report:
        """What `compare` says of the same runs."""
        found = find([job.folder for job in self.judged])
        if not self._tuned and not self._jobs.at(0, 0).config["reg"]:  # the first is the empty stack
            return report(found, self._question)
        found = replace(found, results=regardless_of(found.results, self._tuned))
        first = {str(self._jobs.at(*cell).folder) for cell in self._cells.values() if cell[0] == 0}
        return report(found, self._readings.question_of(found.results, first))

    @property
    def judged(self) -> list[Job]:
        """Those whose runs the verdicts are of."""
        settled = self._readings.settled()
        return [self._jobs.at(*cell) for cell in self._cells.values() if cell in settled]

    def _next(self) -> list[Cell]:
        """The cells of the next round, in the order in which they are run; none where it is over."""
        if self.over:
            return []
        places = self.places()
        racing = {
            str(number): one.standing.differences if one.standing else []
            for number, one in enumerate(places)
            if number and not one.decided and not one.out and one.seeds < self.most
        }
        if not racing:
            self.over = self._end(places)
            return []
        found = [one.standing for one in places if one.standing]
        rule = rule_of(found, self._field.techniques, self._question)
        left = self._spending.jobs_left(self._readings.mean_seconds())
        cells = self._rows(next_pairs(racing, rule, self._seeds[0], left, self._spending.workers))
        if (limit := self._spending.budget.jobs) is not None:
            cells = cells[: limit - self._spending.jobs]
            if not any(number for number, _ in cells):  # the baseline alone would decide nothing
                self.over = f"the budget of {limit} jobs is spent"
                return []
        return cells

    def _rows(self, chosen: Next) -> list[Cell]:
        """Seed by seed, the baseline first, which gets as many as the furthest."""
        cells = set()
        for number in map(int, chosen.arms):
            seeds = self._seeds[number]
            cells |= {(number, turn) for turn in range(seeds, int(min(self.most, seeds + chosen.pairs)))}
        furthest = max(turn for _, turn in cells)
        cells |= {(0, turn) for turn in range(self._seeds[0], furthest + 1)}
        return sorted(cells, key=lambda cell: (cell[1], cell[0]))

    def _count(self, jobs: Sequence[Job]) -> dict[str, float]:
        """Count jobs as spent; give until when each may start, where time is limited."""
        ended = [job for job in jobs if state_of(job.folder).ended]
        self.read(ended)
        seconds = self._readings.taken(self._cells[job.name] for job in ended)
        self._spending.add(len(jobs), seconds)
        for job in jobs:
            refuse_links(job.folder, self._jobs.place.key)
        if self._spending.budget.seconds is None:
            return {}
        left = [job for job in jobs if job not in ended]
        return {name: self._spending.end - seconds for name, seconds in self._estimates(left).items()}

    def _estimates(self, jobs: Sequence[Job]) -> dict[str, float]:
        """Seconds of jobs: the most that runs of the same stack took, or a guess before there is one."""
        if not jobs:
            return {}
        costs, found = Costs(jobs), {}
        for job in jobs:
            longest = self._readings.longest(self._cells[job.name][0])
            found[job.name] = costs.of(job).seconds if longest is None else longest
        return found

    def _take_out(self, jobs: Sequence[Job], latest: Mapping[str, float]) -> None:
        """Stacks of which a run diverged or failed get no more seeds; late jobs end the race."""
        now, late = time.time(), []
        for job in jobs:
            number, turn = self._cells[job.name]
            state = state_of(job.folder)
            if state.finished:
                continue
            if state in (State.NEW, State.LEFT) and now > latest.get(job.name, math.inf):
                late.append(job)
                continue
            what = {State.DIVERGED: DIVERGED, State.PRUNED: "was pruned"}.get(state, "failed")
            self._out[number] = self._out[number] or f"{what} with seed {self._field.seed(turn)}"
        self._readings.refuse_unmeasured()
        for number, one in enumerate(self.places()):
            pairs = len(one.standing.differences) if one.standing else 0
            if number and not self._out[number] and not late and pairs < one.seeds:
                self._out[number] = f"has no {self._question.metric} of some seeds"
        if late:
            self._end_late(late, latest)
        elif self._out[0]:
            self.over = f"the baseline {self._out[0]}, and nothing can be compared without it"

    def _end_late(self, late: Sequence[Job], latest: Mapping[str, float]) -> None:
        """Leave out what was late, and say so."""
        for job in sorted(late, key=lambda one: -one.number):
            number, turn = self._cells.pop(job.name)
            self._seeds[number] = min(self._seeds[number], turn)
        self._spending.add(-len(late), 0)
        takes = min(self._spending.end - latest[job.name] for job in late)
        left = max(0.0, self._spending.end - time.time())
        self.over = SPENT
        if takes >= SHORTEST:
            self.next_job = (
                f"the next job would take about {duration(takes)}, and "
                f"{duration(left)} are left of {duration(self._spending.budget.seconds or 0)}"
            )

    def _tell(self) -> None:
        """Say of each stack once that it is decided, or out."""
        for number, one in enumerate(self.places()):
            if number not in self._said and (one.decided or one.out):
                self._said.add(number)
                self._say(decided(one, self._question.metric, self._jobs.terms))

    def _end(self, places: Sequence[Place]) -> str:
        """Why nothing is left to do, though there is something to spend."""
        others = places[1:]
        still = [one for one in others if not one.decided]
        out = [f"{one.name} {one.out}" for one in still if one.out]
        if len(out) < len(still):
            return f"all {self.most:.0f} seeds are used"
        if len(still) == len(others):
            return listed(out)
        return f"all others are decided, and {listed(out)}" if out else "all is decided"

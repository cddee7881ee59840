"""The rounds of a search: trials of every arm, then the finalists, then fresh seeds for the winner."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import TypeVar

from regbench.analysis.searching import BASELINE, Arm, Finalist, Trial, TrialState
from regbench.folders.state import state_of
from regbench.runs.watching import Watch
from regbench.runs.work import Outcome
from regbench.studies.budget import Spending
from regbench.studies.race import Race
from regbench.studies.searching.confirming import Confirming
from regbench.studies.searching.finals import choose_finalists, finalists_of, mean_of, winner_of
from regbench.studies.searching.jobs import TrialJobs
from regbench.studies.searching.judging import Judge
from regbench.studies.searching.optuna_trials import Record, proposed
from regbench.studies.searching.rounds import Asked, StudyFolder
from regbench.studies.searching.settings import Settings
from regbench.studies.searching.space import Side, Space
from regbench.sweeps.jobs import Job
from regbench.sweeps.members import LATE
from regbench.sweeps.sweep import Round

T = TypeVar("T")
READ = "the test split has been read, and no seeds are added after that"
TRIALS_SHARE, FINALISTS_SHARE = 0.6, 0.75  # of the time: until then there are trials, and then finalists


class Search:
    """What a search has asked for, what came of it, and what is to be run next.

    Its files and the run folders are the state: typed again it asks for the same rounds from the first one
    on, and what has ended by then costs nothing. Between asking and telling nothing hangs on the time, on how
    many run at once, or on which process runs what.

    Args:
        space: what it is over.
        settings: how it goes about it.
        folder: its files.
        jobs: makes the runs of a trial.
        judge: scores them.
        record: Optuna's; None where nothing is written.
        spending: of the time.
        say: takes a sentence now and then.
        confirming: makes the race of the winner and the tuned baseline, on fresh seeds.
        margin: the largest difference that does not matter there.

    Attributes:
        late: whether the time was spent before all trials had ended.
        confirming: that race, once there is one.
    """

    def __init__(
        self,
        space: Space,
        settings: Settings,
        folder: StudyFolder,
        jobs: TrialJobs,
        judge: Judge,
        record: Record | None,
        spending: Spending,
        say: Callable[[str], None],
        confirming: Callable[[tuple[Arm, Trial, Trial], Sequence[int]], Confirming],
        margin: float | None = None,
    ) -> None:
        self.late = False
        self.confirming: Confirming | None = None
        self._confirm, self._margin = confirming, margin
        self.space, self.settings, self.folder, self.jobs, self.judge = space, settings, folder, jobs, judge
        self._record, self._spending, self._say = record, spending, say
        self._trials: dict[str, list[Trial]] = {side.name: [] for side in space.sides}
        self._budgets = dict(zip(self._trials, settings.shares(len(space.sides)), strict=True))
        self._open: list[Asked] = []
        self._finalists: dict[str, list[Finalist]] = {}

    def arms(self) -> list[Arm]:
        """The arms with all that has ended, the baseline first."""
        return [
            Arm(
                side.name,
                [one.option for one in side.candidates],
                side.parameters,
                self._budgets[side.name],
                list(self._trials[side.name]),
                list(self._finalists.get(side.name, ())),
            )
            for side in self.space.sides
        ]

    @property
    def asked(self) -> list[Asked]:
        """Trials of the round that is being run."""
        return list(self._open)

    def rounds(self) -> Iterator[Round]:
        """What is to be run next, whenever the jobs of the last round have come to their end.

        Raises:
            ConfigError: the storage holds another search.
        """
        number = 0
        while True:
            asked = self._next(number)
            if not asked:
                break
            yield from self._run(number, asked)
            number += 1
            if self.late:
                break
        if self.folder.finalists() is not None:
            self._say_closed()
        yield from self._finals()
        self._name_winner()
        if (won := self.winner()) and not self.lost():
            named = self.folder.finalists()
            assert named is not None
            fresh = self._usable(named["fresh"])
            self.confirming = self._confirm(won, fresh)
            yield from self._confirmed(self.confirming.race, len(fresh) < len(named["fresh"]))
        self._keep_confirmation()

    def _name_winner(self) -> None:
        """Write who won, before val is looked at: finalists that come later change nothing any more."""
        if self.folder.winner() is None and (won := self.winner()):
            arm, trial, base = won
            with self.folder.held():
                self.folder.name_winner(
                    {
                        "arm": arm.name,
                        "trial": trial.number,
                        "baseline": base.number,
                        "lost": self.lost(),
                        "margin": self._margin,
                    }
                )

    def _confirmed(self, race: Race, is_cut: bool) -> Iterator[Round]:
        """The rounds on fresh seeds; none are added once the test split has been read."""
        for one in race.rounds():
            if self.folder.is_read() and not all(state_of(job.folder).ended for job in one.jobs):
                race.over = READ
                return
            yield one
        if is_cut and not any(one.decided or one.out for one in race.places()):
            race.over = READ  # and not that all are used: some runs are gone

    def _usable(self, fresh: Sequence[int]) -> list[int]:
        """The fresh seeds; once test has been read, without those of which a run is gone.

        None is run again then, and the verdict is on the pairs that are whole.
        """
        kept = self.folder.confirmation() if self.folder.is_read() else None
        if kept is None or "winner" not in kept:
            return list(fresh)
        sides = [kept[side]["folders"] for side in ("winner", "baseline")]
        gone = {
            seed
            for seed in kept["seeds"]
            if not all(state_of(self.folder.root / of[str(seed)]).ended for of in sides)
        }
        left = [seed for seed in fresh if seed not in gone]
        return left or list(fresh)

    def _keep_confirmation(self) -> None:
        """Write what `final` needs to know, once the confirmation has ended."""
        kept = self.confirming.kept() if self.confirming else {"lost": self.lost()}
        if kept.get("over") or kept.get("lost"):
            with self.folder.held():
                self.folder.confirm(kept)

    def planned(self) -> list[Job]:
        """The jobs of the next round of which any is left to do; none where all trials have ended."""
        for number in range(self.folder.rounds() + 1):
            if asked := self._next(number, plan=True):
                jobs = self._jobs_of(asked)
                if self.folder.ended(number) is None and jobs:
                    return jobs
                self._take(number)
        return []

    def _next(self, number: int, plan: bool = False) -> list[Asked]:
        """The trials of a round, asked for by whoever comes first; none where there are enough."""
        if number < self.folder.rounds():
            return self.folder.asked(number)
        if self.folder.finalists() is not None or not self._has_time(TRIALS_SHARE):
            return []
        if plan:
            return self._ask()
        with self.folder.held():
            if number >= self.folder.rounds() and (asked := self._ask()):
                self.folder.ask(number, asked)
            return self.folder.asked(number) if number < self.folder.rounds() else []

    def _say_closed(self) -> None:
        """Say that others are tried than the line asks for: val has seen a winner, and may choose none."""
        tried = sum(map(len, self._trials.values()))
        left = [None if of is None else of - len(self._trials[name]) for name, of in self._budgets.items()]
        if any(self._has_time(TRIALS_SHARE) if one is None else one > 0 for one in left):
            self._say(
                f"its finalists were named after {tried} trials, so no more are tried here; a longer search "
                "is another one: study=NAME"
            )
        elif any(one is not None and one < 0 for one in left):
            self._say(
                f"its finalists were named after {tried} trials, more than trials={self.settings.trials} "
                "asks for; all of them are shown"
            )
        named = self.folder.finalists() or {}
        counts = (len(named.get("seeds", ())), len(named.get("fresh", ())))
        if counts != (self.settings.finalist_seeds, self.settings.confirm_seeds):
            self._say(f"its finalists have {counts[0]} seeds and {counts[1]} are fresh, as it was begun with")

    def _ask(self) -> list[Asked]:
        """The next trials of every arm, as many as a batch has, in turn."""
        left = {
            name: float("inf") if budget is None else budget - len(self._trials[name])
            for name, budget in self._budgets.items()
        }
        counts = dict.fromkeys(left, 0)
        for _ in range(self.settings.batch):
            # those of which the largest part is left; of equal ones the first
            name = max(left, key=lambda one: (left[one] - counts[one]) / (self._budgets[one] or 1))
            if self._budgets[name] is None:
                name = min(counts, key=lambda one: counts[one] + len(self._trials[one]))
            if left[name] > counts[name]:
                counts[name] += 1
        of_arms = [self._proposed(side, counts[side.name]) for side in self.space.sides if counts[side.name]]
        return in_turn(of_arms)  # where time ends within a round, it ends for all arms

    def _proposed(self, side: Side, count: int) -> list[Asked]:
        past, settings = self._trials[side.name], self.settings
        values = proposed(past, side, count, settings.sampler, settings.seed, self.judge.smaller)
        trials = []
        for number, one in enumerate(values, len(past)):
            trial = Trial(number, TrialState.OPEN, side.members(one), dict(one), side.words(one))
            trials.append(self.jobs.checked(trial))
        return [Asked(side.name, trial) for trial in trials]

    def _run(self, number: int, asked: Sequence[Asked]) -> Iterator[Round]:
        """The round, unless what came of it is known; then take that in."""
        self._open = list(asked)
        found: dict[str, Outcome] = {}
        ended = self.folder.ended(number)
        jobs_asked = sum(len(one.trial.jobs) for one in asked)
        taken = self.folder.clock(number) * self._spending.workers  # of the clock, whoever ran it
        self._spending.add(jobs_asked, taken)
        if ended is None:
            jobs = self._jobs_of(asked)
            latest = self._latest(jobs, TRIALS_SHARE)
            began = time.time()
            if jobs:
                yield Round(jobs, latest, self._watches(asked), tries=True, told=found.update)
            self.late = any(one.status == LATE for one in found.values())
            came = [self._ended(one, found) for one in asked]
            if self.late and not self._can_choose(came):
                return  # the round stays as it is, for a line with more time
            with self.folder.held():
                self.folder.end(number, came, time.time() - began)
        self._take(number)
        if ended is None:
            self._write()
        self._open = []

    def _watches(self, asked: Sequence[Asked]) -> dict[str, Watch]:
        """What prunes each run, by the names of the jobs."""
        return {
            job.name: watch
            for one in asked
            if one.trial.state is TrialState.OPEN
            for job in self.jobs.of(one.trial)
            if (watch := self.judge.watch(self._trials[one.arm], job, one.trial.number))
        }

    def _can_choose(self, came: Sequence[Asked]) -> bool:
        """Whether finalists could be named with these trials besides."""
        arms = [
            replace(arm, trials=[*arm.trials, *(one.trial for one in came if one.arm == arm.name)])
            for arm in self.arms()
        ]
        return choose_finalists(arms, self.settings, self.space.seeds, self.judge.smaller) is not None

    def _ended(self, one: Asked, found: Mapping[str, Outcome]) -> Asked:
        if one.trial.state is not TrialState.OPEN:
            return one
        past = self._trials[one.arm]
        return replace(one, trial=self.judge.trial(one.trial, self.jobs.of(one.trial), found, past))

    def _take(self, number: int) -> None:
        """Take in what came of a round."""
        for one in self.folder.ended(number) or ():
            if one.trial.state is TrialState.OPEN:
                self.late = True
            else:
                self._trials[one.arm].append(one.trial)

    def _write(self) -> None:
        """Add what has ended to Optuna's record."""
        if self._record is None:
            return
        with self.folder.held():
            for side in self.space.sides:
                self._record.put(side, self._trials[side.name], self.judge.smaller)

    def _finals(self) -> Iterator[Round]:
        """The finalists of every arm, with seeds that no trial has seen."""
        self._write()  # what whoever was killed may not have come to
        if self.folder.finalists() is None:
            chosen = choose_finalists(self.arms(), self.settings, self.space.seeds, self.judge.smaller)
            if chosen is None:
                return
            with self.folder.held():
                self.folder.name_finalists(chosen)
        named = self.folder.finalists()
        assert named is not None
        jobs = {
            arm: {
                number: self.jobs.with_seeds(self._trials[arm][number], named["seeds"]) for number in numbers
            }
            for arm, numbers in named["trials"].items()
        }
        every = [job for several in in_turn([list(of.values()) for of in jobs.values()]) for job in several]
        self._spending.add(len(every), sum(self.judge.taken(job) for job in every))
        if any(not state_of(job.folder).ended for job in every):
            self._say(f"{len(every)} runs of finalists, with seeds {', '.join(map(str, named['seeds']))}")
            yield Round(every, self._latest(every, FINALISTS_SHARE), tries=True)
        self._finalists = {
            arm: finalists_of(of_arm, self.judge, named["seeds"]) for arm, of_arm in jobs.items()
        }

    @property
    def is_spent(self) -> bool:
        """Whether every arm has had all of its trials, where they are numbered."""
        return all(of is not None and of <= len(self._trials[name]) for name, of in self._budgets.items())

    def lost(self) -> str:
        """Why the winner need not be confirmed; empty where it is to be.

        Nothing survives where its stack is the baseline's, or where on the finalists' seeds the tuned
        baseline is as good: what has helped in the trials was chance.
        """
        named = self.folder.winner()
        if named is not None:
            return str(named["lost"])
        won = self.winner()
        if won is None:
            return ""
        arm, trial, tuned = won
        if _stack(trial) == _stack(tuned):
            return "the best stack is that of the tuned baseline"
        base = next(one for one in self.arms() if one.name == BASELINE)
        if mean_of(arm, self.judge.smaller) <= mean_of(base, self.judge.smaller):
            return "with seeds that the trials had not seen the tuned baseline is as good"
        return ""

    def winner(self) -> tuple[Arm, Trial, Trial] | None:
        """The arm that won, its chosen trial, and the baseline's; None where one of them has none."""
        named = self.folder.winner()
        if named is None:
            return winner_of(self.arms(), self.judge.smaller)
        arm = next(one for one in self.arms() if one.name == named["arm"])
        return arm, self._trials[arm.name][named["trial"]], self._trials[BASELINE][named["baseline"]]

    def _jobs_of(self, asked: Sequence[Asked]) -> list[Job]:
        jobs = [job for one in asked if one.trial.state is TrialState.OPEN for job in self.jobs.of(one.trial)]
        return list({job.name: job for job in jobs}.values())

    def _has_time(self, share: float) -> bool:
        return time.time() < self._end(share)

    def _end(self, share: float) -> float:
        """The moment, in seconds since 1970, at which this share of the time is spent."""
        if self._spending.budget.seconds is None:
            return float("inf")
        return self._spending.end - (1 - share) * self._spending.budget.seconds

    def _latest(self, jobs: Sequence[Job], share: float) -> dict[str, float]:
        """Until when each job may start, where time is limited: it must end within its share."""
        if self._spending.budget.seconds is None:
            return {}
        end = self._end(share)
        return {job.name: end - self.judge.seconds(job) for job in jobs if not state_of(job.folder).ended}


def in_turn(several: Sequence[Sequence[T]]) -> list[T]:
    """The first of each, then the second of each, and so on."""
    return [one for row in zip_longest(*several) for one in row if one is not None]


def _stack(trial: Trial) -> list[str]:
    """The words that make its stack."""
    return [word for word in trial.words if word.startswith(("+reg=", "reg."))]

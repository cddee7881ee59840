"""The plan of an advice: what can act, how long runs take, and how much of it fits into the time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count, islice
from pathlib import Path
from typing import Literal

from regbench.analysis.advising import Acting, LeftOut, Plan
from regbench.assembly.run import check
from regbench.composition.command_line import CommandLine
from regbench.composition.compose import keys_of
from regbench.composition.composed import Composed
from regbench.composition.composer import Composer
from regbench.composition.spelling import quoted
from regbench.errors import ConfigError
from regbench.records.metrics import Terms
from regbench.studies.advising.acting import Option, tried
from regbench.studies.advising.fitting import ABLATION_SHARE, RACE_SHARE, SEARCH_SHARE, Asked, fit
from regbench.studies.advising.racing import plain_entry
from regbench.studies.advising.timing import Beside, besides, undone_if_refused
from regbench.studies.entries import Field, Jobs
from regbench.studies.searching.reading import DECAY
from regbench.studies.searching.study import ROOT
from regbench.sweeps.estimate import Costs
from regbench.sweeps.folder import arranged
from regbench.sweeps.jobs import Job
from regbench.sweeps.launcher import Launch
from regbench.terminal.screen import Screen

EPOCHS = "train.epochs"
PLAN = "plan.json"
UNTIMED = (
    "no run was made to see how long one takes: this is by a few steps, and what a run takes beside them may "
    "leave time for fewer seeds and runs"
)


@dataclass(frozen=True)
class Subject:
    """What advice is asked on.

    Attributes:
        line: the words of every run.
        composer: of the line's folder of options.
        example: a run without a technique, composed.
        root: the folder of everything.
        seconds: of the clock, for everything.
        metric: of val, that the verdict is on.
        chooses: its like of select.
        at: last or best, the snapshot.
        margin: the largest difference that does not matter, in the metric's plain unit; None: every one does.
        terms: of what is predicted.
    """

    line: CommandLine
    composer: Composer
    example: Composed
    root: Path
    seconds: float
    metric: str
    chooses: str
    at: Literal["last", "best"]
    margin: float | None
    terms: Terms

    def within(
        self, stage: str, words: Sequence[str] | None = None, epochs: int | None = None
    ) -> CommandLine:
        """The line of a stage, whose runs lie in a folder of its name.

        Args:
            stage: its name.
            words: of every run; those of the line where None.
            epochs: of every run; as the words have them where None.
        """
        kept = list(self.line.overrides if words is None else words)
        if epochs is not None:
            kept = [*(word for word in kept if keys_of([word]) != [EPOCHS]), f"{EPOCHS}={epochs}"]
        where = f"{ROOT}={quoted(self.root / stage)}"
        return replace(self.line, multirun=True, overrides=(*kept, where))


def plan_of(
    subject: Subject, launch: Launch, options: Sequence[Option], started: float, console: Screen | None
) -> Plan:
    """A plan, made now.

    Args:
        subject: what advice is asked on.
        launch: of the runs.
        options: every technique.
        started: when planning began, in seconds since 1970.
        console: where the runs are shown that are made to see how long they take; None: none is made.

    Raises:
        ConfigError: nothing can act here, or not even the least fits into the budget; what has been run to
            see that is taken away.
    """
    check(subject.example.config)
    base = _timed(subject, subject.example)
    costs = Costs([base])
    guess, workers = costs.of(base).seconds, launch.at_once([base])
    if console is None:
        plan = _fitted(subject, options, started, workers, costs, guess, Beside())
        return replace(plan, said=[*plan.said, UNTIMED])
    rounds = _plain(subject, workers)
    with undone_if_refused([job for jobs in rounds for job in jobs], subject.root / PLAN):
        beside = besides(rounds, guess, subject.seconds, launch, console)
        return _fitted(subject, options, started, workers, costs, guess, beside)


def _fitted(
    subject: Subject,
    options: Sequence[Option],
    started: float,
    workers: int,
    costs: Costs,
    guess: float,
    beside: Beside,
) -> Plan:
    """The plan, once it is known how long a run without a technique takes.

    Raises:
        ConfigError: as `plan_of`.
    """
    more = beside.training + beside.fixed
    acting, firsts, left_out = tried(options, lambda one: _timed(subject, one), costs, guess + more)
    if all(one.option == DECAY for one in acting):
        raise ConfigError("advise: no technique of the catalogue can act here; `regbench list reg` says why")
    planning = time.time() - started
    epochs, words = subject.example.config["train"]["epochs"], list(subject.line.overrides)
    left = subject.seconds - planning  # below 0 where the plan alone took longer: nothing fits then
    found = fit(
        Asked(
            left,
            planning,
            workers,
            epochs,
            EPOCHS in keys_of(words),
            guess + more,
            [Acting(one.option, one.seconds + more) for one in acting],
            beside.fixed,
            firsts,
        )
    )
    dropped = [LeftOut(one.option, "the budget is too short for it") for one in found.dropped]
    return Plan(
        dataset=subject.example.choices.get("dataset", ""),
        model=subject.example.choices.get("model", ""),
        line=[*words, f"{EPOCHS}={found.epochs}"] if found.epochs < epochs else words,
        metric=subject.metric,
        chooses=subject.chooses,
        at=subject.at,
        margin=subject.margin,
        budget=subject.seconds,
        planning=planning,
        race=left * RACE_SHARE,
        search=left * SEARCH_SHARE,
        ablation=left * ABLATION_SHARE,
        workers=workers,
        race_epochs=found.race_epochs,
        epochs=found.epochs,
        asked_epochs=epochs,
        baseline=guess + more,
        acting=found.acting,
        left_out=sorted([*left_out, *dropped], key=lambda one: one.option),
        seeds=found.seeds,
        runs=found.runs,
        said=found.said,
        terms=subject.terms,
    )


def _timed(subject: Subject, one: Composed) -> Job:
    """A job of which only the time is asked; it is not run, and no run lies beside it."""
    line = subject.within("none")
    return arranged(line, [replace(one, folder=subject.root / "none")])[1][0]


def _plain(subject: Subject, workers: int) -> list[list[Job]]:
    """Two rounds of runs without a technique, as the race has them: the first that nobody has begun."""
    line = subject.within("race")
    jobs = Jobs(line, Field([plain_entry(line)], None, added=False), subject.composer)
    new = (job for turn in count() if not (job := jobs.at(0, turn)).folder.exists())
    return [list(islice(new, workers)) for _ in range(2)]

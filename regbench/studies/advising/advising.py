"""An advice from its line to its page: a plan, then stage after stage, each written once."""

from __future__ import annotations

import hashlib
import json
import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal

from regbench import __version__
from regbench.analysis.advising import AblationFound, Acting, Advice, LeftOut, Plan, RaceFound, SearchFound
from regbench.analysis.question import plain
from regbench.assembly.data import content_of, terms_of
from regbench.assembly.run import check
from regbench.composition.command_line import CommandLine
from regbench.composition.compose import compose_jobs, keys_of
from regbench.composition.composed import Composed
from regbench.composition.composer import Composer
from regbench.composition.settings import read_settings
from regbench.composition.spelling import quoted
from regbench.errors import ConfigError
from regbench.records.identity import identity
from regbench.reports.advice_text import stage_line
from regbench.studies.advising.ablating import ablate
from regbench.studies.advising.acting import Option, options_of, tried
from regbench.studies.advising.fitting import ABLATION_SHARE, RACE_SHARE, SEARCH_SHARE, Asked, fit
from regbench.studies.advising.folder import AdviceFolder
from regbench.studies.advising.larger import larger_of
from regbench.studies.advising.racing import plain_entry, race
from regbench.studies.advising.recipe import recipe_of
from regbench.studies.advising.searched import search
from regbench.studies.advising.settings import Settings
from regbench.studies.advising.timing import besides
from regbench.studies.entries import Field, Jobs
from regbench.studies.searching.study import ROOT
from regbench.sweeps.estimate import Costs
from regbench.sweeps.folder import arranged
from regbench.sweeps.jobs import Job
from regbench.sweeps.launcher import Launch
from regbench.terminal.screen import Screen

FORMAT = 1  # of what it is on
EPOCHS = "train.epochs"
PLAN, RACE, SEARCH, ABLATION = "plan.json", "race.json", "search.json", "ablation.json"
Say = Callable[[str], None]


class Advising:
    """An advice on a line.

    Args:
        line: its words, settings of the advice taken away.
        composer: of the line's folder of options.
        settings: what may be spent, and the name.
        metric: of val, that the verdict is on; None: what decides in these runs.
        at: last or best, the snapshot.
        margin: the largest difference that does not matter, as it was typed.
        typed: the words after `regbench advise`.

    Attributes:
        name: of the advice.
        folder: its files.

    Raises:
        ConfigError: the line is wrong.
    """

    def __init__(
        self,
        line: CommandLine,
        composer: Composer,
        settings: Settings,
        metric: str | None,
        at: Literal["last", "best"],
        margin: float | None,
        typed: Sequence[str],
    ) -> None:
        if line.multirun or line.force:
            raise ConfigError(
                "advise: -m and --force are for `regbench train`; it is one model on one dataset"
            )
        self._line, self._composer, self._settings = line, composer, settings
        (self._example,) = compose_jobs(line, composer)
        read_settings(self._example.config)
        terms = terms_of(self._example.config)
        metric = metric or terms.judged
        split, _, figure = metric.partition("/")
        if split != "val":
            raise ConfigError(
                f"advise: --metric: must be a figure of val, whose like of select chooses, got {metric}"
            )
        self._metric, self._chooses, self._at, self._terms = metric, f"select/{figure}", at, terms
        self._margin, self._typed = plain(metric, margin), list(typed)
        self._about: dict[str, Any] = {
            "format": FORMAT,
            "configuration": identity(self._example.config, content_of(self._example.config)),
            "budget": settings.seconds,
            "metric": metric,
            "at": at,
            "margin": self._margin,
        }
        digest = hashlib.sha256(json.dumps(self._about, sort_keys=True).encode()).hexdigest()[:8]
        choices = (self._example.choices.get(group, group) for group in ("dataset", "model"))
        self.name = settings.study or "_".join([*choices, digest])
        self.folder = AdviceFolder(self.name)
        self.folder.refuse(self._about)

    def options(self) -> list[Option]:
        """Every technique as it is composed; none where there is a plan already."""
        if self.folder.read(PLAN) is not None:
            return []
        return options_of(self._line, self._line.overrides, self._composer)

    def plan(
        self, launch: Launch, options: Sequence[Option], started: float, console: Screen | None = None
    ) -> Plan:
        """The plan that there is, or one that is made now; it is not written.

        Args:
            launch: of the runs.
            options: every technique.
            started: when planning began, in seconds since 1970.
            console: where the runs are shown that are made to see how long they take; None: none is made.

        Raises:
            ConfigError: nothing can act here, or not even the least fits into the budget.
        """
        if (there := self.folder.read(PLAN)) is not None:
            return Plan.read(there)
        check(self._example.config)
        base = self._job(self._example)
        costs = Costs([base])
        baseline = costs.of(base).seconds
        workers = launch.at_once([base])
        more = 0.0
        if console is not None:
            more = besides(self._plain(workers), baseline, self._settings.seconds, launch, console)
        acting, left_out = tried(options, self._job, costs, baseline + more)
        acting = [Acting(one.option, one.seconds + more) for one in acting]
        baseline += more
        if not acting:
            raise ConfigError(
                "advise: no technique of the catalogue can act here; `regbench list reg` says why"
            )
        planning = time.time() - started
        train = self._example.config["train"]
        typed = EPOCHS in keys_of(self._line.overrides)
        left = max(0.0, self._settings.seconds - planning)
        found = fit(Asked(left, planning, workers, train["epochs"], typed, baseline, acting))
        words = list(self._line.overrides)
        if found.epochs < train["epochs"]:
            words.append(f"{EPOCHS}={found.epochs}")
        dropped = [LeftOut(one.option, "the budget is too short for it") for one in found.dropped]
        choices = self._example.choices
        return Plan(
            dataset=choices.get("dataset", ""),
            model=choices.get("model", ""),
            line=words,
            metric=self._metric,
            chooses=self._chooses,
            at=self._at,
            margin=self._margin,
            budget=self._settings.seconds,
            planning=planning,
            race=left * RACE_SHARE,
            search=left * SEARCH_SHARE,
            ablation=left * ABLATION_SHARE,
            workers=workers,
            race_epochs=found.race_epochs,
            epochs=found.epochs,
            asked_epochs=train["epochs"],
            baseline=baseline,
            acting=found.acting,
            left_out=sorted([*left_out, *dropped], key=lambda one: one.option),
            seeds=found.seeds,
            runs=found.runs,
            said=found.said,
            terms=self._terms,
        )

    def _job(self, one: Composed) -> Job:
        """A job of which only the time is asked; it is not run."""
        root = self.folder.root / "none"
        line = replace(self._line, multirun=True, overrides=(*self._line.overrides, f"{ROOT}={quoted(root)}"))
        return arranged(line, [replace(one, folder=root)])[1][0]

    def _plain(self, count: int) -> list[Job]:
        """The first runs without a technique, as the race has them."""
        line = self._in(replace(self._line, multirun=True), "race")
        jobs = Jobs(line, Field([plain_entry(line)], None, added=False), self._composer)
        return [jobs.at(0, turn) for turn in range(count)]

    def _where(self, stage: str) -> str:
        return f"{ROOT}={quoted(self.folder.root / stage)}"

    def run(
        self, launch: Launch, options: Sequence[Option], started: float, console: Screen, say: Say
    ) -> Advice:
        """Run what is left of it.

        Raises:
            ConfigError: the folder cannot be written, nothing can act here, or nothing fits.
            KeyboardInterrupt: by a signal; the same line goes on.
        """
        self.folder.require(self._about)
        plan = self.folder.once(PLAN, Plan.read, lambda: self.plan(launch, options, started, console))
        say(stage_line("plan", plan))
        base = replace(self._line, multirun=True, overrides=tuple(plan.line))
        if not self.folder.has(RACE):
            say(stage_line("race", plan))
        in_race = self._in(_shorter(base, plan.race_epochs), "race")
        raced = self.folder.once(
            RACE, RaceFound.read, lambda: race(plan, in_race, self._composer, launch, console, say)
        )
        say(stage_line("raced", plan, raced))
        root = self.folder.root / "search"
        found = self.folder.once(
            SEARCH,
            SearchFound.read,
            lambda: search(plan, raced, base, self._composer, launch, root, console, say),
        )
        say(found.said)
        ablation = None
        if found.survives and found.winner and len(found.winner.members) > 1:
            if not self.folder.has(ABLATION):
                say(stage_line("ablation", plan))
            apart = self._in(base, "ablation")
            ablation = self.folder.once(
                ABLATION,
                AblationFound.read,
                lambda: ablate(plan, found, apart, self._composer, launch, console, say),
            )
        return self._advice(plan, raced, found, ablation)

    def _in(self, line: CommandLine, stage: str) -> CommandLine:
        return replace(line, overrides=(*line.overrides, self._where(stage)))

    def _advice(
        self, plan: Plan, raced: RaceFound, found: SearchFound, ablation: AblationFound | None
    ) -> Advice:
        made = Advice(
            regbench=__version__,
            folder=str(self.folder.root),
            typed=shlex.join(["regbench", "advise", *self._typed]),
            plan=plan,
            race=raced,
            search=found,
            ablation=ablation,
            use=None,
        )
        side = made.side
        use = recipe_of(side, plan, self._line, self._composer) if side else None
        return replace(made, use=use, larger=larger_of(made))


def _shorter(line: CommandLine, epochs: int) -> CommandLine:
    """The line with so many epochs."""
    words = [word for word in line.overrides if keys_of([word]) != [EPOCHS]]
    return replace(line, overrides=(*words, f"{EPOCHS}={epochs}"))

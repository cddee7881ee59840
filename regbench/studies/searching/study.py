"""A search from its line to its report: what it is called, where it lives, what it shows while it runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from regbench.analysis.question import Question, plain
from regbench.analysis.searching import Arm, SearchReport, Trial, TrialState
from regbench.analysis.splits import SPLIT
from regbench.analysis.words import factor
from regbench.assembly.data import content_of, terms_of
from regbench.assembly.run import check
from regbench.assembly.stack import build_stack
from regbench.composition.command_line import CommandLine
from regbench.composition.compose import compose_each, keys_of, sound_words
from regbench.composition.composer import Composer
from regbench.composition.settings import Config, read_settings
from regbench.composition.spelling import quoted
from regbench.errors import ConfigError
from regbench.folders.exclusion import refuse_unsafe
from regbench.folders.placement import refuse_place, refuse_unwritable
from regbench.records.identity import identity
from regbench.records.metrics import Terms
from regbench.reports.search_board import board
from regbench.studies.budget import Budget, Spending
from regbench.studies.searching.confirming import Confirming
from regbench.studies.searching.found import report_of
from regbench.studies.searching.jobs import TrialJobs
from regbench.studies.searching.judging import Judge, require_chosen_by
from regbench.studies.searching.optuna_trials import Record, require_storage, shown
from regbench.studies.searching.reading import space_of
from regbench.studies.searching.rounds import FORMAT, StudyFolder
from regbench.studies.searching.search import Search
from regbench.studies.searching.settings import Settings
from regbench.studies.study import is_over_splits
from regbench.sweeps.jobs import Job
from regbench.sweeps.launcher import Launch
from regbench.sweeps.sweep import run_rounds
from regbench.terminal.columns import Table
from regbench.terminal.screen import Screen

SEARCHES = Path("outputs") / "searches"
ROOT = "hydra.sweep.dir"
MOST_TRIED = 100  # trials with one value, to see whether any can have it


class SearchStudy:
    """A search of a line.

    Args:
        line: its words, settings of the search taken away.
        composer: of the line's folder of options.
        settings: how it goes about it.
        metric: that the verdict is on; None: what decides in these runs.
        at: last or best, the snapshot.
        margin: the largest difference that does not matter, as it was typed; None: every difference matters.
        typed: the words after `regbench search`.
        folder: where it lives; None: as the settings or the line say.

    Attributes:
        line: the words that all of its runs have, with the folder of all.
        root: that folder.
        is_over: whether nothing is left to run, or no time.

    Raises:
        ConfigError: there is nothing to search, or the line is wrong.
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
        folder: Path | None = None,
    ) -> None:
        self._refuse(line)
        line = replace(line, multirun=True)
        line = replace(line, overrides=tuple(sound_words(line, composer)))
        self._typed, self._settings, self._composer = list(typed), settings, composer
        self.space = space_of(line, composer)
        example, other = compose_each(line, [[*self.space.base, f"seed={seed}"] for seed in (0, 1)], composer)
        if is_over_splits([example, other]):
            raise ConfigError(
                f"{SPLIT}: must be the same for all seeds of a search, as its verdict may be looked at while "
                "seeds are added, which no test is known to allow over splits of one data set"
            )
        read_settings(example.config)
        self._config, self._choices = example.config, example.choices
        self.terms: Terms = terms_of(example.config)
        self._question = Question(
            metric or self.terms.judged, at, margin=plain(metric or self.terms.judged, margin)
        )
        require_chosen_by(self._question.metric, self.terms)
        figure = self._question.metric.partition("/")[2]
        self._judge = Judge(f"select/{figure}", at, settings.pruner)
        about = self._about()
        self.name = settings.study or f"{self._stem()}_{_digest(about)[:8]}"
        given = ROOT in keys_of(line.overrides)
        self.root = folder or (example.folder if given else SEARCHES / self.name)
        words = [word for word in self.space.base if keys_of([word]) != [ROOT]]
        self.line = replace(line, overrides=(*words, f"{ROOT}={quoted(self.root)}"))
        self._folder, self._about_it = StudyFolder(self.root), about
        self.is_over = False
        self._search: Search | None = None
        self._spending: Spending | None = None

    def _refuse(self, line: CommandLine) -> None:
        keys = keys_of(line.overrides)
        if "sweep" in keys:
            raise ConfigError("sweep: is the name of a sweep; a search is named by study=NAME")
        if "evaluate_test" in keys:
            raise ConfigError(
                "evaluate_test: is not for a search; `regbench final` reads the test split, once"
            )
        if line.force:
            raise ConfigError("search: --force is for `regbench train`; name another search by study=NAME")

    def _stem(self) -> str:
        return "_".join(self._choices.get(group, group) for group in ("dataset", "model"))

    def _about(self) -> dict[str, Any]:
        """All that decides which trials are asked for, and what they reach."""
        settings = self._settings
        return {
            "format": FORMAT,
            "configuration": identity(self._config, content_of(self._config)),
            "seeds": self.space.seeds,
            "arms": {
                side.name: {one.key: one.domain for one in side.parameters} for side in self.space.sides
            },
            "words": {
                one.option: list(one.words)
                for side in self.space.sides
                for one in side.candidates
                if one.words
            },
            "objective": self._judge.objective,
            "at": self._question.at,
            "sampler": settings.sampler,
            "sampler.seed": settings.seed,
            "pruner": settings.pruner,
            "batch": settings.batch,
        }

    def run(self, launch: Launch, console: Screen, say: Callable[[str], None]) -> int:
        """Run what is left of it; return the exit status.

        Raises:
            ConfigError: the folder or the storage holds another search, or cannot be written.
            KeyboardInterrupt: by a signal; the same line goes on.
        """
        search = self._begin(launch, say)
        words = [f"{ROOT}={self.root}"]
        code = run_rounds(
            launch, search.rounds(), words, self.line.fail_fast, lambda ended: self.board(ended), console
        )
        self.is_over = True
        return code

    def _begin(self, launch: Launch, say: Callable[[str], None]) -> Search:
        """The search, its folder claimed once all is known to be right that can be wrong with every trial."""
        jobs, example = self._jobs()
        if self._settings.storage is not None:
            require_storage(self._settings.storage)
        refuse_place(self.root, "study")
        refuse_unwritable(self.root, "study")
        refuse_unsafe(self.root, "study")
        self._refuse_another()
        # before the folder is claimed: a line with a storage that is refused leaves nothing
        record = self._opened() if self._settings.storage is not None else None
        with self._folder.held():
            self._folder.require(self._about_it, self._told())
            self._require_margin()
            record = record or self._opened()  # a journal, which only who holds the folder may trim
        return self._made(launch, jobs, example, record, say)

    def _refuse_another(self) -> None:
        """Refuse a folder that holds another search; nothing is written.

        Raises:
            ConfigError: it does.
        """
        if self._folder.about() is not None:
            self._folder.require(self._about_it, self._told())
            self._require_margin()

    def _told(self) -> dict[str, Any]:
        """What the folder says besides, for readers."""
        return {"line": [shown(word) for word in self._typed]}

    def _opened(self) -> Record:
        """Optuna's record.

        Raises:
            ConfigError: the storage cannot be opened, or holds another search of the name.
        """
        token = _digest({**self._about_it, "n": self.name})
        record = Record(self._settings.storage, self._folder.journal, self.name, token)
        if self._settings.storage is not None:
            record.refuse_another(side.name for side in self.space.sides)
        return record

    def _jobs(self) -> tuple[TrialJobs, list[Job]]:
        """What makes the runs of trials, and those of the first one.

        To be called once the workers can be started: a check computes, and a copy of a process that has
        computed with several threads hangs in its own first product.

        Raises:
            ConfigError: a trial of some arm cannot be composed, what all of them share is wrong, or the line
                asks for values that trials cannot have.
        """
        jobs = TrialJobs(self.line, self.space, self._composer)
        firsts = [
            jobs.of(Trial(0, TrialState.OPEN, [], {}, side.words(side.first()))) for side in self.space.sides
        ]
        check(firsts[0][0].config)
        for several in self.space.alone():
            self._require_one(jobs, check, islice(several, MOST_TRIED))
        for tuned, several in self.space.edges():
            possible = check if tuned.candidate is None else _check_stack
            self._require_one(jobs, possible, islice(several, MOST_TRIED))
        return jobs, firsts[0]

    def _require_one(
        self, jobs: TrialJobs, possible: Callable[[Config], object], several: Iterable[list[str]]
    ) -> None:
        """Refuse a member or a value that no trial can have, whatever else the member is given.

        Raises:
            ConfigError: it is one; the sentence is that of the first trial.
        """
        refused = None
        for words in several:
            config = jobs.of(Trial(0, TrialState.OPEN, [], {}, words))[0].config
            try:
                possible(config)
            except ConfigError as error:
                refused = refused or error
            else:
                return
        if refused is not None:
            raise refused

    def _require_margin(self) -> None:
        """Refuse another margin than the one that the confirmation was begun with: val has been looked at.

        Raises:
            ConfigError: it is another one.
        """
        named, margin = self._folder.winner(), self._question.margin
        if named is not None and named["margin"] != margin:
            was = (
                "none" if named["margin"] is None else f"{named['margin'] * factor(self._question.metric):g}"
            )
            raise ConfigError(f"search: --margin: must stay as the winner was confirmed with, which is {was}")

    def _made(
        self,
        launch: Launch,
        jobs: TrialJobs,
        example: list[Job],
        record: Record | None,
        say: Callable[[str], None],
    ) -> Search:
        workers = launch.at_once(example)
        self._spending = Spending(Budget(seconds=self._settings.seconds), workers)
        spending = self._spending

        def confirming(won: tuple[Arm, Trial, Trial], fresh: Sequence[int]) -> Confirming:
            return Confirming(
                self.line, self._composer, jobs, won, fresh, self._question, self.space.shared, spending, say
            )

        self._search = Search(
            self.space,
            self._settings,
            self._folder,
            jobs,
            self._judge,
            record,
            spending,
            say,
            confirming,
            self._question.margin,
        )
        return self._search

    def planned(self, launch: Launch) -> tuple[list[Arm], list[Job]]:
        """The arms as they stand, and the jobs of the next round; nothing is started or written."""
        self._refuse_another()
        search = self._made(launch, *self._jobs(), None, lambda _: None)
        jobs = search.planned()
        return search.arms(), jobs

    def board(self, ended: Sequence[Job]) -> Table:
        """The live table."""
        search = self._search
        assert search is not None
        if search.confirming:
            return search.confirming.race.board(ended)
        states = [(one.arm, one.trial) for one in search.asked]
        return board(search.arms(), states, self._judge.objective, self.spent(), self.terms)

    def spent(self) -> str:
        """Of the time and the jobs."""
        if self._spending is None or self._search is None:
            return ""
        return self._spending.said(self._spending.jobs)

    @property
    def files(self) -> Path:
        """The folder of what it knows, which need not be there yet."""
        return self._folder.path

    @property
    def has_begun(self) -> bool:
        """Whether there is anything to report."""
        return self._search is not None

    @property
    def seconds(self) -> float:
        """Of the clock, runs that had ended before included; 0 before it has begun."""
        return self._spending.seconds if self._spending else 0.0

    @property
    def fresh(self) -> list[int]:
        """The seeds that may confirm, in order; none before the finalists were named."""
        named = self._folder.finalists()
        return list(named["fresh"]) if named else []

    def report(self) -> SearchReport:
        """What was found so far."""
        assert self._search is not None
        return report_of(
            self._search, self.name, self._typed, self._config, self._choices, self.terms, self.spent()
        )


def _check_stack(config: Config) -> None:
    """Make the members and forget them.

    Raises:
        ConfigError: one of them cannot be made.
    """
    build_stack(config["reg"])


def _digest(about: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()

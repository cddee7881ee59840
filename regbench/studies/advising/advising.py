"""An advice from its line to its page: a plan, then stage after stage, each written once."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal

from regbench import __version__
from regbench.analysis.advising import AblationFound, Advice, Plan, RaceFound, SearchFound
from regbench.analysis.question import plain
from regbench.assembly.data import content_of, terms_of
from regbench.composition.command_line import CommandLine
from regbench.composition.compose import compose_jobs
from regbench.composition.composer import Composer
from regbench.composition.settings import read_settings
from regbench.errors import ConfigError
from regbench.records.identity import identity
from regbench.reports.advice_text import stage_line
from regbench.studies.advising.ablating import ablate
from regbench.studies.advising.acting import Option, options_of
from regbench.studies.advising.folder import AdviceFolder
from regbench.studies.advising.larger import larger_of
from regbench.studies.advising.planning import PLAN, Subject, plan_of
from regbench.studies.advising.racing import plain_entry, race
from regbench.studies.advising.recipe import recipe_of
from regbench.studies.advising.searched import search
from regbench.studies.advising.settings import Settings
from regbench.studies.advising.testing import require_test, test_of
from regbench.studies.searching.judging import require_chosen_by
from regbench.sweeps.launcher import Launch
from regbench.terminal.screen import Screen

FORMAT = 1  # of what it is on
RACE, SEARCH, ABLATION = "race.json", "search.json", "ablation.json"
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
        test: whether the sealed test split is to be read, at the end.
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
        test: bool,
        typed: Sequence[str],
    ) -> None:
        if line.multirun or line.force:
            raise ConfigError(
                "advise: -m and --force are for `regbench train`; it is one model on one dataset"
            )
        self._line, self._composer, self._settings = line, composer, settings
        (example,) = compose_jobs(line, composer)
        read_settings(example.config)
        terms = terms_of(example.config)
        metric = metric or terms.judged
        require_chosen_by(metric, terms)
        if test:
            require_test(example.config)
        self._test, self._words = test, ["regbench", "advise", *typed]
        kept = plain(metric, margin)
        self._about: dict[str, Any] = {
            "format": FORMAT,
            "configuration": identity(example.config, content_of(example.config)),
            "metric": metric,
            "at": at,
            "margin": kept,
        }
        # The plan has it: before there is one, a budget that is refused as too short may be typed anew.
        self._budget = {"budget": settings.seconds}
        digest = hashlib.sha256(
            json.dumps({**self._about, **self._budget}, sort_keys=True).encode()
        ).hexdigest()[:8]
        choices = (example.choices.get(group, group) for group in ("dataset", "model"))
        self.name = settings.study or "_".join([*choices, digest])
        self.folder = AdviceFolder(self.name)
        self.folder.refuse(self._about)
        self.folder.refuse(self._budget, PLAN)
        self._subject = Subject(
            line,
            composer,
            example,
            self.folder.root,
            settings.seconds,
            metric,
            f"select/{metric.partition('/')[2]}",
            at,
            kept,
            terms,
        )

    def options(self) -> list[Option]:
        """Every technique as it is composed; none where there is a plan already."""
        if self.folder.read(PLAN) is not None:
            return []
        # as the race has them: what the audit finds of one here is not asked again there
        return options_of(self._line, plain_entry(self._line).overrides, self._composer)

    def plan(
        self, launch: Launch, options: Sequence[Option], started: float, console: Screen | None = None
    ) -> Plan:
        """The plan that there is, or one that is made now (`plan_of`); it is not written."""
        if (there := self.folder.read(PLAN)) is not None:
            return Plan.read(there)
        return plan_of(self._subject, launch, options, started, console)

    def run(
        self, launch: Launch, options: Sequence[Option], started: float, console: Screen, say: Say
    ) -> Advice:
        """Run what is left of it.

        Raises:
            ConfigError: the folder cannot be written, nothing can act here, or nothing fits.
            KeyboardInterrupt: by a signal; the same line goes on.
        """
        self.folder.refuse_unfit(self._about)
        made = self.plan(launch, options, started, console)  # where a line is wrong, nothing has been written
        self.folder.require(self._about)
        plan = self.folder.once(PLAN, Plan.read, lambda: made)
        self.folder.refuse(self._budget, PLAN)  # another process may have been the first
        say(stage_line("plan", plan))
        base = replace(self._line, multirun=True, overrides=tuple(plan.line))
        if not self.folder.has(RACE):
            say(stage_line("race", plan))
        in_race = self._subject.within("race", plan.line, plan.race_epochs)
        raced = self.folder.once(
            RACE, RaceFound.read, lambda: race(plan, in_race, self._composer, launch, console, say)
        )
        say(stage_line("raced", plan, raced))
        root = self.folder.root / "search"
        found = self.folder.once(
            SEARCH,
            SearchFound.read,
            lambda: search(plan, raced, base, self._composer, launch, root, console, say, self._words),
        )
        say(found.said)
        ablation = None
        if found.survives and found.winner and len(found.winner.members) > 1:
            if not self.folder.has(ABLATION):
                say(stage_line("ablation", plan))
            whole, apart = (self._subject.within(stage, plan.line) for stage in ("search", "ablation"))
            ablation = self.folder.once(
                ABLATION,
                AblationFound.read,
                lambda: ablate(plan, found, whole, apart, self._composer, launch, console, say),
            )
        said = test_of(root, self._test, bool(found.seeds))
        return replace(self._advice(plan, raced, found, ablation), test=[_sentence(one) for one in said])

    def _advice(
        self, plan: Plan, raced: RaceFound, found: SearchFound, ablation: AblationFound | None
    ) -> Advice:
        made = Advice(
            regbench=__version__,
            folder=str(self.folder.root),
            typed=shlex.join(self._words),
            plan=plan,
            race=raced,
            search=found,
            ablation=ablation,
            use=None,
        )
        side = made.side
        use = recipe_of(side, plan, self._line, self._composer) if side else None
        return replace(made, use=use, larger=larger_of(made))


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."

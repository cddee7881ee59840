"""A run that is built, and how far it has come: what its checkpoints and its summary are made of."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from regbench.assembly.data import content_of
from regbench.composition.settings import read_settings
from regbench.evaluation.view import View
from regbench.folders.ownership import Place
from regbench.records.identity import identity
from regbench.runs.folder import RunFolder
from regbench.runs.summary import best_of
from regbench.training.loop import EpochEnd, Run
from regbench.types import Record


@dataclass
class Ongoing:
    """One run in its folder, from its first step to its end, in one session or several.

    Attributes:
        home: its configuration and its folder.
        run: built of it.
        threads: that it computes with; another number would change the last bits.
        found: by the audit before its first step.
        history: of the epochs that are done.
        stopped: whether a member has ended it.
        views: what was seen of the last evaluated epoch and of the best; of epochs before a resume nothing.
        untried: whether the state is a checkpoint's, and nothing has been trained on it yet.
        seconds_before: of the sessions before this one.
        checkpoints: which are left when it has ended.
        recorded: the content that its checkpoint has; None where there is none.
        place: its folder, as it was when the session began.
        content: a digest of a person's own data and of the weights that it started from.
        identity: of the configuration.
    """

    home: RunFolder
    run: Run
    threads: int
    found: Mapping[str, Any]
    history: list[Record] = field(default_factory=list)
    views: dict[str, View] = field(default_factory=dict)
    stopped: bool = False
    untried: bool = False
    seconds_before: float = 0.0
    recorded: str | None = None

    def __post_init__(self) -> None:
        self.checkpoints = read_settings(self.home.config)[0].checkpoints
        self.place = Place(self.home.path)
        self.content = content_of(self.home.config, self.recorded)
        self.identity = identity(self.home.config, self.content)
        self._started, self._share = time.perf_counter(), 1.0

    def count_time(self, share: float) -> None:
        """From now on this share, in [0, 1], of the time that passes is the run's; the rest is of others."""
        self.seconds_before = self.seconds
        self._started, self._share = time.perf_counter(), share

    def take(self, event: EpochEnd) -> None:
        """Put an epoch that is done to the others."""
        self.history.append(event.record)
        self.untried, self.stopped = False, event.stopped
        if event.view is not None:
            self.views["last"] = event.view
            if best_of(self.history, self.run.monitor) is event.record:
                self.views["best"] = event.view

    @property
    def seconds(self) -> float:
        """Since the run began, without pauses between sessions, and without what others took meanwhile."""
        return self.seconds_before + (time.perf_counter() - self._started) * self._share

"""Whether a run is still promising, by one of Optuna's pruners, as a function of what is known of others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import optuna
from optuna.trial import TrialState as State
from optuna.trial import create_trial

from regbench.studies.searching.optuna_trials import quiet
from regbench.types import Record

WARM = 3  # one part in so many of the epochs is trained by every run: strong members learn slowly at first
ENOUGH = 5  # trials that must have ended before the median of them prunes
FACTOR = 3  # of the runs at a rung one in so many is gone on with


@dataclass(frozen=True)
class Past:
    """What a pruner knows of an earlier trial.

    Attributes:
        steps: the score after each epoch.
        value: what was made as large as can be, at its end; None where it was pruned.
        noted: what the pruner itself keeps of it.
    """

    steps: dict[int, float]
    value: float | None
    noted: dict[str, float] = field(default_factory=dict)


@dataclass
class Pruning:
    """Watches one run of a trial. Trials of its own batch are not looked at, whoever runs them and when.

    So what is pruned does not hang on how many run at once, on which machine, and how often one was killed.

    Attributes:
        pruner: one of `PRUNERS`, not `none`.
        epochs: of the whole run.
        metric: of select, that is recorded after an epoch.
        smaller: whether less of it is better.
        past: the arm's earlier trials, in order.
        number: of the trial; those of its batch that come before it are nothing to the pruner but numbers.
    """

    pruner: str
    epochs: int
    metric: str
    smaller: bool
    past: tuple[Past, ...]
    number: int = 0
    _study: Any = field(default=None, init=False, repr=False, compare=False)
    _trial: Any = field(default=None, init=False, repr=False, compare=False)
    _taken: int = field(default=0, init=False, repr=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_study": None, "_trial": None, "_taken": 0}

    def __call__(self, history: Sequence[Record]) -> str:
        """Why the run is to be pruned; empty where it is to go on.

        Args:
            history: the records of its epochs so far.
        """
        prunes = False
        with quiet():
            if self._trial is None or self._taken > len(history):
                self._study, self._taken = self._begun(), 0
                self._trial = self._study.ask()
            for record in history[self._taken :]:
                value = record.metrics.get(self.metric)
                if value is not None:
                    self._trial.report(-value if self.smaller else value, record.epoch)
                    prunes = self._trial.should_prune()
        self._taken = len(history)
        if not prunes:
            return ""
        last = history[-1]
        return (
            f"{self.metric} {last.metrics[self.metric]:.4f} after epoch {last.epoch} of {self.epochs} is not "
            f"among those that are gone on with ({self.pruner})"
        )

    def noted(self, history: Sequence[Record]) -> dict[str, float]:
        """What the pruner has noted of the trial, for those that come later."""
        self(history)
        return dict(self._study.trials[-1].system_attrs)

    def _begun(self) -> optuna.Study:
        study = optuna.create_study(direction="maximize", study_name="arm", pruner=self._made())
        for one in self.past:
            study.add_trial(
                create_trial(
                    state=State.PRUNED if one.value is None else State.COMPLETE,
                    value=one.value,
                    intermediate_values={k: -v if self.smaller else v for k, v in one.steps.items()},
                    system_attrs=dict(one.noted),
                )
            )
        for _ in range(len(self.past), self.number):
            study.add_trial(create_trial(state=State.PRUNED))
        return study

    def _made(self) -> optuna.pruners.BasePruner:
        least = math.ceil(self.epochs / WARM)
        if self.pruner == "halving":
            return optuna.pruners.SuccessiveHalvingPruner(min_resource=least, reduction_factor=FACTOR)
        if self.pruner == "hyperband":
            return optuna.pruners.HyperbandPruner(
                min_resource=max(1, self.epochs // FACTOR**2),
                max_resource=self.epochs,
                reduction_factor=FACTOR,
            )
        return optuna.pruners.MedianPruner(n_startup_trials=ENOUGH, n_warmup_steps=least)

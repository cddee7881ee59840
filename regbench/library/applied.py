"""A stack at work in a loop of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from regbench.errors import ConfigError, brief, listed
from regbench.evaluation.measurement import gaps
from regbench.library.front import judged, load_around, state_around
from regbench.library.gap import some_of
from regbench.library.outputs import measured
from regbench.library.own_run import OwnRun
from regbench.library.rows import Rows, split_of
from regbench.library.steps import Steps
from regbench.regularizers.base import Regularizer
from regbench.types import Record


class Applied(Steps):
    """A stack that has been applied to a model.

    Two calls of a loop change: the loss is `loss(inputs, labels)`, and at the end of an epoch comes
    `end_epoch`. All else the members do within the optimizer's `step`.

    Attributes:
        model: the model, prepared; the same object.
        note: what a person should know of it, a sentence a line.
        optimizer: the one that was given, whose `step` is the members' too; None before there is one.
        reg: the members, as they are now.
        epochs: of the whole run.
        steps_per_epoch: updates of an epoch.
        history: what `end_epoch` has measured, a record for each epoch.
        terms: the terms of the last loss by name, `data` and members with a penalty; scalars.
    """

    def __init__(self, run: OwnRun, steps_per_epoch: int, train_rows: int) -> None:
        super().__init__(run, steps_per_epoch, train_rows)
        self.history: list[Record] = []

    @property
    def eval_model(self) -> nn.Module:
        """What is to be evaluated: the model, or what a member puts in its place, as averaged weights."""
        return self._judged(self.reg.eval_model(self._run.model))

    def _judged(self, module: nn.Module) -> nn.Module:
        tensor = next(iter(module.state_dict().values()), None)
        few = self._run.data.train.inputs[:2]
        return judged(module, few if tensor is None else few.to(tensor.device))

    def end_epoch(
        self,
        metrics: Mapping[str, float] | None = None,
        *,
        train: Rows | None = None,
        select: Rows | None = None,
        val: Rows | None = None,
    ) -> bool:
        """Measure the model and let the members judge; whether one of them stops the run.

        Args:
            metrics: figures of your own, by names such as `select/loss`.
            train: the train rows; as many as val has are measured, and with val the gap.
            select: rows that members choose by, such as early stopping.
            val: rows that judge, and choose nothing.

        Raises:
            ConfigError: rows cannot be read, or a member finds no metric that it needs.
        """
        evaluated = self.reg.eval_model(self._run.model)
        splits = {"train": train, "select": select, "val": val}
        found: dict[str, float] = {}
        read = {n: split_of(rows, n, self._run.data.task) for n, rows in splits.items() if rows is not None}
        if "train" in read and "val" in read:
            read["train"] = some_of(read["train"], len(read["val"]), self._run.seed)
        for name, split in read.items():
            found |= {f"{name}/{metric}": value for metric, value in measured(evaluated, split).items()}
        if "train" in read and "val" in read:
            found |= gaps(found)
        self.history.append(
            Record(
                len(self.history) + 1,
                {**found, **(metrics or {}), **self.reg.scheduled(), **self.reg.metrics(evaluated)},
            )
        )
        return any([self._stops(name, leaf, evaluated) for name, leaf in self.reg.leaves()])  # ask them all

    def _stops(self, name: str, leaf: Regularizer, evaluated: nn.Module) -> bool:
        try:
            return leaf.end_epoch(self.history, evaluated)
        except ValueError as error:
            raise ConfigError(f"reg.{name}: {error}") from error

    def final_model(self) -> nn.Module:
        """What to keep at the end: the evaluated model, with the weights of the epoch that a member kept."""
        return self._judged(self.reg.final_model(self.reg.eval_model(self._run.model)))

    def state_dict(self) -> dict[str, Any]:
        """All that has changed in the members since they were applied, and where the run stands.

        Model and optimizer have states of their own, which belong into a checkpoint beside this.
        """
        return {
            "step": self.step_count,
            "history": [[record.epoch, record.metrics] for record in self.history],
            "reg": self.reg.state_dict(),
            "around": state_around(self._run.model),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up what `state_dict` returned, of the same stack.

        Raises:
            ConfigError: it is another stack's.
        """
        if not {"step", "history", "reg"} <= state.keys():
            raise ConfigError(
                f"state: must be what state_dict returned, got the keys {brief(listed(state)) or 'none'}"
            )
        reg = state["reg"]
        if reg.keys() != self.reg.members.keys():
            raise ConfigError(
                f"reg: the state must be of {', '.join(self.reg.members) or 'no members'}, "
                f"got one of {', '.join(reg) or 'no members'}"
            )
        self._run.clock.step = state["step"]
        self.history = [Record(epoch, dict(metrics)) for epoch, metrics in state["history"]]
        self.reg.load_state_dict(dict(reg))
        if "around" in state:  # one of before has none
            load_around(self._run.model, state["around"])
        self._epoch = None
        if self.step_count:  # the curves of this epoch are those of its last step
            self.reg.follow(self._time_of(self.step_count - 1))

"""A stack at work in a loop of one's own: what it shows, adds and edits, step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from operator import add
from typing import Any

from torch import Tensor, nn

from regbench.errors import ConfigError, counted
from regbench.evaluation.measurement import gaps
from regbench.library.gap import some_of
from regbench.library.optimizer import prepared, stepping
from regbench.library.outputs import measured
from regbench.library.own_run import OwnRun
from regbench.library.rows import Rows, split_of, targets_of
from regbench.nn.logits import still_logits
from regbench.regularizers.base import Regularizer, Stack
from regbench.training.loop import make_update, objective
from regbench.types import Batch, Record


class Applied:
    """A stack that has been applied to a model.

    Two calls of a loop change: the loss is `loss(inputs, labels)`, and at the end of an epoch comes
    `end_epoch`. All else the members do within the optimizer's `step`.

    Attributes:
        model: the model, prepared: the same object unless a member has wrapped it.
        reg: the members, as they are now.
        epochs: of the whole run.
        steps_per_epoch: updates of an epoch.
        history: what `end_epoch` has measured, a record for each epoch.
        terms: the terms of the last loss by name, `data` and members with a penalty; scalars.
    """

    def __init__(self, run: OwnRun, steps_per_epoch: int) -> None:
        self._run, self.steps_per_epoch = run, steps_per_epoch
        self.optimizer: Any = None
        self.history: list[Record] = []
        self.terms: dict[str, Tensor] = {}
        self._shown: list[Batch] = []  # of this step, as the model sees them
        self._place = 0  # of the next batch of this pass
        self._probing, self._ahead = False, False
        self._epoch: int | None = None  # that the members have been told of

    @property
    def model(self) -> nn.Module:
        return self._run.model

    @property
    def reg(self) -> Stack:
        return self._run.reg

    @property
    def epochs(self) -> int:
        return self._run.epochs

    @property
    def step_count(self) -> int:
        """Updates that have been made."""
        return self._run.clock.step

    @property
    def progress(self) -> float:
        """The middle of the next step as a share of the run, in (0, 1): what schedules are asked at."""
        return (self.step_count + 0.5) / (self.epochs * self.steps_per_epoch)

    def prepare_optimizer(self, optimizer: Any) -> Any:
        """Let the members take part in an optimizer's `step`, where `Stack.apply` was given none.

        Args:
            optimizer: of torch, over the parameters of the model.

        Returns:
            The same optimizer.

        Raises:
            ConfigError: a member refuses it.
        """
        if self.optimizer is not None:
            raise ConfigError("optimizer: must be one for each model, and this one has an optimizer already")
        self._run.optimizer = prepared(self.reg, self.model, optimizer, self._step)
        self.optimizer = optimizer
        return optimizer

    # --- a step

    def loss(self, inputs: Any, labels: Tensor, forward: Callable[[Any], Any] | None = None) -> Tensor:
        """Show the model a batch as the members want it shown; what they make of its loss, a scalar.

        Called again before the next update it is another part of the same batch (accumulation), or, within a
        closure that the optimizer calls again, the same rows once more. In evaluation mode it is the plain
        data loss.

        Args:
            inputs: (B, ...) floats, or token ids.
            labels: (B,) whole numbers, rows of probabilities (B, C), or numbers (B, K).
            forward: what is given the inputs in the place of the model, where that takes more than these; it
                must call the model.

        Raises:
            ConfigError: labels or outputs have another shape, or all epochs are done.
        """
        run, task = self._run, self._run.data.task
        run.own_forward = forward
        if not self.model.training:
            targets = targets_of(labels, task)
            outputs = still_logits(run.forward(inputs), *targets.shape).float()
            return run.target_loss(outputs, targets)
        batch = self._show(inputs, labels)
        self.terms = objective(run, batch)
        total = self.terms["data"] if self._probing else reduce(add, self.terms.values())
        self.terms = {name: term.detach() for name, term in self.terms.items()}
        return total

    def _show(self, inputs: Any, labels: Tensor) -> Batch:
        """The batch as the members have made it in the step's first pass."""
        clock, place = self._run.clock, self._place
        self._place += 1
        clock.micro = place
        if clock.passes > 0:
            if place >= len(self._shown):
                raise ConfigError(
                    f"loss: must show the same {counted(len(self._shown), 'batch')} in every pass"
                )
            return self._shown[place]
        if place == 0:
            self._begin_step()
        batch = Batch(inputs, targets_of(labels, self._run.data.task))
        clock.passes = -1
        batch = self.reg.transform_batch(batch)
        clock.passes = 0
        self._shown.append(batch)
        return batch

    def _begin_step(self) -> None:
        steps, step = self.epochs * self.steps_per_epoch, self.step_count
        if step >= steps:
            raise ConfigError(
                f"epochs: all {self.epochs} of {counted(self.steps_per_epoch, 'step')} are done; "
                "give apply as many as the loop has"
            )
        epoch = step // self.steps_per_epoch
        if epoch != self._epoch:
            self.reg.begin_epoch(epoch / self.epochs)
            self._epoch = epoch
        self.reg.begin_step(step / (steps - 1) if steps > 1 else 1.0)

    def step(self, inputs: Any, labels: Tensor, forward: Callable[[Any], Any] | None = None) -> Tensor:
        """A whole step: gradients to zero, loss, backward pass, update; for every optimizer and member.

        Returns:
            The loss, detached; of several passes that of the first.
        """
        if self.optimizer is None:
            raise ConfigError(
                "optimizer: must be given to apply, or to prepare_optimizer, before the first step"
            )

        def closure() -> Tensor:
            self.optimizer.zero_grad()
            value = self.loss(inputs, labels, forward)
            value.backward()
            return value.detach()

        return self.optimizer.step(closure)

    def step_ahead(self, closure: Callable[[], Tensor]) -> Tensor:
        """The update now, where a trainer calls the optimizer's `step` later by itself, without a closure.

        That call then does nothing. So a member that makes several passes over a batch works there too.

        Args:
            closure: computes the loss by `loss`, and its gradient; gradients are set to zero before it.

        Returns:
            The loss; of several passes that of the first.
        """

        def zeroed() -> Tensor:
            self.optimizer.zero_grad()
            return closure()

        value = self.optimizer.step(zeroed)
        self._ahead = True
        return value

    def _step(self, closure: Callable[[], Any] | None) -> Any:
        """What the optimizer's `step` does now: the update, with all that the members do before and after."""
        before = len(self._shown)
        ahead, self._ahead = self._ahead, False
        if ahead and closure is None and not before:
            return None
        if closure is None and not before:
            raise ConfigError(
                "optimizer: must step after a loss of this stack in training mode, and none was asked for "
                "since the last step; call model.train(), and `loss` in the place of the loss function"
            )
        values: list[Any] = []

        def one_pass(probe: bool) -> Any:
            if values or probe:
                self._require_repeatable(closure, before)
                self._place = 0
            if closure is not None:
                self._probing = probe
                try:
                    values.append(closure())
                finally:
                    self._probing = False
            else:
                values.append(None)
            return values[-1]

        try:
            with stepping(self.optimizer):
                make_update(self._run, one_pass)
        finally:
            self._shown, self._place = [], 0
            self._run.clock.passes = 0
        self._run.clock.step += 1
        return values[0]

    def _require_repeatable(self, closure: object, before: int) -> None:
        """Refuse several passes over a batch that is not shown by the closure alone.

        Raises:
            ConfigError: there is no closure, or a part of the batch was shown before it.
        """
        who = "the optimizer or a member (sam) makes several passes over a batch"
        if closure is None:
            raise ConfigError(
                f"optimizer: step must be given the closure that computes the loss and its gradient, as {who}"
            )
        if before:
            raise ConfigError(
                f"optimizer: the closure must show the whole batch, as {who}, and "
                f"{counted(before, 'part')} of it had been shown before"
            )

    # --- an epoch, and the end

    @property
    def eval_model(self) -> nn.Module:
        """What is to be evaluated: the model, or what a member puts in its place, as averaged weights."""
        return self.reg.eval_model(self.model)

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
        evaluated = self.eval_model
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
            Record(len(self.history) + 1, {**found, **(metrics or {}), **self.reg.metrics(evaluated)})
        )
        return any([self._stops(name, leaf, evaluated) for name, leaf in self.reg.leaves()])  # ask them all

    def _stops(self, name: str, leaf: Regularizer, evaluated: nn.Module) -> bool:
        try:
            return leaf.end_epoch(self.history, evaluated)
        except ValueError as error:
            raise ConfigError(f"reg.{name}: {error}") from error

    def final_model(self) -> nn.Module:
        """What to keep at the end: the evaluated model, with the weights of the epoch that a member kept."""
        return self.reg.final_model(self.eval_model)

    # --- resume

    def state_dict(self) -> dict[str, Any]:
        """All that has changed in the members since they were applied, and where the run stands.

        Model and optimizer have states of their own, which belong into a checkpoint beside this.
        """
        return {
            "step": self.step_count,
            "history": [[record.epoch, record.metrics] for record in self.history],
            "reg": self.reg.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up what `state_dict` returned, of the same stack.

        Raises:
            ConfigError: it is another stack's.
        """
        reg = state["reg"]
        if reg.keys() != self.reg.members.keys():
            raise ConfigError(
                f"reg: the state must be of {', '.join(self.reg.members) or 'no members'}, "
                f"got one of {', '.join(reg) or 'no members'}"
            )
        self._run.clock.step = state["step"]
        self.history = [Record(epoch, dict(metrics)) for epoch, metrics in state["history"]]
        self.reg.load_state_dict(dict(reg))
        self._epoch = None

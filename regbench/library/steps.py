"""Steps of a loop of one's own: what is shown, what is added to the loss, what the update edits."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import add
from typing import Any

from torch import Tensor, nn

from regbench.errors import ConfigError, counted
from regbench.library.front import unfronted
from regbench.library.optimizer import prepared, stepping
from regbench.library.own_run import OwnRun
from regbench.library.rows import numbers_of, targets_of
from regbench.nn.logits import still_logits
from regbench.nn.normalization import Normalized
from regbench.regularizers.base import Stack
from regbench.sites import Site
from regbench.training.loop import make_update, objective
from regbench.types import Batch


class Steps:
    """A stack at work on a model, as far as single steps go.

    Args:
        run: its model prepared, its optimizer still to come.
        steps_per_epoch: updates of an epoch.
        train_rows: how many rows there are to learn from.
    """

    def __init__(self, run: OwnRun, steps_per_epoch: int, train_rows: int) -> None:
        self._run, self.steps_per_epoch, self._train_rows = run, steps_per_epoch, train_rows
        self.optimizer: Any = None
        self.terms: dict[str, Tensor] = {}
        self._shown: list[Batch] = []  # of this step, as the model sees them
        self._place = 0  # of the next batch of this pass
        self._probing, self._ahead = False, False
        self._epoch: int | None = None  # that the members have been told of

    @property
    def model(self) -> nn.Module:
        return unfronted(self._run.model)

    @property
    def note(self) -> str:
        """What a person should know of the model, as noise of its own, a sentence a line; may be empty."""
        return getattr(self._run.model, "note", "")

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
        self._run.optimizer = prepared(self._run, optimizer, self._step)
        self.optimizer = optimizer
        return optimizer

    def loss(
        self,
        inputs: Any,
        labels: Tensor,
        forward: Callable[[Any], Any] | None = None,
        *,
        rows: Tensor | None = None,
    ) -> Tensor:
        """Show the model a batch as the members want it shown; what they make of its loss, a scalar.

        Called again before the next update it is another part of the same batch (accumulation), or, within a
        closure that the optimizer calls again, the same rows once more. In evaluation mode it is the plain
        data loss.

        Args:
            inputs: (B, ...) floats, or token ids.
            labels: (B,) whole numbers, rows of probabilities (B, C), or numbers (B, K).
            forward: what is given the inputs in the place of the model, where that takes more than these; it
                must call the model.
            rows: (B,), the places of the batch's rows in train, from 0, or -1 for what is no row of it: for
                members that keep something of each row.

        Raises:
            ConfigError: labels, rows or outputs have another shape, a member needs the rows and they are not
                given, or all epochs are done.
        """
        run, task = self._run, self._run.data.task
        run.own_forward = forward
        self._heed_input(self.model.training, forward is not None)
        if not self.model.training:
            targets = targets_of(labels, task)
            outputs = still_logits(run.forward(inputs), len(targets), task.outputs, task.returned).float()
            return run.target_loss(outputs, targets)
        batch = self._show(inputs, labels, rows)
        self.terms = objective(run, batch)
        total = self.terms["data"] if self._probing else reduce(add, self.terms.values())
        self.terms = {name: term.detach() for name, term in self.terms.items()}
        return total

    def _heed_input(self, training: bool, called_past: bool) -> None:
        """Put what only the front of the person's model has, a site and hooks, into the model's mode.

        Raises:
            ConfigError: a member acts there, and a person's own forward goes past it.
        """
        front = self._run.model
        if isinstance(front, Normalized):
            front.training = training  # that of its parts is the person's
        site = getattr(front, "input", None)
        if not isinstance(site, Site) or site.untouched:
            return
        site.train(training)
        if called_past:
            raise ConfigError(
                "forward: must be left out beside members that act at the inputs, before the model is called"
            )

    def _show(self, inputs: Any, labels: Tensor, rows: Tensor | None) -> Batch:
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
        if len(inputs) != len(labels):
            raise ConfigError(f"labels: must be one for each of {len(inputs)} inputs, got {len(labels)}")
        if rows is None and self.reg.needing_rows:
            raise ConfigError(
                f"rows: must be given as loss(inputs, labels, rows=...), the place of each row in train, "
                f"as reg.{self.reg.needing_rows} keeps something of each"
            )
        if place == 0:
            self._begin_step()
        targets = targets_of(labels, self._run.data.task)
        if rows is not None:
            rows = numbers_of(rows, len(targets), self._train_rows, targets.device)
        batch = Batch(inputs, targets, rows)
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
        self.reg.begin_step(self._time_of(step))

    def _time_of(self, step: int) -> float:
        """The share of the run at which members are told of a step: 0 of the first, 1 of the last."""
        steps = self.epochs * self.steps_per_epoch
        return step / (steps - 1) if steps > 1 else 1.0

    def step(
        self,
        inputs: Any,
        labels: Tensor,
        forward: Callable[[Any], Any] | None = None,
        *,
        rows: Tensor | None = None,
    ) -> Tensor:
        """A whole step: gradients to zero, loss, backward pass, update; for every optimizer and member.

        Args:
            inputs: as for `loss`.
            labels: likewise.
            forward: likewise.
            rows: likewise.

        Returns:
            The loss, detached; of several passes that of the first.
        """
        if self.optimizer is None:
            raise ConfigError(
                "optimizer: must be given to apply, or to prepare_optimizer, before the first step"
            )

        def closure() -> Tensor:
            self.optimizer.zero_grad()
            value = self.loss(inputs, labels, forward, rows=rows)
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

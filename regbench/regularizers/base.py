"""Regularizer and Stack: what training calls, and several of them acting as one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor, nn

from regbench.space import Domain
from regbench.streams import Clock, Stream
from regbench.strengths import Strength
from regbench.tasks import require_classes
from regbench.types import Batch, ForwardPass, Ranks, Record, Split

T = TypeVar("T")
Optimizer = Any  # a torch optimizer, or a wrapper of one (regbench.optimizers): step(closure), param_groups


class Regularizer:
    """Something that acts on training through the hooks it overrides; each default does nothing.

    A regularizer is a dataclass: its fields are its hyperparameters, checked in `__post_init__`. What changes
    while it works stands under a leading underscore.

    Attributes:
        off: the values at which it does nothing; always legal.
        kind: under which heading `regbench list reg` shows it: penalty, noise on activations, noise on
            weights, noise on inputs, noise on targets, optimizer, averaging, architecture or loss. Empty
            where its hooks tell: just one of `transform_batch`, `data_loss`, `penalty`, `edit_gradients` and
            `eval_model`, or `prepare_optimizer` and none of these.
        search: the values of its fields that `regbench search` tries, where it acts; empty where it has none
            that are to be tuned.
        visible_at: values at which a test can see it act, where the defaults are too mild to show.
        has_bound: whether it acts only where a bound is passed, which may be late in a run or never. It reads
            its fields in every step, and those of `visible_at` are passed at once: by these the audit sees
            that it would act.
        records_hidden: whether `ForwardPass.hidden` must be filled for it.
        weighs_classes: whether its `data_loss` heeds `ForwardPass.class_weights`.
        needs_classes: whether it speaks of classes, so that it refuses a split of numbers to predict, unless
            it is off.
        reads_runs: the fields whose value is the folder of a finished run, or None, and for each what is read
            there. `model`: the run's model, which must take the same inputs and know the same classes;
            `weights`: its weights alone, which must be this run's model's; what its members have brought is
            left out. Written out, as a dictionary of words: paths are made absolute, and digests taken, by
            source text alone, and a field that this does not tell of is refused.
        needs_rows: whether it reads `Batch.rows`, so that a batch without is refused, unless it is off.
        follows: the fields whose value may change between steps, so that a schedule can be set for them:
            read in each step, or kept under the same name by a module that it has put into the model. What
            evaluation reads too such a module keeps as `regbench.strengths` does, so that it is saved.
        fixed: its other fields that take a number, and why each cannot follow one: what comes after "as".
        stream: its own random draws, given by the stack before any hook is called.
        ranks: the processes that share the micro-batches of a step; None where this one has them all.
        runs: by field of `reads_runs`, what was read, given between `check_data` and `prepare_data` where
            the member is not off: a model in evaluation mode, without gradient, its normalization in front,
            on the run's device, shared with other runs; or tensors by the names of
            `regbench.weights.plain_state`, those of a head of another size left out. Weights are not there
            where a checkpoint is to come (`load_state_dict`), and nothing is where a run is only read back
            (`regbench.load`): a member must prepare a model without it.
        train_rows: how many rows train has, given by whoever builds a run, before any hook is called.
        schedules: by field, what its value follows; it is made with the one of them that is farthest from
            off, and keeps it until the first step.
        own_modules: those that it has put into the model, where it has schedules.
    """

    off: ClassVar[Mapping[str, Any]]
    search: ClassVar[Mapping[str, Domain]]
    kind: ClassVar[str] = ""
    visible_at: ClassVar[Mapping[str, Any]] = {}
    has_bound: ClassVar[bool] = False
    records_hidden: ClassVar[bool] = False
    weighs_classes: ClassVar[bool] = False
    needs_classes: ClassVar[bool] = False
    reads_runs: ClassVar[Mapping[str, str]] = {}
    needs_rows: ClassVar[bool] = False
    follows: ClassVar[Collection[str]] = ()
    fixed: ClassVar[Mapping[str, str]] = {}
    stream: Stream
    ranks: Ranks | None = None
    runs: Mapping[str, Any] = {}
    train_rows: int = 0
    schedules: Mapping[str, Strength] = {}
    own_modules: Collection[nn.Module] = ()

    def check_data(self, train: Split) -> None:
        """Refuse, by a ValueError, a train split that it cannot work on; quick, before any learning."""

    # prepare_*: once, while the run is built; at its off values it returns its argument untouched

    def prepare_data(self, train: Split) -> None:
        """Learn from the train split alone; its rows never change."""

    def prepare_model(self, model: nn.Module) -> nn.Module:
        """Insert modules at sites, parametrize weights, or wrap the model."""
        return model

    def prepare_optimizer(self, optimizer: Optimizer) -> Optimizer:
        """Wrap the optimizer, or read its settings."""
        return optimizer

    def begin_epoch(self, progress: float) -> None:
        """Before an epoch; progress is the share of the epochs that are done, in [0, 1)."""

    def begin_step(self, progress: float) -> None:
        """Set what follows a ramp; progress is 0 in the run's first step and 1 in its last (or only) one."""

    # transform_*: returns a new value, leaves its argument alone

    def transform_batch(self, batch: Batch) -> Batch:
        """Change what the step is shown: inputs, targets, or both."""
        return batch

    def data_loss(self, forward: ForwardPass) -> Tensor | None:
        """Replace the task's loss, the cross-entropy; one member of a stack at most may."""
        return None

    def transform_loss(self, loss: Tensor) -> Tensor:
        """Change the data loss, a scalar."""
        return loss

    def penalty(self, forward: ForwardPass) -> Tensor | None:
        """A scalar to add to the objective, already weighted."""
        return None

    # edit_*: changes the model's own tensors in place

    def edit_gradients(self, model: nn.Module) -> None:
        """After the backward pass, before the step."""

    def edit_weights(self, model: nn.Module) -> None:
        """After the step."""

    def end_step(self, model: nn.Module) -> None:
        """After every member has edited the weights: look, but leave them alone."""

    def eval_model(self, model: nn.Module) -> nn.Module:
        """What to evaluate instead of the model; one member of a stack at most may."""
        return model

    def metrics(self, model: nn.Module) -> dict[str, float]:
        """Figures of its own about the evaluated model, recorded as "<member>/<name>"."""
        return {}

    def end_epoch(self, history: Sequence[Record], evaluated: nn.Module) -> bool:
        """After an evaluation: True to stop the run."""
        return False

    def final_model(self, model: nn.Module) -> nn.Module:
        """What to keep at the end, given the evaluated model of the last epoch; called however a run ends."""
        return model

    # what a person is told

    def inert(self) -> str:
        """Why changing nothing is right for this member here; empty where it must act."""
        values = [f"{name}={value}" for name, value in self.off.items()]
        return f"off ({', '.join(values)})" if self.is_off else ""

    def note(self) -> str:
        """What a person should know of how it was understood here, for the audit."""
        return ""

    def shared_noise(self) -> float:
        """The p of noise that all rows of a batch share in one draw, for the audit; 0 where each has its own.

        Noise with dropout's variance p / (1 - p) is meant: above p of about 0.3 it can undo training, for no
        average over the batch makes it smaller.
        """
        return 0.0

    def averaged_steps(self, steps: int) -> float:
        """Over about how many steps the weights evaluated after so many are a mean, for the audit; else 0."""
        return 0.0

    def images(self) -> dict[str, Tensor]:
        """Pictures to look at before the first step, (N, C, H, W) in [0, 1], by name."""
        return {}

    @property
    def is_off(self) -> bool:
        """Whether every field that `off` names has its off value."""
        return all(getattr(self, name) == value for name, value in self.off.items())

    @property
    def follows_length(self) -> bool:
        """Whether what it does in a step depends on how many the run has: then none can be added later."""
        return not self.is_off and not {"begin_epoch", "begin_step"}.isdisjoint(hooks(type(self)))

    @property
    def computes_task_loss(self) -> bool:
        """Whether it computes the loss of the task by itself, as no loss of a person's own can be."""
        return False

    # strengths that follow a schedule

    def why_fixed(self, field: str) -> str:
        """Why a field cannot follow a schedule, at the values of the others; empty where it can."""
        return "" if field in self.follows else self.fixed.get(field, "its class does not name it in follows")

    def follow(self, progress: float) -> None:
        """Set every field that has a schedule to its value of this step, and in the modules that keep it."""
        for name, schedule in self.schedules.items():
            value = schedule(progress)
            setattr(self, name, value)
            for module in self.own_modules:
                if isinstance(vars(module).get(name), int | float):
                    setattr(module, name, value)

    # resume: all that has changed since it was built

    def state_dict(self) -> dict[str, Any]:
        """Tensors, numbers, strings, and lists and dicts of them."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what `state_dict` returned."""


class Stack(Regularizer):
    """Regularizers acting as one, in the order they were listed; the empty stack is the baseline.

    Raises:
        ValueError: two members each own the data loss or the evaluated model, or two leaves share a name.
    """

    off: ClassVar[Mapping[str, Any]] = {}
    search: ClassVar[Mapping[str, Domain]] = {}

    def __init__(self, members: Mapping[str, Regularizer]) -> None:
        self.members = dict(members)
        names = [name for name, _ in self.leaves()]
        if len(set(names)) < len(names) or "data" in names:
            twice = next(name for name in [*names, "data"] if [*names, "data"].count(name) > 1)
            raise ValueError(f"each member needs a name of its own, got {twice!r} twice")
        for hook, what in (("eval_model", "evaluated model"), ("data_loss", "data loss")):
            owners = [name for name, leaf in self.leaves() if hook in hooks(type(leaf))]
            if len(owners) > 1:
                raise ValueError(f"{' and '.join(owners)} each replace the {what}; keep one")
        self.at_largest = False  # for a probe: every schedule's field keeps the value it was made with
        self._made: dict[str, set[nn.Module]] = {}
        # in each step only those are asked that do something there
        self._acting = {hook: tuple(leaf for _, leaf in self.leaves() if acts(leaf, hook)) for hook in HOOKS}
        self._following = tuple((name, leaf) for name, leaf in self.leaves() if leaf.schedules)
        self._penalizing = tuple((name, leaf) for name, leaf in self.leaves() if acts(leaf, "penalty"))
        self.records_hidden = any(leaf.records_hidden for _, leaf in self.leaves())  # type: ignore[misc]
        knowing = (name for name, leaf in self.leaves() if leaf.needs_rows and not leaf.is_off)
        self.needing_rows = next(knowing, "")  # the first leaf's name

    def leaves(self) -> Iterator[tuple[str, Regularizer]]:
        """Name and regularizer of every member that is no stack, in order."""
        for name, member in self.members.items():
            if isinstance(member, Stack):
                yield from member.leaves()
            else:
                yield name, member

    def without(self, leaf: str) -> Stack:
        """The same stack, one leaf left out; the members are the same objects."""
        kept = {
            name: member.without(leaf) if isinstance(member, Stack) else member
            for name, member in self.members.items()
            if name != leaf or isinstance(member, Stack)
        }
        return Stack(kept)

    def bind(self, seed: int, clock: Clock) -> Stack:
        """Give every leaf the stream that belongs to its name."""
        for name, leaf in self.leaves():
            leaf.stream = Stream(seed, name, clock)
        return self

    def count(self, train_rows: int) -> None:
        """Tell every leaf how many rows train has."""
        for _, leaf in self.leaves():
            leaf.train_rows = train_rows

    def spread(self, ranks: Ranks | None) -> None:
        """Tell every leaf who shares the micro-batches of a step with this process."""
        for _, leaf in self.leaves():
            leaf.ranks = ranks

    def check_data(self, train: Split) -> None:
        _through(self.members, lambda member, _: _checked(member, train), None)

    def prepare_data(self, train: Split) -> None:
        _through(self.members, lambda member, _: member.prepare_data(train), None)

    def prepare_model(self, model: nn.Module) -> nn.Module:
        for name, member in self.members.items():
            before = _modules(model)
            model = _through({name: member}, lambda m, value: m.prepare_model(value), model)
            self._made[name] = _modules(model) - before
            if member.schedules:
                member.own_modules = self._made[name]
        return model

    def makers(self) -> dict[nn.Module, str]:
        """The leaf that put it there, for every module that the model has because of one."""
        found: dict[nn.Module, str] = {}
        for name, member in self.members.items():
            if isinstance(member, Stack):
                found |= member.makers()
            else:
                found |= dict.fromkeys(self._made.get(name, ()), name)
        return found

    def prepare_optimizer(self, optimizer: Optimizer) -> Optimizer:
        return _through(self.members, lambda m, value: m.prepare_optimizer(value), optimizer)

    def begin_epoch(self, progress: float) -> None:
        for leaf in self._acting["begin_epoch"]:
            leaf.begin_epoch(progress)

    def follow(self, progress: float) -> None:
        for _, leaf in () if self.at_largest else self._following:
            leaf.follow(progress)

    def begin_step(self, progress: float) -> None:
        self.follow(progress)
        for leaf in self._acting["begin_step"]:
            leaf.begin_step(progress)

    def transform_batch(self, batch: Batch) -> Batch:
        for leaf in self._acting["transform_batch"]:
            batch = leaf.transform_batch(batch)
        if self.needing_rows and batch.rows is None:
            raise ValueError(
                f"{self.needing_rows} must be told which row of train each row of a batch is (Batch.rows), "
                "and a member that changes batches leaves that out"
            )
        return batch

    def data_loss(self, forward: ForwardPass) -> Tensor | None:
        for leaf in self._acting["data_loss"]:
            if (loss := leaf.data_loss(forward)) is not None:
                return loss
        return None

    def transform_loss(self, loss: Tensor) -> Tensor:
        for leaf in self._acting["transform_loss"]:
            loss = leaf.transform_loss(loss)
        return loss

    def penalty(self, forward: ForwardPass) -> Tensor | None:
        terms = list(self.penalties(forward).values())
        return torch.stack(terms).sum() if terms else None

    def penalties(self, forward: ForwardPass) -> dict[str, Tensor]:
        """The penalty of each leaf that has one, under the leaf's name."""
        terms = {name: leaf.penalty(forward) for name, leaf in self._penalizing}
        return {name: term for name, term in terms.items() if term is not None}

    def edit_gradients(self, model: nn.Module) -> None:
        for leaf in self._acting["edit_gradients"]:
            leaf.edit_gradients(model)

    def edit_weights(self, model: nn.Module) -> None:
        for leaf in self._acting["edit_weights"]:
            leaf.edit_weights(model)

    def end_step(self, model: nn.Module) -> None:
        for leaf in self._acting["end_step"]:
            leaf.end_step(model)

    def eval_model(self, model: nn.Module) -> nn.Module:
        return _through(self.members, lambda m, value: m.eval_model(value), model)

    def metrics(self, model: nn.Module) -> dict[str, float]:
        return {
            f"{name}/{figure}": value
            for name, leaf in self.leaves()
            for figure, value in leaf.metrics(model).items()
        }

    def scheduled(self) -> dict[str, float]:
        """The value of every field that follows a schedule, as it is now, recorded as "<member>/<field>"."""
        return {
            f"{name}/{field}": float(getattr(leaf, field))
            for name, leaf in self._following
            for field in leaf.schedules
        }

    def images(self) -> dict[str, Tensor]:
        return {
            f"{name}/{title}": pictures
            for name, leaf in self.leaves()
            for title, pictures in leaf.images().items()
        }

    def end_epoch(self, history: Sequence[Record], evaluated: nn.Module) -> bool:
        return any([m.end_epoch(history, evaluated) for m in self.members.values()])  # ask them all

    def final_model(self, model: nn.Module) -> nn.Module:
        return _through(self.members, lambda m, value: m.final_model(value), model)

    def state_dict(self) -> dict[str, Any]:
        return {name: member.state_dict() for name, member in self.members.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name, member in self.members.items():
            member.load_state_dict(state[name])


def _modules(model: object) -> set[nn.Module]:
    return set(model.modules()) if isinstance(model, nn.Module) else set()


def _checked(member: Regularizer, train: Split) -> None:
    if member.needs_classes and not member.is_off:
        require_classes(train.task)
    member.check_data(train)


def _through(members: Mapping[str, Regularizer], hook: Callable[[Regularizer, T], T], value: T) -> T:
    """Pass the value through every member's hook, an error named after the member it came from."""
    for name, member in members.items():
        try:
            value = hook(member, value)
        except MemberError as error:
            raise MemberError(f"{name}.{error.name}", error) from error
        except ValueError as error:
            raise MemberError(name, error) from error
    return value


class MemberError(ValueError):
    """A member refuses; `name` is its path through the stack."""

    def __init__(self, name: str, reason: ValueError) -> None:
        super().__init__(str(reason))
        self.name = name


def acts(member: Regularizer, hook: str) -> bool:
    """Whether a member has a hook of its own, from its class or put on it alone."""
    return getattr(getattr(member, hook), "__func__", None) is not getattr(Regularizer, hook)


def hooks(cls: type[Regularizer]) -> list[str]:
    """Names of the hooks that a class overrides, in the order of training."""
    return [h for h in HOOKS if getattr(cls, h) is not getattr(Regularizer, h)]


HOOKS = [
    name
    for name, member in vars(Regularizer).items()
    if callable(member)
    and not name.startswith("_")
    and name not in {"inert", "note", "shared_noise", "averaged_steps", "images", "follow", "why_fixed"}
    and not name.endswith("state_dict")
]

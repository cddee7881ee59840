"""A few steps of a copy of a run, and what a member did in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from regbench.nn.logits import doubts
from regbench.regularizers.base import Regularizer, hooks
from regbench.sites import recording
from regbench.training.loop import Run, train_step
from regbench.types import Batch, ForwardPass
from regbench.weights import unmarked

PROBE_ROWS = 64


class Probe:
    """A copy of a run that takes a few steps at full strength and full learning rate.

    Args:
        run: the copy.
        twice: show the rows of each second step in the one before it too, for who acts on rows it has seen.
    """

    def __init__(self, run: Run, twice: bool = False) -> None:
        self.run, self._twice = run, twice
        self.rows = min(PROBE_ROWS, run.batch_size, len(run.data.train))
        self.terms: list[dict[str, Tensor]] = []
        run.model.train()
        run.reg.at_largest = True
        run.set_rate(1.0)

    def batch(self, index: int) -> Batch:
        """Other train rows for every step."""
        start = index * self.rows % max(1, len(self.run.data.train) - self.rows)
        return self.run.data.train[slice(start, start + self.rows)]

    def shown(self, index: int) -> Batch:
        """The rows of a step as the members show them; nothing is learned."""
        self._begin(index)
        return self.run.reg.transform_batch(self.batch(index))

    def _begin(self, index: int) -> None:
        """Ramps are at their start in the even steps and at their end in the odd ones."""
        self.run.reg.begin_epoch(0.0 if index % 2 == 0 else 0.999)
        self.run.reg.begin_step(float(index % 2))
        self.run.clock.step = index

    def step(self, index: int) -> int:
        """One update."""
        self._begin(index)
        self.terms.append(train_step(self.run, self.batch(index // 2 if self._twice else index)))
        return self.rows

    def steps(self, count: int) -> Probe:
        """Several updates, the first by the first rows."""
        for index in range(count):
            self.step(index)
        return self

    def state(self) -> dict[str, Tensor]:
        """What the steps have changed; a penalty that moves no weight has changed nothing."""
        evaluated = self.run.reg.eval_model(self.run.model).eval()
        with torch.no_grad():
            logits = evaluated(self.batch(0).inputs)
        losses = {f"loss of step {index}": terms["data"] for index, terms in enumerate(self.terms)}
        return losses | self.run.model.state_dict() | {"logits": logits}


def _class(module: nn.Module) -> tuple[str, str]:
    """Its name: torch makes a new class, of the same name, for each module that it parametrizes."""
    return type(module).__module__, type(module).__qualname__


def same(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    """Equal to the bit; where the probe itself diverged, NaN equals NaN."""
    equal = (torch.allclose(one[n], other[n], rtol=0, atol=0, equal_nan=True) for n in one if n in other)
    return one.keys() == other.keys() and all(equal)


def differing(absent: nn.Module, present: nn.Module) -> list[str]:
    """Modules that are new with the member, or of another type; of a new one's inside, nothing more."""
    before = {name: _class(module) for name, module in absent.named_modules()}
    found: list[str] = []
    for name, module in present.named_modules():
        inside = any(name.startswith(f"{outer}.") for outer in found)
        if before.get(name) != _class(module) and not inside:
            found.append(name)
    return found


@contextmanager
def zeroed_shares(model: nn.Module, modules: Sequence[str]) -> Iterator[dict[str, float]]:
    """Measure which share of its non-zero inputs each new module turns to zero in training."""
    shares: dict[str, float] = {}
    counts: dict[str, list[int]] = {}

    def count(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: tuple[Any, ...], outputs: Any) -> None:
            if not (module.training and len(inputs) == 1 and _alike(inputs[0], outputs)):
                return
            alive = inputs[0] != 0
            total = counts.setdefault(name, [0, 0])
            total[0] += int((alive & (outputs == 0)).sum())
            total[1] += int(alive.sum())

        return hook

    with ExitStack() as handles:
        for name in modules:
            handle = model.get_submodule(name).register_forward_hook(count(name))
            handles.callback(handle.remove)
        yield shares
    for name, (zeroed, alive) in counts.items():
        if zeroed and alive:
            shares[name] = zeroed / alive


def noisy_before(run: Run, kind: type[nn.Module], batch: Batch) -> set[str]:
    """Members whose draws act in a training forward pass before a module of a kind, wherever they stand.

    A draw acts at the innermost module that runs while it is made: a layer, a parametrization of its weight,
    what stands around or after a site. Of a member that draws while the batch is made, its own modules act.
    """
    running: list[nn.Module] = []
    drawn: list[tuple[nn.Module | None, str]] = []
    done: set[str] = set()
    found: set[str] = set()
    makers = run.reg.makers()

    def starts(module: nn.Module, _: object) -> None:
        running.append(module)
        if isinstance(module, kind):
            found.update(done)

    def ends(module: nn.Module, *_: object) -> None:
        running.pop()
        done.update(n for place, n in drawn if place is module or (place is None and makers.get(module) == n))

    run.clock.on_draw = lambda name: drawn.append((running[-1] if running else None, name))
    run.model.train()
    with ExitStack() as handles, torch.no_grad(), run.autocast():
        handles.callback(setattr, run.clock, "on_draw", None)
        for _, leaf in run.reg.leaves():
            if {"prepare_model", "transform_batch"} <= set(hooks(type(leaf))):
                leaf.transform_batch(batch)
        for module in run.model.modules():
            handles.callback(module.register_forward_pre_hook(starts).remove)
            handles.callback(module.register_forward_hook(ends).remove)
        run.model(batch.inputs)
    return found


def _alike(one: Any, other: Any) -> bool:
    return isinstance(one, Tensor) and isinstance(other, Tensor) and one.shape == other.shape


def modules_by_kind(model: nn.Module, names: list[str]) -> list[str]:
    """A sentence for each class of new modules: where they stand."""
    kinds: dict[str, list[str]] = {}
    for name in names:
        kinds.setdefault(type(model.get_submodule(name)).__name__, []).append(short(name))
    return [f"{kind} at {', '.join(places)}" for kind, places in kinds.items()]


def batch_facts(probe: Probe, leaf: Regularizer) -> list[str]:
    """What the member by itself makes of a clean batch."""
    clean = probe.batch(0)
    shown = leaf.transform_batch(clean)
    facts = []
    if shown.inputs.shape != clean.inputs.shape:
        facts.append(f"inputs {tuple(clean.inputs.shape)} become {tuple(shown.inputs.shape)}")
    elif not torch.equal(shown.inputs, clean.inputs):
        changed = (shown.inputs != clean.inputs).flatten(1).any(1).double().mean().item()
        facts.append(f"changed the inputs of {changed:.0%} of the rows")
    if not torch.equal(shown.targets, clean.targets):
        name, unit, spread = probe.run.data.task.spread
        before, after = spread(clean.targets), spread(shown.targets)
        facts.append(f"{name} {before:.4f} -> {after:.4f}{unit}")
    return facts


def penalty_facts(probe: Probe, leaf: Regularizer) -> list[str]:
    """The penalty and its gradient, on a batch in training mode."""
    if "penalty" not in hooks(type(leaf)):
        return []
    run, batch = probe.run, probe.batch(0)
    run.model.train()  # what has measured it before has left it in evaluation
    with recording(run.model, leaf.records_hidden) as hidden, run.autocast():
        logits = run.model(batch.inputs).float()
    value = leaf.penalty(ForwardPass(run.model, batch, logits, hidden, bf16=run.bf16))
    if value is None or not value.requires_grad:
        return []
    weights = [p for p in run.model.parameters() if p.requires_grad]
    gradients = torch.autograd.grad(value, weights, allow_unused=True)
    norm = torch.stack([g.norm() for g in gradients if g is not None]).norm()
    return [f"penalty {value.item():.4g}, norm of its gradient {norm.item():.4g}"]


def update_facts(present: Probe, absent: Probe) -> list[str]:
    """How far the weights have gone apart, relative to how large they are."""
    others = dict(absent.run.model.named_parameters())
    pairs = [(p, others[n]) for n, p in present.run.model.named_parameters() if n in others]
    if not pairs:
        return []
    apart = torch.stack([(one.detach() - other.detach()).norm() for one, other in pairs]).norm()
    size = torch.stack([other.detach().norm() for _, other in pairs]).norm()
    return [f"weights {(apart / size).item():.2g} apart, relative, from those without it"]


def short(name: str) -> str:
    """The place in the person's own model: the site's name, without our wrapping."""
    return unmarked(name).removeprefix("net.").split(".after.")[0].split(".around.")[0].removesuffix(".body")


def model_name(run: Run) -> str:
    """The class of the person's own model."""
    return type(getattr(run.model, "net", run.model)).__name__


def model_warnings(probe: Probe, logits: Tensor) -> list[str]:
    """What a person should know of their own model: what it trains in vain, what its logits look like.

    Args:
        probe: the whole run's.
        logits: those of some rows, in evaluation, after its steps.
    """
    note, task = getattr(probe.run.model, "note", ""), probe.run.data.task
    return [f"{model_name(probe.run)}: {said}" for said in [*note.splitlines(), *doubts(logits, task)]]

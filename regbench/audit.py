"""Before training: where each member of a stack attached, and proof that it acts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, is_dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.flop_counter import FlopCounterMode

from regbench.errors import ConfigError
from regbench.measurement import gaps, measure
from regbench.regularizers.base import Regularizer, hooks
from regbench.training import Run, train_step
from regbench.types import Batch, ForwardPass, Record

PROBE_ROWS = 64
PROBE_STEPS = (2, 16)  # where the first number shows nothing of a member, the second is tried
DECIDING = {
    "eval_model",
    "end_epoch",
}  # a member that has one of these, and else only those beside, is a rule
BESIDE = {"begin_epoch", "end_step", "metrics", "final_model"}


@dataclass
class Finding:
    """What the probe saw of one member.

    Attributes:
        name: the leaf's name in the stack.
        state: acts, rule (it decides later, and may never), or why it rightly does nothing.
        hooks: the hooks that it overrides.
        modules: names of modules that the model has, or has otherwise, because of it.
        facts: sentences for a person.
    """

    name: str
    state: str
    hooks: list[str]
    modules: list[str]
    facts: list[str]


@dataclass
class Audit:
    """Findings for every member, warnings about the whole, and what one example costs in training.

    Attributes:
        flops_per_example: floating-point operations of dense and convolutional layers, forward and backward.
    """

    findings: list[Finding]
    warnings: list[str]
    flops_per_example: float


def audit(make: Callable[[str | None], Run]) -> Audit:
    """Probe copies of a run: the whole stack, and the stack without each of its members.

    Args:
        make: builds a fresh copy of the run, without the named leaf where one is named.

    Raises:
        ConfigError: a member changes nothing at its settings, though these are not its off values.
    """
    whole = Probe(make(None))
    with FlopCounterMode(display=False) as counter:
        rows = whole.step(0)
    flops = counter.get_total_flops() / rows
    findings = [_examine(name, leaf, make) for name, leaf in whole.run.reg.leaves()]
    return Audit(findings, _warnings(whole.run, findings), flops)


class Probe:
    """A copy of a run that takes a few steps at full strength and full learning rate."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.rows = min(PROBE_ROWS, run.batch_size, len(run.data.train))
        self.terms: list[dict[str, Tensor]] = []
        run.model.train()
        for group in run.optimizer.param_groups:
            group["lr"] = run.lr

    def batch(self, index: int) -> Batch:
        """Other train rows for every step."""
        start = index * self.rows % max(1, len(self.run.data.train) - self.rows)
        return self.run.data.train[slice(start, start + self.rows)]

    def step(self, index: int) -> int:
        """One update: ramps are at their start in the even steps and at their end in the odd ones."""
        self.run.reg.begin_epoch(0.0 if index % 2 == 0 else 0.999)
        self.run.clock.step = index
        self.terms.append(train_step(self.run, self.batch(index)))
        return self.rows

    def steps(self, count: int) -> Probe:
        """Several updates, the first by the first rows."""
        for index in range(count):
            self.step(index)
        return self

    def state(self) -> dict[str, Tensor]:
        """All that the steps have changed, and what the evaluated model now says."""
        evaluated = self.run.reg.eval_model(self.run.model).eval()
        with torch.no_grad():
            logits = evaluated(self.batch(0).inputs)
        terms = {f"{i}/{n}": term for i, terms in enumerate(self.terms) for n, term in terms.items()}
        return terms | self.run.model.state_dict() | {"logits": logits}


def _examine(name: str, leaf: Regularizer, make: Callable[[str | None], Run]) -> Finding:
    acts_in = hooks(type(leaf))
    rule = bool(DECIDING & set(acts_in)) and set(acts_in) <= DECIDING | BESIDE
    for count in PROBE_STEPS:
        present, absent = Probe(make(None)), Probe(make(name))
        leaf = dict(present.run.reg.leaves())[name]
        modules = _differing(absent.run.model, present.run.model)
        with _zeroed_shares(present.run.model, modules) as shares:
            acts = not _same(present.steps(count).state(), absent.steps(count).state())
        inert = leaf.inert()
        if acts or rule or inert:
            break
    else:
        raise ConfigError(
            f"reg.{name}: changes nothing of {_model_name(present.run)} in {count} probe steps with "
            f"{_fields(leaf)}; change these values, or take it out of the stack"
        )
    _try_end_of_epoch(name, leaf, present)
    state = inert or ("rule" if rule else "acts")
    facts = [_fields(leaf), *shares, *_modules(present.run.model, modules)]
    if not inert and not rule:
        facts += [*_batch_facts(present, leaf), *_penalty_facts(present, leaf)]
        facts += _update_facts(present, absent)
    if leaf.note():
        facts.append(leaf.note())
    return Finding(name, state, acts_in, modules, facts)


def _try_end_of_epoch(name: str, leaf: Regularizer, probe: Probe) -> None:
    """Let a member read a record now, so that one it cannot read is no surprise after the first epoch."""
    if "end_epoch" not in hooks(type(leaf)):
        return
    run, few = probe.run, slice(0, probe.rows)
    evaluated = run.reg.eval_model(run.model)
    data = replace(run.data, select=run.data.select.subset(few), val=run.data.val.subset(few))
    measured = measure(evaluated, data, run.autocast)
    try:
        leaf.end_epoch([Record(1, measured | gaps(measured))], evaluated)
    except ValueError as error:
        raise ConfigError(f"reg.{name}: {error}") from error


def _same(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    """Equal to the bit; where the probe itself diverged, NaN equals NaN."""
    equal = (torch.allclose(one[n], other[n], rtol=0, atol=0, equal_nan=True) for n in one if n in other)
    return one.keys() == other.keys() and all(equal)


def _differing(absent: nn.Module, present: nn.Module) -> list[str]:
    """Modules that are new with the member, or of another type; of a new one's inside, nothing more."""
    before = {name: type(module) for name, module in absent.named_modules()}
    found: list[str] = []
    for name, module in present.named_modules():
        inside = any(name.startswith(f"{outer}.") for outer in found)
        if before.get(name) is not type(module) and not inside:
            found.append(name)
    return found


@contextmanager
def _zeroed_shares(model: nn.Module, modules: list[str]) -> Iterator[list[str]]:
    """Measure which share of its non-zero inputs each new module turns to zero in training."""
    facts: list[str] = []
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
        yield facts
    for name, (zeroed, alive) in counts.items():
        if zeroed and alive:
            facts.append(f"{_short(name)}: dropped {zeroed / alive:.3f} of its inputs")


def _alike(one: Any, other: Any) -> bool:
    return isinstance(one, Tensor) and isinstance(other, Tensor) and one.shape == other.shape


def _modules(model: nn.Module, names: list[str]) -> list[str]:
    kinds: dict[str, list[str]] = {}
    for name in names:
        kinds.setdefault(type(model.get_submodule(name)).__name__, []).append(_short(name))
    return [f"{kind} at {', '.join(places)}" for kind, places in kinds.items()]


def _batch_facts(probe: Probe, leaf: Regularizer) -> list[str]:
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
        before, after = _entropy(clean.targets), _entropy(shown.targets)
        facts.append(f"target entropy {before:.4f} -> {after:.4f} nats")
    return facts


def _entropy(targets: Tensor) -> float:
    return torch.special.entr(targets.double()).sum(1).mean().item()


def _penalty_facts(probe: Probe, leaf: Regularizer) -> list[str]:
    """The penalty and its gradient, on a batch in training mode."""
    if "penalty" not in hooks(type(leaf)):
        return []
    run, batch = probe.run, probe.batch(0)
    value = leaf.penalty(ForwardPass(run.model, batch, run.model(batch.inputs).float(), ()))
    if value is None:
        return []
    weights = [p for p in run.model.parameters() if p.requires_grad]
    gradients = torch.autograd.grad(value, weights, allow_unused=True)
    norm = torch.stack([g.norm() for g in gradients if g is not None]).norm()
    return [f"penalty {value.item():.4g}, norm of its gradient {norm.item():.4g}"]


def _update_facts(present: Probe, absent: Probe) -> list[str]:
    """How far the weights have gone apart, relative to how large they are."""
    others = dict(absent.run.model.named_parameters())
    pairs = [(p, others[n]) for n, p in present.run.model.named_parameters() if n in others]
    if not pairs:
        return []
    apart = torch.stack([(one.detach() - other.detach()).norm() for one, other in pairs]).norm()
    size = torch.stack([other.detach().norm() for _, other in pairs]).norm()
    return [f"weights {(apart / size).item():.2g} apart, relative, from those without it"]


def _fields(leaf: Regularizer) -> str:
    values: dict[str, Any] = asdict(leaf) if is_dataclass(leaf) else {}  # type: ignore[call-overload]
    return ", ".join(f"{name}={value}" for name, value in values.items())


def _short(name: str) -> str:
    """The place in the person's own model: the site's name, without our wrapping."""
    return name.removeprefix("net.").split(".after.")[0].split(".around.")[0].removesuffix(".body")


def _model_name(run: Run) -> str:
    return type(getattr(run.model, "net", run.model)).__name__


def _warnings(run: Run, findings: list[Finding]) -> list[str]:
    """Combinations that are legal and seldom meant."""
    said = []
    leaves = dict(run.reg.leaves())
    if run.schedule(0.999) < run.schedule(0.5):
        stopping = [n for n, leaf in leaves.items() if "end_epoch" in hooks(type(leaf)) and not leaf.is_off]
        said += [
            f"{n} may end the run before the schedule has annealed; schedule=constant lets it judge fairly"
            for n in stopping
        ]
    order = {name: position for position, (name, _) in enumerate(run.model.named_modules())}
    norms = [order[n] for n, m in run.model.named_modules() if isinstance(m, _BatchNorm)]
    for finding in findings:
        noisy = [n for n in finding.modules if ".after." in n and finding.state == "acts"]
        if norms and any(order[n] < max(norms) for n in noisy):
            said.append(
                f"{finding.name} adds noise before a batch normalization, whose running variance then "
                "is not that of evaluation (Li et al., 2019)"
            )
    return said

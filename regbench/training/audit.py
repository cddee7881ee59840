"""Before training: where each member of a stack attached, and proof that it acts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, is_dataclass, replace
from itertools import combinations
from math import ceil, prod
from typing import Any

from torch.nn.modules.batchnorm import _BatchNorm

from regbench.errors import ConfigError
from regbench.evaluation.measurement import gaps, measure
from regbench.nn.grouping import GroupedChannels
from regbench.regularizers.base import Regularizer, hooks
from regbench.training.flops import FlopCounter
from regbench.training.loop import Run
from regbench.training.probe import (
    Probe,
    batch_facts,
    differing,
    model_name,
    model_warnings,
    modules_by_kind,
    noisy_before,
    penalty_facts,
    same,
    short,
    update_facts,
    zeroed_shares,
)
from regbench.types import Batch, Record

STEPS, MORE_STEPS = 2, 16  # a member that shows nothing in the first is given the second
# A member that has one of these, and else only those beside, is a rule.
DECIDING = {"eval_model", "end_epoch"}
MOST_SHARED = 0.3  # p of noise that a whole batch shares: from 0.4 on some runs end at chance
RESTING = 0.05  # of the largest learning rate
LEAST_THROUGH = 0.5  # of a place's values: where less comes through several members, that is seldom meant
BESIDE = {"begin_epoch", "begin_step", "end_step", "metrics", "final_model"}
Make = Callable[[str | None], Run]


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

    def __str__(self) -> str:
        found = [(f"{one.name} {one.state}", *(f"  {fact}" for fact in one.facts)) for one in self.findings]
        return "\n".join(
            [*(line for lines in found for line in lines), *(f"warning: {w}" for w in self.warnings)]
        )


def audit(make: Make) -> Audit:
    """Probe copies of a run: the whole stack, and the stack without each of its members.

    Args:
        make: builds a fresh copy of the run, without the named leaf where one is named.

    Raises:
        ConfigError: a member changes nothing at its settings, though these are not its off values.
    """
    whole = make(None)
    leaves = dict(whole.reg.leaves())
    modules = {name: _due_to(name, whole, make(name)) for name in leaves}
    added = [module for names in modules.values() for module in names]
    with FlopCounter() as counter, zeroed_shares(whole.model, added) as shares:
        present = Probe(whole).steps(STEPS)
    flops = counter.total / (STEPS * present.rows)
    seen = {
        name: tensor.clone() for name, tensor in present.state().items()
    }  # the facts below move statistics
    findings = []
    for name, leaf in leaves.items():
        absent = Probe(make(name)).steps(STEPS)
        state = _state(leaf)
        if state == "acts" and leaf.needs_rows:
            _require_rows(name, make)
        if state == "acts" and same(seen, absent.state()) and not _acts_later(name, leaf, make):
            if not (leaf.has_bound and _acts_beyond_its_bound(name, make)):
                raise ConfigError(
                    f"reg.{name}: changes nothing of {model_name(whole)} in {MORE_STEPS} probe steps with "
                    f"{_fields(leaf)}; change these values, or take it out of the stack"
                )
            state = "rule"
        _try_end_of_epoch(name, leaf, present)
        dropped = [f"{short(m)}: dropped {shares[m]:.3f} of its inputs" for m in modules[name] if m in shares]
        facts = [_fields(leaf), *dropped]
        facts += modules_by_kind(whole.model, modules[name])
        if state == "acts":
            facts += [
                *batch_facts(present, leaf),
                *penalty_facts(present, leaf),
                *update_facts(present, absent),
            ]
        if state == "rule" and leaf.has_bound:
            facts.append(f"nothing passes its bound in {MORE_STEPS} probe steps; it waits")
        facts += [leaf.note()] if leaf.note() else []
        findings.append(Finding(name, state, hooks(type(leaf)), modules[name], facts))
    warned = [*_warnings(whole, present.batch(0), findings), *_shared_places(whole, findings, shares)]
    return Audit(findings, [*model_warnings(present, seen["logits"]), *warned], flops)


def _due_to(name: str, whole: Run, without: Run) -> list[str]:
    """Names of the modules that a leaf has put into the model, or that are of another type because of it."""
    makers = whole.reg.makers()
    changed = differing(without.model, whole.model)
    found: list[str] = []
    for place, module in whole.model.named_modules():
        inside = any(place.startswith(f"{outer}.") for outer in found)
        if not inside and makers.get(module, name if place in changed else "") == name:
            found.append(place)
    return found


def _state(leaf: Regularizer) -> str:
    """What is to be expected of a member: the reason why it does nothing, a rule, or that it acts."""
    acts_in = set(hooks(type(leaf)))
    rule = bool(DECIDING & acts_in) and acts_in <= DECIDING | BESIDE
    return leaf.inert() or ("rule" if rule else "acts")


def _acts_later(name: str, leaf: Regularizer, make: Make) -> bool:
    """Whether more steps show what a few did not, such as a change to one row in a thousand."""
    probes = (Probe(make(without), leaf.needs_rows).steps(MORE_STEPS) for without in (None, name))
    return not same(*(probe.state() for probe in probes))


def _require_rows(name: str, make: Make) -> None:
    """Refuse a member that needs the train rows where the others leave it none.

    Raises:
        ConfigError: they make every row of several, or of none.
    """
    probe = Probe(make(None))
    for index in range(MORE_STEPS):
        rows = probe.shown(index).rows
        if rows is None or bool((rows >= 0).any()):
            return
    raise ConfigError(
        f"reg.{name}: needs rows of train, and the other members show none as it is: all are made of "
        "several, or of none; leave one of them out, or let it make fewer"
    )


def _acts_beyond_its_bound(name: str, make: Make) -> bool:
    """Whether a member that waits for a bound to be passed acts where it is made to be."""
    present, absent = make(None), make(name)
    leaf = dict(present.reg.leaves())[name]
    for field, value in leaf.visible_at.items():
        setattr(leaf, field, value)
    return not same(*(Probe(run).steps(STEPS).state() for run in (present, absent)))


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


def _fields(leaf: Regularizer) -> str:
    values: dict[str, Any] = asdict(leaf) if is_dataclass(leaf) else {}  # type: ignore[call-overload]
    return ", ".join(f"{name}={leaf.schedules.get(name, value)}" for name, value in values.items())


def _warnings(run: Run, batch: Batch, findings: list[Finding]) -> list[str]:
    """Combinations that are legal and seldom meant."""
    acting = [finding.name for finding in findings if finding.state == "acts"]
    noisy = noisy_before(run, _BatchNorm, batch)
    return [
        *_beside_the_schedule(run),
        *(
            f"{name} adds noise before a batch normalization, whose running variance then "
            "is not that of evaluation (Li et al., 2019)"
            for name in acting
            if name in noisy
        ),
        *_shared_noise(run, acting),
        *_undivided(run),
    ]


def _beside_the_schedule(run: Run) -> list[str]:
    """Members whose judgement or whose mean a falling learning rate leaves without an object."""
    leaves = {name: leaf for name, leaf in run.reg.leaves() if not leaf.is_off}
    anneals = run.schedule(0.999) < run.schedule(0.5)
    stopping = [name for name, leaf in leaves.items() if anneals and "end_epoch" in hooks(type(leaf))]
    return [
        f"{name} may end the run before the schedule has annealed; schedule=constant lets it judge fairly"
        for name in stopping
    ] + [
        f"{name} averages weights that the schedule has all but stopped by then, so the mean is about the "
        "model itself; schedule=constant shows what it does"
        for name, leaf in leaves.items()
        if _at_rest(run, leaf)
    ]


def _at_rest(run: Run, leaf: Regularizer) -> bool:
    """Whether a member takes a mean over steps at the end of the run that hardly move the weights."""
    steps = run.epochs * ceil(len(run.data.train) / run.batch_size)
    averaged = leaf.averaged_steps(steps)
    if not averaged:
        return False
    peak = max(run.schedule(share / 20) for share in range(1, 21))
    return run.schedule(max(1 - averaged / steps, 0.5 / steps)) < RESTING * peak


def _shared_noise(run: Run, acting: list[str]) -> list[str]:
    """Members whose noise is strong, and one draw for a whole batch."""
    shared = {name: leaf.shared_noise() for name, leaf in run.reg.leaves() if name in acting}
    return [
        f"{name} draws one noise for all rows of a batch, at p={p:.3g}, which no mean over rows makes "
        f"smaller; above {MOST_SHARED} it may end training at chance: give each row its draw, or lower p"
        for name, p in shared.items()
        if p > MOST_SHARED
    ]


def _undivided(run: Run) -> list[str]:
    """Group normalizations that are another technique, as the channels leave no choice."""
    found = [n for n, m in run.model.named_modules() if isinstance(m, GroupedChannels) and m.undivided]
    if not found:
        return []
    return [
        f"the channels at {', '.join(map(short, found))} cannot be divided into groups of two or more: "
        "all are one group, which is layer normalization"
    ]


def _shared_places(run: Run, findings: list[Finding], shares: Mapping[str, float]) -> list[str]:
    """Members that act at one place: two of a kind, and several that together let less than half through."""
    said = []
    leaves = dict(run.reg.leaves())
    places = {f.name: {short(module) for module in f.modules} for f in findings}
    for one, other in combinations(places, 2):
        both = sorted(places[one] & places[other])
        if both and type(leaves[one]) is type(leaves[other]):
            kind = type(leaves[one]).__name__
            said.append(
                f"{one} and {other} are both {kind} at {', '.join(both)}; each acts on top of the other"
            )
    for place in sorted(set().union(*places.values())):
        kept = {
            f.name: 1 - shares[m] for f in findings for m in f.modules if short(m) == place and m in shares
        }
        if len(kept) > 1 and prod(kept.values()) < LEAST_THROUGH:
            said.append(f"{', '.join(kept)} together let {prod(kept.values()):.2f} of {place} through")
    return said

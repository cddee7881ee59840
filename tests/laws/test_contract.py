"""The laws that every regularizer obeys. A new one is tested by being there."""

from __future__ import annotations

import functools
import inspect
import io
import re
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from regbench.assembly.run import build_run
from regbench.assembly.stack import build_stack
from regbench.assembly.trained import _built
from regbench.composition.settings import resolved  # noqa: F401  (registers the resolvers)
from regbench.errors import ConfigError
from regbench.evaluation.measurement import gaps, measure
from regbench.instantiation.locating import locate
from regbench.regularizers.base import Regularizer, Stack, hooks
from regbench.streams import Stream
from regbench.training.audit import audit
from regbench.training.loop import EpochEnd, Run, StepEnd, batch_order, fit
from regbench.types import Record
from regbench.weights import plain_state
from tests.conftest import all_regs, reg_node, tiny
from tests.laws.conftest import in_turn

REGS = all_regs()
MODELS = ["mlp", "resnet", "transformer", "text"]


def cls_of(name: str) -> type[Regularizer]:
    return locate(reg_node(name)["_target_"], "reg")  # type: ignore[return-value]


def off(name: str) -> dict[str, Any]:
    return reg_node(name, **cls_of(name).off)


def on(name: str) -> dict[str, Any]:
    return reg_node(name, **cls_of(name).visible_at)


def config_for(model: str, reg: dict[str, Any], **train: Any) -> dict[str, Any]:
    """A normalization is judged where the model has none of its own."""
    config = tiny(model, reg, **train)
    if "norm" in config["model"] and any("enabled" in node for node in reg.values()):
        config["model"]["norm"] = "none"
    return config


@functools.cache
def refusal(name: str, model: str) -> str:
    """Why a technique cannot act on a model, in its own words; empty where it can."""
    try:
        build_run(config_for(model, {name: on(name)}))
    except ConfigError as error:
        return str(error)
    return ""


def require_acting(name: str, model: str) -> None:
    """Skip a pair that the technique itself refuses."""
    if why := refusal(name, model):
        pytest.skip(f"{model}: {why}")


def home(name: str) -> str:
    """The first of the models on which a technique can act."""
    found = [model for model in MODELS if not refusal(name, model)]
    return found[0] if found else pytest.fail(f"{name} acts on none of {MODELS}: {refusal(name, MODELS[0])}")


def finish(run: Run, history: list[Record] | None = None) -> list[Record]:
    records = list(history or [])
    records += [event.record for event in fit(run, records) if isinstance(event, EpochEnd)]
    return records


def timeless(records: list[Record]) -> list[tuple[int, dict[str, float]]]:
    return [(r.epoch, {n: v for n, v in r.metrics.items() if not n.startswith("time/")}) for r in records]


def shared(records: list[Record]) -> list[dict[str, float]]:
    """What every stack records: the clean view, the data loss and the learning rate."""
    names = ("train/", "select/", "val/", "gap/", "objective/data", "schedule/")
    return [{n: v for n, v in r.metrics.items() if n.startswith(names)} for r in records]


def outcome(config: dict[str, Any]) -> tuple[Any, dict[str, torch.Tensor]]:
    run = build_run(config)
    records = finish(run)
    final = run.reg.final_model(run.reg.eval_model(run.model))
    return timeless(records), {n: t.clone() for n, t in plain_state(final).items()}


Kept = tuple[Any, dict[str, torch.Tensor]]  # records without their times, and weights: to be read only


@functools.cache
def _without(model: str, norm: str | None, epochs: int) -> Kept:
    """The outcome of the empty stack, which many a member is compared with."""
    return outcome(_with_norm(tiny(model, epochs=epochs), norm))


def _with_norm(config: dict[str, Any], norm: str | None) -> dict[str, Any]:
    return config | {"model": config["model"] | ({"norm": norm} if norm else {})}


def without(model: str, config: dict[str, Any]) -> Kept:
    """The outcome of the same run with the empty stack."""
    return _without(model, config["model"].get("norm"), config["train"]["epochs"])


@functools.cache
def alone(name: str) -> Kept:
    """The outcome of a member by itself, at home."""
    return outcome(config_for(home(name), {name: on(name)}))


def same_tensors(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one)


# --- the shape of a regularizer


@pytest.mark.parametrize("name", REGS)
def test_is_three_files_that_agree(name: str) -> None:
    cls, node = cls_of(name), reg_node(name)
    assert node["_target_"].startswith(f"regbench.regularizers.{name}.")
    assert set(node) - {"_target_"} == {field.name for field in fields(cls)}  # type: ignore[arg-type]
    assert (Path(__file__).parents[1] / "regularizers" / f"test_{name}.py").exists()
    assert hooks(cls), "it overrides no hook"
    assert re.search(r"^\s*Paper: .+\d{4}", inspect.getdoc(cls) or "", re.M), "its docstring cites no paper"
    assert cls.off, "it states no off values"


@pytest.mark.parametrize("name", REGS)
def test_holds_no_values_in_python(name: str) -> None:
    assert all(p.default is p.empty for p in inspect.signature(cls_of(name)).parameters.values())


@pytest.mark.parametrize("name", REGS)
def test_refuses_what_is_no_number(name: str) -> None:
    node = reg_node(name)
    numbers = [k for k, v in node.items() if isinstance(v, int | float) and not isinstance(v, bool)]
    for key in numbers:
        for value in (float("nan"), float("inf"), -float("inf"), True, "much", [0.1]):
            with pytest.raises(ConfigError, match=rf"^reg\.{name}: {key} must be "):
                build_stack({name: node | {key: value}})


@pytest.mark.parametrize("name", REGS)
def test_refuses_negative_strengths(name: str) -> None:
    for key in cls_of(name).off:
        if not isinstance(cls_of(name).off[key], bool):
            with pytest.raises(ConfigError, match=rf"^reg\.{name}: .*{key} must .*, got -1"):
                build_stack({name: reg_node(name, **{key: -1})})


@pytest.mark.parametrize("name", REGS)
def test_acts_on_one_of_the_models_and_refuses_the_others_in_its_own_name(name: str) -> None:
    assert home(name)
    refusals = [refusal(name, model) for model in MODELS]
    assert all(why.startswith(f"reg.{name}: ") for why in refusals if why)


# --- off, on


@in_turn("model", MODELS)
@pytest.mark.parametrize("name", REGS)
def test_off_is_the_baseline_to_the_bit(name: str, model: str) -> None:
    config = config_for(model, {name: off(name)})
    run = build_run(config)
    records, weights = without(model, config)
    assert shared(finish(run)) == shared([Record(*r) for r in records])
    assert same_tensors(run.model.state_dict(), weights)


@pytest.mark.parametrize("name", REGS)
def test_off_prepares_nothing(name: str) -> None:
    stack = build_stack({name: off(name)})
    run = build_run(tiny(), stack)
    before = str(run.model)
    optimizer = torch.optim.SGD(run.model.parameters(), lr=0.1)
    assert stack.members[name].prepare_model(run.model) is run.model
    assert str(run.model) == before
    assert stack.members[name].prepare_optimizer(optimizer) is optimizer


@in_turn("model", MODELS, refusal)
@pytest.mark.parametrize("name", REGS)
def test_on_makes_a_difference(name: str, model: str) -> None:
    config = config_for(model, {name: on(name)}, epochs=4)
    records, weights = outcome(config)
    base_records, base_weights = without(model, config)
    assert shared([Record(*r) for r in records]) != shared([Record(*r) for r in base_records]) or (
        not same_tensors(weights, base_weights)
    )


# --- stacks


def test_the_empty_stack_is_a_bare_loop() -> None:
    config = tiny(batch_size=97, epochs=1)
    run = build_run(config)
    state = {n: t.clone() for n, t in run.model.state_dict().items()}
    (rows,) = batch_order(run, 0)
    finish(run)
    bare = build_run(config).model
    bare.load_state_dict(state)
    optimizer = torch.optim.SGD(bare.parameters(), lr=0.05 * run.schedule(0.5), momentum=0.9, nesterov=True)
    inputs = run.data.train.inputs[rows].float() / 16
    torch.nn.functional.cross_entropy(bare(inputs), run.data.train.labels[rows]).backward()
    optimizer.step()
    for one, other in zip(run.model.parameters(), bare.parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_two_empty_stacks_draw_nothing_and_agree() -> None:
    assert outcome(tiny())[0] == outcome(tiny() | {"reg": {"inner": {}}})[0]


@pytest.mark.parametrize("name", REGS)
def test_a_stack_within_a_stack_is_its_members(name: str) -> None:
    flat = alone(name)
    nested = outcome(config_for(home(name), {"s": {"t": {name: on(name)}}}))
    assert flat[0] == nested[0]
    assert same_tensors(flat[1], nested[1])


@in_turn("model", MODELS, refusal)
@pytest.mark.parametrize("name", REGS)
def test_clean_start(name: str, model: str) -> None:
    config = config_for(model, {name: on(name)})
    run, base = build_run(config), build_run(config | {"reg": {}})
    start, clean = plain_state(run.model), plain_state(base.model)
    assert clean.keys() <= start.keys()
    assert all(torch.equal(start[n], clean[n]) for n in clean)
    assert all(map(torch.equal, batch_order(run, 1), batch_order(base, 1)))


def drawn(config: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> dict[Any, list[Any]]:
    """Every draw of a run: by whom, where and when, and what came."""
    log: dict[Any, list[Any]] = {}

    def spy(method: str) -> None:
        draw = getattr(Stream, method)

        def logged(self: Stream, *args: Any, **kwargs: Any) -> Any:
            value = draw(self, *args, **kwargs)
            log.setdefault((self.key, self.moment), []).append(value)
            return value

        monkeypatch.setattr(Stream, method, logged)

    methods = [n for n, f in vars(Stream).items() if inspect.isfunction(f) and n[0] != "_"]
    for method in set(methods) - {"at", "generator"}:
        spy(method)
    finish(build_run(config))
    monkeypatch.undo()
    return log


DRAWN: dict[str, dict[Any, list[Any]]] = {}  # by a member alone


def cannot_join(name: str, beside: str) -> str:
    return "a member beside itself" if name == beside else refusal(beside, home(name))


@in_turn("beside", ["sam", "flip_crop", "dropout"], cannot_join)
@pytest.mark.parametrize("name", REGS)
def test_own_stream(name: str, beside: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if name not in DRAWN:
        DRAWN[name] = drawn(config_for(home(name), {name: on(name)}), monkeypatch)
    joined = drawn(config_for(home(name), {beside: reg_node(beside), name: on(name)}), monkeypatch)
    mine = {key: values for key, values in joined.items() if key[0][1] == name and key in DRAWN[name]}
    assert mine.keys() == DRAWN[name].keys()
    for key, values in DRAWN[name].items():
        assert all(map(torch.equal, map(torch.as_tensor, values), map(torch.as_tensor, mine[key])))


@in_turn("model", MODELS, refusal)
@pytest.mark.parametrize("name", REGS)
def test_a_stop_and_a_resume_leave_no_trace(name: str, model: str) -> None:
    config = config_for(model, {"first": reg_node("dropout"), "s": {name: on(name)}}, epochs=3)
    whole = build_run(config)
    records = finish(whole)
    first = build_run(config)
    events = (event for event in fit(first) if isinstance(event, EpochEnd))
    history = [next(events).record]
    file = io.BytesIO()
    states = (first.model, first.optimizer, first.reg)
    torch.save([part.state_dict() for part in states], file)
    for event in events:  # what happens after the checkpoint must not matter
        assert event.record.epoch > 1
    file.seek(0)
    second = build_run(config)
    for part, state in zip(
        (second.model, second.optimizer, second.reg), torch.load(file, weights_only=True), strict=True
    ):
        part.load_state_dict(state)
    assert timeless(finish(second, history)) == timeless(records)
    assert same_tensors(second.model.state_dict(), whole.model.state_dict())
    kept = [run.reg.final_model(run.reg.eval_model(run.model)).state_dict() for run in (second, whole)]
    assert same_tensors(*kept)


@pytest.mark.parametrize("name", REGS)
def test_the_same_seed_gives_the_same_run(name: str) -> None:
    config = config_for(home(name), {name: on(name)})
    assert outcome(config)[0] == alone(name)[0] != outcome(config | {"seed": 1})[0]


# --- measurement


@in_turn("model", MODELS, refusal)
@pytest.mark.parametrize("name", REGS)
def test_evaluation_is_the_same_twice(name: str, model: str) -> None:
    run = build_run(config_for(model, {name: on(name)}))
    finish(run)
    evaluated = run.reg.eval_model(run.model)
    once = measure(evaluated, run.data, run.autocast)
    run.clock.step += 1
    assert measure(evaluated, run.data, run.autocast) == once


@in_turn("model", MODELS, refusal)
@pytest.mark.parametrize("name", REGS)
def test_the_view_is_clean(name: str, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """While train, select and val are measured, no module trains and no batch is transformed."""
    run = build_run(config_for(model, {name: on(name)}, epochs=1))
    transformed: list[int] = []
    transform = Stack.transform_batch
    monkeypatch.setattr(
        Stack, "transform_batch", lambda self, batch: transformed.append(len(batch)) or transform(self, batch)
    )
    measured: list[int] = []

    def look(module: torch.nn.Module, inputs: tuple[torch.Tensor]) -> None:
        if not module.training:
            assert not any(part.training for part in module.modules())
            measured.append(len(inputs[0]))

    run.model.register_forward_pre_hook(look)
    for event in fit(run):
        if isinstance(event, StepEnd):
            measured.clear()  # a teacher may be asked within a step
    assert transformed == [len(batch) for batch in batch_order(run, 0)]
    assert sum(measured) == len(run.data.measured) + len(run.data.select) + len(run.data.val)


@in_turn("model", [*MODELS, "cnn"], refusal)
@pytest.mark.parametrize("name", REGS)
def test_the_model_that_is_loaded_is_the_one_that_was_trained(name: str, model: str) -> None:
    """Where no optimizer is prepared, from the names of a plain model; the cnn has no normalization."""
    config = config_for(model, {name: on(name)}, epochs=1)
    if model == "cnn":
        config["model"]["norm"] = "none"
    run = build_run(config)
    finish(run)
    trained = run.reg.final_model(run.reg.eval_model(run.model))
    rows = run.data.val.inputs[:8]
    shape = {"in_shape": tuple(rows.shape[1:]), "num_classes": run.data.train.num_classes}
    state = shape | {"vocabulary": run.data.train.vocabulary}
    loaded = _built(Path("run"), config, state, plain_state(trained), "last").eval()
    with torch.no_grad():
        torch.testing.assert_close(loaded(rows), trained.eval()(rows))


@pytest.mark.parametrize("name", REGS)
def test_train_rows_as_validation_have_no_gap(name: str) -> None:
    run = build_run(config_for(home(name), {name: on(name)}))
    finish(run)
    evaluated = run.reg.eval_model(run.model)
    found = gaps(measure(evaluated, replace(run.data, val=run.data.measured), run.autocast))
    assert found == {"gap/loss": 0.0, "gap/accuracy": 0.0}


@pytest.mark.parametrize("name", [n for n in REGS if not {"end_epoch", "metrics"} & set(hooks(cls_of(n)))])
def test_how_often_is_evaluated_does_not_matter(name: str) -> None:
    often = alone(name)
    seldom = outcome(config_for(home(name), {name: on(name)}, evaluate_every=2))
    assert same_tensors(often[1], seldom[1])


@pytest.mark.parametrize("name", REGS)
def test_works_in_micro_batches(name: str) -> None:
    records, _ = outcome(config_for(home(name), {name: on(name)}, accumulate=3))
    assert len(records) >= 1


# --- the audit


@in_turn("model", MODELS, refusal)
@pytest.mark.parametrize("name", REGS)
def test_the_audit_sees_it_act(name: str, model: str) -> None:
    config = config_for(model, {name: reg_node(name)})
    (finding,) = audit(lambda out: build_run(config, build_stack(config["reg"] if not out else {}))).findings
    may_wait = cls_of(name).has_bound or {"end_epoch", "eval_model"} & set(finding.hooks)
    assert finding.state == "acts" or (finding.state == "rule" and may_wait)
    assert finding.facts


@pytest.mark.parametrize("name", [n for n in REGS if not {"end_epoch", "eval_model"} & set(hooks(cls_of(n)))])
def test_the_audit_catches_it_when_it_does_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = home(name)  # while it can still refuse: what is found is kept for other tests
    for hook in hooks(cls_of(name)):
        nothing = getattr(Regularizer, hook)
        monkeypatch.setattr(cls_of(name), hook, lambda self, *given, _does=nothing: _does(self, *given))
    config = config_for(model, {name: on(name) | {k: True for k in reg_node(name) if k == "enabled"}})
    with pytest.raises(ConfigError, match=rf"^reg\.{name}: changes nothing of "):
        audit(lambda out: build_run(config, build_stack(config["reg"] if not out else {})))


@pytest.mark.parametrize("name", REGS)
def test_the_audit_takes_the_off_value_for_what_it_is(name: str) -> None:
    config = config_for("mlp", {name: off(name)})
    (finding,) = audit(lambda out: build_run(config, build_stack(config["reg"] if not out else {}))).findings
    assert finding.state.startswith("off")

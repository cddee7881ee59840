"""The contract's laws on models of torchvision and timm, whose sites are found by type."""

from __future__ import annotations

import functools
import io
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from regbench.assembly.run import build_run
from regbench.assembly.stack import build_stack
from regbench.instantiation.locating import locate
from regbench.streams import Stream
from regbench.training.audit import audit
from regbench.training.loop import EpochEnd, Run, batch_order, fit
from regbench.types import Record
from regbench.weights import plain_state
from tests.conftest import SMALL, compose, reg_node
from tests.foreign import FAMILIES

MEMBERS = ["dropout", "stochastic_depth", "dropblock", "mixup", "sam", "l2", "label_smoothing"]
AT_SITES = ["dropout", "stochastic_depth", "dropblock", "manifold_mixup", "layer_norm", "adaptive_dropout"]
HELD = ["resnet18", "vit", "convnext"]  # the families on which every law is held
DIGITS = ["dataset=digits", *SMALL]
CIFAR = ["dataset=cifar10", *[word for word in SMALL if "num_train" not in word], "dataset.num_train=300"]

Kept = tuple[Any, dict[str, torch.Tensor]]


def config_for(family: str, names: list[str], *words: str, off: bool = False) -> dict[str, Any]:
    own = ["model=own", f"model._target_=tests.foreign.{family}", "model.own_noise=off", "train.lr=0.02"]
    config = compose(*own, *(words or DIGITS))
    return config | {"reg": {name: node(name, off) for name in names}}


def node(name: str, off: bool) -> dict[str, Any]:
    values = reg_node(name)
    cls: Any = locate(values["_target_"], "reg")
    return values | (dict(cls.off) if off else {"share": 0.8} if name == "adaptive_dropout" else {})


def finish(run: Run, history: list[Record] | None = None) -> list[Record]:
    records = list(history or [])
    records += [event.record for event in fit(run, records) if isinstance(event, EpochEnd)]
    return records


def timeless(records: list[Record]) -> list[dict[str, float]]:
    return [{n: v for n, v in record.metrics.items() if not n.startswith("time/")} for record in records]


def outcome(config: dict[str, Any]) -> Kept:
    run = build_run(config)
    return timeless(finish(run)), {n: t.clone() for n, t in plain_state(run.model).items()}


@functools.cache
def without_sites(family: str) -> Kept:
    """The empty stack on the model as it comes, nothing marked."""
    config = config_for(family, [])
    return outcome(config | {"model": config["model"] | {"sites": "none"}})


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one)


@pytest.mark.parametrize("family", FAMILIES)
def test_marked_and_untouched_it_is_the_model_itself_to_the_bit(family: str) -> None:
    records, weights = outcome(config_for(family, []))
    assert records == without_sites(family)[0]
    assert same(weights, without_sites(family)[1])


@pytest.mark.parametrize("family", HELD)
def test_off_is_the_baseline_to_the_bit(family: str) -> None:
    records, weights = outcome(config_for(family, [*MEMBERS, "manifold_mixup"], off=True))
    assert records == without_sites(family)[0]
    assert same(weights, without_sites(family)[1])


@pytest.mark.parametrize("family", HELD)
def test_clean_start(family: str) -> None:
    run, base = build_run(config_for(family, MEMBERS)), build_run(config_for(family, []))
    assert same(plain_state(run.model), plain_state(base.model))
    assert all(map(torch.equal, batch_order(run, 1), batch_order(base, 1)))


@pytest.mark.parametrize("family", HELD)
def test_a_stop_and_a_resume_leave_no_trace(family: str) -> None:
    config = config_for(family, [*MEMBERS, "ema"])
    whole = build_run(config)
    records = finish(whole)
    first = build_run(config)
    history = [next(event for event in fit(first) if isinstance(event, EpochEnd)).record]
    file = io.BytesIO()
    torch.save([part.state_dict() for part in (first.model, first.optimizer, first.reg)], file)
    file.seek(0)
    second = build_run(config)
    states = torch.load(file, weights_only=True)
    for part, state in zip((second.model, second.optimizer, second.reg), states, strict=True):
        part.load_state_dict(state)
    assert timeless(finish(second, history)) == timeless(records)
    assert same(second.model.state_dict(), whole.model.state_dict())
    kept = [plain_state(run.reg.eval_model(run.model)) for run in (second, whole)]
    assert same(*kept)


def drawn(config: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> dict[Any, list[torch.Tensor]]:
    log: dict[Any, list[torch.Tensor]] = {}
    draw = Stream.mask

    def logged(self: Stream, *args: Any, **kwargs: Any) -> torch.Tensor:
        value = draw(self, *args, **kwargs)
        log.setdefault((self.key, self.moment), []).append(value.clone())
        return value

    monkeypatch.setattr(Stream, "mask", logged)
    finish(build_run(config))
    monkeypatch.undo()
    return log


@pytest.mark.parametrize("family", HELD)
def test_own_stream(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside others each member's draws at the sites are those that it makes alone, at the same places."""
    joined = drawn(config_for(family, ["dropout", "dropblock", "sam"]), monkeypatch)
    for name in ("dropout", "dropblock"):
        alone = drawn(config_for(family, [name]), monkeypatch)
        mine = {key: values for key, values in joined.items() if key[0][1] == name}
        assert alone, name
        for key, values in alone.items():
            assert all(map(torch.equal, values, mine[key])), key


@pytest.mark.parametrize("family", HELD)
@pytest.mark.parametrize("name", AT_SITES)
def test_on_the_audit_sees_it_act_where_it_says(name: str, family: str) -> None:
    config = config_for(family, [name])
    (finding,) = audit(lambda out: build_run(config, build_stack(config["reg"] if not out else {}))).findings
    assert finding.state == "acts" or (name, family) in [("layer_norm", "vit"), ("layer_norm", "convnext")]
    assert finding.modules or finding.state != "acts" or name == "manifold_mixup"
    assert not any("_marked_module" in fact for fact in finding.facts)


def with_few_rows(run: Run) -> Run:
    """Fewer of those that are evaluated alone; a run of thousands would be about these."""
    few = slice(0, 64)
    run.data = replace(run.data, select=run.data.select.subset(few), val=run.data.val.subset(few))
    run.few = {}  # rows of the splits as they were
    return run


def trains(family: str, *words: str) -> None:
    config = config_for(family, MEMBERS, *words)
    config["train"]["epochs"] = 1
    run = with_few_rows(build_run(config))
    before = {n: t.clone() for n, t in plain_state(run.model).items()}
    (record,) = finish(run)
    assert torch.tensor([record.metrics["train/loss"], record.metrics["objective/data"]]).isfinite().all()
    after = plain_state(run.model)
    # dropped for the only epoch is nothing: every weight that noise does not pass by has moved
    moved = [n for n, p in run.model.named_parameters() if p.requires_grad]
    assert sum(not torch.equal(before[n], after[n]) for n in before) > len(moved) / 2


@pytest.mark.parametrize("family", [*FAMILIES, "torchvision_vit"])
def test_the_stack_trains_every_family(family: str) -> None:
    trains(family, *DIGITS)


@pytest.mark.long
@pytest.mark.parametrize("family", [*FAMILIES, "torchvision_vit"])
def test_the_stack_trains_every_family_on_real_images_in_color(family: str) -> None:
    root = os.environ.get("REGBENCH_DATA")
    if not root or not (Path(root) / "cifar-10-batches-py").is_dir():
        pytest.skip("REGBENCH_DATA does not point at a folder with CIFAR-10")
    trains(family, *CIFAR)


WHOLE = {
    "resnet18": ["model=torchvision", "model.name=resnet18"],
    "vit": ["model=timm", "model.name=vit_tiny_patch16_224", "+model.depth=4"],
    "convnext": ["model=timm", "model.name=convnext_atto"],
    "efficientnet": ["model=timm", "model.name=efficientnet_b0"],
    "mixer": ["model=timm", "model.name=mixer_s32_224"],
}


@pytest.mark.long
@pytest.mark.parametrize("family", WHOLE)
def test_the_stack_trains_models_by_name_on_real_images_in_color(family: str) -> None:
    root = os.environ.get("REGBENCH_DATA")
    if not root or not (Path(root) / "cifar-10-batches-py").is_dir():
        pytest.skip("REGBENCH_DATA does not point at a folder with CIFAR-10")
    config = compose(*WHOLE[family], "model.own_noise=off", "train.lr=0.02", "dataset=cifar10", *SMALL)
    config["train"]["epochs"] = 1
    config["reg"] = {name: reg_node(name) for name in MEMBERS}
    (record,) = finish(with_few_rows(build_run(config)))
    assert record.metrics["train/loss"] < float("inf")

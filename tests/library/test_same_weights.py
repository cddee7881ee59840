"""The same stack in a loop of one's own and in `regbench train`: the same weights, to the bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import regbench
from regbench.assembly.run import build_run
from regbench.errors import ConfigError
from regbench.library.applied import Applied
from regbench.models.cnn import CNN
from regbench.models.mlp import MLP
from regbench.models.resnet import ResNet
from regbench.models.rnn import RNN
from regbench.models.transformer import Transformer
from regbench.schedules import Cosine
from regbench.training.loop import EpochEnd, fit
from regbench.weights import plain_state
from tests.conftest import CSV, SENTENCES, all_regs, compose, given_runs, reg_node
from tests.library.nets import Plain
from tests.sampling import crossed

ROWS, EPOCHS, BATCH, LR, SEED = 97, 3, 32, 0.05, 7  # 97 = 3 * 32 + 1: the last batch would hold one row
ENSEMBLE = "snapshot_ensemble."  # buffers of what stands in front of the model
Step = Callable[[Applied, Any, Tensor, Tensor, Tensor], None]
MODELS: dict[str, tuple[Callable[..., nn.Module], list[str]]] = {
    "mlp": (lambda **given: MLP(width=16, depth=2, norm="none", **given), ["model.width=16"]),
    "cnn": (
        lambda **given: CNN(width=4, depth=2, connection="conv", norm="none", **given),
        ["model.width=4"],
    ),
    "resnet": (
        lambda **given: ResNet(depth=8, width=4, norm="batch", **given),
        ["model.depth=8", "model.width=4"],
    ),
    "own": (Plain, ["model._target_=tests.library.nets.Plain"]),  # without a site
    "rnn": (
        lambda **given: RNN(cell="lstm", embedding=8, width=8, depth=1, **given),
        ["model.width=8", "model.embedding=8", *SENTENCES],
    ),
    "transformer": (
        lambda **given: Transformer(
            width=8, depth=2, heads=2, vocabulary=None, patch=None, share_layers=1, norm="layer", **given
        ),
        ["model.width=8", "model.depth=2", "model.heads=2"],
    ),
}


def at_once(applied: Applied, optimizer: Any, inputs: Tensor, labels: Tensor, rows: Tensor) -> None:
    applied.step(inputs, labels, rows=rows)


def by_hand(applied: Applied, optimizer: Any, inputs: Tensor, labels: Tensor, rows: Tensor) -> None:
    optimizer.zero_grad()
    applied.loss(inputs, labels, rows=rows).backward()
    optimizer.step()


def by_closure(applied: Applied, optimizer: Any, inputs: Tensor, labels: Tensor, rows: Tensor) -> None:
    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = applied.loss(inputs, labels, rows=rows)
        loss.backward()
        return loss

    optimizer.step(closure)


def own_loop(
    name: str, members: dict[str, Any], step: Step, fused: bool = False
) -> tuple[nn.Module, nn.Module, Applied]:
    """A loop of plain PyTorch; what is not PyTorch's is called as docs/library.md has it."""
    if name == "rnn":
        data = regbench.dataset("text_csv", path=str(CSV), length=12, num_train=ROWS)
        inputs, labels = data.train.inputs, data.train.labels
        torch.manual_seed(SEED)
        given = {"num_classes": data.num_classes, "vocabulary": data.vocabulary}
        model: nn.Module = MODELS[name][0](in_shape=data.in_shape, **given)
    else:
        data = regbench.dataset("digits", num_train=ROWS)
        inputs, labels = data.train.inputs / 16, data.train.labels
        torch.manual_seed(SEED)
        plain = MODELS[name][0](in_shape=data.in_shape, num_classes=10)
        model = regbench.normalized(plain, (inputs, labels))
    optimizer = torch.optim.SGD(model.parameters(), lr=LR, momentum=0.9, nesterov=True, fused=fused)
    sampler = regbench.BatchSampler(len(labels), BATCH, seed=SEED)
    numbered = TensorDataset(inputs, labels, torch.arange(len(labels)))
    loader = DataLoader(numbered, batch_sampler=sampler)
    stack = regbench.stack(seed=SEED, **members)
    applied = stack.apply(model, optimizer, train=data.train, epochs=EPOCHS, steps_per_epoch=len(loader))
    schedule, steps = Cosine(warmup=0.05), EPOCHS * len(loader)
    rate = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda done: schedule((done + 0.5) / steps))
    for _ in range(EPOCHS):
        for batch in loader:
            step(applied, optimizer, *batch)
            rate.step()
        if applied.end_epoch(select=data.select):
            break
    return model, applied.final_model(), applied


def config_of(name: str, members: dict[str, Any], fused: bool = False) -> dict[str, Any]:
    """Of the same run on the command line."""
    words = [f"train.epochs={EPOCHS}", f"train.batch_size={BATCH}", f"train.lr={LR}", f"seed={SEED}"]
    config = compose(
        f"model={name}",
        *MODELS[name][1],
        *words,
        f"dataset.num_train={ROWS}",
        "device=cpu",
        "schedule=cosine",
        *([] if fused else ["+optimizer.fused=false"]),
    )
    nodes = {member: reg_node(member, **values) for member, values in members.items()}
    return given_runs(config | {"reg": nodes})


def command_line(
    name: str, members: dict[str, Any], fused: bool = False
) -> tuple[nn.Module, nn.Module, list[Any]]:
    """What `regbench train` trains."""
    run = build_run(config_of(name, members, fused))
    ends = [event for event in fit(run) if isinstance(event, EpochEnd)]
    return run.model, run.reg.final_model(run.reg.eval_model(run.model)), [end.record for end in ends]


def require_same(name: str, members: dict[str, Any], step: Step, fused: bool = False) -> None:
    wanted, wanted_final, records = command_line(name, members, fused)
    got, got_final, applied = own_loop(name, members, step, fused)
    for one, other in ((got, wanted), (got_final, wanted_final)):
        mine, theirs = plain_state(one), plain_state(other)
        if name == "rnn" and one is got:  # it is the person's own, and nothing stands before it
            theirs = {n.removeprefix("net."): t for n, t in theirs.items() if not n.startswith(ENSEMBLE)}
        elif name == "rnn" and not any(n.startswith(ENSEMBLE) for n in mine):
            theirs = {n.removeprefix("net."): tensor for n, tensor in theirs.items()}
        assert mine.keys() == theirs.keys()
        assert [n for n in mine if not torch.equal(mine[n], theirs[n])] == []
    assert len(applied.history) == len(records)
    for mine, theirs in zip(applied.history, records, strict=True):
        shared = {n: v for n, v in theirs.metrics.items() if n.startswith("select/") and n in mine.metrics}
        assert len(shared) > 1
        assert shared == {n: mine.metrics[n] for n in shared}


STACKS = {
    "none": ("mlp", {}),
    "dropout and decay": ("mlp", {"dropout": {"p": 0.3}, "l2": {"strength": 0.01}}),
    "four": ("mlp", {"l2": {}, "dropout": {"p": 0.3}, "label_smoothing": {}, "mixup": {"alpha": 0.5}}),
    "depth": ("resnet", {"stochastic_depth": {"p_last": 0.5}, "ema": {}, "cutout": {}}),
    "words": ("rnn", {"word_dropout": {}, "embedding_dropout": {}, "variational_dropout": {}, "l2": {}}),
    "found sites": ("own", {"dropout": {"where": "all"}, "stochastic_depth": {"p_last": 0.5}, "l2": {}}),
    "found input": ("own", {"dropout": {"where": "input"}, "group_norm": {}}),
    "gates": ("mlp", {"adaptive_dropout": {"form": "learned"}, "batch_norm": {}}),
    "stopping": ("mlp", {"early_stopping": {"patience": 1, "min_delta": 10.0}}),
    "rows": (
        "mlp",
        {"early_learning": {}, "temporal_ensembling": {"ramp": 0.0}, "sample_pairing": {"p": 0.5}},
    ),
}
BEGIN_LATE = [case for case, (_, members) in STACKS.items() if "stochastic_depth" in members]  # torch's own
# fused SGD takes a first gradient of every parameter in the same step, or fails


@pytest.mark.parametrize(("case", "step"), crossed(list(STACKS), [at_once, by_hand, by_closure]))
def test_a_loop_of_ones_own_trains_the_weights_of_the_command_line(case: str, step: Step) -> None:
    require_same(*STACKS[case], step)


@pytest.mark.parametrize(
    ("case", "step"),
    crossed([case for case in STACKS if case not in BEGIN_LATE], [at_once, by_hand, by_closure]),
)
def test_by_the_fused_kernel_that_the_command_line_takes_by_itself_too(case: str, step: Step) -> None:
    require_same(*STACKS[case], step, fused=True)


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("step", [at_once, by_closure])
def test_with_two_passes_too(step: Step, fused: bool) -> None:
    require_same("mlp", {"dropout": {"p": 0.3}, "sam": {}, "mixup": {}, "batch_norm": {}}, step, fused)
    require_same("mlp", {"sam": {"ascent": "objective"}, "early_learning": {}}, step, fused)


def test_the_law_would_see_another_seed_of_the_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    one, *_ = own_loop("mlp", {"dropout": {"p": 0.3}}, at_once)
    other, *_ = command_line("mlp", {"dropout": {"p": 0.31}})
    assert not torch.equal(one.net.head.weight, other.net.head.weight)  # type: ignore[union-attr]


@pytest.mark.long
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("member", all_regs())
def test_with_every_member_that_the_model_takes(member: str, name: str) -> None:
    try:
        command_line(name, {member: {}})
    except ConfigError as error:
        pytest.skip(str(error))
    plain, node = reg_node(member), config_of(name, {member: {}})["reg"][member]
    given = {field: value for field, value in node.items() if value != plain[field]}
    require_same(name, {member: given}, at_once)
    require_same(name, {member: given}, by_closure)

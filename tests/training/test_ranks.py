"""Several ranks are one process with the same `train.accumulate`: records, weights, what members keep."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn

from regbench.assembly.run import build_run
from regbench.assembly.stack import build_stack
from regbench.regularizers.base import Regularizer, Stack
from regbench.training.loop import Diverged, Run, StepEnd, fit, train_step
from regbench.training.ranks import Lost
from regbench.types import Batch, ForwardPass
from tests.conftest import all_regs, reg_node, tiny
from tests.laws.test_contract import MODELS, config_for, on, refusal
from tests.ranks import apart, forked, spread, trained, trained_by_ranks
from tests.sampling import some_of


def require_alike(config: dict[str, Any], count: int, folder: Path) -> None:
    """See that each of so many ranks comes to what one process comes to."""
    alone = trained(build_run(config))
    for number, found in enumerate(trained_by_ranks(config, count, folder)):
        assert apart(alone, found) == [], f"rank {number}"


def homes(name: str) -> list[str]:
    """The models that a technique acts on, the quickest first."""
    return [model for model in MODELS if not refusal(name, model)]


FEW = {
    # techniques that do something in every hook, on a model with batch normalization and on one without
    "mlp": [
        *("mixup", "dropout", "sam", "l2", "smart_augmentation", "ema", "early_learning", "elastic_net"),
        *("early_stopping", "temporal_ensembling"),
    ],
    "resnet": ["stochastic_depth", "manifold_mixup", "swa", "adversarial"],
    "transformer": ["attention_dropout"],
    "text": ["variational_dropout"],
}


@pytest.mark.parametrize(
    ("model", "name"),
    some_of([(model, name) for model, names in FEW.items() for name in names], 2, kind=lambda case: case[0]),
)
def test_two_ranks_are_one_process(model: str, name: str, tmp_path: Path) -> None:
    require_alike(config_for(model, {name: on(name)}, accumulate=2), 2, tmp_path)


@pytest.mark.parametrize("norm", ["batch_norm", "ghost_batch_norm"])
def test_so_they_are_with_more_micro_batches_than_ranks_and_running_figures(
    norm: str, tmp_path: Path
) -> None:
    """Of the 97 rows the last step has one, which only the first rank sees."""
    require_alike(config_for("mlp", {norm: on(norm), "sam": on("sam")}, accumulate=4), 2, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("accumulate", [2, 4])
@pytest.mark.parametrize(("name", "model"), [(name, model) for name in all_regs() for model in MODELS])
def test_two_ranks_are_one_process_with_every_technique(
    name: str, model: str, accumulate: int, tmp_path: Path
) -> None:
    if why := refusal(name, model):
        pytest.skip(why)
    require_alike(config_for(model, {name: on(name)}, accumulate=accumulate), 2, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize(
    "values",
    [
        {"smart_augmentation": {"critic": True}},
        {"smart_augmentation": {"variant": "neural", "critic": True, "p": 0.1}},
        {"adaptive_dropout": {"form": "learned"}},
        {"sam": {"ascent": "data"}},
        {"sam": {"adaptive": True}, "batch_norm": {}, "dropout": {}, "ema": {}},
        {"adversarial": {"steps": 3, "random_start": True}, "batch_norm": {}},
        {"dropconnect": {"mask": "batch"}, "l1": {}, "lookahead": {}},
    ],
    ids=str,
)
@pytest.mark.parametrize(("accumulate", "count"), [(2, 2), (4, 2), (3, 3)])
def test_so_they_are_with_other_values_and_in_stacks(
    values: dict[str, dict[str, Any]], accumulate: int, count: int, tmp_path: Path
) -> None:
    reg = {name: reg_node(name, **some) for name, some in values.items()}
    require_alike(config_for("mlp", reg, accumulate=accumulate), count, tmp_path)


@pytest.mark.parametrize("more", [{"evaluate_every": 2}, {"evaluate_rows": 40}], ids=str)
def test_so_they_are_however_a_run_is_measured(more: dict[str, int], tmp_path: Path) -> None:
    require_alike(tiny("mlp", accumulate=2, **more), 2, tmp_path)


# --- what ranks have in parts


@dataclass
class OfSome(Regularizer):
    """A penalty on micro-batches of one number alone, by weights that nothing else learns with."""

    micro: int
    off = {"micro": -1}  # noqa: RUF012

    def prepare_model(self, model: nn.Module) -> nn.Module:
        model.register_parameter("own", nn.Parameter(torch.ones(2)))
        return model

    def penalty(self, forward: ForwardPass) -> Tensor | None:
        return forward.model.own.square().sum() if self.stream.micro == self.micro else None


def with_own(micro: int) -> Run:
    return build_run(tiny("mlp", accumulate=2), Stack({"some": OfSome(micro)}))


@pytest.mark.parametrize("micro", [0, 1, 7])
def test_a_gradient_or_a_term_of_one_rank_is_everyones_and_of_none_nobodys(
    micro: int, tmp_path: Path
) -> None:
    def stepped(run: Run) -> tuple[dict[str, Tensor], Tensor, bool]:
        terms = train_step(run, run.data.train[:8])
        own = run.model.own
        return terms, own.detach().clone(), own.grad is None

    alone = stepped(with_own(micro))
    assert alone[2] is (micro == 7)
    for found in forked(2, tmp_path, lambda: stepped(spread(with_own(micro)))):
        assert apart(list(alone), list(found)) == []


@dataclass
class NoisyGradients(Regularizer):
    """Draws once for all micro-batches, after the last."""

    off = {}  # noqa: RUF012

    def edit_gradients(self, model: nn.Module) -> None:
        for name, weight in model.named_parameters():
            weight.grad += self.stream.at(name).normal(weight.shape) * weight.grad.norm()  # type: ignore[union-attr]


@pytest.mark.parametrize("accumulate", [2, 4])
def test_what_draws_after_the_micro_batches_draws_as_in_one_process(accumulate: int, tmp_path: Path) -> None:
    def made() -> Run:
        return build_run(tiny("mlp", accumulate=accumulate), Stack({"noisy": NoisyGradients()}))

    alone = trained(made())
    for found in forked(2, tmp_path, lambda: trained(spread(made()))):
        assert apart(alone, found) == []


def test_a_step_leaves_the_global_draws_alike_at_every_rank(tmp_path: Path) -> None:
    """Though each rank draws for its own micro-batches alone, and others for others."""

    @dataclass
    class Drawing(Regularizer):
        off = {}  # noqa: RUF012

        def transform_batch(self, batch: Batch) -> Batch:
            return Batch(batch.inputs * torch.rand(1) * np.random.rand() * random.random(), batch.targets)

    def drawn() -> tuple[Tensor, list[float]]:
        torch.manual_seed(0)
        run = spread(build_run(tiny("mlp", accumulate=3), Stack({"drawing": Drawing()})))
        train_step(run, run.data.train[:12])
        return run.model.state_dict()["net.head.weight"], [torch.rand(1).item(), random.random()]

    (weights, after), (others, their_after) = forked(2, tmp_path, drawn)
    assert torch.equal(weights, others)
    # random was seeded alike before, by the fork
    assert after == their_after


def test_all_stop_after_the_same_step_whoever_is_asked(tmp_path: Path) -> None:
    def steps() -> int:
        count = 0
        run = spread(build_run(tiny("mlp", accumulate=2)), lambda: dist.get_rank() == 1 and count == 2)
        for event in fit(run):
            count += isinstance(event, StepEnd)
            if run.ranks is not None and run.ranks.stopping:
                break
        return count

    assert forked(2, tmp_path, steps) == [3, 3]


def test_all_diverge_together(tmp_path: Path) -> None:
    def said() -> str:
        try:
            trained(spread(build_run(tiny("mlp", accumulate=2, lr=1e30))))
        except Diverged as error:
            return str(error)
        return "nothing"

    one, other = forked(2, tmp_path, said)
    assert one == other != "nothing"


def test_a_rank_that_has_gone_is_told_from_one_that_is_slow(tmp_path: Path) -> None:
    def said() -> str:
        run = spread(build_run(tiny("mlp", accumulate=2)))
        events = fit(run)
        next(events)
        if dist.get_rank() == 1:
            return "gone"
        try:
            list(events)
        except Lost as error:
            return str(error)
        return "nothing"

    assert forked(2, tmp_path, said)[0] == "another rank does not answer any more"


def test_sparse_gradients_are_refused(tmp_path: Path) -> None:
    def said() -> str:
        run = build_run(tiny("mlp", accumulate=2), build_stack({}))
        weight = run.model.get_parameter("net.head.weight")
        weight.register_post_accumulate_grad_hook(lambda w: setattr(w, "grad", w.grad.to_sparse()))
        try:
            train_step(spread(run), run.data.train[:8])
        except Exception as error:
            return str(error)
        return "nothing"

    for one in forked(2, tmp_path, said):
        assert one.startswith("model: must have no sparse gradients")

"""What cannot be one stack is found before it is used, whoever has written it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from regbench.assembly.run import build_run
from regbench.regularizers.base import Regularizer, Stack
from regbench.training.loop import Run
from regbench.training.replicas import proof
from regbench.training.replicas.proof import pays, unstackable
from regbench.types import Batch, ForwardPass
from tests.conftest import reg_node
from tests.training.replicas.side_by_side import configs

SENTENCE = "replicas: these runs cannot be trained at once, for "


class Own(Regularizer):
    """A person's own member; a test puts in what it does."""

    off: dict[str, Any] = {}  # type: ignore[misc]  # noqa: RUF012

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.centre = torch.zeros(1)
        self.seen = 0.0


class Looks(Own):
    """Decides by a number of the batch."""

    def transform_batch(self, batch: Batch) -> Batch:
        return batch if batch.inputs.mean().item() > 0.5 else Batch(batch.inputs / 2, batch.targets)


class Draws(Own):
    """Draws from torch's own generator, where vmap cannot see it."""

    def begin_step(self, progress: float) -> None:
        self.seen = torch.rand(()).item()


class Moves(Own):
    """Keeps a tensor that each run moves by itself, and reads it in the next step."""

    def penalty(self, forward: ForwardPass) -> Tensor | None:
        return ((forward.logits.mean() - self.centre) ** 2).sum()

    @torch.no_grad()
    def end_step(self, model: nn.Module) -> None:
        self.centre = self.centre + next(iter(model.parameters())).mean() * 100


class Counts(Own):
    """Counts its steps, before it reads what makes the step be tried again."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.steps, self.factors = 0, [0.5 + seed]

    def transform_batch(self, batch: Batch) -> Batch:
        self.steps += 1
        return Batch(batch.inputs * self.factors[0], batch.targets)

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self.steps}


class Hides(Own):
    """Has its number where nobody finds it."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.weigh = _hidden(seed + 1.0)

    def transform_loss(self, loss: Tensor) -> Tensor:
        return self.weigh(loss)


def _hidden(factor: float) -> Callable[[Tensor], Tensor]:
    return lambda loss: loss * factor


def runs_with(kind: type[Own]) -> list[Run]:
    runs = []
    for seed, config in enumerate(configs(lambda _: {}, count=2)):
        runs.append(build_run(config, stack=Stack({"own": kind(seed)})))
    return runs


def test_numbers_and_seeds_may_differ() -> None:
    def differing(seed: int) -> dict[str, Any]:
        return {"dropout": reg_node("dropout", p=0.2 + 0.1 * seed)}

    assert unstackable([build_run(config) for config in configs(differing)]) == ""


@pytest.mark.parametrize("kind", [Moves, Counts])
def test_what_a_member_writes_in_a_step_is_followed(kind: type[Own]) -> None:
    assert unstackable(runs_with(kind)) == ""


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (Looks, "a step of several says: .*item"),
        (Draws, "something in them draws from the global generators"),
        (Hides, "function over values that differ"),
    ],
)
def test_a_persons_own_member_that_cannot_gets_a_sentence(kind: type[Own], reason: str) -> None:
    said = unstackable(runs_with(kind))
    assert said.startswith(SENTENCE)
    assert "\n" not in said
    assert re.search(reason, said)


@pytest.mark.parametrize(
    "change",
    [
        lambda config: config["reg"]["dropout"].update(p=0.0),
        lambda config: config["reg"]["dropout"].update(mode="classic"),
        lambda config: config.update(reg={}),
        lambda config: config["train"].update(batch_size=16),
        lambda config: config["model"].update(width=8),
        lambda config: config["dataset"].update(num_train=90),
        lambda config: config.update(optimizer={"_target_": "torch.optim.Adam"}),
        lambda config: config.update(optimizer={"_target_": "torch.optim.SGD", "momentum": 0.5}),
    ],
)
def test_what_is_no_number_must_be_equal(change: Callable[[dict[str, Any]], None]) -> None:
    made = configs(lambda _: {"dropout": reg_node("dropout", p=0.2)})
    change(made[1])  # neither the first nor the last
    assert unstackable([build_run(config) for config in made]).startswith(SENTENCE)


class Rounds(Own):
    """Sees whether a GPU may shorten the factors of products."""

    seen_of_all: ClassVar[list[bool]] = []

    def penalty(self, forward: ForwardPass) -> Tensor | None:
        self.seen_of_all.append(torch.backends.cudnn.allow_tf32 or torch.backends.cuda.matmul.allow_tf32)
        return None


def test_runs_are_tried_by_products_of_whole_factors() -> None:
    before = torch.backends.cudnn.allow_tf32
    assert before, "torch's own"
    assert unstackable(runs_with(Rounds)) == ""
    assert Rounds.seen_of_all
    assert not any(Rounds.seen_of_all)
    assert torch.backends.cudnn.allow_tf32 is before


def test_a_gpu_has_done_what_it_was_told_when_its_time_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its process has long gone on, so that the process's own time says nothing."""
    done: list[torch.device] = []
    monkeypatch.setattr(torch.accelerator, "synchronize", done.append)
    monkeypatch.setattr(time, "process_time", lambda: pytest.fail("the time of the process"))
    assert proof._now(torch.device("cuda", 0)) <= proof._now(torch.device("cuda", 0))
    assert done == [torch.device("cuda", 0)] * 2


def test_what_has_been_tried_is_as_it_was() -> None:
    made = configs(lambda _: {"dropout": reg_node("dropout", p=0.2)}, count=2)
    runs, others = list(map(build_run, made)), list(map(build_run, made))
    drawn = torch.get_rng_state()
    assert unstackable(runs) == ""
    assert pays(runs, rounds=1) > 0
    assert torch.equal(torch.get_rng_state(), drawn)
    for run, other in zip(runs, others, strict=True):
        torch.testing.assert_close(run.model.state_dict(), other.model.state_dict(), rtol=0, atol=0)
        assert not run.optimizer.state_dict()["state"]

"""Curriculum dropout: its curve by hand, and ordinary dropout at each of its values."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from regbench.models.mlp import MLP
from regbench.regularizers.curriculum_dropout import CurriculumDropout, Drop
from regbench.streams import Clock, Stream


def prepared(
    p: float = 0.5, gamma: float = 10.0, where: Any = "default"
) -> tuple[CurriculumDropout, nn.Module]:
    member = CurriculumDropout(p=p, gamma=gamma, where=where)
    member.stream = Stream(0, "curriculum_dropout", Clock())
    return member, member.prepare_model(MLP((8,), 3, 16, 3, "none"))


def rates(member: CurriculumDropout, model: nn.Module, progress: float) -> list[float]:
    member.begin_step(progress)
    return [module.p for module in model.modules() if isinstance(module, Drop)]


@pytest.mark.parametrize(
    ("gamma", "progress", "rate"),
    [
        (10.0, 0.0, 0.0),
        (10.0, 0.1, 0.5 * 0.6321206),  # 1 - 1 / e
        (10.0, 0.0693147, 0.25),  # log(2) / 10: half of the way
        (10.0, 1.0, 0.4999773),  # e^-10 = 4.54e-5 are missing
        (1.0, 0.5, 0.5 * 0.3934693),  # 1 - e^-0.5
    ],
)
def test_the_probability_follows_the_curve_at_every_site(gamma: float, progress: float, rate: float) -> None:
    assert rates(*prepared(gamma=gamma), progress) == pytest.approx([rate] * 3, abs=1e-6)


def test_it_can_come_back_to_nothing() -> None:
    member, model = prepared()
    rates(member, model, 1.0)
    assert rates(member, model, 0.0) == [0.0] * 3


def test_drops_that_share_and_divides_what_is_kept() -> None:
    member, model = prepared(p=0.8)
    rates(member, model, 0.0693147)  # 0.4
    drop = next(module for module in model.modules() if isinstance(module, Drop))
    shown = drop(torch.full((400, 100), 3.0))
    assert sorted(round(value, 4) for value in shown.unique().tolist()) == [0.0, 5.0]  # 3 / 0.6
    dropped = (shown == 0).double()
    assert dropped.mean().item() == pytest.approx(0.4, abs=5 * (0.24 / 40_000) ** 0.5)
    for axis in (0, 1):
        assert (dropped * dropped.roll(1, axis)).mean().item() == pytest.approx(0.16, abs=0.012)
    assert shown.mean().item() == pytest.approx(3.0, abs=0.07)


def test_the_first_step_and_evaluation_are_those_of_the_plain_model_to_the_bit() -> None:
    torch.manual_seed(0)
    member, model = prepared()
    inputs = torch.randn(20, 8)
    rates(member, model, 0.0)
    first = model(inputs)
    rates(member, model, 1.0)
    assert not torch.equal(model(inputs), first)
    assert torch.equal(model.eval()(inputs), first)


def test_sites_draw_each_for_itself_and_every_step_anew() -> None:
    member, model = prepared()
    member.begin_step(1.0)
    drops = [module for module in model.modules() if isinstance(module, Drop)]
    ones = torch.ones(20, 20)
    assert not torch.equal(drops[0](ones), drops[1](ones))
    again = Drop(Stream(0, "curriculum_dropout", Clock(step=1), str(drops[0].stream.key[2])))
    fresh = Drop(Stream(0, "curriculum_dropout", Clock(), str(drops[0].stream.key[2])))
    again.p = fresh.p = 0.5
    first = fresh(ones)
    assert not torch.equal(again(ones), first)


def test_keeps_the_type_of_activations() -> None:
    drop = Drop(Stream(0, "m", Clock()))
    drop.p = 0.4
    shown = drop(torch.ones(50, 50, dtype=torch.bfloat16))
    assert shown.dtype == torch.bfloat16
    assert set(shown.unique().tolist()) == {0.0, torch.tensor(1 / 0.6, dtype=torch.bfloat16).item()}


def test_a_run_cannot_be_made_longer() -> None:
    assert prepared()[0].follows_length
    assert not prepared(p=0.0)[0].follows_length


def test_acts_where_it_is_told() -> None:
    assert len(rates(*prepared(where="last"), 1.0)) == 1


def test_refuses_what_is_out_of_range() -> None:
    with pytest.raises(ValueError, match=r"^p must lie in \[0, 1\), got 1\.0$"):
        prepared(p=1.0)
    with pytest.raises(ValueError, match=r"^gamma must be above 0, got 0\.0$"):
        prepared(gamma=0.0)

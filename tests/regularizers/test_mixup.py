import re
from typing import Literal

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from regbench.regularizers.mixup import Mixup
from regbench.streams import Clock, Stream
from regbench.types import Batch, Split

Per = Literal["batch", "example"]


def make(alpha: float = 1.0, per: Per = "batch", step: int = 0) -> Mixup:
    member = Mixup(alpha=alpha, per=per)
    member.stream = Stream(0, "mixup", Clock(step=step))
    return member


def distinct(rows: int) -> Batch:
    """A batch whose targets say which row is which: every row is a class of its own."""
    return Batch(torch.rand(rows, 2, 3, 3), torch.eye(rows))


def shares_and_partners(targets: Tensor) -> tuple[Tensor, Tensor]:
    """Of each mixed row of `distinct`: its own weight, and which row it was mixed with (itself: its own)."""
    own = targets.diagonal()
    others = targets - torch.diag(own)
    alone = others.amax(1) == 0
    return own, torch.where(alone, torch.arange(len(targets)), others.argmax(1))


@pytest.mark.parametrize("per", ["batch", "example"])
def test_targets_say_exactly_which_pixels_were_mixed(per: Per):
    torch.manual_seed(0)
    batch = distinct(16)
    mixed = make(per=per).transform_batch(batch)
    blended = torch.einsum("bk,kchw->bchw", mixed.targets, batch.inputs)
    torch.testing.assert_close(mixed.inputs, blended)
    assert not torch.equal(mixed.inputs, batch.inputs)


@pytest.mark.parametrize("per", ["batch", "example"])
def test_rows_of_the_targets_keep_summing_to_one(per: Per):
    targets = make(per=per).transform_batch(distinct(16)).targets
    torch.testing.assert_close(targets.sum(1), torch.ones(16))
    assert (targets >= 0).all()


@pytest.mark.parametrize("per", ["batch", "example"])
def test_partners_are_a_permutation_of_the_batch(per: Per):
    targets = make(per=per).transform_batch(distinct(32)).targets
    _, partners = shares_and_partners(targets)
    assert sorted(partners.tolist()) == list(range(32))
    assert not torch.equal(partners, torch.arange(32).roll(1))


def test_whole_batch_has_one_share_or_each_example_its_own():
    own, partners = shares_and_partners(make(per="batch").transform_batch(distinct(32)).targets)
    apart = partners != torch.arange(32)
    assert own[apart].unique().numel() == 1
    own, partners = shares_and_partners(make(per="example").transform_batch(distinct(32)).targets)
    apart = partners != torch.arange(32)
    assert own[apart].unique().numel() == apart.sum()


def test_cross_entropy_of_a_mixture_is_the_mixture_of_the_cross_entropies():
    torch.manual_seed(0)
    logits, mixed = torch.randn(16, 16), make().transform_batch(distinct(16))
    own, partners = shares_and_partners(mixed.targets)
    apart = partners != torch.arange(16)
    share = own[apart][0]
    one = F.cross_entropy(logits, torch.arange(16))
    two = F.cross_entropy(logits, partners)
    torch.testing.assert_close(F.cross_entropy(logits, mixed.targets), share * one + (1 - share) * two)


@pytest.mark.parametrize(("alpha", "left"), [(0.2, 1.2 / 1.4), (1.0, 2 / 3), (2.0, 3 / 5)])
def test_mixing_leaves_the_inputs_the_variance_of_the_formula(alpha: float, left: float):
    # of independent rows (alpha + 1) / (2 alpha + 1) is left: 0.857, 0.667, 0.600
    torch.manual_seed(0)
    inputs = torch.randn(40_000, 1)
    mixed = make(alpha, "example").transform_batch(Batch(inputs, torch.ones(40_000, 1)))
    assert (mixed.inputs.var() / inputs.var()).item() == pytest.approx(left, abs=0.02)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_shares_have_the_moments_of_the_beta_distribution(alpha: float):
    # mean 1/2, variance 1 / (4 (2 alpha + 1)); one draw per batch as well as one per example
    stream = Stream(0, "mixup", Clock())
    draws = stream.betas(alpha, alpha, 20_000).double()
    assert draws.mean().item() == pytest.approx(0.5, abs=0.02)
    assert draws.var().item() == pytest.approx(0.25 / (2 * alpha + 1), rel=0.05)


def test_one_share_per_batch_varies_from_step_to_step_like_the_beta_distribution():
    own = []
    for step in range(150):
        targets = make(1.0, "batch", step).transform_batch(Batch(torch.zeros(8, 1), torch.eye(8))).targets
        shares, partners = shares_and_partners(targets)
        own += shares[partners != torch.arange(8)][:1].tolist()
    assert torch.tensor(own).mean().item() == pytest.approx(0.5, abs=5 * (1 / 12 / 150) ** 0.5)
    assert torch.tensor(own).var().item() == pytest.approx(1 / 12, rel=0.3)


def test_commutes_with_label_smoothing():
    def smooth(batch: Batch) -> Batch:
        return Batch(batch.inputs, 0.9 * batch.targets + 0.1 * (1 - batch.targets) / 7)

    batch = distinct(8)
    mixed_last, mixed_first = make().transform_batch(smooth(batch)), smooth(make().transform_batch(batch))
    torch.testing.assert_close(mixed_last.targets, mixed_first.targets)


def test_same_step_mixes_the_same_way_and_another_step_another_way():
    batch = distinct(16)
    first = make(step=3).transform_batch(batch)
    assert torch.equal(make(step=3).transform_batch(batch).inputs, first.inputs)
    assert not torch.equal(make(step=4).transform_batch(batch).inputs, first.inputs)


def test_given_batch_stays_as_it_is():
    batch = distinct(8)
    before = batch.inputs.clone()
    make().transform_batch(batch)
    assert torch.equal(batch.inputs, before)
    assert torch.equal(batch.targets, torch.eye(8))


def test_alpha_zero_returns_the_batch_itself():
    ids = Batch(torch.zeros(2, 3, dtype=torch.int64), torch.eye(2))
    assert make(alpha=0.0).transform_batch(ids) is ids


def test_refuses_token_ids():
    ids = torch.zeros(2, 3, dtype=torch.int64)
    message = f"^{re.escape('mixup needs float inputs, got torch.int64')}$"
    with pytest.raises(ValueError, match=message):
        make().transform_batch(Batch(ids, torch.eye(2)))
    with pytest.raises(ValueError, match=message):
        make().check_data(Split(ids, torch.tensor([0, 1]), 2))


def test_takes_pixels_in_storage():
    make().check_data(Split(torch.zeros(2, 1, 4, 4, dtype=torch.uint8), torch.tensor([0, 1]), 2))


def test_refuses_a_negative_alpha():
    with pytest.raises(ValueError, match=r"^alpha must be at least 0, got -0\.1$"):
        Mixup(alpha=-0.1, per="batch")

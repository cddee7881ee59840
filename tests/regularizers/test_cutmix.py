import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from regbench.regularizers.cutmix import CutMix
from regbench.streams import Clock, Stream
from regbench.types import Batch, Split


def make(alpha: float = 1.0, p: float = 1.0, per: str = "example", step: int = 0) -> CutMix:
    member = CutMix(alpha=alpha, p=p, per=per)
    member.stream = Stream(0, "cutmix", Clock(step=step))
    return member


def distinct(rows: int, height: int = 8, width: int = 8) -> Batch:
    """Images whose every pixel says which row it is from, and targets that do."""
    number = torch.arange(float(rows)).view(-1, 1, 1, 1)
    return Batch(number.expand(rows, 2, height, width).clone(), torch.eye(rows))


def origins(inputs: Tensor) -> Tensor:
    """The share of pixels that each row (of `distinct`) shows of each: (B, B)."""
    return F.one_hot(inputs[:, 0].long().flatten(1), len(inputs)).double().mean(1)


@pytest.mark.parametrize("per", ["batch", "example"])
def test_targets_are_the_share_of_pixels_shown_of_each_image(per: str):
    mixed = make(9.0, per=per).transform_batch(distinct(32, 12, 10))
    torch.testing.assert_close(mixed.targets.double(), origins(mixed.inputs))
    assert (mixed.targets.diagonal() < 1).sum() > 10


@pytest.mark.parametrize("per", ["batch", "example"])
def test_partners_are_a_permutation_of_the_batch(per: str):
    shares = torch.stack(
        [origins(make(9.0, per=per, step=s).transform_batch(distinct(12)).inputs) for s in range(9)]
    )
    others = shares - torch.diag_embed(shares.diagonal(dim1=1, dim2=2))
    assert ((others > 0).sum(2) <= 1).all()  # one partner at most
    assert ((others > 0).sum(1) <= 1).all()  # and each of only one
    assert len({tuple(o.argmax(1).tolist()) for o in others}) > 5


def test_pastes_a_rectangle_from_the_same_place():
    torch.manual_seed(0)
    batch = Batch(torch.rand(16, 3, 7, 9), torch.eye(16))
    mixed = make().transform_batch(batch)
    for row, (image, target) in enumerate(zip(mixed.inputs, mixed.targets, strict=True)):
        partner = int(torch.where(torch.arange(16) == row, 0, target).argmax())
        other = batch.inputs[partner]
        taken = (image != batch.inputs[row]).any(0)
        assert torch.equal(image, torch.where(taken, other, batch.inputs[row]))
        rows, columns = taken.any(1), taken.any(0)
        assert torch.equal(taken, rows[:, None] & columns)
        for line in (rows, columns):  # without gaps
            assert (line.int().diff().abs().sum() + line[0].int() + line[-1].int()) in (0, 2)


def expected_kept(side: int) -> float:
    """Mean share kept at alpha = 1 on a square, by counting: every center, and a fine grid of shares."""
    total, grid = 0.0, 400
    for step in range(grid):
        half = int(side * (1 - (step + 0.5) / grid) ** 0.5 / 2)
        mean = sum(min(side, center + half) - max(0, center - half) for center in range(side)) / side
        total += (mean / side) ** 2
    return 1 - total / grid


def test_keeps_seven_tenths_and_not_half_as_the_border_cuts_off():
    # the specification's number is 0.70 at alpha = 1 on 32 x 32
    assert expected_kept(32) == pytest.approx(0.70, abs=0.01)
    mixed = make().transform_batch(Batch(torch.zeros(2000, 1, 32, 32), torch.eye(2000))).targets.diagonal()
    assert mixed.mean().item() == pytest.approx(expected_kept(32), abs=0.03)


def test_one_rectangle_for_the_batch_or_one_for_each_example():
    same = make(9.0, per="batch").transform_batch(distinct(32)).targets.diagonal()
    assert same[same < 1].unique().numel() == 1
    own = make(per="example").transform_batch(distinct(32)).targets.diagonal()
    assert own[own < 1].unique().numel() > 8


def test_share_p_of_the_examples_is_mixed():
    # a huge alpha makes every rectangle half the area or what the border leaves of it; 300 of 1000 are chosen
    before = torch.rand(1000, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    after = make(1e6, 0.3).transform_batch(Batch(before, torch.ones(1000, 1))).inputs
    changed = (after != before).flatten(1).any(1).sum().item()
    assert abs(changed - 300) < 5 * (1000 * 0.3 * 0.7) ** 0.5


def test_share_p_of_the_batches_is_mixed():
    changed = 0
    for step in range(100):
        mixed = make(1e6, 0.3, "batch", step).transform_batch(distinct(6)).targets
        changed += not torch.equal(mixed, torch.eye(6))
    assert abs(changed - 30) < 5 * (100 * 0.3 * 0.7) ** 0.5


def test_cross_entropy_of_a_mixture_is_the_mixture_of_the_cross_entropies():
    torch.manual_seed(0)
    logits, mixed = torch.randn(16, 16), make(9.0, per="batch").transform_batch(distinct(16))
    kept = mixed.targets.diagonal().min()
    partners = (mixed.targets - torch.diag(mixed.targets.diagonal())).argmax(1)
    partners = torch.where(mixed.targets.diagonal() == 1, torch.arange(16), partners)
    one, two = F.cross_entropy(logits, torch.arange(16)), F.cross_entropy(logits, partners)
    torch.testing.assert_close(F.cross_entropy(logits, mixed.targets), kept * one + (1 - kept) * two)


def test_rows_of_soft_targets_keep_summing_to_one():
    targets = torch.rand(16, 5).softmax(1)
    mixed = make().transform_batch(Batch(torch.rand(16, 1, 8, 8), targets)).targets
    torch.testing.assert_close(mixed.sum(1), torch.ones(16))


def test_given_batch_stays_as_it_is():
    batch = distinct(8)
    make().transform_batch(batch)
    assert torch.equal(batch.inputs, distinct(8).inputs)
    assert torch.equal(batch.targets, torch.eye(8))


def test_same_step_mixes_the_same_way_and_another_step_another_way():
    first = make(step=3).transform_batch(distinct(16)).inputs
    assert torch.equal(make(step=3).transform_batch(distinct(16)).inputs, first)
    assert not torch.equal(make(step=4).transform_batch(distinct(16)).inputs, first)


@pytest.mark.parametrize("fields", [{"alpha": 0.0}, {"p": 0.0}])
def test_returns_the_batch_itself_where_it_is_off(fields: dict[str, float]):
    batch = Batch(torch.zeros(2, 1, 3, 3), torch.eye(2))
    assert make(**fields).transform_batch(batch) is batch
    assert make(**fields).inert().startswith("off")


def test_refuses_what_is_out_of_range():
    with pytest.raises(ValueError, match=r"^alpha must be at least 0, got -0\.1$"):
        make(alpha=-0.1)
    with pytest.raises(ValueError, match=r"^p must lie in \[0, 1\], got 1\.5$"):
        make(p=1.5)


@pytest.mark.parametrize("inputs", [torch.zeros(2, 7, 3), torch.zeros(2, 7, dtype=torch.int64)])
def test_refuses_what_is_neither_image_nor_column(inputs: Tensor):
    split = Split(inputs, torch.tensor([0, 1]), 2)
    with pytest.raises(ValueError, match=r"^inputs must be images of shape \(B, C, H, W\) or columns of "):
        make().check_data(split)


def table(rows: int, *, categories: int = 3) -> tuple[Split, Batch]:
    """Rows whose every value says which row it is from: four numbers, and one column of categories."""
    columns = (0, 1, 2, 3, *[4] * categories)
    inputs = torch.arange(float(rows))[:, None].expand(rows, len(columns)).clone()
    split = Split(inputs, torch.zeros(rows, dtype=torch.int64), rows, columns=columns)
    return split, Batch(inputs, torch.eye(rows))


@pytest.mark.parametrize("per", ["batch", "example"])
def test_of_a_table_whole_columns_are_pasted_and_targets_are_their_shares(per: str):
    split, batch = table(64)
    member = make(per=per, step=4)
    member.prepare_data(split)
    mixed = member.transform_batch(batch)
    assert (mixed.inputs[:, 4:] == mixed.inputs[:, 4:5]).all()  # a category in one piece
    whole = mixed.inputs[:, :5].long()
    expected = F.one_hot(whole, 64).double().mean(1)
    torch.testing.assert_close(mixed.targets, expected.to(mixed.targets))
    shares = (mixed.targets.diagonal() * 5).round().int().tolist()
    assert len(set(shares) - {5}) == 1 if per == "batch" else set(shares) >= {1, 2, 3, 4, 5}


def test_of_a_table_the_columns_are_drawn_uniformly():
    split, batch = table(4000)
    member = make()
    member.prepare_data(split)
    mixed = member.transform_batch(Batch(batch.inputs, torch.ones(4000, 1)))
    pasted = (mixed.inputs[:, :5] != batch.inputs[:, :5]).double().mean(0)
    # floor(5 U) of 5 columns, U uniform: 2 on average
    assert pasted.tolist() == pytest.approx([0.4] * 5, abs=0.03)


def test_of_numbers_that_are_no_table_each_is_a_column():
    batch = Batch(torch.arange(32.0)[:, None].expand(32, 3).clone(), torch.eye(32))
    mixed = make().transform_batch(batch)
    expected = F.one_hot(mixed.inputs.long(), 32).double().mean(1)
    torch.testing.assert_close(mixed.targets, expected.to(mixed.targets))

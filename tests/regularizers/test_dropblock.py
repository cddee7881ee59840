import math

import pytest
import torch
from torch import Tensor, nn

from regbench.assembly.run import build_run
from regbench.regularizers.dropblock import Blocks, DropBlock, Gamma, dropped_share, find_gamma
from regbench.sites import Site
from regbench.streams import Clock, Stream
from regbench.training.loop import StepEnd, fit
from tests.conftest import reg_node, tiny

TABLE = [  # side of the map, side of the block, p, gamma and the exact dropped share, to what was published
    (32, 7, 0.10, 0.0031, 0.094),
    (16, 7, 0.10, 0.0052, 0.093),
    (8, 7, 0.10, 0.0327, 0.096),
    (8, 7, 0.25, 0.0816, 0.226),
    (8, 3, 0.10, 0.0198, 0.095),
    (7, 7, 0.10, 0.1000, 0.100),
]


class FixedSeeds(Stream):
    """A stream that hands out one mask of seeds (1 where a block begins) written down beforehand."""

    def __init__(self, seeds: Tensor) -> None:
        super().__init__(0, "dropblock", Clock())
        self.seeds = seeds

    def mask(self, like: Tensor, keep: float, shape: object = None) -> Tensor:
        assert tuple(self.seeds.shape) == tuple(shape)
        return 1 - self.seeds.to(like.dtype)


def make_blocks(
    side: int, size: tuple[int, int], gamma: float, stream: Stream | None = None, **fields: object
) -> Blocks:
    values = {"shared": False, "normalize": "batch"} | fields
    blocks = Blocks(side, size, stream=stream or Stream(0, "dropblock", Clock()), **values)
    blocks.gamma = gamma
    return blocks


def make_member(**fields: object) -> DropBlock:
    values = {"p": 0.2, "block_size": 3, "gamma": "paper", "schedule": "constant", "channels": "each"}
    member = DropBlock(**(values | {"normalize": "batch", "on_small": "clamp_odd", "where": "all"} | fields))
    member.stream = Stream(0, "dropblock", Clock())
    return member


def make_model(*sides: int) -> nn.Module:
    return nn.Sequential(*(Site("hidden", (2, side, side), body=nn.ReLU()) for side in sides))


def blocks_of(model: nn.Module) -> list[Blocks]:
    return [module for module in model.modules() if isinstance(module, Blocks)]


def test_one_block_by_hand():
    seeds = torch.zeros(1, 1, 2, 3)
    seeds[0, 0, 1, 1] = 1  # on a 3x4 map: rows 1 and 2, columns 1 and 2
    outputs = make_blocks(2, (3, 4), 0.1, FixedSeeds(seeds))(torch.ones(1, 1, 3, 4))
    kept = 12 / 8
    assert outputs[0, 0].tolist() == [[kept] * 4, [kept, 0, 0, kept], [kept, 0, 0, kept]]


@pytest.mark.parametrize(("height", "side", "p", "gamma", "share"), TABLE)
def test_gamma_and_the_dropped_share_are_the_published_ones(
    height: int, side: int, p: float, gamma: float, share: float
):
    found = find_gamma(p, side, (height, height), "paper")
    assert found == pytest.approx(gamma, abs=5e-5)
    assert dropped_share(found, side, (height, height)) == pytest.approx(share, abs=5e-4)


def test_calibrated_gamma_is_the_published_one():
    assert find_gamma(0.25, 7, (32, 32), "calibrated") == pytest.approx(0.00922, abs=5e-6)
    assert find_gamma(0.25, 7, (32, 32), "paper") == pytest.approx(0.00773, abs=5e-6)
    assert find_gamma(0.3, 4, (4, 4), "calibrated") == pytest.approx(0.3)  # one place: the block is the map
    assert find_gamma(0.0, 3, (8, 8), "calibrated") == 0


@pytest.mark.parametrize("side", [3, 4])
@pytest.mark.parametrize(("gamma", "expected"), [("paper", None), ("calibrated", 0.25)])
def test_drops_the_share_that_it_should(gamma: Gamma, expected: float | None, side: int):
    size, p = (8, 6), 0.25
    value = find_gamma(p, side, size, gamma)
    masks = make_blocks(side, size, value)(torch.ones(2000, 2, *size)) == 0
    share = masks.flatten(2).double().mean(2).flatten()  # 4000 independent maps
    margin = 5 * share.std().item() / math.sqrt(4000)
    expected = dropped_share(value, side, size) if expected is None else expected
    assert share.mean().item() == pytest.approx(expected, abs=margin)


@pytest.mark.parametrize("side", [2, 3, 5])
def test_every_hole_is_a_union_of_whole_blocks(side: int):
    hole = (make_blocks(side, (8, 8), 0.05)(torch.ones(50, 2, 8, 8)) == 0).double()
    # opening: erode (a block fits here), then dilate (paint it), one pixel at a time
    fits = hole.unfold(2, side, 1).unfold(3, side, 1).amin((4, 5))
    painted = torch.zeros_like(hole)
    for row in range(side):
        for column in range(side):
            window = painted[:, :, row : row + fits.shape[2], column : column + fits.shape[3]]
            window.copy_(torch.maximum(window, fits))
    assert hole.sum() > 0
    assert torch.equal(painted, hole)


def test_agrees_with_torchvision_given_its_seeds():
    torchvision = pytest.importorskip("torchvision")
    inputs, p = torch.randn(4, 3, 9, 9), 0.3
    gamma = find_gamma(p, 5, (9, 9), "paper")
    torch.manual_seed(0)
    seeds = torch.empty(4, 3, 5, 5).bernoulli_(gamma)
    torch.manual_seed(0)
    theirs = torchvision.ops.drop_block2d(inputs, p, 5)
    torch.testing.assert_close(make_blocks(5, (9, 9), gamma, FixedSeeds(seeds))(inputs), theirs)


def test_blocks_of_one_pixel_are_dropout_with_its_mean_kept():
    gamma, inputs = find_gamma(0.4, 1, (10, 10), "paper"), torch.ones(50, 2, 10, 10)
    assert gamma == pytest.approx(0.4)
    outputs = make_blocks(1, (10, 10), gamma)(inputs)
    dropped = (outputs == 0).sum().item()
    assert abs(dropped - 4000) < 5 * math.sqrt(10_000 * 0.4 * 0.6)
    assert outputs.max().item() == pytest.approx(10_000 / (10_000 - dropped))


def test_the_mean_of_ones_stays_one_over_the_batch_or_each_example():
    inputs = torch.ones(6, 2, 8, 8)
    batch, sample = (make_blocks(3, (8, 8), 0.05, normalize=n)(inputs) for n in ("batch", "sample"))
    assert batch.mean().item() == pytest.approx(1)
    torch.testing.assert_close(sample.mean((1, 2, 3)), torch.ones(6))
    assert batch.mean((1, 2, 3)).unique().numel() > 1


def test_a_batch_dropped_as_a_whole_is_zeros_and_not_nan():
    seeds, inputs = torch.ones(2, 1, 1, 1), torch.ones(2, 1, 3, 3, requires_grad=True)
    outputs = make_blocks(3, (3, 3), 0.5, FixedSeeds(seeds))(inputs)
    outputs.sum().backward()
    assert outputs.eq(0).all()
    assert inputs.grad.eq(0).all()


def test_channels_have_masks_of_their_own_or_share_one():
    inputs = torch.ones(8, 4, 8, 8)
    each, shared = ((make_blocks(3, (8, 8), 0.05, shared=s)(inputs) == 0) for s in (False, True))
    assert torch.equal(shared, shared[:, :1].expand_as(shared))
    assert shared.any()
    assert not torch.equal(each, each[:, :1].expand_as(each))


def test_evaluation_is_the_identity():
    inputs = torch.randn(2, 2, 4, 4)
    assert make_blocks(3, (4, 4), 0.5).eval()(inputs) is inputs


def test_the_ramp_goes_from_nothing_to_p():
    member = make_member(schedule="linear", p=0.2, block_size=1)
    (blocks,) = blocks_of(member.prepare_model(make_model(4)))
    inputs = torch.ones(1, 2, 4, 4)
    assert blocks(inputs) is inputs
    for progress, p in ((0.5, 0.1), (0.0, 0.0), (1.0, 0.2)):
        member.begin_step(progress)
        assert blocks.gamma == pytest.approx(p)  # a block of one pixel: gamma is p
    constant = make_member(p=0.2, block_size=1)
    (blocks,) = blocks_of(constant.prepare_model(make_model(4)))
    constant.begin_step(0.0)
    assert blocks.gamma == pytest.approx(0.2)


@pytest.mark.parametrize("epochs", [1, 2])
def test_a_run_ends_at_p_whatever_its_epochs(epochs: int):
    run = build_run(tiny("resnet", {"dropblock": reg_node("dropblock", p=0.2)}, epochs=epochs))
    blocks = blocks_of(run.model)
    assert {b.size: b.side for b in blocks} == {(4, 4): 3, (2, 2): 1}
    at_p = [{3: 0.2 * 16 / (9 * 4), 1: 0.2}[b.side] for b in blocks]  # gamma of equation 1
    gammas = [[b.gamma for b in blocks] for event in fit(run) if isinstance(event, StepEnd)]
    assert len(gammas) == 3 * epochs  # 97 rows: 32, 32 and 33
    for step, found in enumerate(gammas):
        assert found == pytest.approx([step / (3 * epochs - 1) * gamma for gamma in at_p])


@pytest.mark.parametrize(
    ("on_small", "sides"), [("clamp_odd", [5, 5, 3, 1]), ("skip", [5, 5])], ids=["clamp_odd", "skip"]
)
def test_maps_smaller_than_a_block_get_a_smaller_one_or_none(on_small: str, sides: list[int]):
    model = make_member(block_size=5, on_small=on_small).prepare_model(make_model(8, 5, 4, 2))
    assert [blocks.side for blocks in blocks_of(model)] == sides


def test_maps_smaller_than_a_block_are_refused_on_request():
    with pytest.raises(ValueError, match=r"^block_size must be at most 4, the side of the maps at 1, got 5$"):
        make_member(block_size=5, on_small="error").prepare_model(make_model(8, 4))
    with pytest.raises(ValueError, match=r"^block_size must be at most the side of some map, got 9$"):
        make_member(block_size=9, on_small="skip").prepare_model(make_model(8, 4))


def test_says_what_share_it_drops():
    member = make_member(p=0.1, block_size=7)
    member.prepare_model(make_model(8, 8))
    assert member.note() == "8x8 maps lose 0.096 to blocks of 7x7"  # 0.096: the table above


def test_same_moment_gives_the_same_blocks_and_the_next_others():
    inputs = torch.ones(8, 2, 8, 8)
    first = make_blocks(3, (8, 8), 0.05)(inputs)
    assert torch.equal(make_blocks(3, (8, 8), 0.05)(inputs), first)
    later = make_blocks(3, (8, 8), 0.05, Stream(0, "dropblock", Clock(step=1)))(inputs)
    assert not torch.equal(later, first)


def test_probability_zero_leaves_the_model_alone():
    assert blocks_of(make_member(p=0.0).prepare_model(make_model(8))) == []


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"p": 1.0}, r"^p must lie in \[0, 1\), got 1.0$"),
        ({"p": -0.1}, r"^p must lie in \[0, 1\), got -0.1$"),
        ({"block_size": 0}, r"^block_size must be at least 1, got 0$"),
    ],
)
def test_refuses_values_outside_their_ranges(values: dict[str, object], message: str):
    with pytest.raises(ValueError, match=message):
        make_member(**values)


def test_refuses_a_model_without_maps():
    with pytest.raises(ValueError, match=r"^Sequential has no 'hidden' site with maps"):
        make_member().prepare_model(nn.Sequential(Site("hidden", (4,))))

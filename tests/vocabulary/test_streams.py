import numpy as np
import pytest
import torch
from scipy import stats

from regbench.streams import Clock, Stream, keyed_seed, random_words, torch_words

LIKE = torch.zeros(1)


def draw(**place):
    """Five numbers drawn at a place; every part that is not given is the same."""
    seed, name, site = place.pop("seed", 0), place.pop("name", "dropout"), place.pop("site", "")
    return Stream(seed, name, Clock(**place)).at(site).uniform((5,))


@pytest.mark.parametrize(
    "place", [{"seed": 1}, {"name": "mixup"}, {"site": "1"}, {"step": 1}, {"micro": 1}, {"passes": 1}]
)
def test_every_part_of_the_place_changes_the_draws(place):
    assert torch.equal(draw(), draw())
    assert not torch.equal(draw(), draw(**place))


def test_parts_do_not_run_into_each_other():
    assert keyed_seed("a", "bc") != keyed_seed("ab", "c")
    assert keyed_seed(1, 23) != keyed_seed(12, 3)
    assert keyed_seed("1") != keyed_seed(1)


def test_seeds_are_whole_numbers_of_63_bits_and_the_same_everywhere():
    seeds = [keyed_seed("x", i) for i in range(200)]
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert len(set(seeds)) == 200
    assert max(seeds) > 2**62  # all 63 bits are in use
    expected = bytes.fromhex("2d2927a09aa8474c")  # printf "(0, 'dropout')" | b2sum -l 64
    assert keyed_seed(0, "dropout") == int.from_bytes(expected, "little") // 2


def test_draws_at_one_moment_continue():
    stream = Stream(0, "dropout", Clock())
    first, second = stream.uniform((5,)), stream.uniform((5,))
    assert not torch.equal(first, second)
    whole = Stream(0, "dropout", Clock()).uniform((10,))
    assert torch.equal(torch.cat([first, second]), whole)


def test_the_past_does_not_matter_once_the_clock_moves():
    busy, idle = Clock(), Clock(step=1)
    stream = Stream(0, "dropout", busy)
    stream.uniform((1000,))
    busy.step = 1
    assert torch.equal(stream.uniform((5,)), Stream(0, "dropout", idle).uniform((5,)))


def test_a_second_stream_and_the_global_generator_shift_nothing():
    clock = Clock()
    one, other = Stream(0, "dropout", clock), Stream(0, "mixup", clock)
    first = one.uniform((5,))
    other.uniform((7,))
    torch.manual_seed(99)
    one.at("elsewhere").normal((3,))
    assert torch.equal(torch.cat([first, one.uniform((5,))]), Stream(0, "dropout", Clock()).uniform((10,)))


def test_draws_leave_the_global_generator_alone():
    before = torch.get_rng_state()
    stream = Stream(0, "dropout", Clock())
    stream.mask(LIKE, 0.5, (100,))
    stream.beta(1.0, 1.0)
    stream.permutation(5)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_a_mask_keeps_its_share_within_binomial_bounds(p):
    count = 40_000
    mask = Stream(0, "dropout", Clock()).mask(LIKE, 1 - p, (count,))
    assert set(mask.unique().tolist()) == {0.0, 1.0}
    assert mask.mean().item() == pytest.approx(1 - p, abs=4 * (p * (1 - p) / count) ** 0.5)


def test_the_words_of_a_mask_are_independent_of_their_neighbours():
    mask = Stream(0, "dropout", Clock()).mask(LIKE, 0.5, (40_000,)) - 0.5
    for lag in (1, 2, 3, 4):
        assert (mask[:-lag] * mask[lag:]).mean().abs() < 4 * 0.25 / 40_000**0.5


def test_a_mask_at_the_ends_of_its_range():
    stream = Stream(0, "dropout", Clock())
    assert stream.mask(LIKE, 1.0, (999,)).sum() == 999
    assert stream.mask(LIKE, 0.0, (999,)).sum() == 0
    few = stream.mask(LIKE, 1 - 1e-4, (200_000,))  # 7/65536 is the nearest share: 21 zeros expected
    assert 3 <= (few == 0).sum() <= 40


@pytest.mark.parametrize("shape", [(1,), (3,), (5, 7), (2, 3, 1, 1), (0, 4)])
def test_a_mask_has_any_shape_and_the_type_it_is_asked_for(shape):
    stream = Stream(0, "dropout", Clock())
    like = torch.zeros(shape, dtype=torch.float64)
    assert stream.mask(like, 0.5).shape == shape
    assert stream.mask(LIKE, 0.5, shape).shape == shape
    assert stream.mask(like, 0.5).dtype == torch.float64


def test_uniform_and_normal_draws_have_their_moments():
    stream = Stream(0, "noise", Clock())
    uniform, normal = stream.uniform((20_000,)), stream.normal((20_000,))
    assert 0 <= uniform.min() <= uniform.max() < 1
    assert uniform.mean().item() == pytest.approx(1 / 2, abs=4 * (1 / 12 / 20_000) ** 0.5)
    assert normal.mean().item() == pytest.approx(0, abs=4 / 20_000**0.5)
    assert normal.var().item() == pytest.approx(1, abs=4 * (2 / 20_000) ** 0.5)


def test_integers_take_every_value_below_the_bound():
    assert Stream(0, "noise", Clock()).integers(3, (200,)).unique().tolist() == [0, 1, 2]


@pytest.mark.parametrize(("a", "b"), [(0.2, 0.2), (1.0, 1.0), (2.0, 5.0)])
def test_beta_draws_have_their_mean_and_variance(a, b):
    stream = Stream(0, "mixup", Clock())
    draws = torch.tensor([stream.beta(a, b) for _ in range(1500)], dtype=torch.float64)
    variance = a * b / ((a + b) ** 2 * (a + b + 1))
    assert ((draws >= 0) & (draws <= 1)).all()
    assert draws.mean().item() == pytest.approx(a / (a + b), abs=4 * (variance / 1500) ** 0.5)
    assert draws.var().item() == pytest.approx(variance, rel=0.15)


def test_a_permutation_holds_every_row_once():
    order = Stream(0, "mixup", Clock()).permutation(50)
    assert sorted(order.tolist()) == list(range(50))
    assert order.tolist() != list(range(50))


def test_the_words_are_those_of_splitmix64_where_the_second_key_is_0():
    """The first outputs for the seed 1234567, as Vigna's reference code in C prints them."""
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    assert random_words(1234567, 0, 0, 4, "cpu").tolist() == expected
    assert random_words(1234567, 0, 1, 3, "cpu").tolist() == expected[1:]


@pytest.mark.parametrize(("first", "count"), [(0, 1), (3, 7), (8190, 5), (5, 20_000)])
def test_words_are_the_same_by_numpy_and_by_torch_for_one_run_and_for_several(first, count):
    keys = [2**64 - 3, 5], [7, 2**63 + 1]
    alone = [random_words(*pair, first, count, "cpu") for pair in zip(*keys, strict=True)]
    both = [np.array(each, dtype=np.uint64)[:, None] for each in keys]
    assert np.array_equal(random_words(*both, first, count, "cpu"), alone)
    assert np.array_equal(torch_words(*both, first, count, "cpu").numpy().view(np.uint64), alone)
    by_torch = torch_words(keys[0][0], keys[1][0], first, count, "cpu")
    assert np.array_equal(by_torch.numpy().view(np.uint64), alone[0])


def test_both_keys_tell_streams_apart():
    words = [random_words(a, b, 0, 64, "cpu").tolist() for a in (1, 2) for b in (1, 2)]
    assert len({word for each in words for word in each}) == 256


def moments_of(draw, steps=4000):
    """One draw at the beginning of each of many moments."""
    clock = Clock()
    stream = Stream(3, "dropout", clock, "layers.0")
    drawn = []
    for clock.step in range(steps):
        drawn.append(draw(stream))
    return torch.stack(drawn)


def test_first_draws_of_moments_are_uniform_and_independent():
    drawn = moments_of(lambda stream: stream.uniform((2,))).numpy()
    assert stats.kstest(drawn.flatten(), "uniform").pvalue > 1e-3
    for one, other in ((drawn[:, 0], drawn[:, 1]), (drawn[1:, 0], drawn[:-1, 0])):
        assert abs(np.corrcoef(one, other)[0, 1]) < 4 / len(one) ** 0.5


def test_normal_draws_and_symmetric_beta_draws_have_their_distributions():
    stream = Stream(0, "noise", Clock())
    assert stats.kstest(stream.normal((20_000,)).numpy(), "norm").pvalue > 1e-3
    for a in (0.4, 1.0, 3.0):
        assert stats.kstest(stream.betas(a, a, 20_000).numpy(), stats.beta(a, a).cdf).pvalue > 1e-3


@pytest.mark.parametrize("a", [1e-4, 0.01, 200.0])
def test_beta_draws_at_the_ends_of_their_range_are_shares(a):
    drawn = Stream(0, "mixup", Clock()).betas(a, a, 5000)
    assert ((drawn >= 0) & (drawn <= 1)).all()
    assert drawn.mean().item() == pytest.approx(0.5, abs=0.03)
    assert drawn.var().item() == pytest.approx(1 / (4 * (2 * a + 1)), rel=0.1)


def test_permutations_are_all_as_likely():
    orders = moments_of(lambda stream: stream.permutation(3), 6000)
    _, counts = orders.unique(dim=0, return_counts=True)
    assert stats.chisquare(counts.numpy()).pvalue > 1e-3


def test_large_bounds_have_large_integers():
    drawn = Stream(0, "noise", Clock()).integers(2**62, (200,))
    assert 0 <= drawn.min() <= drawn.max() < 2**62
    assert drawn.max() > 2**61


def test_draws_are_of_the_default_type_and_as_exact():
    single = Stream(0, "noise", Clock()).normal((1000,))
    torch.set_default_dtype(torch.float64)
    try:
        double = Stream(0, "noise", Clock()).normal((1000,))
    finally:
        torch.set_default_dtype(torch.float32)
    assert double.dtype == torch.float64
    assert (double - single).abs().max() < 1e-5
    assert not torch.equal(double, single.double())

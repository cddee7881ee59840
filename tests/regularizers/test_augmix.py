import math
from itertools import permutations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchvision.transforms.v2 import functional as vision

from regbench.regularizers.augmix import AugMix, divergence, even_weights, mixture
from regbench.regularizers.base import Stack
from regbench.regularizers.mixup import Mixup
from regbench.streams import Clock, Stream
from regbench.types import Batch, ForwardPass, Split
from tests.images.pillow import by_pillow

ALONE = {"chains": 1, "depth": 1, "consistency": 0.0}  # one operation, one view
# Chances of one operation at severity 3 on images of 20 x 24: a translation by no whole pixel, as 24 / 30 or
# 20 / 30 pixels times less than 1.25 or 1.5; and autocontrast or equalize, which have no strength.
STILL = ((1.25 - 0.1) + (1.5 - 0.1)) / 2.9 / 9
EVEN = 2 / 9


def make(step: int = 0, **fields: float) -> AugMix:
    values = {"p": 1.0, "chains": 3, "depth": 0, "severity": 3, "consistency": 12.0}
    member = AugMix(**(values | fields))  # type: ignore[arg-type]
    member.stream = Stream(0, "augmix", Clock(step=step))
    return member


def one_view(images: Tensor, step: int = 0, **fields: float) -> Tensor:
    member = make(step, **({"consistency": 0.0} | fields))
    return member.transform_batch(Batch(images, torch.ones(len(images), 1))).inputs


def images(rows: int, channels: int = 1) -> Tensor:
    """The same image of 20 x 24 bytes in every row: 0.1 to 0.65, 1.0 here and there; enough to equalize."""
    torch.manual_seed(0)
    ramp = torch.linspace(0.1, 0.5, 24).expand(1, channels, 20, 24).double()
    image = ramp + 0.15 * torch.rand(1, channels, 20, 24).double()
    image[torch.rand(image.shape) < 0.05] = 1.0
    image = (image * 255).round() / 255
    return image.repeat(rows, 1, 1, 1)


def small(rows: int) -> Tensor:
    torch.manual_seed(0)
    return torch.rand(1, 1, 8, 8).expand(rows, -1, -1, -1).clone()


def batch(rows: int = 4, classes: int = 3) -> Batch:
    torch.manual_seed(0)
    return Batch(torch.rand(rows, 1, 8, 8), torch.rand(rows, classes).softmax(1))


def forward_of(member: AugMix, given: Batch, logits: Tensor | None = None) -> ForwardPass:
    shown = member.transform_batch(given)
    logits = torch.randn(shown.targets.shape, requires_grad=True) if logits is None else logits
    return ForwardPass(nn.Identity(), shown, logits, ())


def split(inputs: Tensor) -> Split:
    return Split(inputs, torch.zeros(len(inputs), dtype=torch.long), 2)


# --- one operation against torchvision's


def outcomes(image: Tensor) -> list[tuple[float, Tensor]]:
    """Chance and image of what one operation at severity 3 makes, as far as there are few such images.

    Of strength uniform in [0.1, 3] posterize keeps 4 bits below 2.5, else 3; translations are 24 / 30 or
    20 / 30 pixels times the strength, rounded down; solarize inverts what is at least 0.7 to 0.99: the ones.
    """

    def moved(x: int = 0, y: int = 0) -> Tensor:
        return vision.affine(image, 0.0, [x, y], 1.0, [0.0, 0.0])

    found = [
        (9 * STILL, image),
        *((1.25 / 2.9 / 2, moved(x=x)) for x in (1, -1)),
        *((0.5 / 2.9 / 2, moved(x=x)) for x in (2, -2)),
        *((1.5 / 2.9 / 2, moved(y=y)) for y in (1, -1)),
        (2.4 / 2.9, by_pillow("posterize", image, 4)),
        (0.5 / 2.9, by_pillow("posterize", image, 3)),
        (1.0, by_pillow("solarize", image, 0.7)),
        (1.0, by_pillow("autocontrast", image)),
        (1.0, by_pillow("equalize", image)),
    ]
    return [(chance / 9, outcome) for chance, outcome in found]


def test_one_operation_is_one_of_torchvisions_each_as_likely_and_mixed_by_a_uniform_share():
    given, rows = images(1500), 1500
    changes = one_view(given, **ALONE) - given
    known = outcomes(given[0])
    assert sum(chance for chance, _ in known) == pytest.approx(6 / 9)  # shears and rotate are the others
    counts, shares = torch.zeros(len(known) + 1), []
    counts[0] = (changes.flatten(1).abs().amax(1) < 1e-12).sum()
    for index, (_, outcome) in enumerate(known[1:], 1):
        full = (outcome - given[0]).flatten()
        share = changes.flatten(1) @ full / full.square().sum()
        distance = (changes.flatten(1) - share[:, None] * full).norm(dim=1)
        found = (distance < 1e-4 * changes.flatten(1).norm(dim=1)) & (share > 1e-6)
        counts[index] = found.sum()
        shares.append(share[found])
    counts[-1] = rows - counts.sum()
    expected = rows * torch.tensor([*(chance for chance, _ in known), 3 / 9])
    chi_square = ((counts - expected).square() / expected).sum().item()
    assert chi_square < 30  # of 12 degrees of freedom; exceeded by chance three times in a thousand
    drawn = torch.cat(shares)  # Beta(1, 1) is uniform
    assert drawn.mean().item() == pytest.approx(1 / 2, abs=0.03)
    assert drawn.var().item() == pytest.approx(1 / 12, abs=0.01)
    assert 0 < drawn.min() < 0.01
    assert 0.99 < drawn.max() <= 1


@pytest.mark.parametrize("depth", [1, 2, 3, 0])
def test_a_chain_is_as_deep_as_told_or_one_to_three_deep(depth: int):
    """By the shares of chains that change nothing, and that beside that hold EVEN operations only."""
    given, rows = images(1200), 1200
    changes = (one_view(given, **(ALONE | {"depth": depth})) - given).flatten(1)
    even = torch.zeros(rows, dtype=torch.bool)
    evens = ("autocontrast", "equalize")
    for names in [*permutations(evens, 1), *permutations(evens)]:
        outcome = given[0]
        for name in names:
            outcome = by_pillow(name, outcome)
        full = (outcome - given[0]).flatten()
        share = changes @ full / full.square().sum()
        close = (changes - share[:, None] * full).norm(dim=1) < 1e-4 * changes.norm(dim=1)
        even |= close & (share > 1e-6)
    depths = [depth] if depth else [1, 2, 3]
    still = sum(STILL**d for d in depths) / len(depths)
    expected = sum((STILL + EVEN) ** d - STILL**d for d in depths) / len(depths)
    for found, chance in (((changes == 0).all(1), still), (even, expected)):
        error = math.sqrt(chance * (1 - chance) / rows)
        assert found.double().mean().item() == pytest.approx(chance, abs=3.5 * error)


def test_shears_reach_a_slope_of_three_tenths_and_rotations_thirty_degrees_of_both_signs():
    """Where a lone white pixel goes, 13.5 right of the center and 13.5 below it; black elsewhere."""
    given = torch.zeros(1500, 1, 40, 40).double()
    given[:, :, 33, 33] = 1
    shown = one_view(given, **(ALONE | {"severity": 10}))[:, 0]
    shown[:, 32:35, 32:35] = 0  # what stays there
    gone = shown[shown.sum((1, 2)) > 1e-6]
    gone = gone / gone.sum((1, 2), keepdim=True)
    places = torch.arange(40).double()
    down, right = (gone.sum(2) @ places - 33, gone.sum(1) @ places - 33)
    whole = (down - down.round()).abs() + (right - right.round()).abs() < 1e-6
    for here, there in ((down, right), (right, down)):
        sheared = there[(here.abs() < 1e-6) & ~whole]
        # 0.3 times the 33.5 pixels from the border; beyond 6 the other way it is out of sight
        assert -10.05 - 1e-6 < sheared.min() < -9.2
        assert 3 < sheared.max() < 7
    turned = (down.abs() > 1e-6) & (right.abs() > 1e-6)
    degrees = torch.atan2(down + 13.5, right + 13.5).rad2deg()[turned] - 45
    assert degrees.max().item() == pytest.approx(29.5, abs=1.5)
    assert degrees.min().item() == pytest.approx(-29.5, abs=1.5)


def test_translations_reach_a_third_of_their_own_side():
    """Of a lone white pixel in the middle: 17 / 3 and 29 / 3 pixels, rounded down, both ways."""
    given = torch.zeros(1500, 1, 17, 29).double()
    given[:, :, 8, 14] = 1
    shown = one_view(given, **(ALONE | {"severity": 10}))[:, 0] > 1e-9
    lone = shown.sum((1, 2)) == 2  # where it was and where it went, in the same column or row
    rows = shown[lone & (shown[:, 8].sum(1) == 1)].any(2).nonzero()[:, 1] - 8
    columns = shown[lone & (shown[:, 8].sum(1) == 2)].any(1).nonzero()[:, 1] - 14
    assert (rows.min(), rows.max()) == (-5, 5)
    assert (columns.min(), columns.max()) == (-9, 9)


def test_operations_that_overlap_with_the_corruptions_are_left_out():
    """Of one color, the center stays: brightness, color, contrast and sharpness would change it."""
    color = torch.tensor([128, 64, 160])[:, None, None] / 255
    center = one_view(color.expand(400, 3, 8, 8), **ALONE)[:, :, 4, 4]
    # below 0.7 and of three bits
    torch.testing.assert_close(center, color.flatten().expand(400, 3), atol=1 / 255, rtol=0)


# --- the mixture


def test_chains_that_change_nothing_give_the_image_whatever_the_weights():
    given = torch.rand(5, 3, 4, 4)
    weights, kept = torch.rand(2, 5), torch.rand(5)
    mixed = mixture(given, given.expand(2, -1, -1, -1, -1), weights / weights.sum(0), kept)
    torch.testing.assert_close(mixed, given)


def test_a_mixture_by_hand():
    given = torch.tensor([0.8, 0.2]).view(2, 1, 1, 1)
    chained = torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.5, 0.6]]).view(3, 2, 1, 1, 1)
    weights = torch.tensor([[0.5, 1.0], [0.3, 0.0], [0.2, 0.0]])
    # 0.25 * 0.8 + 0.75 * (0.3 + 0.1) and 0.9 * 0.2 + 0.1 * 1
    mixed = mixture(given, chained, weights, torch.tensor([0.25, 0.9]))
    torch.testing.assert_close(mixed.flatten(), torch.tensor([0.5, 0.28]))


def test_weights_add_up_to_one_and_have_dirichlet_moments():
    torch.manual_seed(0)
    weights = even_weights(torch.rand(3, 20000))
    torch.testing.assert_close(weights.sum(0), torch.ones(20000))
    # each is Beta(1, 2): mean 1/3, variance 1/18; two of them have covariance -1/36
    moments = np.cov(weights.double().numpy())
    np.testing.assert_allclose(weights.mean(1), 1 / 3, atol=0.006)
    np.testing.assert_allclose(moments, np.full((3, 3), -1 / 36) + np.eye(3) / 12, atol=0.002)


def test_weights_are_numbers_where_every_draw_is_zero():
    torch.testing.assert_close(even_weights(torch.zeros(2, 1)), torch.full((2, 1), 0.5))


def test_more_chains_average_their_changes():
    """With E[sum w^2] = 2 / (k + 1) the mean square change is a mean of that of one chain and its floor.

    One chain: E|x~ - x|^2 = E[(1-m)^2] E|d|^2 = E|d|^2 / 3, and E[x~ - x] = E[d] / 2, d being op(x) - x.
    """
    given = small(3000)
    alone = one_view(given, **ALONE) - given
    together = one_view(given, **(ALONE | {"chains": 3})) - given
    square, floor = 3 * alone.square().mean(0).sum(), (2 * alone.mean(0)).square().sum()
    expected = (0.5 * square + 0.5 * floor) / 3
    assert together.square().mean(0).sum().item() == pytest.approx(expected.item(), rel=0.1)
    assert expected < 0.75 * alone.square().mean(0).sum()


def test_each_example_and_each_view_has_a_draw_of_its_own():
    given = small(16)
    _, one, other = make(severity=10).transform_batch(Batch(given, torch.eye(16))).inputs.split(16)
    views = torch.cat([one, other]).flatten(1)
    # some may be unchanged, where all their chains shift by no whole pixel
    changed = views[(views != given[0].flatten()).any(1)]
    assert len(changed) > 28
    assert len(changed.unique(dim=0)) == len(changed)


def test_draws_follow_the_step_and_repeat_at_the_same_one():
    given = small(16)
    assert torch.equal(one_view(given), one_view(given))
    assert not torch.equal(one_view(given), one_view(given, step=1))


def test_the_change_grows_with_severity():
    given = images(200)
    changes = [(one_view(given, severity=s) - given).abs().mean().item() for s in (1, 3, 6, 10)]
    assert changes == sorted(changes)
    assert changes[3] > 1.5 * changes[0]


@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_stay_within_zero_and_one_at_full_severity(channels: int):
    given = (torch.rand(100, channels, 9, 7) > 0.5).float()
    shown = one_view(given, severity=10, depth=3)
    assert shown.min() >= 0
    assert shown.max() <= 1


def test_white_mixed_with_white_is_never_whiter():
    white, weights = torch.ones(1000, 1, 1, 1), even_weights(torch.rand(3, 1000))
    mixed = mixture(white, white.expand(3, -1, -1, -1, -1), weights, torch.rand(1000))
    assert mixed.max() <= 1  # though weights add up to 1 but for rounding


# --- the views


def test_the_batch_is_shown_as_it_came_and_in_two_mixtures_with_the_same_targets():
    given = batch()
    before = given.inputs.clone()
    shown = make(severity=10).transform_batch(given)
    assert shown.inputs.shape == (12, 1, 8, 8)
    assert torch.equal(shown.inputs[:4], before)
    assert torch.equal(given.inputs, before)
    first, second = shown.inputs[4:8], shown.inputs[8:]
    assert not torch.equal(first, before)
    assert not torch.equal(first, second)
    for third in shown.targets.split(4):
        assert torch.equal(third, given.targets)


def test_without_consistency_one_mixture_takes_the_place_of_the_image():
    member, given = make(consistency=0.0, severity=10), batch()
    forward = forward_of(member, given)
    assert forward.batch.inputs.shape == given.inputs.shape
    assert not torch.equal(forward.batch.inputs, given.inputs)
    assert forward.batch.targets is given.targets
    assert member.data_loss(forward) is None
    assert member.penalty(forward) is None


def test_rows_that_are_left_alone_have_three_equal_views():
    given, rows = small(2000), 2000
    shown = make(p=0.25, depth=3, severity=10).transform_batch(Batch(given, torch.ones(rows, 1))).inputs
    first, second = ((view != given).flatten(1).any(1) for view in shown.split(rows)[1:])
    # three chains of three operations that all change nothing are one in thousands
    assert (first != second).double().mean() < 0.005
    assert first.double().mean().item() == pytest.approx(0.25, abs=0.03)


def test_at_p_zero_the_batch_is_untouched_and_the_loss_is_not_its_own():
    member, given = make(p=0.0), batch()
    forward = forward_of(member, given)
    assert forward.batch is given
    assert member.data_loss(forward) is None
    assert member.penalty(forward) is None
    assert member.inert() == "off (p=0.0)"


def test_the_data_loss_is_the_cross_entropy_of_the_plain_batch():
    member, given = make(), batch()
    forward = forward_of(member, given)
    logits = forward.logits.detach()[:4].double().numpy()
    logs = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    expected = -(given.targets.double().numpy() * logs).sum(1).mean()
    loss = member.data_loss(forward)
    assert loss is not None
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    (gradient,) = torch.autograd.grad(loss, forward.logits)
    assert torch.count_nonzero(gradient[4:]) == 0


# --- the divergence


def entropies(p: np.ndarray) -> np.ndarray:
    return -(p * np.log(p)).sum(-1)


def test_the_penalty_is_consistency_times_the_divergence_of_the_three_views_of_each_row():
    """JSD is the entropy of the mean prediction less the mean of their entropies."""
    member = make(consistency=2.5)
    forward = forward_of(member, batch())
    powers = np.exp(forward.logits.detach().double().numpy())
    p = powers / powers.sum(1, keepdims=True)
    rows = [
        entropies((p[i] + p[i + 4] + p[i + 8]) / 3) - entropies(p[[i, i + 4, i + 8]]).mean() for i in range(4)
    ]
    penalty = member.penalty(forward)
    assert penalty is not None
    assert penalty.item() == pytest.approx(2.5 * sum(rows) / 4, rel=1e-4)


def test_a_divergence_by_hand():
    """A certain prediction and two even ones have the middle (2/3, 1/3): ln 3/2 and twice (ln 9/8) / 2."""
    logits = torch.tensor([[1e3, 0.0], [0.0, 0.0], [0.0, 0.0]]).double()[:, None]
    expected = (math.log(3 / 2) + 2 * (math.log(3 / 4) + math.log(3 / 2)) / 2) / 3
    assert divergence(logits).item() == pytest.approx(expected, rel=1e-12)


def test_equal_predictions_have_divergence_zero_and_disjoint_ones_log_three():
    same = torch.randn(1, 4, 5).double().expand(3, -1, -1)
    assert divergence(same).item() == pytest.approx(0, abs=1e-12)
    assert divergence(100 * torch.eye(3).double()[:, None]).item() == pytest.approx(math.log(3))
    assert divergence(1e4 * torch.eye(3)[:, None]).item() == pytest.approx(math.log(3))  # saturated


def test_the_divergence_is_symmetric_and_lies_between_its_bounds():
    torch.manual_seed(0)
    logits = 3 * torch.randn(3, 4, 5).double()
    values = [divergence(logits[list(order)]).item() for order in permutations(range(3))]
    assert values == pytest.approx([values[0]] * 6, rel=1e-12)
    assert 0 < values[0] < math.log(3)


def test_the_gradient_of_the_divergence_goes_through_all_three_views():
    torch.manual_seed(0)
    logits = torch.randn(3, 2, 4).double().requires_grad_()
    assert torch.autograd.gradcheck(divergence, logits)  # differences see what is detached
    member = make()
    forward = forward_of(member, batch())
    (gradient,) = torch.autograd.grad(member.penalty(forward), forward.logits)  # type: ignore[arg-type]
    assert all(view.abs().amax(1).min() > 0 for view in gradient.split(4))


def test_each_micro_batch_has_its_own_number_of_rows():
    clock = Clock()
    member = make(consistency=1.0)
    member.stream = Stream(0, "augmix", clock)
    forwards = []
    for clock.micro, rows in enumerate((2, 3)):
        forwards.append(forward_of(member, batch(rows)))
    for clock.micro, forward in enumerate(forwards):
        rows = len(forward.batch) // 3
        expected = nn.functional.cross_entropy(forward.logits[:rows], forward.batch.targets[:rows])
        assert member.data_loss(forward) == expected
        assert member.penalty(forward) == divergence(forward.logits.view(3, rows, 3))


def test_a_batch_that_was_never_made_has_no_views():
    member, given = make(), batch(6)  # the audit shows one so; a third of it is no view
    logits = torch.randn(6, 3)
    assert member.penalty(ForwardPass(nn.Identity(), given, logits, ())) is None
    member.transform_batch(given)
    assert member.penalty(ForwardPass(nn.Identity(), given, logits, ())) is None
    assert member.data_loss(ForwardPass(nn.Identity(), given, logits, ())) is None


# --- refusals


def test_refuses_members_after_it_that_mix_rows_and_works_after_them():
    augmix, mixup = make(), Mixup(alpha=1.0, per="batch")
    given = Batch(torch.rand(4, 1, 8, 8), torch.eye(4))
    before = Stack({"mixup": mixup, "augmix": augmix}).bind(0, Clock())
    shown = before.transform_batch(given)
    assert before.penalty(ForwardPass(nn.Identity(), shown, torch.randn(12, 4), ())) is not None
    after = Stack({"augmix": augmix, "mixup": mixup}).bind(0, Clock())
    shown = after.transform_batch(given)
    with pytest.raises(ValueError, match=r"^augmix must come after the members that mix or replace rows, "):
        after.penalty(ForwardPass(nn.Identity(), shown, torch.randn(12, 4), ()))


def test_refuses_another_number_of_rows_than_it_made():
    member = make()
    shown = member.transform_batch(batch())[:9]
    forward = ForwardPass(nn.Identity(), shown, torch.randn(9, 3), ())
    reason = r"^augmix must come after the members that change the number of rows, but 12 became 9$"
    for hook in (member.data_loss, member.penalty):
        with pytest.raises(ValueError, match=reason):
            hook(forward)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"p": -0.1}, r"p must lie in \[0, 1\], got -0.1"),
        ({"p": 1.1}, r"p must lie in \[0, 1\], got 1.1"),
        ({"chains": 0}, "chains must be at least 1, got 0"),
        ({"depth": -1}, r"depth must lie in \[0, 3\], got -1"),
        ({"depth": 4}, r"depth must lie in \[0, 3\], got 4"),
        ({"severity": 0}, r"severity must lie in \[1, 10\], got 0"),
        ({"severity": 11}, r"severity must lie in \[1, 10\], got 11"),
        ({"consistency": -1.0}, "consistency must be at least 0, got -1.0"),
    ],
)
def test_refuses_values_outside_their_ranges(fields: dict[str, float], reason: str):
    with pytest.raises(ValueError, match=f"^{reason}$"):
        make(**fields)


def test_refuses_what_is_no_image_unless_it_is_off():
    for inputs in (torch.zeros(2, 5), torch.zeros(2, 5, dtype=torch.long)):
        with pytest.raises(ValueError, match=r"^inputs must be images of shape"):
            make().check_data(split(inputs))
        make(p=0.0).check_data(split(inputs))
    with pytest.raises(ValueError, match=r"^pixels must lie in \[0, 1\], got -1 to 2$"):
        make().check_data(split(torch.tensor([-1.0, 2.0]).view(2, 1, 1, 1)))
    make().check_data(split(torch.zeros(2, 2, 4, 4)))

"""PixMix: its two mixtures by hand, and the rounds written with loops."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from regbench.images.fractals import fractals
from regbench.regularizers.pixmix import PixMix, add, multiply, powers
from regbench.streams import Clock, Stream
from regbench.types import Batch, Split

FIELDS: dict[str, Any] = {"p": 1.0, "rounds": 4, "beta": 3.0, "severity": 3, "pictures": 16}


def make(step: int = 0, seed: int = 0, **fields: Any) -> PixMix:
    member = PixMix(**(FIELDS | fields))
    member.stream = Stream(seed, "pixmix", Clock(step=step))
    return member


def pixels(*values: float) -> Tensor:
    return torch.tensor(values).view(-1, 1, 1, 1)


def test_mixtures_by_hand() -> None:
    image, other, a, b = (
        pixels(0.75, 0.75),
        pixels(0.2, 0.5),
        torch.tensor([0.8, 1.1]),
        torch.tensor([0.3, -0.2]),
    )
    # (0.8 * 0.5 + 0.3 * -0.6 + 1) / 2 = 0.61; (1.1 * 0.5 + 0 + 1) / 2 = 0.775
    assert add(image, other, a, b).flatten().tolist() == pytest.approx([0.61, 0.775])
    # 1.5^0.8 * 0.4^0.3 / 2 = 1.38316 * 0.75966 / 2; 1.5^1.1 * 1 / 2 = 1.56207 / 2
    assert multiply(image, other, a, b).flatten().tolist() == pytest.approx([0.52537, 0.78103], abs=2e-5)


def test_black_times_a_power_of_black_is_finite() -> None:
    found = multiply(pixels(0.0, 0.5), pixels(0.0, 0.0), torch.tensor([1.2, 1.2]), torch.tensor([-0.9, -0.9]))
    assert found.isfinite().all()
    assert found[0] == 0


def test_values_that_noise_has_put_below_black_count_as_black() -> None:
    dark, other = pixels(-0.3, 0.0), pixels(0.4, 0.4)
    found = multiply(dark, other, torch.tensor([0.8, 0.8]), torch.tensor([0.2, 0.2]))
    assert found.flatten().tolist() == [0.0, 0.0]
    images = torch.randn(200, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    assert make().transform_batch(Batch(images, torch.ones(200, 1))).inputs.isfinite().all()


def test_weights_are_draws_of_the_beta_distributions() -> None:
    uniform, heads = torch.rand(2, 200_000, generator=torch.Generator().manual_seed(0)), torch.tensor([True])
    a, b = powers(uniform, ~heads, 3.0)
    # Beta(3, 1): mean 3/4, variance 3/80, P(<0.5) = 1/8; Beta(1, 3): mean 1/4, P(<0.5) = 7/8
    assert (a.mean().item(), b.mean().item()) == pytest.approx((0.75, 0.25), abs=0.003)
    assert (a.var().item(), b.var().item()) == pytest.approx((3 / 80, 3 / 80), rel=0.02)
    assert (a < 0.5).double().mean().item() == pytest.approx(1 / 8, abs=0.005)
    assert (b < 0.5).double().mean().item() == pytest.approx(7 / 8, abs=0.005)
    a, b = powers(uniform, heads, 3.0)
    assert (a.mean().item(), b.mean().item()) == pytest.approx((1.25, -0.25), abs=0.003)
    assert a.min() >= 1
    assert b.max() <= 0


class Kept:
    """A stream that keeps what it has drawn."""

    def __init__(self) -> None:
        self.stream = Stream(0, "pixmix", Clock())
        self.drawn: list[Tensor] = []

    def __getattr__(self, name: str) -> Any:
        def draw(*args: Any) -> Any:
            value = getattr(self.stream, name)(*args)
            if isinstance(value, Tensor):
                self.drawn.append(value)
            return value

        return draw


def test_rounds_are_the_papers_algorithm_written_with_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    """Augmenting is made to be 1 - x, so that each of the choices can be seen."""

    def inverted(self: PixMix, images: Tensor, which: Tensor) -> Tensor:
        return torch.where(which[:, None, None, None], 1 - images, images)

    monkeypatch.setattr(PixMix, "_augmented", inverted)
    member, stream = make(), Kept()
    member.stream = stream  # type: ignore[assignment]
    images = torch.rand(60, 1, 3, 4, generator=torch.Generator().manual_seed(0))
    member.prepare_data(Split((images * 255).byte(), torch.zeros(60, dtype=torch.int64), 2))
    shown = member.transform_batch(Batch(images, torch.ones(60, 1))).inputs
    pictures = (fractals(16, 1, 3, 4, stream.stream.seed_of("pictures")) * 255).round() / 255
    _, which, first, count, *rounds = stream.drawn
    assert len(rounds) == 8
    assert {int(n) for n in count} == {0, 1, 2, 3, 4}
    for row, image in enumerate(images):
        mixed = 1 - image if first[row] < 0.5 else image
        for choices, draws in list(zip(rounds[::2], rounds[1::2], strict=True))[: int(count[row])]:
            own, product, against = (bool(c[row] < 0.5) for c in choices)
            other = 1 - image if own else pictures[which[row]]
            a, b = draws[0, row] ** (1 / 3), 1 - draws[1, row] ** (1 / 3)
            if against:
                a, b = 1 + (1 - a), -b
            if product:
                mixed = (2 * mixed) ** a * (2 * other).clamp(min=1e-37) ** b / 2
            else:
                mixed = (a * (2 * mixed - 1) + b * (2 * other - 1) + 1) / 2
            mixed = mixed.clip(0, 1)
        torch.testing.assert_close(shown[row], mixed, rtol=1e-4, atol=1e-5)


def test_pixels_stay_pixels_and_most_images_change() -> None:
    images = torch.rand(200, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    shown = make().transform_batch(Batch(images, torch.ones(200, 1))).inputs
    assert shown.min() >= 0
    assert shown.max() <= 1
    # an image stays where it is not augmented, one time in 2, and n is 0, one in 5
    same = (shown == images).flatten(1).all(1).double().mean().item()
    assert same == pytest.approx(0.1, abs=0.07)


def test_an_augmented_image_is_one_operation_away_and_others_keep_their_bits() -> None:
    images = torch.rand(400, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    which = torch.arange(400) % 2 == 0
    found = make()._augmented(images, which)
    changed = (found != images).flatten(1).any(1)
    assert not changed[~which].any()
    # a translation of at most 0.3 * 8 / 3 pixels is none, and so are two operations of nine
    assert changed[which].double().mean().item() == pytest.approx(7 / 9, abs=0.1)


def test_share_p_of_the_examples_is_mixed() -> None:
    images = torch.rand(1000, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    shown = make(p=0.3).transform_batch(Batch(images, torch.ones(1000, 1))).inputs
    changed = (shown != images).flatten(1).any(1).sum().item()
    assert 300 * 0.8 - 75 < changed < 300 + 75


def test_pictures_are_made_once_by_the_seed_of_the_run() -> None:
    train = Split(torch.zeros(4, 3, 8, 8, dtype=torch.uint8), torch.tensor([0, 1, 0, 1]), 2)
    shown = {}
    for seed, step in ((0, 0), (0, 5), (1, 0)):
        member = make(step, seed)
        member.prepare_data(train)
        shown[seed, step] = member.images()["pictures"]
    assert shown[0, 0].shape == (16, 3, 8, 8)
    assert torch.equal(shown[0, 0], shown[0, 5])
    assert not torch.equal(shown[0, 0], shown[1, 0])
    assert make(p=0.0).images() == {}


def test_targets_and_the_given_images_stay_as_they_are() -> None:
    batch = Batch(torch.full((8, 1, 6, 6), 0.5), torch.eye(8))
    assert make().transform_batch(batch).targets is batch.targets
    assert batch.inputs.eq(0.5).all()


def test_same_step_mixes_the_same_way_and_another_step_another_way() -> None:
    batch = Batch(torch.rand(16, 1, 8, 8), torch.eye(16))
    first = make(step=3).transform_batch(batch).inputs
    assert torch.equal(make(step=3).transform_batch(batch).inputs, first)
    assert not torch.equal(make(step=4).transform_batch(batch).inputs, first)


def test_keeps_the_type_of_the_images() -> None:
    batch = Batch(torch.ones(2, 1, 4, 4, dtype=torch.bfloat16), torch.eye(2))
    assert make().transform_batch(batch).inputs.dtype == torch.bfloat16


def test_off_returns_the_batch_itself() -> None:
    batch = Batch(torch.zeros(2, 7), torch.eye(2))
    assert make(p=0.0).transform_batch(batch) is batch


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"p": 1.5}, r"p must lie in \[0, 1\], got 1.5"),
        ({"rounds": 0}, "rounds must be at least 1, got 0"),
        ({"pictures": 0}, "pictures must be at least 1, got 0"),
        ({"beta": 0.0}, "beta must be above 0, got 0.0"),
        ({"severity": 11}, r"severity must lie in \[1, 10\], got 11"),
    ],
)
def test_refuses_what_is_out_of_range(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        make(**fields)


def test_refuses_what_are_no_pixels() -> None:
    labels = torch.tensor([0, 1])
    with pytest.raises(ValueError, match=r"^inputs must be images"):
        make().check_data(Split(torch.zeros(2, 7), labels, 2))
    with pytest.raises(ValueError, match=r"^pixels must lie in \[0, 1\]"):
        make().check_data(Split(torch.full((2, 1, 4, 4), 3.0), labels, 2))

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as vision

from regbench.images.checks import require_pixels
from regbench.images.operations import (
    OPS,
    SIGNED,
    Strengths,
    acts_of,
    apply_chosen,
    apply_each,
    every_act,
    place_of,
    sharpness,
)
from regbench.types import Split
from tests.dispatched import Dispatched
from tests.images.moves import BILINEAR, shear, shift
from tests.images.pillow import OPERATIONS, by_pillow

THEIRS: dict[str, tuple[Callable[[Tensor, float], Tensor], tuple[float, ...]]] = {
    "rotate": (lambda i, s: vision.rotate(i, s, interpolation=BILINEAR), (-170.0, -15.0, 0.0, 33.0)),
    "shear_x": (lambda i, s: shear(i, x=s), (-0.9, -0.1, 0.0, 0.4)),
    "shear_y": (lambda i, s: shear(i, y=s), (-0.9, -0.1, 0.0, 0.4)),
    "translate_x": (lambda i, s: shift(i, x=int(s)), (-3.7, -1.0, 0.0, 2.9)),
    "translate_y": (lambda i, s: shift(i, y=int(s)), (-3.7, -1.0, 0.0, 20.0)),
    "saturation": (lambda i, s: vision.adjust_saturation(i, 1 + s), (-1.0, -0.6, 0.0, 0.9)),
    "sharpness": (lambda i, s: vision.adjust_sharpness(i, 1 + s), (-1.0, -0.6, 0.0, 0.9)),
    "brightness": (lambda i, s: by_pillow("brightness", i, 1 + s), (-1.0, -0.6, 0.0, 0.9)),
    "contrast": (lambda i, s: by_pillow("contrast", i, 1 + s), (-1.0, -0.6, 0.0, 0.9)),
    "posterize": (lambda i, s: by_pillow("posterize", i, s), (1.0, 2.0, 4.0, 8.0)),
    "solarize": (lambda i, s: by_pillow("solarize", i, s), (0.0, 0.3, 0.7, 1.0)),
    "autocontrast": (lambda i, _: by_pillow("autocontrast", i), (0.0,) * 4),
    "equalize": (lambda i, _: by_pillow("equalize", i), (0.0,) * 4),
    "identity": (lambda i, _: i, (0.0,) * 4),
}


def images(channels: int, height: int = 20, width: int = 16) -> Tensor:
    """Images within [0.2, 0.8], and the last of one color alone; 320 pixels are enough to equalize."""
    torch.manual_seed(0)
    drawn = 0.2 + 0.6 * torch.rand(4, channels, height, width).square()
    drawn[3] = 0.3
    return drawn


def mixed(rows: int = 280, channels: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    """Images, and an operation and a strength for each: all operations, at strengths that they take."""
    torch.manual_seed(1)
    chosen = torch.arange(rows) % len(OPS)
    space = Strengths(dict.fromkeys(SIGNED, 0.9) | {"rotate": 40.0, "translate_x": 5.0}, 4)
    strengths = space.strengths(chosen, torch.rand(rows), torch.arange(rows) // len(OPS) % 2)
    return torch.rand(rows, channels, 20, 16).square(), chosen, strengths


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", OPS)
def test_each_example_agrees_with_torchvision_or_pillow_at_its_own_strength(name: str, channels: int):
    theirs, strengths = THEIRS[name]
    given = images(channels)
    before = given.clone()
    chosen = torch.full((4,), OPS.index(name))
    ours = apply_each(given, acts_of(given, chosen, torch.tensor(strengths, dtype=torch.float64)))
    expected = torch.stack([theirs(i, s) for i, s in zip(given, strengths, strict=True)])
    exact = {"rtol": 0, "atol": 1e-7 if name != "autocontrast" else 1.01 / 255}
    tolerance = exact if name in OPERATIONS or name == "identity" else {"rtol": 1e-4, "atol": 1e-5}
    torch.testing.assert_close(ours, expected, **tolerance)
    assert torch.equal(given, before)
    assert ours.data_ptr() != given.data_ptr()


def test_each_example_is_given_the_operation_chosen_for_it():
    given = images(3)
    chosen = torch.tensor([OPS.index(n) for n in ("identity", "solarize", "brightness", "translate_x")])
    changed = apply_each(given, acts_of(given, chosen, torch.tensor([7.0, 0.0, -0.5, 2.0])))
    levels = (given * 255).round()
    assert torch.equal(changed[0], given[0])
    assert torch.equal(changed[1], (255 - levels[1]) / 255)
    assert torch.equal(changed[2], (levels[2] / 2).floor() / 255)
    assert torch.equal(changed[3, :, :, 2:], given[3, :, :, :-2])


@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_worked_on_apart_is_the_same_to_the_bit(channels: int):
    given, chosen, strengths = mixed(channels=channels)
    before = given.clone()
    apart = apply_chosen(given, chosen, strengths)
    assert torch.equal(apart, apply_each(given, acts_of(given, chosen, strengths)))
    assert torch.equal(given, before)
    alone = [apply_chosen(i[None], c[None], s[None]) for i, c, s in zip(*mixed(14), strict=True)]
    torch.testing.assert_close(torch.cat(alone), apply_chosen(*mixed(14)), rtol=0, atol=1e-6)


def test_every_act_is_where_its_place_says():
    space = Strengths(dict.fromkeys(SIGNED, 0.9) | {"rotate": 40.0, "translate_y": 9.0}, 6)
    levels, given = torch.tensor([0.0, 0.3, 1.0]).double(), torch.zeros(20, 16)
    acts = every_act(space, levels, given)
    torch.manual_seed(0)
    chosen, level, negative = (torch.randint(high, (200,)) for high in (len(OPS), 3, 2))
    found = acts[place_of(chosen, level, negative, 3)]
    wanted = acts_of(given, chosen, space.strengths(chosen, levels[level], negative))
    for name in ("places", "fixed", "numbers"):
        assert torch.equal(getattr(found, name), getattr(wanted, name))


def test_several_runs_are_worked_on_at_once_as_each_alone():
    given, chosen, strengths = (each.unflatten(0, (4, 70)) for each in mixed())

    def alone(images: Tensor, chosen: Tensor, strengths: Tensor) -> Tensor:
        return apply_each(images, acts_of(images, chosen, strengths))

    together = torch.func.vmap(alone)(given, chosen, strengths)
    apart = torch.stack([alone(*run) for run in zip(given, chosen, strengths, strict=True)])
    torch.testing.assert_close(together, apart, rtol=0, atol=1e-6)


def test_no_operation_waits_for_what_was_drawn():
    given, chosen, strengths = mixed()
    acts = acts_of(given, chosen, strengths)
    with Dispatched() as seen:
        apply_each(given, acts)
    assert seen.changes > 0
    assert seen.waits == 0


def test_a_gradient_passes_what_is_not_rounded():
    given, chosen, strengths = mixed(14)
    given.requires_grad_()
    apply_each(given, acts_of(given, chosen, strengths)).sum().backward()
    assert given.grad is not None
    passes = given.grad.flatten(1).any(1)
    assert [name for name, passed in zip(OPS, passes.tolist(), strict=True) if not passed] == [
        *("brightness", "contrast", "posterize", "solarize", "autocontrast", "equalize")
    ]


def test_a_pixel_of_an_image_too_small_for_it_is_not_sharpened():
    small = images(1, 2, 6)
    assert torch.equal(sharpness(small, torch.full((4,), 1.9)), small)


def test_refuses_what_is_no_image_in_its_range():
    labels = torch.zeros(2, dtype=torch.long)
    with pytest.raises(ValueError, match=r"^inputs must be images of shape \(B, C, H, W\), got \(2, 5\)$"):
        require_pixels(Split(torch.zeros(2, 5), labels, 2))
    with pytest.raises(ValueError, match=r"^images must have 1 or 3 channels, got 2$"):
        require_pixels(Split(torch.zeros(2, 2, 3, 3), labels, 2), colors=True)
    with pytest.raises(ValueError, match=r"^pixels must lie in \[0, 1\], got -3 to -3$"):
        require_pixels(Split(torch.full((2, 1, 3, 3), -3.0), labels, 2))
    require_pixels(Split(torch.full((2, 2, 3, 3), 16, dtype=torch.uint8), labels, 2, scale=16))

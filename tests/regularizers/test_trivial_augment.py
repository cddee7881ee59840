import math

import pytest
import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as vision

from regbench.regularizers.trivial_augment import TrivialAugment
from regbench.streams import Clock, Stream
from regbench.types import Batch, Split
from tests.images.pillow import by_pillow

BILINEAR = InterpolationMode.BILINEAR
LEVELS = [level / 30 for level in range(31)]


def make(p: float = 1.0, step: int = 0) -> TrivialAugment:
    member = TrivialAugment(p=p)
    member.stream = Stream(0, "trivial_augment", Clock(step=step))
    return member


def augmented(images: Tensor, p: float = 1.0, step: int = 0) -> Tensor:
    return make(p, step).transform_batch(Batch(images, torch.ones(len(images), 1))).inputs


def images(rows: int, side: int = 16) -> Tensor:
    """The same image of bytes in every row, of square side; 256 pixels are just enough to equalize."""
    torch.manual_seed(0)
    ramp = torch.linspace(0.1, 0.6, side).expand(1, 3, side, side)
    image = ((ramp + 0.3 * torch.rand(1, 3, side, side)) * 255).round() / 255
    return image.expand(rows, -1, -1, -1).clone()


def split(inputs: Tensor) -> Split:
    return Split(inputs, torch.zeros(len(inputs), dtype=torch.long), 2)


def moved(
    image: Tensor, angle: float = 0, x: int = 0, y: int = 0, shear: tuple[float, float] = (0, 0)
) -> Tensor:
    slopes = [math.degrees(math.atan(slope)) for slope in shear]
    center = [0, 0] if any(slopes) else None
    return vision.affine(image, -angle, [x, y], 1.0, slopes, interpolation=BILINEAR, center=center)


def by_others(image: Tensor, most_pixels: int) -> dict[str, list[Tensor]]:
    """What torchvision or Pillow makes by each operation at each of its strengths in the wide space."""
    both = [sign * level for level in LEVELS for sign in (1, -1)]
    return {
        "identity": [image],
        "shear_x": [moved(image, shear=(0.99 * s, 0)) for s in both],
        "shear_y": [moved(image, shear=(0, 0.99 * s)) for s in both],
        "translate_x": [moved(image, x=int(most_pixels * s + math.copysign(1e-6, s))) for s in both],
        "translate_y": [moved(image, y=int(most_pixels * s + math.copysign(1e-6, s))) for s in both],
        "rotate": [moved(image, angle=135 * s) for s in both],
        "brightness": [by_pillow("brightness", image, 1 + 0.99 * s) for s in both],
        "saturation": [vision.adjust_saturation(image, 1 + 0.99 * s) for s in both],
        "contrast": [by_pillow("contrast", image, 1 + 0.99 * s) for s in both],
        "sharpness": [vision.adjust_sharpness(image, 1 + 0.99 * s) for s in both],
        "posterize": [by_pillow("posterize", image, bits) for bits in range(2, 9)],
        "solarize": [by_pillow("solarize", image, level) for level in LEVELS],
        "autocontrast": [by_pillow("autocontrast", image)],
        "equalize": [by_pillow("equalize", image)],
    }


def test_every_image_is_one_of_torchvisions_or_pillows_and_each_operation_is_as_likely():
    given = images(150)
    outcomes = by_others(given[0], most_pixels=16)
    every = torch.cat([torch.stack(group) for group in outcomes.values()])
    name_of = [name for name, group in outcomes.items() for _ in group]
    outputs = augmented(given)
    apart, which = torch.cdist(outputs.flatten(1), every.flatten(1), p=torch.inf).min(1)
    assert apart.max() < 2e-3
    changed = (outputs != given).flatten(1).any(1)
    found = [name_of[i] for i in which[changed].tolist()]
    for name in outcomes.keys() - {"identity"}:
        # 150 / 14 = 10.7 of each, those of level 0 left out, with a standard deviation of 3.2
        assert 2 <= found.count(name) <= 22, name


def test_large_images_move_by_at_most_32_pixels_and_small_ones_by_their_side():
    given = torch.zeros(1500, 1, 70, 70)
    given[:, :, :, 35] = 1
    outputs = augmented(given)[:, 0]
    # a bar from top to bottom, and nothing else: shifted to the side, if it is moved at all
    bars = outputs[(outputs == outputs[:, :1]).flatten(1).all(1), 0]
    bars = bars[(bars.sum(1) == 1) & (bars.amax(1) == 1)]
    assert (bars.argmax(1) - 35).abs().max() == 32
    assert not augmented(images(2500, side=4)).flatten(1).any(1).all(), "none was shifted out of sight"


def test_p_is_the_share_of_examples_that_are_augmented_at_all():
    given = images(2000, side=4)
    whole, part = ((augmented(given, p) != given).flatten(1).any(1) for p in (1.0, 0.4))
    # a binomial share of 0.4 among some 1500 has a standard deviation of 0.013
    assert (part.sum() / whole.sum()).item() == pytest.approx(0.4, abs=0.05)
    assert not (part & ~whole).any()


def test_outputs_stay_within_zero_and_one_and_draws_follow_the_step():
    given = images(200)
    one = augmented(given)
    assert one.min() >= 0
    assert one.max() <= 1
    assert torch.equal(one, augmented(given))
    assert not torch.equal(one, augmented(given, step=1))


def test_targets_and_the_given_images_are_untouched():
    given, targets = images(8), torch.eye(8)
    before = given.clone()
    assert make().transform_batch(Batch(given, targets)).targets is targets
    assert torch.equal(given, before)


def test_at_zero_it_returns_the_batch_itself():
    batch = Batch(images(2), torch.eye(2))
    assert make(0.0).transform_batch(batch) is batch
    assert make(0.0).inert() == "off (p=0.0)"


def test_refuses_values_outside_their_range_and_what_is_no_image():
    for p in (-0.1, 1.5):
        with pytest.raises(ValueError, match=rf"^p must lie in \[0, 1\], got {p}$"):
            make(p)
    with pytest.raises(ValueError, match=r"^images must have 1 or 3 channels, got 2$"):
        make().check_data(split(torch.zeros(2, 2, 4, 4)))
    with pytest.raises(ValueError, match="inputs must be images of shape"):
        make().check_data(split(torch.zeros(2, 5)))

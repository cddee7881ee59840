import math

import pytest
import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as vision

from regbench.regularizers.rand_augment import RandAugment
from regbench.streams import Clock, Stream
from regbench.types import Batch, Split
from tests.dispatched import Dispatched
from tests.images.pillow import by_pillow

BILINEAR = InterpolationMode.BILINEAR


def make(step: int = 0, **fields: int) -> RandAugment:
    member = RandAugment(**({"num_ops": 1, "magnitude": 9} | fields))
    member.stream = Stream(0, "rand_augment", Clock(step=step))
    return member


def augmented(images: Tensor, step: int = 0, **fields: int) -> Tensor:
    return make(step, **fields).transform_batch(Batch(images, torch.ones(len(images), 1))).inputs


def images(rows: int, channels: int = 3) -> Tensor:
    """The same image of 20 x 24, made of bytes, in every row; 480 pixels are enough to equalize."""
    torch.manual_seed(0)
    ramp = torch.linspace(0.1, 0.6, 24).expand(1, channels, 20, 24)
    image = ((ramp + 0.3 * torch.rand(1, channels, 20, 24)) * 255).round() / 255
    return image.expand(rows, -1, -1, -1).clone()


def split(inputs: Tensor) -> Split:
    return Split(inputs, torch.zeros(len(inputs), dtype=torch.long), 2)


def moved(
    image: Tensor, angle: float = 0, x: int = 0, y: int = 0, shear: tuple[float, float] = (0, 0)
) -> Tensor:
    slopes = [math.degrees(math.atan(slope)) for slope in shear]
    center = [0, 0] if any(slopes) else None
    return vision.affine(image, -angle, [x, y], 1.0, slopes, interpolation=BILINEAR, center=center)


def at_magnitude_15(image: Tensor) -> list[list[Tensor]]:
    """What torchvision or Pillow makes of an image by each operation, half as strong as it can be, by hand.

    Of 20 x 24 pixels 150 / 331 * 24 / 2 is 5.4 pixels to the side and 150 / 331 * 20 / 2 is 4.5 down; 4 / 2
    bits are dropped.
    """
    return [
        [image],
        [moved(image, shear=(s, 0)) for s in (0.15, -0.15)],
        [moved(image, shear=(0, s)) for s in (0.15, -0.15)],
        [moved(image, x=x) for x in (5, -5)],
        [moved(image, y=y) for y in (4, -4)],
        [moved(image, angle=a) for a in (15, -15)],
        [by_pillow("brightness", image, f) for f in (0.55, 1.45)],
        [vision.adjust_saturation(image, f) for f in (0.55, 1.45)],
        [by_pillow("contrast", image, f) for f in (0.55, 1.45)],
        [vision.adjust_sharpness(image, f) for f in (0.55, 1.45)],
        [by_pillow("posterize", image, 6)],
        [by_pillow("solarize", image, 0.5)],
        [by_pillow("autocontrast", image)],
        [by_pillow("equalize", image)],
    ]


def nearest(output: Tensor, outcomes: Tensor) -> int:
    """Which of the outcomes an image is; -1 where it is none of them."""
    distances = (outcomes - output).abs().flatten(1).mean(1)  # a few pixels may be rounded otherwise
    return int(distances.argmin()) if distances.min() < 1e-4 else -1


def test_every_image_is_one_of_torchvisions_or_pillows_and_each_operation_and_sign_is_as_likely():
    given, rows = images(2000), 2000
    outcomes = at_magnitude_15(given[0])
    every = torch.stack([image for group in outcomes for image in group])
    outputs = augmented(given, magnitude=15)
    counts = torch.zeros(len(every))
    for output in outputs:
        index = nearest(output, every)
        assert index >= 0, "an image that no operation makes"
        counts[index] += 1
    shares = torch.cat([torch.full((len(group),), 1 / 14 / len(group)) for group in outcomes])
    chi_square = ((counts - rows * shares).square() / (rows * shares)).sum().item()
    assert chi_square < 45.3  # of 22 degrees of freedom; exceeded by chance once in four hundred


def test_two_operations_follow_one_another():
    given = images(12)
    first = torch.stack([image for group in at_magnitude_15(given[0]) for image in group])
    pairs = torch.stack([i for one in first for group in at_magnitude_15(one) for i in group])
    found = [nearest(output, pairs) for output in augmented(given, num_ops=2, magnitude=15)]
    assert -1 not in found
    assert any(nearest(output, first) < 0 for output in augmented(given, num_ops=2, magnitude=15))


def test_a_grey_image_has_no_saturation():
    given = images(200, channels=1)
    unchanged = (augmented(given, magnitude=30) == given).flatten(1).all(1).double().mean().item()
    # identity and saturation: 2 of 14, give or take
    assert unchanged == pytest.approx(1 / 7, abs=0.08)


def test_outputs_stay_within_zero_and_one_and_draws_follow_the_step():
    given = images(60)
    one, other = augmented(given, num_ops=4, magnitude=30), augmented(given, 1, num_ops=4, magnitude=30)
    assert one.min() >= 0
    assert one.max() <= 1
    assert torch.equal(one, augmented(given, num_ops=4, magnitude=30))
    assert not torch.equal(one, other)


def test_a_step_has_few_operations_and_none_waits_for_the_device():
    member, batch = make(num_ops=2), Batch(images(8, channels=1), torch.eye(8))
    member.transform_batch(batch)  # what is the same in every step is made in the first
    with Dispatched() as seen:
        member.transform_batch(batch)
    assert seen.waits == 0
    assert 0 < seen.changes < 120


def test_targets_and_the_given_images_are_untouched():
    given, targets = images(8), torch.eye(8)
    before = given.clone()
    assert make().transform_batch(Batch(given, targets)).targets is targets
    assert torch.equal(given, before)


def test_without_operations_it_returns_the_batch_itself():
    batch = Batch(images(2), torch.eye(2))
    assert make(num_ops=0).transform_batch(batch) is batch
    assert make(num_ops=0).inert() == "off (num_ops=0)"


def test_refuses_values_outside_their_ranges_and_what_is_no_image():
    with pytest.raises(ValueError, match=r"^num_ops must be at least 0, got -1$"):
        make(num_ops=-1)
    for magnitude in (-1, 31):
        with pytest.raises(ValueError, match=rf"^magnitude must lie in \[0, 30\], got {magnitude}$"):
            make(magnitude=magnitude)
    with pytest.raises(ValueError, match=r"^images must have 1 or 3 channels, got 2$"):
        make().check_data(split(torch.zeros(2, 2, 4, 4)))
    with pytest.raises(ValueError, match="inputs must be images of shape"):
        make().check_data(split(torch.zeros(2, 5)))

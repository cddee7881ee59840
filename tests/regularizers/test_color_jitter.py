import pytest
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as vision

from regbench.regularizers.color_jitter import ColorJitter
from regbench.streams import Clock, Stream
from regbench.types import Batch, Split

NOTHING = {"brightness": 0.0, "contrast": 0.0, "saturation": 0.0, "hue": 0.0}


def make(step: int = 0, **fields: float) -> ColorJitter:
    member = ColorJitter(**(NOTHING | fields))
    member.stream = Stream(0, "color_jitter", Clock(step=step))
    return member


def jittered(images: Tensor, step: int = 0, **fields: float) -> Tensor:
    return make(step, **fields).transform_batch(Batch(images, torch.ones(len(images), 1))).inputs


def split(inputs: Tensor) -> Split:
    return Split(inputs, torch.zeros(len(inputs), dtype=torch.long), 2)


def factors(rows: int, reach: float, step: int = 0) -> Tensor:
    """The brightness factors of many examples, read from one dark pixel."""
    return jittered(torch.full((rows, 1, 1, 1), 0.1), step, brightness=reach).flatten() / 0.1


def test_brightness_factors_are_uniform_and_each_example_has_its_own():
    drawn = factors(2000, 0.4)
    assert drawn.min() >= 0.6 - 1e-4
    assert drawn.max() <= 1.4 + 1e-4
    assert len(drawn.unique()) > 1900
    # a uniform variable in [0.6, 1.4] has mean 1 and standard deviation 0.8 / sqrt(12) = 0.2309
    assert drawn.mean().item() == pytest.approx(1, abs=0.02)
    assert drawn.std().item() == pytest.approx(0.2309, rel=0.05)


def test_a_factor_is_never_below_zero():
    # from a reach of 2 it is uniform in [0, 3], with mean 3 / 2
    drawn = factors(2000, 2.0)
    assert drawn.min() >= 0
    assert drawn.mean().item() == pytest.approx(1.5, abs=0.08)


@pytest.mark.parametrize(
    ("name", "theirs", "channels"),
    [
        ("brightness", vision.adjust_brightness, 1),
        ("contrast", vision.adjust_contrast, 1),
        ("contrast", vision.adjust_contrast, 3),
        ("saturation", vision.adjust_saturation, 3),
        ("hue", vision.adjust_hue, 3),
    ],
)
def test_every_image_is_torchvisions_at_some_factor_within_the_range(
    name: str, theirs: object, channels: int
):
    torch.manual_seed(0)
    images, reach = torch.rand(3, channels, 2, 2), 0.4
    middle = 0.0 if name == "hue" else 1.0
    range_ = torch.linspace(middle - reach, middle + reach, 101).tolist()  # a step of 0.008
    found = []
    for image, output in zip(images, jittered(images, **{name: reach}), strict=True):
        distances = [(theirs(image, factor) - output).abs().max().item() for factor in range_]
        assert min(distances) < 0.03
        found.append(distances.index(min(distances)))
    assert len(set(found)) == 3


def test_the_order_is_that_of_the_fields():
    # brightness at most doubles 0.8 to white, cut; contrast 0 about the mean then makes all pixels the mean
    image = torch.tensor([0.8, 0.2]).view(1, 1, 1, 2)
    bright = jittered(image, brightness=0.9)
    both = jittered(image, brightness=0.9, contrast=0.5)
    factor = (both[0, 0, 0, 0] - both[0, 0, 0, 1]) / (bright[0, 0, 0, 0] - bright[0, 0, 0, 1])
    torch.testing.assert_close(both[0], vision.adjust_contrast(bright[0], factor.item()))


def test_changing_one_field_leaves_the_draws_of_the_others():
    torch.manual_seed(0)
    images = torch.rand(3, 3, 4, 4) * 0.4 + 0.3
    alone = jittered(images, saturation=0.2)
    grey = (images * torch.tensor([0.2989, 0.587, 0.114])[:, None, None]).sum(1, keepdim=True)
    factor = ((alone - grey) / (images - grey)).flatten(1).median(1).values
    beside = jittered(images, brightness=0.1, saturation=0.2)
    bright = jittered(images, brightness=0.1)
    expected = [vision.adjust_saturation(i, f.item()) for i, f in zip(bright, factor, strict=True)]
    torch.testing.assert_close(beside, torch.stack(expected), rtol=0, atol=1e-3)


def test_targets_and_the_given_images_are_untouched_and_another_step_draws_anew():
    images, targets = torch.rand(4, 3, 6, 6), torch.eye(4)
    before = images.clone()
    shown = make(brightness=0.2, hue=0.1).transform_batch(Batch(images, targets))
    assert shown.targets is targets
    assert torch.equal(images, before)
    assert not torch.equal(shown.inputs, jittered(images, step=1, brightness=0.2, hue=0.1))


def test_with_every_field_at_zero_it_returns_the_batch_itself():
    batch = Batch(torch.rand(2, 1, 4, 4), torch.eye(2))
    assert make().transform_batch(batch) is batch
    assert make().inert() == "off (brightness=0.0, contrast=0.0, saturation=0.0, hue=0.0)"


def test_says_that_grey_images_have_no_color():
    member = make(brightness=0.1, hue=0.1)
    member.check_data(split(torch.zeros(2, 3, 4, 4)))
    assert member.note() == ""
    member.check_data(split(torch.zeros(2, 1, 4, 4)))
    assert member.note() == "the images are grey: saturation and hue do nothing"
    with pytest.raises(ValueError, match=r"^brightness or contrast must be above 0 for grey images, got 0"):
        make(saturation=0.5, hue=0.1).check_data(split(torch.zeros(2, 1, 4, 4)))


def test_refuses_values_outside_their_ranges_and_what_is_no_image():
    for name in ("brightness", "contrast", "saturation"):
        with pytest.raises(ValueError, match=rf"^{name} must be at least 0, got -0\.1$"):
            make(**{name: -0.1})
    with pytest.raises(ValueError, match=r"^hue must lie in \[0, 0\.5\], got 0\.6$"):
        make(hue=0.6)
    with pytest.raises(ValueError, match=r"^images must have 1 or 3 channels, got 2$"):
        make(hue=0.1).check_data(split(torch.zeros(2, 2, 4, 4)))

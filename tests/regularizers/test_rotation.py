import pytest
import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as vision

from regbench.regularizers.rotation import Rotation
from regbench.streams import Clock, Stream
from regbench.types import Batch, Split


def make(degrees: float = 30.0, step: int = 0) -> Rotation:
    member = Rotation(degrees=degrees)
    member.stream = Stream(0, "rotation", Clock(step=step))
    return member


def turned(images: Tensor, degrees: float = 30.0, step: int = 0) -> Tensor:
    return make(degrees, step).transform_batch(Batch(images, torch.ones(len(images), 1))).inputs


def split(inputs: Tensor, mirrors: bool = True) -> Split:
    return Split(inputs, torch.zeros(len(inputs), dtype=torch.long), 2, mirrors=mirrors)


def angles(rows: int, degrees: float, step: int = 0) -> Tensor:
    """What each of many examples was turned by, read from where one bright pixel has gone."""
    images = torch.zeros(rows, 1, 31, 31)
    images[:, :, 15, 25:28] = 1.0
    places = turned(images, degrees, step)[:, 0]
    offset = torch.arange(-15.0, 16.0)
    right = (places * offset).sum((1, 2))
    up = -(places * offset[:, None]).sum((1, 2))
    return torch.atan2(up, right).rad2deg()


def test_every_image_is_torchvisions_at_an_angle_within_the_range():
    torch.manual_seed(0)
    images = torch.rand(6, 3, 9, 7)
    outputs = turned(images, degrees=180.0)
    drawn = angles(6, degrees=180.0)
    for image, output, angle in zip(images, outputs, drawn, strict=True):
        theirs = vision.rotate(image, angle.item(), interpolation=InterpolationMode.BILINEAR)
        torch.testing.assert_close(output, theirs, rtol=0, atol=0.02)  # the angle is read to some hundredths


def test_angles_are_uniform_between_the_two_ends_and_each_example_has_its_own():
    drawn = angles(400, degrees=40.0)
    assert len(drawn.unique()) > 390
    assert drawn.abs().max() < 40.1
    # a uniform variable in [-40, 40] has mean 0 and standard deviation 40 / sqrt(3) = 23.1
    assert drawn.mean().item() == pytest.approx(0, abs=4)
    assert drawn.std().item() == pytest.approx(23.1, rel=0.08)


def test_another_range_scales_the_same_draws_and_another_step_draws_anew():
    wide, narrow = angles(5, degrees=40.0), angles(5, degrees=20.0)
    torch.testing.assert_close(wide, 2 * narrow, rtol=0, atol=0.1)
    assert (angles(5, degrees=40.0, step=1) - wide).abs().max() > 1


def test_targets_and_the_given_images_are_untouched():
    images, targets = torch.rand(4, 1, 6, 6), torch.eye(4)
    before = images.clone()
    shown = make().transform_batch(Batch(images, targets))
    assert shown.targets is targets
    assert torch.equal(images, before)
    assert not torch.equal(shown.inputs, before)


def test_at_zero_degrees_it_returns_the_batch_itself():
    batch = Batch(torch.rand(2, 1, 4, 4), torch.eye(2))
    assert make(0.0).transform_batch(batch) is batch
    assert make(0.0).inert() == "off (degrees=0.0)"


def test_notes_that_digits_change_their_meaning():
    for degrees, mirrors, noted in ((30.0, False, True), (15.0, False, False), (30.0, True, False)):
        member = make(degrees)
        member.check_data(split(torch.zeros(2, 1, 4, 4), mirrors))
        assert member.note().startswith("turns images by up to 30 degrees") == noted
        assert bool(member.note()) == noted


def test_refuses_values_outside_their_range_and_what_is_no_image():
    for degrees in (-1.0, 181.0):
        with pytest.raises(ValueError, match=rf"^degrees must lie in \[0, 180\], got {degrees}$"):
            make(degrees)
    with pytest.raises(ValueError, match="inputs must be images of shape"):
        make().check_data(split(torch.zeros(2, 5)))

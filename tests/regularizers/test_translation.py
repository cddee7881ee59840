import pytest
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as vision

from regbench.regularizers.translation import Translation
from regbench.streams import Clock, Stream
from regbench.types import Batch, Split


def make(fraction: float = 0.25, step: int = 0) -> Translation:
    member = Translation(fraction=fraction)
    member.stream = Stream(0, "translation", Clock(step=step))
    return member


def moved(images: Tensor, fraction: float = 0.25, step: int = 0) -> Tensor:
    return make(fraction, step).transform_batch(Batch(images, torch.ones(len(images), 1))).inputs


def split(inputs: Tensor) -> Split:
    return Split(inputs, torch.zeros(len(inputs), dtype=torch.long), 2)


def shifts(rows: int, fraction: float, step: int = 0) -> Tensor:
    """(rows, 2): by how much a pixel in the middle of 9 x 17 has gone down and to the right."""
    images = torch.zeros(rows, 1, 9, 17)
    images[:, :, 4, 8] = 1.0
    return moved(images, fraction, step).nonzero()[:, 2:] - torch.tensor([4, 8])


def test_every_image_is_torchvisions_at_whole_pixels_within_the_range():
    torch.manual_seed(0)
    images = torch.rand(8, 3, 9, 17)
    outputs = moved(images)
    for image, output, (down, right) in zip(images, outputs, shifts(8, 0.25).tolist(), strict=True):
        theirs = vision.affine(image, angle=0, translate=[right, down], scale=1, shear=[0, 0])
        torch.testing.assert_close(output, theirs)


def test_shifts_are_uniform_over_the_whole_pixels_and_independent():
    # a quarter of 9 x 17 is 2.25 and 4.25: five places down and nine to the right
    drawn = shifts(3000, 0.25)
    for axis, reach in ((0, 2), (1, 4)):
        places, counts = drawn[:, axis].unique(return_counts=True)
        assert places.tolist() == list(range(-reach, reach + 1))
        torch.testing.assert_close(
            counts / 3000, torch.full((2 * reach + 1,), 1 / (2 * reach + 1)), rtol=0.2, atol=0
        )
    assert abs(torch.corrcoef(drawn.T.double())[0, 1]) < 0.06


def test_another_step_draws_anew():
    assert not torch.equal(shifts(20, 0.25), shifts(20, 0.25, step=1))


def test_targets_and_the_given_images_are_untouched():
    images, targets = torch.rand(4, 1, 8, 8), torch.eye(4)
    before = images.clone()
    shown = make().transform_batch(Batch(images, targets))
    assert shown.targets is targets
    assert torch.equal(images, before)
    assert not torch.equal(shown.inputs, before)


def test_at_zero_it_returns_the_batch_itself():
    batch = Batch(torch.rand(2, 1, 4, 4), torch.eye(2))
    assert make(0.0).transform_batch(batch) is batch
    assert make(0.0).inert() == "off (fraction=0.0)"


def test_nearly_the_whole_side_still_shows_a_pixel():
    assert moved(torch.ones(50, 1, 4, 4), 0.99).flatten(1).any(1).all()


def test_refuses_values_outside_their_range_and_what_it_cannot_move():
    for fraction in (-0.1, 1.0):
        with pytest.raises(ValueError, match=rf"^fraction must lie in \[0, 1\), got {fraction}$"):
            make(fraction)
    with pytest.raises(ValueError, match="inputs must be images of shape"):
        make().check_data(split(torch.zeros(2, 5)))
    with pytest.raises(ValueError, match=r"^fraction must be above 0\.125 to move images of 4 px, got 0\.1$"):
        make(0.1).check_data(split(torch.zeros(2, 1, 4, 4)))

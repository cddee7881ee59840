import pytest
import torch
from torchvision.transforms.v2 import functional as vision

from regbench.images import colors

THEIRS = {
    "brightness": (vision.adjust_brightness, (0.0, 0.4, 1.0, 1.9)),
    "contrast": (vision.adjust_contrast, (0.0, 0.4, 1.0, 1.9)),
    "saturation": (vision.adjust_saturation, (0.0, 0.4, 1.0, 1.9)),
    "hue": (vision.adjust_hue, (-0.5, -0.13, 0.0, 0.4)),
}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", THEIRS)
def test_each_example_agrees_with_torchvision_at_its_own_factor(name: str, channels: int):
    theirs, factors = THEIRS[name]
    torch.manual_seed(0)
    given = 0.2 + 0.6 * torch.rand(4, channels, 9, 6)
    given[3] = 0.3
    before = given.clone()
    ours = getattr(colors, name)(given, torch.tensor(factors))
    expected = torch.stack([theirs(i, s) for i, s in zip(given, factors, strict=True)])
    torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-5)
    assert torch.equal(given, before)
    assert ours.data_ptr() != given.data_ptr()


def test_a_third_of_the_color_circle_turns_red_into_green():
    red = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1)
    green = colors.hue(red, torch.tensor([1 / 3]))
    torch.testing.assert_close(green.flatten(), torch.tensor([0.0, 1.0, 0.0]))

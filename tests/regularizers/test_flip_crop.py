import pytest
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as vision

from regbench.regularizers.flip_crop import FlipCrop
from regbench.streams import Clock, Stream
from regbench.types import Batch, Split


def make(step: int = 0, **fields: object) -> FlipCrop:
    member = FlipCrop(**({"p": 1.0, "flip": 0.5, "padding": None, "fill": "zero"} | fields))
    member.stream = Stream(0, "flip_crop", Clock(step=step))
    return member


def augmented(images: Tensor, step: int = 0, **fields: object) -> Tensor:
    return make(step, **fields).transform_batch(Batch(images, torch.ones(len(images), 1))).inputs


def images(rows: int, height: int = 6, width: int = 6) -> Tensor:
    """Images in which every pixel of two channels is unlike any other, and none is zero."""
    return torch.arange(1.0, rows * 2 * height * width + 1).view(rows, 2, height, width)


def windows(image: Tensor, padding: int, fill: str = "zero") -> dict[tuple[int, int, bool], Tensor]:
    """Every window of an image (C, H, W), made by torchvision: by top, left, and whether mirrored."""
    height, width = image.shape[1:]
    mode = "constant" if fill == "zero" else "reflect"
    padded = vision.pad(image, [padding], padding_mode=mode)
    sides = range(2 * padding + 1)
    plain = {(t, s): vision.crop(padded, t, s, height, width) for t in sides for s in sides}
    return {(t, s, False): window for (t, s), window in plain.items()} | {
        (t, s, True): vision.horizontal_flip(window) for (t, s), window in plain.items()
    }


def found(output: Tensor, image: Tensor, padding: int, fill: str = "zero") -> list[tuple[int, int, bool]]:
    """Which windows an output is."""
    return [key for key, window in windows(image, padding, fill).items() if torch.equal(window, output)]


@pytest.mark.parametrize("fill", ["zero", "reflect"])
@pytest.mark.parametrize(("height", "width", "padding"), [(6, 6, 2), (5, 8, 2), (4, 4, 0), (2, 3, 1)])
def test_each_output_is_one_of_torchvisions_windows(height: int, width: int, padding: int, fill: str):
    before = images(24, height, width)
    after = augmented(before, padding=padding, fill=fill)
    assert all(found(o, i, padding, fill) for o, i in zip(after, before, strict=True))


def test_offsets_and_mirrors_are_uniform_and_independent():
    # 50 equally likely cells; chi-square with 49 degrees of freedom exceeds 90 once in 3000 times
    counts = dict.fromkeys(windows(images(1)[0], 2), 0)
    before = images(1).expand(2000, -1, -1, -1)
    table = {tuple(w.flatten().tolist()): key for key, w in windows(before[0], 2).items()}
    for output in augmented(before, padding=2):
        counts[table[tuple(output.flatten().tolist())]] += 1
    assert len(counts) == 50
    assert sum((count - 40) ** 2 / 40 for count in counts.values()) < 90


def test_each_example_has_a_draw_of_its_own():
    same = images(1).expand(64, -1, -1, -1)
    assert len({tuple(output.flatten().tolist()) for output in augmented(same, padding=2)}) > 20


def test_flipping_always_and_padding_nothing_twice_is_the_identity():
    before = images(5)
    once = augmented(before, flip=1.0, padding=0)
    assert torch.equal(once, before.flip(3))
    assert torch.equal(augmented(once, flip=1.0, padding=0), before)


def test_share_p_of_the_examples_is_augmented():
    # with every chosen one mirrored, the changed ones are the chosen: 300 of 1000, give or take 5 deviations
    before = images(1).expand(1000, -1, -1, -1)
    after = augmented(before, p=0.3, flip=1.0, padding=0)
    assert abs((after != before).flatten(1).any(1).sum().item() - 300) < 5 * (1000 * 0.3 * 0.7) ** 0.5


def test_unchosen_examples_are_neither_cropped_nor_mirrored():
    before = images(200)
    plain = augmented(before, p=0.5, padding=2) == before
    assert 67 < plain.flatten(1).all(1).sum() < 137  # half of 200, and one in 50 of the rest


def test_mirroring_is_drawn_apart_from_the_choice():
    # half are chosen and half of those mirrored: 250 of 1000, give or take 5 deviations
    before = images(1).expand(1000, -1, -1, -1)
    after = augmented(before, p=0.5, flip=0.5, padding=0)
    assert abs((after != before).flatten(1).any(1).sum().item() - 250) < 5 * (1000 * 0.25 * 0.75) ** 0.5


def test_crops_are_the_same_whatever_the_flip():
    before = images(30)
    never, always = augmented(before, flip=0.0), augmented(before, flip=1.0)
    assert torch.equal(always, never.flip(3))


@pytest.mark.parametrize(
    ("side", "padding"), [(40, 4), (32, 4), (31, 2), (28, 2), (16, 2), (15, 1), (2, 1), (1, 0)]
)
def test_padding_follows_the_size_of_the_image(side: int, padding: int):
    # on images of ones, the most zero rows that any window shows is the padding
    after = augmented(torch.ones(200, 1, side, side), flip=0.0)
    assert int((after.amax(3) == 0).sum(2).max()) == padding


def test_targets_and_the_given_images_stay_as_they_are():
    batch = Batch(images(4), torch.eye(4))
    after = make().transform_batch(batch)
    assert after.targets is batch.targets
    assert torch.equal(batch.inputs, images(4))


def test_same_step_cuts_the_same_windows_and_another_step_others():
    before = images(16)
    assert torch.equal(augmented(before, step=3), augmented(before, step=3))
    assert not torch.equal(augmented(before, step=3), augmented(before, step=4))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_keeps_the_type_of_the_images(dtype: torch.dtype):
    assert augmented(torch.ones(3, 1, 4, 4, dtype=dtype)).dtype == dtype


def test_p_zero_returns_the_batch_itself():
    batch = Batch(torch.zeros(2, 7), torch.eye(2))
    assert make(p=0.0).transform_batch(batch) is batch


def test_says_where_mirroring_changes_the_meaning():
    digits = Split(torch.zeros(2, 1, 8, 8), torch.tensor([0, 1]), 2, mirrors=False)
    for fields, said in (({}, True), ({"flip": 0.0}, False), ({"p": 0.0}, False)):
        member = make(**fields)
        member.check_data(digits)
        expected = "mirrored images of this dataset change their meaning; set flip=0" if said else ""
        assert member.note() == expected


@pytest.mark.parametrize(("mirrors", "flip", "share"), [(True, None, 0.5), (False, None, 0), (False, 1.0, 1)])
def test_unless_told_it_mirrors_where_a_mirrored_image_keeps_its_label(
    mirrors: bool, flip: float | None, share: float
):
    member = make(flip=flip, padding=0)
    member.check_data(Split(torch.zeros(2, 1, 8, 8), torch.tensor([0, 1]), 2, mirrors=mirrors))
    before = images(400)
    after = member.transform_batch(Batch(before, torch.ones(400, 1))).inputs
    assert all(torch.equal(a, b) or torch.equal(a, b.flip(2)) for a, b in zip(after, before, strict=True))
    mirrored = (after != before).flatten(1).any(1).double().mean().item()
    assert mirrored == pytest.approx(share, abs=5 * 0.5 / 20 * (share == 0.5))
    assert (member.inert() != "") == (share == 0)
    said = "mirrors no image, for a mirrored one of this dataset may have another label"
    assert (member.note() == said) == (share == 0)


def test_says_nothing_of_images_that_may_be_mirrored():
    member = make()
    member.check_data(Split(torch.zeros(2, 1, 8, 8), torch.tensor([0, 1]), 2))
    assert member.note() == ""


def test_is_inert_where_neither_flip_nor_padding_is_left():
    assert make(flip=0.0, padding=0).inert() == "off (flip=0.0, padding=0)"
    assert make(p=0.0).inert() == "off (p=0.0)"
    assert make(flip=0.0).inert() == ""


def test_refuses_what_is_no_image():
    message = r"^inputs must be images of shape \(B, C, H, W\), got \(2, 7\)$"
    with pytest.raises(ValueError, match=message):
        augmented(torch.zeros(2, 7))
    with pytest.raises(ValueError, match=message):
        make().check_data(Split(torch.zeros(2, 7), torch.tensor([0, 1]), 2))


def test_refuses_padding_beyond_half_the_image():
    with pytest.raises(ValueError, match=r"^padding must be at most 3 for images of 6 px, got 4$"):
        augmented(images(2, 6, 9), padding=4)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("p", 1.5, r"^p must lie in \[0, 1\], got 1\.5$"),
        ("flip", -0.1, r"^flip must lie in \[0, 1\], got -0\.1$"),
        ("padding", -1, r"^padding must be at least 0, got -1$"),
    ],
)
def test_refuses_values_outside_their_ranges(field: str, value: float, message: str):
    with pytest.raises(ValueError, match=message):
        make(**{field: value})

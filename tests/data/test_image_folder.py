import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from regbench.data.image_folder import ImageFolder, read_image
from regbench.data.splits import SplitOptions, carve

GREEN = (10, 200, 30)


def paint(file: Path, pixels: object) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels, dtype=np.uint8)).save(file)


def plain(value: int) -> np.ndarray:
    return np.full((2, 2), value)


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    """Ten images of each of two classes, each of one grey value: its row number."""
    for number in range(20):
        paint(tmp_path / "flat" / ("cats", "dogs")[number // 10] / f"{number:02}.png", plain(number))
    return tmp_path / "flat"


@pytest.fixture
def parted(tmp_path: Path) -> Path:
    for part, values in (("train", (1, 2)), ("test", (3, 4))):
        for name, value in zip(("a", "b"), values, strict=True):
            paint(tmp_path / "parted" / part / name / "x.png", plain(value))
    return tmp_path / "parted"


def opened(path: Path, size: int = 2, channels: int = 1) -> ImageFolder:
    return ImageFolder(str(path), size, channels, str(path.parent / "cache"))  # type: ignore[arg-type]


def test_a_stratified_fifth_becomes_the_test_split(flat: Path):
    source = opened(flat)
    source.fetch()
    (inputs, labels), (test_inputs, test_labels) = source.train(), source.test()
    assert (inputs.shape, inputs.dtype, labels.dtype) == ((16, 1, 2, 2), torch.uint8, torch.int64)
    assert sorted(test_labels.tolist()) == [0, 0, 1, 1]
    rows = inputs[:, 0, 0, 0].tolist() + test_inputs[:, 0, 0, 0].tolist()
    assert sorted(rows) == list(range(20))
    assert [row // 10 for row in rows] == labels.tolist() + test_labels.tolist()


def test_train_and_test_folders_are_kept_apart(parted: Path):
    source = opened(parted)
    source.fetch()
    (inputs, labels), (test_inputs, test_labels) = source.train(), source.test()
    assert inputs[:, 0, 0, 0].tolist() == [1, 2]
    assert test_inputs[:, 0, 0, 0].tolist() == [3, 4]
    assert labels.tolist() == test_labels.tolist() == [0, 1]


def test_says_its_shape_and_classes(flat: Path):
    source = opened(flat, size=5, channels=3)
    assert (source.in_shape, source.num_classes) == ((3, 5, 5), 2)


def test_can_be_carved(flat: Path):
    source = opened(flat)
    source.fetch()
    data = carve(source, SplitOptions(0, 1.0, None, 0.0))  # 16 // 6 = 2
    assert [len(s) for s in (data.val, data.select, data.train, data.read_test())] == [2, 2, 12, 4]


def test_the_middle_of_a_wide_and_of_a_high_image_is_cut_out(tmp_path: Path):
    paint(tmp_path / "wide.png", [[1, 2, 3, 4], [5, 6, 7, 8]])
    paint(tmp_path / "high.png", [[1, 2], [3, 4], [5, 6], [7, 8]])
    assert read_image(tmp_path / "wide.png", 2, 1).tolist() == [[[2, 3], [6, 7]]]
    assert read_image(tmp_path / "high.png", 2, 1).tolist() == [[[3, 4], [5, 6]]]


def test_the_shorter_side_is_scaled_to_size(tmp_path: Path):
    from torchvision.transforms import CenterCrop, Resize

    noise = np.random.default_rng(0).integers(0, 256, (8, 16, 3))
    paint(tmp_path / "noise.png", noise)
    truth = CenterCrop(4)(Resize(4)(Image.open(tmp_path / "noise.png")))
    assert np.array_equal(read_image(tmp_path / "noise.png", 4, 3), np.asarray(truth).transpose(2, 0, 1))


def test_colour_and_grey_turn_into_one_another(tmp_path: Path):
    paint(tmp_path / "green.png", [[GREEN] * 2] * 2)
    paint(tmp_path / "grey.png", plain(7))
    assert read_image(tmp_path / "green.png", 2, 3)[:, 0, 0].tolist() == list(GREEN)
    assert read_image(tmp_path / "grey.png", 2, 3)[:, 0, 0].tolist() == [7, 7, 7]
    luma = 0.299 * 10 + 0.587 * 200 + 0.114 * 30  # ITU-R 601, Pillow's grey
    assert read_image(tmp_path / "green.png", 2, 1)[0, 0, 0] == pytest.approx(luma, abs=1)


def test_a_photograph_that_says_it_lies_on_its_side_is_turned(tmp_path: Path):
    exif = Image.Exif()
    exif[0x0112] = 3  # orientation: upside down
    Image.fromarray(np.array([[0, 0], [255, 255]], dtype=np.uint8)).save(tmp_path / "turned.png", exif=exif)
    assert read_image(tmp_path / "turned.png", 2, 1).tolist() == [[[255, 255], [0, 0]]]


def test_images_are_decoded_once(flat: Path):
    source = opened(flat)
    source.fetch()
    (cached,) = (flat.parent / "cache").rglob("*.*")
    assert cached.name == "images.npy"
    before = cached.stat().st_mtime_ns
    source.fetch()
    source.train()
    assert [file.stat().st_mtime_ns for file in (flat.parent / "cache").rglob("*.*")] == [before]


def test_a_changed_image_or_setting_is_seen(flat: Path):
    opened(flat).fetch()
    for file in (flat / "cats").iterdir():
        paint(file, np.full((3, 3), 99))
    inputs, labels = opened(flat).train()
    assert inputs[labels == 0].unique().tolist() == [99]
    assert opened(flat, size=4).train()[0].shape[-1] == 4
    assert opened(flat, channels=3).train()[0].shape[1] == 3


def test_an_image_of_another_time_is_decoded_anew_though_it_is_as_long(tmp_path: Path):
    files = [tmp_path / "own" / name / "1.bmp" for name in ("cats", "dogs")]
    for value, seconds in ((5, 1000), (9, 2000)):
        for file in files:
            paint(file, plain(value))
            os.utime(file, (seconds, seconds))
        assert opened(tmp_path / "own").test()[0].unique().tolist() == [value]


def test_writing_to_a_batch_does_not_reach_the_cache(parted: Path):
    source = opened(parted)
    source.train()[0].fill_(77)
    assert source.train()[0].max() == 2


def test_files_that_are_no_images_and_hidden_folders_are_left_out(flat: Path):
    (flat / "cats" / "notes.txt").touch()
    (flat / "cats" / "._00.png").touch()
    (flat / ".cache").mkdir()
    opened(flat).fetch()
    assert opened(flat).num_classes == 2


def test_refuses_an_unreadable_image_by_name_and_leaves_no_folder(flat: Path):
    (flat / "dogs" / "12.png").write_bytes((flat / "dogs" / "12.png").read_bytes()[:-30])
    with pytest.raises(ValueError, match=r"dogs/12\.png must be an image that can be read, got "):
        opened(flat).fetch()
    assert not (flat.parent / "cache").exists()


def test_refuses_sixteen_bits_which_would_be_clipped(flat: Path):
    Image.fromarray(np.full((2, 2), 5000, dtype=np.uint16)).save(flat / "dogs" / "deep.png")
    with pytest.raises(ValueError, match=r"deep\.png must have at most 8 bits a channel, got the mode I"):
        opened(flat).fetch()


def test_refuses_a_folder_that_is_not_there(tmp_path: Path):
    with pytest.raises(ValueError, match=r"path must be a folder, got .*nowhere"):
        opened(tmp_path / "nowhere").fetch()


def test_refuses_fewer_than_two_classes(tmp_path: Path):
    (tmp_path / "own").mkdir()
    with pytest.raises(ValueError, match="must have at least 2 class folders, got none"):
        opened(tmp_path / "own").fetch()
    paint(tmp_path / "own" / "cats" / "1.png", plain(1))
    with pytest.raises(ValueError, match="must have at least 2 class folders, got cats"):
        opened(tmp_path / "own").fetch()


def test_refuses_a_class_without_images(flat: Path):
    (flat / "eels").mkdir()
    with pytest.raises(ValueError, match=r"every class must have images, got none in .*eels"):
        opened(flat).fetch()


def test_refuses_test_classes_that_train_has_not(parted: Path):
    paint(parted / "test" / "c" / "x.png", plain(1))
    with pytest.raises(ValueError, match="test must have the class folders a, b, got a, b, c"):
        opened(parted).fetch()


def test_refuses_a_size_below_one(tmp_path: Path):
    with pytest.raises(ValueError, match="size must be at least 1, got 0"):
        opened(tmp_path, size=0)

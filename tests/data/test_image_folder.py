import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from regbench.data.image_files.pixels import decode
from regbench.data.image_folder import ImageFolder
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


def opened(path: Path, size: int = 2, channels: int = 1, **more: Any) -> ImageFolder:
    settings = {"on_bad": "refuse", "background": "white", "root": str(path.parent / "cache")}
    return ImageFolder(path=str(path), size=size, channels=channels, **settings | more)  # type: ignore[arg-type]


def pixels(file: Path, size: int, channels: int) -> np.ndarray:
    return decode(file, size, channels).pixels


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
    assert pixels(tmp_path / "wide.png", 2, 1).tolist() == [[[2, 3], [6, 7]]]
    assert pixels(tmp_path / "high.png", 2, 1).tolist() == [[[3, 4], [5, 6]]]


def test_the_shorter_side_is_scaled_to_size(tmp_path: Path):
    from torchvision.transforms import CenterCrop, Resize

    noise = np.random.default_rng(0).integers(0, 256, (8, 16, 3))
    paint(tmp_path / "noise.png", noise)
    truth = CenterCrop(4)(Resize(4)(Image.open(tmp_path / "noise.png")))
    assert np.array_equal(pixels(tmp_path / "noise.png", 4, 3), np.asarray(truth).transpose(2, 0, 1))


def test_colour_and_grey_turn_into_one_another(tmp_path: Path):
    paint(tmp_path / "green.png", [[GREEN] * 2] * 2)
    paint(tmp_path / "grey.png", plain(7))
    assert pixels(tmp_path / "green.png", 2, 3)[:, 0, 0].tolist() == list(GREEN)
    assert pixels(tmp_path / "grey.png", 2, 3)[:, 0, 0].tolist() == [7, 7, 7]
    luma = 0.299 * 10 + 0.587 * 200 + 0.114 * 30  # ITU-R 601, Pillow's grey
    assert pixels(tmp_path / "green.png", 2, 1)[0, 0, 0] == pytest.approx(luma, abs=1)


def test_a_photograph_that_says_it_lies_on_its_side_is_turned(tmp_path: Path):
    exif = Image.Exif()
    exif[0x0112] = 3  # orientation: upside down
    Image.fromarray(np.array([[0, 0], [255, 255]], dtype=np.uint8)).save(tmp_path / "turned.png", exif=exif)
    assert pixels(tmp_path / "turned.png", 2, 1).tolist() == [[[255, 255], [0, 0]]]


def test_images_are_decoded_once(flat: Path):
    source = opened(flat)
    source.fetch()
    cached = sorted((flat.parent / "cache").rglob("*.*"))
    assert [file.name for file in cached] == ["images.npy", "notes.json"]
    before = [file.stat().st_mtime_ns for file in cached]
    again = opened(flat)
    again.fetch()
    again.train()
    assert [file.stat().st_mtime_ns for file in sorted((flat.parent / "cache").rglob("*.*"))] == before


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
    with pytest.raises(ValueError, match=r"got one that is not: .*dogs/12\.png cannot be read: .*trunc"):
        opened(flat).fetch()
    assert not (flat.parent / "cache").exists()


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
    with pytest.raises(ValueError, match=r"test must have the class folders of .*train, but has c, which "):
        opened(parted).fetch()


def test_refuses_a_size_below_one(tmp_path: Path):
    with pytest.raises(ValueError, match="size must be at least 1, got 0"):
        opened(tmp_path, size=0)


def splits(root: Path, *names: str) -> Path:
    """Split folders with 12 images of each of two classes, of one grey value for each split: 10, 20, ..."""
    for number, split in enumerate(names):
        for name in ("cat", "dog"):
            for index in range(12):
                paint(root / split / name / f"{index}.png", plain(10 * (number + 1)))
    return root


def values(split: Any) -> set[int]:
    return set(split.inputs.unique().tolist())


def test_a_persons_val_is_val_and_select_is_cut_from_train(tmp_path: Path):
    source = opened(splits(tmp_path / "own", "train", "val", "test"))
    source.fetch()
    data = carve(source, SplitOptions(0, 1.0, None, 0.0))  # 24 // 6 = 4
    assert [len(s) for s in (data.train, data.select, data.val)] == [20, 4, 24]
    assert [values(s) for s in (data.train, data.select, data.val, data.read_test())] == [
        {10},
        {10},
        {20},
        {30},
    ]
    assert data.note == "2 classes: cat 36, dog 36; images: 24 in train, 24 in val, 24 in test"
    assert data.classes == ("cat", "dog")
    assert all("equal" in warning for warning in data.warnings)  # every image of a class is the same here


def test_without_a_test_folder_there_is_none_to_seal_and_it_is_said(tmp_path: Path):
    source = opened(splits(tmp_path / "own", "Train", "Validation"))
    source.fetch()
    data = carve(source, SplitOptions(0, 1.0, None, 0.0))
    assert data.read_test is None
    assert data.note.endswith("images: 24 in Train, 24 in Validation; no folder test, so that none is sealed")


def test_says_what_was_found(flat: Path):
    (flat / "cats" / "a.heic").touch()
    (flat / "cats" / "b.heic").touch()
    (flat / "dogs" / ".hidden").touch()
    source = opened(flat)
    assert source.found() == (
        "2 classes: cats 10, dogs 10; 20 images, a fifth of them test; passed over 2 .heic, 1 hidden"
    )
    assert source.warnings() == ["dataset: not read, and perhaps meant to be: 2 .heic"]


@pytest.mark.parametrize("names", [(), ("train", "val", "test")])
def test_equal_images_are_named_by_their_files(tmp_path: Path, names: tuple[str, ...]):
    """All images differ, but for two pairs, one of which stands in test."""
    shade = iter(range(1, 250))
    for part in names or ("",):
        for name in ("cat", "dog"):
            for index in range(30):
                paint(tmp_path / part / name / f"{index}.png", plain(next(shade)))
    source = opened(tmp_path)
    assert not any("stand" in said for said in carve(source, SplitOptions(0, 1.0, None, 0.0)).warnings)
    for split, number in (("train", 3), ("test", 2)):
        file = source.origin(split, number)
        assert Image.open(tmp_path / file).getpixel((0, 0)) == int(
            getattr(source, split)()[0][number][0, 0, 0]
        )
    first, second = source.origin("train", 3), source.origin("test", 2)
    (tmp_path / second).write_bytes((tmp_path / first).read_bytes())
    said = [w for w in carve(opened(tmp_path), SplitOptions(0, 1.0, None, 0.0)).warnings if "stand" in w]
    tests = 60 if names else 12
    share = f"{1 / tests:.1%}"
    assert said == [
        f"dataset: 1 of the {tests} test rows ({share}) stand among the rows that train, select and val "
        f"are cut from ({second} is {first})"
    ]


def test_of_many_classes_only_the_first_are_named(tmp_path: Path):
    for number in range(11):
        for index in range(1 + number % 2):
            paint(tmp_path / "own" / f"c{number:02}" / f"{index}.png", plain(1))
    said = opened(tmp_path / "own").found()
    assert said.startswith(
        "11 classes: c00 1, c01 2, c02 1, c03 2, c04 1 and 6 more, 1 to 2 images each; 16 "
    )


def spoil(flat: Path, count: int) -> None:
    for number in range(count):
        (flat / "cats" / f"{number:02}.png").write_text("<html>")
    (flat / "dogs" / "19.png").write_bytes(b"")


def test_all_bad_images_are_counted_and_the_first_are_named(flat: Path):
    spoil(flat, 22)
    with pytest.raises(ValueError, match=r"got 23 that are not: ") as said:
        opened(flat).fetch()
    assert str(said.value).count(".png is no image of a known format") == 20
    assert str(said.value).endswith(
        "19.png is no image of a known format and 3 more; dataset.on_bad=skip leaves them out"
    )
    assert not (flat.parent / "cache").exists()


def test_bad_images_are_skipped_where_a_person_says_so_and_refused_again_where_not(flat: Path):
    spoil(flat, 2)
    source = opened(flat, on_bad="skip")
    source.fetch()
    (inputs, labels), (test_inputs, test_labels) = source.train(), source.test()
    rows = inputs[:, 0, 0, 0].tolist() + test_inputs[:, 0, 0, 0].tolist()
    assert sorted(rows) == list(range(2, 19))
    assert [row // 10 for row in rows] == labels.tolist() + test_labels.tolist()
    assert "cats 8, dogs 9; 17 images, a fifth of them test; 3 bad, left out" in source.found()
    (said,) = source.warnings()
    assert said.startswith("dataset: 3 bad images are left out: ")
    assert said.endswith("19.png is empty")
    with pytest.raises(ValueError, match="got 3 that are not"):
        opened(flat).fetch()


def test_a_skipped_file_of_twenty_gigabytes_is_not_read_for_the_digest(flat: Path):
    before = opened(flat, on_bad="skip").content()
    with (flat / "cats" / "sparse.png").open("wb") as file:
        file.truncate(20 * 10**9)
    assert opened(flat, on_bad="skip").content() == before


def test_a_class_of_bad_images_alone_is_refused_though_they_are_skipped(flat: Path):
    spoil(flat, 10)
    with pytest.raises(ValueError, match=r"^every class must have images, got only bad ones in .*cats$"):
        opened(flat, on_bad="skip").fetch()


def test_what_had_to_be_changed_is_counted(flat: Path):
    for name in ("holes", "more"):
        Image.new("RGBA", (2, 2), (9, 9, 9, 0)).save(flat / "cats" / f"{name}.png")
    Image.fromarray(np.full((2, 2), 40000, dtype=np.uint16)).save(flat / "dogs" / "deep.png")
    said = opened(flat).found()
    assert "2 transparent, laid on the background; 1 with 16-bit greys, scaled to 8 bits" in said
    assert opened(flat).warnings() == []


def test_another_background_is_seen_though_the_images_are_cached(tmp_path: Path):
    for name in ("cats", "dogs"):
        (tmp_path / "own" / name).mkdir(parents=True)
        Image.new("RGBA", (2, 2), (9, 9, 9, 0)).save(tmp_path / "own" / name / "hole.png")
    for background, expected in (("white", 255), ("black", 0), ([7, 7, 7], 7)):
        assert opened(tmp_path / "own", background=background).test()[0].unique().tolist() == [expected]


def test_tells_of_twelve_bits_in_files_of_sixteen(flat: Path):
    Image.fromarray(np.full((2, 2), 4095, dtype=np.uint16)).save(flat / "dogs" / "deep.png")
    (said,) = opened(flat).warnings()
    assert said.startswith("dataset: the brightest of all 16-bit greys is 4095 of 65535, ")


def test_a_home_folder_has_a_digest(flat: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(flat.parent))
    assert opened(Path("~/flat"), root=str(flat.parent / "cache")).content() == opened(flat).content()


def test_refuses_a_background_that_is_no_colour(tmp_path: Path):
    with pytest.raises(ValueError, match="background must be a colour"):
        opened(tmp_path, background="puce")

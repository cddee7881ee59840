import os
from pathlib import Path

import pytest
from PIL import Image

from regbench.data.image_files.layout import Layout, read_layout

SPLIT = ("train/cat", "train/dog")


def make(root: Path, *folders: str, images: int = 1) -> Path:
    for folder in folders:
        (root / folder).mkdir(parents=True, exist_ok=True)
        for number in range(images):
            Image.new("L", (1, 1), number).save(root / folder / f"{number}.png")
    return root


def listed(layout: Layout) -> list[str]:
    where = [(layout.classes[i.label], i.split, str(i.file.relative_to(layout.path))) for i in layout.images]
    return [" ".join(facts) for facts in where]


def refused(path: Path) -> str:
    with pytest.raises(ValueError, match=r"^\S") as said:
        read_layout(str(path))
    return str(said.value).replace(f"{path}", "PATH")


def test_class_folders_alone_are_one_whole(tmp_path: Path):
    layout = read_layout(str(make(tmp_path, "dog", "cat")))
    assert layout.classes == ["cat", "dog"]
    assert listed(layout) == ["cat  cat/0.png", "dog  dog/0.png"]


@pytest.mark.parametrize(
    "names",
    [
        ("train", "val", "test"),
        ("Train", "Val", "Test"),
        ("TRAINING", "VALIDATION", "TESTING"),
        ("training", "valid", "test"),
        ("train", "dev", "testing"),
        ("training_set", "validation_set", "test_set"),
        ("trainset", "val-images", "Test Data"),
    ],
)
def test_splits_are_known_by_their_usual_names_in_any_case(tmp_path: Path, names: tuple[str, str, str]):
    layout = read_layout(str(make(tmp_path, *(f"{name}/{c}" for name in names for c in ("cat", "dog")))))
    assert {split: part.name for split, part in layout.parts.items()} == dict(
        zip(("train", "val", "test"), names, strict=True)
    )
    expected = [(s, c) for s in ("train", "val", "test") for c in ("cat", "dog")]
    assert [(image.split, layout.classes[image.label]) for image in layout.images] == expected


@pytest.mark.parametrize("others", [("val",), ("test",), ()])
def test_val_and_test_may_be_missing(tmp_path: Path, others: tuple[str, ...]):
    make(tmp_path, *SPLIT, *(f"{name}/{c}" for name in others for c in ("cat", "dog")))
    assert list(read_layout(str(tmp_path)).parts) == ["train", *others]


REFUSED = {
    "no train": (
        ("val/cat", "val/dog", "test/cat", "test/dog"),
        "PATH must have a folder train beside test, val",
    ),
    "splits beside classes": (
        ("train", "cat", "dog"),
        "PATH must hold either splits or classes, got train beside cat, dog; "
        "a class that is called like a split needs another name, and a split is called train, val or test",
    ),
    "two vals": ((*SPLIT, "val/cat", "valid/cat"), "PATH must have one folder for val, got val, valid"),
    "two trains": ((*SPLIT, "Train/cat"), "PATH must have one folder for train, got Train, train"),
    "other classes": (
        (*SPLIT, "test/cat", "test/cow"),
        "PATH/test must have the class folders of PATH/train, but lacks dog and has cow, which train has not",
    ),
    "fewer classes": (
        ("train/ant", *SPLIT, "val/cat", "val/dog"),
        "PATH/val must have the class folders of PATH/train, but lacks ant",
    ),
    "one level too high": (
        ("data/train/cat", "data/train/dog"),
        "path must be the folder that holds the splits, got PATH, where data holds train; "
        "set dataset.path=PATH/data",
    ),
    "classes one level too high": (
        ("data/cat", "data/dog"),
        "PATH must have at least 2 class folders, got data, which holds cat, dog; set dataset.path=PATH/data",
    ),
    "classes of a split one level too deep": (
        ("train/images/cat", "train/images/dog"),
        "PATH/train must have at least 2 class folders, got images, which holds cat, dog; "
        "move them up into train",
    ),
    "images in a split": (
        ("train", "test"),
        "PATH/train must have at least 2 class folders, got none, and 1 image in no class folder",
    ),
    "a test split without classes": (
        (*SPLIT, "test"),
        "PATH/test must have at least 2 class folders, got none, and 1 image in no class folder; "
        "to read train alone, of which a fifth is test then, set dataset.path=PATH/train",
    ),
    "a test split of one folder": (
        (*SPLIT, "test/unknown"),
        "PATH/test must have at least 2 class folders, got unknown; "
        "to read train alone, of which a fifth is test then, set dataset.path=PATH/train",
    ),
    "classes two levels too high": (
        ("a/b/cat", "a/b/dog"),
        "PATH must have at least 2 class folders, got a, where a/b holds cat, dog; set dataset.path=PATH/a/b",
    ),
    "splits two levels too high": (
        ("a/b/train/cat", "a/b/train/dog"),
        "PATH must have at least 2 class folders, got a, where a/b holds train; set dataset.path=PATH/a/b",
    ),
    "a name that a shell takes apart": (
        ("my photos, 1/cat", "my photos, 1/dog"),
        "PATH must have at least 2 class folders, got my photos, 1, which holds cat, dog; "
        "set 'dataset.path=\"PATH/my photos, 1\"'",
    ),
    "splits under names of their own": (
        ("seg_train/cat", "seg_train/dog", "seg_eval/cat", "seg_eval/dog"),
        "PATH must hold classes, or splits that are called train, val and test, got seg_eval, seg_train; "
        "rename them",
    ),
    "splits inside classes": (
        ("cat/train", "cat/test", "dog/train"),
        "PATH must hold the splits, and each of them the classes, got test, train inside the class cat; "
        "make it test/cat",
    ),
    "one class": (("cat",), "PATH must have at least 2 class folders, got cat"),
    "one class in a split": (("train/cat",), "PATH/train must have at least 2 class folders, got cat"),
}


def test_classes_may_be_called_after_a_train_or_a_test(tmp_path: Path):
    layout = read_layout(str(make(tmp_path, "test_tube", "train_station")))
    assert layout.classes == ["test_tube", "train_station"]


@pytest.mark.parametrize("case", REFUSED)
def test_refuses_in_a_sentence(tmp_path: Path, case: str):
    folders, said = REFUSED[case]
    assert refused(make(tmp_path, *folders)) == said


def test_a_class_itself_is_no_folder_of_classes(tmp_path: Path):
    make(tmp_path, "cat", "dog")
    said = refused(tmp_path / "cat")
    assert said.endswith(f"1 image in no class folder; if it is a class itself, set dataset.path={tmp_path}")


def test_refuses_a_class_without_images_in_one_of_the_splits(tmp_path: Path):
    make(make(tmp_path, *SPLIT, "val/cat"), "val/dog", images=0)
    assert refused(tmp_path) == "every class must have images, got none in PATH/val/dog"
    (tmp_path / "val" / "dog" / "a.heic").touch()
    assert refused(tmp_path).endswith("got none in PATH/val/dog, and passed over 1 .heic")


def test_refuses_what_is_no_folder_and_says_to_unpack_archives(tmp_path: Path):
    (tmp_path / "photos.zip").touch()
    assert refused(tmp_path / "photos.zip") == "path must be a folder, got PATH; unpack it"
    assert refused(tmp_path).endswith("got none, and photos.zip; unpack it")
    for blank in ("", "  "):
        with pytest.raises(ValueError, match=f"^path must be a folder, got '{blank}'$"):
            read_layout(blank)


def test_images_are_told_by_suffix_in_any_case_and_else_by_their_bytes(tmp_path: Path):
    make(tmp_path, "cat", "dog")
    whole = (tmp_path / "cat" / "0.png").read_bytes()
    for name in ("a.JPG", "b.jfif", "c.Tiff", "noext"):
        (tmp_path / "cat" / name).write_bytes(whole)
    layout = read_layout(str(tmp_path))
    assert [i.file.name for i in layout.images[:-1]] == ["0.png", "a.JPG", "b.jfif", "c.Tiff", "noext"]
    assert not layout.passed_over


def test_what_is_passed_over_is_counted_by_its_reason(tmp_path: Path):
    make(tmp_path, "cat", "dog", ".git", "__MACOSX/cat")
    cat = tmp_path / "cat"
    for name in ("a.heic", "b.HEIC", "c.zip", ".d.png", "Thumbs.db", "README"):
        (cat / name).write_text("x")
    for folder in ("lost.png", "loop", "up"):
        (cat / folder).symlink_to({"lost.png": "nowhere", "loop": "loop", "up": ".."}[folder])
    (tmp_path / "stray.png").write_bytes((cat / "0.png").read_bytes())
    (tmp_path / "labels.csv").touch()
    os.mkfifo(cat / "pipe.png")
    layout = read_layout(str(tmp_path))
    assert len(layout.images) == 2
    assert layout.passed_over == {
        ".heic": 2,
        ".zip": 1,
        ".csv": 1,
        "hidden": 4,
        "without suffix and no image": 1,
        "broken link": 2,
        "link to a folder above it": 1,
        "image in no class folder": 1,
        "no plain file": 1,
    }


def test_folders_without_images_beside_the_splits_are_passed_over(tmp_path: Path):
    make(make(tmp_path, *SPLIT), "notes", images=0)
    (tmp_path / "notes" / "a.xml").touch()
    layout = read_layout(str(tmp_path))
    assert (list(layout.parts), layout.passed_over) == (["train"], {"folder that is no split": 1})


def test_linked_folders_are_followed_but_not_in_circles(tmp_path: Path):
    make(tmp_path / "far", "one")
    make(tmp_path / "own", "cat", "dog")
    (tmp_path / "own" / "cat" / "more").symlink_to(tmp_path / "far" / "one")
    (tmp_path / "far" / "one" / "back").symlink_to(tmp_path / "own" / "cat")
    layout = read_layout(str(tmp_path / "own"))
    assert listed(layout) == ["cat  cat/0.png", "cat  cat/more/0.png", "dog  dog/0.png"]
    assert layout.passed_over == {"link to a folder above it": 1}


def test_a_file_linked_twice_is_read_once_in_a_class_and_told_of_in_two(tmp_path: Path):
    make(tmp_path, "cat", "dog")
    (tmp_path / "cat" / "same.png").symlink_to("0.png")
    (tmp_path / "dog" / "other.png").hardlink_to(tmp_path / "cat" / "0.png")
    layout = read_layout(str(tmp_path))
    assert listed(layout) == ["cat  cat/0.png", "dog  dog/0.png", "dog  dog/other.png"]
    assert layout.passed_over == {"second link to a file": 1}
    assert layout.odd == ["one file stands in two classes or splits: cat/0.png is dog/other.png"]


def test_tells_of_what_is_seldom_meant(tmp_path: Path):
    make(tmp_path / "a", *SPLIT, "test/cat", "test/dog")
    (said,) = read_layout(str(tmp_path / "a" / "train")).odd
    assert said.startswith("test beside ")
    assert said.endswith(f"is not read; dataset.path={tmp_path / 'a'} reads all")
    make(tmp_path / "b", *SPLIT, "test")
    (said,) = read_layout(str(tmp_path / "b" / "train")).odd
    assert said == f"test beside {tmp_path / 'b' / 'train'} is not read"  # all of it would be refused
    (said,) = read_layout(str(make(tmp_path / "c", "2019/cat", "2019/dog", "2020/cat", "2020/dog"))).odd
    assert said == "every class has images only in its folders cat, dog; the classes are 2019, 2020"
    assert read_layout(str(tmp_path / "a")).odd == []


def test_composed_and_decomposed_letters_are_the_same_class(tmp_path: Path):
    layout = read_layout(str(make(tmp_path, "train/caf\u00e9", "train/tee", "test/cafe\u0301", "test/tee")))
    assert layout.classes == ["caf\u00e9", "tee"]
    assert [image.label for image in layout.images] == [0, 1, 0, 1]


def test_a_home_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(make(tmp_path, "photos/cat", "photos/dog")))
    assert len(read_layout("~/photos").images) == 2

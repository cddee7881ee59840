"""What is published of the image sets that torchvision downloads: files, checksums, classes.

torchvision knows these too; but its import takes as long as torch's own, and what is read needs none of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

DIGITS = tuple(map(str, range(10)))
IDX_SHAPES = {  # of the files of the MNIST family
    "train-images-idx3-ubyte": (60000, 28, 28),
    "train-labels-idx1-ubyte": (60000,),
    "t10k-images-idx3-ubyte": (10000, 28, 28),
    "t10k-labels-idx1-ubyte": (10000,),
}


@dataclass(frozen=True)
class IdxSet:
    """A set of the MNIST family.

    Attributes:
        classes: their names.
        archives: md5 of the .gz files, in the order of `IDX_SHAPES`.
        unpacked: sha256 of what is in them, taken from archives with those md5: torchvision knows the
            archives alone, but what is read are these. Empty where that was not done.
    """

    classes: tuple[str, ...]
    archives: tuple[str, ...]
    unpacked: tuple[str, ...] = ()


@dataclass(frozen=True)
class Batches:
    """A set in pickled batches.

    Attributes:
        folder: that the archive makes.
        archive: its name and md5.
        train: the files and their md5.
        test: the same.
        about: the file with the names of the classes, and its md5.
        names: under which they stand there.
        labels: under which the labels stand in a batch.
    """

    folder: str
    archive: tuple[str, str]
    train: Mapping[str, str]
    test: Mapping[str, str]
    about: tuple[str, str]
    names: str
    labels: str
    digests: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "digests", {**self.train, **self.test, self.about[0]: self.about[1]})


IDX_SETS = {
    "MNIST": IdxSet(
        DIGITS,
        (
            "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "d53e105ee54ea40749a09fcbcd1e9432",
            "9fb629c4189551a2d022fa330f9573f3",
            "ec29112dd5afa0611ce80d1b7f02629c",
        ),
        (
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    ),
    "FashionMNIST": IdxSet(
        (
            *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
            *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        ),
        (
            "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "25c81989df183df01b3e8a0aad5dffbe",
            "bef4ecab320f06d8554ea6380940ec79",
            "bb300cfdad3c16e7a12a480ee83cd310",
        ),
        (
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
    ),
    "KMNIST": IdxSet(
        ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
        (
            "bdb82020997e1d708af4cf47b453dcf7",
            "e144d726b3acfaa3e44228e80efcd344",
            "5c965bf0a639b31b8f53240b1b52f4d7",
            "7320c461ea6c1c855c0b718fb2a4b134",
        ),
    ),
}
BATCHES = {
    "CIFAR10": Batches(
        "cifar-10-batches-py",
        ("cifar-10-python.tar.gz", "c58f30108f718f92721af3b95e74349a"),
        {
            "data_batch_1": "c99cafc152244af753f735de768cd75f",
            "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
            "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
            "data_batch_4": "634d18415352ddfa80567beed471001a",
            "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
        },
        {"test_batch": "40351d587109b95175f43aff81a1287e"},
        ("batches.meta", "5ff9c542aee3614f3951f8cda6e48888"),
        names="label_names",
        labels="labels",
    ),
    "CIFAR100": Batches(
        "cifar-100-python",
        ("cifar-100-python.tar.gz", "eb9058c3a382ffc7106e4002c42a8d85"),
        {"train": "16019d7e3df5f24257cddd939b257f8d"},
        {"test": "f0ef6b0ae62326f3e7ffdfab6717acfc"},
        ("meta", "7973b15100ade9c7d40fb424638fde48"),
        names="fine_label_names",
        labels="fine_labels",
    ),
}
SVHN_FILES = {  # of each part, with its md5
    "train": ("train_32x32.mat", "e26dedcc434d2e4c54c9b2d4a06d8373"),
    "test": ("test_32x32.mat", "eb5a983be6a315427106f1b164d9cef3"),
}

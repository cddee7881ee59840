import gzip
import hashlib
import os
import pickle
import shutil
import socket
import struct
import tarfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from regbench.data.checksums import require_digest
from regbench.data.downloads import obtain
from regbench.data.published_sets import BATCHES, IDX_SETS, IDX_SHAPES, SVHN_FILES
from regbench.data.source import Source
from regbench.data.splits import SplitOptions, carve
from regbench.data.torchvision_sets import CIFAR, SVHN, MNISTFamily, require_idx
from regbench.storage.folders import undone_on_failure
from regbench.types import Dataset


def stored(folder: str) -> Path:
    """Where the real files are; the test is skipped where there are none."""
    root = os.environ.get("REGBENCH_DATA")
    if not root:
        pytest.skip("REGBENCH_DATA is not set: it names the folder of the real datasets")
    if not (Path(root) / folder).is_dir():
        pytest.skip(f"the folder of real datasets has no {folder}")
    return Path(root)


def linked(source: Path, target: Path, copied: str) -> Path:
    """The target folder with links to all files of the source, and a copy of the one file."""
    target.mkdir(parents=True)
    for file in source.iterdir():
        if file.name != copied:
            (target / file.name).symlink_to(file)
    return Path(shutil.copy(source / copied, target / copied))


def flip_last_bit(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


@pytest.fixture(scope="module")
def fashion() -> Dataset:
    """Half a second: 47 MB are read and checked, once for all tests."""
    source = MNISTFamily("FashionMNIST", str(stored("FashionMNIST")))
    source.fetch()
    return carve(source, SplitOptions(0, 1.0, None, 0.0))


def test_fashion_is_cut_into_5000_and_5000_and_50000_rows(fashion: Dataset):
    assert [len(s) for s in (fashion.val, fashion.select, fashion.train)] == [5000, 5000, 50_000]
    assert fashion.train.inputs.shape == (50_000, 1, 28, 28)
    assert fashion.train.inputs.dtype == torch.uint8


def test_every_fashion_split_is_balanced(fashion: Dataset):
    for split, rows in ((fashion.val, 500), (fashion.select, 500), (fashion.train, 5000)):
        assert torch.bincount(split.labels).tolist() == [rows] * 10


def test_fashion_pixels_are_those_that_torchvision_shows(fashion: Dataset):
    from torchvision.datasets import FashionMNIST

    truth = FashionMNIST(stored("FashionMNIST"), train=False)
    found = fashion.read_test()
    assert len(found) == 10_000
    assert torch.equal(found.inputs[:, 0], truth.data)
    assert torch.equal(found.labels, truth.targets)


def test_cifar_pixels_are_those_that_torchvision_shows():
    from torchvision.datasets import CIFAR10

    root = stored("cifar-10-batches-py")  # seconds: torchvision reads all of its 180 MB to check them
    inputs, labels = CIFAR("CIFAR10", str(root)).test()
    truth = CIFAR10(root, train=False)
    assert (inputs.shape, inputs.dtype) == ((10_000, 3, 32, 32), torch.uint8)
    assert inputs.is_contiguous()
    assert torch.equal(inputs[7].permute(1, 2, 0), torch.from_numpy(truth.data[7]))
    assert labels.dtype == torch.int64
    assert labels.tolist() == truth.targets


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize(
    ("name", "copied", "found"),
    [
        ("FashionMNIST", "t10k-labels-idx1-ubyte", "sha256 0402a96d"),
        ("MNIST", "t10k-labels-idx1-ubyte", "sha256 ff7bcfd4"),
        ("FashionMNIST", "t10k-labels-idx1-ubyte.gz", "md5 bb300cfd"),
    ],
)
def test_one_wrong_bit_is_found_and_its_file_named(tmp_path: Path, name: str, copied: str, found: str):
    raw = tmp_path / name / "raw"
    file = linked(stored(name) / name / "raw", raw, copied)
    MNISTFamily(name, str(tmp_path)).fetch()  # whole as yet
    flip_last_bit(file)
    if not copied.endswith(".gz"):
        (raw / f"{copied}.gz").unlink()  # of which it would be unpacked again
    with pytest.raises(ValueError, match=rf"{copied} must have the {found}\w*, got \w+(; another .*|)$"):
        MNISTFamily(name, str(tmp_path)).fetch()


def test_a_damaged_file_is_unpacked_again_where_its_archive_lies_beside_it(tmp_path: Path):
    file = linked(stored("MNIST") / "MNIST" / "raw", tmp_path / "MNIST" / "raw", "t10k-labels-idx1-ubyte")
    whole = file.read_bytes()
    flip_last_bit(file)
    MNISTFamily("MNIST", str(tmp_path)).fetch()
    assert file.read_bytes() == whole


@pytest.mark.usefixtures("offline")
def test_one_wrong_bit_of_cifar_is_found_and_its_file_named(tmp_path: Path):
    folder = "cifar-10-batches-py"
    file = linked(stored(folder) / folder, tmp_path / folder, "test_batch")
    flip_last_bit(file)
    with pytest.raises(
        ValueError, match=r"test_batch must have the md5 40351d58\w+, got \w+; another download"
    ):
        CIFAR("CIFAR10", str(tmp_path)).fetch()


def test_archives_alone_are_unpacked(tmp_path: Path):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in IDX_SHAPES:
        (raw / f"{name}.gz").symlink_to(stored("MNIST") / "MNIST" / "raw" / f"{name}.gz")
    MNISTFamily("MNIST", str(tmp_path)).fetch()
    assert len(MNISTFamily("MNIST", str(tmp_path)).test()[1]) == 10_000


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every server is out of reach, on machines with a network too: the nearest proxy is a closed port."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{taken.getsockname()[1]}"
    for variable in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(variable, closed)
        monkeypatch.delenv(variable.upper(), raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)


MISSING: list[tuple[Callable[[str], Source], str]] = [
    (lambda root: MNISTFamily("MNIST", root), "MNIST/raw must hold train-images-idx3-ubyte, .* four .gz"),
    (
        lambda root: MNISTFamily("FashionMNIST", root),
        "FashionMNIST/raw must hold train-images-idx3-ubyte, .*",
    ),
    (lambda root: MNISTFamily("KMNIST", root), "KMNIST/raw must hold train-images-idx3-ubyte, .*"),
    (lambda root: CIFAR("CIFAR10", root), "must hold data_batch_1, .* put cifar-10-python.tar.gz into"),
    (
        lambda root: CIFAR("CIFAR100", root),
        "must hold train, test, meta, .* put cifar-100-python.tar.gz into",
    ),
    (lambda root: SVHN(root), "must hold train_32x32.mat, test_32x32.mat, .* put both files into"),
]


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize(("make", "message"), MISSING)
def test_what_cannot_be_downloaded_is_named_at_once_and_leaves_no_folder(
    tmp_path: Path, make: Callable[[str], Source], message: str
):
    started = time.perf_counter()
    with pytest.raises(ValueError, match=message) as caught:
        make(str(tmp_path / "new" / "root")).fetch()
    assert "\n" not in str(caught.value)
    assert "refused" in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    assert time.perf_counter() - started < 20


@pytest.mark.usefixtures("offline")
def test_a_folder_that_was_there_stays_with_what_it_holds(tmp_path: Path):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    (raw / "train-labels-idx1-ubyte").write_text("mine")
    with pytest.raises(
        ValueError, match=r"must hold train-images-idx3-ubyte, t10k-images-idx3-ubyte, t10k-lab"
    ):
        MNISTFamily("MNIST", str(tmp_path)).fetch()
    assert (raw / "train-labels-idx1-ubyte").read_text() == "mine"


def test_nothing_is_downloaded_where_all_files_are_there(tmp_path: Path):
    (tmp_path / "a").touch()
    calls: list[int] = []
    obtain(tmp_path, {"a": Path.stat}, "", lambda aside, names: calls.append(1))
    assert calls == []
    obtain(tmp_path, {"a": Path.stat, "b": Path.stat}, "", lambda aside, names: (aside / "b").touch())
    assert (tmp_path / "b").is_file()


def test_a_download_that_brings_other_files_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="must hold b, got a failed download"):
        obtain(tmp_path / "c", {"b": Path.stat}, "", lambda aside, names: None)


def test_the_sets_time_limit_ends_with_the_download(tmp_path: Path):
    seen: list[float | None] = []

    def download(aside: Path, _: object) -> None:
        seen.append(socket.getdefaulttimeout())
        (aside / "a").touch()

    obtain(tmp_path, {"a": Path.stat}, "", download)
    assert seen == [30.0]
    assert socket.getdefaulttimeout() is None


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An archive of a CIFAR-10 with one image a file, which torchvision takes for the real one."""
    from torchvision.datasets import CIFAR10, utils

    folder, archive = tmp_path / "server" / CIFAR10.base_folder, tmp_path / "server" / CIFAR10.filename
    folder.mkdir(parents=True)
    names = [name for name, _ in [*CIFAR10.train_list, *CIFAR10.test_list]]
    for number, name in enumerate(names):
        batch = {"data": np.full((1, 3072), number, dtype=np.uint8), "labels": [number]}
        (folder / name).write_bytes(pickle.dumps(batch))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": [str(n) for n in range(10)]}))
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(folder, CIFAR10.base_folder)

    def md5(file: Path) -> str:
        return hashlib.md5(file.read_bytes()).hexdigest()

    monkeypatch.setattr(utils, "_get_redirect_url", lambda url, max_hops: url)
    monkeypatch.setattr(utils, "_urlretrieve", lambda url, file: shutil.copyfile(archive, file))
    monkeypatch.setattr(CIFAR10, "tgz_md5", md5(archive))
    monkeypatch.setattr(CIFAR10, "train_list", [[name, md5(folder / name)] for name in names[:5]])
    monkeypatch.setattr(CIFAR10, "test_list", [[name, md5(folder / name)] for name in names[5:]])
    monkeypatch.setattr(CIFAR10, "meta", CIFAR10.meta | {"md5": md5(folder / "batches.meta")})
    known = replace(
        BATCHES["CIFAR10"],
        archive=(CIFAR10.filename, md5(archive)),
        train=dict(CIFAR10.train_list),
        test=dict(CIFAR10.test_list),
        about=("batches.meta", CIFAR10.meta["md5"]),
    )
    monkeypatch.setitem(BATCHES, "CIFAR10", known)
    return archive


def listed(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


def test_a_set_is_downloaded_whole_and_only_what_is_read_stays(served: Path, tmp_path: Path):
    source = CIFAR("CIFAR10", str(tmp_path / "root"))
    source.fetch()
    assert source.test()[1].tolist() == [5]
    batches = [f"data_batch_{n}" for n in range(1, 6)]
    expected = sorted(["cifar-10-batches-py", "batches.meta", *batches, "test_batch"])
    assert listed(tmp_path / "root") == expected


@pytest.mark.parametrize("rest", ["half", "page", "folder"])
def test_what_a_killed_download_has_left_is_replaced(served: Path, tmp_path: Path, rest: str):
    source, file = CIFAR("CIFAR10", str(tmp_path)), tmp_path / "cifar-10-batches-py" / "data_batch_3"
    source.fetch()
    whole = file.read_bytes()
    file.write_bytes({"half": whole[:99], "page": b"<html>login</html>", "folder": b""}[rest])
    (tmp_path / served.name).write_bytes(served.read_bytes()[:50])  # an archive half unpacked beside it
    if rest == "folder":
        old = tmp_path / "cifar-10-batches-py" / "unfinished-x"
        old.mkdir()
        os.utime(old, (0, 0))
    source.fetch()
    assert file.read_bytes() == whole
    assert not [name for name in listed(tmp_path) if name.startswith("unfinished")]


@pytest.mark.parametrize("sent", ["half", "page", "empty"])
def test_what_a_server_sends_is_not_taken_for_the_set(served: Path, tmp_path: Path, sent: str):
    whole = served.read_bytes()
    served.write_bytes({"half": whole[:99], "page": b"<html>login</html>", "empty": b""}[sent])
    source = CIFAR("CIFAR10", str(tmp_path / "new" / "root"))
    for _ in range(2):
        with pytest.raises(
            ValueError, match=r"must hold data_batch_1, .* got a failed download \(.*corrupted"
        ):
            source.fetch()
        assert not (tmp_path / "new").exists()
    served.write_bytes(whole)
    source.fetch()


def test_a_full_disk_leaves_nothing_behind(served: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(Path, "replace", full)
        with pytest.raises(ValueError, match=r"failed download \(\[Errno 28\] No space left on device\)"):
            CIFAR("CIFAR10", str(tmp_path / "new")).fetch()
    assert not (tmp_path / "new").exists()
    CIFAR("CIFAR10", str(tmp_path / "new")).fetch()


def test_a_download_that_fails_takes_nothing_away_from_another_process(tmp_path: Path):
    def download(aside: Path, _: object) -> None:
        (tmp_path / "new" / "other").write_text("another process's")
        raise OSError("broke off")

    with pytest.raises(ValueError, match="broke off"):
        obtain(tmp_path / "new", {"a": Path.stat}, "", download)
    assert listed(tmp_path / "new") == ["other"]


def test_only_new_folders_are_removed_and_only_on_failure(tmp_path: Path):
    deep = tmp_path / "x" / "y"
    with undone_on_failure(deep):
        deep.mkdir(parents=True)
    assert deep.is_dir()
    with pytest.raises(FileExistsError), undone_on_failure(deep / "z" / "w"):
        [(deep / "z" / "w").mkdir(parents=True) for _ in range(2)]
    assert deep.is_dir()
    assert list(deep.iterdir()) == []


def test_a_digest_is_the_published_one_of_its_algorithm(tmp_path: Path):
    file = tmp_path / "abc"
    file.write_text("abc")  # RFC 1321 and FIPS 180-4 give the digests of these three letters
    require_digest(file, "md5", "900150983cd24fb0d6963f7d28e17f72")
    require_digest(file, "sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    with pytest.raises(ValueError, match="abc must have the md5 0000, got 900150983cd24fb0d6963f7d28e17f72"):
        require_digest(file, "md5", "0000")


def test_an_idx_file_needs_its_header_its_length_and_its_archives_content(tmp_path: Path):
    file, content = tmp_path / "t10k", struct.pack(">III", 0x802, 2, 3) + b"abcdef"
    file.write_bytes(content)
    require_idx(file, (2, 3))
    with pytest.raises(ValueError, match=r"t10k must begin with the bytes 0+8020+30+2, got 0+8020+20+3"):
        require_idx(file, (3, 2))
    file.write_bytes(content + b"g")
    with pytest.raises(ValueError, match="t10k must hold 18 bytes, got 19"):
        require_idx(file, (2, 3))
    (tmp_path / "t10k.gz").write_bytes(gzip.compress(content))
    file.write_bytes(content)
    require_idx(file, (2, 3))
    file.write_bytes(content[:-1] + b"g")
    with pytest.raises(ValueError, match=r"t10k must have the crc32 \w{8}, got \w{8}"):
        require_idx(file, (2, 3))


def test_digits_and_letters_do_not_keep_their_label_in_a_mirror():
    mirrored = {
        "MNIST": MNISTFamily("MNIST", "").mirrors,
        "FashionMNIST": MNISTFamily("FashionMNIST", "").mirrors,
        "KMNIST": MNISTFamily("KMNIST", "").mirrors,
        "CIFAR10": CIFAR("CIFAR10", "").mirrors,
        "SVHN": SVHN("").mirrors,
    }
    assert [name for name, mirrors in mirrored.items() if mirrors] == ["FashionMNIST", "CIFAR10"]


def test_classes_are_counted():
    assert [CIFAR(name, "").num_classes for name in ("CIFAR10", "CIFAR100")] == [10, 100]


def test_files_and_checksums_and_classes_are_those_that_torchvision_knows():
    from torchvision import datasets

    for name, known in IDX_SETS.items():
        theirs = getattr(datasets, name)
        archives = [(f"{file}.gz", md5) for file, md5 in zip(IDX_SHAPES, known.archives, strict=True)]
        assert archives == theirs.resources
        assert name == "MNIST" or list(known.classes) == theirs.classes
    for name, known in BATCHES.items():
        theirs = getattr(datasets, name)
        assert (known.folder, *known.archive) == (theirs.base_folder, theirs.filename, theirs.tgz_md5)
        assert (known.train, known.test) == (dict(theirs.train_list), dict(theirs.test_list))
        about = {"filename": known.about[0], "key": known.names, "md5": known.about[1]}
        assert about == theirs.meta
    for part, (file, md5) in SVHN_FILES.items():
        assert datasets.SVHN.split_list[part][1:] == [file, md5]


def test_svhn_is_read_as_images_with_zero_for_the_digit_zero(tmp_path: Path):
    from scipy.io import savemat

    pixels = np.arange(32 * 32 * 3 * 2, dtype=np.uint32).astype(np.uint8).reshape(32, 32, 3, 2)
    savemat(tmp_path / "test_32x32.mat", {"X": pixels, "y": np.array([[10], [7]])})
    inputs, labels = SVHN(str(tmp_path)).test()
    assert labels.tolist() == [0, 7]
    assert inputs.is_contiguous()
    assert inputs[1, 2, 5, 9] == pixels[5, 9, 2, 1]

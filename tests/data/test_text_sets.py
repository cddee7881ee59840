import hashlib
import os
import shutil
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from regbench.data import text_sets
from regbench.data.splits import SplitOptions, carve
from regbench.data.text_sets import SST2, TREC
from regbench.types import Dataset

QUESTIONS = b"DESC:manner What 's a Caf\xe9 ?\nNUM:dist How far ?\nABBR:exp `` NASA ''\n"
PHRASES = 'sentence\tlabel\nA good\x85"film \t1\nbad , so bad\u2028 \t0\n'


def stored(folder: str) -> Path:
    """Where the real files are; the test is skipped where there are none."""
    root = os.environ.get("REGBENCH_DATA")
    if not root:
        pytest.skip("REGBENCH_DATA is not set: it names the folder of the real datasets")
    if not (Path(root) / folder).is_dir():
        pytest.skip(f"the folder of real datasets has no {folder}")
    return Path(root)


def fetched(source: TREC | SST2) -> Dataset:
    source.fetch()
    return carve(source, SplitOptions(0, 1.0, None, 0.0))


# --- reading, on files made here


def test_trec_lines_are_a_label_and_words_in_latin_1(tmp_path: Path):
    (tmp_path / "trec").mkdir()
    (tmp_path / "trec" / "TREC_10.label").write_bytes(QUESTIONS)
    sentences, labels = TREC(8, 1, str(tmp_path)).read("test")
    assert sentences == [["what", "'s", "a", "café", "?"], ["how", "far", "?"], ["``", "nasa", "''"]]
    assert labels.tolist() == [1, 5, 0]  # of abbreviation, description, entity, human, location, number


def test_sst2_lines_are_words_and_a_label_below_a_header(tmp_path: Path):
    (tmp_path / "SST-2").mkdir()
    (tmp_path / "SST-2" / "train.tsv").write_text(PHRASES, encoding="utf-8")
    sentences, labels = SST2(8, 1, str(tmp_path)).read("train")
    assert sentences == [["a", "good", '"film'], ["bad", ",", "so", "bad"]]
    assert labels.tolist() == [1, 0]


# --- the real files


def test_trec_has_its_rows_and_classes():
    root = stored("trec")
    source = TREC(24, 2, str(root))
    source.fetch()
    for part, file, rows in (("train", "train_5500.label", 5452), ("test", "TREC_10.label", 500)):
        sentences, labels = source.read(part)
        assert len(sentences) == len(labels) == rows
        lines = (root / "trec" / file).read_bytes().splitlines()
        counts = Counter(line.split(b":")[0].decode() for line in lines)
        assert [counts[name] for name in sorted(counts)] == labels.bincount().tolist()
        longest = max(len(line.split()) - 1 for line in lines)
        assert max(map(len, sentences)) == longest


def test_trec_is_cut_into_908_and_908_and_3636_rows():
    data = fetched(TREC(24, 2, str(stored("trec"))))  # 5452 // 6 = 908
    assert [len(split) for split in (data.val, data.select, data.train)] == [908, 908, 3636]
    assert (data.in_shape, data.num_classes) == ((24,), 6)
    assert data.train.inputs.max() == data.vocabulary - 1
    assert len(data.read_test()) == 500


def test_the_most_frequent_words_of_trec_have_the_first_ids():
    data = fetched(TREC(24, 2, str(stored("trec"))))
    words = Counter(data.train.inputs.flatten().tolist())
    counts = [words[number] for number in range(2, data.vocabulary)]
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] == 2
    assert (data.train.inputs[:, 0] > 1).double().mean() > 0.9  # questions begin with what, how, who


def test_sst2_has_its_rows_and_classes():
    root = stored("SST-2")
    source = SST2(32, 2, str(root))
    source.fetch()
    for part, file, rows in (("train", "train.tsv", 67_349), ("test", "dev.tsv", 872)):
        sentences, labels = source.read(part)
        assert len(sentences) == len(labels) == rows
        lines = (root / "SST-2" / file).read_bytes().splitlines()[1:]
        counts = Counter(line[-1:] for line in lines)
        assert labels.bincount().tolist() == [counts[b"0"], counts[b"1"]]


@pytest.mark.parametrize(
    ("folder", "name", "digest"),
    [
        ("trec", "TREC_10.label", "sha256 033f22c0"),
        ("trec", "train_5500.label", "sha256 9e4c8bdc"),
        ("SST-2", "dev.tsv", "md5 268856b4"),
    ],
)
def test_one_wrong_bit_is_found_and_its_file_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, name: str, digest: str
):
    serve(monkeypatch, {})
    shutil.copytree(stored(folder) / folder, tmp_path / folder)
    source = TREC(24, 2, str(tmp_path)) if folder == "trec" else SST2(32, 2, str(tmp_path))
    source.fetch()  # whole as yet
    content = bytearray((tmp_path / folder / name).read_bytes())
    content[-2] ^= 1
    (tmp_path / folder / name).write_bytes(content)
    with pytest.raises(ValueError, match=rf"{folder}/{name} must have the {digest}\w+, got \w+; another"):
        source.fetch()


# --- getting them


class Server:
    """Hands out what an address holds, and remembers what was asked for."""

    def __init__(self, contents: dict[str, bytes]) -> None:
        self.contents, self.asked = contents, []

    def __call__(self, url: str, path: str) -> None:
        self.asked.append(url)
        if url not in self.contents:
            raise OSError("nobody answers")
        Path(path).write_bytes(self.contents[url])


def serve(monkeypatch: pytest.MonkeyPatch, contents: dict[str, bytes]) -> Server:
    server = Server(contents)
    monkeypatch.setattr(text_sets, "download_url_to_file", server)
    return server


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            TREC,
            "trec must hold train_5500.label, TREC_10.label, .*; to do it by hand, put them into .*/trec$",
        ),
        (
            SST2,
            r"SST-2 must hold train.tsv, dev.tsv, .*; to do it by hand, unpack https://\S+.zip into .*/root$",
        ),
    ],
)
def test_what_cannot_be_downloaded_is_named_and_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: type[TREC | SST2], message: str
):
    serve(monkeypatch, {})
    with pytest.raises(ValueError, match=message) as caught:
        source(8, 1, str(tmp_path / "root")).fetch()
    assert "got a failed download (nobody answers)" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_only_missing_files_are_named_and_those_there_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    serve(monkeypatch, {})
    (tmp_path / "trec").mkdir()
    (tmp_path / "trec" / "train_5500.label").write_text("mine")
    with pytest.raises(ValueError, match=r"trec must hold TREC_10\.label, got"):
        TREC(8, 1, str(tmp_path)).fetch()
    assert (tmp_path / "trec" / "train_5500.label").read_text() == "mine"


NAMES = ("train_5500.label", "TREC_10.label")


def test_trec_is_downloaded_file_by_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    server = serve(monkeypatch, {TREC.address + name: QUESTIONS for name in NAMES})
    monkeypatch.setattr(TREC, "files", dict.fromkeys(NAMES, hashlib.sha256(QUESTIONS).hexdigest()))
    TREC(8, 1, str(tmp_path)).fetch()
    assert server.asked == [TREC.address + name for name in NAMES]
    assert sorted(file.name for file in (tmp_path / "trec").iterdir()) == sorted(NAMES)
    TREC(8, 1, str(tmp_path)).fetch()
    assert len(server.asked) == 2  # nothing is asked for again


def test_a_download_that_is_not_whole_is_put_nowhere_and_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(TREC, "files", dict.fromkeys(NAMES, hashlib.sha256(QUESTIONS).hexdigest()))
    whole = {TREC.address + name: QUESTIONS for name in NAMES}
    serve(monkeypatch, whole | {TREC.address + NAMES[1]: QUESTIONS[:9]})
    said = (
        r"trec must hold .*, got a failed download \(\S+/TREC_10\.label must have the sha256 \w+, got \w+\);"
    )
    with pytest.raises(ValueError, match=said):
        TREC(8, 1, str(tmp_path)).fetch()
    assert list(tmp_path.iterdir()) == []
    serve(monkeypatch, whole)
    TREC(8, 1, str(tmp_path)).fetch()
    assert (tmp_path / "trec" / NAMES[1]).read_bytes() == QUESTIONS


def test_a_damaged_file_is_fetched_again_alone_and_stays_where_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(TREC, "files", dict.fromkeys(NAMES, hashlib.sha256(QUESTIONS).hexdigest()))
    (tmp_path / "trec").mkdir()
    (tmp_path / "trec" / NAMES[0]).write_bytes(QUESTIONS)
    (tmp_path / "trec" / NAMES[1]).write_bytes(QUESTIONS[:9])  # as an interrupted download once left it
    serve(monkeypatch, {})
    with pytest.raises(ValueError, match=r"TREC_10\.label must have the sha256 \w+, got \w+; another"):
        TREC(8, 1, str(tmp_path)).fetch()
    assert (tmp_path / "trec" / NAMES[1]).read_bytes() == QUESTIONS[:9]
    server = serve(monkeypatch, {TREC.address + name: QUESTIONS for name in NAMES})
    TREC(8, 1, str(tmp_path)).fetch()
    assert server.asked == [TREC.address + NAMES[1]]
    assert (tmp_path / "trec" / NAMES[1]).read_bytes() == QUESTIONS
    assert len(list((tmp_path / "trec").iterdir())) == 2


@pytest.mark.parametrize(
    ("kind", "said"),
    [("device", "must be a plain file"), ("huge", "must have at most 4096 MiB, and has 19073 MiB")],
)
def test_a_file_that_does_not_end_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, said: str
):
    monkeypatch.setattr(TREC, "files", dict.fromkeys(NAMES, hashlib.sha256(QUESTIONS).hexdigest()))
    (tmp_path / "trec").mkdir()
    (tmp_path / "trec" / NAMES[0]).write_bytes(QUESTIONS)
    odd = tmp_path / "trec" / NAMES[1]
    if kind == "device":
        odd.symlink_to("/dev/zero")
    else:
        with odd.open("wb") as file:
            file.truncate(20 * 10**9)  # no block of it is on the disk
    serve(monkeypatch, {})
    with pytest.raises(ValueError, match=said if kind == "huge" else rf"{NAMES[1]}, got a failed download"):
        TREC(8, 1, str(tmp_path)).fetch()


def archive(folder: Path, *names: str) -> bytes:
    with zipfile.ZipFile(folder / "made.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        for name in names:
            packed.writestr(name, PHRASES)
    content = (folder / "made.zip").read_bytes()
    (folder / "made.zip").unlink()
    return content


def test_the_archive_of_sst2_is_unpacked_and_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    packed = archive(
        tmp_path, "SST-2/dev.tsv", "SST-2/train.tsv", "SST-2/test.tsv", "SST-2/original/more.txt"
    )
    serve(monkeypatch, {SST2.address: packed})
    digest = hashlib.md5(PHRASES.encode()).hexdigest()
    monkeypatch.setattr(SST2, "files", {"train.tsv": digest, "dev.tsv": digest})
    source = SST2(8, 1, str(tmp_path))
    source.fetch()
    assert sorted(file.name for file in (tmp_path / "SST-2").iterdir()) == ["dev.tsv", "train.tsv"]
    assert source.read("train")[1].tolist() == [1, 0]


@pytest.mark.parametrize("damage", ["another page", "a member lacks", "a wrong byte"])
def test_an_archive_that_cannot_be_unpacked_is_refused_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
):
    packed = archive(tmp_path, "SST-2/train.tsv", *[] if damage == "a member lacks" else ["SST-2/dev.tsv"])
    if damage == "a wrong byte":
        packed = packed[:50] + bytes([packed[50] ^ 255]) + packed[51:]
    serve(monkeypatch, {SST2.address: b"<html>" if damage == "another page" else packed})
    (tmp_path / "SST-2").mkdir()  # it was there before, and stays
    with pytest.raises(
        ValueError, match=r"got a failed download \(its archive cannot be unpacked: .*\);"
    ) as caught:
        SST2(8, 1, str(tmp_path)).fetch()
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "SST-2").iterdir()) == []

"""The text sets that their publishers offer for download."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from torch.hub import download_url_to_file

from regbench.data.downloads import obtain_whole
from regbench.data.text_files.sentences import Labelled, Text, labelled

SIX_CLASSES = ("ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM")


@dataclass
class TREC(Text):
    """Read 5,452 and 500 questions, by what they ask for: six classes.

    The classes are abbreviation, description, entity, human, location, number, in this order; the fifty
    finer ones are not read. The files lie in <root>/trec; they hold one latin-1 line a question, its words
    set apart by spaces.

    Source: Li and Roth, 2002, https://aclanthology.org/C02-1150
    """

    num_classes: ClassVar[int] = 6
    classes: ClassVar[tuple[str, ...]] = (
        "abbreviation",
        "description",
        "entity",
        "human",
        "location",
        "number",
    )
    cut: ClassVar[str | None] = "spaces"
    files: ClassVar[Mapping[str, str]] = {  # name: sha256
        "train_5500.label": "9e4c8bdcaffb96ed61041bd64b564183d52793a8e91d84fc3a8646885f466ec3",
        "TREC_10.label": "033f22c028c2bbba9ca682f68ffe204dc1aa6e1cf35dd6207f2d4ca67f0d0e8e",
    }
    address: ClassVar[str] = "https://cogcomp.seas.upenn.edu/Data/QA/QC/"

    root: str

    def fetch(self) -> None:
        folder = _folder(self.root, "trec")
        obtain_whole(folder, "sha256", self.files, f"put them into {folder}", self._download)

    def _download(self, folder: Path, names: Sequence[str]) -> None:
        for name in names:
            download_url_to_file(self.address + name, str(folder / name))

    def content(self) -> str:
        return ""

    def read(self, part: str) -> Labelled:
        file = "train_5500.label" if part == "train" else "TREC_10.label"
        lines = _lines(_folder(self.root, "trec") / file, "latin-1")
        pairs = [line.split(" ", 1) for line in lines]
        classes = [SIX_CLASSES.index(label.split(":")[0]) for label, _ in pairs]
        return labelled([self.tokens_of(question) for _, question in pairs], classes)


@dataclass
class SST2(Text):
    """Read 67,349 phrases and 872 sentences of film reviews, negative (0) or positive (1).

    The train rows are GLUE's: sentences and the phrases within them, so that rows of val and select share
    words with rows of train, and a gap measured on them is smaller than one on unseen sentences. The test
    split is GLUE's dev file, which holds other sentences; the labels of GLUE's own test file are withheld.
    The files lie in <root>/SST-2; words are set apart by spaces.

    Source: Socher et al., 2013, https://aclanthology.org/D13-1170; Wang et al., 2019,
    https://arxiv.org/abs/1804.07461
    """

    num_classes: ClassVar[int] = 2
    classes: ClassVar[tuple[str, ...]] = ("negative", "positive")
    cut: ClassVar[str | None] = "spaces"
    files: ClassVar[Mapping[str, str]] = {  # name: md5
        "train.tsv": "da409a0a939379ed32a470bc0f7fe99a",
        "dev.tsv": "268856b487b2a31a28c0a93daaff7288",
    }
    address: ClassVar[str] = "https://dl.fbaipublicfiles.com/glue/data/SST-2.zip"

    root: str

    def fetch(self) -> None:
        folder = _folder(self.root, "SST-2")
        by_hand = f"unpack {self.address} into {folder.parent}"
        obtain_whole(folder, "md5", self.files, by_hand, self._download)

    def _download(self, folder: Path, names: Sequence[str]) -> None:
        archive = folder / "SST-2.zip"
        download_url_to_file(self.address, str(archive))
        _unpack(archive, [f"SST-2/{name}" for name in names], folder)

    def content(self) -> str:
        return ""

    def read(self, part: str) -> Labelled:
        file = "train.tsv" if part == "train" else "dev.tsv"
        lines = _lines(_folder(self.root, "SST-2") / file, "utf-8")[1:]
        pairs = [line.rsplit("\t", 1) for line in lines]
        return labelled([self.tokens_of(text) for text, _ in pairs], [int(label) for _, label in pairs])


def _folder(root: str, name: str) -> Path:
    return Path(root).expanduser() / name


def _unpack(archive: Path, members: Sequence[str], folder: Path) -> None:
    """Write members of a zip archive into a folder, each under its last name.

    Raises:
        RuntimeError: it is no archive, is damaged, or lacks one of them.
    """
    try:
        with zipfile.ZipFile(archive) as packed:
            contents = {Path(member).name: packed.read(member) for member in members}
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError) as error:
        raise RuntimeError(f"its archive cannot be unpacked: {error}") from error
    for name, content in contents.items():
        (folder / name).write_bytes(content)


def _lines(path: Path, encoding: str) -> list[str]:
    """The lines of a file; signs that only look like the end of a line end none."""
    return path.read_text(encoding).rstrip("\n").split("\n")

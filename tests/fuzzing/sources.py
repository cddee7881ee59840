"""What lies beside a run: its data, decoded images, downloads; what is read by Python; where what is printed goes."""

from __future__ import annotations

import random
import shutil
from collections.abc import Mapping
from pathlib import Path

import yaml

from tests.fuzzing.case import TINY, Case, Recipes
from tests.fuzzing.damage import DAMAGES, copy, damaged
from tests.fuzzing.drawn import each
from tests.fuzzing.images import SHOWN
from tests.fuzzing.readings import records

RECIPES = Recipes()
Stock = Mapping[str, Path]


@RECIPES
def changed_table(chance: random.Random) -> Case:
    """The test of a run whose table is no longer that which it was trained on."""
    kind = chance.choice([name for name in DAMAGES if name not in ("bomb", "deep")])

    def prepare(work: Path, stock: Stock) -> None:
        record = copy(stock["text"], work / "run") / ".hydra" / "hydra.yaml"
        content = yaml.safe_load(record.read_text())
        content["hydra"]["runtime"]["cwd"] = str(work)
        record.write_text(yaml.safe_dump(content))
        shutil.copy(stock["text"].parent / "sentences.csv", work / "sentences.csv")
        damaged(work / "sentences.csv", kind, chance)

    # a mark at the start and other line ends change no row
    statuses = (2, 0) if kind in ("windows", "longer", "utf16") else (2,)
    return Case(
        ["test", "run"],
        ["run", "sentences.csv", "dataset"],
        statuses,
        prepare,
        writes=("run/*",),
        about=f"its table: {kind}",
    )


@RECIPES
def decoded(chance: random.Random) -> Case:
    """Images that were decoded once, and are damaged where they are kept: they are read anew."""
    kind = chance.choice((*DAMAGES, "flip", "flip", "flip", "zeros"))

    def prepare(work: Path, stock: Stock) -> None:
        root = stock["images"].parent
        for name in ("photos", "decoded"):
            shutil.copytree(root / name, work / name)
        damaged(
            chance.choice(sorted(path for path in (work / "decoded").rglob("*") if path.is_file())),
            kind,
            chance,
        )

    def right(work: Path, stock: Stock) -> str:
        return (
            ""
            if records(work / "run") == records(stock["images"])
            else "other records than with whole images"
        )

    words = ["train", *SHOWN, "dataset.path=photos", "dataset.root=decoded", "hydra.run.dir=run"]
    return Case(
        words,
        ["dataset", "decoded"],
        (2, 0),
        prepare,
        writes=("run*", "decoded*"),
        right=right,
        about=f"decoded: {kind}",
    )


DOWNLOADED = {
    "trec": "trec/train_5500.label trec/TREC_10.label",
    "sst2": "SST-2/train.tsv SST-2/dev.tsv SST-2/SST-2.zip",
    "mnist": "MNIST/raw/train-images-idx3-ubyte MNIST/raw/train-images-idx3-ubyte.gz",
    "cifar10": "cifar-10-python.tar.gz cifar-10-batches-py/data_batch_1",
    "fashion_mnist": "FashionMNIST/raw/t10k-labels-idx1-ubyte.gz FashionMNIST",
    "svhn": "train_32x32.mat SVHN/train_32x32.mat",
}


@RECIPES
def downloaded(chance: random.Random) -> Case:
    """A file of a published dataset that is half a download, or something else, without a network."""
    name = chance.choice(list(DOWNLOADED))
    file = chance.choice(DOWNLOADED[name].split())
    kind = chance.choice([one for one in DAMAGES if one != "removed"])

    def prepare(work: Path, stock: Stock) -> None:
        path = work / "data" / file
        path.parent.mkdir(parents=True)
        path.write_bytes(b"x" * 5000)
        damaged(path, kind, chance)

    model = ["model=rnn"] if name in ("trec", "sst2") else []
    words = [
        "train",
        *model,
        f"dataset={name}",
        "dataset.root=data",
        "dataset.num_train=200",
        "train.epochs=1",
        "device=cpu",
    ]
    return Case(words, [name, "dataset", "data"], prepare=prepare, leaves=("data*",), about=f"{file}: {kind}")


LOADED = each("""
regbench.load("run")
regbench.load("nope")
regbench.load("run", weights="nope")
regbench.load("run", "last")
regbench.load(".")
regbench.load("precious/kept.txt")
regbench.load("")
regbench.load("a" + chr(10) + "b" + chr(27))
""")


@RECIPES
def loaded(chance: random.Random) -> Case:
    """`regbench.load` of a run that is damaged, or none: it raises its own error, in one sentence."""
    name = chance.choice(("last.pt", "best.pt", ".hydra/config.yaml", ".hydra/hydra.yaml", "summary.json"))
    kind, call = chance.choice(list(DAMAGES)), chance.choice((*LOADED[:1] * 4, *LOADED))

    def prepare(work: Path, stock: Stock) -> None:
        damaged(copy(stock["finished"], work / "run") / name, kind, chance)

    statuses = (2, 0) if '"run"' in call and "nope" not in call else (2,)
    return Case(
        [],
        statuses=statuses,
        prepare=prepare,
        writes=(),
        code=f"import regbench\n{call}",
        about=f"{call}: {name}: {kind}",
    )


@RECIPES
def printed_nowhere(chance: random.Random) -> Case:
    """What is printed goes to a full disk."""
    lines = (
        ["list"],
        ["docs", "sweeps"],
        ["--help"],
        ["train", "--help"],
        ["compare", "sweep"],
        ["compare", "sweep", "--csv", "-"],
        ["plan", *TINY],
    )
    words = chance.choice(
        (
            *lines,
            ["train", *TINY],
            ["train", "-m", *TINY],
            ["train", *TINY, "--cfg", "job"],
            ["test", "run"],
            ["resume", "run"],
        )
    )

    def prepare(work: Path, stock: Stock) -> None:
        copy(stock["sweep"], work / "sweep")
        copy(stock["finished"], work / "run")

    about = f"{' '.join(words[:3])} > /dev/full"
    writes = ("outputs*", "run/*")
    return Case(
        words,
        statuses=(0, 1, 2),
        prepare=prepare,
        writes=writes,
        leaves=writes,
        output="/dev/full",
        about=about,
    )

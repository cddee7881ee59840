"""Command lines of all commands but train: words, options, folders and outputs that are wrong."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Mapping
from pathlib import Path

from tests.fuzzing.case import TINY, Case, Recipes
from tests.fuzzing.values import misspelt

RECIPES = Recipes()
COMMANDS = ("train", "plan", "resume", "test", "compare", "ablate", "strength", "list", "docs")


def sweep_here(work: Path, stock: Mapping[str, Path]) -> None:
    """A copy of the trained sweep as `sweep`."""
    shutil.copytree(stock["sweep"], work / "sweep")


def run_here(work: Path, stock: Mapping[str, Path]) -> None:
    """A copy of the finished run as `run`."""
    shutil.copytree(stock["finished"], work / "run")


def odd_places(work: Path, stock: Mapping[str, Path]) -> None:
    """What may stand where a folder is asked for."""
    (work / "empty").mkdir()
    (work / "file").write_text("x")
    os.mkfifo(work / "pipe")
    (work / "circle").symlink_to("circle")
    (work / "broken").symlink_to("nowhere")
    (work / "zero").symlink_to("/dev/zero")


PLACES = (
    "nope",
    "empty",
    "file",
    "pipe",
    "circle",
    "broken",
    "zero",
    "precious",
    "",
    " ",
    "nope/more",
    "file/more",
    "/dev/null",
)
PLACES += (
    "x" * 300,
    "a\nb",
    "-",
    "~",
    "*",
    "/proc/self",
    "\x1b[31m",
    "précieux",
    "nope\\",
    "C:\\runs",
    "file://x",
    ".hydra",
)


@RECIPES
def unknown(chance: random.Random) -> Case:
    """A command that there is not."""
    right = chance.choice(COMMANDS)
    wrong = chance.choice(
        (misspelt(chance, right), right.upper(), f"--{right}", "help", "", " ", "run", "x" * 5000, "a\nb")
    )
    wrong = chance.choice(
        (
            wrong,
            "\x1b[2J",
            "-v",
            "--nope",
            "-h=1",
            "--versio",
            "trainn",
            "reg=dropout",
            "+reg=dropout",
            "5",
            ".",
        )
    )
    if wrong in COMMANDS:
        wrong += "x"
    return Case([wrong, *TINY[: chance.randrange(3)]])


@RECIPES
def folder(chance: random.Random) -> Case:
    """A folder that is none, or holds no run."""
    command = chance.choice(("resume", "test", "compare"))
    place = chance.choice(PLACES)
    short = place[:20].strip() if place.isprintable() else ""
    return Case([command, place], [short], prepare=odd_places, about=f"{command} {place[:20]!r}")


@RECIPES
def many_folders(chance: random.Random) -> Case:
    """One of several folders that is none."""
    command = chance.choice(("test", "compare"))
    places = ["run", chance.choice([p for p in PLACES if p.strip() and p not in ("/", "*", "~", "-")][:12])]
    chance.shuffle(places)

    def prepare(work: Path, stock: Mapping[str, Path]) -> None:
        odd_places(work, stock)
        run_here(work, stock)

    statuses = (2,) if command == "test" else (2, 0)
    return Case([command, *places], statuses=statuses, prepare=prepare)


@RECIPES
def without_words(chance: random.Random) -> Case:
    """A command without what it needs, or with too much."""
    words, name = chance.choice(
        (
            (["resume"], "RUN_FOLDER"),
            (["test"], "RUN_FOLDER"),
            (["compare"], "RUNS"),
            (["resume", "run", "other"], "other"),
            (["resume", "run", "train.lr=3"], "train.lr"),
            (["resume", "run", "train.epoch=3"], "train.epoch"),
            (["resume", "run", "train.epochs=x"], "train.epochs"),
            (["resume", "run", "train.epochs="], "train.epochs"),
            (["resume", "run", "train.epochs=-3"], "train.epochs"),
            (["resume", "run", "train.epochs=0"], "train.epochs"),
            (["resume", "run", "train.epochs=1.5"], "train.epochs"),
            (["resume", "run", "train.epochs=nan"], "train.epochs"),
            (["resume", "run", "train.epochs=" + "9" * 400], "train.epochs"),
            (["resume", "run", "train.epochs=" + "9" * 5000], "train.epochs"),
            (["resume", "run", "train.epochs=²"], "train.epochs"),
            (["resume", "run", "train.epochs=３"], "train.epochs"),
            (["resume", "run", "train.epochs=2", "train.epochs=3"], "train.epochs"),
            (["resume", "run", "train.epochs=2,3"], "train.epochs"),
            (["resume", "run", "epochs=3"], "epochs"),
            (["resume", "run", "+train.epochs=3"], "train.epochs"),
            (["resume", "train.epochs=3"], "RUN_FOLDER"),
            (["resume", "--nope", "run"], "nope"),
            (["test", "--nope", "run"], "nope"),
            (["test", "run", "seed=3"], "seed=3"),
            (["resume", "run", "-m"], "-m"),
            (["docs", "nope"], "nope"),
            (["docs", "a", "b"], "b"),
            (["docs", "../README"], "README"),
            (["docs", "/etc/passwd"], "passwd"),
            (["docs", ""], "docs"),
            (["docs", "x" * 5000], "docs"),
            (["docs", "a\nb"], "docs"),
            (["docs", "--nope"], "nope"),
            (["docs", "swep"], "sweeps"),
        )
    )
    return Case(words, [name], prepare=run_here, about=" ".join(words)[:60])


@RECIPES
def comparing(chance: random.Random) -> Case:
    """An option of compare with what it cannot have."""
    words, name = chance.choice(
        (
            (["--metric", "nope"], "metric"),
            (["--metric", ""], "metric"),
            (["--metric", "val/nope"], "metric"),
            (["--metric", "train/accuracy\n"], "metric"),
            (["--metric"], "metric"),
            (["--at", "first"], "--at"),
            (["--at", ""], "--at"),
            (["--baseline", "nope"], "baseline"),
            (["--baseline", ""], "baseline"),
            (["--baseline", "\x1b[1m"], "baseline"),
            (["--baseline", "x" * 5000], "baseline"),
            (["--best-of", "nope"], "best-of"),
            (["--best-of", ""], "best-of"),
            (["--best-of", "train"], "best-of"),
            (["--best-of", "seed"], "best-of"),
            (["--best-of", "x\ny"], "best-of"),
            (["--csv", "-", "--json", "-"], "--json"),
            (["--html", "-"], "html"),
            (["--html", "precious"], "precious"),
            (["--html", ""], "html"),
            (["--html", "nope/x.html"], "nope"),
            (["--csv", "precious"], "precious"),
            (["--csv", "nope/x.csv"], "nope"),
            (["--csv", "precious/kept.txt/x"], "kept.txt"),
            (["--json", "/dev/full/x"], "/dev/full"),
            (["--latex", "/proc/x"], "/proc"),
            (["--markdown", "x" * 300], "xxx"),
            (["--figures", "precious/kept.txt"], "kept.txt"),
            (["--figures", "-"], "figures"),
            (["--figures", "/proc/x"], "/proc"),
            (["--tensorboard", "precious/kept.txt"], "kept.txt"),
            (["--tensorboard", "-"], "tensorboard"),
            (["--tensorboard", "/proc/x"], "/proc"),
            (["--tensorboard", "precious"], "precious"),
            (["--figures", ""], "figures"),
            (["--tensorboard", ""], "tensorboard"),
            (["--json", ""], "json"),
            (["--nope"], "nope"),
            (["--on"], "--on"),
            (["--one=3"], "one"),
        )
    )
    words = ["compare", "sweep", *words]
    return Case(words, [name], prepare=sweep_here, about=" ".join(words)[:60])


@RECIPES
def listing(chance: random.Random) -> Case:
    """Words of list that name nothing."""
    words, name = chance.choice(
        (
            (["nope"], "nope"),
            (["regs"], "regs"),
            (["reg", "model"], "model"),
            (["reg", "--model", "nope"], "nope"),
            (["reg", "--model"], "model"),
            (["model", "--model", "mlp"], "model"),
            (["reg", "seed=3"], "seed=3"),
            (["reg", "--model", "mlp", "nope=3"], "nope"),
            (["reg", "--model", "mlp", "model.width=abc"], "width"),
            (["reg", "--model", "mlp", "model.width=0"], "width"),
            (["reg", "--model", "mlp", "model.width"], "model.width"),
            (["reg", "--model", "own"], "_target_"),
            (["reg", "--model", "own", "model._target_=nope.Nope"], "nope"),
            (["reg", "--model", "own", "model._target_=os.getcwd"], "model"),
            (["--config-dir", "nope"], "config-dir"),
            (["--config-dir", "file"], "config-dir"),
            (["--config-dir", "pipe"], "config-dir"),
            (["--config-dir"], "config-dir"),
            (["--nope"], "nope"),
            (["--jso"], "jso"),
            ([""], "group"),
            (["x" * 5000], "group"),
            (["a\nb"], "group"),
            (["reg", "--model", "a\nb"], "model"),
            (["reg", "--model", "x" * 3000], "model"),
            (["reg", "--model", "mlp", "dataset=nope"], "dataset"),
            (["reg", "--model", "rnn", "seed=${nope}"], "seed"),
        )
    )
    return Case(["list", *words], [name], prepare=odd_places, about=f"list {' '.join(words)}"[:60])


@RECIPES
def studies(chance: random.Random) -> Case:
    """Lines of ablate and strength that study nothing."""
    dropout = ["reg=dropout", "reg.dropout.p=0,0.5"]
    words, name = chance.choice(
        (
            (["ablate"], "reg"),
            (["ablate", "+reg=nope"], "reg"),
            (["ablate", "+reg=dropout", "--nope"], "nope"),
            (["ablate", "+reg=[dropout,mixup]", "--metric", "nope"], "metric"),
            (["ablate", "+reg=[dropout,mixup]", "--json", "precious"], "json"),
            (["ablate", "+reg=[dropout,mixup]", "--json", "nope/x"], "json"),
            (["ablate", "+reg=[dropout,mixup]", "seed=range(0,5,0)"], "seed"),
            (["ablate", "+reg=[dropout,mixup]", "seed=x"], "seed"),
            (["ablate", "+reg=[dropout,mixup]", "--cfg", "job"], "cfg"),
            (["ablate", "+reg=[dropout,mixup]", "reg.l2.strength=3"], "l2"),
            (["ablate", "+reg=[dropout,mixup]", "--at", "x"], "--at"),
            (["ablate", "reg"], "reg"),
            (["strength"], "reg"),
            (["strength", "reg=dropout"], "dropout"),
            (["strength", "reg=dropout", "reg.dropout.p=0.5"], "dropout.p"),
            (["strength", "reg=dropout", "reg.dropout.p=0.5,2"], "dropout"),
            (["strength", "reg=dropout", "reg.dropout.p=a,b"], "dropout"),
            (["strength", "reg=dropout", "reg.dropout.p=0,nan"], "dropout"),
            (["strength", "reg=dropout", "reg.dropout.mode=inverted,nope"], "mode"),
            (["strength", *dropout, "--nope"], "nope"),
            (["strength", *dropout, "--html", "precious"], "html"),
            (["strength", *dropout, "--figures", "precious/kept.txt"], "figures"),
            (["strength", *dropout, "--metric", ""], "metric"),
            (["strength", *dropout, "model.width=8,abc"], "width"),
            (["strength", "reg=nope", "reg.nope.p=0,1"], "nope"),
            (["strength", "train.lr=0.1,0.2"], "reg"),
            (["strength", *dropout, "seed=interval(0,1)"], "seed"),
            (["strength", *dropout, "--force=3"], "force"),
            (["strength", *dropout, "hydra.sweep.dir=precious/kept.txt"], "sweep.dir"),
        )
    )
    common = [one for one in TINY if not any(word.startswith(one.partition("=")[0]) for word in words)]
    words = [*words, *common]
    return Case(words, [name], about=" ".join(words)[:60])

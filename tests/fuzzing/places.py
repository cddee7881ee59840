"""Where a line is typed: the current folder, what is in the way there, variables, limits of the system."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping
from pathlib import Path

from tests.fuzzing.case import TINY, Case, Recipes
from tests.fuzzing.folders import SWEEP

RECIPES = Recipes()
Stock = Mapping[str, Path]
VARIABLES: dict[str, tuple[str | None, ...]] = {
    "REGBENCH_DATA": (
        "",
        "/dev/null",
        "nope",
        "precious/kept.txt",
        "~nope",
        "a\nb",
        "${nope}",
        "$HOME",
        "'",
        "/proc/x",
        "[a]",
        "{a: 1}",
        "null",
    ),
    "REGBENCH_CACHE": ("", "/dev/null", "precious/kept.txt", "/proc/x", "~nope", "a\nb", "x" * 5000),
    "HOME": (None, "", "/nope", "/dev/null", "relative"),
    "TMPDIR": ("/nope", "", "/dev/null", "precious/kept.txt"),
    "COLUMNS": ("0", "-1", "abc", "", "1", "99999999", "1.5"),
    "LINES": ("0", "abc", "-5"),
    "TERM": ("", "nope", "dumb", "xterm-256color", None),
    "HYDRA_FULL_ERROR": ("", "0", "nope"),
    "CUDA_VISIBLE_DEVICES": ("", "abc", "-1", "99"),
    "PYTHONHASHSEED": ("0", "random"),
    "MPLBACKEND": ("nope", "", "tkagg", "agg"),
    "MPLCONFIGDIR": ("/dev/null", "/proc/x", ""),
    "OMP_NUM_THREADS": ("0", "abc", "-1", "", "1000000"),
    "FORCE_COLOR": ("1", ""),
    "NO_COLOR": ("1",),
    "TTY_COMPATIBLE": ("1",),
    "COMP_LINE": ("regbench train ", "", "a\nb", "regbench"),
    "USER": (None,),
    "TZ": ("nope", ":", "/dev/zero"),
    "PATH": ("", None, "/nope"),
    "LC_ALL": ("nope", "C", ""),
}
EITHER = (2, 0)


def outputs(kind: str) -> object:
    """Something in the way of the outputs."""

    def prepare(work: Path, stock: Stock) -> None:
        path = work / kind.partition(":")[2]
        path.parent.mkdir(parents=True, exist_ok=True)
        what = kind.partition(":")[0]
        if what == "file":
            path.write_text("mine")
        elif what == "pipe":
            os.mkfifo(path)
        else:
            path.symlink_to(
                {
                    "broken": "nowhere/more",
                    "circle": path.name,
                    "null": "/dev/null",
                    "precious": "precious/kept.txt",
                }[what]
            )

    return prepare


@RECIPES
def in_the_way(chance: random.Random) -> Case:
    """A file, a pipe or a link where the outputs go."""
    sweep = chance.random() < 0.5
    where = chance.choice(
        ("outputs", "outputs/sweeps", "outputs/sweeps/digits_mlp")
        if sweep
        else ("outputs", "outputs/runs", "outputs/runs/digits_mlp")
    )
    what = chance.choice(("file", "pipe", "broken", "circle", "null", "precious"))
    begin = ["train", "-m"] if sweep else ["train"]
    statuses = EITHER if what == "broken" else (2,)
    writes = ("outputs*", "nowhere*") if what == "broken" else ()
    return Case(
        [*begin, *TINY],
        ["outputs", "hydra", "nowhere"],
        statuses,
        outputs(f"{what}:{where}"),
        writes=writes,
        about=f"{where} is a {what}",
    )  # type: ignore[arg-type]


@RECIPES
def variables(chance: random.Random) -> Case:
    """A variable with what it cannot have."""
    name = chance.choice(list(VARIABLES))
    value = chance.choice(VARIABLES[name])
    words = chance.choice(
        (["train", *TINY], ["train", *TINY], ["plan", *TINY], ["list"], ["docs"], ["train", "-m", *TINY])
    )
    if name == "REGBENCH_DATA" and chance.random() < 0.6:
        words = ["train", *TINY, "dataset=fashion_mnist"]
    if name == "REGBENCH_CACHE":
        words = (
            ["train", *TINY, "+reg=gan_augmentation", "reg.gan_augmentation.epochs=1"]
            if chance.random() < 0.5
            else words
        )
    statuses = (2,) if "dataset=fashion_mnist" in words else EITHER
    fresh = (
        name in ("HOME", "OMP_NUM_THREADS", "MPLBACKEND", "MPLCONFIGDIR", "LC_ALL", "TMPDIR")
        and chance.random() < 0.5
    )
    return Case(
        words,
        env={name: value},
        statuses=statuses,
        fresh=fresh,
        writes=("outputs*",),
        about=f"{name}={value!r}"[:60],
    )


@RECIPES
def folders(chance: random.Random) -> Case:
    """A current folder of an odd name: the run is right there."""
    odd = chance.choice(
        (
            "a b",
            "é",
            "a'b",
            'a"b',
            "a=b",
            "a,b",
            "[a]",
            "{a}",
            "$a",
            "a\nb",
            "\x1b[31m",
            "-x",
            "~",
            "a%b",
            "#",
            "a;b",
            "${nope}",
            "x" * 200,
            "\udcff",
            "猫",
            "a\\b",
            "(a",
            "a:b",
            "*",
        )
    )

    def prepare(work: Path, stock: Stock) -> None:
        (work / odd).mkdir()

    words = chance.choice(
        (
            ["train", *TINY],
            ["train", "-m", *TINY, "seed=0"],
            ["plan", *TINY],
            ["train", *TINY, "hydra.run.dir=here"],
        )
    )
    return Case(
        words,
        cwd=odd,
        statuses=(0,),
        prepare=prepare,
        writes=(
            f"{odd}/outputs*".replace("[", "[[]") if odd != "*" else "[*]/outputs*",
            "*/here*",
            "*/outputs*",
        ),
        about=f"in {odd[:20]!r}",
    )


@RECIPES
def names(chance: random.Random) -> Case:
    """A run's folder of an odd name: it is made there and nowhere else, or refused."""
    odd = chance.choice(
        (
            "a b",
            "é",
            "a=b",
            "[a]",
            "{a}",
            "$a",
            "a\nb",
            "\x1b[31m",
            "~",
            "a%b",
            "#",
            "a;b",
            "x" * 255,
            "x" * 256,
            "猫",
            "(a)",
            "a:b",
            "*",
            "a/../b",
            "./b",
            "b/",
            "b//c",
            "-x",
            "a'b",
            "a,b",
        )
    )
    quoted = odd.replace("'", "\\'")
    key = chance.choice(("hydra.run.dir", "hydra.sweep.dir"))
    begin = ["train"] if key == "hydra.run.dir" else ["train", "-m"]
    first = odd.strip("./").split("/")[0]
    writes = tuple(
        f"{''.join(f'[{sign}]' if sign in '*[?' else sign for sign in one)}*" for one in (first, "b", "a")
    )
    return Case(
        [*begin, *TINY, f"{key}='{quoted}'"], statuses=EITHER, writes=writes, about=f"{key} is {odd[:20]!r}"
    )


@RECIPES
def limits(chance: random.Random) -> Case:
    """Few file descriptors, or a disk on which no file may be larger."""
    words = chance.choice(
        (
            ["train", *TINY],
            ["train", "-m", *TINY, "seed=0,1"],
            ["resume", "run"],
            ["test", "run"],
            ["compare", "sweep", "--figures", "figures"],
            ["compare", "sweep", "--html", "page.html"],
            ["compare", "sweep", "--tensorboard", "events"],
        )
    )

    def prepare(work: Path, stock: Stock) -> None:
        from tests.fuzzing.damage import copy

        copy(stock["finished" if words[0] == "test" else "killed"], work / "run")
        copy(stock["sweep"], work / "sweep")

    files, size = chance.choice(
        ((8, None), (12, None), (20, None), (40, None), (None, 0), (None, 500), (None, 5000), (None, 30000))
    )
    statuses = (0, 1, 2, 4)
    writes = ("outputs*", "run/*", "sweep/*", "figures*", "events*", "page.html")
    leaves = ("outputs", "figures", "run/train.log", "events", "run/*")
    return Case(
        words,
        statuses=statuses,
        prepare=prepare,
        writes=writes,
        leaves=leaves,
        descriptors=files,
        largest=size,
        about=f"{words[0]} with {files} files of {size} bytes",
    )


@RECIPES
def shell_completion(chance: random.Random) -> Case:
    """What a shell asks for completion, in odd states."""
    line = chance.choice(
        (
            "",
            "regbench",
            "regbench ",
            "regbench train mod",
            "regbench train model=",
            "regbench nope ",
            "regbench train --",
            "regbench train 'a",
            "regbench plan -m +reg=",
            "regbench train train.lr=[",
            "regbench train a\nb",
        )
    )
    query = chance.choice(
        ("query=bash", "query=zsh", "query=fish", "install=bash", "nope", "query=nope", "uninstall=bash")
    )
    return Case(
        ["-sc", query],
        env={"COMP_LINE": line, "COMP_POINT": str(len(line))},
        statuses=EITHER,
        about=f"-sc {query} of {line!r}",
    )


@RECIPES
def neighbours(chance: random.Random) -> Case:
    """Lines that are right."""
    words = chance.choice(
        (
            ["train", *TINY, "seed=4294967295"],
            ["train", *TINY, "train.lr=0"],
            ["train", *TINY, "+reg=[dropout,label_smoothing]", "reg.dropout.p=0.3"],
            ["train", *TINY[1:], "train.epochs=2.0"],
            ["train", *TINY, "++train.evaluate_every=1"],
            ["train", *TINY, "--cfg", "job"],
            ["train", *TINY, "--cfg", "job", "--resolve"],
            ["train", *TINY, "--cfg", "all"],
            ["train", "--help"],
            ["train", "--hydra-help"],
            ["train", *TINY, "checkpoints=none"],
            ["train", *TINY, "evaluate=[]"],
            ["train", *TINY, "hydra.run.dir=mine/run"],
            ["train", "-m", *TINY, "seed=range(2)"],
            ["train", "-m", *TINY, "seed=choice(1,2)"],
            ["train", "-m", *TINY, "+reg=[],dropout", "sweep=two"],
            ["plan", *SWEEP],
            ["plan", "-m", *TINY, "seed=range(3)"],
            ["list"],
            ["list", "reg", "--json"],
            ["list", "reg", "--model", "mlp"],
            ["docs"],
            ["docs", "sweeps"],
            ["--help"],
            ["--version"],
            [],
            ["train", *TINY, "~optimizer.nesterov"],
            ["train", *TINY, "train.class_weights=balanced"],
            [
                "train",
                *TINY,
                "+reg@reg.wide=dropout",
                "+reg@reg.narrow=dropout",
                "reg.wide.p=0.1",
                "reg.narrow.p=0.1",
            ],
            ["train", *TINY, "threads=1"],
            ["train", *TINY, "device=auto"]
            if "device=cpu" not in TINY
            else ["train", *TINY[:-1], "device=auto"],
        )
    )
    return Case(words, statuses=(0,), writes=("outputs*", "mine*", "sweep*"), about=" ".join(words)[:80])

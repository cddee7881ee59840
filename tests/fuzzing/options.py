"""Option files of --config-dir that are broken, empty, in the wrong place, or say what cannot be."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.fuzzing.case import TINY, Case, Recipes
from tests.fuzzing.values import misspelt

RECIPES = Recipes()
# an option for each group that is right, and how it is chosen
OPTIONS = {
    "reg": (
        "# @package reg.mine\n_target_: regbench.regularizers.dropout.Dropout\np: 0.5\nmode: inverted\nwhere: default\n",
        "+reg=mine",
    ),
    "model": (
        "_target_: regbench.models.mlp.MLP\nwidth: 8\ndepth: 2\nnorm: none\nlr: 0.03\ntie: []\n",
        "model=mine",
    ),
    "optimizer": ("_target_: torch.optim.SGD\nlr: 0.1\nmomentum: 0.5\n", "optimizer=mine"),
    "schedule": ("_target_: regbench.schedules.Cosine\nwarmup: 0.1\n", "schedule=mine"),
    "experiment": (
        "# @package _global_\ndefaults:\n  - override /reg: [l2]\ntrain:\n  epochs: 1\n",
        "+experiment=mine",
    ),
    "dataset": ("_target_: regbench.data.digits.Digits\n", "dataset=mine"),
}
WORDS = [word for word in TINY if not word.startswith("model.")]
SYNTAX = (
    "a: [1, 2\n", "a: {b: 1\n", "a: 'x\n", 'a: "x\n', "a: b: c\n", "\ta: 1\n", "a:\n\t- 1\n", "  a: 1\n b: 2\n", "- a\nb: 1\n",
    "a: *nope\n", "a: &x\n  b: *x\n", "? [a, b]\n: 1\n", "a: !nope 1\n", "a: !!python/object/apply:os.system ['rm -r precious']\n",
    "a: !!python/name:os.system\n", "!!python/object:os.system {}\n", "%YAML 9.9\n---\na: 1\n", "%NOPE\n", "a: 1\n---\nb: 2\n", "---\n---\n",
    "a: \x00\n", "a: \x07\n", "a: \x1b[31m\n", "a: @x\n", "a: `x`\n", "a: %x\n", "a: |\n x\n  y\nz\n", "a: >\nx\n", "a: [1, 2]]\n",
    "a: }\n", "a: 1 2: 3\n", ": 1\n", "a\n", "a b c\n", "= 1\n", "a = 1\n", "{a: 1\n", "[1, 2]\n", "5\n", "null\n", "true\n", "'text'\n",
    "a: 1\na: 2\n", "1: 2\n", "1.5: 2\n", "true: 2\n", "null: 2\n", "2020-01-01: 1\n", "<<: 5\n", "<<: *x\n", "a: ${nope}\n", "a: ${\n",
    "a: ${nope:1}\n", "a: ${a}\n", "a: ${..nope}\n", "a.b: 1\n", "'': 1\n", "'a b': 1\n", "é: 1\n", "? \n", "a: !!binary x\n", "a: !!float x\n",
    "a: !!int x\n", "a: !!timestamp x\n", "a: !!set {x}\n", "a: !!omap [x: 1]\n", "a: 2020-01-01\n", "a: !!binary aGk=\n", "a: .nan\n",
)  # fmt: skip


def option_file(group: str, content: str | bytes, name: str = "mine.yaml") -> Callable[..., None]:
    """What puts an option's file into `options`."""

    def prepare(work: Path, stock: Mapping[str, Path]) -> None:
        file = work / "options" / group / name
        file.parent.mkdir(parents=True)
        file.write_bytes(
            content if isinstance(content, bytes) else content.encode("utf-8", "surrogateescape")
        )

    return prepare


def line(chance: random.Random, choice: str) -> list[str]:
    """A command line that chooses an option of the folder."""
    flag = chance.choice((["--config-dir", "options"], ["--config-dir=options"], ["-cd", "options"]))
    return [*chance.choice((["train"], ["train", "-m"], ["plan"])), *flag, *WORDS, choice]


def of(chance: random.Random, content: object, group: str, **more: object) -> Case:
    """The case of a file's content."""
    prepare = option_file(group, content)  # type: ignore[arg-type]
    words = [
        w
        for w in line(chance, OPTIONS[group][1])
        if not (group == "experiment" and w.startswith("train.epochs"))
    ]
    return Case(words, prepare=prepare, **({"named": ["mine"]} | more))  # type: ignore[arg-type]


@RECIPES
def syntax(chance: random.Random) -> Case:
    """YAML that cannot be read, or is no mapping of names."""
    group = chance.choice(list(OPTIONS))
    bad = chance.choice(SYNTAX)
    good = OPTIONS[group][0]
    content = chance.choice((good + bad, bad, good.replace("\n", "\n" + bad, 1)))
    return of(chance, content, group, named=["mine", group], about=f"{group}: {bad!r}")


@RECIPES
def encoding(chance: random.Random) -> Case:
    """Bytes that are no UTF-8 text of YAML, or no text at all."""
    group = chance.choice(list(OPTIONS))
    good = OPTIONS[group][0]
    content, statuses = chance.choice(
        (
            (good.encode() + b"# \xff\xfe\n", (2,)),
            (good.encode() + "# é\n".encode("latin-1"), (2,)),
            (good.encode("utf-16"), (2, 0)),
            (good.encode("utf-32"), (2, 0)),
            (b"\x00" * 100, (2,)),
            (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), (2,)),
            (b"PK\x03\x04" + bytes(200), (2,)),
            (bytes(chance.randrange(256) for _ in range(300)), (2,)),
            (good.encode()[: len(good) // 2] + b"\x00" + good.encode()[len(good) // 2 :], (2,)),
            (b"\xef\xbb\xbf" + good.encode(), (2, 0)),
            (good.replace("\n", "\r\n").encode(), (2, 0)),
            (good.replace("\n", "\r").encode(), (2, 0)),
            (good.encode() + b"\xe2\x80\xa8", (2, 0)),
            (good.rstrip("\n").encode(), (2, 0)),
        )
    )
    return of(chance, content, group, named=["mine", group], statuses=statuses)


@RECIPES
def nothing(chance: random.Random) -> Case:
    """A file that sets nothing."""
    group = chance.choice([name for name in OPTIONS if name != "dataset"])
    bad = chance.choice(
        (
            "",
            "\n\n",
            "# @package reg.mine\n",
            "# only a comment\n",
            "---\n",
            "{}\n",
            "null\n",
            "~\n",
            " \n",
            "...\n",
        )
    )
    bad = chance.choice(
        (bad, bad, "defaults: []\n", "# @package _global_\n", "# @package nope\n{}\n", "defaults:\n")
    )
    return of(chance, bad, group, named=["mine", group], about=f"{group}: {bad!r}")


@RECIPES
def keys(chance: random.Random) -> Case:
    """A key that is misspelt, too many, or missing, or a value of another type."""
    group = chance.choice(("reg", "model", "optimizer", "schedule"))
    rows = OPTIONS[group][0].splitlines()
    at = chance.choice(
        [
            n
            for n, row in enumerate(rows)
            if row[0] not in "#_" and not row.startswith(("tie", "lr", "momentum", "norm", "mode", "where"))
        ]
        or [len(rows) - 1]
    )
    name, _, value = rows[at].partition(": ")
    wrong = misspelt(chance, name)
    bad = chance.choice(
        (
            f"{wrong}: {value}",
            f"{name}: [1]",
            f"{name}: {{a: 1}}",
            f"{name}: abc",
            f"{name}: null",
            f"{name}: -5",
            f"{name}: .nan",
            f"{name}: '{value}x'",
            f"{name}: .inf",
            f"{name}: {'9' * 400}",
            f"{name}: 2020-01-01",
            f"{name}: 1:30:00",
            f"{name}: yes",
        )
    )
    rows[at] = bad
    return of(chance, "\n".join(rows) + "\n", group, named=[name, wrong], about=f"{group}: {bad[:50]}")


@RECIPES
def header(chance: random.Random) -> Case:
    """A package or defaults that lead nowhere."""
    node = OPTIONS["reg"][0].partition("\n")[2]
    bad = chance.choice(
        (
            node,
            "# @package _global_\n" + node,
            "# @package reg\n" + node,
            "# @package nope.mine\n" + node,
            "# @package reg.\n" + node,
            "# @package reg..mine\n" + node,
            "# @package train\n" + node,
            "# @package hydra\n" + node,
            "#@package: reg.mine\n" + node,
            "# @package reg.mine\ndefaults: 5\n" + node,
            "# @package reg.mine\ndefaults: [nope]\n" + node,
            "# @package reg.mine\ndefaults: [5]\n" + node,
            "# @package reg.mine\ndefaults:\n  - mine\n" + node,
            "# @package reg.mine\ndefaults:\n  - /model: nope\n" + node,
            "# @package reg.mine\ndefaults:\n  - override /model: nope\n" + node,
            "# @package reg.mine\ndefaults:\n  - override /nope: mlp\n" + node,
            "# @package reg.mine\ndefaults: {a: b}\n" + node,
            "# @package reg.mine\ndefaults:\n  - /reg: mine\n" + node,
            "# @package reg.mine\ndefaults: [[dropout]]\n" + node,
            "# @package reg.mine\ndefaults: [null]\n" + node,
        )
    )
    return of(chance, bad, "reg", named=["mine", "_target_", "reg"], about=repr(bad[:60]))


@RECIPES
def experiments(chance: random.Random) -> Case:
    """An experiment that sets what there is not."""
    bad, name = chance.choice(
        (
            ("# @package _global_\ntrain:\n  epoch: 3\n", "epoch"),
            ("# @package _global_\ntrain: 5\n", "train"),
            ("# @package _global_\nnope: 5\n", "nope"),
            ("# @package _global_\nreg:\n  dropout:\n    p: 0.3\n", "dropout"),
            ("# @package _global_\ndefaults:\n  - override /reg: [nope]\n", "nope"),
            ("# @package _global_\ndefaults:\n  - override /reg: nope\n", "nope"),
            ("# @package _global_\ndefaults:\n  - override /model: nope\n", "nope"),
            ("# @package _global_\ndefaults:\n  - override reg: [l2]\ntrain: {epochs: 2}\n", "reg"),
            ("# @package _global_\ndefaults:\n  - override /model: mlp\nmodel:\n  widht: 3\n", "widht"),
            ("# @package _global_\nseed: [1, 2]\n", "seed"),
            ("# @package _global_\nseed: 0,1,2\n", "seed"),
            ("# @package _global_\nreg: dropout\n", "reg"),
            ("# @package _global_\nreg: [dropout]\n", "reg"),
            ("# @package _global_\nhydra: 5\n", "hydra"),
            ("train:\n  lr: 3\n", "experiment"),
            ("# @package _global_\ndataset: fashion_mnist\n", "dataset"),
            ("# @package _global_\nmodel: resnet\n", "model"),
            ("# @package _global_\nseed: ${nope}\n", "seed"),
            ("# @package _global_\ntrain:\n  lr: ${oc.env:NOPE_NOPE}\n", "lr"),
            (
                "# @package _global_\ndefaults:\n  - override /reg: [l2]\nreg:\n  l2:\n    strenght: 1\n",
                "strenght",
            ),
        )
    )
    return of(chance, bad, "experiment", named=[name], about=repr(bad))


@RECIPES
def places(chance: random.Random) -> Case:
    """A file of another name, in another folder, or what is no file."""
    good, choice = OPTIONS["reg"]
    kind = chance.choice(
        (
            "yml",
            "swp",
            "tilde",
            "upper",
            "group",
            "folder",
            "pipe",
            "zero",
            "broken",
            "circle",
            "huge",
            "deep",
            "link_out",
            "no_read",
        )
    )

    def prepare(work: Path, stock: Mapping[str, Path]) -> None:
        folder = work / "options" / ("regs" if kind == "group" else "reg")
        folder.mkdir(parents=True)
        file = folder / "mine.yaml"
        names = {
            "yml": "mine.yml",
            "swp": ".mine.yaml.swp",
            "tilde": "mine.yaml~",
            "upper": "Mine.yaml",
            "deep": "mine.yaml.bak",
        }
        if kind in names or kind == "group":
            (folder / names.get(kind, "mine.yaml")).write_text(good)
        elif kind == "folder":
            file.mkdir()
        elif kind == "pipe":
            os.mkfifo(file)
        elif kind in ("zero", "broken", "circle", "link_out"):
            file.symlink_to(
                {
                    "zero": "/dev/zero",
                    "broken": "nowhere",
                    "circle": "mine.yaml",
                    "link_out": "/etc/hostname",
                }[kind]
            )
        elif kind == "huge":
            file.write_text(good)
            os.truncate(file, 20_000_000_000)
        else:
            file.write_text("# " + "x" * 10 + "\n_target_: 5\n")

    return Case(line(chance, choice), ["mine", "reg"], prepare=prepare, about=f"an option's file: {kind}")


@RECIPES
def bombs(chance: random.Random) -> Case:
    """YAML that grows, or is nested too deep."""
    nine = "a: &a [x,x,x,x,x,x,x,x,x]\n"
    for one, two in zip("abcdefgh", "bcdefghi", strict=True):
        nine += f"{two}: &{two} [{','.join([f'*{one}'] * 9)}]\n"
    bad = chance.choice(
        (
            nine,
            "a: " + "[" * 3000 + "]" * 3000 + "\n",
            "a: " + "{b: " * 2000 + "1" + "}" * 2000 + "\n",
            "a: &a [*a]\n",
        )
    )
    bad = chance.choice(
        (
            bad,
            bad,
            "a: " + "x" * 3_000_000 + "\n",
            "".join(f"k{n}: 1\n" for n in range(20000)),
            "a: " + "9" * 10000 + "\n",
        )
    )
    group = chance.choice(("reg", "model", "experiment"))
    return of(
        chance, OPTIONS[group][0] + bad, group, named=["mine", group, "a"], about=f"bomb of {len(bad)} signs"
    )


@RECIPES
def neighbours(chance: random.Random) -> Case:
    """Files that an editor or a system leaves beside a right one: the run is right."""
    group = chance.choice(("reg", "schedule", "optimizer"))
    good, choice = OPTIONS[group]
    name, content = chance.choice(
        (
            (".mine.yaml.swp", b"b0VIM 9.0\x00"),
            ("mine.yaml~", b"a: [\n"),
            (".DS_Store", b"\x00\x00\x00\x01Bud1"),
            ("#mine.yaml#", b"a: ["),
        )
        + (
            ("Thumbs.db", b"\xd0\xcf"),
            ("mine.yaml.orig", b"<<<<<<<"),
            ("notes.txt", b"x"),
            ("._mine.yaml", b"\x00\x05\x16\x07"),
            (".#mine.yaml", b"x"),
        )
    )

    def prepare(work: Path, stock: Mapping[str, Path]) -> None:
        option_file(group, good)(work, stock)  # type: ignore[operator]
        (work / "options" / group / name).write_bytes(content)

    return Case(
        ["train", "--config-dir", "options", *WORDS, choice],
        statuses=(0,),
        prepare=prepare,
        about=f"beside: {name}",
    )


@RECIPES
def merge_marks(chance: random.Random) -> Case:
    """What a merge, an editor, a shell or a web page leaves in a file."""
    group = chance.choice(("reg", "model", "optimizer"))
    good = OPTIONS[group][0]
    bad = chance.choice(
        (
            "<<<<<<< HEAD\n",
            "=======\n",
            ">>>>>>> mine\n",
            "EOF\n",
            "<!DOCTYPE html>\n",
            "```yaml\n",
            "$ cat mine.yaml\n",
        )
    )
    bad = chance.choice(
        (
            bad,
            bad,
            "a: “x”: 1\n",
            "\u00a0p: 0.5\n",
            "p： 0.5\n",
            "p=0.5\n",
            "p 0.5\n",
            "...\nmore: 1\n",
            "-p: 0.5\n- x\n",
        )
    )
    content = chance.choice((good + bad, bad + good)) if bad != "...\nmore: 1\n" else good + bad
    statuses = (2, 0) if bad == "```yaml\n" else (2,)
    return of(chance, content, group, named=["mine", group], statuses=statuses, about=f"{group} with {bad!r}")

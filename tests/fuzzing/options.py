"""Option files of --config-dir that are broken, empty, in the wrong place, or say what cannot be."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.fuzzing.broken_yaml import SYNTAX
from tests.fuzzing.case import TINY, Case, Recipes

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
    raw = good.encode()
    mild = (
        good.encode("utf-16"),
        b"\xef\xbb\xbf" + raw,
        raw.replace(b"\n", b"\r\n"),
        raw.replace(b"\n", b"\r"),
    )
    mild += (raw + b"\xe2\x80\xa8", raw.rstrip(b"\n"), raw + b"# \xc3\xa9\n", good.encode("utf-32"))
    wrong = (
        raw + b"# \xff\xfe\n",
        raw + b"# \xe9\n",
        bytes(100),
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
        b"PK\x03\x04" + bytes(200),
    )
    wrong += (
        chance.randbytes(300),
        raw[:20] + b"\x00" + raw[20:],
        b"\xff" + raw,
        raw.replace(b"_", b"\x00", 1),
        raw[:7] + b"\xc3" + raw[7:],
    )
    content = chance.choice((*mild, *wrong))
    statuses = (2, 0) if content in mild else (2,)
    return of(
        chance,
        content,
        group,
        named=["mine", group],
        statuses=statuses,
        about=f"{group}: {content[:24]!r}...{content[-8:]!r}",
    )


@RECIPES
def nothing(chance: random.Random) -> Case:
    """A file that sets nothing."""
    group = chance.choice([name for name in OPTIONS if name != "dataset"])
    kinds = (
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
    kinds += (
        "defaults: []\n",
        "# @package _global_\n",
        "# @package nope\n{}\n",
        "defaults:\n",
        "\ufeff",
        "\r\n",
        "--- {}\n",
        "--- # x\n",
    )
    bad = chance.choice(kinds)
    return of(chance, bad, group, named=["mine", group], about=f"{group}: {bad!r}")


@RECIPES
def places(chance: random.Random) -> Case:
    """A file of another name, in another folder, or what is no file."""
    good, choice = OPTIONS["reg"]
    names = {
        "yml": "mine.yml",
        "swp": ".mine.yaml.swp",
        "tilde": "mine.yaml~",
        "upper": "Mine.yaml",
        "bak": "mine.yaml.bak",
        "blank": " mine.yaml",
    }
    links = {
        "zero": "/dev/zero",
        "broken": "nowhere",
        "circle": "mine.yaml",
        "link_out": "/etc/hostname",
        "null": "/dev/null",
    }
    kind = chance.choice(("group", "folder", "pipe", "huge", "five", "flat", *names, *links))

    def prepare(work: Path, stock: Mapping[str, Path]) -> None:
        folder = work / "options" / {"group": "regs", "flat": "."}.get(kind, "reg")
        folder.mkdir(parents=True)
        file = folder / "mine.yaml"
        if kind in names or kind in ("group", "flat"):
            (folder / names.get(kind, "mine.yaml")).write_text(good)
        elif kind == "folder":
            file.mkdir()
        elif kind == "pipe":
            os.mkfifo(file)
        elif kind in links:
            file.symlink_to(links[kind])
        elif kind == "huge":
            file.write_text(good)
            os.truncate(file, 20_000_000_000)
        else:
            file.write_text("# @package reg.mine\n_target_: 5\n")

    return Case(line(chance, choice), ["mine", "reg"], prepare=prepare, about=f"an option's file: {kind}")


@RECIPES
def bombs(chance: random.Random) -> Case:
    """YAML that grows, or is nested too deep."""
    nine = "a: &a [x,x,x,x,x,x,x,x,x]\n"
    for one, two in zip("abcdefgh", "bcdefghi", strict=True):
        nine += f"{two}: &{two} [{','.join([f'*{one}'] * 9)}]\n"
    kinds = (
        nine,
        nine,
        "a: " + "[" * 3000 + "]" * 3000 + "\n",
        "a: " + "{b: " * 2000 + "1" + "}" * 2000 + "\n",
        "a: &a [*a]\n",
    )
    kinds += (
        "a: " + "x" * 3_000_000 + "\n",
        "".join(f"k{n}: 1\n" for n in range(20000)),
        "a: " + "9" * 10000 + "\n",
        "- " * 3000 + "x\n",
    )
    bad = chance.choice(kinds)
    group = chance.choice(("reg", "model", "experiment"))
    return of(
        chance,
        OPTIONS[group][0] + bad,
        group,
        named=["mine", group, "a"],
        about=f"bomb {bad[:20]!r} of {len(bad)} signs",
    )

"""Option files whose keys, values, packages or defaults are wrong, and what lies in and beside them by mistake."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path

from tests.fuzzing.case import Case, Recipes
from tests.fuzzing.drawn import plain
from tests.fuzzing.options import OPTIONS, WORDS, of, option_file
from tests.fuzzing.values import misspelt

RECIPES = Recipes()


KEYS = "{w}: {v};{k}: [1];{k}: {{a: 1}};{k}: abc;{k}: null;{k}: -5;{k}: .nan;{k}: '{v}x';{k}: .inf;{k}: «9*400»;{k}: 2020-01-01;{k}: yes"
KEYS += ";{k}:;{k}: '';{k}: [];{k}: {{}};{k}: {v} {v};{k}: {v},{v};{k}: ???;{k}: 1e400;{k}: ${{nope}};{k}: !!str;{k}: >;{k}: [[{v}]]"


@RECIPES
def keys(chance: random.Random) -> Case:
    """A key that is misspelt, too many, or missing, or a value of another type."""
    group, key = chance.choice(
        (("reg", "p"), ("model", "width"), ("model", "depth"), ("optimizer", "lr"), ("schedule", "warmup"))
    )
    rows = OPTIONS[group][0].splitlines()
    at = next(n for n, row in enumerate(rows) if row.startswith(f"{key}: "))
    wrong = misspelt(chance, key) if len(key) > 2 else f"{key}x"
    bad = plain(chance.choice(KEYS.split(";"))).format(k=key, w=wrong, v=rows[at].partition(": ")[2])
    rows[at] = bad
    return of(chance, "\n".join(rows) + "\n", group, named=[key, wrong, "mine"], about=f"{group}: {bad[:50]}")


HEADERS = """
EMPTY;_global_;reg;nope.mine;reg.;reg..mine;train;hydra;reg mine;reg.mine.x;REG.mine;reg/mine;reg.5;_name_;_group_._name_;«x.*50»x;␛[31m;[];
"""
DEFAULTS = """
5;[nope];[5];[mine];[/model: nope];[override /model: nope];[override /nope: mlp];{a: b};[/reg: mine];[[dropout]];[null];[_self_, _self_]
[/model@reg.mine: mlp];[override /reg: mine];nope;[/nope];[optional nope: x, 5];[/reg: [mine, nope]];[../model/mlp];[/train];[override train: x]
"""


@RECIPES
def header(chance: random.Random) -> Case:
    """A package or defaults that lead nowhere."""
    node = OPTIONS["reg"][0].partition("\n")[2]
    if chance.random() < 0.5:
        package = plain(chance.choice(HEADERS.strip().split(";")))
        bad = f"# @package {package}\n{node}" if package != "EMPTY" else node
    else:
        bad = f"# @package reg.mine\ndefaults: {chance.choice(DEFAULTS.strip().replace(chr(10), ';').split(';'))}\n{node}"
    # the package of a group and a name is the right one; the order of _self_ decides nothing here
    statuses = (
        (2, 0)
        if "_group_" in bad
        or "optional" in bad
        or "/reg: mine" in bad
        or "_global_" in bad
        or "reg.5" in bad
        or "reg.mine.x" in bad  # a stack of one member
        else (2,)
    )
    return of(
        chance,
        bad,
        "reg",
        named=["mine", "_target_", "reg", "defaults"],
        statuses=statuses,
        about=repr(bad[:60]),
    )


EXPERIMENTS = """
train: {epoch: 3} -> epoch
train: 5 -> train
train: null -> train
nope: 5 -> nope
reg: {dropout: {p: 0.3}} -> dropout
reg: dropout -> reg
reg: [dropout] -> reg
reg: 5 -> reg
defaults: [override /reg: [nope]] -> nope
defaults: [override /reg: nope] -> nope
defaults: [override /model: nope] -> nope
defaults: [override /nope: x] -> nope
model: {widht: 3} -> widht
model: {width: x} -> width
model: resnet -> model
dataset: fashion_mnist -> dataset
optimizer: adam -> optimizer
seed: [1, 2] -> seed
seed: 0,1,2 -> seed
seed: null -> seed
seed: '${nope}' -> seed
seed: {a: 1} -> seed
hydra: 5 -> hydra
hydra: {nope: 5} -> hydra
train: {lr: '${oc.env:NOPE_NOPE}'} -> lr
train: {lr: fast} -> lr
reg: {l2: {strenght: 1}} -> l2
train.lr: 0.1 -> train.lr
_target_: os.getcwd -> _target_
dataset: {path: nope} -> path
"""


@RECIPES
def experiments(chance: random.Random) -> Case:
    """An experiment that sets what there is not."""
    rows = [line.rpartition(" -> ") for line in EXPERIMENTS.strip().splitlines()]
    bad, _, name = chance.choice(rows)
    package = "# @package _global_\n" if chance.random() < 0.9 else ""
    return of(
        chance,
        f"{package}{bad}\n",
        "experiment",
        named=[name] if package else ["mine", "experiment"],
        about=repr(f"{package}{bad}"),
    )


@RECIPES
def neighbours(chance: random.Random) -> Case:
    """Files that an editor or a system leaves beside a right one: the run is right."""
    group = chance.choice(("reg", "schedule", "optimizer"))
    good, choice = OPTIONS[group]
    names = "mine.yaml~ .mine.yaml.swp .DS_Store #mine.yaml# Thumbs.db mine.yaml.orig notes.txt ._mine.yaml .#mine.yaml mine.yaml.lock README"
    name, content = (
        chance.choice(names.split()),
        chance.choice((b"a: [\n", b"b0VIM 9.0\x00", b"\x00\x00\x00\x01Bud1", b"<<<<<<<", b"")),
    )

    def prepare(work: Path, stock: Mapping[str, Path]) -> None:
        option_file(group, good)(work, stock)
        (work / "options" / group / name).write_bytes(content)

    return Case(
        ["train", "--config-dir", "options", *WORDS, choice],
        statuses=(0,),
        prepare=prepare,
        about=f"beside: {name}",
    )


MARKS = """
<<<<<<< HEAD
=======
>>>>>>> mine
EOF
<!DOCTYPE html>
$ cat mine.yaml
a: “x”: 1
p： 0.5
p=0.5
p 0.5
-p: 0.5
p:0.5
p : : 0.5
[section]
import torch
"p": 0.5,
// a comment
p: 0.5;
%
"""


@RECIPES
def merge_marks(chance: random.Random) -> Case:
    """What a merge, an editor, a shell or a web page leaves in a file."""
    group = chance.choice(("reg", "model", "optimizer"))
    good = OPTIONS[group][0]
    bad = chance.choice((*MARKS.strip().splitlines(), "\u00a0p: 0.5", "...\nmore: 1", "```yaml")) + "\n"
    content = chance.choice((good + bad, bad + good)) if not bad.startswith("...") else good + bad
    statuses = (2, 0) if bad.startswith("```") else (2,)
    return of(chance, content, group, named=["mine", group], statuses=statuses, about=f"{group} with {bad!r}")

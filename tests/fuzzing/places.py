"""Where a line is typed: the current folder, what is in the way there, variables, limits of the system."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.fuzzing.case import TINY, Case, Recipes
from tests.fuzzing.damage import copy
from tests.fuzzing.drawn import each, pairs
from tests.fuzzing.folders import SWEEP

RECIPES = Recipes()
Stock = Mapping[str, Path]
EITHER = (2, 0)
# NONE: not set
VARIABLES = """
REGBENCH_DATA EMPTY /dev/null nope precious/kept.txt ~nope a␤b ${nope} $HOME ' /proc/x [a] {a:1} null ␛[31m «x*5000»
REGBENCH_CACHE EMPTY /dev/null precious/kept.txt /proc/x ~nope a␤b «x*5000»
HOME NONE EMPTY /nope /dev/null relative
TMPDIR /nope EMPTY /dev/null precious/kept.txt
COLUMNS 0 -1 abc EMPTY 1 99999999 1.5 «9*400»
LINES 0 abc -5
TERM EMPTY nope dumb xterm-256color NONE
HYDRA_FULL_ERROR EMPTY 0 nope
CUDA_VISIBLE_DEVICES EMPTY abc -1 99
PYTHONHASHSEED 0 random
MPLBACKEND nope EMPTY tkagg agg
MPLCONFIGDIR /dev/null /proc/x EMPTY
OMP_NUM_THREADS 0 abc -1 EMPTY
FORCE_COLOR EMPTY 0
NO_COLOR 1
COMP_LINE regbench␣train␣ EMPTY a␤b regbench
USER NONE
TZ nope : /dev/zero
PATH EMPTY NONE /nope
LC_ALL nope C EMPTY
PYTHONWARNINGS error default nope
XDG_CACHE_HOME /dev/null EMPTY relative
"""


def outputs(kind: str) -> Callable[[Path, Stock], None]:
    """Something in the way of the outputs."""

    def prepare(work: Path, stock: Stock) -> None:
        what, _, where = kind.partition(":")
        path = work / where
        path.parent.mkdir(parents=True, exist_ok=True)
        links = {
            "broken": "nowhere/more",
            "circle": path.name,
            "null": "/dev/null",
            "precious": str(work / "precious" / "kept.txt"),
        }
        if what == "file":
            path.write_text("mine")
        elif what == "pipe":
            os.mkfifo(path)
        else:
            path.symlink_to(links[what])

    return prepare


@RECIPES
def in_the_way(chance: random.Random) -> Case:
    """A file, a pipe or a link where the outputs go."""
    sweep = chance.random() < 0.5
    inner = (
        ("outputs/sweeps", "outputs/sweeps/digits_mlp")
        if sweep
        else ("outputs/runs", "outputs/runs/digits_mlp")
    )
    where = chance.choice(("outputs", *inner))
    what = chance.choice(("file", "pipe", "broken", "circle", "null", "precious"))
    begin = ["train", "-m"] if sweep else ["train"]
    statuses = EITHER if what == "broken" else (2,)
    writes = ("outputs*", "nowhere*") if what == "broken" else ()
    names = ["outputs", "hydra", "nowhere"]
    return Case(
        [*begin, *TINY],
        names,
        statuses,
        outputs(f"{what}:{where}"),
        writes=writes,
        about=f"{where} is a {what}",
    )


@RECIPES
def variables(chance: random.Random) -> Case:
    """A variable with what it cannot have."""
    name, *values = each(chance.choice(VARIABLES.strip().splitlines()), None)
    value = chance.choice(values)
    words = chance.choice(
        (["train", *TINY], ["train", *TINY], ["plan", *TINY], ["list"], ["docs"], ["train", "-m", *TINY])
    )
    if name == "REGBENCH_DATA" and chance.random() < 0.6:
        words = ["train", *TINY, "dataset=fashion_mnist"]
    if name == "REGBENCH_CACHE" and chance.random() < 0.5:
        words = ["train", *TINY, "+reg=gan_augmentation", "reg.gan_augmentation.epochs=1"]
    statuses = (2,) if "dataset=fashion_mnist" in words else EITHER
    late = "HOME OMP_NUM_THREADS MPLBACKEND MPLCONFIGDIR LC_ALL TMPDIR PYTHONWARNINGS XDG_CACHE_HOME"  # read once
    fresh = name in late.split() and chance.random() < 0.5
    env = {name: None if value == "NONE" else value}
    return Case(
        words, env=env, statuses=statuses, fresh=fresh, writes=("outputs*",), about=f"{name}={value!r}"[:60]
    )


ODD = each(
    "a b|é|a'b|a\"b|a=b|a,b|[a]|{a}|$a|a␤b|␛[31m|-x|~|a%b|#|a;b|${nope}|«x*200»|\udcff|猫|a\\b|(a|a:b|*|@|a+b|null|..a|a.|nope.yaml",
    "|",
)


def pattern(name: str) -> str:
    """A name as a pattern that fits it alone."""
    return "".join(f"[{sign}]" if sign in "*[?" else sign for sign in name)


@RECIPES
def folders(chance: random.Random) -> Case:
    """A current folder of an odd name: the run is right there, or refused."""
    odd = chance.choice(ODD)

    def prepare(work: Path, stock: Stock) -> None:
        (work / odd).mkdir()

    lines = (
        ["train", *TINY],
        ["train", "-m", *TINY, "seed=0"],
        ["plan", *TINY],
        ["train", *TINY, "hydra.run.dir=here"],
    )
    writes = (f"{pattern(odd)}/outputs*", f"{pattern(odd)}/here*")
    words = chance.choice(lines)
    filled = "${" in odd and "-m" in words  # Hydra's own launchers cannot work there
    named, statuses = (("hydra.sweep.dir",), (2,)) if filled else ((), (0,))
    return Case(
        words, named, cwd=odd, statuses=statuses, prepare=prepare, writes=writes, about=f"in {odd[:20]!r}"
    )


@RECIPES
def names(chance: random.Random) -> Case:
    """A run's folder of an odd name: it is made there and nowhere else, or refused."""
    odd = chance.choice((*ODD, "x" * 255, "x" * 256, "a/../b", "./b", "b/", "b//c", "b/./c"))
    quoted = odd.replace("\\", "\\\\").replace("'", "\\'")
    key = chance.choice(("hydra.run.dir", "hydra.sweep.dir", "sweep"))
    begin = ["train"] if key == "hydra.run.dir" else ["train", "-m"]
    firsts = {odd.split("/")[0], "b", "outputs"} if odd.split("/")[0] else {"b"}
    writes = tuple(pattern(one) + more for one in sorted(firsts) for more in ("", "/*"))
    return Case(
        [*begin, *TINY, f"{key}='{quoted}'"], statuses=EITHER, writes=writes, about=f"{key} is {odd[:20]!r}"
    )


LIMITED = "resume run|test run|compare sweep --figures figures|compare sweep --html page.html|compare sweep --tensorboard events|compare sweep --csv a.csv"


@RECIPES
def limits(chance: random.Random) -> Case:
    """Few file descriptors, or a disk on which no file may be larger."""
    lines = [
        ["train", *TINY],
        ["train", "-m", *TINY, "seed=0,1"],
        *(one.split() for one in LIMITED.split("|")),
    ]
    words = chance.choice(lines)

    def prepare(work: Path, stock: Stock) -> None:
        copy(stock["finished" if words[0] == "test" else "killed"], work / "run")
        copy(stock["sweep"], work / "sweep")

    files, size = chance.choice(
        ((8, None), (12, None), (20, None), (40, None), (None, 4000), (None, 20000), (None, 50000))
    )
    writes = ("outputs*", "run/*", "sweep/*", "figures*", "events*", "page.html", "a.csv")
    about = f"{' '.join(words[:4])} with {files} files of {size} bytes"
    case = Case(words, statuses=(0, 1, 2, 4), prepare=prepare, writes=writes, leaves=writes, about=about)
    case.descriptors, case.largest = files, size
    return case


COMPLETED = each(
    "EMPTY|regbench|regbench |regbench train mod|regbench train model=|regbench nope |regbench train --|regbench train 'a",
    "|",
)
COMPLETED += each(
    "regbench plan -m +reg=|regbench train train.lr=[|regbench train a␤b|regbench train --config-dir nope |regbench test |regbench docs x",
    "|",
)


@RECIPES
def completion(chance: random.Random) -> Case:
    """What a shell asks for completion, in odd states."""
    line = chance.choice(COMPLETED)
    query = chance.choice(
        each("query=bash query=zsh query=fish install=bash nope query=nope uninstall=bash", None)
    )
    env = {"COMP_LINE": line, "COMP_POINT": str(len(line))}
    return Case(["-sc", query], env=env, statuses=EITHER, about=f"-sc {query} of {line!r}")


RIGHT = """
train TINY seed=4294967295 ->
train TINY train.lr=0 ->
train TINY +reg=[dropout,label_smoothing] reg.dropout.p=0.3 ->
train dataset.num_train=200 device=cpu train.epochs=2.0 ->
train TINY ++train.evaluate_every=1 ->
train TINY --cfg job ->
train TINY --cfg job --resolve ->
train TINY --cfg job --package train ->
train TINY --cfg all ->
train TINY --info searchpath ->
train --help ->
train --hydra-help ->
train TINY checkpoints=none ->
train TINY evaluate=[] ->
train TINY hydra.run.dir=mine/run ->
train -m TINY seed=range(2) ->
train -m TINY seed=choice(1,2) ->
train -m TINY +reg=[],dropout sweep=two ->
train -m TINY hydra/launcher=joblib hydra.launcher.n_jobs=1 seed=0 ->
plan -m TINY seed=range(3) ->
plan TINY seed=range(0,30,3) ->
list ->
list reg --json ->
list reg --model mlp ->
docs ->
docs sweeps ->
--help ->
--version ->
train TINY ~optimizer.nesterov ->
train TINY train.class_weights=balanced ->
train TINY +reg@reg.wide=dropout +reg@reg.narrow=dropout reg.wide.p=0.1 reg.narrow.p=0.1 ->
train TINY threads=1 ->
train TINY 'seed=${oc.env:SEED}' ->
train TINY optimizer=adamw schedule=constant ->
train TINY +experiment=cocktail model=mlp ->
"""


@RECIPES
def neighbours(chance: random.Random) -> Case:
    """Lines that are right."""
    typed, _ = chance.choice(pairs(RIGHT))
    keys = {word.partition("=")[0] for word in typed}
    common = [word for word in TINY if word.partition("=")[0] not in keys]
    words = [one for word in typed for one in (common if word == "TINY" else [word])]
    env = {"SEED": "3"}
    return Case(
        words or SWEEP, statuses=(0,), env=env, writes=("outputs*", "mine*"), about=" ".join(words)[:80]
    )

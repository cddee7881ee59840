"""Command lines of all commands but train: words, options, folders and outputs that are wrong."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Mapping
from pathlib import Path

from tests.fuzzing.case import TINY, Case, Recipes
from tests.fuzzing.drawn import each, pairs
from tests.fuzzing.values import misspelt

RECIPES = Recipes()
COMMANDS = ("train", "plan", "resume", "test", "compare", "race", "ablate", "strength", "list", "docs")
PLACES = each(
    "nope|empty|file|pipe|circle|broken|zero|precious|EMPTY| |nope/more|file/more|/dev/null|«x*300»|a␤b|-|~|*|/proc/self|␛[31m|"
    "précieux|nope\\|C:\\runs|file://x|.hydra|pipe/x|../nope|«a/*800»x|precious/kept.txt|/dev/stdin|a\udcffb",
    "|",
)


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


@RECIPES
def unknown(chance: random.Random) -> Case:
    """A command that there is not."""
    right = chance.choice(COMMANDS)
    forms = each(
        "{m}|{m}|{u}|--{r}|help|EMPTY| |run|«x*5000»|a␤b|␛[2J|-v|--nope|-h=1|--versio|{r}x|reg=dropout|+reg=dropout|5|.|{r}.py|-{r}",
        "|",
    )
    wrong = chance.choice(forms).format(m=misspelt(chance, right), u=right.upper(), r=right)
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
    places = ["run", chance.choice(PLACES[:12]) or "nope"]
    chance.shuffle(places)

    def prepare(work: Path, stock: Mapping[str, Path]) -> None:
        odd_places(work, stock)
        run_here(work, stock)

    statuses = (2,) if command == "test" else (2, 0)
    return Case([command, *places], statuses=statuses, prepare=prepare, about=f"{command} {places}")


WITHOUT = """
resume -> RUN_FOLDER
test -> RUN_FOLDER
compare -> RUNS
resume run other -> other
resume run run -> run
resume run train.lr=3 -> train.lr
resume run train.epoch=3 -> train.epoch
resume run train.epochs=x -> train.epochs
resume run train.epochs= -> train.epochs
resume run train.epochs=-3 -> train.epochs
resume run train.epochs=0 -> train.epochs
resume run train.epochs=1.5 -> train.epochs
resume run train.epochs=nan -> train.epochs
resume run train.epochs=1e400 -> train.epochs
resume run train.epochs=«9*400» -> train.epochs
resume run train.epochs=«9*5000» -> train.epochs
resume run train.epochs=² -> train.epochs
resume run train.epochs=３x -> train.epochs
resume run train.epochs=[3] -> train.epochs
resume run 'train.epochs= 3' -> train.epochs
resume run train.epochs=2 train.epochs=3 -> train.epochs
resume run train.epochs=2,3 -> train.epochs
resume run train.epochs=3␤4 -> train.epochs
resume run epochs=3 -> epochs
resume run +train.epochs=3 -> train.epochs
resume run seed -> seed
resume train.epochs=3 -> RUN_FOLDER
resume --nope run -> nope
resume run --config-dir x -> config-dir
resume run -m -> -m
test --nope run -> nope
test run seed=3 -> seed=3
test run run --json -> json
docs nope -> nope
docs a b -> b
docs ../README -> README
docs /etc/passwd -> passwd
docs '' -> docs
docs «x*5000» -> docs
docs a␤b -> docs
docs ␛[31m -> docs
docs --nope -> nope
docs swep -> sweeps
docs .. -> docs
docs examples -> examples
docs *.md -> docs
"""


@RECIPES
def without_words(chance: random.Random) -> Case:
    """A command without what it needs, or with too much."""
    words, names = chance.choice(pairs(WITHOUT))
    statuses = (2, 0) if words == ["resume", "run", "run"] else (2,)
    return Case(words, names, statuses, prepare=run_here, about=" ".join(words)[:60])


COMPARING = """
--metric nope -> metric
--metric '' -> metric
--metric val/nope -> metric
--metric val/accuracy␤ -> metric
--metric «x*3000» -> metric
--metric -> metric
--at first -> --at
--at '' -> --at
--at «x*3000» -> --at
--baseline nope -> baseline
--baseline '' -> baseline
--baseline ␛[1m -> baseline
--baseline «x*5000» -> baseline
--best-of nope -> best-of
--best-of '' -> best-of
--best-of train -> best-of
--best-of seed -> best-of
--best-of x␤y -> best-of
--best-of «x*3000» -> best-of
--csv - --json - -> --json
--html - -> html
--html precious -> precious
--html '' -> html
--html nope/x.html -> nope
--csv precious -> precious
--csv nope/x.csv -> nope
--csv precious/kept.txt/x -> kept.txt
--csv '' -> csv
--json /dev/full/x -> /dev/full
--latex /proc/x -> /proc
--markdown «x*300» -> xxx
--figures precious/kept.txt -> kept.txt
--figures - -> figures
--figures /proc/x -> /proc
--figures '' -> figures
--figures precious/kept.txt/x -> kept.txt
--tensorboard precious/kept.txt -> kept.txt
--tensorboard - -> tensorboard
--tensorboard /proc/x -> /proc
--tensorboard precious -> precious
--tensorboard . -> tensorboard
--tensorboard sweep -> tensorboard sweep
--tensorboard '' -> tensorboard
--json '' -> json
--nope -> nope
--on -> --on
--one=3 -> one
--csv -> csv
--HTML x -> HTML
-m -> -m
seed=3 -> seed=3
"""


@RECIPES
def comparing(chance: random.Random) -> Case:
    """An option of compare with what it cannot have."""
    words, names = chance.choice(pairs(COMPARING))
    words = ["compare", "sweep", *words]
    beside = words[-2:-1] == ["--tensorboard"] and words[-1] in (
        "precious",
        ".",
        "sweep",
    )  # files of others stay
    statuses = (2, 0) if names == ["seed=3"] or beside else (2,)
    kept = f"{words[-1]}/" if beside and words[-1] != "." else ""
    writes = (
        [f"{kept}{name}" for name in ("baseline*", "dropout*", ".regbench-events.json")] if beside else ()
    )
    about = " ".join(words)[:60]
    return Case(words, names, statuses, prepare=sweep_here, writes=writes, about=about)


LISTING = """
nope -> nope
regs -> regs
reg model -> model
reg --model nope -> nope
reg --model '' -> model
reg --model -> model
model --model mlp -> model
reg seed=3 -> seed=3
reg --model mlp nope=3 -> nope
reg --model mlp model.width=abc -> width
reg --model mlp model.width=0 -> width
reg --model mlp model.width=1e400 -> width
reg --model mlp model.width -> model.width
reg --model own -> _target_
reg --model own model._target_=nope.Nope -> nope
reg --model own model._target_=os.getcwd -> model
reg --model own model._target_=os.mkdir +model.path=made -> model
reg --model own model._target_=shutil.rmtree +model.path=precious -> model
--config-dir nope -> config-dir
--config-dir file -> config-dir
--config-dir pipe -> config-dir
--config-dir zero -> config-dir
--config-dir circle -> config-dir
--config-dir '' -> config-dir
--config-dir -> config-dir
--nope -> nope
--jso -> jso
--json=3 -> json
'' -> group
«x*5000» -> group
a␤b -> group
␛[31m -> group
reg --model a␤b -> model
reg --model «x*3000» -> model
reg --model mlp dataset=nope -> dataset
reg --model rnn 'seed=${nope}' -> seed
reg --model mlp train.epochs=x -> epochs
reg --model mlp +reg=nope -> reg
"""


@RECIPES
def listing(chance: random.Random) -> Case:
    """Words of list that name nothing."""
    words, names = chance.choice(pairs(LISTING))
    statuses = (2, 0) if "train.epochs=x" in words else (2,)
    return Case(["list", *words], names, statuses, prepare=odd_places, about=f"list {' '.join(words)}"[:60])

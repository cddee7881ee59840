"""Lines of ablate, strength and race that study nothing, or cannot be carried out."""

from __future__ import annotations

import random

from tests.fuzzing.case import TINY, Case, Recipes
from tests.fuzzing.drawn import each, pairs

RECIPES = Recipes()
ABLATE = """
'' -> reg
+reg=nope -> reg
+reg=[] -> reg
+reg=[null] -> reg
+reg=[dropout,dropout] -> reg dropout
reg=[dropout,mixup] -> reg
STACK --nope -> nope
STACK --metric nope -> metric
STACK --metric '' -> metric
STACK --metric «x*2000» -> metric
STACK --json precious -> json
STACK --json nope/x -> json
STACK --json precious/kept.txt/x -> json
STACK --json '' -> json
STACK seed=range(0,5,0) -> seed
STACK seed=range(1e400) -> seed
STACK seed=interval(0,1) -> seed
STACK seed=x -> seed
STACK seed=0,x -> seed
STACK --cfg job -> cfg
STACK --info -> info
STACK --hydra-help -> hydra-help
STACK reg.l2.strength=3 -> l2
STACK --at x -> --at
STACK --pairs=3 -> pairs
STACK --html x -> html
STACK ␛[31m=3 -> key=value
STACK train.epochs=1,nan -> epochs
STACK model.width=abc -> width
STACK hydra.sweep.dir=precious/kept.txt -> sweep.dir precious
STACK hydra.launcher.n_jobs=0 hydra/launcher=joblib -> n_jobs
STACK sweep=../x -> sweep
STACK -> STACK
reg -> reg
--plan -> reg
"""
STRENGTH = """
'' -> reg
reg=dropout -> dropout
reg=dropout reg.dropout.p=0.5 -> dropout.p
reg=dropout reg.dropout.p=0.5,2 -> dropout
reg=dropout reg.dropout.p=a,b -> dropout
reg=dropout reg.dropout.p=0,nan -> dropout
reg=dropout reg.dropout.p=0,null -> dropout
reg=dropout reg.dropout.p=[0,1] -> dropout
reg=dropout reg.dropout.p=range(0,1,0) -> dropout
reg=dropout reg.dropout.p=interval(0,1) -> dropout
reg=dropout reg.dropout.p=«9*400»,0 -> dropout
reg=dropout reg.dropout.mode=inverted,nope -> mode
reg=dropout reg.dropout.nope=0,1 -> nope
reg=[dropout,l2] reg.dropout.p=0,0.5 reg.l2.strength=0,1 -> dropout l2
VALUES --nope -> nope
VALUES --html precious -> html
VALUES --html nope/x -> html
VALUES --html '' -> html
VALUES --figures precious/kept.txt -> figures
VALUES --json '' -> json
VALUES --metric '' -> metric
VALUES --at '' -> --at
VALUES model.width=8,abc -> width
VALUES seed=interval(0,1) -> seed
VALUES seed=range(nan) -> seed
VALUES --force=3 -> force
VALUES hydra.sweep.dir=precious/kept.txt -> sweep.dir precious
VALUES --cfg job -> cfg
VALUES sweep=. -> sweep
reg=nope reg.nope.p=0,1 -> nope
train.lr=0.1,0.2 -> reg
--plan -> reg
dropout -> dropout reg
"""
RACE = """
'' -> reg
+reg=[] -> reg
+reg=nope -> reg
+reg=dropout model=mlp,cnn -> model
+reg=dropout budget=2 -> budget
+reg=dropout budget= -> budget
+reg=dropout budget=«9*400»h -> budget
+reg=dropout budget=2h budget=3h -> budget
+reg=dropout budget.seeds=3 -> budget.seeds
+reg=dropout budget.jobs=nan -> budget.jobs
+reg=dropout budget.nope=3 -> budget.nope
+reg=dropout seed=1,2 -> seed
+reg=dropout seed=interval(0,1) -> seed
+reg=dropout --margin -1 -> margin
+reg=dropout --margin '' -> margin
+reg=dropout --margin nan -> margin
+reg=dropout --fixed-seeds -> fixed-seeds
+reg=dropout --metric nope -> metric
+reg=dropout --json nope/x -> json
+reg=dropout --nope -> nope
+reg=dropout --info -> info
+reg=dropout hydra.sweep.dir=precious/kept.txt -> sweep.dir precious
--plan -> reg
"""


@RECIPES
def ablating(chance: random.Random) -> Case:
    """A line of ablate that has no stack to take apart, or is wrong."""
    return _of(
        chance, "ablate", ABLATE.replace("STACK -> STACK\n", "").replace("STACK", "+reg=[dropout,mixup]")
    )


@RECIPES
def strengthening(chance: random.Random) -> Case:
    """A line of strength that sweeps no value of one member, or is wrong."""
    return _of(chance, "strength", STRENGTH.replace("VALUES", "reg=dropout reg.dropout.p=0,0.5"))


@RECIPES
def racing(chance: random.Random) -> Case:
    """A line of race that nothing can come of."""
    return _of(chance, "race", RACE)


def _of(chance: random.Random, command: str, table: str) -> Case:
    words, names = chance.choice(pairs(table))
    words = [word for word in words if word or len(words) > 1]
    taken = tuple(word.partition("=")[0] for word in words)
    words = [*words, *(one for one in TINY if one.partition("=")[0] not in taken)]
    statuses = (2, 0) if "reg=[dropout,mixup]" in words else (2,)
    return Case(
        [command, *words], names, statuses, writes=("outputs*",), about=f"{command} {' '.join(words)}"[:80]
    )


@RECIPES
def planning(chance: random.Random) -> Case:
    """What plan is asked, and does not do."""
    table = "--cfg job -> cfg;--info -> info;--hydra-help -> hydra-help;--force=1 -> force;--json x -> json;--resolve -> resolve"
    table += ";-sc query=bash -> completion -sc;--package x -> package -p;--experimental-rerun x -> rerun;--nope -> nope;run -> run"
    words, names = chance.choice(pairs(table.replace(";", "\n")))
    return Case(["plan", *TINY, *words], names, about=f"plan {' '.join(words)}")


@RECIPES
def helped(chance: random.Random) -> Case:
    """Help is given, whatever else stands there."""
    command = chance.choice(
        ("train", "plan", "resume", "test", "compare", "race", "ablate", "strength", "list", "docs", "search", "final", "advise")
    )
    besides = chance.choice(each("--help|-h|--help --help|-h nope|--help ␛[31m", "|")).split()
    return Case([command, *besides], statuses=(0, 2), about=f"{command} {besides}")

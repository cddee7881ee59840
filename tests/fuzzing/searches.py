"""Lines of search, final and advise that search nothing, or cannot be carried out."""

from __future__ import annotations

import random
from pathlib import Path

from tests.fuzzing.case import TINY, Case, Recipes
from tests.fuzzing.drawn import pairs

RECIPES = Recipes()
SEARCH = """
'' -> candidates reg
+reg=[] -> reg
+reg=nope -> reg
+reg=[dropout,dropout] -> dropout
trials=8 -> candidates reg
REG trials=0 -> trials
REG trials=-3 -> trials
REG trials=nan -> trials
REG trials=1.5 -> trials
REG trials=«9*400» -> trials
REG trials=8,9 -> trials
REG trials= -> trials
REG trials=8 trials.baseline=0 -> trials.baseline
REG trials=8 trials.baseline=9 -> trials.baseline trials
REG trials=8 trials.nope=3 -> trials.nope
REG trials=8 finalists=0 -> finalists
REG trials=8 finalists=x -> finalists
REG trials=8 confirm.seeds=2 -> confirm.seeds
REG trials=8 confirm.nope=3 -> confirm.nope
REG trials=8 batch=0 -> batch
REG trials=8 batch=many -> batch
REG trials=8 sampler=nope -> sampler
REG trials=8 sampler.seed=-1 -> sampler.seed
REG trials=8 pruner=nope -> pruner
REG trials=8 storage=nope -> storage
REG trials=8 storage=nope://x:y@z/w -> storage
REG trials=8 study= -> study
REG trials=8 study=../x -> study
REG trials=8 study=. -> study
REG budget=0h -> budget
REG budget=2 -> budget
REG budget=-3h -> budget
REG trials=8 budget=2h budget=3h -> budget
REG trials=8 reg.dropout.p=interval(0,2) -> dropout.p
REG trials=8 reg.dropout.p=interval(0.5,0.1) -> dropout.p
REG trials=8 reg.dropout.p=interval(0.5) -> dropout.p
REG trials=8 reg.dropout.p=interval(nan,1) -> dropout.p
REG trials=8 reg.dropout.nope=interval(0,1) -> nope
REG trials=8 reg.mixup.alpha=interval(0,1) -> mixup
REG trials=8 train.lr=interval(-1,1) -> lr
REG trials=8 train.epochs=0 -> epochs
REG trials=8 model=nope -> model
REG trials=8 model=mlp,cnn -> model
REG trials=8 dataset=nope -> dataset
REG trials=8 --metric nope -> metric
REG trials=8 --metric gap/accuracy -> metric
REG trials=8 --margin 0 -> margin
REG trials=8 --margin x -> margin
REG trials=8 --at x -> --at
REG trials=8 --fixed-seeds -> fixed-seeds
REG trials=8 --nope -> nope
REG trials=8 --json nope/x -> json
REG trials=8 --json precious -> json
REG trials=8 --html '' -> html
REG trials=8 --figures precious/kept.txt -> figures
REG trials=8 hydra/launcher=nope -> launcher
REG trials=8 hydra.sweep.dir=precious/kept.txt -> sweep.dir precious study
REG trials=8 --cfg job -> cfg
"""
FINAL = """
'' -> STUDY
nope -> nope
precious -> precious
precious/kept.txt -> kept.txt
'outputs/searches/../..' -> study search
nope another -> another
nope --nope -> nope
nope --json '' -> json
half -> half
torn -> torn
"""
ADVISE = """
+reg=dropout budget=1h -> reg
reg.dropout.p=0.3 budget=1h -> reg
seed=3 budget=1h -> seed
model=mlp,cnn budget=1h -> model
model=nope budget=1h -> model
dataset=nope budget=1h -> dataset
dataset.num_train=1 budget=1h -> num_train
budget=0s -> budget
budget=3 -> budget
budget=nan -> budget
budget=«9*400»h -> budget
budget= -> budget
budget=1h budget=2h -> budget
budget.nope=1 -> budget
budget=1h study=../x -> study
budget=1h study= -> study
budget=1h --margin -1 -> margin
budget=1h --metric nope -> metric
budget=1h --at x -> --at
budget=1h --html nope/x -> html
budget=1h --html precious -> html
budget=1h --json '' -> json
budget=1h --nope -> nope
budget=1h --test=3 -> test
budget=1h --plan=3 -> plan
budget=1h train.epochs=1,2 -> epochs
budget=1h train.nope=2 -> nope
budget=1h -m -> -m
"""


@RECIPES
def searching(chance: random.Random) -> Case:
    """A line of search that searches nothing, or is wrong."""
    return _of(chance, "search", SEARCH.replace("REG", "+reg=[dropout,l2]"))


@RECIPES
def advising(chance: random.Random) -> Case:
    """A line of advise that is wrong."""
    return _of(chance, "advise", ADVISE)


@RECIPES
def reading_once(chance: random.Random) -> Case:
    """What is no study that final could read."""
    words, names = chance.choice(pairs(FINAL))
    words = [word for word in words if word or len(words) > 1]
    return Case(["final", *words], names, prepare=_studies, about=f"final {' '.join(words)}")


def _studies(work: Path, _: object) -> None:
    """Folders of searches that never came to an end: one with nothing in it, one with half a file."""
    for name, text in (("half", ""), ("torn", '{"winner": ')):
        place = work / name / "study"
        place.mkdir(parents=True)
        (place / "search.json").write_text(text)


def _of(chance: random.Random, command: str, table: str) -> Case:
    words, names = chance.choice(pairs(table))
    words = [word for word in words if word or len(words) > 1]
    taken = tuple(word.partition("=")[0] for word in words)
    words = [*words, *(one for one in TINY if one.partition("=")[0] not in taken)]
    return Case([command, *words], names, about=f"{command} {' '.join(words)}"[:80])

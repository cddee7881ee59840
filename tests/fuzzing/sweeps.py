"""Flags, sweeps, stacks, references and signs on a command line that mean nothing, or never end."""

from __future__ import annotations

import random

from tests.fuzzing.case import TINY, Case, Recipes
from tests.fuzzing.drawn import pairs, plain
from tests.fuzzing.lines import command
from tests.fuzzing.values import named

RECIPES = Recipes()
FLAGS = """
--nope -> nope
--epochs=3 -> epochs
--epochs 3 -> epochs
-x -> -x
--config-name x -> config-name
-cn x -> config-name -cn
--config-path x -> config-path
-cp x -> config-path -cp
--experimental-rerun x -> rerun
--experimental-rerun=precious/kept.txt -> rerun
--experimental-rerun /dev/zero -> rerun
--experimental /dev/zero -> experimental
--resolve -> resolve
--package train -> package
-p train -> package -p
--info nope -> info
-i nope -> info
--cfg nope -> cfg
-c nope -> cfg -c
--cfg -> cfg
--config-dir -> config-dir
--config-dir nope -> config-dir
--config-dir precious/kept.txt -> config-dir
--config-dir /dev/null -> config-dir
--config-dir= -> config-dir
--config-dir . --config-dir . -> config-dir
-cd nope -> config-dir
--force -> force
--fail-fast -> fail-fast
--forc -> forc
--verbose -> verbose
-v -> -v
-f -> -f
--multirun=3 -> multirun
--cfg job --package nope -> package
--cfg all --package nope.more -> package
--cfg job --resolve --package train.nope -> package
--shell-completion -> completion -sc
-sc -> completion -sc
-sc nope -> completion -sc
--json -> json
--model mlp -> model
--seed=1 -> seed
--reg=dropout -> reg
--+reg=dropout -> reg
-- --nope -> nope
--- -> -
—epochs=3 -> epochs
/epochs:3 -> epochs
-reg=dropout -> reg
-Dseed=1 -> seed
--no-deterministic -> deterministic
--run --multirun -> run
--hydra-help=3 -> hydra-help
--help=3 -> help
--version=3 -> version
--«x*3000» -> xxx
"""


@RECIPES
def flags(chance: random.Random) -> Case:
    """Options of the program, or of Hydra, that are not for it."""
    words, names = chance.choice(pairs(FLAGS))
    statuses = (2, 0) if names == ["run"] else (2,)
    return Case(["train", *words], names, statuses, about=f"flags {' '.join(words)}"[:60])


SWEEPS = """
range(0,10,0) range(nan) interval(0,1) range(1e400) range(inf) range(100000000) range(0) range() range(a) range(1,2,3,4)
range(0,1,1e-12) choice() glob(*) interval(1) tag(a) range(0,-5) shuffle() sort() range(0,10,-1) range(0,1e18) range(5,5)
nope(3) range(nan,1) choice(a,b) range(-3,0) interval(0,inf) range(0,inf,1) int(a) float(nan) json_str(1) range
range(1,3,nan) range(9999999999999999999999) choice(1,[2]) choice(null,1) range(0..5) 0..5 0-5 0:5 range(start=0,stop=1e9)
range(step=1) choice(range(3)) extend_list(1) tag(a,b,interval(0,1)) range(0,5,0.0) range(-1e18,1) range(0,1e6,1e-6) range(0.5,3)
range(0,10,inf) range(«9*400») range(0,«9*400») choice(«9*400») 1,x 1,,2 1, ,1 range(2),range(3) [1,2],[3] {a:1},2 shuffle(a,b)
sort(3,x) bool(3) str(x) cast(3) interval(nan,nan) range(0,-inf,-1) 1e400,1 nan,1 range(1e18,1e18+2) range('3') range([3])
"""


@RECIPES
def sweeps(chance: random.Random) -> Case:
    """Ranges and functions of a sweep that have no end, no step or no values."""
    wrong = chance.choice([plain(word) for word in SWEEPS.split()])
    return Case(
        [*chance.choice((["train", "-m"], ["plan"])), *TINY, f"seed={wrong}"],
        ["seed"],
        about=f"seed={wrong[:40]}",
    )


@RECIPES
def too_many(chance: random.Random) -> Case:
    """A sweep of more jobs than anybody meant."""
    keys = ("seed", "train.lr", "model.width", "train.epochs", "dataset.split_seed")
    words = [
        f"{key}=range(1,{chance.choice((200, 999, 5000))})"
        for key in chance.sample(keys, chance.choice((3, 4, 5)))
    ]
    common = [word for word in TINY if not word.startswith(("model.width", "train.epochs"))]
    return Case(
        [*chance.choice((["train", "-m"], ["plan"])), *common, *words], ["jobs", *keys], about=" ".join(words)
    )


STACKS = """
[null] [5] [[dropout]] [dropout,dropout] dropout+mixup {dropout:1} '' [''] [dropout 5 [dropout,nope] nope [true] [1.5]
[dropout,[mixup]] [{dropout:1}] dropout.p dropout(0.5) [dropout;mixup] 'dropout␉mixup' ~dropout !dropout Dropout [dropout,null]
true dropout:0.5 reg/dropout ../model/mlp [../model/mlp] /etc/passwd [dropout,dropout,dropout] {} [dropout|mixup] dropout/p
dropout@p [-dropout] [dropout,5] ${nope} [${nope}] ??? [???] null_ [dropout.yaml] dropout.yaml [dropout,] [,dropout] *
[*] glob(* reg=dropout [reg=dropout] =dropout dropout= [Dropout] DROPOUT drop-out drop_out dropout1 [l2,L2] /dropout ./dropout
"""


@RECIPES
def stacks(chance: random.Random) -> Case:
    """Stacks that are none."""
    wrong = chance.choice([plain(word) for word in STACKS.split()])
    return Case([*command(chance), *TINY, f"+reg={wrong}"], ["reg", "dropout"], about=f"+reg={wrong}")


REFERENCES = """
${nope} ${nope.more} ${oc.env:NOPE_NOPE} ${oc.decode:'['} ${nope:1} ${train} ${model} ${.nope} ${KEY} ${oc.env:HOME}
${hydra:nope} ${oc.select:nope.nope,x} ${} ${${nope}} ${now:} ${oc.env:} ${oc.create:{a:1}} ${stack:5} ${whole:a}
${lr_with_sgd:1} ${oc.dict.keys:train} ${oc.deprecated:x} ${..nope} ${oc.env:NOPE,x} ${nope ${nope}} x${nope}x ${model._target_}
${oc.env:[]} ${oc.select:model} ${sweep_or:a,b} ${lr_with_sgd:1,5} ${hydra:runtime.cwd} ${reg} ${reg.dropout.p} ${[nope]} ${a.b.c}
"""


@RECIPES
def references(chance: random.Random) -> Case:
    """References to nothing, to itself, to what is no value."""
    key = chance.choice(("seed", "train.epochs", "train.lr", "model.width", "dataset.num_train", "threads"))
    wrong = chance.choice(REFERENCES.split()).replace("KEY", key)
    words = [word for word in TINY if not word.startswith(f"{key}=")]
    begin = chance.choice((["train"], ["plan"], ["train", "-m"]))
    return Case([*begin, *words, f"{key}={wrong}"], named(key), about=f"{key}={wrong}")


SIGNS = "a␤b a␍b ␛[31mred a␉b ␇ \u202ekey a\u2028b \x9b31m «x*5000» «é*700» «[*900» «(*900» «{a:*300» «a.*900» «\\*801» ␛]0;t␇"
SIGNED_FORMS = """
{}=1 ->
seed={} -> seed
model={} -> model
+reg={} -> reg
train.{}=1 ->
{} ->
device=\\'{}\\' -> device
sweep=\\'{}\\' -> sweep
+reg=[\\'{}\\'] -> reg
--{} ->
+{}=1 ->
model.norm=\\'{}\\' -> norm
optimizer._target_=\\'{}\\' -> optimizer
dataset.root=[\\'{}\\'] -> root
~{} ->
+reg@reg.{}=dropout ->
hydra.launcher.{}=1 ->
model.tie=[[\\'{}\\',\\'{}\\']] -> tie
evaluate=[\\'{}\\'] -> evaluate
train.class_weights=\\'{}\\' -> class_weights
dataset=\\'{}\\' -> dataset
"""


@RECIPES
def signs(chance: random.Random) -> Case:
    """Control signs, line ends and endless words in what is typed."""
    bad = chance.choice([plain(word) for word in SIGNS.split(" ")] + ["\udcff", "\udce9t\udce9"])
    (form,), names = chance.choice(
        [(words, names) for words, names in pairs(SIGNED_FORMS.replace(" ->\n", " -> \n"))]
    )
    common = [word for word in TINY if not names or word.partition("=")[0].rpartition(".")[2] != names[0]]
    typed = form.replace("{}", bad)
    return Case([*command(chance), *common, typed], names, about=f"signs in {form}: {bad[:12]!r}")

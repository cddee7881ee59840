"""Words of a command line that cannot be read, are no overrides, or have signs that do not belong."""

from __future__ import annotations

import random

from tests.fuzzing.case import TINY, Case, Recipes
from tests.fuzzing.drawn import each, pairs, plain
from tests.fuzzing.lines import command
from tests.fuzzing.values import named

RECIPES = Recipes()
FORMS = """
{k} {k}:{v} {k}== {k}= {k}=[{v} {k}=({v} {k}='{v} {k}="{v} {k}=[[{v}] {k}={{{v} {k}=}}{v} {k}={v}, {k}=,{v} {k}={v},,{v}
+{k} ~{k}={v}x {k}:={v} {k}=={v} {k}+={v} {k}-={v} {k}=@{v} {k}={v}= -{k}={v} --{k}={v} {k}→{v} {k}={v}# {k}=f({v} {k}={v})
{k}=[{v};{v}] @{k}={v} {k}@{v} ?{k}={v} {k}=${{ {k}=${{{v} ({k}={v}) "{k}={v} {k}={v}|{v} *={v} {k}*={v} {k}[0]={v}
{k}=={v}== {k}={{a:{v} {k}={v}\\ {k}=!{v} {k}=<{v}> {k}＝{v} {k}={v}␀x {k}=`{v}` !{k}={v} {k}={v}; {k}=&{v} %{k}={v} {k}=*{v}
{k}␉={v} {k}=␉[{v} {k}=[{v},] {k}=[,] {k}={{}}{v} {k}=[{v}]] {k}=({v},{v}) {k}=''{v} {k}=\\ {k}.={v} .{k}={v} {k}..{k}={v}
"""
CUT = """
train.epochs = 3
train.epochs =3
train.epochs= 3
seed =1
+reg= dropout
+reg=[dropout, mixup]
+reg=[dropout ,mixup]
+ reg=dropout
+reg =dropout
reg. dropout.p=0.3
model . width=8
- m seed=1
-- cfg job
+reg=[ dropout]
seed= =1
"""
STRAY = """
EMPTY
=
==
dropout
help
?
epochs
3
[]
{}
+
~
++
...
*
é=1
a b
a b=1
=value
+=1
~=
@
/
//
\\
$(id)
`id`
a;b
&&
|
config.yaml
train.yaml
.
..
~/x
http://x.y/z
model
reg
%s
{0}
a=b=c=d==
""
''
#
# comment
train
train.epochs
-m=3
x␤y
␛[31m
None
null
true=false
1=2
on=off
:
a:b
!
"""


@RECIPES
def broken(chance: random.Random) -> Case:
    """A word that cannot be read as key=value."""
    pairs_of = (("train.epochs", "3"), ("model.width", "8"), ("seed", "1"), ("train.lr", "0.1"))
    key, value = chance.choice(pairs_of)
    wrong = chance.choice([form for form in FORMS.split() if "␀" not in form])
    wrong = plain(wrong.format(k=key, v=value))
    common = [word for word in TINY if word.partition("=")[0] != key]
    begin = ["train"] if "," in wrong else command(chance)
    about = f"broken word {wrong}"
    return Case([*begin, *common, wrong], [*named(key), key.split(".")[0], wrong], about=about)


@RECIPES
def blanks(chance: random.Random) -> Case:
    """Blanks that cut a word in two."""
    cut = chance.choice(each(CUT)).split(" ")
    common = [word for word in TINY if not word.startswith(("train.epochs", "seed", "model"))]
    return Case(["train", *common, *cut], [word.strip("+.=") or word for word in cut], about=" ".join(cut))


@RECIPES
def stray(chance: random.Random) -> Case:
    """Words that are no overrides at all."""
    return Case([*command(chance), *TINY, chance.choice(each(STRAY))])


@RECIPES
def twice(chance: random.Random) -> Case:
    """A key that is set twice."""
    table = "seed 1 2;train.epochs 1 2;model mlp cnn;+reg l2 sam;model.width 8 8;dataset digits mnist;hydra.run.dir a b;sweep a b"
    key, a, b = chance.choice([one.split() for one in table.split(";")])
    return Case([*command(chance), f"{key}={a}", f"{key}={b}"], [key.lstrip("+")])


SIGNED = """
+train.epochs=3 -> train.epochs
+seed=1 -> seed
+model=mlp -> model
model.nope=3 -> nope
dataset.nope=3 -> nope
+model.nope=3 -> nope
+optimizer.nope=3 -> nope
+dataset.nope=3 -> nope
+schedule.nope=3 -> nope
+train.nope=3 -> nope
+nope=3 -> nope
++nope=3 -> nope
++train.nope=3 -> nope
++train.epochs=x -> train.epochs epochs
~seed -> seed
~train -> train
~train.lr -> lr
~train.epochs -> epochs
~model -> model
~model.width -> width
~model._target_ -> _target_ model
~dataset -> dataset
~nope -> nope
~seed=7 -> seed
~ -> config ~
~reg -> reg
~optimizer -> optimizer
~optimizer.lr -> lr optimizer
~schedule -> schedule
+++seed=1 -> seed
+~seed=1 -> seed
~~seed -> seed
~reg.dropout -> dropout
+reg.dropout.p=0.3 -> dropout
reg.dropout.p=0.3 -> dropout
reg=5 -> reg
reg.dropout=5 -> dropout reg
reg.x={_target_:nope.Nope} -> reg
+reg.x={a:1} -> reg
+reg.x=5 -> reg
model@foo=mlp -> model
+model@model.inner=mlp -> model
+reg@=dropout -> reg
+reg@reg=dropout -> reg
+reg@reg.x.y.z=nope -> reg
+reg@train=dropout -> reg train
+dataset@reg.x=digits -> reg
~hydra -> hydra
+schedule.nope.more=3 -> nope
+hydra.nope=3 -> nope
+train={epochs:3} -> train
train={} -> train
train={epochs:3} -> train
model={} -> model
dataset={num_train:3} -> dataset
+defaults=[] -> defaults
+defaults.model=mlp -> defaults
_target_=x -> _target_
+_target_=x -> _target_
+_partial_=true -> _partial_
+model._partial_=true -> _partial_ model
+model._args_=[1] -> _args_ model
+optimizer._convert_=all -> _convert_ optimizer
+optimizer.params=[] -> params optimizer
+optimizer.maximize=true -> maximize optimizer
+model.in_shape=[1] -> in_shape model
+model.num_classes=3 -> num_classes model
+dataset.download=true -> download dataset
+dataset.path=x -> path dataset
"""


@RECIPES
def signed(chance: random.Random) -> Case:
    """A plus or a tilde where it does not belong, or none where it does."""
    (wrong,), names = chance.choice(pairs(SIGNED))
    mild = ("maximize", "_partial_", "_convert_", "train={epochs:3}", "dataset={num_train:3}")
    statuses = (2, 0) if any(word in wrong for word in mild) else (2,)
    common = [word for word in TINY if not word.startswith(wrong.lstrip("+~").split("=")[0].split(".")[0])]
    return Case([*command(chance), *common, wrong], names, statuses, about=wrong)

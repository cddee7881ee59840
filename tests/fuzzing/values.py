"""Settings by what they take, and values that are wrong for it."""

from __future__ import annotations

import random
import re
import shlex
from dataclasses import dataclass

from tests.fuzzing.case import TINY
from tests.fuzzing.drawn import each

HUGE = each("1e400 -1e400 1e309 «9*309» -«9*309» «1*5000»", None)
NO_NUMBER = each(
    "abc nan NaN inf -inf .inf [1] [] {a:1} true '' 0x 1e --1 ten 1_0_ ½ 1.2.3 [1,2] {} null_ 1;2 5% '3␉4' !!int "
    "None NULL? $1 %d 1:30 2020-01-01 0b2 [nan] '[1' on_ 1e5x ３½ [[1]] {1:1} 1/2 √2 1,5e '-' + . 0..1 :",
    None,
)
NO_WHOLE = each("1.5 0.5 2.000001 1e-3 -0.5", None)
NO_WORD = each("[] {} 5 1.5 [5] {a:b} '' nope NONE_ 'a␉b' [null] été «x*3000» -1 [[a]] x/y ..", None)
NO_TRUTH = each("2 maybe [true] {} -1 1.5 '' null truee wahr ja 'true␉' [[]]", None)

# key; what it takes (a whole number from, a number, a word, yes or no); words that it needs; values outside its range
TABLE = """
train.epochs; whole 1;;
train.batch_size; whole 1;;
train.accumulate; whole 1;;
train.evaluate_every; whole 1;;
train.evaluate_rows; ;; 0 -1 all 1.5 true [5] {a:1} ''
train.lr; number;; -1 -1e-9 1e39
train.class_weights; ;; nope [1] [a,b] {a:1} 5 true [1,-1,1,1,1,1,1,1,1,1] [nan] [null] [] balancd
seed; whole 0;; 4294967296
threads; count 1;;
device; ;; [] {} 5 nope 'a␉b' cuda:99 cuda:-1 gpu cpu:x null [cpu] cuda:x ''
precision; word;; fp64 FP32 bf-16
checkpoints; word;; Last best+last last,best+
evaluate; ;; nope [nope] [5] [null] [[calibration]] {a:1} 5 null [calibration,calibration] calibration '' [calibration,nope]
evaluate_test; truth;;
deterministic; truth;;
sweep; ;; '' ../x . .. a/b [a] {a:1} /tmp 'a␉b' 5. -x «x*300» 'a␤b' con. ~
dataset.num_train; count 1;;
dataset.split_seed; whole 0;;
dataset.train_fraction; number;; 0 -0.1 1.1 2 1e300 1e-300
dataset.label_noise; number;; -0.1 1.1 2 1e300
dataset.root; ;; [] {a:1} 5 null true
model.width; whole 1;;
model.lr; ;; abc [1] {a:1} -1 nan inf 1e400
model.norm; word;;
model.tie; ;; 5 [a] [[a,b]] [[a]] [null] {a:b} nope [[layers.0]] [[layers.1,nope]] null
model.depth; whole 0; model=resnet; 7
model.heads; whole 1; model=transformer; 3
model.patch; count 1; model=transformer; 3 100
model.share_layers; whole 1; model=transformer;
model.norm; word; model=transformer;
model.embedding; whole 1; model=rnn;
optimizer.lr; number;; -1
optimizer.momentum; number;; -1 -0.5
optimizer.nesterov; truth;;
optimizer.betas; ; optimizer=adam; [0.9] [] [1,2,3] 5 [a,b] [2,2] [null,null] {a:1} null 0.9
optimizer.eps; number; optimizer=adam; -1
optimizer.weight_decay; number; optimizer=adamw; -1
schedule.warmup; number; schedule=cosine; -0.1 1.5 2
schedule.milestones; ; schedule=step; 5 [a] [2] [-1] [null] {a:1} [[0.5]] nope null
schedule.gamma; number; schedule=step; -1
reg.dropout.p; number; +reg=dropout; -0.1 1.1 2
reg.dropout.mode; word; +reg=dropout;
reg.dropout.where; ; +reg=dropout; [] nope 5 {a:1} null [5] ''
reg.l2.strength; number; +reg=l2; -1 -1e-3
reg.l2.scope; word; +reg=l2;
reg.mixup.alpha; number; +reg=mixup; -1 -0.2
reg.mixup.per; word; +reg=mixup;
reg.sam.rho; number; +reg=sam; -1
reg.sam.adaptive; truth; +reg=sam;
reg.early_stopping.patience; whole 1; +reg=early_stopping;
reg.early_stopping.monitor; word; +reg=early_stopping; test/loss val/ select/nope
reg.early_stopping.mode; word; +reg=early_stopping;
reg.label_smoothing.epsilon; number; +reg=label_smoothing; -0.1 1.5
train; ;; 5 null [] nope true
model; ;; 5 null [] {a:b} true ''
optimizer; ;; 5 null [] {a:b} true ''
"""


@dataclass(frozen=True)
class Setting:
    """A key of the command line.

    Attributes:
        key: as it is typed.
        wrong: values that it cannot have.
        besides: words that it needs.
    """

    key: str
    wrong: tuple[str, ...]
    besides: tuple[str, ...] = ()

    @property
    def named(self) -> tuple[str, ...]:
        """How a sentence may name it."""
        return named(self.key)


def named(key: str) -> tuple[str, ...]:
    """How a sentence may name a key."""
    head, _, last = key.rpartition(".")
    ways = [key, f"{head}: {last}" if head else f"{last}:"]
    return tuple([*ways, last] if len(last) > 3 else ways)


def _read(line: str) -> Setting:
    key, kind, besides, outside = (part.strip() for part in line.split(";", 3))
    sort, _, least = kind.partition(" ")
    wrong = list(each(outside, None)) if outside else []
    if sort in ("whole", "count"):  # null is a count that is not given
        wrong += [*HUGE, *NO_NUMBER, *NO_WHOLE, *(str(int(least) - n) for n in (1, 2, 1000))]
        wrong += ["null"] if sort == "whole" else []
    wrong += {"number": [*HUGE, *NO_NUMBER, "null"], "word": NO_WORD, "truth": NO_TRUTH}.get(sort, [])
    return Setting(key, tuple(wrong), tuple(shlex.split(besides)))


SETTINGS = [_read(line) for line in TABLE.strip().splitlines()]


def with_setting(setting: Setting, value: str) -> list[str]:
    """The words of a short run with a value for a setting."""
    taken = {setting.key, *(word.partition("=")[0] for word in setting.besides)}
    common = [word for word in TINY if word.partition("=")[0] not in taken]
    chosen = any(word.startswith("model=") for word in setting.besides)
    common = [word for word in common if not (chosen and word.startswith("model."))]
    common = [word for word in common if not word.startswith(f"{setting.key}.")]
    return [*setting.besides, *common, f"{setting.key}={value}"]


def misspelt(chance: random.Random, word: str) -> str:
    """A word with a slip of a finger: a letter left out, doubled, swapped or another; another word always."""
    while True:
        at = chance.randrange(len(word))
        other = chance.choice("qxzwk")
        slips = [word[:at] + word[at + 1 :], word[: at + 1] + word[at:], word[:at] + other + word[at + 1 :]]
        if at + 1 < len(word):
            slips.append(word[:at] + word[at + 1] + word[at] + word[at + 2 :])
        made = chance.choice(slips)
        if made != word and re.fullmatch(r"\w+", made):
            return made

"""Settings by what they take, and values that are wrong for it."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from tests.fuzzing.case import TINY

HUGE = ("9" * 309, "-" + "9" * 309, "1" * 5000, "1e400", "-1e400", "1e309")
NO_NUMBER = (
    "abc",
    "nan",
    "NaN",
    "inf",
    "-inf",
    ".inf",
    "[1]",
    "[]",
    "{a:1}",
    "true",
    "''",
    "0x",
    "1e",
    "--1",
    "ten",
)
NO_NUMBER += (
    "1_0_",
    "½",
    "1.2.3",
    "[1,2]",
    "{}",
    "null_",
    "1;2",
    "5%",
    "3 4",
    "!!int",
    "None",
    "NULL?",
    "$1",
    "%d",
)
NO_WHOLE = ("1.5", "0.5", "2.000001", "1e-3")
NO_WORD = (
    "[]",
    "{}",
    "5",
    "1.5",
    "[5]",
    "{a:b}",
    "''",
    "nope",
    "NONE_",
    "'a b'",
    "[null]",
    "été",
    "x" * 3000,
)
NO_TRUTH = ("2", "maybe", "[true]", "{}", "-1", "1.0", "''", "null", "truee", "wahr")


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


def _whole(key: str, least: int, *besides: str, null: bool = False) -> Setting:
    below = tuple(str(least - n) for n in (1, 2, 1000))
    none = () if null else ("null", "None")
    return Setting(key, (*HUGE, *NO_NUMBER, *NO_WHOLE, *below, *none), besides)


def _number(key: str, outside: Sequence[str], *besides: str, null: bool = False) -> Setting:
    none = () if null else ("null",)
    return Setting(key, (*HUGE[2:], *NO_NUMBER, *outside, *none), besides)


SETTINGS = [
    _whole("train.epochs", 1),
    _whole("train.batch_size", 1),
    _whole("train.accumulate", 1),
    _whole("train.evaluate_every", 1),
    _whole("seed", 0),
    _whole("threads", 1, null=True),
    _whole("dataset.num_train", 1, null=True),
    _whole("dataset.split_seed", 0),
    _whole("model.width", 1),
    _whole("model.depth", 0, "model=resnet"),
    _whole("model.heads", 1, "model=transformer"),
    _number("train.lr", ("-1", "-1e-9", "1e39")),
    _number("dataset.train_fraction", ("0", "-0.1", "1.1", "2", "1e300")),
    _number("dataset.label_noise", ("-0.1", "1.1", "2", "1e300")),
    _number("optimizer.momentum", ("-1", "-0.5")),
    _number("reg.dropout.p", ("-0.1", "1.1", "2"), "+reg=dropout"),
    _number("reg.l2.strength", ("-1", "-1e-3"), "+reg=l2"),
    _number("reg.mixup.alpha", ("-1", "-0.2"), "+reg=mixup"),
    _number("reg.sam.rho", ("-1",), "+reg=sam"),
    _whole("reg.early_stopping.patience", 1, "+reg=early_stopping"),
    _number("schedule.warmup", ("-0.1", "1.5", "2"), "schedule=cosine"),
    Setting("deterministic", NO_TRUTH),
    Setting("evaluate_test", NO_TRUTH),
    Setting("precision", NO_WORD),
    Setting("checkpoints", NO_WORD),
    Setting(
        "device", ("[]", "{}", "5", "nope", "'a b'", "cuda:99", "cuda:-1", "gpu", "cpu:x", "null", "[cpu]")
    ),
    Setting("model.norm", NO_WORD),
    Setting("reg.dropout.mode", NO_WORD, ("+reg=dropout",)),
    Setting("reg.early_stopping.mode", NO_WORD, ("+reg=early_stopping",)),
    Setting(
        "evaluate",
        (
            "nope",
            "[nope]",
            "[5]",
            "[null]",
            "[[calibration]]",
            "{a:1}",
            "5",
            "null",
            "[calibration,calibration]",
        ),
    ),
    Setting(
        "train.class_weights",
        ("nope", "[1]", "[a,b]", "{a:1}", "5", "true", "[1,-1,1,1,1,1,1,1,1,1]", "[nan]", "[null]"),
    ),
    Setting("model.tie", ("5", "[a]", "[[a,b]]", "[[a]]", "[null]", "{a:b}", "nope")),
    Setting(
        "optimizer.betas",
        ("[0.9]", "[]", "[1,2,3]", "5", "[a,b]", "[2,2]", "[null,null]", "{a:1}"),
        ("optimizer=adam",),
    ),
    Setting(
        "schedule.milestones", ("5", "[a]", "[2]", "[-1]", "[null]", "{a:1}", "[[0.5]]"), ("schedule=step",)
    ),
    Setting("sweep", ("''", "../x", ".", "..", "a/b", "[a]", "{a:1}", "/tmp", "'a b'", "5.", "-x")),
    Setting("train", ("5", "null", "[]", "nope", "true")),
    Setting("model.lr", ("abc", "[1]", "{a:1}", "-1", "nan", "inf", "1e400")),
    Setting("dataset.root", ("[]", "{a:1}", "5", "null", "true")),
]


def with_setting(setting: Setting, value: str, *, sign: str = "") -> list[str]:
    """The words of a short run with a value for a setting."""
    taken = {setting.key, *(word.partition("=")[0] for word in setting.besides)}
    common = [word for word in TINY if word.partition("=")[0] not in taken]
    if any(word.startswith("model=") for word in setting.besides) or setting.key in ("train", "model"):
        common = [word for word in common if not word.startswith(("model.", f"{setting.key}."))]
    return [*setting.besides, *common, f"{sign}{setting.key}={value}"]


def misspelt(chance: random.Random, word: str) -> str:
    """A word with a slip of a finger: a letter left out, doubled, swapped or another; never the word itself."""
    while True:
        at = chance.randrange(len(word))
        slips = [
            word[:at] + word[at + 1 :],
            word[: at + 1] + word[at:],
            word[:at] + chance.choice("qxzwk") + word[at + 1 :],
        ]
        if at + 1 < len(word):
            slips.append(word[:at] + word[at + 1] + word[at] + word[at + 2 :])
        made = chance.choice(slips)
        if made != word and re.fullmatch(r"\w+", made):
            return made

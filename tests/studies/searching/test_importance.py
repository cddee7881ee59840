"""Optuna's importance of the parameters of an arm, where the truth was planted."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from regbench.analysis.searching import Arm, Parameter, Trial, TrialState
from regbench.studies.searching.importance import importance, importances
from tests.reports.searches import search

STEEP = Parameter("train.lr", "0 to 1", 0.0, 1.0)
FLAT = Parameter("train.decay", "1 to 9", 1, 9)
USED = Parameter("use.dropout", "true, false", choices=("true", "false"))
OWN = Parameter("reg.dropout.p", "0 to 1", 0.0, 1.0, candidate="dropout")


def arm(count: int, switch: float = 0.0) -> Arm:
    """Trials that are the better the higher the rate is, and by so much where dropout is in."""
    draw = random.Random(1)
    trials = []
    for number in range(count):
        values = {
            "train.lr": draw.random(),
            "train.decay": draw.randint(1, 9),
            "use.dropout": number % 2 == 0,
        }
        if values["use.dropout"]:
            values["reg.dropout.p"] = draw.random()
        score = values["train.lr"] + switch * values["use.dropout"]
        trials.append(Trial(number, TrialState.COMPLETE, [], values, [], score))
    return Arm("dropout", ["dropout"], [STEEP, FLAT, USED, OWN], count, trials)


def test_what_alone_decides_has_nearly_all_of_it() -> None:
    found = importance(arm(60), smaller=False)
    assert found.trials == 60
    assert found.reason == ""
    assert set(found.shares) == {"train.lr", "train.decay", "use.dropout"}, "p is not in every trial"
    assert sum(found.shares.values()) == pytest.approx(1)
    assert next(iter(found.shares)) == "train.lr"
    assert found.shares["train.lr"] > 0.9
    assert importance(arm(60), smaller=True).shares == found.shares


def test_shares_are_those_of_the_variances() -> None:
    # the variance of a uniform rate is 1/12, that of a switch worth s is s^2/4: alike at s = 3^-1/2
    found = importance(arm(120, switch=3**-0.5), smaller=False)
    assert found.shares["train.lr"] == pytest.approx(0.5, abs=0.1)
    assert found.shares["use.dropout"] == pytest.approx(0.5, abs=0.1)


def test_of_too_few_and_of_equal_trials_there_is_none_and_it_says_why(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert importance(arm(1), False).reason == "there is 1 complete trial, and 4 are the fewest to tell from"
    assert importance(arm(0), False).reason == "there is no complete trial, and 4 are the fewest to tell from"
    equal = arm(8)
    equal = replace(equal, trials=[replace(one, score=0.5) for one in equal.trials])
    assert importance(equal, False).reason == "all complete trials have the same score"
    alone = replace(arm(8), parameters=[STEEP, OWN])
    assert importance(alone, False).reason == "train.lr alone differs among the values that all trials have"
    assert importance(arm(4), False).shares
    assert capsys.readouterr() == ("", "")


def test_every_arm_of_a_search_has_its_own() -> None:
    found = importances(search())
    assert list(found) == ["baseline", "dropout+mixup+l2"]
    assert set(found["baseline"].shares) == {"train.lr", "train.batch_size"}
    assert found["dropout+mixup+l2"].trials == 9

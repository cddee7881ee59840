"""An advice by hand: a winner of two members that survives; variants are made of it by `replace`."""

from __future__ import annotations

from regbench.analysis.advising import (
    AblationFound,
    Acting,
    Advice,
    LeftOut,
    Part,
    Plan,
    Raced,
    RaceFound,
    Recipe,
    SearchFound,
    Side,
    Stage,
)
from regbench.analysis.searching import Outcome

PLAN = Plan(
    dataset="fashion_mnist",
    model="mlp",
    line=["model=mlp", "train.epochs=10"],
    metric="val/accuracy",
    chooses="select/accuracy",
    at="last",
    margin=0.003,
    budget=3600.0,
    planning=60.0,
    race=1180.0,
    search=1770.0,
    ablation=590.0,
    workers=2,
    race_epochs=5,
    epochs=10,
    asked_epochs=20,
    baseline=15.0,
    acting=[Acting("dropout", 16.0), Acting("mixup", 17.0), Acting("sam", 30.0)],
    left_out=[LeftOut("shake_drop", "MLP has no 'branch' site")],
    seeds=4,
    runs=120,
    said=["runs of the search have 10 epochs and not 20, as the budget is too short for more"],
)
BASELINE = Side("l2", ["+reg=[l2]", "reg.l2.strength=0.0002", "train.lr=0.05"], ["l2"], {}, 0.83, 0.004)
WINNER = Side(
    "dropout+mixup",
    ["+reg=[dropout,mixup]", "reg.dropout.p=0.25", "train.lr=0.08"],
    ["dropout", "mixup"],
    {"dropout": {"p": 0.25}},
    0.8423,
    0.0031,
)
FOUND = SearchFound(
    outcome=Outcome.SURVIVES,
    said="dropout+mixup survives.",
    baseline=BASELINE,
    winner=WINNER,
    fresh=list(range(100, 120)),
    seeds=list(range(100, 112)),
    mean=0.0123,
    low=0.0056,
    high=0.0189,
    p=0.0043,
    word="better",
    time=1.25,
    trials={"baseline": 20, "dropout+mixup": 22},
    stage=Stage(1700.0, "120 jobs", "it is decided"),
)
ADVICE = Advice(
    regbench="0",
    folder="outputs/advice/x",
    typed="regbench advise model=mlp budget=1h",
    plan=PLAN,
    race=RaceFound(
        [
            Raced("dropout", 4, 0.01, None, None, 1.0, "not resolved", True),
            Raced("mixup", 4, 0.004, None, None, 1.0, "not resolved", True),
            Raced("sam", 4, -0.02, -0.03, -0.01, 0.04, "worse", False, "it takes <too> long"),
        ],
        ["dropout", "mixup"],
        "none was found better",
        Stage(1100.0, "16 jobs", "the time is spent"),
    ),
    search=FOUND,
    ablation=AblationFound(
        [
            Part("dropout", 12, 0.009, 0.003, 0.015, 0.01, "better"),
            Part("mixup", 12, 0.0004, -0.002, 0.0027, 0.8, "no difference that matters"),
        ],
        Stage(300.0, "36 jobs", "all is decided"),
    ),
    use=Recipe(
        "regbench train model=mlp '+reg=[dropout,mixup]'", "reg:\n  dropout: {p: 0.25}\n", "import torch\n"
    ),
    larger=["with about budget=2h more seeds"],
)

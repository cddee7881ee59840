"""Words that Hydra takes in silence, or refuses in words that name no key."""

from __future__ import annotations

import pytest

from tests.commands.test_wrong_lines import jobs, said


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("train={}", "train: must set something, got train={}"),
        ("+reg=dropout reg.dropout={}", "reg.dropout: must set something, got reg.dropout={}"),
        ("+reg.x={}", "reg.x: must set something, got +reg.x={}"),
        ("hydra.run={}", "hydra.run: must set something, got hydra.run={}"),
        ("train={nope:3}", "train: must be given keys that it has, got {nope:3}"),
        ("hydra.callbacks={a:1}", "hydra.callbacks: must be given keys that it has, got {a:1}"),
        ("~hydra.run", "hydra.run: must be there, and cannot be taken away"),
        ("~hydra.run.dir", "hydra.run.dir: must be there, and cannot be taken away"),
        ("~hydra/launcher", "hydra/launcher: must be there, and cannot be taken away"),
        ("~evaluate.0", "evaluate.0: an item of a list cannot be taken away; set the list by evaluate=[...]"),
        ("~train.class_weights", "train.class_weights: cannot be taken away, because it is null already"),
        ("~threads", "threads: cannot be taken away, because it is null already"),
        ("~train.nope", "train.nope: cannot be taken away, because it is not there"),
        ("hydra/launcher=[joblib]", "hydra/launcher: must be the name of one option, got hydra/launcher=[jo"),
        ("hydra/launcher=null", "hydra/launcher: must be the name of one option, got hydra/launcher=null"),
        ("+model=cnn", "model: is there already and cannot be added; type model=cnn"),
        (
            "++dataset=digits",
            "dataset: is there already and cannot be added; type dataset=d",
        ),
        ("+return=1", "return: no such key"),
        ("-m seed=range(a)", "seed: range() must be called with what it takes, got range(a)"),
        ("-m seed=choice()", "seed: choice() must be called with what it takes, got choice()"),
        ("seed=int(x)", "seed: int() must be called with what it takes, got int(x)"),
        ("seed=nope(1)", "seed: a value with ( ) must stand in quotes, got nope(1)"),
    ],
)
def test_is_refused_by_its_key(line: str, sentence: str) -> None:
    assert said(line).startswith(sentence)


@pytest.mark.parametrize(
    "line",
    [
        "train={epochs:3}",
        "+reg=[dropout,l2] ~reg.dropout",
        "+reg=dropout reg.dropout={p:0.3}",
        "reg=[]",
        "+model.options={}",
        "model=cnn",
        "hydra/launcher=joblib",
        "evaluate=[]",
        "evaluate.0=per_class",
        "seed=int(3.0)",
        "train.class_weights=balanced",
        "hydra.run={dir:x}",
        "++reg.x={_target_:regbench.regularizers.l2.L2,strength:0.1,scope:weights}",
    ],
)
def test_its_legitimate_neighbour_is_taken(line: str) -> None:
    assert jobs(line) == 1

"""What a run folder says: summaries, records, lines and checkpoints with a value that is missing or another."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import torch
import yaml

from tests.fuzzing.case import Case, Recipes
from tests.fuzzing.drawn import each
from tests.fuzzing.folders import RECORD, anywhere, resumed, tested

RECIPES = Recipes()
WRONG: tuple[Any, ...] = (
    None,
    5,
    -1,
    1.5,
    "text",
    "",
    [],
    {},
    [1, 2],
    {"a": 1},
    True,
    "nan",
    10**400,
    "\x1b[31m",
    "a\nb",
    [[]],
)
WRONG += (
    "x" * 20000,
    0,
    1e300,
    [None],
    {"": None},
    "finished",
    "interrupted",
    [{}],
    float("nan"),
    -(10**30),
    "🙂",
    "\udcff",
    2**63,
)
KEYS = "status version config last best epochs identity content test reason stack choices audit name data classes rows ended seconds evaluate"


def put(tree: Any, chance: random.Random, wrong: Any) -> None:
    """Put a wrong value at a place of a tree of dicts and lists, or take one away."""
    while True:
        places = list(tree) if isinstance(tree, dict) else list(range(len(tree)))
        place = chance.choice(places)
        inner = tree[place]
        if isinstance(inner, (dict, list)) and inner and chance.random() < 0.7:
            tree = inner
            continue
        if chance.random() < 0.25:
            del tree[place]
        else:
            tree[place] = wrong
        return


@RECIPES
def state(chance: random.Random) -> Case:
    """A checkpoint that torch reads, and that holds something else."""
    what = chance.choice(
        ("list", "text", "none", "tensor", "without", "other", "other", "shape", "nan", "types", "more")
    )
    name = chance.choice(("last.pt", "best.pt"))

    def change(run: Path) -> None:
        content: Any = torch.load(run / name, weights_only=True)
        wrong = chance.choice(
            (None, 5, "text", [], {}, [1, 2], {"a": 1}, -1, float("nan"), True, 10**30, torch.zeros(3))
        )
        whole = {"list": [1], "text": "x", "none": None, "tensor": torch.zeros(3)}
        if what in whole:
            content = whole[what]
        elif what == "without":
            del content[chance.choice(sorted(content))]
        elif what == "other":
            put(content, chance, wrong)
        elif what == "more":
            content["more"] = wrong
        else:
            weights = content.get("model", content)
            key = chance.choice(sorted(name for name in weights if isinstance(weights[name], torch.Tensor)))
            odd = {
                "shape": torch.zeros(2, 3),
                "nan": weights[key] * float("nan"),
                "types": weights[key].to(torch.int64),
            }
            weights[key] = odd[what]
        torch.save(content, run / name)

    # a file that somebody has written anew is whole: what it says is taken, where it can be
    make = chance.choice((tested, resumed))
    return make(change, f"{name} holds {what}", statuses=(2, 0, 3), right=None)


def _summary(path: Path) -> dict[str, Any]:
    least = {"status": "interrupted", "version": 2, "config": {}}
    return json.loads(path.read_text()) if path.exists() else least


@RECIPES
def summary(chance: random.Random) -> Case:
    """A summary with a value that is missing, or of another type."""
    wrong = chance.choice(WRONG)

    def change(run: Path) -> None:
        content = _summary(run / "summary.json")
        put(content, chance, wrong)
        (run / "summary.json").write_text(json.dumps(content))

    return anywhere(chance, change, f"a value of summary.json is {str(wrong)[:20]!r}")


@RECIPES
def summary_key(chance: random.Random) -> Case:
    """A summary one of whose first keys is wrong, or not there."""
    key, wrong = chance.choice(KEYS.split()), chance.choice(WRONG)
    away = chance.random() < 0.3

    def change(run: Path) -> None:
        content = _summary(run / "summary.json") | {key: wrong}
        if away:
            del content[key]
        (run / "summary.json").write_text(json.dumps(content))

    return anywhere(
        chance, change, f"{key} of summary.json is {'not there' if away else repr(str(wrong)[:20])}"
    )


METRICS = each(r"""
NaN
{}
[]
null
{"epoch": "1"}
{"epoch": -1}
{"epoch": 0}
{"epoch": 1e400}
{"epoch": NaN}
{"epoch": 1
{"epoch": 1}{"epoch": 2}
«x*100000»
{"epoch": 1, "val/loss": "x"}
{"epoch": 1, "val/loss": Infinity}
{"epoch": 1, "val/loss": -5}
{"epoch": 1, "val/accuracy": 1e308}
{"epoch": 1, "val/accuracy": 2}
␀␀
é
{"epoch": 1, "val/accuracy": null}
{"epoch": 999999999999}
{"epoch": 1, "": 5}
{"epoch": 1, "\n": 5}
{"epoch": true}
{"epoch": 1, "val/loss": [1]}
{"epoch": 1, "val/loss": {"a": 1}}
<<<<<<< HEAD
{"epoch": 1, "../../x": 1}
{"epoch": 1, "val/loss": 1e-320}
""")


@RECIPES
def metrics(chance: random.Random) -> Case:
    """Lines of metrics.jsonl that are none."""
    bad = chance.choice(METRICS)

    def change(run: Path) -> None:
        path = run / "metrics.jsonl"
        lines = path.read_text().splitlines()
        lines.insert(chance.randrange(len(lines) + 1), bad)
        path.write_text("\n".join(lines) + chance.choice(("\n", "", "\r\n")))

    return anywhere(chance, change, f"a line of metrics.jsonl is {bad[:30]!r}")


@RECIPES
def record(chance: random.Random) -> Case:
    """A recorded configuration with a value that is missing, or of another type."""
    name = chance.choice(RECORD[:2])
    wrong = chance.choice(
        (
            *WRONG[:12],
            "${nope}",
            "${oc.env:NOPE_NOPE}",
            "???",
            "nope.Nope",
            "builtins.dict",
            10**400,
            "/dev/zero",
            "..",
        )
    )

    def change(run: Path) -> None:
        path = run / name
        content = yaml.safe_load(path.read_text())
        put(content, chance, wrong)
        path.write_text(yaml.safe_dump(content))

    make = chance.choice((resumed, tested))
    return make(change, f"a value of {name} is {str(wrong)[:20]!r}", named=())


@RECIPES
def record_key(chance: random.Random) -> Case:
    """A recorded configuration one of whose first keys is wrong, or not there."""
    key = chance.choice(
        [
            "model",
            "dataset",
            "optimizer",
            "schedule",
            "reg",
            "train",
            "seed",
            "device",
            "precision",
            "threads",
            "evaluate",
            "checkpoints",
            "sweep",
        ]
    )
    wrong = chance.choice(
        (
            None,
            5,
            "text",
            [],
            {},
            [1, 2],
            {"a": 1},
            {"_target_": 5},
            {"_target_": None},
            "${nope}",
            "???",
            -1,
            1e300,
        )
    )

    def change(run: Path) -> None:
        path = run / ".hydra" / "config.yaml"
        content = yaml.safe_load(path.read_text()) | {key: wrong}
        path.write_text(yaml.safe_dump(content))

    case = anywhere(chance, change, f"{key} of config.yaml is {wrong}")
    case.named = ()
    return case

"""Run folders that are damaged, half copied or changed, read by resume, test, plan, train -m, compare."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import yaml

from tests.fuzzing.case import TINY, Case, Recipes
from tests.fuzzing.damage import DAMAGES, copy, damaged
from tests.fuzzing.readings import same_run, same_test, whole_sweep

RECIPES = Recipes()
Stock = Mapping[str, Path]
SWEEP = ["+reg=[],dropout", "seed=0,1", *TINY, "hydra.sweep.dir=sweep"]
RECORD = (".hydra/config.yaml", ".hydra/hydra.yaml", ".hydra/overrides.yaml")
BESIDES = ("metrics.jsonl", "environment.json", "train.log")
WRITES = ("run", "run/*")


def resumed(change: Callable[[Path], None], about: str, name: str = "killed", **more: Any) -> Case:
    """`resume run`, a copy of a run that was cut short, once it has been changed."""

    def prepare(work: Path, stock: Stock) -> None:
        change(copy(stock[name], work / "run"))

    more = {"statuses": (2, 0), "writes": WRITES, "right": same_run} | more
    return Case(["resume", "run"], ["run"], prepare=prepare, about=f"resume {name}: {about}", **more)


def tested(change: Callable[[Path], None], about: str, **more: Any) -> Case:
    """`test run`, a copy of a finished run, once it has been changed."""

    def prepare(work: Path, stock: Stock) -> None:
        change(copy(stock["finished"], work / "run"))

    more = {"statuses": (2, 0), "writes": WRITES, "right": same_test} | more
    return Case(["test", "run"], ["run"], prepare=prepare, about=f"test: {about}", **more)


def swept(words: Sequence[str], change: Callable[[Path], None], about: str, **more: Any) -> Case:
    """A line that reads a copy of a sweep, once one of its runs has been changed."""

    def prepare(work: Path, stock: Stock) -> None:
        folder = copy(stock["sweep"], work / "sweep")
        change(sorted(path for path in folder.iterdir() if path.is_dir())[-1])

    more = {"statuses": (2, 0), "writes": ("sweep", "sweep/*")} | more
    return Case(words, ["sweep"], prepare=prepare, about=f"{words[0]}: {about}", **more)


def anywhere(chance: random.Random, change: Callable[[Path], None], about: str) -> Case:
    """A changed run read by one of the commands that read runs."""
    command = chance.choice(("resume", "resume", "test", "test", "plan", "train", "compare"))
    if command == "resume":
        return resumed(change, about, chance.choice(("killed", "interrupted")))
    if command == "test":
        return tested(change, about)
    if command == "train":
        return swept(["train", "-m", *SWEEP], change, about, right=whole_sweep)
    words = ["plan", *SWEEP] if command == "plan" else ["compare", "sweep"]
    return swept(words, change, about, writes=())


@RECIPES
def file(chance: random.Random) -> Case:
    """A file of the folder that is damaged, or something else."""
    name = chance.choice(
        (*RECORD[:2], *RECORD, *BESIDES, "summary.json", "summary.json", "summary.json", "metrics.jsonl")
    )
    kind = chance.choice(list(DAMAGES))

    def change(run: Path) -> None:
        path = run / name
        if not path.exists():
            path.write_text("{}")
        damaged(path, kind, chance)

    return anywhere(chance, change, f"{name}: {kind}")


@RECIPES
def checkpoint(chance: random.Random) -> Case:
    """A checkpoint that is damaged, or something else."""
    kind = chance.choice((*DAMAGES, "flip", "flip", "flip", "zeros", "zeros"))
    name = chance.choice(("last.pt", "last.pt", "previous.pt", "best.pt"))
    if chance.random() < 0.35:
        name = chance.choice(("last.pt", "best.pt"))
        return tested(lambda run: damaged(run / name, kind, chance), f"{name}: {kind}")
    return resumed(
        lambda run: damaged(run / name, kind, chance),
        f"{name}: {kind}",
        chance.choice(("killed", "interrupted")),
    )


@RECIPES
def both_checkpoints(chance: random.Random) -> Case:
    """Both checkpoints of a run damaged: there is nothing to go on from."""
    kinds = [
        chance.choice(("empty", "cut", "flip", "zeros", "noise", "pipe", "zero_device", "folder", "huge"))
        for _ in range(2)
    ]

    def change(run: Path) -> None:
        for name, kind in zip(("last.pt", "previous.pt"), kinds, strict=True):
            damaged(run / name, kind, chance)

    return resumed(change, f"both: {', '.join(kinds)}")


@RECIPES
def state(chance: random.Random) -> Case:
    """A checkpoint that torch reads, and that holds something else."""
    what = chance.choice(
        ("list", "text", "none", "without", "other", "other", "shape", "nan", "types", "more")
    )
    name = chance.choice(("last.pt", "best.pt"))

    def change(run: Path) -> None:
        content: Any = torch.load(run / name, weights_only=True)
        top = chance.choice(sorted(content))
        wrong = chance.choice(
            (None, 5, "text", [], {}, [1, 2], {"a": 1}, -1, float("nan"), True, 10**30, torch.zeros(3))
        )
        if what in ("list", "text", "none"):
            content = {"list": [1], "text": "x", "none": None}[what]
        elif what == "without":
            del content[top]
        elif what == "other":
            _put(content, chance, wrong)
        elif what == "more":
            content["more"] = wrong
        else:
            weights = content["model"]
            key = chance.choice(sorted(weights))
            odd = {
                "shape": torch.zeros(2, 3),
                "nan": weights[key] * float("nan"),
                "types": weights[key].to(torch.int64),
            }
            weights[key] = odd[what]
        torch.save(content, run / name)

    if chance.random() < 0.4:
        return tested(change, f"{name} holds {what}")
    return resumed(change, f"{name} holds {what}")


def _put(tree: Any, chance: random.Random, wrong: Any) -> None:
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


WRONG = (
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
    "x" * 20000,
)


@RECIPES
def summary(chance: random.Random) -> Case:
    """A summary with a key that is missing, or of another type."""
    wrong = chance.choice(WRONG)

    def change(run: Path) -> None:
        path = run / "summary.json"
        content = (
            json.loads(path.read_text())
            if path.exists()
            else {"status": "interrupted", "version": 2, "config": {}}
        )
        _put(content, chance, wrong)
        path.write_text(json.dumps(content))

    return anywhere(chance, change, f"a value of summary.json is {str(wrong)[:20]!r}")


@RECIPES
def status(chance: random.Random) -> Case:
    """A summary whose first keys are wrong."""
    key = chance.choice(
        (
            "status",
            "version",
            "config",
            "last",
            "best",
            "epochs",
            "identity",
            "content",
            "test",
            "reason",
            "stack",
            "choices",
        )
    )
    wrong = chance.choice(WRONG)

    def change(run: Path) -> None:
        path = run / "summary.json"
        content = json.loads(path.read_text()) if path.exists() else {"status": "interrupted", "version": 2}
        content[key] = wrong
        path.write_text(json.dumps(content))

    return anywhere(chance, change, f"{key} of summary.json is {str(wrong)[:20]!r}")


@RECIPES
def metrics(chance: random.Random) -> Case:
    """Lines of metrics.jsonl that are none."""
    bad = chance.choice(
        (
            "NaN",
            "{}",
            "[]",
            "null",
            '{"epoch": "1"}',
            '{"epoch": -1}',
            '{"epoch": 1e400}',
            '{"epoch": NaN}',
            '{"epoch": 1',
            "x" * 100000,
        )
        + (
            '{"epoch": 1, "val/loss": "x"}',
            '{"epoch": 1, "val/loss": Infinity}',
            '{"epoch": 1, "val/accuracy": 1e308}',
            "\x00\x00",
            "é",
        )
        + (
            '{"epoch": 1, "val/accuracy": null}',
            '{"epoch": 999999999999}',
            '{"epoch": 1, "": 5}',
            '{"epoch": 1, "\\n": 5}',
            '{"epoch": true}',
        )
    )

    def change(run: Path) -> None:
        path = run / "metrics.jsonl"
        lines = path.read_text().splitlines()
        lines.insert(chance.randrange(len(lines) + 1), bad)
        path.write_text("\n".join(lines) + chance.choice(("\n", "", "\r\n")), errors="surrogateescape")

    return anywhere(chance, change, f"a line of metrics.jsonl is {bad[:30]!r}")


@RECIPES
def record(chance: random.Random) -> Case:
    """A recorded configuration with a key that is missing, or of another type."""
    name = chance.choice(RECORD[:2])
    wrong = chance.choice(
        (*WRONG[:12], "${nope}", "${oc.env:NOPE_NOPE}", "???", "nope.Nope", "builtins.dict")
    )

    def change(run: Path) -> None:
        path = run / name
        content = yaml.safe_load(path.read_text())
        _put(content, chance, wrong)
        path.write_text(yaml.safe_dump(content))

    if chance.random() < 0.5:
        return resumed(change, f"a value of {name} is {str(wrong)[:20]!r}")
    return tested(change, f"a value of {name} is {str(wrong)[:20]!r}")


@RECIPES
def parts(chance: random.Random) -> Case:
    """A folder of which only some files were copied, or with those of another run."""
    what = chance.choice(
        (
            "without .hydra",
            "only .hydra",
            "without .pt",
            "only .pt",
            "other summary",
            "other last",
            "other best",
            "flat",
        )
    )

    def change(run: Path) -> None:
        names = [path for path in run.iterdir()]
        if what == "without .hydra":
            shutil.rmtree(run / ".hydra")
        elif what.startswith("only"):
            for path in names:
                if path.name != ".hydra" and not (what == "only .pt" and path.suffix == ".pt"):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
        elif what == "without .pt":
            for path in run.glob("*.pt"):
                path.unlink()
        elif what == "flat":
            for path in (run / ".hydra").iterdir():
                path.rename(run / path.name)
        else:
            name = {"other summary": "summary.json", "other last": "last.pt", "other best": "best.pt"}[what]
            others = [Path(path) for path in sources]
            (run / name).unlink(missing_ok=True)
            shutil.copy(others[0] / name, run / name)

    sources: list[Path] = []
    if chance.random() < 0.5:
        case = resumed(change, what, right=None if what in ("other summary",) else same_run)
        first, source = "killed", "text"
    else:
        case = tested(change, what, right=None if "other" in what else same_test)
        first, source = "finished", "text"

    def prepare(work: Path, stock: Stock) -> None:
        sources.append(stock[source])
        change(copy(stock[first], work / "run"))

    case.prepare = prepare
    return case


@RECIPES
def occupied(chance: random.Random) -> Case:
    """A run into a folder that is a person's, or holds another run: nothing of theirs is lost."""
    what = chance.choice(
        (
            "run",
            "killed",
            "tensorboard",
            "hydra",
            "notes",
            "git",
            "log",
            "metrics",
            "pt",
            "hidden",
            "link",
            "lock",
            "broken",
        )
    )

    def prepare(work: Path, stock: Stock) -> None:
        mine = work / "mine"
        if what in ("run", "killed"):
            copy(stock["finished" if what == "run" else "killed"], mine)
            return
        if what == "link":
            mine.symlink_to("precious")
            return
        if what == "broken":
            mine.symlink_to("nowhere")
            return
        names = {
            "tensorboard": "tensorboard/precious",
            "hydra": ".hydra/config.yaml",
            "notes": "notes.txt",
            "git": ".git/HEAD",
        }
        names |= {
            "log": "train.log",
            "metrics": "metrics.jsonl",
            "pt": "epoch_0001.pt",
            "hidden": ".keep",
            "lock": ".lock",
        }
        path = mine / names[what]
        path.parent.mkdir(parents=True)
        path.write_text("mine")

    failing = chance.choice(([], [], ["model._target_=torch.nn.ReLU"], ["train.lr=1e30"]))
    words = [word for word in TINY if not (failing and word.startswith("model."))]
    broken = ("broken", "lock", "hidden")
    statuses = (2, 0, 3) if what in broken else (2,)
    writes = (
        "mine",
        "mine/.hydra",
        "mine/.hydra/*",
        "mine/tensorboard*",
        "mine/*.pt",
        "mine/*.json*",
        "mine/train.log",
        "nowhere",
        "nowhere/*",
    )
    return Case(
        ["train", *words, *failing, "hydra.run.dir=mine"],
        ["mine", "model"],
        statuses,
        prepare,
        writes=writes if what in broken else (),
        about=f"into a folder with {what} {failing}",
    )

"""Run folders that are damaged, half copied or a person's, read by resume, test, plan, train -m, compare."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

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

    more = {"named": ["run"], "statuses": (2, 0), "writes": WRITES, "right": same_run} | more
    return Case(["resume", "run"], prepare=prepare, about=f"resume {name}: {about}", **more)


def tested(change: Callable[[Path], None], about: str, **more: Any) -> Case:
    """`test run`, a copy of a finished run, once it has been changed."""

    def prepare(work: Path, stock: Stock) -> None:
        change(copy(stock["finished"], work / "run"))

    more = {"named": ["run"], "statuses": (2, 0), "writes": WRITES, "right": same_test} | more
    return Case(["test", "run"], prepare=prepare, about=f"test: {about}", **more)


def swept(words: Sequence[str], change: Callable[[Path], None], about: str, **more: Any) -> Case:
    """A line that reads a copy of a sweep, once one of its runs has been changed."""

    def prepare(work: Path, stock: Stock) -> None:
        folder = copy(stock["sweep"], work / "sweep")
        change(sorted(path for path in folder.iterdir() if path.is_dir())[-1])

    more = {"named": ["sweep"], "statuses": (2, 0), "writes": ("sweep", "sweep/*")} | more
    return Case(words, prepare=prepare, about=f"{words[0]}: {about}", **more)


def anywhere(chance: random.Random, change: Callable[[Path], None], about: str) -> Case:
    """A changed run read by one of the commands that read runs."""
    command = chance.choice(("resume", "resume", "test", "test", "plan", "train", "compare", "longer"))
    if command == "resume":
        return resumed(change, about, chance.choice(("killed", "interrupted")))
    if command == "longer":
        case = resumed(change, f"longer, {about}", "constant", right=None, writes=("run*",))
        case.words = ["resume", "run", "train.epochs=2"]
        return case
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
    cut_short = chance.choice(("killed", "interrupted"))
    return resumed(lambda run: damaged(run / name, kind, chance), f"{name}: {kind}", cut_short)


@RECIPES
def both_checkpoints(chance: random.Random) -> Case:
    """Both checkpoints of a run damaged: there is nothing to go on from."""
    ways = ("empty", "cut", "flip", "zeros", "noise", "pipe", "zero_device", "folder", "huge")
    kinds = [chance.choice(ways) for _ in range(2)]

    def change(run: Path) -> None:
        for name, kind in zip(("last.pt", "previous.pt"), kinds, strict=True):
            damaged(run / name, kind, chance)

    return resumed(change, f"both: {', '.join(kinds)}")


@RECIPES
def half_copied(chance: random.Random) -> Case:
    """A folder of which only some files were copied."""
    what = chance.choice(
        ("without .hydra", "only .hydra", "without .pt", "only .pt", "flat", "without summary", "upper")
    )

    def change(run: Path) -> None:
        if what == "without .hydra":
            shutil.rmtree(run / ".hydra")
        elif what.startswith("only"):
            for path in list(run.iterdir()):
                if path.name != ".hydra" and not (what == "only .pt" and path.suffix == ".pt"):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
        elif what == "without .pt":
            for path in run.glob("*.pt"):
                path.unlink()
        elif what == "flat":
            for path in (run / ".hydra").iterdir():
                path.rename(run / path.name)
        elif what == "upper":
            for path in [*run.glob("*.json"), *run.glob("*.pt")]:
                path.rename(run / path.name.upper())
        else:
            (run / "summary.json").unlink(missing_ok=True)

    return anywhere(chance, change, what)


@RECIPES
def of_another(chance: random.Random) -> Case:
    """A file of another run in the folder."""
    name = chance.choice(
        ("last.pt", "best.pt", "summary.json", ".hydra/config.yaml", ".hydra/hydra.yaml", "metrics.jsonl")
    )
    other = chance.choice(("text", "whole", "finished"))
    sources: dict[str, Path] = {}

    def change(run: Path) -> None:
        (run / name).unlink(missing_ok=True)
        shutil.copy(sources[other] / name, run / name)

    make = chance.choice((resumed, tested))
    case = make(change, f"{name} of {other}", right=None)
    inner = case.prepare

    def prepare(work: Path, stock: Stock) -> None:
        sources.update(stock)
        inner(work, stock)  # type: ignore[misc]

    case.prepare = prepare
    return case


OCCUPIED = {
    "tensorboard": "tensorboard/precious",
    "hydra": ".hydra/config.yaml",
    "notes": "notes.txt",
    "git": ".git/HEAD",
}
OCCUPIED |= {
    "log": "train.log",
    "metrics": "metrics.jsonl",
    "pt": "epoch_0001.pt",
    "summary": "summary.json",
    "board": "tensorboard",
}
OCCUPIED |= {
    "environment": "environment.json",
    "events": "tensorboard/train/events.out.tfevents.1",
    "hydra file": ".hydra",
    "tmp": "last.pt.tmp",
}


@RECIPES
def occupied(chance: random.Random) -> Case:
    """A run into a folder that is a person's, or holds another run: nothing of theirs is lost."""
    what = chance.choice((*OCCUPIED, "run", "killed", "link", "sweep", "parent"))

    def prepare(work: Path, stock: Stock) -> None:
        mine = work / "mine"
        if what in ("run", "killed"):
            copy(stock["finished" if what == "run" else "killed"], mine)
        elif what == "sweep":
            copy(stock["sweep"], mine)
        elif what == "link":
            mine.symlink_to("precious")
        else:
            path = mine / OCCUPIED.get(what, "notes.txt")
            path.parent.mkdir(parents=True)
            path.write_text("mine")

    failing = chance.choice(([], [], ["model._target_=torch.nn.ReLU"], ["train.lr=1e30"]))
    words = [word for word in TINY if not (failing and word.startswith("model."))]
    place = "mine/.." if what == "parent" else "mine"
    about = f"into a folder with {what} {failing}"
    return Case(
        ["train", *words, *failing, f"hydra.run.dir={place}"],
        [place, "model", "run.dir"],
        prepare=prepare,
        about=about,
    )


@RECIPES
def fresh_folder(chance: random.Random) -> Case:
    """A run into a folder that is not there, or empty: it may be made there, and nowhere else."""
    what = chance.choice(("new", "deep", "empty", "broken", "lock"))

    def prepare(work: Path, stock: Stock) -> None:
        if what in ("empty", "lock"):
            (work / "mine").mkdir()
        if what == "lock":
            (work / "mine" / ".lock").write_text("")
        if what == "broken":
            (work / "mine").symlink_to("nowhere")

    place = "mine/a/b" if what == "deep" else "mine"
    statuses = (2, 0) if what in ("broken", "lock") else (0,)
    return Case(
        ["train", *TINY, f"hydra.run.dir={place}"],
        ["mine"],
        statuses,
        prepare,
        writes=("mine*", "nowhere*"),
        about=what,
    )

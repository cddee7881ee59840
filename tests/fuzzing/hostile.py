"""Run folders that would act on what they must not touch: links, names, modules, a person's own files."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Mapping
from pathlib import Path

import yaml

from tests.fuzzing.case import Case, Recipes
from tests.fuzzing.drawn import each
from tests.fuzzing.folders import SWEEP, anywhere, resumed, swept, tested
from tests.fuzzing.readings import same_run

RECIPES = Recipes()
Stock = Mapping[str, Path]
LINKS = "tensorboard .lock .holder .holder.1 train.log summary.json.tmp metrics.jsonl.tmp last.pt.tmp previous.pt.tmp best.pt.tmp environment.json.tmp"
LINKS += " environment.json metrics.jsonl summary.json last.pt best.pt previous.pt .hydra tensorboard/train epoch_0001.pt .hydra/config.yaml"
OWN = "notes.txt tensorboard/notes.txt tensorboard/train/notes.txt tensorboard/mine/x .hydra/notes mine/x mine.pt summary.json~"
PRINTED = each(
    "␛[2J␛[31m|a␤regbench: all is well|../../outside|<script>alert(1)</script>|\u202e|{{7*7}}|$x$|/etc/x|«x*5000»|[bold]x[/bold]|%s|␇",
    "|",
)
OUTPUTS = (
    "",
    "--html page.html",
    "--csv a.csv",
    "--figures figures",
    "--tensorboard events",
    "--markdown -",
    "--json -",
    "--latex a.tex",
)


@RECIPES
def links(chance: random.Random) -> Case:
    """Links in a run folder that lead to what must not be written."""
    name = chance.choice(LINKS.split())

    def change(run: Path) -> None:
        path, precious = run / name, run.parent / "precious"
        if run.parent.name == "sweep":
            precious = run.parent.parent / "precious"
        target = precious if name.startswith((".hydra", "tensorboard")) else precious / "kept.txt"
        if path.is_dir() or path.is_file():
            path.rename(run / "was")
        path.parent.mkdir(exist_ok=True)
        path.symlink_to(target.absolute())

    case = anywhere(chance, change, f"{name} leads outside")
    case.right = None
    return case


@RECIPES
def own_files(chance: random.Random) -> Case:
    """A run folder with a person's files in it: they stay."""
    names = OWN.split()

    def change(run: Path) -> None:
        for name in names:
            (run / name).parent.mkdir(parents=True, exist_ok=True)
            (run / name).write_text("mine")

    def right(work: Path, stock: Stock) -> str:
        runs = (
            [work / "run"]
            if (work / "run").exists()
            else sorted(p for p in (work / "sweep").iterdir() if p.is_dir())[-1:]
        )
        lost = [name for run in runs for name in names if not (run / name).exists()]
        return f"lost: {', '.join(lost)}" if lost else ""

    case = anywhere(chance, change, "a person's files in it")
    case.statuses, case.right = (0,), right
    return case


@RECIPES
def printed(chance: random.Random) -> Case:
    """Names and reasons in what is read that would act on a terminal, or lead out of a folder."""
    bad = chance.choice(PRINTED)
    key = chance.choice(("name", "reason", "status", "identity", "data", "warnings", "classes", "ended"))
    extra = chance.choice(OUTPUTS).split()

    def change(run: Path) -> None:
        path = run / "summary.json"
        content = json.loads(path.read_text())
        content[key] = [bad] if isinstance(content.get(key), list) else bad
        if key == "name" and content["stack"]:
            content["stack"][0]["name"] = bad
            content["config"]["reg"] = dict(zip([bad], content["config"]["reg"].values(), strict=False))
        path.write_text(json.dumps(content))

    writes = ("page.html", "a.*", "figures", "figures/*", "events", "events/*")
    return swept(
        ["compare", "sweep", *extra], change, f"{key} of summary.json is {bad[:20]!r}", writes=writes
    )


@RECIPES
def shadowed(chance: random.Random) -> Case:
    """A module beside a run, or where it was started, that has a library's name."""
    name = chance.choice(
        ("sklearn", "scipy", "PIL", "matplotlib", "torchvision", "yaml", "evil", "plotly", "tensorboard")
    )
    where = chance.choice(("cwd", "source", "run"))

    def change(run: Path) -> None:
        folder = run if where == "run" else run.parent / "elsewhere"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.py").write_text(
            f"open({str(run.parent / 'made')!r}, 'w').write('x')\nraise SystemExit(0)\n"
        )
        path = run / ".hydra" / "hydra.yaml"
        content = yaml.safe_load(path.read_text())
        if where == "cwd":
            content["hydra"]["runtime"]["cwd"] = str(folder.absolute())
        if where == "source":
            source = {"path": str(folder.absolute()), "schema": "file", "provider": "command-line"}
            content["hydra"]["runtime"]["config_sources"].append(source)
        path.write_text(yaml.safe_dump(content))

    make = chance.choice((resumed, tested))
    return make(
        change,
        f"{name}.py in {where}",
        statuses=(0, 2),
        fresh=True,
        right=None if make is tested else same_run,
    )


@RECIPES
def sweep_folder(chance: random.Random) -> Case:
    """A folder of a sweep with links, files and folders that are no runs."""
    what = chance.choice(("file", "link", "circle", "pipe", "empty", "named", "many", "hidden"))

    def change(run: Path) -> None:
        sweep = run.parent
        if what == "file":
            (sweep / "notes.txt").write_text("mine")
        elif what == "link":
            (sweep / "linked").symlink_to("../precious")
        elif what == "circle":
            (sweep / "round").symlink_to(".")
        elif what == "pipe":
            os.mkfifo(sweep / "pipe")
        elif what == "empty":
            (sweep / "nothing").mkdir()
        elif what == "named":
            (sweep / "a\nb\x1b[31m").mkdir()
        elif what == "many":
            for number in range(300):
                (sweep / f"x{number}").mkdir()
        else:
            (sweep / ".DS_Store").write_bytes(b"\x00\x00\x00\x01Bud1")

    words = chance.choice((["plan", *SWEEP], ["train", "-m", *SWEEP], ["compare", "sweep"]))
    return swept(words, change, f"a sweep with {what}", statuses=(0,), writes=("sweep/*/*",))

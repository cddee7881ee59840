"""Inputs that would act on what they must not touch: targets, links, pickles, names."""

from __future__ import annotations

import json
import pickle
import random
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.fuzzing.case import TINY, Case, Recipes
from tests.fuzzing.folders import SWEEP, anywhere, resumed, swept, tested
from tests.fuzzing.readings import same_run

RECIPES = Recipes()
Stock = Mapping[str, Path]
# what may be called, and with what it would do harm
CALLS: tuple[tuple[str, dict[str, object]], ...] = (
    ("shutil.rmtree", {"path": "precious"}),
    ("os.remove", {"path": "precious/kept.txt"}),
    ("os.unlink", {"path": "precious/kept.txt"}),
    ("os.system", {"command": "rm -rf precious"}),
    ("os.rename", {"src": "precious", "dst": "stolen"}),
    ("os.makedirs", {"name": "made"}),
    ("os.mkdir", {"path": "made"}),
    ("os.truncate", {"path": "precious/kept.txt", "length": 0}),
    ("os.chmod", {"path": "precious", "mode": 0}),
    ("os.symlink", {"src": "precious", "dst": "made"}),
    ("os.mkfifo", {"path": "made"}),
    ("shutil.move", {"src": "precious", "dst": "stolen"}),
    ("shutil.copytree", {"src": "precious", "dst": "made"}),
    ("subprocess.run", {"args": ["rm", "-rf", "precious"]}),
    ("subprocess.call", {"args": ["rm", "-rf", "precious"]}),
    ("subprocess.Popen", {"args": ["rm", "-rf", "precious"]}),
    ("subprocess.check_output", {"args": ["rm", "-rf", "precious"]}),
    ("builtins.open", {"file": "precious/kept.txt", "mode": "w"}),
    ("io.FileIO", {"file": "precious/kept.txt", "mode": "w"}),
    ("builtins.exec", {"source": "open('made','w')"}),
    ("builtins.eval", {"source": "open('made','w')"}),
    ("builtins.exit", {}),
    ("builtins.input", {}),
    ("builtins.breakpoint", {}),
    ("os._exit", {"status": 0}),
    ("os.abort", {}),
    ("sys.exit", {}),
    ("os.kill", {"pid": 0, "signal": 9}),
    ("time.sleep", {"secs": 1000}),
    ("signal.pause", {}),
    ("code.interact", {}),
    ("pdb.set_trace", {}),
    ("logging.FileHandler", {"filename": "made"}),
    ("zipfile.ZipFile", {"file": "made", "mode": "w"}),
    ("tarfile.TarFile", {"name": "made", "mode": "w"}),
    ("gzip.GzipFile", {"filename": "made", "mode": "w"}),
    ("sqlite3.connect", {"database": "made"}),
    ("tempfile.mkdtemp", {"dir": "."}),
    ("tempfile.NamedTemporaryFile", {"dir": ".", "delete": False}),
    ("torch.save", {"obj": 5, "f": "made"}),
    ("torch.load", {"f": "evil.pt", "weights_only": False}),
    ("torch.utils.tensorboard.SummaryWriter", {"log_dir": "made"}),
    ("pickle.load", {"file": "evil.pt"}),
    ("threading.Thread", {}),
    ("http.server.HTTPServer", {}),
    ("importlib.import_module", {"name": "evil"}),
    ("runpy.run_path", {"path_name": "evil.py"}),
    ("hydra.utils.instantiate", {"config": {"_target_": "os.mkdir", "path": "made"}}),
    ("functools.partial", {}),
    ("pathlib.Path.unlink", {"self": "precious/kept.txt"}),
    ("pathlib.Path.write_text", {"self": "made", "data": "x"}),
    ("filelock.FileLock", {"lock_file": "made"}),
    ("multiprocessing.Process", {}),
    ("antigravity.geohash", {}),
    ("regbench.jobs.forget", {"folder": "precious"}),
    ("regbench.records.write_text", {"path": "made", "text": "x"}),
    ("regbench.cli.main", {}),
    ("evil.Made", {}),
)
GROUPS = ("model", "optimizer", "schedule", "dataset", "reg.x")
EVIL = "open('made', 'w').write('x')\nclass Made: pass\n"


def put(content: dict[str, Any], group: str, node: dict[str, Any]) -> None:
    """A node at its place in a recorded configuration."""
    if group == "reg.x":
        content["reg"] = {"x": node}
    else:
        content[group] = node | {n: content[group][n] for n in ("lr",) if n in content[group]}


@RECIPES
def recorded_target(chance: random.Random) -> Case:
    """A recorded configuration that names what must not be called."""
    group = chance.choice(GROUPS)
    target, values = chance.choice(CALLS[:-1])

    def change(run: Path) -> None:
        path = run / ".hydra" / "config.yaml"
        content = yaml.safe_load(path.read_text())
        put(content, group, {"_target_": target, **values})
        path.write_text(yaml.safe_dump(content, sort_keys=False))

    make = chance.choice((resumed, tested))
    return make(change, f"{group} is {target}", statuses=(2,))


@RECIPES
def typed_target(chance: random.Random) -> Case:
    """A command line that names what is not of the kind that is due."""
    group = chance.choice(GROUPS[:4])
    target, values = chance.choice(CALLS[:-1])
    words = [f"{group}._target_={target}"]
    words += [
        f"+{group}.{name}={json.dumps(value).replace(chr(34), chr(39))}"
        for name, value in values.items()
        if not isinstance(value, dict)
    ]
    common = [word for word in TINY if not word.startswith(f"{group}.")]
    own = {"model": ["model=own"], "dataset": ["dataset=own"]}.get(group, [])
    begin = chance.choice((["train"], ["plan"], ["train", "-m"]))
    return Case([*begin, *own, *common, *words], [group], writes=(), about=f"{group} is {target}")


@RECIPES
def option_target(chance: random.Random) -> Case:
    """An option file that names what is not of the kind that is due."""
    target, values = chance.choice(CALLS[:-1])
    group = chance.choice(("reg", "model", "optimizer", "schedule"))

    def prepare(work: Path, stock: Stock) -> None:
        file = work / "options" / group / "mine.yaml"
        file.parent.mkdir(parents=True)
        head = "# @package reg.mine\n" if group == "reg" else ""
        file.write_text(head + yaml.safe_dump({"_target_": target, **values}))

    words = [word for word in TINY if not word.startswith(f"{group}.")]
    choice = "+reg=mine" if group == "reg" else f"{group}=mine"
    return Case(
        ["train", "--config-dir", "options", *words, choice],
        [group, "mine"],
        writes=(),
        prepare=prepare,
        about=f"{group} is {target}",
    )


class _Harm:
    def __init__(self, call: Callable[..., Any], words: tuple[str, ...]) -> None:
        self._call, self._words = call, words

    def __reduce__(self) -> tuple[Any, ...]:
        return self._call, self._words


@RECIPES
def pickles(chance: random.Random) -> Case:
    """A checkpoint that would run a command when it is unpickled."""
    import os

    name = chance.choice(("last.pt", "best.pt", "previous.pt"))
    harm = (
        _Harm(os.system, ("touch made; rm -rf precious",))
        if chance.random() < 0.7
        else _Harm(eval, ("open('made','w')",))
    )
    zipped = chance.random() < 0.5

    def change(run: Path) -> None:
        if zipped:
            with zipfile.ZipFile(run / name, "w") as archive:
                archive.writestr("archive/data.pkl", pickle.dumps(harm, 2))
                archive.writestr("archive/version", "3\n")
        else:
            (run / name).write_bytes(pickle.dumps(harm))

    if name != "previous.pt" and chance.random() < 0.5:
        return tested(change, f"{name} is a pickle", statuses=(2,))
    return resumed(change, f"{name} is a pickle")


@RECIPES
def links(chance: random.Random) -> Case:
    """Links in a run folder that lead to what must not be written."""
    name = chance.choice(
        (
            "tensorboard",
            ".lock",
            "train.log",
            "summary.json.tmp",
            "metrics.jsonl.tmp",
            "last.pt.tmp",
            "previous.pt.tmp",
            "best.pt.tmp",
        )
        + (
            "environment.json.tmp",
            "environment.json",
            "metrics.jsonl",
            "summary.json",
            "last.pt",
            "best.pt",
            "previous.pt",
            ".hydra",
            "tensorboard/train",
            "epoch_0001.pt",
        )
    )

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
    names = (
        "notes.txt",
        "tensorboard/notes.txt",
        "tensorboard/train/notes.txt",
        "tensorboard/mine/x",
        ".hydra/notes",
        "mine/x",
        "mine.pt",
        "summary.json~",
    )

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
    bad = chance.choice(
        (
            "\x1b[2J\x1b[31m",
            "a\nregbench: all is well",
            "../../outside",
            "<script>alert(1)</script>",
            "\u202e",
            "{{7*7}}",
            "$x$",
            "/etc/x",
            "x" * 5000,
        )
    )
    key = chance.choice(("name", "reason", "status", "identity", "data", "warnings", "classes", "ended"))
    extra = chance.choice(
        (
            [],
            ["--html", "page.html"],
            ["--csv", "a.csv"],
            ["--figures", "figures"],
            ["--tensorboard", "events"],
            ["--markdown", "-"],
        )
    )

    def change(run: Path) -> None:
        path = run / "summary.json"
        content = json.loads(path.read_text())
        content[key] = [bad] if isinstance(content.get(key), list) else bad
        if key == "name" and content["stack"]:
            content["stack"][0]["name"] = bad
            content["config"]["reg"] = {bad: node for node in content["config"]["reg"].values()}
        path.write_text(json.dumps(content))

    writes = ("page.html", "a.csv", "figures", "figures/*", "events", "events/*")
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
        import os

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

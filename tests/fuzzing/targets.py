"""What a configuration may name that acts on files, on the process, on anything but training."""

from __future__ import annotations

import json
import os
import pickle
import random
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.fuzzing.case import TINY, Case, Recipes
from tests.fuzzing.drawn import calls
from tests.fuzzing.folders import resumed, tested

RECIPES = Recipes()
Stock = Mapping[str, Path]
GROUPS = ("model", "optimizer", "schedule", "dataset", "reg.x")
# what may be called, and with what it would do harm, or wait for ever
CALLS = calls("""
shutil.rmtree {"path": "precious"}
shutil.move {"src": "precious", "dst": "stolen"}
shutil.copytree {"src": "precious", "dst": "made"}
shutil.make_archive {"base_name": "made", "format": "zip", "root_dir": "precious"}
os.remove {"path": "precious/kept.txt"}
os.unlink {"path": "precious/kept.txt"}
os.system {"command": "rm -rf precious"}
os.popen {"cmd": "rm -rf precious"}
os.rename {"src": "precious", "dst": "stolen"}
os.makedirs {"name": "made"}
os.mkdir {"path": "made"}
os.truncate {"path": "precious/kept.txt", "length": 0}
os.chmod {"path": "precious", "mode": 0}
os.symlink {"src": "precious", "dst": "made"}
os.mkfifo {"path": "made"}
os.chdir {"path": "precious"}
os.removedirs {"name": "precious"}
os.putenv {"name": "X", "value": "Y"}
os._exit {"status": 0}
os.abort
os.fork
os.kill {"pid": 0, "signal": 9}
os.execv {"path": "/bin/rm", "argv": ["rm", "-rf", "precious"]}
subprocess.run {"args": ["rm", "-rf", "precious"]}
subprocess.call {"args": ["rm", "-rf", "precious"]}
subprocess.Popen {"args": ["rm", "-rf", "precious"]}
subprocess.check_output {"args": ["rm", "-rf", "precious"]}
subprocess.getoutput {"cmd": "rm -rf precious"}
builtins.open {"file": "precious/kept.txt", "mode": "w"}
io.open {"file": "made", "mode": "w"}
io.FileIO {"file": "precious/kept.txt", "mode": "w"}
builtins.exec {"source": "open('made','w')"}
builtins.eval {"source": "open('made','w')"}
builtins.compile {"source": "x", "filename": "x", "mode": "exec"}
builtins.exit
builtins.input
builtins.breakpoint
builtins.help
sys.exit
time.sleep {"secs": 1000}
signal.pause
code.interact
pdb.set_trace
logging.FileHandler {"filename": "made"}
logging.basicConfig {"filename": "made"}
zipfile.ZipFile {"file": "made", "mode": "w"}
tarfile.TarFile {"name": "made", "mode": "w"}
tarfile.open {"name": "made", "mode": "w"}
gzip.GzipFile {"filename": "made", "mode": "w"}
sqlite3.connect {"database": "made"}
shelve.open {"filename": "made"}
dbm.open {"file": "made", "flag": "c"}
tempfile.mkdtemp {"dir": "."}
tempfile.NamedTemporaryFile {"dir": ".", "delete": false}
torch.save {"obj": 5, "f": "made"}
torch.load {"f": "evil.pt", "weights_only": false}
torch.hub.load {"repo_or_dir": "x/y", "model": "z"}
torch.utils.tensorboard.SummaryWriter {"log_dir": "made"}
torch.jit.load {"f": "evil.pt"}
torch.multiprocessing.spawn
numpy.save {"file": "made.npy", "arr": [1]}
pickle.load {"file": "evil.pt"}
joblib.load {"filename": "evil.pt"}
threading.Thread
multiprocessing.Process
http.server.HTTPServer
socketserver.TCPServer
importlib.import_module {"name": "evil"}
importlib.reload
runpy.run_path {"path_name": "evil.py"}
runpy.run_module {"mod_name": "evil"}
hydra.utils.instantiate {"config": {"_target_": "os.mkdir", "path": "made"}}
hydra.utils.call {"config": {"_target_": "os.mkdir", "path": "made"}}
functools.partial
pathlib.Path.unlink {"self": "precious/kept.txt"}
pathlib.Path.write_text {"self": "made", "data": "x"}
filelock.FileLock {"lock_file": "made"}
antigravity.geohash
this.s
regbench.folders.claims.forget {"folder": "precious"}
regbench.storage.files.write_text {"path": "made", "text": "x"}
regbench.storage.checkpoint.save {"path": "made", "state": {}}
regbench.sinks.tensorboard.TensorBoard {}
regbench.cli.main
webbrowser.open {"url": "x"}
urllib.request.urlopen {"url": "http://127.0.0.1:9"}
""")


def _put(content: dict[str, Any], group: str, node: dict[str, Any]) -> None:
    """A node at its place in a recorded configuration."""
    if group == "reg.x":
        content["reg"] = {"x": node}
    else:
        content[group] = node | {n: content[group][n] for n in ("lr",) if n in content[group]}


@RECIPES
def recorded(chance: random.Random) -> Case:
    """A recorded configuration that names what must not be called."""
    group = chance.choice(GROUPS)
    target, values = chance.choice(CALLS)

    def change(run: Path) -> None:
        path = run / ".hydra" / "config.yaml"
        content = yaml.safe_load(path.read_text())
        _put(content, group, {"_target_": target, **values})
        path.write_text(yaml.safe_dump(content, sort_keys=False))

    make = chance.choice((resumed, tested))
    # the test of a run needs no optimizer: it may be left unread
    statuses = (2, 0) if make is tested and group not in ("model", "dataset") else (2,)
    return make(change, f"{group} is {target}", statuses=statuses, named=["run", group])


@RECIPES
def typed(chance: random.Random) -> Case:
    """A command line that names what is not of the kind that is due."""
    group = chance.choice(GROUPS[:4])
    target, values = chance.choice(CALLS)
    words = [f"{group}._target_={target}"]
    for name, value in values.items():
        if not isinstance(value, dict):
            words.append(f"+{group}.{name}={json.dumps(value).replace(chr(34), chr(39))}")
    common = [word for word in TINY if not word.startswith(f"{group}.")]
    own = {"model": ["model=own"], "dataset": ["dataset=own"]}.get(group, [])
    begin = chance.choice((["train"], ["plan"], ["train", "-m"], ["list", "reg", "--model", "own"]))
    if begin[0] == "list":
        own, common = [], []
        words = [word.replace(f"{group}.", "model.") for word in words]
        group = "model"
    return Case([*begin, *own, *common, *words], [group], writes=(), about=f"{begin[0]}: {group} is {target}")


@RECIPES
def in_an_option(chance: random.Random) -> Case:
    """An option file that names what is not of the kind that is due."""
    target, values = chance.choice(CALLS)
    group = chance.choice(("reg", "model", "optimizer", "schedule", "dataset"))

    def prepare(work: Path, stock: Stock) -> None:
        file = work / "options" / group / "mine.yaml"
        file.parent.mkdir(parents=True)
        head = "# @package reg.mine\n" if group == "reg" else ""
        file.write_text(head + yaml.safe_dump({"_target_": target, **values}))

    words = [word for word in TINY if not word.startswith(f"{group}.")]
    choice = "+reg=mine" if group == "reg" else f"{group}=mine"
    line = ["train", "--config-dir", "options", *words, choice]
    return Case(line, [group, "mine"], writes=(), prepare=prepare, about=f"{group} is {target}")


@RECIPES
def nested(chance: random.Random) -> Case:
    """A target within a value, such as a transform of a dataset."""
    target, values = chance.choice(CALLS)
    node = json.dumps({"_target_": target, **values}).replace('"', "'").replace("'_target_'", "_target_")
    place = chance.choice(
        ("dataset.transform", "dataset.target_transform", "dataset.more", "model.more", "optimizer.more")
    )
    own = ["dataset=own", "dataset._target_=torchvision.datasets.FakeData"]
    words = [*TINY, *(own if place.startswith("dataset") else []), f"+{place}={node}"]
    return Case(["train", *words], [place.partition(".")[0], "more"], writes=(), about=f"{place} is {target}")


class _Harm:
    def __init__(self, call: Callable[..., Any], words: tuple[str, ...]) -> None:
        self._call, self._words = call, words

    def __reduce__(self) -> tuple[Any, ...]:
        return self._call, self._words


@RECIPES
def pickles(chance: random.Random) -> Case:
    """A checkpoint that would run a command when it is unpickled."""
    name = chance.choice(("last.pt", "best.pt", "previous.pt"))
    harm = chance.choice(
        (_Harm(os.system, ("touch made; rm -rf precious",)), _Harm(eval, ("open('made','w')",)))
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

"""Runs that are trained once, when they are first asked for, to be copied and damaged."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.fuzzing.case import TINY
from tests.fuzzing.children import Child
from tests.fuzzing.images import SHOWN, fill

LIMIT = 120.0  # seconds of one training
LONG = 6  # epochs of the run that is cut short
TRIES = 10  # at catching it before its end
CSV = Path(__file__).parents[1] / "sentences.csv"
TEXT = ["model=rnn", "model.embedding=8", "model.width=8", "dataset=text_csv", "dataset.path=sentences.csv"]
TEXT += ["dataset.length=12", "train.epochs=1", "train.batch_size=32", "device=cpu"]
TRAINED = {
    "finished": ["train", *TINY, "hydra.run.dir=finished"],
    "constant": ["train", *TINY, "schedule=constant", "hydra.run.dir=constant"],
    "sweep": ["train", "-m", "+reg=[],dropout", "seed=0,1", *TINY, "hydra.sweep.dir=sweep"],
    "text": ["train", *TEXT, "hydra.run.dir=text"],
    "images": ["train", *SHOWN, "dataset.path=photos", "dataset.root=decoded", "hydra.run.dir=images"],
}
CUT = {"killed": signal.SIGKILL, "interrupted": signal.SIGTERM}
CONTINUED = {"whole": ("killed", "resume"), "tested": ("finished", "test")}


class Stock(Mapping[str, Path]):
    """The folders of trained runs by name.

    `finished`, and `tested`, the same once its test split was read; `constant`, which can be made longer; `killed` and
    `interrupted`, cut short, of which the one has no summary; `whole`, what both become; `sweep`, a folder of four
    runs; `text`, a run on sentences; `images`, one on a folder of images, and `photos`, `decoded`, which it read and left.
    """

    def __init__(self, root: Path, env: Mapping[str, str | None]) -> None:
        self._root, self._env = root, env
        root.mkdir(parents=True)
        shutil.copy(CSV, root / "sentences.csv")
        fill(root / "photos", random.Random(0))

    def __iter__(self) -> Iterator[str]:
        return iter((*TRAINED, *CUT, *CONTINUED))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __getitem__(self, name: str) -> Path:
        """A folder, trained where it is not there yet; RuntimeError where that cannot be done."""
        folder = self._root / name
        if not folder.exists():
            if name in TRAINED:
                self._run(TRAINED[name], name)
            elif name in CUT:
                self._cut(name, CUT[name])
            else:
                source, command = CONTINUED[name]
                shutil.copytree(self[source], folder)
                self._run([command, name], name)
        return folder

    def _cut(self, name: str, number: int) -> None:
        """Train a run and stop it by a signal once it has two checkpoints; again where it ended before."""
        folder = self._root / name
        words = ["train", *TINY[1:], f"train.epochs={LONG}", "schedule=constant", f"hydra.run.dir={name}"]
        for _ in range(TRIES):
            shutil.rmtree(folder, ignore_errors=True)
            child = Child(words, self._root, self._kept(name), self._env)
            while child.poll(LIMIT) is None:
                if (folder / "previous.pt").exists() and (folder / "best.pt").exists():
                    os.kill(child.pid, number)
                    child.wait(LIMIT)
                    break
                time.sleep(0.002)
            summary = folder / "summary.json"
            if not summary.exists() or '"interrupted"' in summary.read_text():
                return
        raise RuntimeError(f"the run {name} was not cut short in the middle")

    def _kept(self, name: str) -> Path:
        kept = self._root.parent / "said" / name
        kept.mkdir(parents=True, exist_ok=True)
        return kept

    def _run(self, words: list[str], name: str) -> None:
        answer = Child(words, self._root, self._kept(name), self._env).wait(LIMIT)
        if answer.status:
            raise RuntimeError(f"the run {name} cannot be trained: {answer.err or answer.out}")

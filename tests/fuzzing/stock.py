"""Runs that are trained once, to be copied and damaged."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Mapping
from pathlib import Path

from tests.fuzzing.case import TINY
from tests.fuzzing.children import Child

LIMIT = 120.0  # seconds of one training
LONG = 6  # epochs of the run that is cut short
TRIES = 10  # at catching it before its end
CSV = Path(__file__).parents[1] / "sentences.csv"


class Stock:
    """The folders of trained runs by name.

    Attributes:
        folders: `finished`, and `tested`, the same once its test split was read; `constant`, which can be made longer; `killed` and `interrupted`, of which the one has no summary; `whole`, what both
            become; `sweep`, a folder of four runs; `text`, of sentences.
    """

    def __init__(self, root: Path, env: Mapping[str, str | None]) -> None:
        self._root, self._env = root, env
        self.folders: dict[str, Path] = {}
        root.mkdir(parents=True)

    def fill(self) -> None:
        """Train all of them.

        Raises:
            RuntimeError: one cannot be trained, with what was said.
        """
        self._train("finished", ["train", *TINY])
        self._train("constant", ["train", *TINY, "schedule=constant"])
        self._copy("finished", "tested")
        self._run(["test", str(self.folders["tested"])], self._root, "tested")
        self._cut("killed", signal.SIGKILL)
        self._cut("interrupted", signal.SIGTERM)
        self._copy("killed", "whole")
        self._run(["resume", str(self.folders["whole"])], self._root, "whole")
        sweep = ["train", "-m", "+reg=[],dropout", "seed=0,1", *TINY]
        self._train("sweep", sweep, "hydra.sweep.dir")
        shutil.copy(CSV, self._root / "sentences.csv")
        words = [
            "model=rnn",
            "model.embedding=8",
            "dataset=text_csv",
            "dataset.path=sentences.csv",
            "dataset.length=12",
        ]
        self._train(
            "text", ["train", *words, "train.epochs=1", "train.batch_size=32", "model.width=8", "device=cpu"]
        )

    def _copy(self, name: str, other: str) -> None:
        self.folders[other] = self._root / other
        shutil.copytree(self.folders[name], self.folders[other])

    def _train(self, name: str, words: list[str], key: str = "hydra.run.dir") -> None:
        self.folders[name] = self._root / name
        self._run([*words, f"{key}={name}"], self._root, name)

    def _cut(self, name: str, number: int) -> None:
        """Train a run and stop it by a signal once it has two checkpoints; again where it ended before."""
        folder = self.folders[name] = self._root / name
        words = [*TINY[1:], f"train.epochs={LONG}", "schedule=constant", f"hydra.run.dir={name}"]
        for _ in range(TRIES):
            shutil.rmtree(folder, ignore_errors=True)
            child = Child(["train", *words], self._root, self._kept(name), self._env)
            while not ((folder / "previous.pt").exists() and (folder / "best.pt").exists()):
                if child.poll(LIMIT):
                    break
                time.sleep(0.002)
            else:
                os.kill(child.pid, number)
                child.wait(LIMIT)
            summary = folder / "summary.json"
            if not summary.exists() or '"interrupted"' in summary.read_text():
                return
        raise RuntimeError(f"the run {name} was not cut short in the middle")

    def _kept(self, name: str) -> Path:
        kept = self._root.parent / "said" / name
        kept.mkdir(parents=True, exist_ok=True)
        return kept

    def _run(self, words: list[str], cwd: Path, name: str) -> None:
        answer = Child(words, cwd, self._kept(name), self._env).wait(LIMIT)
        if answer.status:
            raise RuntimeError(f"the run {name} cannot be trained: {answer.err or answer.out}")

"""Cases by their names, run side by side, each in a folder of its own with canaries in it."""

from __future__ import annotations

import os
import random
import resource
import shlex
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.fuzzing import (
    commands,
    folders,
    hostile,
    images,
    layouts,
    lines,
    nodes,
    options,
    own,
    parts,
    places,
    rows,
    searches,
    sources,
    states,
    studies,
    sweeps,
    tables,
    targets,
    text,
    words,
)
from tests.fuzzing.case import Case
from tests.fuzzing.children import ROOT, Answer, Child
from tests.fuzzing.digests import digests
from tests.fuzzing.stock import Stock
from tests.fuzzing.verdict import faults

KINDS = {
    module.__name__.rpartition(".")[2]: module.RECIPES
    for module in (
        lines,
        words,
        sweeps,
        commands,
        studies,
        searches,
        options,
        nodes,
        folders,
        states,
        hostile,
        targets,
        tables,
        text,
        images,
        layouts,
        own,
        parts,
        rows,
        sources,
        places,
    )
}
LINE = "{} -m regbench {}"


@dataclass(frozen=True)
class Name:
    """Of a case: all that is needed to draw it again."""

    kind: str
    seed: int
    number: int

    def __str__(self) -> str:
        return f"{self.kind}:{self.seed}:{self.number}"

    @staticmethod
    def of(text: str) -> Name:
        """The name that a text like `lines:0:17` is; raises ValueError."""
        kind, seed, number = text.split(":")
        if kind not in KINDS:
            raise ValueError(f"there is no kind {kind}; there are {', '.join(KINDS)}")
        return Name(kind, int(seed), int(number))

    def case(self) -> Case:
        """The case itself."""
        return KINDS[self.kind].case(random.Random(str(self)), self.number)


def names(kinds: Iterable[str], cases: int, seed: int) -> list[Name]:
    """So many names, spread over the kinds."""
    chosen = list(kinds)
    return [Name(chosen[n % len(chosen)], seed, n // len(chosen)) for n in range(cases)]


@dataclass
class Tried:
    """A case and what came of it; `faults` is empty where the answer was right."""

    name: Name
    case: Case
    answer: Answer
    faults: list[str]
    folder: Path

    def __str__(self) -> str:
        env = " ".join(
            f"{k}={shlex.quote(v)}" if v is not None else f"-u {k}" for k, v in self.case.env.items()
        )
        line = f"{env} regbench {shlex.join(self.case.words)}".strip()
        said = (self.answer.err.strip() or self.answer.out.strip()).replace("\n", "\n    ")
        said = said if len(said) < 1500 else f"{said[:600]}\n    [...]\n{said[-800:]}"
        return (
            f"FAULT {self.name} ({self.case.about}): {'; '.join(self.faults)}\n  {ascii(line)[1:-1][:600]}\n"
            f"  status {self.answer.status}, {self.answer.seconds:.1f} s, and it says:\n    {said}"
        )


class Battery:
    """Runs cases, so many at once.

    Args:
        root: a folder for all that is written.
        seconds: within which each must be answered.
        keep: whether the folders of those with faults are kept.
    """

    def __init__(self, root: Path, seconds: float, keep: bool) -> None:
        self._root, self._seconds, self._keep = root, seconds, keep
        self._env = _environment(root)
        self.stock = Stock(root / "stock", self._env)

    def run(self, wanted: Iterable[Name], jobs: int) -> Iterator[Tried]:
        """Try each; give them as they end."""
        left, running = iter(wanted), []
        while True:
            while len(running) < jobs and (name := next(left, None)):
                running.append(_Running(name, self._root / "cases", self._env, self.stock))
            if not running:
                return
            for one in list(running):
                if tried := one.poll(self._seconds):
                    running.remove(one)
                    yield tried
                    if not (tried.faults and self._keep):
                        _remove(tried.folder)
            time.sleep(0.01)


class _Running:
    def __init__(
        self, name: Name, root: Path, env: Mapping[str, str | None], stock: Mapping[str, Path]
    ) -> None:
        self.name, self.case, self._stock = name, name.case(), stock
        self.folder = root / str(name).replace(":", "_")
        _remove(self.folder)
        self._person = self.folder / "person"  # all that is theirs: their home, and the folder they work in
        work = self._person / "work"
        work.mkdir(parents=True)
        (self._person / "kept.txt").write_text("outside")
        (work / "precious").mkdir()
        (work / "precious" / "kept.txt").write_text("within")
        if self.case.prepare:
            self.case.prepare(work, stock)
        self._before = digests(self._person)
        mine = dict(env) | {"HOME": str(self._person)} | dict(self.case.env)
        case = self.case
        asked = {resource.RLIMIT_NOFILE: case.descriptors, resource.RLIMIT_FSIZE: case.largest}
        limits = {number: most for number, most in asked.items() if most is not None}
        self._child = Child(
            case.words, work / case.cwd, self.folder, mine, case.fresh, limits, case.code, case.output
        )

    def poll(self, limit: float) -> Tried | None:
        answer = self._child.poll(limit)
        if answer is None:
            return None
        before, after = (_of_work(found) for found in (self._before, digests(self._person)))
        wrong = faults(self.case, answer, before, after, self._person / "work", self._stock)
        return Tried(self.name, self.case, answer, wrong, self.folder)


def _of_work(found: dict[str, str]) -> dict[str, str]:
    """Paths as they are seen from the folder they work in."""
    return {path.removeprefix("work/") if path != "work" else ".": what for path, what in found.items()}


def _remove(folder: Path) -> None:
    for path, _, _ in os.walk(folder):
        os.chmod(path, 0o700)
    shutil.rmtree(folder, ignore_errors=True)


def _environment(root: Path) -> dict[str, str | None]:
    """Of every line: no network, no terminal, caches of its own."""
    nowhere = "http://127.0.0.1:9"
    set_here = {"REGBENCH_CACHE": str(root / "cache"), "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    set_here |= {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1", "MPLBACKEND": "agg"}
    set_here |= {name: nowhere for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")}
    set_here |= {"REGBENCH_DATA": str(root / "data"), "MPLCONFIGDIR": str(root / "matplotlib")}
    return {**set_here, "HYDRA_FULL_ERROR": None}


def counted(tried: Iterable[Tried], shown: bool = True) -> tuple[Counter[str], Counter[str]]:
    """Print what is wrong as it is found; how many were tried and were wrong, by kind."""
    all_of, wrong = Counter[str](), Counter[str]()
    for one in tried:
        all_of[one.name.kind] += 1
        if one.faults:
            wrong[one.name.kind] += 1
            print(one, flush=True)
    sys.stdout.flush()
    return all_of, wrong

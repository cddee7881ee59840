"""A case: what lies in the folder, what is typed, and which answer is right."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

REFUSED, FINE = 2, 0
FAILED_RUN, DIVERGED, FAILED_JOBS = 1, 3, 4  # statuses that docs/ state beside these
TINY = ("train.epochs=1", "dataset.num_train=200", "train.batch_size=32", "model.width=8", "device=cpu")


@dataclass
class Case:
    """One wrong input.

    Attributes:
        words: the command line after `regbench`.
        named: the sentence of a refusal must hold one of these, whatever their case; none: any sentence will do.
        statuses: exit statuses that are right.
        prepare: puts into the current folder what the line needs; it is given the stock of trained runs.
        env: environment variables that are set; None unsets.
        writes: patterns of paths (relative to the folder of the person) that a run that is not refused may
            write or change; never what was there before under another name.
        leaves: patterns of new files that a refusal may leave.
        fresh: a Python of its own, where it matters what has been imported.
        right: looks at the folder after an answer other than a refusal; says what is wrong, or "".
        cwd: the folder below the person's in which the line is typed.
        descriptors, largest: limits of the process, where they are set: open files, and bytes of a file.
        code: Python that is run instead of a line.
        output: where the standard output goes, if not into the report.
        about: what is wrong with the input, for the report.
    """

    words: Sequence[str]
    named: Sequence[str] = ()
    statuses: Sequence[int] = (REFUSED,)
    prepare: Callable[[Path, Mapping[str, Path]], None] | None = None
    env: Mapping[str, str | None] = field(default_factory=dict)
    writes: Sequence[str] = ("outputs", "outputs/*")
    leaves: Sequence[str] = ()
    fresh: bool = False
    right: Callable[[Path, Mapping[str, Path]], str] | None = None
    cwd: str = "."
    descriptors: int | None = None
    largest: int | None = None
    code: str = ""
    output: str = ""
    about: str = ""


Recipe = Callable[[random.Random], Case]


class Recipes:
    """The recipes of a kind of input; each draws cases of one sort."""

    def __init__(self) -> None:
        self._made: list[Recipe] = []

    def __call__(self, recipe: Recipe) -> Recipe:
        """Enter a recipe, as a decorator."""
        self._made.append(recipe)
        return recipe

    def case(self, chance: random.Random, number: int) -> Case:
        """The case of a number: recipes take turns, so that few cases are of every sort."""
        recipe = self._made[number % len(self._made)]
        case = recipe(chance)
        case.about = case.about or (recipe.__doc__ or recipe.__name__).strip().splitlines()[0]
        return case

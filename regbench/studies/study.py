"""What ablate, strength and race share: a line of `train -m` is run, and its conditions are reported on."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from regbench import __version__
from regbench.analysis.cohorts import Cohort, cohorts
from regbench.analysis.comparison import environment
from regbench.analysis.notes import note_of
from regbench.analysis.question import (
    FIXED_SEEDS,
    METRIC_HELP,
    Question,
    judged_of,
    refuse_metric,
    refuse_unmeasured,
    test_of,
)
from regbench.analysis.splits import SPLIT, follows, over_splits
from regbench.composition.command_line import CommandLine
from regbench.composition.compose import compose_each, compose_jobs, keys_of, read_line, refuse_options
from regbench.composition.composed import Composed
from regbench.composition.composer import Composer
from regbench.composition.settings import read_settings
from regbench.errors import ConfigError
from regbench.folders.outputs import owner_of, place_of, refuse_one_place, run_around, write_output
from regbench.records.identity import identity, stack_name
from regbench.records.metrics import without_classes
from regbench.records.reader import find, printable
from regbench.reports.response_text import DRAWN
from regbench.reports.wording import left_out
from regbench.sweeps.jobs import Job
from regbench.terminal.arguments import Arguments, path
from regbench.terminal.columns import Table
from regbench.terminal.imports import kept
from regbench.terminal.screen import Terminal, print_lines, print_table

FORMAT = 1  # of the JSON
NAMES_ITSELF = ("seed", "model", "dataset", "reg", "sweep", "threads")  # keys that a title need not say
Page = tuple[Table, list[str]]
Findings = Sequence[tuple[Any, Cohort]]  # what was found, and the runs it was found in


class Off(NamedTuple):
    """When a member does nothing.

    Attributes:
        value: of the field that is studied; None where the member is not off at any value of it.
        by_law: whether it then does nothing whatever its other values are.
    """

    value: Any
    by_law: bool


@dataclass(frozen=True)
class Condition:
    """Jobs of a line that are one study: alike in all but the seed and what the study varies.

    Attributes:
        name: dataset, model and stack, and what sets it apart from the line's other conditions.
        jobs: those of the line, one per seed (and value, where values are what is studied).
        lines: the overrides of every job that the study needs, each once.
        off: where one value of a member is studied, when it does nothing.
    """

    name: str
    jobs: list[Composed]
    lines: list[list[str]] = field(default_factory=list)
    off: Off | None = None

    def needing(self, lines: Iterable[Sequence[str]], off: Off | None = None) -> Condition:
        """The same condition, for which these jobs are to be run."""
        return replace(self, lines=[list(words) for words in dict.fromkeys(map(tuple, lines))], off=off)


@dataclass(frozen=True)
class Output:
    """A file or a folder that is asked for beside the report.

    Attributes:
        option: that asks for it, such as --html.
        path: of the file or the folder.
        is_folder: which of both.
        write: to the path, what was found; may raise OSError.
    """

    option: str
    path: Path
    is_folder: bool
    write: Callable[[Findings, Path], Any]


@dataclass(frozen=True)
class Study:
    """What a command makes of a line.

    Attributes:
        command: its name.
        conditions: what must be run.
        report: of the runs of a condition: what was found, as a dataclass, and how it is shown.
        outputs: what is written beside what all studies write.
    """

    command: str
    conditions: Sequence[Condition]
    report: Callable[[Condition, Cohort, Question], tuple[Any, Callable[[bool], list[Page]]]]
    outputs: Sequence[Output] = ()


def options(command: str, description: str, epilog: str, chosen_seeds: bool = True) -> Arguments:
    """The options that all such commands have.

    Args:
        command: its name.
        description: what it does.
        epilog: what else is to be known.
        chosen_seeds: whether the number of seeds may have been chosen beforehand.
    """
    parser = Arguments(
        prog=f"regbench {command}",
        usage=f"regbench {command} [options] OVERRIDES...",
        description=description,
        epilog=epilog,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--plan", action="store_true", help="print the jobs and what they will take; run nothing"
    )
    parser.add_argument("--metric", help=METRIC_HELP)
    which = "the last weights, or those that a member keeps (default); or the best by select"
    parser.add_argument("--at", default="last", choices=("last", "best"), help=which)
    if chosen_seeds:
        parser.add_argument("--fixed-seeds", action="store_true", help=FIXED_SEEDS)
    parser.add_argument("--json", metavar="FILE", type=path, help="write what was found to a file")
    return parser


def composed(command: str, words: list[str]) -> tuple[CommandLine, list[Composed]]:
    """The jobs of a line, read as `train -m` reads it.

    Raises:
        ConfigError: it is wrong, or asks for something else.
    """
    line = replace(read_line(words, command), multirun=True)
    refuse_options(line, command)
    jobs = compose_jobs(line)
    if not jobs:
        raise ConfigError("hydra/sweeper: must be Hydra's own, as the jobs must be known beforehand")
    for one in jobs:
        read_settings(one.config)
    return line, jobs


def varied(jobs: Sequence[Composed]) -> list[str]:
    """The keys that are not the same in all jobs of a line, in its order."""
    columns = zip(*(one.overrides for one in jobs), strict=True)
    return [keys_of(words)[0] for words in columns if len(set(words)) > 1]


def conditions(jobs: Sequence[Composed], alike: Callable[[Composed], Mapping[str, Any]]) -> list[Condition]:
    """The conditions of a line's jobs, in its order; what is to be run for each is not known yet.

    Seeds that each have a split of their own are one condition.

    Args:
        jobs: of the line.
        alike: the part of a job's configuration that all jobs of a condition share, the seed aside.
    """
    rows: dict[str, list[Composed]] = {}  # alike but for seed and split
    apart: dict[int, str] = {}
    for one in jobs:
        shared = {name: value for name, value in alike(one).items() if name != "seed"}
        dataset = {name: value for name, value in shared["dataset"].items() if name != "split_seed"}
        rows.setdefault(json.dumps(shared | {"dataset": dataset}), []).append(one)
        apart[id(one)] = json.dumps(shared)
    found: dict[str, list[Composed]] = {}
    row_of = {id(one): row for row, several in rows.items() if is_over_splits(several) for one in several}
    for one in jobs:
        found.setdefault(row_of.get(id(one), apart[id(one)]), []).append(one)
    keys = varied(jobs)
    return [Condition(_title(several, keys), several) for several in found.values()]


def is_over_splits(jobs: Iterable[Composed]) -> bool:
    """Whether of two seeds or more each has a split of its own."""
    runs = [(one.config["seed"], one.config["dataset"].get("split_seed")) for one in jobs]
    # of what is no number, which is refused where the data are read, nothing follows
    return all(type(value) in (int, float) for run in runs for value in run) and follows(runs)


def _title(jobs: Sequence[Composed], keys: Sequence[str]) -> str:
    """Dataset, model, stack, and the words that set a condition apart."""
    first = jobs[0]
    words = [
        word
        for word, key in zip(first.overrides, keys_of(first.overrides), strict=True)
        if key in keys and key not in NAMES_ITSELF and all(word in one.overrides for one in jobs)
    ]
    choices = (first.choices.get(group, "") for group in ("dataset", "model"))
    return printable(" ".join([*choices, stack_name(first.config["reg"]), *words]))


def carry_out(study: Study, line: CommandLine, asked: argparse.Namespace) -> int:
    """Run what has not been run, and show what it says; return the exit status.

    Raises:
        ConfigError: a job cannot be run, or an output not be written, and none has been run; or the figure
            that is asked for has not been measured.
    """
    refuse_metric(study.command, asked.metric)
    outputs = [*_json(study.command, asked.json), *study.outputs]
    refuse_outputs(study.command, outputs)
    # Not at the top: torch takes seconds, and a wrong line is answered at once.
    with kept():
        from regbench.sweeps import estimate as plan
        from regbench.sweeps.folder import arranged
        from regbench.sweeps.launcher import Launch
        from regbench.sweeps.sweep import refuse_wrong, sweep

    composer = Composer(line.config_dir)
    made = compose_each(line, [words for one in study.conditions for words in one.lines], composer)
    if asked.plan:
        place, jobs = arranged(line, made)
        refuse_wrong(place, jobs)
        planned = Launch(line, composer)
        plan.show(jobs, planned.at_once(jobs), together=planned.groups)
        return 0
    with Launch(line, composer) as launch:
        place, jobs = arranged(line, made)
        code = sweep(launch, place, jobs, line.fail_fast)
    found = _show(study, _folders(study, made, jobs), asked)
    for one in outputs:
        try:
            one.write(found, one.path)
        except OSError as error:
            where = error.filename or one.path
            raise ConfigError(f"{study.command}: {one.option}: {where}: {error.strerror}") from error
    return code


def _folders(study: Study, made: Sequence[Composed], jobs: Sequence[Job]) -> list[list[Path]]:
    """The run folders of each condition; jobs that several need are run once."""
    where = {_identity(one): one.folder for one in jobs}
    left = iter(made)
    return [[where[_identity(next(left))] for _ in one.lines] for one in study.conditions]


def _identity(one: Composed | Job) -> str:
    from regbench.assembly.data import content_of

    return identity(one.config, content_of(one.config))


def _show(study: Study, folders: Sequence[list[Path]], asked: argparse.Namespace) -> Findings:
    """Print the report of each condition that has any run; give what was found."""
    console = Terminal()
    found: list[tuple[Any, Cohort]] = []
    for condition, paths in zip(study.conditions, folders, strict=True):
        read = find(paths)
        made, duplicates = cohorts(over_splits(read.results))
        if not made:
            print_lines(console, [f"{condition.name}: no run has ended, so there is nothing to say"])
            continue
        if len(made) > 1:
            raise ConfigError(
                f"{SPLIT}: must be the same for all seeds where val rows are the source's own, which no "
                "split cuts, got one for each seed"
            )
        metric = judged_of(study.command, asked.metric, read.results)
        question = Question(metric, asked.at, test=test_of(asked.fixed_seeds))
        runs = (result for group in made[0].groups for result in group.results.values())
        measured = {figure for result in runs for figure in note_of(result, question.at).figures}
        if measured:
            refuse_unmeasured(study.command, question.metric, measured)
        finding, pages = study.report(condition, made[0], question)
        found.append((finding, made[0]))
        console.print()
        for table, lines in pages(console.is_terminal):
            print_table(console, table, whole=[DRAWN])
            print_lines(console, [f"- {line}" for line in lines])
            console.print()
        besides = left_out(read.excluded, duplicates, read.complaints)
        print_lines(console, [*environment(made[0].groups)[1], *besides], "dim")
    return found


def _json(command: str, file: Path | None) -> list[Output]:
    """What was found, as one file, where that is asked for."""

    def write(found: Findings, path: Path) -> None:
        kept: dict[str, Any] = {"format": FORMAT, "regbench": __version__, "command": command}
        kept |= {"conditions": [asdict(one) for one, _ in found]}
        text = json.dumps(without_classes(kept), indent=1, allow_nan=False) + "\n"
        write_output(path, text.encode(errors="backslashreplace"))

    return [Output("--json", file, False, write)] if file is not None else []


def refuse_outputs(command: str, outputs: Sequence[Output]) -> None:
    """As `refuse_output` for each, and two that are asked for at one place, of which one would be lost.

    Raises:
        ConfigError: it is so.
    """
    for one in outputs:
        refuse_output(command, one)
    refuse_one_place(command, [(one.option, one.path) for one in outputs])


def refuse_within(command: str, outputs: Iterable[Output], folder: Path) -> None:
    """Refuse what would lie among the files of a search, which may not be there yet.

    Raises:
        ConfigError: something would.
    """
    for one in outputs:
        if place_of(folder) in (place := place_of(one.path), *place.parents):
            raise ConfigError(f"{command}: {one.option}: must be no file of a search, got {one.path}")


def refuse_output(command: str, output: Output) -> None:
    """Refuse before the runs what could not be written after them, or would take the place of a study's file.

    Raises:
        ConfigError: it is so.
    """
    path = output.path
    if owner := owner_of(path):
        raise ConfigError(f"{command}: {output.option}: must be no file of {owner}, got {path}")
    if folder := run_around(path):
        raise ConfigError(
            f"{command}: {output.option}: must not lie in the folder of a run, got {path}, which lies in "
            f"{folder.name}"
        )
    if output.is_folder:
        there = next(one for one in (path, *path.absolute().parents) if one.exists())
        if not there.is_dir() or not os.access(there, os.W_OK):
            raise ConfigError(
                f"{command}: {output.option}: must be a folder that can be made and written, got {path}"
            )
    elif path.is_dir() or not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise ConfigError(
            f"{command}: {output.option}: must be a file in a folder that can be written, got {path}"
        )

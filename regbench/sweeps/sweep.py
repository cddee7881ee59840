"""A sweep: every job once, whoever asks first, and none lost."""

from __future__ import annotations

import json
import shlex
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from regbench.assembly.run import check
from regbench.composition.command_line import FAIL_FAST, FORCE
from regbench.composition.compose import keys_of
from regbench.composition.settings import read_settings
from regbench.folders import exclusion
from regbench.folders.lock import wait_for
from regbench.folders.placement import refuse_links, refuse_unwritable
from regbench.folders.state import State, damage_of, state_of
from regbench.records.files import undamaged
from regbench.runs.interruption import Held, released
from regbench.runs.watching import Watch
from regbench.runs.work import LOCKED, Outcome
from regbench.storage.folders import missing, remove_empty
from regbench.sweeps.folder import SweepFolder
from regbench.sweeps.jobs import Job
from regbench.sweeps.launcher import Launch
from regbench.sweeps.losses import LOST, Losses
from regbench.sweeps.members import LATE, SKIPPED, Members
from regbench.sweeps.progress import Board, SweepProgress
from regbench.sweeps.replicas import choose
from regbench.terminal.bar import shown
from regbench.terminal.columns import Table
from regbench.terminal.screen import Screen, print_table

SOME_FAILED = 4  # exit status


@dataclass(frozen=True)
class Round:
    """Jobs of a sweep that are launched together.

    Attributes:
        jobs: checked.
        latest: for names of jobs the moment, in seconds since 1970, after which they are not started.
        watches: for names of jobs what says after which epoch a run is given up (`regbench.runs.watching`).
        tries: whether a job that is pruned, diverges, or cannot be run is a result like any other.
        told: takes what came of those that were tried, by name, when the round is over.
    """

    jobs: Sequence[Job]
    latest: Mapping[str, float] = field(default_factory=dict)
    watches: Mapping[str, Watch] = field(default_factory=dict)
    tries: bool = False
    told: Callable[[Mapping[str, Outcome]], None] = lambda _: None


def sweep(launch: Launch, place: SweepFolder, jobs: Sequence[Job], fail_fast: bool = False) -> int:
    """Check every job that is to be run, then run them; return the exit status.

    Raises:
        ConfigError: a job cannot be run; none has been.
    """
    refuse_wrong(place, jobs)
    return run_sweep(launch, jobs, place.words, fail_fast)


def refuse_wrong(place: SweepFolder, jobs: Sequence[Job]) -> None:
    """Check every job that is to be run, whether it is run now or only planned.

    Raises:
        ConfigError: a job cannot be run, or nothing be written where they live.
    """
    checked = set()
    with shown(jobs, "checking") as each:
        for one in each:
            read_settings(one.config)
            if state_of(one.folder).ended:
                continue
            refuse_links(one.folder, place.key)
            config = json.dumps({name: value for name, value in one.config.items() if name != "seed"})
            if config not in checked:  # a seed changes nothing more
                check(one.config)
                checked.add(config)
    if checked:
        refuse_unwritable(place.root, place.key)


def run_sweep(launch: Launch, jobs: Sequence[Job], words: Sequence[str], fail_fast: bool = False) -> int:
    """Run what is not finished, wait for what others run, say what failed; return the exit status.

    Args:
        launch: runs jobs by the launcher that the command line names.
        jobs: all jobs of the sweep, checked.
        words: what names the sweep on a command line.
        fail_fast: start no more jobs once one has failed; one that diverges is a result, and has not.
    """
    return run_rounds(launch, [Round(jobs)], words, fail_fast)


def run_rounds(
    launch: Launch,
    rounds: Iterable[Round],
    words: Sequence[str],
    fail_fast: bool = False,
    board: Board | None = None,
    console: Screen | None = None,
) -> int:
    """Run a sweep, as `run_sweep` does, of which each round is asked for when the one before is over.

    Args:
        launch: runs jobs by the launcher that the command line names.
        rounds: at the end of one its jobs have ended, failed, or were late.
        words: what names the sweep on a command line.
        fail_fast: start no more jobs once one has failed.
        board: what the live table shows; the sweep's own where None.
        console: where all is shown.
    """
    console = console or Screen()
    outcomes: dict[str, Outcome] = {}
    jobs: list[Job] = []
    tries: set[str] = set()
    try:
        with (
            SweepProgress(console, [], board=board) as progress,
            ExitStack() as opened,
            _holding(launch.is_ours),
        ):
            stop: Path | None = None
            for one in rounds:
                if not jobs and one.jobs:
                    progress.tell(exclusion.said(one.jobs[0].folder.parent))
                jobs += one.jobs
                tries |= {job.name for job in one.jobs if one.tries}
                if fail_fast and one.jobs and not stop:
                    stop = opened.enter_context(_note(one.jobs[0].folder.parent if launch.leaves else None))
                for job in one.jobs:
                    if damage := damage_of(job.folder):
                        _say(console, f"{job.name} is run again: {damage}")
                progress.add(one.jobs)
                _run(launch, one, outcomes, stop, progress)
                one.told({job.name: outcomes[job.name] for job in one.jobs if job.name in outcomes})
                with released():  # between rounds, too, Ctrl-C is heard
                    pass
                if stop and stop.exists():
                    break
    except KeyboardInterrupt:
        ended = sum(state_of(one.folder).ended for one in jobs)
        console.print(f"{ended} of {len(jobs)} jobs have ended; the same line goes on", highlight=False)
        raise
    jobs = [one for one in jobs if outcomes.get(one.name) != Outcome(LATE)]
    return _report(console, jobs, outcomes, words, tries) if jobs else 0


@contextmanager
def _note(root: Path | None) -> Iterator[Path]:
    """A file that each process of a sweep can make and see; in its folder where they leave the machine."""
    new = missing(root) if root else []
    try:
        if root:
            root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".failed-", dir=root) as folder:
            yield Path(folder) / "failed"
    finally:
        remove_empty(*new)  # where no job came to be


def _holding(is_ours: bool) -> AbstractContextManager[object]:
    """Ctrl-C waits while a job of this process is composed; by launchers of others it ends them at once."""
    return Held() if is_ours else nullcontext()


def _run(
    launch: Launch, asked: Round, outcomes: dict[str, Outcome], stop: Path | None, progress: SweepProgress
) -> None:
    """Launch what is left until nothing is, or a job has failed that may not; fill in what came of it.

    Args:
        launch: runs jobs.
        asked: for now.
        outcomes: of each job that was tried, by its name.
        stop: a file that the first job to fail makes, whatever process it runs in; None: all are to be run.
        progress: is told how many run at once.
    """
    left = [one for one in asked.jobs if not state_of(one.folder).ended]
    losses = {one.name: Losses() for one in left}
    task = Members(stop, asked.latest, asked.watches)
    while left:
        chosen = choose(left, launch.at_once(left), launch.groups, hurried=bool(asked.latest))
        progress.tell(chosen.said)
        progress.run(chosen.at_once(launch.at_once(left)))
        found = launch(task, left, task.unable, chosen.units)
        outcomes |= {one.name: outcome for one, outcome in zip(left, found, strict=True)}
        if stop and stop.exists():
            return
        lost = [one for one in left if outcomes[one.name].status == LOST and _is_open(one)]
        given_up = _given_up(lost, losses)
        again = [one for one in lost if one not in given_up]
        if stop and given_up:
            stop.touch()
            outcomes |= {one.name: Outcome(SKIPPED) for one in again}
            return
        begun = [one for one in again if state_of(one.folder) is State.LEFT]
        for one in begun or again:  # of hundreds that one loss has taken along nothing is to be said
            progress.tell(f"{one.name}: {outcomes[one.name].reason}; it is launched again")
        left = [one for one in left if one in again or outcomes[one.name].status == LOCKED]
        busy = [one.folder for one in left if outcomes[one.name].status == LOCKED]
        with released():
            wait_for(busy, progress.tell)  # then each has ended, or its owner has died and it is ours
        left = [one for one in left if not state_of(one.folder).ended]


def _is_open(job: Job) -> bool:
    """Whether nothing has ended its run, though what was at it is gone."""
    return state_of(job.folder) in (State.NEW, State.LEFT)


def _given_up(jobs: Sequence[Job], losses: Mapping[str, Losses]) -> list[Job]:
    """Those of the lost jobs that are not launched again.

    Where a launcher loses all of them over the death of one worker, it is not held against those that had not
    begun, as long as others had.

    Args:
        jobs: whose workers were lost.
        losses: of each job so far, by its name.
    """
    begun = [one for one in jobs if state_of(one.folder) is State.LEFT] or jobs
    return [one for one in begun if losses[one.name].add(one.epochs())]


def _report(
    console: Console,
    jobs: Sequence[Job],
    outcomes: dict[str, Outcome],
    words: Sequence[str],
    tries: Collection[str] = (),
) -> int:
    """Say how the sweep ended, and for each failed job why and how to repeat it.

    Args:
        console: where to say it.
        jobs: of the sweep.
        outcomes: of each job that was tried, by its name.
        words: what names the sweep on a command line.
        tries: names of jobs that have not failed where they were pruned, diverged, or could not be run.
    """
    states = {one.name: state_of(one.folder) for one in jobs}
    skipped = {one.name for one in jobs if outcomes.get(one.name) == Outcome(SKIPPED)}
    states_of_tries = {name: states[name] for name in states.keys() & set(tries)}
    ended = {name: state for name, state in states_of_tries.items() if not state.finished}
    beside = skipped | {name for name, state in ended.items() if state is not State.FAILED}
    pruned = sum(state is State.PRUNED for state in ended.values())
    failed = [one for one in jobs if not states[one.name].finished and one.name not in beside]
    done = len(jobs) - len(failed) - len(beside)
    for one in jobs:
        if one.name in outcomes and outcomes[one.name].note:
            _say(console, f"{one.name}: {outcomes[one.name].note}")
    counted = f"{done} of {len(jobs)} jobs finished{f', {pruned} pruned' if pruned else ''}"
    console.print(f"{counted} in {jobs[0].folder.parent}", soft_wrap=True, highlight=False)
    if not failed:
        return 0
    rows = [[one.name, _reason(one, outcomes)] for one in failed]
    print_table(console, Table("failed", ["job", "why"], rows, prose=("why",)))
    console.print("\nto repeat just that one:")
    for one in failed:
        command = repeat(one, states[one.name], words)
        console.print(f"  {command}", markup=False, highlight=False, soft_wrap=True)
    if skipped:
        console.print(
            f"{len(skipped)} jobs were not started, because one has failed ({FAIL_FAST}); "
            "the same line goes on with them",
            highlight=False,
            soft_wrap=True,
        )
    return SOME_FAILED


def _say(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def _reason(one: Job, outcomes: dict[str, Outcome]) -> str:
    outcome = outcomes.get(one.name)
    if (
        outcome is not None and outcome.reason and outcome.status != LOCKED
    ):  # what came of that its folder says
        return outcome.reason
    summary = undamaged(one.folder)
    return f"{summary.status}: {summary.reason}".rstrip(": ") if summary else "not finished"


def repeat(one: Job, state: State, words: Sequence[str]) -> str:
    """The command that runs just this job again, in the same sweep."""
    keys = zip(one.overrides, keys_of(one.overrides), strict=True)
    made = [override for override, key in keys if key not in ("sweep", "hydra.sweep.dir")]
    again = [FORCE] if state in (State.DIVERGED, State.PRUNED) else []
    return shlex.join(["regbench", "train", "-m", *made, *words, *again])

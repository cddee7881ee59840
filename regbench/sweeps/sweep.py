"""A sweep: every job once, whoever asks first, and none lost."""

from __future__ import annotations

import json
import logging
import shlex
import tempfile
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from rich.console import Console

from regbench.assembly.data import content_of
from regbench.assembly.run import check
from regbench.composition.command_line import FAIL_FAST, FORCE, CommandLine
from regbench.composition.compose import keys_of
from regbench.composition.composer import ComposedJob
from regbench.composition.recorded import choices_of
from regbench.composition.settings import read_settings, resolved
from regbench.errors import ConfigError, of_the_system
from regbench.folders.claims import forget
from regbench.folders.lock import Held, held, wait_for
from regbench.folders.placement import refuse_links, refuse_place, refuse_strange, refuse_unwritable
from regbench.folders.removal import remove_files
from regbench.records.files import undamaged
from regbench.records.status import Status
from regbench.runs import session as job
from regbench.storage import checkpoint, checkpoint_form
from regbench.sweeps.jobs import State, SweepJob, arrange, damage_of, state_of, sweep_name
from regbench.sweeps.launcher import Launch
from regbench.sweeps.progress import Board
from regbench.terminal.bar import shown
from regbench.terminal.columns import Table
from regbench.terminal.screen import Screen, print_table

SWEEPS = Path("outputs") / "sweeps"
HELD = "held"  # what comes of a job that another process works at
SKIPPED = "skipped"  # what comes of a job that is not started, because another has failed
SOME_FAILED = 4  # exit status
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What came of one try at a job: a status of a run, `held` or `skipped`; and the reason of a failure.

    Attributes:
        note: what was damaged of what had been done of it before, and where it was begun again.
    """

    status: str
    reason: str = ""
    note: str = ""


@dataclass(frozen=True)
class Place:
    """Where a sweep lives, the words of a command line that say so, and the key that decides it."""

    root: Path
    words: list[str]
    key: str


def place_of(line: CommandLine, composed: Sequence[ComposedJob]) -> Place:
    """The folder of the jobs of a command line.

    Raises:
        ConfigError: they do not share one, or the command line names the jobs' folders itself.
    """
    keys = keys_of(line.overrides)
    options = ["--config-dir", line.config_dir] if line.config_dir else []
    if "hydra.sweep.subdir" in keys:
        raise ConfigError("hydra.sweep.subdir: is made of a job's stack, seed and identity; leave it out")
    names = {one.config["sweep"] for one in composed}
    if len(names) > 1:
        raise ConfigError(f"sweep: must be one name for all jobs, got {', '.join(map(str, sorted(names)))}")
    if "hydra.sweep.dir" in keys:
        roots = {one.folder for one in composed}
        if len(roots) > 1:
            raise ConfigError(f"hydra.sweep.dir: must be one folder for all jobs, got {len(roots)}")
        (root,) = roots
        return Place(root, [f"hydra.sweep.dir={root}", *options], "hydra.sweep.dir")
    name = names.pop() or sweep_name([one.choices for one in composed])
    return Place(SWEEPS / name, [f"sweep={name}", *options], "sweep")


def arranged(line: CommandLine, composed: Sequence[ComposedJob]) -> tuple[Place, list[SweepJob]]:
    """The place of the jobs of a command line, and each job once with its folder there.

    Raises:
        ConfigError: see `place_of`; or a folder that is there is a person's own.
    """
    place = place_of(line, composed)
    refuse_place(place.root, place.key)
    jobs = arrange(composed, place.root, content_of, line.force)
    for one in jobs:
        refuse_strange(one.folder, place.key)
    return place, jobs


def sweep(line: CommandLine, place: Place, jobs: Sequence[SweepJob]) -> int:
    """Check every job that is to be run, then run them; return the exit status.

    Raises:
        ConfigError: a job cannot be run; none has been.
    """
    refuse_wrong(place, jobs)
    return run_sweep(Launch(line, place.root), jobs, place.words, line.fail_fast)


def refuse_wrong(place: Place, jobs: Sequence[SweepJob]) -> None:
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


def run_sweep(launch: Launch, jobs: Sequence[SweepJob], words: Sequence[str], fail_fast: bool = False) -> int:
    """Run what is not finished, wait for what others run, say what failed; return the exit status.

    Args:
        launch: runs jobs by the launcher that the command line names.
        jobs: all jobs of the sweep, checked.
        words: what names the sweep on a command line.
        fail_fast: start no more jobs once one has failed; one that diverges is a result, and has not.
    """
    console = Screen()
    outcomes: dict[str, Outcome] = {}
    for one in jobs:
        if damage := damage_of(one.folder):
            _say(console, f"{one.name} is run again: {damage}")
    try:
        with Board(console, jobs, launch.workers), _notes(fail_fast) as notes:
            _run(launch, jobs, outcomes, Path(notes) / "failed" if notes else None)
    except KeyboardInterrupt:
        ended = sum(state_of(one.folder).ended for one in jobs)
        console.print(f"{ended} of {len(jobs)} jobs have ended; the same line goes on", highlight=False)
        raise
    return _report(console, jobs, outcomes, words)


def _notes(wanted: bool) -> AbstractContextManager[str | None]:
    """A folder that the processes of a sweep share, where they need one."""
    return tempfile.TemporaryDirectory() if wanted else nullcontext()


def _run(launch: Launch, jobs: Sequence[SweepJob], outcomes: dict[str, Outcome], stop: Path | None) -> None:
    """Launch what is left until nothing is, or a job has failed that may not; fill in what came of it.

    Args:
        launch: runs jobs.
        jobs: of the sweep.
        outcomes: of each job that was tried, by its name.
        stop: a file that the first job to fail makes, whatever process it runs in; None: all are to be run.
    """
    left = [one for one in jobs if not state_of(one.folder).ended]
    while left:
        jobs_left = [(one.overrides, one.name) for one in left]
        found = launch(partial(run_member, stop=stop), jobs_left, partial(_unable, stop=stop))
        outcomes |= {one.name: outcome for one, outcome in zip(left, found, strict=True)}
        if stop and stop.exists():
            return
        left = [one for one in left if outcomes[one.name].status == HELD]
        for one in left:
            wait_for(one.folder)  # then it has ended, or its owner has died and it is ours
        left = [one for one in left if not state_of(one.folder).ended]


def _unable(error: Exception, stop: Path | None) -> Outcome:
    """What comes of a job that could not begin."""
    if stop:
        stop.touch()
    return Outcome(Status.FAILED, of_the_system(error) or str(error))


def run_member(cfg: DictConfig, stop: Path | None = None) -> Outcome:
    """Run, or continue, the job of the folder that Hydra has made; nothing is shown.

    Args:
        cfg: its configuration.
        stop: do nothing where this file exists, and make it where the job fails.

    Raises:
        KeyboardInterrupt: a signal has stopped it; its folder is left to be continued.
    """
    folder = Path(HydraConfig.get().runtime.output_dir)
    if stop and stop.exists():
        if state_of(folder) is State.NEW:
            forget(folder)
        return Outcome(SKIPPED)
    outcome = _try(cfg, folder)
    if stop and outcome.status == Status.FAILED:
        stop.touch()
    return outcome


def _try(cfg: DictConfig, folder: Path) -> Outcome:
    about = HydraConfig.get()
    one = job.Job(resolved(cfg), folder, choices_of(about), Console(quiet=True))
    note = ""
    try:
        with held(folder):
            state = state_of(folder)
            if state.ended:
                return Outcome(state)
            note = "" if state is State.NEW else _set_aside(folder)
            try:
                status = job.train(one) if state is State.NEW else job.resume(one)
            except job.Unfit as error:
                note = _from_the_start(folder, error)
                status = job.resume(one)
    except Held:
        return Outcome(HELD)
    except (ConfigError, OSError) as error:
        return Outcome(Status.FAILED, of_the_system(error) or str(error), note)
    except Exception as error:  # one job's fault must not end the others
        log.exception("the job has failed")
        return Outcome(Status.FAILED, f"{type(error).__name__}: {error}", note)
    if status is Status.INTERRUPTED:
        raise KeyboardInterrupt
    return Outcome(status, note=note)


def _set_aside(folder: Path) -> str:
    """Leave what is whole of a job that has been begun; where that is not enough, nothing of its weights.

    Returns:
        What was not whole, and where the job is begun again; empty where all was.
    """
    if not checkpoint.exists(folder):
        return ""
    try:
        state, complaint = checkpoint_form.newest(folder)
        job.require_best(folder, state)
    except checkpoint.Damaged as error:
        return _from_the_start(folder, error)
    return f"{complaint}; it was continued from the one before" if complaint else ""


def _from_the_start(folder: Path, error: Exception) -> str:
    """Take a job's weights away, so that it is trained from the start, and say why."""
    remove_files(folder, checkpoint.names(folder))
    return f"{error}; it was run again from the start"


def _report(
    console: Console, jobs: Sequence[SweepJob], outcomes: dict[str, Outcome], words: Sequence[str]
) -> int:
    """Say how the sweep ended, and for each failed job why and how to repeat it."""
    states = {one.name: state_of(one.folder) for one in jobs}
    skipped = {one.name for one in jobs if outcomes.get(one.name) == Outcome(SKIPPED)}
    failed = [one for one in jobs if not states[one.name].finished and one.name not in skipped]
    done = len(jobs) - len(failed) - len(skipped)
    for one in jobs:
        if one.name in outcomes and outcomes[one.name].note:
            _say(console, f"{one.name}: {outcomes[one.name].note}")
    console.print(
        f"{done} of {len(jobs)} jobs finished in {jobs[0].folder.parent}", soft_wrap=True, highlight=False
    )
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


def _reason(one: SweepJob, outcomes: dict[str, Outcome]) -> str:
    outcome = outcomes.get(one.name)
    if outcome is not None and outcome.reason:
        return outcome.reason
    summary = undamaged(one.folder)
    return f"{summary.get('status', 'not finished')}: {summary.get('reason', '')}".rstrip(": ")


def repeat(one: SweepJob, state: State, words: Sequence[str]) -> str:
    """The command that runs just this job again, in the same sweep."""
    keys = zip(one.overrides, keys_of(one.overrides), strict=True)
    made = [override for override, key in keys if key not in ("sweep", "hydra.sweep.dir")]
    again = [FORCE] if state is State.DIVERGED else []
    return shlex.join(["regbench", "train", "-m", *made, *words, *again])

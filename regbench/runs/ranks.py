"""One run at several ranks: the first has its folder and says what is trained; the others are silent."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from regbench.assembly.data import content_of
from regbench.assembly.device import use_settings
from regbench.assembly.launched import Rank
from regbench.assembly.run import build_run
from regbench.composition.settings import read_settings
from regbench.errors import ConfigError
from regbench.instantiation.boundary import kind_of, raised, reason, stops
from regbench.runs.checkpoints import taken_up
from regbench.runs.interruption import StopRequest
from regbench.runs.meeting import Meeting, meeting_of
from regbench.runs.ongoing import Ongoing
from regbench.storage import checkpoint_form
from regbench.training.loop import Diverged, Run, fit
from regbench.training.ranks import Lost, SharedSteps
from regbench.types import Record


@contextmanager
def gathered(ongoing: Ongoing, rank: Rank, asked: Callable[[], bool]) -> Iterator[SharedSteps | None]:
    """Within, the run of the first rank is trained by all; by nobody where that is asked to stop before.

    Args:
        ongoing: built, and as far as its folder is.
        rank: the first.
        asked: whether it has been asked to stop.

    Raises:
        ConfigError: another rank has failed, or is not there any more.
    """
    meeting = meeting_of(rank)
    job = {
        "config": dict(ongoing.home.config),
        "folder": str(ongoing.home.path.absolute()) if ongoing.history else None,
        "threads": ongoing.threads,
        "path": sys.path,
        "machine": platform.node(),
        "content": ongoing.content,
    }
    if not meeting.call(job, asked):
        yield None
        return
    try:
        with joined(ongoing.run, meeting, asked) as ranks:
            yield ranks
    except Lost as error:
        raise ConfigError(meeting.failure() or str(error)) from error


def follow(rank: Rank) -> int:
    """Train what the first rank says, as long as it does; return its exit status.

    Args:
        rank: another than the first.
    """
    meeting = meeting_of(rank)
    job = meeting.job()
    if job is None:
        return meeting.status()
    StopRequest.told = False  # the first says it
    with StopRequest() as request:
        try:
            _train(job, meeting, lambda: request.made)
        except Diverged:
            pass  # as the first has
        except Lost:
            if request.made:  # torchrun ends all, as the first may have gone
                return 1
        except BaseException as error:
            if stops(error):
                raise
            if torch.cuda.is_initialized():  # whose exchanges end when a process does, and not before
                return 1
    return meeting.status()


def _train(job: dict[str, Any], meeting: Meeting, asked: Callable[[], bool]) -> None:
    """Train with the others to the end or to a stop."""
    with _telling(meeting):
        run, history = _built(job)
    if not meeting.get_ready():
        return
    with joined(run, meeting, asked) as ranks, _telling(meeting):
        for _ in fit(run, history):
            if ranks.stopping:
                return


def _built(job: dict[str, Any]) -> tuple[Run, list[Record]]:
    """The run that the first rank has, as far as it has come."""
    sys.path[:] = job["path"]  # where the first has found a person's own code
    settings, _ = read_settings(job["config"])
    settings.threads = job["threads"]
    use_settings(settings)
    folder = job["folder"]
    elsewhere = platform.node() != job["machine"]  # where files of these names may be others
    if elsewhere and content_of(job["config"], job["content"]) != job["content"]:
        raise ConfigError(
            "dataset: must hold the same rows, and model.init the same weights, on each machine"
        )
    run = build_run(job["config"], initial=folder is None)
    return run, [] if folder is None else taken_up(run, checkpoint_form.newest(Path(folder))[0])


@contextmanager
def _telling(meeting: Meeting) -> Iterator[None]:
    """Say what is raised within to the first rank, before anything shows that this one has gone."""
    try:
        yield
    except (Diverged, Lost):
        raise
    except BaseException as error:
        if not stops(error):
            meeting.fail(_told(error))
        raise


@contextmanager
def joined(run: Run, meeting: Meeting, asked: Callable[[], bool]) -> Iterator[SharedSteps]:
    """Within, this process is one of those that train a run.

    Args:
        run: at every rank the same.
        meeting: of all.
        asked: whether this rank has been asked to stop.

    Raises:
        Lost: another rank does not answer any more.
        ConfigError: the run is none that ranks can share.
    """
    of_gpus = run.device.type == "cuda"
    if of_gpus:
        torch.cuda.set_device(run.device)
    try:
        meeting.join("nccl" if of_gpus else "gloo")
    except RuntimeError as error:
        raise Lost(f"the ranks cannot reach each other: {error}") from error
    try:
        steps = SharedSteps(run.model, run.reg, run.optimizer, run.clock, run.seed, run.device, asked)
        buffers = [buffer for buffer in run.model.buffers() if buffer.is_floating_point()]
        steps.begin_alike([*run.model.parameters(), *buffers])
        run.ranks = steps
        run.reg.spread(steps)
        yield steps
    except BaseException:
        if not of_gpus:  # of GPUs an exchange that has begun would be waited for
            dist.destroy_process_group()
        raise
    else:
        dist.destroy_process_group()
    finally:
        run.ranks = None
        run.reg.spread(None)


def _told(error: BaseException) -> str:
    if issubclass(type(error), ConfigError):
        return str(error)
    return raised(error) or f"{kind_of(error)}: {reason(error)}"

"""Which techniques can act on a model and its data at their defaults, found by trying."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from regbench.analysis.advising import Acting, LeftOut
from regbench.assembly.run import build_run, check, members_prepare
from regbench.assembly.stack import build_stack
from regbench.assembly.workload import threads_of
from regbench.composition.catalogue import entries
from regbench.composition.command_line import CommandLine
from regbench.composition.compose import compose_each
from regbench.composition.composed import Composed
from regbench.composition.composer import Composer
from regbench.composition.settings import read_settings
from regbench.errors import ConfigError, duration
from regbench.regularizers.base import hooks
from regbench.runs.audited import audited
from regbench.sweeps.estimate import Costs
from regbench.sweeps.jobs import Job

PROBE = 2**32 - 1  # a seed that no run has: what was learned for one may be kept, and would be read at once
LEAST_LIMIT = 3.0  # seconds of learning that no technique is left out for, however short runs are
DOING = ("acts", "rule")  # what the audit says of a member that does something, or may


@dataclass(frozen=True)
class Option:
    """A technique of the catalogue as it is composed on a line, or why it cannot be."""

    name: str
    composed: Composed | None
    reason: str = ""


def options_of(line: CommandLine, words: Sequence[str], composer: Composer) -> list[Option]:
    """Every option of the group reg at its defaults, by name.

    Args:
        line: whose folder of options counts.
        words: of every run.
        composer: of that folder.
    """
    extra = Path(line.config_dir) if line.config_dir else None
    found = []
    for entry in entries("reg", extra):
        try:
            (made,) = compose_each(line, [[*words, f"+reg=[{entry.name}]"]], composer)
            found.append(Option(entry.name, made))
        except ConfigError as error:
            found.append(Option(entry.name, None, _why(error, entry.name)))
    return found


def tried(
    options: Sequence[Option], job: Callable[[Composed], Job], costs: Costs, run: float
) -> tuple[list[Acting], dict[str, float], list[LeftOut]]:
    """Those that act here with the time of a run of each; and the others with the reason.

    Args:
        options: all.
        job: makes the job of one.
        costs: what jobs take.
        run: seconds of one without a technique, and learning before a run may take no longer.

    Returns:
        Those that act; by their names the seconds that trying each took, learning left out, which the first
        run of it takes again; and the others.
    """
    acting: list[Acting] = []
    firsts: dict[str, float] = {}
    left_out: list[LeftOut] = []
    for one in options:
        if one.composed is None:
            left_out.append(LeftOut(one.name, one.reason))
            continue
        try:
            started = time.monotonic()
            learning = _learning(one.composed.config, run)
            acting.append(Acting(one.name, learning + costs.of(job(one.composed)).seconds))
            firsts[one.name] = time.monotonic() - started - learning
        except ConfigError as error:
            left_out.append(LeftOut(one.name, _why(error, one.name)))
    return acting, firsts, left_out


def _learning(config: dict[str, Any], run: float) -> float:
    """Prove that it acts; give the seconds that it learns before a run.

    Raises:
        ConfigError: it does not act, or learns for too long.
    """
    read_settings(config)
    leaves = list(build_stack(config["reg"]).leaves())
    seconds = 0.0
    if any("prepare_data" in hooks(type(leaf)) for _, leaf in leaves):
        check(config)  # which does not learn
        config = {**config, "seed": PROBE}
        seconds = _learned(config, run)
    found = audited(config, threads_of(config))
    states = [finding["state"] for finding in found["findings"]]
    if states and not any(state in DOING for state in states):
        raise ConfigError(f"it does nothing here: {states[0]}")
    return seconds


def _learned(config: dict[str, Any], run: float) -> float:
    """Seconds that learning alone takes: many members only note rows in `prepare_data`.

    Raises:
        ConfigError: it takes longer than a run without it, and than the least that is allowed.
    """
    made = build_run(config, learn=False)
    limit = max(run, LEAST_LIMIT)
    try:
        with within(limit) as taken, members_prepare():
            made.reg.prepare_data(made.data.train)
        return taken()
    except TooLongError:
        raise ConfigError(
            f"what it learns before each run must take no longer than {duration(limit)}, as a run without it "
            f"takes {duration(run)}, and takes longer"
        ) from None


def _why(error: ConfigError, name: str) -> str:
    return str(error).removeprefix(f"reg.{name}: ")


class TooLongError(Exception):
    """Work has taken longer than it may."""


@contextmanager
def within(limit: float | None) -> Iterator[Callable[[], float]]:
    """Stop the body after so many seconds; None: let it take what it takes.

    Where there is no timer, or in a thread of its own, nothing is stopped.

    Gives:
        the seconds that have passed.

    Raises:
        TooLongError: it took longer.
    """
    started = time.monotonic()

    def passed() -> float:
        return time.monotonic() - started

    main = threading.current_thread() is threading.main_thread()
    if limit is None or not main or not hasattr(signal, "setitimer"):
        yield passed
        return

    late = False

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal late
        late = True
        raise TooLongError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, limit)
    try:
        yield passed
    except Exception as error:  # work may have taken it for an error of its own
        raise (TooLongError() if late else error) from error
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

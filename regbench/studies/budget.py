"""How much a race may spend: budget=2h, budget.jobs=200, budget.seeds=40 on its line."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

from regbench.errors import ConfigError, nearest, printable

UNITS = {"d": 86400, "h": 3600, "min": 60, "m": 60, "s": 1}
TIME = re.compile(r"(?:\d+(?:\.\d*)?(?:d|h|min|m|s))+")
PART = re.compile(r"(\d+(?:\.\d*)?)(d|h|min|m|s)")
KEY = "budget"
COUNTS = ("seeds", "jobs")
MOST = 10**9


@dataclass(frozen=True)
class Budget:
    """What a race may spend in all, what was run before it included; None: as much as it takes.

    Attributes:
        seconds: of the clock.
        jobs: runs.
        seeds: of each stack.
    """

    seconds: float | None = None
    jobs: int | None = None
    seeds: int | None = None

    @property
    def is_set(self) -> bool:
        """Whether there is a limit of any kind."""
        return (self.seconds, self.jobs, self.seeds) != (None, None, None)


def budget_of(words: Sequence[str]) -> tuple[Budget, list[str]]:
    """The budget that stands among the words of a line, and the other words.

    Raises:
        ConfigError: a budget is not known, is given twice, or is no time or number.
    """
    found: dict[str, str] = {}
    others = []
    for word in words:
        key, sign, value = word.lstrip("+").partition("=")
        if not sign or key.partition(".")[0] != KEY:
            others.append(word)
        elif key in found:
            raise ConfigError(f"{key}: given twice, as {printable(found[key])} and as {printable(value)}")
        else:
            found[key] = value
    known = {KEY, *(f"{KEY}.{name}" for name in COUNTS)}
    for key in found:
        if key not in known:
            hint = nearest(key, known) or "; there are budget, budget.seeds and budget.jobs"
            raise ConfigError(f"{printable(key)}: there is no such budget{hint}")
    counts = {name: count_of(f"{KEY}.{name}", found.get(f"{KEY}.{name}")) for name in COUNTS}
    return Budget(seconds_of(found.get(KEY)), counts["jobs"], counts["seeds"]), others


def seconds_of(text: str | None) -> float | None:
    """A budget of time as it was typed, in seconds; None where none was.

    Raises:
        ConfigError: it is no time.
    """
    if text is None:
        return None
    seconds = 0.0
    if TIME.fullmatch(text.strip()):
        seconds = sum(float(number) * UNITS[unit] for number, unit in PART.findall(text))
    if not 0 < seconds <= MOST:
        raise ConfigError(
            f"{KEY}: must be a time such as 2h, 30min, 90s or 1h30min, got {printable(text) or 'nothing'}"
        )
    return seconds


def count_of(key: str, text: str | None, most: int = MOST - 1) -> int | None:
    """A number of things as it was typed; None where none was.

    Raises:
        ConfigError: it is no whole number from 1 to `most`.
    """
    if text is None:
        return None
    return whole(key, text.strip(), 1, most)


def whole(key: str, text: str, least: int, most: int = MOST - 1) -> int:
    """A number from `least` to `most`, as it was typed.

    Raises:
        ConfigError: it is none; the sentence says which of both bounds it is beyond.
    """
    is_whole = re.fullmatch(r"[0-9]+", text) is not None
    digits = text.lstrip("0") or "0"
    number = int(digits) if is_whole and len(digits) <= len(str(most)) else None
    if number is not None and least <= number <= most:
        return number
    is_beyond = is_whole and (number is None or number > most)
    bound = f"most {most}" if is_beyond else f"least {least}"
    raise ConfigError(f"{key}: must be a whole number of at {bound}, got {printable(text) or 'nothing'}")


def clock(seconds: float) -> str:
    """A time as hours, minutes and seconds: 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


class Spending:
    """What a race has spent of its budget.

    Args:
        budget: what may be spent.
        workers: how many jobs run at once.

    Attributes:
        jobs: so far, those included that had ended before.
    """

    def __init__(self, budget: Budget, workers: int) -> None:
        self.budget, self.workers = budget, workers
        self.jobs = 0
        self._before = 0.0
        self._started = time.time()

    def add(self, jobs: int, seconds: float) -> None:
        """Count jobs, and the seconds that those of them took which had ended before."""
        self.jobs += jobs
        self._before += seconds / self.workers

    @property
    def seconds(self) -> float:
        """Of the clock, jobs that had ended before included."""
        return time.time() - self._started + self._before

    @property
    def end(self) -> float:
        """The moment at which the time is spent, in seconds since 1970."""
        limit = math.inf if self.budget.seconds is None else self.budget.seconds
        return self._started - self._before + limit

    def jobs_left(self, seconds: float | None) -> float:
        """How many more jobs the budget is enough for, infinity where neither time nor jobs are limited.

        Args:
            seconds: that one takes; None where nobody knows.
        """
        left = math.inf if self.budget.jobs is None else self.budget.jobs - self.jobs
        if self.budget.seconds is None or not seconds:
            return left
        return min(left, (self.end - time.time()) * self.workers / seconds)

    def said(self, done: int) -> str:
        """What has been spent, of how much: 63 of 108 jobs, 0:12:30 of 2:00:00.

        Args:
            done: how many jobs have been run, of those that are counted.
        """
        limits = self.budget
        jobs = f"{done} jobs" if limits.jobs is None else f"{done} of {limits.jobs} jobs"
        taken = clock(self.seconds) + ("" if limits.seconds is None else f" of {clock(limits.seconds)}")
        return f"{jobs}, {taken}"

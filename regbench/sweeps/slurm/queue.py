"""What Slurm says of its jobs: by `squeue`, which needs no database; by `sacct` what that has forgotten."""

from __future__ import annotations

import subprocess
from collections.abc import Collection, Sequence

WAIT = 60.0  # seconds for an answer
CANCELLED = "CANCELLED"
COMPLETED = "COMPLETED"
NODE_FAIL = "NODE_FAIL"
PREEMPTED = "PREEMPTED"
UNKNOWN = "UNKNOWN"  # what neither of the two knows
ENDED = frozenset(
    [
        *("BOOT_FAIL", CANCELLED, COMPLETED, "DEADLINE", "FAILED", NODE_FAIL, "OUT_OF_MEMORY", PREEMPTED),
        *("REVOKED", "TIMEOUT", UNKNOWN),
    ]
)


class Unanswered(Exception):
    """Slurm's controller gives no answer, so that nothing is known."""


def states(jobs: Collection[str]) -> dict[str, str]:
    """The state of each job, such as RUNNING; `UNKNOWN` where Slurm has none.

    Args:
        jobs: as Slurm calls them: `12`, or `12_3` for one of an array.

    Raises:
        Unanswered: its controller cannot be asked now.
    """
    found = _of_squeue(jobs)
    forgotten = [job for job in jobs if job not in found]
    found |= _of_sacct(forgotten) if forgotten else {}
    return {job: found.get(job, UNKNOWN) for job in jobs}


def _of_squeue(jobs: Collection[str]) -> dict[str, str]:
    command = ["squeue", "--noheader", "--states=all", "--array", "--format=%i|%T"]
    done = _asked([*command, f"--jobs={_arrays(jobs)}"])
    if done.returncode and "Invalid job id" not in done.stderr:  # that is: all of them are forgotten
        raise Unanswered(_sentence(done.stderr))
    return read(done.stdout)


def _of_sacct(jobs: Collection[str]) -> dict[str, str]:
    """Nothing where there is no database."""
    command = ["sacct", "--noheader", "--allocations", "--parsable2", "--format=JobID,State"]
    try:
        done = _asked([*command, f"--jobs={_arrays(jobs)}"])
    except Unanswered:
        return {}
    return {} if done.returncode else read(done.stdout)


def read(text: str) -> dict[str, str]:
    """The states of a table with a line `JOB|STATE` for each job; of `CANCELLED by 0` the first word."""
    rows = (line.strip().partition("|") for line in text.splitlines())
    return {job: state.split()[0] for job, _, state in rows if state.strip()}


def _arrays(jobs: Collection[str]) -> str:
    """Whole arrays: thousands of numbers make no command."""
    return ",".join(sorted({job.partition("_")[0] for job in jobs}))


def _asked(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """What a command of Slurm's has answered; in a session of its own, as Ctrl-C is not meant for it.

    Raises:
        Unanswered: it has not.
    """
    try:
        return subprocess.run(
            command, capture_output=True, text=True, timeout=WAIT, start_new_session=True, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unanswered(f"{command[0]} gives no answer") from error


def _sentence(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "squeue fails without a word"


def cancel(jobs: Collection[str]) -> str:
    """Have Slurm end jobs, which are told by SIGTERM; give the numbers of their arrays.

    Raises:
        Unanswered: its controller cannot be asked now.
    """
    arrays = _arrays(jobs)
    done = _asked(["scancel", *arrays.split(",")])
    if done.returncode:
        raise Unanswered(_sentence(done.stderr))
    return arrays.replace(",", ", ")

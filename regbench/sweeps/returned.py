"""What a launcher of ours returns to Hydra for a job, lost ones included."""

from __future__ import annotations

from typing import Any

from hydra.core.utils import JobReturn, JobStatus


def returned(value: Any) -> JobReturn:
    """A value as Hydra's sweepers expect it; what Hydra itself has made of a job stays as it is."""
    if isinstance(value, JobReturn):
        return value
    done = JobReturn()
    done.status, done.return_value = JobStatus.COMPLETED, value
    return done

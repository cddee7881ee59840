"""Code of a person's own that reads data: whatever it raises becomes a sentence with its place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from regbench.instantiation.boundary import kind_of, reason, stops


@contextmanager
def in_a_sentence(what: str) -> Iterator[None]:
    """Let what the body raises be a ValueError that says of what it was, and in which line.

    Args:
        what: the subject, e.g. "row 7".

    Raises:
        ValueError: the body raised anything.
    """
    try:
        yield
    except BaseException as error:  # a person's own code may raise anything; a script exits
        if stops(error):
            raise
        kind, said = kind_of(error), reason(error)
        raise ValueError(f"{what} raises {said if said.startswith(kind) else f'{kind}: {said}'}") from error

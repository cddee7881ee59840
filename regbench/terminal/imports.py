"""Importing what takes seconds, in less."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def kept() -> Iterator[None]:
    """Within, modules are imported that stay: the collector of cycles neither looks at them now nor later.

    Imports make a million objects, of which next to none is garbage; looking through them while they are
    made, and once more when the process ends, takes a third of the time that torch's import takes.
    """
    collecting, before = gc.isenabled(), len(sys.modules)
    gc.disable()
    try:
        yield
    finally:
        if len(sys.modules) > before:  # else what is garbage by now would be kept too, again and again
            gc.freeze()
        if collecting:
            gc.enable()

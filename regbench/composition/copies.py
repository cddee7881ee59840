"""Copies of what is composed or read once and given out many times, as composing changes what it is given."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from functools import partial
from typing import TypeVar

T = TypeVar("T")


def copier(value: T) -> Callable[[], T]:
    """What makes copies of a value, a configuration's tree for one: from bytes, which is the quickest way."""
    try:
        return partial(pickle.loads, pickle.dumps(value))
    except (pickle.PicklingError, AttributeError, TypeError):  # it has a schema made within a function
        return partial(copy.deepcopy, value)

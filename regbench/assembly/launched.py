"""What torchrun tells a process that it has started: which of how many ranks it is. Torch is not needed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from regbench.errors import ConfigError


@dataclass(frozen=True)
class Rank:
    """One of several processes that work at one run.

    Attributes:
        number: among all, from 0; the first alone reads the command line, writes and prints.
        count: of all, at least 2.
        local: its number among those of its machine, from 0.
        local_count: of those.
        restarts: how often torchrun has started all of them again.
    """

    number: int
    count: int
    local: int
    local_count: int
    restarts: int


def this_rank(environment: Mapping[str, str] = os.environ) -> Rank | None:
    """Which rank this process is; None where it is alone, by torchrun or without it."""
    if "TORCHELASTIC_RUN_ID" not in environment or int(environment.get("WORLD_SIZE", 1)) == 1:
        return None
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "TORCHELASTIC_RESTART_COUNT")
    return Rank(*(int(environment.get(name, 0)) for name in names))


def require_shares(config: Mapping[str, Any]) -> None:
    """Refuse a run whose micro-batches do not come out even among the ranks.

    Args:
        config: resolved.

    Raises:
        ConfigError: they do not.
    """
    rank = this_rank()
    micro = config["train"]["accumulate"]
    if rank is not None and micro % rank.count:
        raise ConfigError(
            f"train.accumulate: must be a multiple of the {rank.count} ranks that torchrun has started, "
            f"which share the micro-batches of a step, got {micro}"
        )


def refuse_ranks(what: str) -> None:
    """Refuse what several ranks do not work at.

    Args:
        what: was typed.

    Raises:
        ConfigError: there are several.
    """
    if (rank := this_rank()) is not None:
        raise ConfigError(
            f"{what}: must be typed without torchrun, whose ranks work at a single run of train or resume, "
            f"got {rank.count} ranks"
        )

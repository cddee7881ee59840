"""The audit before a run's first step: made once for all seeds of a stack."""

from __future__ import annotations

import functools
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from regbench.assembly.run import build_run
from regbench.assembly.stack import build_stack
from regbench.composition.settings import Config
from regbench.instantiation.boundary import refusing
from regbench.regularizers.base import hooks
from regbench.storage.shared import made_once
from regbench.training.audit import audit
from regbench.training.loop import Run

SEED = 0  # of the probes, whatever that of the run: what they find is the stack's
KEPT = 64  # stacks whose audits are kept for the next run of this process


def audited(config: Config, threads: int) -> dict[str, Any]:
    """What the audit finds of a run: its findings, warnings and operations, by the names of `Audit`.

    It is the same for all seeds, and found once. A member that learns before the run is probed as it has
    learned for this one: there the audit is the seed's own.

    Args:
        config: resolved.
        threads: that this process computes with, which the last bits depend on.

    Raises:
        ConfigError: the stack is refused.
    """
    learns = any("prepare_data" in hooks(type(leaf)) for _, leaf in build_stack(config["reg"]).leaves())
    seed = config["seed"] if learns else SEED
    found: dict[str, Any] = json.loads(_audited(json.dumps({**config, "seed": seed}), threads))
    return found


@functools.lru_cache(maxsize=KEPT)
def _audited(config: str, threads: int) -> str:
    return made_once(
        "audit", f"{threads} {config}", lambda: _found(json.loads(config)), _write, Path.read_text
    )


def _found(config: Config) -> str:
    with refusing("train: the first step is refused: "):
        return json.dumps(asdict(audit(lambda without: _copy(config, without))))


def _write(found: str, path: Path) -> None:
    path.write_text(found)


def _copy(config: Config, without: str | None) -> Run:
    stack = build_stack(config["reg"], seed=config["seed"])
    return build_run(config, stack.without(without) if without else stack)

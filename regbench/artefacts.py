"""Artefacts: what a member has learned before a run, kept for the next run that would learn the same."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from regbench.storage import checkpoint, checkpoint_form
from regbench.storage.digests import digest_of
from regbench.storage.reading import there
from regbench.streams import Stream, kept_draws, seed_draws
from regbench.types import Split

CACHE = "REGBENCH_CACHE"  # the environment variable that names the folder
State = dict[str, Tensor]
LEARNING_VERSION = 2  # another one when what a member learns changes, or how its rows are told from others


def learned(member: object, stream: Stream, train: Split, learn: Callable[[], State]) -> State:
    """What `learn` returns, from the cache where the same member has learned from the same rows before.

    The key is the content of the train split, the member's class and fields (its `repr`), the seed and name
    of its stream, the kind of device and torch's version. The global random state is seeded from the
    stream while `learn` runs and put back after it, so that layers can initialize themselves.

    Args:
        member: a dataclass, whose fields are hyperparameters.
        stream: the member's own.
        train: the rows that it learns from.
        learn: returns tensors, such as a state_dict; called at most once.

    Returns:
        The tensors, on the CPU.

    Raises:
        OSError: the cache cannot be written.
    """
    kind = type(member).__name__
    parts = (
        kind,
        member,
        stream.key,
        digest_of(train.inputs, train.labels),
        train.device.type,
        torch.__version__,
    )
    digest = hashlib.blake2b(repr((LEARNING_VERSION, *parts)).encode(), digest_size=12).hexdigest()
    return dict(_recalled(folder() / f"{kind}_{digest}.pt", _Once(stream, train.device, learn)))


def folder() -> Path:
    """Where artefacts are kept: `$REGBENCH_CACHE`, else ~/.cache/regbench/artefacts; safe to delete."""
    return Path(os.environ.get(CACHE) or "~/.cache/regbench/artefacts").expanduser()


class _Once:
    """The learning, equal to any other of the same file: the key of the memory is the path alone."""

    def __init__(self, stream: Stream, device: torch.device, learn: Callable[[], State]) -> None:
        self.stream, self.device, self.learn = stream, device, learn

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Once)

    def __hash__(self) -> int:
        return 0

    def __call__(self) -> State:
        devices = [self.device] if self.device.type == "cuda" else []
        with kept_draws(devices):
            seed_draws(self.stream.seed_of("learning"))
            return {name: tensor.detach().cpu() for name, tensor in self.learn().items()}


@functools.lru_cache(maxsize=8)  # the audit builds copies of a run, each of which asks
def _recalled(path: Path, once: _Once) -> State:
    if there(path):
        try:
            return checkpoint.load(path, checkpoint_form.check_weights, [path.stem])
        except checkpoint.Damaged:
            pass  # learn again, and put that in its place
    state = once()
    checkpoint.save(path, state, path.stem)
    return state

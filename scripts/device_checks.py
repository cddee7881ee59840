"""What must hold on a device: it agrees with the CPU, a run goes on to the bit, and an epoch waits for nothing."""

from __future__ import annotations

import copy
import tempfile
import warnings
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import torch

from regbench.assembly.device import use_settings
from regbench.assembly.run import build_run
from regbench.composition.command_line import CommandLine
from regbench.composition.compose import compose_jobs
from regbench.composition.settings import read_settings
from regbench.storage import checkpoint
from regbench.streams import Clock, Stream
from regbench.training.loop import EpochEnd, Run, batch_order, fit, train_epoch
from regbench.types import Record

MODELS = {"mlp": ["model=mlp", "model.width=64"], "cnn": ["model=cnn", "model.width=16"]}
STACKS = ["[]", "[dropout,mixup,label_smoothing,l2]", "[rotation,cutout,batch_norm]", "[l1,ema]", "[sam]"]
FEW = STACKS[:2]
QUICK = ["dataset.num_train=97", "train.batch_size=32"]
EPOCHS = 3
LOSSES_WITHIN = 2e-3  # relative, of every loss after three epochs: sums in another order, without TF32
NORMAL_WITHIN = 1e-5  # of normal draws: logarithms and cosines are no two libraries' alike


class Asked(NamedTuple):
    """What a check is told: the device, and whether it is to be as small as can be."""

    device: str
    quick: bool

    def words(self, *more: str) -> list[str]:
        return [*(QUICK if self.quick else []), *more]

    @property
    def stacks(self) -> list[str]:
        return FEW if self.quick else STACKS

    def wait(self) -> None:
        """Until the device has done what it was told."""
        if torch.device(self.device).type == "cuda":
            torch.cuda.synchronize()


class Skipped(Exception):
    """A part that cannot be measured here, and why."""


def composed(words: list[str], device: str) -> dict[str, Any]:
    """The configuration of a command line; torch is set as it says."""
    config = compose_jobs(CommandLine((*words, f"device={device}")))[0].config
    use_settings(read_settings(config)[0])
    return config


def records_of(run: Run, history: list[Record] | None = None) -> list[Record]:
    """Those of its epochs, from where the history ends."""
    return [event.record for event in fit(run, history or []) if isinstance(event, EpochEnd)]


def agreement(asked: Asked) -> dict[str, Any]:
    """Losses of three epochs beside those on the CPU, and draws."""
    torch.backends.cudnn.allow_tf32 = False
    cases = {}
    for model, words in MODELS.items():
        for stack in asked.stacks:
            given = asked.words(*words, f"+reg={stack}", f"train.epochs={EPOCHS}", "threads=1")
            here, there = (build_run(composed(given, device)) for device in ("cpu", asked.device))
            orders = zip(batch_order(here, 1), batch_order(there, 1), strict=True)
            alike = all(torch.equal(one, other.cpu()) for one, other in orders)
            apart = _apart(records_of(here), records_of(there))
            agrees = alike and apart <= LOSSES_WITHIN
            cases[f"{model} {stack}"] = {"agrees": agrees, "losses_apart": apart, "order_equal": alike}
    torch.backends.cudnn.allow_tf32 = True
    draws = draws_apart(asked.device)
    agrees = all(case["agrees"] for case in cases.values()) and draws["agrees"]
    return {"agrees": agrees, "losses_within": LOSSES_WITHIN, "tf32": False, "draws": draws, "cases": cases}


def _apart(ours: list[Record], theirs: list[Record]) -> float:
    """The largest relative difference of a loss."""
    found = [0.0]
    for one, other in zip(ours, theirs, strict=True):
        for name, value in one.metrics.items():
            if name.endswith("/loss") or name.startswith("objective/"):
                found.append(abs(value - other.metrics[name]) / max(abs(value), 1e-6))
    return max(found)


def draws_apart(device: str) -> dict[str, Any]:
    """Whether streams draw alike on both devices."""
    clock = Clock()
    clock.step = 3
    of = {
        "bits": lambda stream, where: stream.bits(0.7, (64, 33), where),
        "uniform": lambda stream, where: stream.uniform((64, 33), where),
        "integers": lambda stream, where: stream.integers(7, (64, 33), where),
        "permutation": lambda stream, where: stream.permutation(129, where),
        "normal": lambda stream, where: stream.normal((64, 33), where),
    }
    equal, apart = {}, 0.0
    for name, draw in of.items():
        one, other = (draw(Stream(5, "bench", clock), where).cpu() for where in ("cpu", device))
        if name == "normal":
            apart = (one - other).abs().max().item()
        else:
            equal[name] = torch.equal(one, other)
    agrees = all(equal.values()) and apart <= NORMAL_WITHIN
    return {"agrees": agrees, "equal": equal, "normal_apart": apart, "normal_within": NORMAL_WITHIN}


def resume(asked: Asked) -> dict[str, Any]:
    """Whether a run that goes on from the middle, in new objects, ends as one that was never stopped, to the bit."""
    cases = {}
    for model, words in MODELS.items():
        for precision in ("fp32", "bf16"):
            for stack in asked.stacks:
                more = [f"+reg={stack}", "train.epochs=4", f"precision={precision}", "threads=1"]
                config = composed(asked.words(*words, *more), asked.device)
                cases[f"{model} {precision} {stack}"] = {"equal": _goes_on(config)}
    return {"agrees": all(case["equal"] for case in cases.values()), "cases": cases}


def _goes_on(config: dict[str, Any]) -> bool:
    whole, begun, after = (build_run(config) for _ in range(3))
    expected, history = records_of(whole), []
    for event in fit(begun):
        if isinstance(event, EpochEnd):
            history.append(event.record)
            if len(history) == begun.epochs // 2:
                break
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.pt"
        parts = {"model": begun.model, "optimizer": begun.optimizer, "reg": begun.reg}
        checkpoint.save(path, {name: part.state_dict() for name, part in parts.items()})
        state = checkpoint.load(path)
    after.model.load_state_dict(state["model"])
    after.optimizer.load_state_dict(state["optimizer"])
    after.reg.load_state_dict(state["reg"])
    found = history + records_of(after, copy.copy(history))
    ours, theirs = whole.model.state_dict(), after.model.state_dict()
    same = all(torch.equal(tensor, theirs[name]) for name, tensor in ours.items())
    return same and list(map(_timeless, found)) == list(map(_timeless, expected))


def _timeless(record: Record) -> dict[str, float]:
    return {name: value for name, value in record.metrics.items() if not name.startswith("time/")}


def waits(asked: Asked) -> dict[str, Any]:
    """How often the host waits for the device within an epoch, as CUDA itself counts, and where.

    Raises:
        Skipped: the device is none of CUDA's.
    """
    if torch.device(asked.device).type != "cuda":
        raise Skipped(f"CUDA alone says where it is waited for, and the device is {asked.device}")
    cases = {}
    for model, words in MODELS.items():
        for stack in asked.stacks:
            run = build_run(composed(asked.words(*words, f"+reg={stack}"), asked.device))
            run.reg.begin_epoch(0.0)
            for _ in train_epoch(run, 0):  # what a device needs once is there after the first
                pass
            asked.wait()
            cases[f"{model} {stack}"] = _waits_of(run)
    return {"cases": cases}


def _waits_of(run: Run) -> dict[str, Any]:
    """Of its second epoch."""
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            steps = sum(1 for _ in train_epoch(run, 1))
    finally:
        torch.cuda.set_sync_debug_mode("default")
    told = [one for one in caught if "synchroniz" in str(one.message)]
    places = Counter(f"{Path(one.filename).name}:{one.lineno}" for one in told)
    return {"waits": len(told), "steps": steps, "places": dict(places)}

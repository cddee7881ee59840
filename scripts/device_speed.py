"""How fast a device trains: many runs as one stack beside one by one, and a network beside a bare loop."""

from __future__ import annotations

import importlib
import importlib.util
import statistics
import time
from collections.abc import Iterator
from itertools import count
from typing import Any

import torch

from bare import bare_loop
from device_checks import Asked, Skipped, composed
from regbench.assembly.run import build_run
from regbench.errors import ConfigError
from regbench.training.loop import Run, StepEnd, fit, train_epoch

REPLICAS = "regbench.training.replicas"
STACKS = ["[]", "[dropout,mixup,label_smoothing,l2]"]
COUNTS, QUICK_COUNTS = (1, 16, 64, 256), (1, 2)
EPOCHS = 5  # of which the first, that is slower, does not count
ROUNDS, STEPS, WARM = 5, 50, 20


def replicas(asked: Asked) -> dict[str, Any]:
    """Steps a second of K runs as one stack, all runs' together, and of one run by itself.

    Raises:
        Skipped: there is nothing yet that trains several at once.
    """
    if importlib.util.find_spec(REPLICAS) is None:
        raise Skipped(f"{REPLICAS} is not there")
    unstackable = importlib.import_module(f"{REPLICAS}.proof").unstackable
    fit_stack = importlib.import_module(f"{REPLICAS}.fit").fit_stack
    size = ["model.width=8"] if asked.quick else ["model.width=64", "train.batch_size=32"]
    epochs = f"train.epochs={2 if asked.quick else EPOCHS}"
    cases = {}
    for stack in STACKS:
        words = asked.words("dataset=digits", "model=mlp", *size, f"+reg={stack}", epochs)
        config = composed(words, asked.device)
        for number in QUICK_COUNTS if asked.quick else COUNTS:
            runs = [build_run(config | {"seed": seed}) for seed in range(number)]
            if why := unstackable(runs[:2]):
                cases[f"{stack} K={number}"] = {"skipped": why}
                continue
            alone = _steps_a_second(fit(build_run(config)), asked)
            together = number * _steps_a_second(fit_stack(runs, [[] for _ in runs]), asked)
            case = {"steps_per_s": together, "alone_steps_per_s": alone, "gain": together / alone}
            cases[f"{stack} K={number}"] = case
    return {"cases": cases}


def _steps_a_second(events: Iterator[Any], asked: Asked) -> float:
    """Between the first step of an epoch and its last, the median of all epochs but the first."""
    rates = []
    for event in events:
        if not isinstance(event, StepEnd):
            continue
        if event.step == 0:
            asked.wait()
            started = time.perf_counter()
        if event.step == event.steps - 1:
            asked.wait()
            rates.append((event.steps - 1) / (time.perf_counter() - started))
    return statistics.median(rates[1:])


def resnet(asked: Asked) -> dict[str, Any]:
    """Images a second of a ResNet-18 of torchvision, for small images, beside a bare loop on the same device."""
    data = ["dataset=digits", "dataset.num_train=96"] if asked.quick else ["dataset=cifar10"]
    sizes = (4,) if asked.quick else (128, 512)
    cases: dict[str, Any] = {}
    said = {"cifar10": {"skipped": "--quick: digits in its place"}} if asked.quick else {}
    for precision in ("fp32", "bf16"):
        for size in sizes:
            words = ["model=torchvision", "model.name=resnet18", "train.epochs=100000"]
            more = [f"train.batch_size={size}", f"precision={precision}"]
            cases[f"{precision} batch {size}"] = _beside_bare([*data, *words, *more], asked)
    return {"tf32": torch.backends.cudnn.allow_tf32, "cases": cases, **said}


def _beside_bare(words: list[str], asked: Asked) -> dict[str, Any]:
    config = composed(words, asked.device)
    try:
        runs = [build_run(config) for _ in range(2)]
    except (ConfigError, OSError) as error:  # the data are not there
        return {"skipped": str(error)}
    loops = {"ours": _endless(runs[0]), "bare": bare_loop(runs[1], augment=False)}
    rounds, steps, warm = (1, 1, 1) if asked.quick else (ROUNDS, STEPS, WARM)
    for loop in loops.values():
        _seconds(loop, warm, asked)
    took = [{name: _seconds(loop, steps, asked) for name, loop in loops.items()} for _ in range(rounds)]
    images = steps * runs[0].batch_size
    rates = {f"{name}_images_per_s": images / statistics.median(one[name] for one in took) for name in loops}
    shares = [one["bare"] / one["ours"] for one in took]
    return {**rates, "share": statistics.median(shares), "lowest": min(shares), "highest": max(shares)}


def _endless(run: Run) -> Iterator[object]:
    for epoch in count():
        yield from train_epoch(run, epoch)


def _seconds(loop: Iterator[object], steps: int, asked: Asked) -> float:
    asked.wait()
    started = time.perf_counter()
    for _ in range(steps):
        next(loop)
    asked.wait()
    return time.perf_counter() - started

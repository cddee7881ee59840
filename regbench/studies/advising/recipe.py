"""How to use what was found: a command, a configuration, lines for a loop of one's own."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

from regbench.analysis.advising import Plan, Recipe, Side
from regbench.composition.as_yaml import as_yaml
from regbench.composition.command_line import CommandLine
from regbench.composition.compose import compose_each
from regbench.composition.composer import Composer

SHOWN = ("reg", "train")  # of the configuration: what an advice is on
WORD = re.compile(r"[A-Za-z_]\w*")
LOOP = """\
import torch

import regbench
{imported}
# model: a module that returns logits; loader: a DataLoader of (inputs, labels), inputs in [0, 1] if images;
# select: rows that choose, (inputs, labels), for members that stop a run or pick its epoch
stack = {stack}
optimizer = {optimizer}
applied = stack.apply(model, optimizer, train=loader, epochs={epochs})
schedule = {schedule}
rates = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda _: schedule(applied.progress))
for epoch in range({epochs}):
    for inputs, labels in loader:  # {batch} rows at a time
        applied.step(inputs, labels)
        rates.step()
    if applied.end_epoch(select=select):
        break
model = applied.final_model()
"""


def recipe_of(side: Side, plan: Plan, line: CommandLine, composer: Composer) -> Recipe:
    """How to use the winner, or the tuned baseline.

    Args:
        side: one of both.
        plan: whose words every run has.
        line: whose folder of options counts.
        composer: of that folder.
    """
    words = [*plan.line, *side.words]
    (made,) = compose_each(line, [words], composer)
    folder = ["--config-dir", line.config_dir] if line.config_dir else []
    return Recipe(
        shlex.join(["regbench", "train", *folder, *words]),
        as_yaml({name: made.config[name] for name in SHOWN}),
        python_of(made.config, side, line.config_dir),
    )


def python_of(config: Mapping[str, Any], side: Side, config_dir: str | None = None) -> str:
    """Lines for a loop of one's own that train with the same stack, optimizer and schedule.

    Args:
        config: of a run.
        side: with the values that were tuned.
        config_dir: a folder of further options.
    """
    train, optimizer, schedule = config["train"], dict(config["optimizer"]), dict(config["schedule"])
    optimizer["lr"] = train["lr"]
    modules = sorted({_module(one) for one in (optimizer, schedule)} - {"torch.optim"})
    imported = [f"import {name}" for name in modules if name.partition(".")[0] != "torch"]
    return LOOP.format(
        imported="".join(f"{one}\n" for one in imported),
        stack=_stack(config["reg"], side, config_dir),
        optimizer=_made(optimizer, "model.parameters()"),
        schedule=_made(schedule),
        epochs=train["epochs"],
        batch=train["batch_size"],
    )


def _module(node: Mapping[str, Any]) -> str:
    return str(node["_target_"]).rpartition(".")[0]


def _made(node: Mapping[str, Any], *first: str) -> str:
    values = [f"{key}={value!r}" for key, value in node.items() if key != "_target_"]
    return f"{node['_target_']}({', '.join([*first, *values])})"


def _stack(members: Mapping[str, Any], side: Side, config_dir: str | None) -> str:
    """A call that makes the stack; what was not tuned stands in the YAML of each member."""
    given = [f"config_dir={config_dir!r}"] if config_dir else []
    words = [f"{name}={side.values.get(name, {})!r}" for name in members if WORD.fullmatch(name)]
    return f"regbench.stack({', '.join([*words, *given, 'seed=0'])})"

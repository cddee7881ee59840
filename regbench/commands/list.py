"""regbench list: what there is to choose from, without waiting for torch."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from rich.console import Console
from rich.text import Text

from regbench.composition.catalogue import GROUPS, Entry, Parameter, entries
from regbench.composition.source_text import KINDS
from regbench.errors import ConfigError, nearest, printable
from regbench.terminal.arguments import path
from regbench.terminal.screen import Screen

if TYPE_CHECKING:
    from regbench.assembly.found_sites import FoundSite

HEADINGS = {
    "reg": "regularizers: add one with +reg=NAME, change it with reg.NAME.PARAMETER=VALUE, or by a schedule "
    "(docs/stacks.md) where it says so",
    "model": "models: choose one with model=NAME, change it with model.PARAMETER=VALUE",
    "dataset": "datasets: choose one with dataset=NAME, change it with dataset.PARAMETER=VALUE",
    "optimizer": "optimizers: choose one with optimizer=NAME, change it with optimizer.PARAMETER=VALUE",
    "schedule": "schedules: choose one with schedule=NAME, change it with schedule.PARAMETER=VALUE",
    "sinks": "sinks: choose them with sinks=[NAME,NAME], change one with sinks.NAME.PARAMETER=VALUE",
    "experiment": "experiments: choose one with +experiment=NAME; those in published/ are swept with -m",
}

JSON_KEYS = """
--json prints a list of objects with these keys, which stay as they are:
  name        what to type on the command line
  group       reg, model, dataset, optimizer, schedule, sinks or experiment
  target      what is built, as module.Class ("" for a stack of other options and for
              an experiment, "???" for your own)
  summary     one line ("" where no source tells)
  paper       author, year, address ("" where there is none)
  parameters  a list of objects: name, type ("" where no source tells), default, required, search
              (what `regbench search` tries: low, high, log, or values; null where it leaves it alone),
              follows (whether it may follow a schedule), fixed (why it cannot; "" where it can, is no
              number, or no source tells)
  kind        of a regularizer: penalty, noise on activations, noise on weights, noise on inputs,
              noise on targets, optimizer, averaging, architecture or loss ("" where its class does
              not tell, and in the other groups)
  refused     why it cannot act on the model of --model; null where it can, or was not asked

`regbench list sites model=NAME` prints where regularizers can act in a model, and takes the words of train;
with --json a list of objects:
  kind        input, embedding, norm, hidden, attention, recurrent or branch
  path        of the place in the model
  shape       of what passes there, without the rows
  axis        of the channels within the shape
  default     whether noise acts there unless told where
  admits      names of the regularizers that act at sites of the kind

--model own needs the model itself, and may be given values and another dataset to be tried on:
  regbench list reg --model own model._target_=my_module.Net +model.hidden=64 dataset=fashion_mnist
"""


SITES = "sites"  # a group that is not of options


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"regbench: list: {printable(message)}\n")


def main(argv: Sequence[str] | None = None) -> None:
    """Print the options of one group or of all.

    Args:
        argv: the words after `regbench list`; those of the process where None.

    Raises:
        SystemExit: status 2 after one line on stderr, where a word is unknown or a person's file unreadable.
    """
    parser = _parser()
    asked = parser.parse_intermixed_args(argv)
    if asked.words and "=" not in asked.words[0]:
        asked.group = asked.words.pop(0)
    try:
        if asked.group == SITES:
            _show_sites(_sites(asked), asked.json)
            return
        found, refused = _ask(asked)
    except ValueError as error:
        parser.error(str(error))
    if asked.json:
        shown = [asdict(entry) | {"refused": refused.get(_key(entry))} for entry in found]
        Console().print_json(data=shown, default=str, ensure_ascii=True)
    else:
        _show(found, refused, asked.model)


def _parser() -> _Parser:
    parser = _Parser(
        prog="regbench list",
        description="Print every regularizer, model, dataset, optimizer, schedule, sink and experiment.",
        epilog=JSON_KEYS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(group=None)
    parser.add_argument(
        "words",
        nargs="*",
        metavar="group",
        help=f"one of {', '.join(GROUPS)}, all where left out; then KEY=VALUE as for train, with --model; or "
        f"{SITES}, then KEY=VALUE",
    )
    parser.add_argument(
        "--model", metavar="NAME", help="say which regularizers cannot act on this model, and why"
    )
    parser.add_argument("--config-dir", metavar="DIR", type=path, help="also list the options in this folder")
    parser.add_argument("--json", action="store_true", help="print JSON, keys as below")
    return parser


def _ask(asked: argparse.Namespace) -> tuple[list[Entry], dict[tuple[str, str], str]]:
    """The options wanted, and why some of the regularizers cannot act."""
    if asked.group is not None and asked.group not in GROUPS:
        hint = nearest(asked.group, [*GROUPS, SITES]) or f"; choose from {', '.join([*GROUPS, SITES])}"
        raise ConfigError(f"unknown group {asked.group!r}{hint}")
    _require_folder(asked.config_dir)
    if asked.model is not None and asked.group not in (None, "reg"):
        raise ConfigError(
            f"--model marks regularizers, and must come with group reg or none, got {asked.group!r}"
        )
    if asked.words and (asked.model is None or "=" not in asked.words[0]):
        raise ConfigError(f"unrecognized arguments: {' '.join(asked.words)}; KEY=VALUE is for --model NAME")
    refused = {} if asked.model is None else _refusals(asked.model, asked.words, asked.config_dir)
    groups = GROUPS if asked.group is None else [asked.group]
    return [entry for group in groups for entry in entries(group, asked.config_dir)], refused


def _require_folder(extra: Path | None) -> None:
    if extra is not None and not extra.is_dir():
        raise ConfigError(f"--config-dir must name a folder, got '{extra}'")


def _sites(asked: argparse.Namespace) -> list[FoundSite]:
    """The sites of the model that the words compose.

    Raises:
        ValueError: a word is wrong, or the model cannot be built.
    """
    words = [*([f"model={asked.model}"] if asked.model else []), *asked.words]
    if not any(word.partition("=")[0] == "model" for word in words):
        raise ConfigError(f"{SITES} must come with a model; type regbench list {SITES} model=NAME")
    _require_folder(asked.config_dir)
    from regbench.assembly.found_sites import found_sites  # imports torch, which takes seconds

    return found_sites(words, asked.config_dir)


def _show_sites(found: Sequence[FoundSite], as_json: bool) -> None:
    if as_json:
        Console().print_json(data=[asdict(site) for site in found], ensure_ascii=True)
        return
    console = Screen(highlight=False)
    if not found:
        console.print("no sites: regularizers of weights, targets, batches and gradients act all the same")
    for kind in dict.fromkeys(site.kind for site in found):
        there = [site for site in found if site.kind == kind]
        _print(console, [kind], "bold cyan", indent=0)
        width = max(len(site.path) for site in there)
        for site in there:
            noise = "  default" if kind == "hidden" and site.default else ""
            shape = "x".join(map(str, site.shape))
            _print(console, [f"{site.path:{width}}  {shape}{noise}".rstrip()], "")
        _print(console, ["admits", ", ".join(there[0].admits) or "nothing that was tried"], "dim")
        console.print()


def _refusals(model: str, words: Sequence[str], extra: Path | None) -> dict[tuple[str, str], str]:
    known = [entry.name for entry in entries("model", extra)]
    if model not in known:
        hint = nearest(model, known) or f"; choose from {', '.join(known)}"
        raise ConfigError(f"unknown model {model!r}{hint}")
    from regbench.assembly.refusals import refusals  # imports torch, which takes seconds

    return {("reg", name): reason for name, reason in refusals(model, words, extra).items()}


def _place(entry: Entry) -> int:
    """The place of an entry's kind among the others; entries of one kind stay as they were."""
    return KINDS.index(entry.kind) if entry.kind in KINDS else len(KINDS)


def _key(entry: Entry) -> tuple[str, str]:
    return entry.group, entry.name


def _show(found: Sequence[Entry], refused: Mapping[tuple[str, str], str], model: str | None) -> None:
    console = Screen(highlight=False)
    for group in dict.fromkeys(entry.group for entry in found):
        _print(console, HEADINGS[group].split(), "bold cyan", indent=0)
        said = ""
        for entry in sorted((entry for entry in found if entry.group == group), key=_place):
            if entry.kind != said:
                said = entry.kind
                console.print()
                _print(console, [said or "of no known kind"], "cyan", indent=0)
            console.print(Text(entry.name, "bold"))
            _print(console, (entry.summary or entry.target).split(), "")
            reason = refused.get(_key(entry))
            if reason is not None:
                _print(console, f"cannot act on {model}: {reason}".split(), "red")
            _print(console, [_described(parameter) for parameter in entry.parameters], "dim", gap="   ")
            _print(console, entry.paper.split(), "dim")
        console.print()


def _print(console: Console, pieces: Iterable[str], style: str, indent: int = 2, gap: str = " ") -> None:
    """Print pieces side by side, none of them broken; on one line where nobody watches."""
    width = console.width - indent if console.is_terminal else None
    for line in _filled(pieces, gap, width):
        console.print(Text(" " * indent + line, style), soft_wrap=True)


def _filled(pieces: Iterable[str], gap: str, width: int | None) -> list[str]:
    lines: list[str] = []
    for piece in pieces:
        if lines and (width is None or len(lines[-1]) + len(gap) + len(piece) <= width):
            lines[-1] += gap + piece
        else:
            lines.append(piece)
    return lines


def _described(parameter: Parameter) -> str:
    typed = f"{parameter.name}: {parameter.type}" if parameter.type else parameter.name
    value = ", required" if parameter.required else f" = {_as_typed(parameter.default)}"
    said = [f"searched {parameter.search}"] if parameter.search else []
    said += ["schedule"] if parameter.follows else []
    return f"{typed}{value}" + (f" [{', '.join(said)}]" if said else "")


def _as_typed(value: Any) -> str:
    """A value as YAML and the command line write it."""
    return value if isinstance(value, str) else json.dumps(value, default=str)

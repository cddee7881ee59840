"""What there is to choose from, read from YAML and source text: no module of anybody's is imported."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regbench.composition.option_files import LISTED, MADE, require_sound
from regbench.composition.paths import config_dir
from regbench.composition.source_text import (
    Roots,
    defined,
    fixed_of,
    follows_of,
    kind_of,
    off_of,
    search_of,
    types_of,
)
from regbench.composition.yaml_values import values_of
from regbench.space import Domain

EXPERIMENT = "experiment"  # options that choose others and set values anywhere, in folders too
GROUPS = (LISTED[0], *MADE, *LISTED[1:], EXPERIMENT)
MISSING = "???"  # how Hydra writes a value that a person must give


@dataclass(frozen=True, slots=True)
class Parameter:
    """One value of an option that a person may change.

    Attributes:
        name: its key.
        type: its annotation with aliases and Literals written out; empty where no source tells.
        default: the YAML's value; None where `required`.
        required: whether a person must give it.
        search: the values that `regbench search` tries; None where it leaves it alone, or no source tells.
        follows: whether it may follow a schedule during a run; of regularizers.
        fixed: why it cannot; empty where it can, is no number, or no source tells.
    """

    name: str
    type: str
    default: Any
    required: bool
    search: Domain | None = None
    follows: bool = False
    fixed: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One option of a config group.

    Attributes:
        name: the file's name.
        group: one of `GROUPS`.
        target: what is built of it, module.Class; empty for a stack of other options and an experiment.
        summary: first line of the target's docstring; empty where no source tells. Of an experiment the first
            line of comment below its package.
        paper: what the docstring cites; may be empty.
        parameters: the values in its file, in the file's order.
        kind: of a regularizer, one of `source_text.KINDS`; empty where its class does not tell.
    """

    name: str
    group: str
    target: str
    summary: str
    paper: str
    parameters: tuple[Parameter, ...]
    kind: str = ""


def entries(group: str, extra: Path | None = None) -> list[Entry]:
    """Every option of a group, sorted by name.

    Args:
        group: one of `GROUPS`.
        extra: a person's own config folder; of two files of one name the package's counts, as in Hydra.
            Their classes are looked for below this folder, then below the current one.

    Raises:
        ValueError: a person's YAML or source file cannot be read.
    """
    folders = [config_dir()] if extra is None else [extra, config_dir()]
    roots = () if extra is None else (extra, Path.cwd())
    if group == EXPERIMENT:
        return _experiments(folders)
    files = {path.stem: path for folder in folders for path in (folder / group).glob("*.yaml")}
    return [_entry(group, files[name], roots) for name in sorted(files)]


def _experiments(folders: Sequence[Path]) -> list[Entry]:
    """Those of the group's folder first, then those of folders within it."""
    files: dict[str, Path] = {}
    for place in (folder / EXPERIMENT for folder in folders):
        files |= {path.relative_to(place).with_suffix("").as_posix(): path for path in place.rglob("*.yaml")}
    found = []
    for name in sorted(files, key=lambda name: (name.count("/"), name)):
        require_sound(files[name], EXPERIMENT)
        lines = files[name].read_text(encoding="utf-8").splitlines()
        above = itertools.takewhile(lambda line: line.startswith("#"), lines)
        said = [line.lstrip("# ") for line in above if "@package" not in line]
        found.append(Entry(name, EXPERIMENT, "", said[0] if said else "", "", ()))
    return found


def off_values(extra: Path | None = None) -> dict[str, dict[str, Any]]:
    """The values at which a regularizer does nothing, as its class writes them in `off`, by option's name.

    Options are left out whose class has none, or none that source text tells; `extra` is as for `entries`.

    Raises:
        ValueError: a person's YAML or source file cannot be read.
    """
    roots = () if extra is None else (extra, Path.cwd())
    found = {}
    for entry in entries("reg", extra):
        off = off_of(entry.target, roots)
        if off:
            found[entry.name] = off
    return found


def docstring(target: str, extra: Path | None = None) -> str:
    """The docstring of a class or function, module.Name, its margin taken off; empty where no source tells.

    Raises:
        ValueError: a person's source file cannot be read.
    """
    definition = defined(target, () if extra is None else (extra, Path.cwd()))
    return (ast.get_docstring(definition[0]) or "") if definition else ""


def _entry(group: str, path: Path, roots: Roots) -> Entry:
    require_sound(path, group)
    text = path.read_text(encoding="utf-8")
    node = _values(text, path)
    target = str(node.get("_target_", ""))
    summary, paper, types = _read(target, roots)
    search, follows = search_of(target, roots), follows_of(target, roots)
    fixed = fixed_of(target, roots)
    if target == MISSING:
        summary = f"your own: {_package(text, group)}._target_=module.Class"
    parameters = (
        Parameter(
            key,
            types.get(key, ""),
            None if value == MISSING else value,
            value == MISSING,
            search.get(key),
            key in follows,
            fixed.get(key, ""),
        )
        for key, value in node.items()
        if key != "defaults" and not key.startswith("_")
    )
    kind = kind_of(target, roots) if group == "reg" else ""
    return Entry(path.stem, group, target, summary, paper, tuple(parameters), kind)


def _values(text: str, path: Path) -> dict[str, Any]:
    try:
        return values_of(text)
    except ValueError as error:
        raise ValueError(f"{path} {error}") from error


def _package(text: str, group: str) -> str:
    """The key under which the file's values are set."""
    header = re.match(r"#\s*@package\s+(\S+)", text)
    return header[1] if header else group


def _read(target: str, roots: Roots) -> tuple[str, str, dict[str, str]]:
    """Summary, paper and the parameters' types of a class or function; empty where its source is not ours."""
    definition = defined(target, roots)
    if definition is None:
        return "", "", {}
    text = ast.get_docstring(definition[0]) or ""
    paper = re.search(r"^Paper:\s*(.+(?:\n.+)*)", text, re.MULTILINE)
    cited = " ".join(paper[1].split()) if paper else ""
    return text.partition("\n")[0], cited, types_of(*definition, roots)

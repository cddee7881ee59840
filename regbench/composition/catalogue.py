"""What there is to choose from, read from YAML and source text: no module of anybody's is imported."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from regbench.composition.option_files import require_sound
from regbench.composition.paths import config_dir

GROUPS = ("reg", "model", "dataset", "optimizer", "schedule")
MISSING = "???"  # how Hydra writes a value that a person must give
Roots = tuple[Path, ...]  # the folders that a person's modules lie in
Definition = ast.ClassDef | ast.FunctionDef


@dataclass(frozen=True, slots=True)
class Parameter:
    """One value of an option that a person may change.

    Attributes:
        name: its key.
        type: its annotation with aliases and Literals written out; empty where no source tells.
        default: the YAML's value; None where `required`.
        required: whether a person must give it.
    """

    name: str
    type: str
    default: Any
    required: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """One option of a config group.

    Attributes:
        name: the file's name.
        group: one of `GROUPS`.
        target: what is built of it, module.Class; empty for a stack of other options.
        summary: first line of the target's docstring; empty where no source tells.
        paper: what the docstring cites; may be empty.
        parameters: the values in its file, in the file's order.
    """

    name: str
    group: str
    target: str
    summary: str
    paper: str
    parameters: tuple[Parameter, ...]


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
    files = {path.stem: path for folder in folders for path in (folder / group).glob("*.yaml")}
    return [_entry(group, files[name], roots) for name in sorted(files)]


def off_values(extra: Path | None = None) -> dict[str, dict[str, Any]]:
    """The values at which a regularizer does nothing, as its class writes them in `off`, by option's name.

    Options are left out whose class has none, or none that source text tells; `extra` is as for `entries`.

    Raises:
        ValueError: a person's YAML or source file cannot be read.
    """
    roots = () if extra is None else (extra, Path.cwd())
    found = {}
    for entry in entries("reg", extra):
        module, _, name = entry.target.rpartition(".")
        off = _off(name, _parsed(module, roots), roots)
        if off:
            found[entry.name] = off
    return found


def docstring(target: str, extra: Path | None = None) -> str:
    """The docstring of a class or function, module.Name, its margin taken off; empty where no source tells.

    Raises:
        ValueError: a person's source file cannot be read.
    """
    definition = _defined(target, () if extra is None else (extra, Path.cwd()))
    return (ast.get_docstring(definition[0]) or "") if definition else ""


def _off(name: str, tree: ast.Module | None, roots: Roots) -> dict[str, Any]:
    """What a class or the first of its bases that does so assigns to `off`; empty where none does."""
    found = _lookup(name, tree, roots)
    if found is None or not isinstance(found[0], ast.ClassDef):
        return {}
    for statement in found[0].body:
        match statement:
            case (
                ast.AnnAssign(target=ast.Name(id="off"), value=ast.expr() as value)
                | ast.Assign(targets=[ast.Name(id="off")], value=value)
            ):
                return _literal(value)
    bases = (_off(ast.unparse(base), found[1], roots) for base in found[0].bases)
    return next((off for off in bases if off), {})


def _literal(value: ast.expr) -> dict[str, Any]:
    """A dictionary written out in the source; empty where it is computed."""
    try:
        written = ast.literal_eval(value)
    except ValueError:
        return {}
    return written if isinstance(written, dict) else {}


def _entry(group: str, path: Path, roots: Roots) -> Entry:
    require_sound(path, group)
    text = path.read_text(encoding="utf-8")
    node = _values(text, path)
    target = str(node.get("_target_", ""))
    summary, paper, types = _read(target, roots)
    if target == MISSING:
        summary = f"your own: {_package(text, group)}._target_=module.Class"
    parameters = (
        Parameter(key, types.get(key, ""), None if value == MISSING else value, value == MISSING)
        for key, value in node.items()
        if key != "defaults" and not key.startswith("_")
    )
    return Entry(path.stem, group, target, summary, paper, tuple(parameters))


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Reads 1e-3 as a number, as Hydra does and YAML 1.1 does not."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


def _values(text: str, path: Path) -> dict[str, Any]:
    try:
        node = yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        raise ValueError(f"{path} must be valid YAML, got {' '.join(str(error).split())}") from error
    if not isinstance(node, dict):
        raise ValueError(f"{path} must hold keys and values, got {node!r}")
    return {str(key): value for key, value in node.items()}


def _package(text: str, group: str) -> str:
    """The key under which the file's values are set."""
    header = re.match(r"#\s*@package\s+(\S+)", text)
    return header[1] if header else group


def _read(target: str, roots: Roots) -> tuple[str, str, dict[str, str]]:
    """Summary, paper and the parameters' types of a class or function; empty where its source is not ours."""
    definition = _defined(target, roots)
    if definition is None:
        return "", "", {}
    text = ast.get_docstring(definition[0]) or ""
    paper = re.search(r"^Paper:\s*(.+(?:\n.+)*)", text, re.MULTILINE)
    cited = " ".join(paper[1].split()) if paper else ""
    return text.partition("\n")[0], cited, _types(*definition, roots)


def _defined(target: str, roots: Roots) -> tuple[Definition, ast.Module] | None:
    """The class or function at a full path and the module where it stands; None where no source tells."""
    module, _, name = target.rpartition(".")
    found = _lookup(name, _parsed(module, roots), roots)
    return (found[0], found[1]) if found and isinstance(found[0], Definition) else None


@cache
def _parsed(module: str, roots: Roots) -> ast.Module | None:
    """A module of this package or of a person's folders, found by its path alone."""
    parts = module.split(".")
    package = Path(__file__).parent.parent
    for root in [package.parent] if parts[0] == package.name else roots:
        for path in (root.joinpath(*parts[:-1], f"{parts[-1]}.py"), root.joinpath(*parts, "__init__.py")):
            if module and path.is_file():
                try:
                    return ast.parse(path.read_bytes(), path)
                except SyntaxError as error:
                    raise ValueError(f"{path} must be valid Python, got {error}") from error
    return None


def _lookup(name: str, tree: ast.Module | None, roots: Roots) -> tuple[ast.stmt, ast.Module] | None:
    """The class, function or alias that a module knows by a name, and the module where it is written."""
    if tree is None:
        return None
    for statement in tree.body:
        if isinstance(statement, Definition) and statement.name == name:
            return statement, tree
        match statement:
            case ast.Assign(targets=[ast.Name(id=assigned)]) if assigned == name:
                return statement, tree
            case ast.ImportFrom(module=str(module), level=0, names=aliases):
                for alias in aliases:
                    if (alias.asname or alias.name) == name:
                        return _lookup(alias.name, _parsed(module, roots), roots)
    return None


def _types(node: Definition, tree: ast.Module, roots: Roots) -> dict[str, str]:
    """Annotations of a function's arguments, or of a class's fields and `__init__`, the bases' first."""
    types: dict[str, str] = {}
    if isinstance(node, ast.ClassDef):
        for base in reversed(node.bases):
            found = _lookup(ast.unparse(base), tree, roots)
            if found and isinstance(found[0], ast.ClassDef):
                types |= _types(found[0], found[1], roots)
    return types | {name: _spelled(annotation, tree, roots) for name, annotation in _annotations(node)}


def _annotations(node: Definition) -> list[tuple[str, ast.expr]]:
    if isinstance(node, ast.FunctionDef):
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        return [(argument.arg, argument.annotation) for argument in arguments if argument.annotation]
    found = []
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            found.append((statement.target.id, statement.annotation))
        if isinstance(statement, ast.FunctionDef) and statement.name == "__init__":
            found += _annotations(statement)
    return found


def _spelled(annotation: ast.expr, tree: ast.Module, roots: Roots) -> str:
    """An annotation with aliases replaced by what they stand for, and Literals by their values."""
    match annotation:
        case ast.Constant(value=str(quoted)):
            return _spelled(ast.parse(quoted, mode="eval").body, tree, roots)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return f"{_spelled(left, tree, roots)} | {_spelled(right, tree, roots)}"
        case ast.Subscript(value=ast.Name(id="Literal"), slice=words):
            return " | ".join(map(ast.unparse, words.elts if isinstance(words, ast.Tuple) else [words]))
        case ast.Name(id=name):
            found = _lookup(name, tree, roots)
            if found and isinstance(found[0], ast.Assign):
                return _spelled(found[0].value, found[1], roots)
    return ast.unparse(annotation)

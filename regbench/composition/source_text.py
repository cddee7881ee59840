"""What source text says of a class or function, types and values; no module of anybody's is imported."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from regbench.space import Choice, Domain, Interval

Roots = tuple[Path, ...]  # the folders that a person's modules lie in
Definition = ast.ClassDef | ast.FunctionDef
KINDS = (
    "penalty",
    "noise on activations",
    "noise on weights",
    "noise on inputs",
    "noise on targets",
    "optimizer",
    "averaging",
    "architecture",
    "loss",
)
KIND_BY_HOOK = {  # a regularizer with one of these is of that kind unless it says another
    "transform_batch": "noise on inputs",
    "data_loss": "loss",
    "penalty": "penalty",
    "edit_gradients": "optimizer",
    "eval_model": "averaging",
}


def defined(target: str, roots: Roots) -> tuple[Definition, ast.Module] | None:
    """The class or function at a full path and the module where it stands; None where no source tells."""
    module, _, name = target.rpartition(".")
    found = _lookup(name, _parsed(module, roots), roots)
    return (found[0], found[1]) if found and isinstance(found[0], Definition) else None


def off_of(target: str, roots: Roots) -> dict[str, Any]:
    """What a class or the first of its bases that does so assigns to `off`; empty where none does."""
    written = _written(target, "off", roots)
    return written if isinstance(written, dict) else {}


def reads_runs_of(target: str, roots: Roots) -> dict[str, Any]:
    """The same of `reads_runs`: the fields that name folders of runs, and what is read there."""
    written = _written(target, "reads_runs", roots)
    return written if isinstance(written, dict) else {}


def follows_of(target: str, roots: Roots) -> tuple[str, ...]:
    """The fields that `follows` of a class, or of the first of its bases that has one, names."""
    written = _written(target, "follows", roots)
    return tuple(map(str, written)) if isinstance(written, tuple | list | set) else ()


def fixed_of(target: str, roots: Roots) -> dict[str, str]:
    """Why fields cannot follow a schedule, as `fixed` of a class or of the first such of its bases says."""
    written = _written(target, "fixed", roots)
    return {str(name): str(why) for name, why in written.items()} if isinstance(written, dict) else {}


def kind_of(target: str, roots: Roots) -> str:
    """The kind that a regularizer says it is, or that its hooks tell; empty where neither does."""
    assigned = _assigned(target, "kind", roots)
    if isinstance(assigned, ast.Constant) and assigned.value:
        return str(assigned.value)
    module, _, name = target.rpartition(".")
    methods = _methods(name, _parsed(module, roots), roots)
    told = [kind for hook, kind in KIND_BY_HOOK.items() if hook in methods]
    if not told and "prepare_optimizer" in methods:
        told = ["optimizer"]
    return told[0] if len(told) == 1 else ""


def _methods(name: str, tree: ast.Module | None, roots: Roots) -> set[str]:
    """What a class and its bases define, the base of all regularizers left out, as it has every hook."""
    found = _lookup(name, tree, roots)
    if found is None or not isinstance(found[0], ast.ClassDef) or found[0].name == "Regularizer":
        return set()
    own = {statement.name for statement in found[0].body if isinstance(statement, ast.FunctionDef)}
    return own.union(*(_methods(ast.unparse(base), found[1], roots) for base in found[0].bases))


def search_of(target: str, roots: Roots) -> dict[str, Domain]:
    """The values that `search` of a class, or of the first of its bases that has one, names for its fields.

    Those that are not written out, as `Interval(0.1, 1.0)`, are left out.
    """
    assigned = _assigned(target, "search", roots)
    if not isinstance(assigned, ast.Dict):
        return {}
    fields = ((key, _domain(value)) for key, value in zip(assigned.keys, assigned.values, strict=True))
    return {str(key.value): found for key, found in fields if isinstance(key, ast.Constant) and found}


def _domain(value: ast.expr) -> Domain | None:
    match value:
        case ast.Call(func=ast.Name(id=("Interval" | "Choice") as kind), args=args, keywords=keywords):
            make = {"Interval": Interval, "Choice": Choice}[kind]
            try:
                named = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in keywords}
                return make(*map(ast.literal_eval, args), **named)
            except (TypeError, ValueError):  # computed, or what importing it will refuse
                return None
    return None


def _written(target: str, attribute: str, roots: Roots) -> Any:
    """The value that a class assigns, or the first of its bases; None where none does, or it is computed."""
    assigned = _assigned(target, attribute, roots)
    try:
        return ast.literal_eval(assigned) if assigned else None
    except ValueError:
        return None


def _assigned(target: str, attribute: str, roots: Roots) -> ast.expr | None:
    """The value that a class at a full path, or the first of its bases that does so, assigns."""
    module, _, name = target.rpartition(".")
    return _assigned_in(name, attribute, _parsed(module, roots), roots)


def _assigned_in(name: str, attribute: str, tree: ast.Module | None, roots: Roots) -> ast.expr | None:
    found = _lookup(name, tree, roots)
    if found is None or not isinstance(found[0], ast.ClassDef):
        return None
    for statement in found[0].body:
        match statement:
            case (
                ast.AnnAssign(target=ast.Name(id=assigned), value=ast.expr() as value)
                | ast.Assign(targets=[ast.Name(id=assigned)], value=value)
            ) if assigned == attribute:
                return value
    bases = (_assigned_in(ast.unparse(base), attribute, found[1], roots) for base in found[0].bases)
    return next((value for value in bases if value), None)


def types_of(node: Definition, tree: ast.Module, roots: Roots) -> dict[str, str]:
    """Annotations of a function's arguments, or of a class's fields and `__init__`, the bases' first."""
    types: dict[str, str] = {}
    if isinstance(node, ast.ClassDef):
        for base in reversed(node.bases):
            found = _lookup(ast.unparse(base), tree, roots)
            if found and isinstance(found[0], ast.ClassDef):
                types |= types_of(found[0], found[1], roots)
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


@cache
def _parsed(module: str, roots: Roots) -> ast.Module | None:
    """A module of this package or of a person's folders, found by its path alone."""
    parts = module.split(".")
    package = Path(__file__).parent.parent
    for root in [package.parent] if parts[0] == package.name else roots:
        for path in (root.joinpath(*parts[:-1], f"{parts[-1]}.py"), root.joinpath(*parts, "__init__.py")):
            if module and path.is_file():
                try:
                    tree = ast.parse(path.read_bytes(), path)
                except SyntaxError as error:
                    raise ValueError(f"{path} must be valid Python, got {error}") from error
                _make_absolute(tree, parts if path.name == "__init__.py" else parts[:-1])
                return tree
    return None


def _make_absolute(tree: ast.Module, package: Sequence[str]) -> None:
    """Write the relative imports of a module as absolute ones, in place."""
    for statement in tree.body:
        if isinstance(statement, ast.ImportFrom) and 0 < statement.level <= len(package):
            within = package[: len(package) + 1 - statement.level]
            statement.module = ".".join([*within, *filter(None, [statement.module])])
            statement.level = 0


def _lookup(name: str, tree: ast.Module | None, roots: Roots) -> tuple[ast.stmt, ast.Module] | None:
    """The class, function or alias that a module knows by a name, and the module where it is written."""
    if tree is None:
        return None
    outer, _, inner = name.rpartition(".")
    for statement in tree.body:
        if isinstance(statement, Definition) and statement.name == name:
            return statement, tree
        match statement:
            case ast.Assign(targets=[ast.Name(id=assigned)]) if assigned == name:
                return statement, tree
            case ast.ImportFrom(module=str(module), level=0, names=aliases):
                for alias in aliases:
                    known = alias.asname or alias.name
                    if known == name:
                        there = _parsed(module, roots)
                        return None if there is tree else _lookup(alias.name, there, roots)
                    if known == outer:  # a module, of which the name is
                        return _lookup(inner, _parsed(f"{module}.{alias.name}", roots), roots)
            case ast.Import(names=aliases):
                for alias in aliases:
                    if (alias.asname or alias.name) == outer:
                        return _lookup(inner, _parsed(alias.name, roots), roots)
    return None

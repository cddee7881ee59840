"""Rooms import downwards only. The table holds rooms, not files: a new file in a room edits nothing here."""

from __future__ import annotations

import ast
import graphlib
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import pytest

import regbench

PACKAGE = Path(regbench.__file__).parent
VOCABULARY = [  # what a person's own part may import; the whole of the top level, but for the entrance
    "tasks",
    "types",
    "sites",
    "streams",
    "weights",
    "optimizers",
    "schedules",
    "space",
    "strengths",
    "artefacts",
    "errors",
    "regularizers.base",
    "sinks.base",
]
ENTRANCE = ["", "__main__", "cli"]

# A room, and the rooms below it that it imports from. The order is that of the floors, from the ground up.
# `errors` is open to all, and the whole vocabulary to every room above it.
ROOMS = {
    "storage": [],
    "stats": [],
    "terminal": [],
    "instantiation": [],
    "vocabulary": ["storage", "instantiation"],
    "records": ["storage"],
    "folders": ["records", "storage"],
    "images": [],
    "nn": [],
    "models": ["nn"],
    "regularizers": ["images", "nn"],
    "evaluation": ["images", "nn", "records"],
    "training": ["evaluation", "nn"],
    "data": ["storage", "instantiation", "terminal"],
    "sinks": ["folders", "records", "storage"],
    "composition": ["folders", "records", "storage", "instantiation", "terminal"],
    "assembly": ["composition", "data", "images", "nn", "records", "storage", "instantiation", "training"],
    "library": ["assembly", "composition", "data", "evaluation", "instantiation", "nn", "training"],
    "runs": [
        *["assembly", "composition", "data", "evaluation", "folders", "nn", "records", "storage"],
        *["instantiation", "terminal", "training"],
    ],
    "sweeps": [
        *["assembly", "composition", "evaluation", "folders", "records", "runs", "storage"],
        *["terminal", "training"],
    ],
    "analysis": ["records", "stats", "instantiation"],
    "reports": ["analysis", "composition.catalogue", "folders", "records", "storage", "terminal"],
    "studies": [
        *["analysis", "assembly", "composition", "folders", "records", "reports", "runs", "stats", "storage"],
        *["sweeps", "instantiation", "terminal"],
    ],
    "commands": [
        *["analysis", "assembly", "composition", "folders", "records", "reports", "runs", "stats"],
        *["storage", "studies", "sweeps", "instantiation", "terminal"],
    ],
}
GROUND = list(ROOMS)[: list(ROOMS).index("vocabulary")]  # below the vocabulary: of it they know `errors`

APART = ["regularizers", "models", "commands"]  # whose files do not import each other

# Where a package of others may be imported: in these rooms and modules, and in no other.
GUESTS = {
    "hydra": ["composition.*", "sweeps.*", "commands.train"],
    "omegaconf": ["composition.*", "sweeps.*", "commands.train"],
    "tensorboard": ["reports.*", "sinks.tensorboard"],
    "torch.utils.tensorboard": ["sinks.tensorboard"],
    "wandb": ["sinks.wandb"],
    "torchvision": ["data.*", "models.torchvision"],
    "timm": ["models.timm"],
    "ray": ["sweeps.on_ray.client"],
    "cloudpickle": ["sweeps.on_ray.pieces"],
    "polars": ["data.*"],
    "safetensors": ["storage.*"],
    "PIL": ["data.*"],
    "rich": ["terminal.*", "runs.*", "sweeps.*", "commands.*"],
    "scipy": ["stats.*", "analysis.notes", "data.torchvision_sets"],
    "plotly": ["reports.page.*"],
    "jinja2": ["reports.page.*"],
    "matplotlib": ["reports.paper.*", "runs.class_pictures"],
    "filelock": ["folders.lock", "data.mapped_files"],
    "submitit": ["sweeps.slurm.*"],
    "optuna": ["studies.searching.*"],
    "sqlalchemy": ["studies.searching.optuna_trials"],
    "yaml": ["composition.*"],
}

# The first need neither torch nor Hydra; they and the light ones answer before torch is loaded.
WITHOUT_TORCH = ["analysis.*", "reports.*", "stats.*", "records.*", "terminal.*", "composition.catalogue"]
LIGHT = [
    "",
    "cli",
    "commands.*",
    "composition.recorded",
    "instantiation.*",
    "storage.checkpoint",
    "storage.archives",
]


@cache
def modules() -> list[str]:
    """Dotted names within the package; an `__init__` with code goes by its folder's name."""
    names = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if parts[-1] != "__init__":
            names.append(".".join(parts))
        elif len(ast.parse(path.read_text()).body) > 1:
            names.append(".".join(parts[:-1]))
    return names


def room(module: str) -> str:
    """The room of a module; the vocabulary and the entrance are rooms without a folder."""
    if module in VOCABULARY:
        return "vocabulary"
    return "entrance" if module in ENTRANCE else module.partition(".")[0]


@cache
def source(module: str) -> ast.Module:
    path = PACKAGE.joinpath(*module.split(".")) if module else PACKAGE
    return ast.parse((path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text())


@cache
def imported(module: str, at_once: bool = False) -> frozenset[str]:
    """Full names of all that a module imports; at_once: when it is imported itself, not later."""
    tree = source(module)
    nodes = list(tree.body) if at_once else list(ast.walk(tree))
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {_whole(node, alias.name, module) for alias in node.names}
    return frozenset(found)


def _whole(node: ast.ImportFrom, name: str, module: str) -> str:
    if node.level:
        pytest.fail(f"{module} imports relatively")
    candidate = f"{node.module}.{name}"
    is_module = candidate.removeprefix("regbench.") in modules()
    return candidate if node.module == "regbench" or is_module else str(node.module)


def ours(module: str, at_once: bool = False) -> set[str]:
    """The modules of the package that a module imports; the version is no module."""
    names = {
        n.removeprefix("regbench").lstrip(".") for n in imported(module, at_once) if within(n, "regbench")
    }
    return {name for name in names if name != "__version__"}


def matches(module: str, patterns: list[str]) -> bool:
    return any(fnmatchcase(module, pattern) for pattern in patterns)


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def may_import(module: str, other: str) -> bool:
    """Whether the table lets a module import another one of ours."""
    here, there = room(module), room(other)
    if here == "entrance":
        return True
    if here == there:
        return here not in APART
    if there == "vocabulary":
        return other == "errors" or here not in GROUND
    return any(within(other, allowed) for allowed in ROOMS[here])


@pytest.mark.parametrize("module", modules())
def test_a_module_imports_only_from_rooms_that_its_own_may(module: str) -> None:
    strangers = {name for name in ours(module) if not may_import(module, name)}
    assert not strangers, f"{module} lies in {room(module)}"


def test_rooms_import_downwards() -> None:
    floors = list(ROOMS)
    for here, below in ROOMS.items():
        for other in below:
            assert floors.index(other.partition(".")[0]) < floors.index(here), f"{here} imports {other}"


def test_no_file_imports_in_a_circle() -> None:
    """Within rooms too."""
    graphlib.TopologicalSorter({module: ours(module) - {module} for module in modules() if module}).prepare()


def test_every_folder_is_a_room_that_says_in_a_sentence_what_it_holds() -> None:
    folders = {path.parent for path in PACKAGE.rglob("*.py")} - {PACKAGE}
    assert {path.relative_to(PACKAGE).parts[0] for path in folders} == set(ROOMS) - {"vocabulary"}
    for folder in folders:
        says = ast.get_docstring(ast.parse((folder / "__init__.py").read_text()))
        assert says, folder
        assert says.endswith("."), folder
        assert "\n" not in says, folder
        assert folder.name not in ("build", "utils", "helpers", "misc", "common", "core"), folder


def test_the_top_level_is_the_entrance_and_the_vocabulary() -> None:
    top = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    assert top == {name for name in [*VOCABULARY, *ENTRANCE] if name and "." not in name}


@pytest.mark.parametrize("guest", GUESTS)
def test_a_package_of_others_is_imported_only_where_it_may(guest: str) -> None:
    users = {module for module in modules() if any(within(name, guest) for name in imported(module))}
    assert users, "nobody needs it"
    assert {user for user in users if not matches(user, GUESTS[guest])} == set()


@pytest.mark.parametrize("module", [name for name in modules() if matches(name, WITHOUT_TORCH)])
def test_what_reads_and_reports_uses_neither_torch_nor_hydra(module: str) -> None:
    assert not any(within(name, heavy) for name in imported(module) for heavy in ("torch", "hydra"))


@pytest.mark.parametrize("module", [name for name in modules() if matches(name, [*WITHOUT_TORCH, *LIGHT])])
def test_a_light_module_does_not_wait_for_torch(module: str) -> None:
    """Nothing that it imports at once, however far."""
    seen, waiting = set(), [module]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        direct = imported(name, at_once=True)
        assert not any(within(n, "torch") or within(n, "torchvision") for n in direct), f"{name} does"
        waiting += ours(name, at_once=True)


def test_what_must_not_be_would_be_seen() -> None:
    assert not may_import("regularizers.dropout", "regularizers.mixup")
    assert not may_import("regularizers.dropout", "models.mlp")
    assert not may_import("nn.layers", "models.mlp")
    assert not may_import("training.loop", "regularizers.dropout")
    assert not may_import("commands.compare", "commands.train")
    assert not may_import("reports.wording", "composition.compose")
    assert not may_import("storage.files", "types")
    assert may_import("regularizers.dropout", "regularizers.base")
    assert "regularizers.base" in ours("regularizers.dropout")
    assert "storage.checkpoint" in ours("runs.opening"), "`from regbench.storage import checkpoint` counts"


# --- Hydra by its public interface

INTERFACE = (
    "regbench/composition/hydra_interface.py"  # names what is used though it is not documented, and why
)


def private_of_hydra(tree: ast.Module) -> set[str]:
    """What a file imports of Hydra, or OmegaConf, that is not public."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    names = {name for name in found if within(name, "hydra") or within(name, "omegaconf")}
    return {name for name in names if any(part.startswith("_") for part in name.split("."))}


def test_nothing_private_of_hydra_is_used() -> None:
    root = PACKAGE.parent
    files = [
        path
        for room in ("regbench", "hydra_plugins", "tests", "scripts")
        for path in (root / room).rglob("*")
        if path.is_file()
    ]
    sources = {path: path.read_text() for path in files if path.suffix == ".py" or _is_script(path)}
    assert len(sources) > 300
    for path, text in sources.items():
        if "hydra" not in text and "omegaconf" not in text:
            continue
        assert private_of_hydra(ast.parse(text)) == set(), path
        if str(path.relative_to(root)) not in (INTERFACE, "tests/laws/test_architecture.py"):
            assert "hydra._internal" not in text, path


def _is_script(path: Path) -> bool:
    return not path.suffix and path.read_bytes().startswith(b"#!/usr/bin/env python")


@pytest.mark.parametrize(
    "line",
    [
        "from hydra._internal.utils import a",
        "from hydra.core.utils import _save, run_job",
        "import omegaconf._a",
    ],
)
def test_what_is_private_of_hydra_would_be_seen(line: str) -> None:
    (name,) = private_of_hydra(ast.parse(f"{line}\nfrom hydra.core.utils import run_job"))
    assert "._" in name

"""Imports point one way. A new module fails here until it has a place in the table."""

from __future__ import annotations

import ast
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import pytest

import regbench

PACKAGE = Path(regbench.__file__).parent

# Each line may import from the lines above it, never from its own or those below.
LEVELS = [
    [
        "__version__",
        "augmenters",
        "autoencoders",
        "class_pictures",
        "classwise",
        "columns",
        "compare.bootstrap",
        "compare.filenames",
        "compare.power",
        "compare.report",
        "data.counts",
        "data.folders",
        "data.pixels",
        "data.progress",
        "data.room",
        "data.suspicions",
        "data.text_file",
        "data.typed",
        "errors",
        "generators",
        "grouping",
        "interruption",
        "models.checks",
        "models.recurrence",
        "paths",
        "removal",
        "repository",
        "schedules",
        "sites",
        "stdio",
        "streams",
        "summary_form",
        "types",
        "weights",
    ],
    [
        "arguments",
        "compare.portions",
        "compare.statistics",
        "compare.wording",
        "corruptions",
        "data.duplicates",
        "data.folder_files",
        "data.tables",
        "data.tokens",
        "environment",
        "foreign",
        "hydra_settings",
        "image_ops",
        "logits",
        "maps",
        "models.local",
        "models.norms",
        "models.tokens",
        "option_files",
        "ranges",
        "reading",
        "rectangles",
        "regularizers.base",
        "snapshots",
        "spelling",
        "terminal",
        "weight_noise",
    ],
    [
        "archives",
        "catalogue",
        "compare.paint",
        "compare.tables",
        "compare.verdicts",
        "data.checksums",
        "data.decoding",
        "data.folder_names",
        "data.person_code",
        "data.source",
        "data.words",
        "flags",
        "locating",
        "measurement",
        "models.layers",
        "optimizers",
        "origins",
        "overrides",
        "records",
        "signatures",
        "sources",
        "sparsity",
        "threads",
    ],
    [
        "checkpoint",
        "class_weights",
        "compare.courses",
        "compare.exports",
        "compare.results",
        "compare.sortable",
        "console",
        "data.downloads",
        "data.folder_advice",
        "data.inspection",
        "data.map_rows",
        "data.text",
        "models.*",
        "ownership",
        "reliability",
        "remedies",
        "targets",
        "training",
    ],
    [
        "checkpoint_form",
        "compare.confusion",
        "compare.figures",
        "compare.groups",
        "compare.paging",
        "compare.per_class",
        "data.folder_layout",
        "data.splits",
        "fields",
        "holding",
        "kinds",
        "placement",
        "probe",
        "sinks",
    ],
    [
        "artefacts",
        "audit",
        "claims",
        "cli",
        "compare.choosing",
        "compare.forest",
        "compare.questions",
        "config",
        "data.*",
        "manual",
        "outputs",
        "trust",
    ],
    [
        "__main__",
        "compare.comparing",
        "compare.event_files",
        "compare.overall",
        "compare.panels",
        "complaints",
        "footprint",
        "hydra_record",
        "jobs",
        "optimization",
        "own_data",
        "regularizers.*",
        "template",
    ],
    [
        "compare.ablation",
        "compare.charts",
        "compare.events",
        "compare.plots",
        "compare.response",
        "network",
        "runs",
        "watching",
    ],
    ["board", "build", "compare.ablation_text", "compare.page", "compare.response_text", "composer"],
    ["compare.app", "compare.response_sketch", "composition", "loading", "plan", "summary"],
    ["", "compare.response_chart", "compare.response_plots", "launching", "refusals", "sealed"],
    ["compare.response_page", "job", "lengthening", "listing"],
    ["resume", "sweep"],
    ["planning", "study", "train"],
    ["ablate", "strength"],
]

# What a folder may import of ours, whatever its level.
ROOMS = {
    "regularizers.base": ["streams", "types"],
    "regularizers.*": [
        "regularizers.base",
        "types",
        "sites",
        "streams",
        "weights",
        "grouping",
        "optimizers",
        "maps",
        "snapshots",
        "rectangles",
        "sparsity",
        "image_ops",
        "artefacts",
        "weight_noise",
        "augmenters",
        "autoencoders",
        "generators",
    ],
    "models.*": ["models.*", "grouping", "logits", "sites", "types"],
    "data.*": ["data.*", "foreign", "reading", "types"],
    "training": ["logits", "measurement", "optimizers", "regularizers.base", "sites", "streams", "types"],
    "catalogue": ["option_files", "paths"],
    "image_ops": ["types"],
    "generators": [],
    "autoencoders": [],
    "augmenters": [],
    "classwise": [],
    "class_weights": ["records"],
    "types": [],
    "logits": ["errors"],
    "sites": [],
    "streams": [],
    "weights": [],
    "grouping": [],
    "schedules": [],
}

# Which modules may import a package of others.
GUESTS = {
    "hydra": [
        "complaints",
        "composer",
        "composition",
        "launching",
        "ranges",
        "repository",
        "sources",
        "spelling",
        "sweep",
        "template",
        "train",
    ],
    "omegaconf": [
        "complaints",
        "composer",
        "config",
        "hydra_record",
        "hydra_settings",
        "launching",
        "refusals",
        "runs",
        "sweep",
        "template",
        "train",
        "trust",
    ],
    "tensorboard": ["compare.event_files", "compare.events", "sinks"],
    "torch.utils.tensorboard": ["sinks"],
    "torchvision": ["data.torchvision_sets"],
    "rich": [
        "board",
        "columns",
        "compare.app",
        "console",
        "data.progress",
        "job",
        "listing",
        "manual",
        "sweep",
        "terminal",
    ],
    "scipy": ["compare.bootstrap", "compare.figures", "compare.power", "compare.statistics"],
    "plotly": [
        "compare.charts",
        "compare.confusion",
        "compare.courses",
        "compare.forest",
        "compare.overall",
        "compare.page",
        "compare.paint",
        "compare.response_chart",
    ],
    "jinja2": ["compare.page"],
    "matplotlib": ["class_pictures", "compare.panels", "compare.plots", "compare.response_plots"],
    "filelock": ["holding"],
}

LIGHT = [  # no torch before it is needed
    "",
    "cli",
    "errors",
    "paths",
    "reading",
    "archives",
    "checkpoint",
    "records",
    "hydra_record",
    "runs",
    "foreign",
    "fields",
    "catalogue",
    "listing",
    "manual",
    "train",
    "planning",
    "resume",
    "sealed",
    "ablate",
    "strength",
    "compare.app",
]
COMPARING = "compare.*"  # none at all, and nothing of what trains


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


@cache
def source(module: str) -> ast.Module:
    path = PACKAGE.joinpath(*module.split(".")) if module else PACKAGE
    return ast.parse((path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text())


def imported(module: str, at_once: bool = False) -> set[str]:
    """Full names of all that a module imports; at_once: when it is imported itself, not later."""
    tree = source(module)
    nodes = list(tree.body) if at_once else list(ast.walk(tree))
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {_whole(node, alias.name, module) for alias in node.names}
    return found


def _whole(node: ast.ImportFrom, name: str, module: str) -> str:
    if node.level:
        pytest.fail(f"{module} imports relatively")
    candidate = f"{node.module}.{name}"
    own = candidate.removeprefix("regbench.")
    is_module = own in modules() or own == "__version__"
    return candidate if node.module == "regbench" or is_module else str(node.module)


def ours(module: str) -> set[str]:
    """The modules of the package that a module imports."""
    return {n.removeprefix("regbench").lstrip(".") for n in imported(module) if n.split(".")[0] == "regbench"}


def matches(module: str, patterns: list[str]) -> bool:
    return any(fnmatchcase(module, pattern) for pattern in patterns)


def level(module: str) -> int:
    """The place of a module; its own name counts before a pattern of its folder."""
    exact = [i for i, names in enumerate(LEVELS) if module in names]
    places = exact or [i for i, names in enumerate(LEVELS) if matches(module, names)]
    if not places:
        pytest.fail(f"{module!r} has no place in LEVELS: give it one")
    return places[0]


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


@pytest.mark.parametrize("module", modules())
def test_a_module_imports_only_from_levels_below_its_own(module: str) -> None:
    above = {name for name in ours(module) if level(name) >= level(module)}
    assert not above, f"{module} stands at level {level(module)}"


def test_every_place_in_the_table_is_taken() -> None:
    there = [*modules(), "__version__"]
    named = [name for names in LEVELS for name in names]
    assert [name for name in named if not any(matches(module, [name]) for module in there)] == []
    assert len(named) == len(set(named))


@pytest.mark.parametrize("module", modules())
def test_a_room_imports_only_what_it_may(module: str) -> None:
    exact = [module] if module in ROOMS else [room for room in ROOMS if matches(module, [room])]
    for room in exact:
        strangers = {name for name in ours(module) if not matches(name, ROOMS[room])}
        assert not strangers, f"{module} may import {ROOMS[room]}"


@pytest.mark.parametrize("guest", GUESTS)
def test_a_package_of_others_is_imported_only_where_it_may(guest: str) -> None:
    users = {module for module in modules() if any(within(name, guest) for name in imported(module))}
    assert users == set(GUESTS[guest])


@pytest.mark.parametrize("module", [name for name in modules() if matches(name, [COMPARING])])
def test_comparing_needs_nothing_of_what_trains(module: str) -> None:
    free = [
        "compare",
        COMPARING,
        "__version__",
        "records",
        "reading",
        "summary_form",
        "errors",
        "fields",
        "arguments",
        "catalogue",
    ]
    free += ["columns", "terminal", "outputs", "removal"]
    assert {name for name in ours(module) if not matches(name, free)} - {""} == set()
    assert not any(within(name, "torch") or within(name, "hydra") for name in imported(module))


@pytest.mark.parametrize("module", LIGHT)
def test_a_light_module_does_not_wait_for_torch(module: str) -> None:
    seen, waiting = set(), [module]
    while waiting:
        name = waiting.pop()
        if name in seen or name == "__version__":
            continue
        seen.add(name)
        direct = imported(name, at_once=True)
        assert not any(within(n, "torch") or within(n, "torchvision") for n in direct), f"{name} does"
        own = {n.removeprefix("regbench").lstrip(".") for n in direct if n.split(".")[0] == "regbench"}
        waiting += [n for n in own if n in modules()]


def test_importing_one_regularizer_from_another_would_be_seen() -> None:
    assert not matches("regularizers.dropout", ROOMS["regularizers.*"])
    assert not matches("models.mlp", ROOMS["regularizers.*"])
    assert not matches("regularizers.base", ROOMS["models.*"])
    assert "regularizers.base" in ours("regularizers.dropout")
    assert "checkpoint" in ours("job"), "`from regbench import checkpoint` counts"

"""The folder of an exported model: everything made first, then written."""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from regbench import __version__
from regbench.composition.recorded import read_run
from regbench.composition.settings import MODEL_KEYS
from regbench.composition.trust import Trust
from regbench.errors import ConfigError, listed
from regbench.instantiation.boundary import refusing
from regbench.instantiation.locating import locate
from regbench.instantiation.signatures import takes
from regbench.records.files import undamaged
from regbench.runs.export import programs, readme
from regbench.runs.load import TakesRows, TakesSentences, load_model
from regbench.storage import checkpoint_form, weight_files
from regbench.storage.files import write_bytes
from regbench.storage.folders import emptied_on_failure
from regbench.streams import kept_draws
from regbench.tasks import Regression
from regbench.weights import plain_state

MADE_BY = f"regbench {__version__}"
README, MODEL, PREPROCESSING = "README.md", "model.json", "preprocessing.json"
NAMES = (README, *readme.FILES)
PREPARE = Path(__file__).with_name("prepare.py")


@dataclass(frozen=True)
class Exported:
    """What an exported model's folder holds.

    Attributes:
        files: the content of each by its name.
        notes: what is not there, and why, a sentence each.
    """

    files: Mapping[str, bytes]
    notes: list[str]


def refuse_others(folder: Path) -> None:
    """Refuse a folder that is neither new nor empty nor one that a model was exported to before.

    Raises:
        ConfigError: it is none of these.
    """
    try:
        names = sorted(os.listdir(folder))
    except FileNotFoundError:
        return
    except OSError as error:
        raise ConfigError(f"--to: {folder} must be a folder, and cannot be read: {error.strerror}") from error
    others = [name for name in names if name not in NAMES and name != "__pycache__"]
    if others or (names and not _is_ours(folder)):
        raise ConfigError(
            f"--to: {folder} must be a new or an empty folder, or that of an exported model, and holds "
            f"{listed(others or names, 3)}; name another one"
        )


def _is_ours(folder: Path) -> bool:
    try:
        return str(json.loads((folder / MODEL).read_bytes())["made_by"]).startswith("regbench ")
    except (OSError, ValueError, KeyError, TypeError):
        return False


def write(folder: Path, made: Exported) -> None:
    """Write the files; those of an earlier export that are not made again are taken away.

    Raises:
        OSError: one cannot be written.
    """
    with emptied_on_failure(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in made.files.items():
            write_bytes(folder / name, content)
        for name in NAMES:
            if name not in made.files:
                (folder / name).unlink(missing_ok=True)


def export(folder: Path, weights: str, trust: Trust) -> Exported:
    """All that is to be known of a run's model by those who do not have regbench.

    Args:
        folder: of the run.
        weights: best or last.
        trust: what of the run may be called.

    Raises:
        ConfigError: the run's model cannot be loaded.
    """
    model: Any = load_model(folder, weights, trust)
    config, _ = read_run(folder, trust=trust)
    state, _ = checkpoint_form.newest(folder)
    for key, hook in list(model._forward_pre_hooks.items()):
        if isinstance(hook, TakesSentences | TakesRows):  # what they make of a person's own rows is in
            del model._forward_pre_hooks[key]  # preprocessing.json; other hooks are the model's
    about = _preprocessing(state, model)
    numbers = about["numbers"] and Regression(**about["numbers"])
    tensors = plain_state(model)
    served = programs.Served(model, numbers).eval()
    files = {
        "model.safetensors": weight_files.written(
            _only_tensors(tensors), {"made_by": MADE_BY, "format": "pt"}
        )
    }
    notes = _add_programs(files, served, tuple(state["in_shape"]), state["vocabulary"])
    call = _call(config["model"], state)
    plain = {
        "made_by": MADE_BY,
        "weights": weights,
        "call": call,
        "tie": config["model"].get("tie", []),
        "in_shape": list(state["in_shape"]),
        "outputs": state["num_classes"],
        "stack": config["reg"],
        "outside": next((one for one in _outside(call) if _loads(one, model, tensors, state)), None),
    }
    files[MODEL] = readme.as_json(plain)
    files[PREPROCESSING] = readme.as_json(about)
    files["prepare.py"] = PREPARE.read_bytes()
    summary = undamaged(folder)
    name = f"{summary.name}: {summary.choices.get('model', 'model')}" if summary else "An exported model"
    files[README] = readme.readme(name, [*files], plain, about, notes).encode()
    return Exported(files, notes)


def _only_tensors(tensors: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """Without what a module keeps beside tensors (`_extra_state`)."""
    return {name: one for name, one in tensors.items() if isinstance(one, torch.Tensor)}


def _add_programs(
    files: dict[str, bytes], served: nn.Module, in_shape: tuple[int, ...], vocabulary: int | None
) -> list[str]:
    """Put the model's programs to the files; return why one is not there."""
    try:
        program = programs.exported(served, in_shape, vocabulary)
        files["model.pt2"] = programs.as_torch(
            program, {"made_by": MADE_BY}, served, programs.example(in_shape, vocabulary, programs.ROWS)
        )
        files["model.onnx"] = programs.as_onnx(program, served, in_shape, vocabulary)
    except programs.NoProgram as error:
        return [str(error)]
    return []


def _call(node: Mapping[str, Any], state: Mapping[str, Any]) -> dict[str, Any]:
    """The call that constructs the model: its target, and each argument by name."""
    target = locate(node["_target_"], "model")
    given = {
        "in_shape": list(state["in_shape"]),
        "num_classes": state["num_classes"],
        "vocabulary": state["vocabulary"],
    }
    kept = {name: value for name, value in node.items() if name not in MODEL_KEYS}
    return kept | {name: value for name, value in given.items() if takes(target, name)}


def _outside(call: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Calls that may make the same model without regbench: its own, or what a module of ours says."""
    target = str(call["_target_"])
    if any(isinstance(value, dict) for value in call.values()):
        return []  # an argument is made by a call of its own
    if not target.startswith("regbench."):
        return [dict(call)]
    plain_call = getattr(importlib.import_module(target.rpartition(".")[0]), "plain_call", None)
    return (
        [plain_call(**{name: value for name, value in call.items() if name != "_target_"})]
        if plain_call
        else []
    )


def _loads(
    call: Mapping[str, Any], model: Any, tensors: Mapping[str, torch.Tensor], state: Mapping[str, Any]
) -> bool:
    """Whether the call alone makes a model of others that takes these weights and computes the same."""
    rows = programs.example(tuple(state["in_shape"]), state["vocabulary"], programs.ROWS)
    try:
        with refusing("model: "), kept_draws(), torch.no_grad():
            net = locate(call["_target_"], "model")(
                **{name: value for name, value in call.items() if name != "_target_"}
            )
            own = {name[4:]: one for name, one in tensors.items() if name.startswith("net.")}
            net.load_state_dict(own)
            shown = model.normalization(rows) if hasattr(model, "normalization") else rows
            return bool(torch.equal(net.eval()(shown), model(rows)))
    except ConfigError:
        return False


def _preprocessing(state: Mapping[str, Any], model: nn.Module) -> dict[str, Any]:
    """How a person's own rows become inputs, and what the outputs are."""
    numbers, columns, tokens = state.get("numbers"), state.get("columns"), state.get("tokens")
    images = state["vocabulary"] is None and columns is None and len(state["in_shape"]) == 3
    kind = "tokens" if state["vocabulary"] is not None else "columns" if columns is not None else "numbers"
    normalization = getattr(model, "normalization", None)
    standard = (
        {name: one.flatten().tolist() for name, one in normalization.named_buffers()} if normalization else {}
    )
    return {
        "kind": "images" if images else kind,
        "in_shape": list(state["in_shape"]),
        "scale": state.get("scale"),
        "normalization": standard or None,
        "task": "regression" if numbers else "classification",
        "classes": None if numbers else list(state.get("classes") or map(str, range(state["num_classes"]))),
        "numbers": numbers and {name: list(v) if isinstance(v, tuple) else v for name, v in numbers.items()},
        "tokens": tokens and {**tokens, "words": list(tokens["words"])},
        "columns": columns and [_plain(column) for column in columns],
        "example": _example(columns, tokens),
    }


def _plain(column: Mapping[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in column.items()}


def _example(columns: Any, tokens: Any) -> list[Any] | None:
    """Two rows as a person has them; None of pixels and numbers."""
    if columns is not None:
        full = {
            c["name"]: c["mean"] if c["kind"] == "numbers" else next(iter(c["categories"]), None)
            for c in columns
        }
        return [full, dict.fromkeys(full)]
    if tokens is not None:
        words = list(tokens["words"])[:3]
        glue = "" if tokens["cut"] == "characters" else " "
        return [glue.join(words), glue.join([*reversed(words), "zzzz"])]
    return None

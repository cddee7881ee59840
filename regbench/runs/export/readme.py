"""The README of an exported model: what lies in its folder, and code that runs it."""

from __future__ import annotations

import json
import pprint
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

WITH_TORCH = """import torch
{imports}
from prepare import inputs

{given}
program = torch.export.load("model.pt2").module()
with torch.no_grad():
    outputs = program(torch.from_numpy(inputs(given)))
{told}"""
WITH_ONNX = """import onnxruntime
{imports}
from prepare import inputs

{given}
session = onnxruntime.InferenceSession("model.onnx")
(outputs,) = session.run(None, {{session.get_inputs()[0].name: inputs(given)}})
{told}"""
BY_CALL = """import torch
import {module}
from safetensors.torch import load_file
{imports}
from prepare import inputs

{given}
model = {call}
weights = load_file("model.safetensors")
model.load_state_dict({{name[4:]: one for name, one in weights.items() if name.startswith("net.")}})
rows = torch.from_numpy(inputs(given))
if "normalization.mean" in weights:
    rows = (rows - weights["normalization.mean"]) / weights["normalization.std"]
with torch.no_grad():
    outputs = model.eval()(rows){in_units}
{told}"""
FILES = {
    "model.safetensors": "the weights, after `net.` the model's, after `normalization.` its inputs'",
    "model.json": "the call that constructs the model, the shape of its inputs, how many outputs it has",
    "preprocessing.json": "how inputs are made of what a person has, and what the outputs are called",
    "prepare.py": "the same as code, which needs NumPy alone",
    "model.pt2": "a program of torch's (`torch.export`): normalization and model, for any number of rows",
    "model.onnx": "the same in ONNX",
}
HERE = "Without regbench, typed in this folder:"
ALONE = (
    "\nNo program could be made of it, and its class alone does not take these weights: load it from its run "
    "folder by `regbench.load`.\n"
)


def readme(
    name: str, files: Sequence[str], model: Mapping[str, Any], about: Mapping[str, Any], notes: Sequence[str]
) -> str:
    """The README as Markdown; each block of code runs by itself in the folder.

    Args:
        name: of the run.
        files: that are in the folder.
        model: the content of model.json.
        about: the content of preprocessing.json.
        notes: what is not there, and why.
    """
    listed = "\n".join(f"| `{file}` | {what} |" for file, what in FILES.items() if file in files)
    left = "".join(f"\n{note}.\n" for note in notes)
    blocks = "".join(_block(title, said, code) for title, said, code in _blocks(files, model, about))
    version = model["made_by"].split()[-1]
    return (
        f"# {name}\n\nA model trained with regbench {version}, its {model['weights']} weights.\n\n"
        f"| File | Holds |\n| --- | --- |\n{listed}\n{left}{blocks or ALONE}"
    )


def _blocks(
    files: Sequence[str], model: Mapping[str, Any], about: Mapping[str, Any]
) -> Iterator[tuple[str, str, str]]:
    """Title, a sentence and code of each way to run the model without regbench."""
    imports, given = _given(about)
    words = {"imports": imports, "given": given, "told": _told(about)}
    if "model.pt2" in files:
        yield "With torch alone", HERE, WITH_TORCH.format(**words)
    if "model.onnx" in files:
        yield "With onnxruntime", HERE, WITH_ONNX.format(**words)
    if model["outside"]:
        call = model["outside"]
        words |= {"module": call["_target_"].rpartition(".")[0], "call": _call(call)}
        words["in_units"] = _in_units(about["numbers"])
        yield "By its own class", f"{HERE} What defines the class must be installed.", BY_CALL.format(**words)


def _block(title: str, said: str, code: str) -> str:
    return f"\n## {title}\n\n{said}\n\n```python\n{code}\n```\n"


def _given(about: Mapping[str, Any]) -> tuple[str, str]:
    """What is to be imported for an example of what a person has, and the example."""
    if about["example"] is not None:
        return "", f"given = {pprint.pformat(about['example'], width=100, sort_dicts=False)}"
    stored = about["kind"] == "images" and about["scale"] is not None
    kind = "uint8" if stored else "int64" if about["kind"] == "tokens" else "float32"
    shape = ", ".join(map(str, about["in_shape"]))
    what = {"images": "images" if stored else "images in [0, 1]", "tokens": "token ids"}
    said = f"two rows, {what.get(about['kind'], 'numbers')}"
    return "import numpy\n", f'given = numpy.ones((2, {shape}), dtype="{kind}")  # {said}'


def _told(about: Mapping[str, Any]) -> str:
    if about["numbers"]:
        unit = f" in {about['numbers']['unit']}" if about["numbers"]["unit"] else ""
        return f"print(outputs)  # {', '.join(about['numbers']['targets'])}{unit}"
    return "print(outputs.argmax(1))  # their places among the `classes` of preprocessing.json"


def _in_units(numbers: Mapping[str, Any] | None) -> str:
    if not numbers:
        return ""
    return f" * torch.tensor({list(numbers['std'])}) + torch.tensor({list(numbers['mean'])})"


def _call(call: Mapping[str, Any]) -> str:
    arguments = ", ".join(f"{name}={value!r}" for name, value in call.items() if name != "_target_")
    return f"{call['_target_']}({arguments})"


def as_json(value: Mapping[str, Any]) -> bytes:
    """As text, a line for each key of its top."""
    lines = (f"  {json.dumps(key)}: {json.dumps(one, ensure_ascii=False)}" for key, one in value.items())
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()

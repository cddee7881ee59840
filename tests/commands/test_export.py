"""`regbench export`: each way in the README runs where regbench cannot be imported, and computes the same."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open

import regbench
from regbench.assembly.model import build_net
from regbench.assembly.run import build_run
from regbench.errors import ConfigError
from regbench.runs.export import programs
from regbench.runs.export.folder import Exported, refuse_others, write
from tests import processes
from tests.conftest import CSV, compose, reg_node, tiny

QUICK = ["train.epochs=1", "threads=1", "device=cpu"]
WITHOUT = """
import sys
for name in [name for name in sys.modules if name.partition(".")[0] == "regbench"]:
    del sys.modules[name]
sys.modules["regbench"] = None  # an import of it fails
import json
import numpy
for number, code in enumerate(json.loads(sys.argv[1])):
    made = {}
    exec(code, made)
    given = made["given"]
    numpy.save(f"../outputs{number}.npy", numpy.asarray(made["outputs"]))
    json.dump(given if isinstance(given, list) else given.tolist(), open("../given.json", "w"))
"""
CASES: dict[str, tuple[list[str], list[str]]] = {
    "image": (["model.width=8", "+reg=[dropout,ema]"], ["With torch alone", "With onnxruntime"]),
    "recurrent": (
        ["model=rnn", "model.width=8", "model.embedding=8", "dataset=text_csv", f"dataset.path={CSV}"],
        ["With torch alone", "With onnxruntime"],
    ),
    "numbers": (
        ["dataset=diabetes", "model.width=8", "+reg=snapshot"],
        ["With torch alone", "With onnxruntime"],
    ),
    "of_others": (
        [
            *["dataset=iris", "model=own", "model._target_=torchvision.ops.MLP", "+model.in_channels=4"],
            *["+model.hidden_channels=[8,3]", "train.lr=0.1"],
        ],
        ["With torch alone", "With onnxruntime", "By its own class"],
    ),
}


def done(*words: str, cwd: Path) -> str:
    found = processes.run(*words, cwd=cwd)
    assert found.returncode == 0, found.stderr
    return found.stdout


LONG = ("recurrent", "of_others")


@pytest.fixture(
    scope="module", params=[pytest.param(n, marks=[pytest.mark.long] if n in LONG else []) for n in CASES]
)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A folder with a run and what was exported of it, and the ways that its README must have."""
    words, ways = CASES[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    done("train", *QUICK, *words, "hydra.run.dir=run", cwd=folder)
    done("export", "run", "--to", "out", cwd=folder)
    return folder, ways


def test_every_block_of_the_readme_runs_without_regbench_and_gives_the_same(
    case: tuple[Path, list[str]],
) -> None:
    folder, ways = case
    text = (folder / "out" / "README.md").read_text()
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ways
    codes = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(codes) == len(ways)
    ran = processes.run(
        json.dumps(codes), cwd=folder / "out", code=WITHOUT, imported="import numpy, onnxruntime, torch"
    )
    assert ran.returncode == 0, ran.stderr
    due = _loaded_outputs(folder)
    for number in range(len(ways)):
        found = np.load(folder / f"outputs{number}.npy")
        np.testing.assert_allclose(found, due, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def _loaded_outputs(folder: Path) -> Any:
    """What `regbench.load` makes of the same rows."""
    given = json.loads((folder / "given.json").read_text())
    model = regbench.load(str(folder / "run"))
    if isinstance(given[0], list):  # pixels of the digits, which are stored as 0 to 16
        return model(torch.tensor(given) / 16)
    return model(given)


def test_the_weights_are_those_of_the_run_and_a_run_can_start_from_them(case: tuple[Path, list[str]]) -> None:
    folder, _ = case
    own = regbench.load(str(folder / "run")).state_dict()
    with safe_open(folder / "out" / "model.safetensors", "pt") as file:
        assert file.metadata()["made_by"].startswith("regbench ")
        assert set(file.keys()) == set(own)
        assert all(torch.equal(file.get_tensor(name), own[name]) for name in own)


def test_what_is_said_of_model_and_inputs(case: tuple[Path, list[str]]) -> None:
    folder, ways = case
    model, about = (
        json.loads((folder / "out" / f"{n}.json").read_text()) for n in ("model", "preprocessing")
    )
    run = regbench.load(str(folder / "run"))
    assert (model["outside"] == model["call"]) == ("By its own class" in ways)
    assert model["outputs"] == (len(about["classes"]) if about["classes"] else len(about["numbers"]["mean"]))
    if about["task"] == "classification":
        assert tuple(about["classes"]) == run.classes
    if about["normalization"]:
        assert about["normalization"]["mean"] == run.normalization.mean.flatten().tolist()


def test_an_export_takes_the_place_of_an_earlier_one_and_leaves_nothing_of_it(tmp_path: Path) -> None:
    model = b'{"made_by": "regbench 0.1.0"}'
    out = tmp_path / "new" / "out"
    write(out, Exported({"model.json": model, "model.onnx": b"old", "README.md": b"old"}, []))
    refuse_others(out)
    write(out, Exported({"model.json": model, "README.md": b"new"}, ["model.onnx cannot be made"]))
    assert {path.name: path.read_bytes() for path in out.iterdir()} == {
        "model.json": model,
        "README.md": b"new",
    }


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["mine.txt"], "holds mine.txt; name another one"),
        (["README.md", "model.onnx"], "holds README.md, model.onnx; name another one"),
        (["model.json", "mine.txt"], "holds mine.txt; name another one"),
    ],
)
def test_a_folder_with_other_things_in_it_is_refused_and_left(
    names: list[str], said: str, tmp_path: Path
) -> None:
    for name in names:
        (tmp_path / name).write_text('{"made_by": "regbench 0.1.0"}' if name == "model.json" else "mine")
    with pytest.raises(ConfigError, match=re.escape(said)):
        refuse_others(tmp_path)


class Branches(torch.nn.Module):
    """What no program can be made of: what it computes depends on what it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(4, 3)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        outputs = self.layer(inputs)
        return outputs if outputs.sum() > 0 else 2 * outputs


def test_a_model_without_a_program_says_so_in_one_sentence() -> None:
    with pytest.raises(programs.NoProgram, match=r"^model\.pt2 cannot be made of this model: [^\n]+$"):
        programs.exported(Branches(), (4,), None)


@pytest.mark.parametrize("words", [["model=rnn"], ["model=rnn", "model.cell=gru"], ["model=transformer"]])
def test_models_of_sentences_have_a_program_for_any_number_of_rows(words: list[str]) -> None:
    words = [*words, "model.width=8", "dataset=text_csv", f"dataset.path={CSV}", "dataset.length=6"]
    net = build_net(compose(*words)["model"], (6,), 3, 20).eval()
    program = programs.exported(net, (6,), 20).module()
    rows = torch.tensor([[3, 4, 0, 0, 0, 0], [5, 0, 0, 0, 0, 0]])  # padding that the model itself leaves out
    torch.testing.assert_close(program(rows), net(rows))


def test_a_program_that_computes_something_else_is_left_out() -> None:
    class Counting(torch.nn.Module):
        calls = 0

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            Counting.calls += 1
            return inputs * Counting.calls

    with pytest.raises(programs.NoProgram, match=r"^model\.pt2 would compute something else than the model$"):
        programs.exported(Counting(), (4,), None)


def test_draws_that_are_the_same_in_every_evaluation_are_numbers_of_the_program() -> None:
    node = reg_node("dropconnect", inference="gaussian", samples=4)
    model = build_run(tiny("mlp", {"dropconnect": node})).model.eval()
    rows = programs.example((1, 8, 8), None, 5)
    program = programs.exported(model, (1, 8, 8), None)
    again = torch.export.load(io.BytesIO(programs.as_torch(program, {}, model, rows))).module()
    torch.testing.assert_close(again(rows), model(rows))
    torch.testing.assert_close(again(rows), again(rows), rtol=0, atol=0)


def test_a_program_that_draws_is_left_out_as_its_file_would_draw_otherwise() -> None:
    class Drawing(torch.nn.Module):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            generator = torch.Generator().manual_seed(0)
            return inputs + torch.randn(4, generator=generator)

    program, rows = programs.exported(Drawing(), (4,), None), programs.example((4,), None, 5)
    with pytest.raises(programs.NoProgram, match=r"^model\.pt2 would compute something else than the model$"):
        programs.as_torch(program, {}, Drawing(), rows)


def test_what_torch_s_exporter_says_in_colors_is_one_plain_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object, **__: object) -> None:
        raise RuntimeError("Failed to decompose. \x1b[96mThis is step 2/3\x1b[0m of exporting. Next steps:")

    model = torch.nn.Linear(4, 3).eval()
    made = programs.exported(model, (4,), None)
    monkeypatch.setattr(torch.onnx, "export", failing)
    with pytest.raises(
        programs.NoProgram, match=r"^model\.onnx cannot be made of this model: [^\x1b]*decompose\.$"
    ):
        programs.as_onnx(made, model, (4,), None)


def test_without_the_extra_the_onnx_file_is_left_out_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    model = torch.nn.Linear(4, 3).eval()
    made = programs.exported(model, (4,), None)
    monkeypatch.setattr(programs, "NEEDED", ("nothing_of_this_name",))
    with pytest.raises(
        programs.NoProgram, match=r"^model\.onnx needs nothing_of_this_name; type pip install"
    ):
        programs.as_onnx(made, model, (4,), None)

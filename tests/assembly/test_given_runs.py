"""What members are given of the runs that they name: what fits, and one sentence where it does not."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

import regbench
from regbench.assembly.data import content_of, load_data
from regbench.assembly.other_splits import other_splits
from regbench.assembly.run import build_run
from regbench.data.digits import Digits
from regbench.errors import ConfigError, of_the_system
from regbench.records.identity import conditions, identity, parts_of_content
from regbench.regularizers.base import Regularizer
from regbench.regularizers.distillation import Distillation
from regbench.storage import checkpoint
from regbench.types import ForwardPass
from tests.conftest import CSV, compose, finished_run, reg_node, tiny
from tests.numbers import numeric


@dataclass
class Pairs(Digits):
    """Two digits are one class, so that there are five."""

    num_classes: ClassVar[int] = 5
    classes: ClassVar[tuple[str, ...]] = tuple(map(str, range(5)))

    def _part(self, which: int) -> tuple[Tensor, Tensor]:
        images, labels = super()._part(which)
        return images, labels // 2


WORDS = ["dataset=text_csv", f"dataset.path={CSV}"]


def digits_run(*more: str, seed: int = 99) -> Path:
    return finished_run(json.dumps(tiny()["dataset"]), *more, seed=seed)


def node_of(*words: str) -> str:
    return json.dumps(compose(*words)["dataset"])


def distilled(teacher: Path | str, model: str = "mlp", **dataset: Any) -> dict[str, Any]:
    config = tiny(model) | {"reg": {"distillation": reg_node("distillation", teacher=str(teacher))}}
    return config | {"dataset": config["dataset"] | dataset}


def pulled(start: Path | str, *words: str) -> dict[str, Any]:
    config = compose("train.epochs=1", "train.batch_size=32", "threads=1", "dataset.num_train=97", *words)
    return config | {"reg": {"l2_sp": reg_node("l2_sp", start=str(start))}}


def refused(config: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as caught:
        build_run(config)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def copied(run: Path, to: Path) -> Path:
    return Path(shutil.copytree(run, to))


# --- which folders are refused

KEY = "reg.distillation.teacher: must be the folder of a finished run, and "


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    gone = str(tmp_path / "gone")
    assert refused(distilled(gone)) == f"{KEY}there is none at {gone!r}"
    with pytest.raises(ConfigError, match=re.escape(f"{KEY}there is none at {gone!r}")):
        content_of(distilled(gone))
    inner = {"both": {"distillation": reg_node("distillation", teacher=gone)}}
    assert refused(distilled(gone) | {"reg": inner}).startswith("reg.both.distillation.teacher: must be")


@pytest.mark.parametrize("config", [distilled("/gone/run"), pulled("/gone/run")])
def test_a_refusal_is_no_cause_of_itself(config: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        content_of(config)
    assert caught.value.__cause__ is None
    assert of_the_system(caught.value) == ""


def test_a_folder_that_is_none_of_a_run(tmp_path: Path) -> None:
    assert refused(distilled(tmp_path)) == f"{KEY}{tmp_path} holds no .hydra/config.yaml"
    file = tmp_path / "file"
    file.touch()
    assert refused(distilled(file)) == f"{KEY}there is none at {str(file)!r}"


@pytest.mark.parametrize("status", ["interrupted", "failed", "diverged", "pruned"])
def test_a_run_that_has_not_finished(status: str, tmp_path: Path) -> None:
    run = copied(digits_run(), tmp_path / "run")
    summary = json.loads((run / "summary.json").read_text())
    (run / "summary.json").write_text(json.dumps(summary | {"status": status}))
    assert refused(distilled(run)) == f"{KEY}the run in {run} is {status}"
    (run / "summary.json").unlink()
    assert refused(distilled(run)) == f"{KEY}the run in {run} is not finished"
    (run / "summary.json").write_text("{")
    assert refused(distilled(run)).startswith(f"{KEY}in {run} summary.json ")


def test_a_run_that_has_kept_no_weights(tmp_path: Path) -> None:
    run = copied(digits_run(), tmp_path / "run")
    for name in ("best.pt", "last.pt"):
        (run / name).unlink()
    said = refused(distilled(run))
    assert said.startswith(
        "reg.distillation.teacher: must be the folder of a run that has kept weights, and "
    )


def test_weights_that_are_damaged(tmp_path: Path) -> None:
    run = copied(digits_run(), tmp_path / "run")
    (run / "best.pt").write_bytes((run / "best.pt").read_bytes()[:-100])
    assert refused(distilled(run)).startswith("reg.distillation.teacher: ")
    said = refused(pulled(run))
    assert said.startswith("reg.l2_sp.start: must be the folder of a run, and ")


# --- whose answers are no answers here


def test_other_classes() -> None:
    run = digits_run()
    config = distilled(run) | {
        "dataset": compose("dataset=own", f"dataset._target_={__name__}.Pairs")["dataset"]
    }
    assert refused(config) == f"reg.distillation.teacher: must be a run with 5 classes, and {run} has 10"


def test_the_same_number_of_classes_by_other_names(tmp_path: Path) -> None:
    run = copied(digits_run(), tmp_path / "run")
    state = checkpoint.load(run / "last.pt")
    checkpoint.save(run / "last.pt", state | {"classes": [*map(str, range(9)), "ten"]})
    said = refused(distilled(run))
    expected = f"with the same classes, and {run} calls 9 'ten', which here is '9'"
    assert said == f"reg.distillation.teacher: must be a run {expected}"


def test_numbers() -> None:
    run = finished_run(json.dumps(numeric()["dataset"]))
    said = refused(distilled(run))
    assert (
        said == f"reg.distillation.teacher: must be a run that predicts classes, and {run} predicts numbers"
    )
    other = numeric() | {"reg": {"distillation": reg_node("distillation", teacher=str(digits_run()))}}
    assert refused(other) == "reg.distillation: needs classes, got numbers to predict"


def test_another_shape(tmp_path: Path) -> None:
    run = copied(digits_run(), tmp_path / "run")
    state = checkpoint.load(run / "last.pt")
    (run / "best.pt").unlink()
    weights = state["evaluated"]
    name = next(n for n, t in weights.items() if t.dim() == 2 and t.shape[1] == 64)
    state["evaluated"] = weights | {name: torch.cat([weights[name]] * 2, 1)}
    checkpoint.save(run / "last.pt", state | {"in_shape": [1, 8, 16]})
    said = refused(distilled(run))
    expected = f"with inputs of shape (1, 8, 8), and {run} takes (1, 8, 16)"
    assert said == f"reg.distillation.teacher: must be a run {expected}"


def test_text_and_pixels() -> None:
    text, digits = finished_run(json.dumps(tiny("text")["dataset"])), digits_run()
    said = refused(distilled(text))
    assert said == f"reg.distillation.teacher: must be a run whose inputs are numbers, and {text} reads text"
    said = refused(distilled(digits, "text"))
    assert (
        said == f"reg.distillation.teacher: must be a run whose inputs are text, and {digits} reads numbers"
    )


def test_another_vocabulary() -> None:
    few = finished_run(node_of(*WORDS, "dataset.length=12", "dataset.num_train=60"))
    said = refused(distilled(few, "text"))
    expected = f"with the same vocabulary, made of the same train rows, and {few} has another"
    assert said == f"reg.distillation.teacher: must be a run {expected}"


def test_other_inputs_of_the_columns_of_a_table() -> None:
    table = json.loads(node_of("dataset=breast_cancer"))
    config = distilled(finished_run(json.dumps(table | {"split_seed": 1})), **table)
    assert refused(config).startswith(
        "reg.distillation.teacher: must be a run whose inputs are made alike of"
    )
    run = build_run(distilled(finished_run(json.dumps(table)), **table))
    assert isinstance(run.reg.members["distillation"].runs["teacher"], nn.Module)


# --- what is given


def test_of_the_best_epoch_or_of_the_last_where_no_best_was_kept(tmp_path: Path) -> None:
    run = copied(digits_run(), tmp_path / "run")
    inputs = load_data(tiny()["dataset"]).val[slice(0, 9)].inputs
    for weights in ("best", "last"):
        if weights == "last":
            (run / "best.pt").unlink()
        teacher = build_run(distilled(run)).reg.members["distillation"].runs["teacher"]
        with torch.no_grad():
            assert torch.equal(teacher(inputs), regbench.load(run, weights)(inputs))


def test_what_was_kept_at_the_end_is_what_teaches(tmp_path: Path) -> None:
    """An average of the weights, as `ema` leaves it in the place of the last ones."""
    config = compose("+reg=ema", "train.epochs=2", "model.width=16", "threads=1", "device=cpu")
    assert config["reg"]
    run = finished_run(json.dumps(tiny()["dataset"]), "+reg=ema", "reg.ema.decay=0.9")
    state = checkpoint.load(run / "last.pt")
    assert any(
        not torch.equal(state["model"][n], t) for n, t in state["evaluated"].items() if n in state["model"]
    )
    teacher = build_run(distilled(run)).reg.members["distillation"].runs["teacher"]
    best = checkpoint.load(run / "best.pt", lambda found: None, (state["identity"],))
    assert all(torch.equal(tensor, best[name]) for name, tensor in teacher.state_dict().items())


def test_another_teacher_in_the_same_place_is_read_anew(tmp_path: Path) -> None:
    place, inputs = tmp_path / "run", torch.zeros(2, 1, 8, 8)
    answers = []
    for seed in (99, 98):
        shutil.rmtree(place, ignore_errors=True)
        copied(digits_run(seed=seed), place)
        teacher = build_run(distilled(place)).reg.members["distillation"].runs["teacher"]
        answers.append(teacher(inputs))
    assert not torch.equal(*answers)


def test_weights_by_name_a_head_of_another_size_left_out(tmp_path: Path) -> None:
    run = digits_run("model.width=16")
    member = build_run(pulled(run, "model.width=16")).reg.members["l2_sp"]
    best = regbench.load(run).state_dict()
    assert {*member.runs["start"]} == {name for name in best if name.startswith("net.")}
    assert all(torch.equal(tensor, best[name]) for name, tensor in member.runs["start"].items())
    weights = {name: tensor[:7] if ".head." in name else tensor for name, tensor in best.items()}
    seven = copied(run, tmp_path / "seven")
    checkpoint.save(seven / "best.pt", weights)
    reg = build_run(pulled(seven, "model.width=16")).reg.members["l2_sp"]
    assert {*reg.runs["start"]} == {name for name in member.runs["start"] if ".head." not in name}
    assert {*reg._start} == {*reg.runs["start"]} & {*member._start} != {*member._start}
    assert reg.note() == "2 of 3 weights are pulled to what the run in start has come to"


def test_what_members_have_brought_to_the_other_run_is_left_out_and_it_is_said(tmp_path: Path) -> None:
    run = digits_run("model.width=16", "+reg=batch_norm")
    best = checkpoint.load(run / "best.pt")
    own = [name for name in best if name.startswith("net.") and ".norm." not in name]
    built = build_run(pulled(run, "model.width=16"))
    given = built.reg.members["l2_sp"].runs["start"]
    assert [*given] == own
    assert all(torch.equal(given[name], best[name]) for name in own)
    assert built.note == (
        "reg.l2_sp.start: what members have brought there is left out: net.layers.0.norm.body.weight, "
        "net.layers.0.norm.body.bias, net.layers.0.norm.body.running_mean, 7 more"
    )
    config = pulled(run, "model.width=16")
    config["reg"] = {"batch_norm": reg_node("batch_norm"), **config["reg"]}
    reg = build_run(config).reg.members["l2_sp"]
    assert reg.note() == "3 of 3 weights are pulled to what the run in start has come to"
    assert refused(pulled(run, "model.width=8")).startswith(
        "reg.l2_sp.start: must hold weights of the model's"
    )
    deeper = digits_run("model.width=16", "model.depth=3")
    assert refused(pulled(deeper, "model.width=16")).startswith(
        "reg.l2_sp.start: must hold the model's weights"
    )
    odd = copied(run, tmp_path / "odd")
    record = json.loads((odd / ".hydra" / "config.yaml").read_text())
    record["model"] |= {"_target_": "builtins.nothing"}
    (odd / ".hydra" / "config.yaml").write_text(json.dumps(record))
    assert "net.layers.0.norm.body.weight" in refused(pulled(odd, "model.width=16"))


def test_weights_of_another_shape_and_of_another_model_are_refused() -> None:
    run = digits_run("model.width=16")
    said = refused(pulled(run, "model.width=8"))
    assert said.startswith("reg.l2_sp.start: must hold weights of the model's shapes, and net.")
    said = refused(pulled(run, "model=cnn"))
    assert said.startswith("reg.l2_sp.start: must hold the model's weights, and ")


def test_no_weights_are_read_where_a_checkpoint_is_to_come(tmp_path: Path) -> None:
    run = build_run(pulled(tmp_path / "gone"), initial=False)
    assert run.reg.members["l2_sp"].runs == {}
    assert run.reg.members["l2_sp"]._start


@dataclass
class Curious(Regularizer):
    """One of a person's own that reads what there is not."""

    off: ClassVar[dict[str, Any]] = {"strength": 0.0}
    search: ClassVar[dict[str, Any]] = {}
    reads_runs: ClassVar[dict[str, str]] = {"other": "logits"}
    other: str
    strength: float

    def penalty(self, forward: ForwardPass) -> Tensor | None:
        return None


def test_what_is_neither_model_nor_weights_is_refused() -> None:
    node = {"_target_": f"{__name__}.Curious", "other": "a", "strength": 1.0}
    said = refused(tiny() | {"reg": {"curious": node}})
    assert said == "reg.curious.other: reads_runs must say model or weights, got 'logits'"


def _computed() -> dict[str, str]:
    return dict.fromkeys(["teacher"], "model")


@dataclass
class Unwritten(Distillation):
    """Its text does not say which of its fields names a run."""

    reads_runs: ClassVar[dict[str, str]] = _computed()


def test_a_field_of_which_no_text_says_that_it_names_a_run_is_refused() -> None:
    """No digest would be taken of it: a run with another teacher would pass for this one."""
    node = reg_node("distillation", teacher=str(digits_run())) | {"_target_": f"{__name__}.Unwritten"}
    path = f"{__name__}.Unwritten"
    assert refused(tiny() | {"reg": {"mine": node}}) == (
        "reg.mine.teacher: must be told to name a run by the text of its class, and is not; write "
        f"reads_runs = {{'teacher': 'model'}} into {path}, and set reg.mine._target_={path}"
    )
    build_run(tiny() | {"reg": {"mine": node | {"teacher": None, "share": 0.0}}})


# --- whose train rows may be val here


def test_a_teacher_of_the_same_rows_split_otherwise_is_warned_of() -> None:
    run = digits_run()
    assert [*build_run(distilled(run)).warnings] == [*build_run(distilled(run, num_train=50)).warnings] == []
    said = (
        f"reg.distillation.teacher: the run in {run} has split its dataset otherwise (split_seed 0 there, 1 "
        "here), so it may have learned rows that are val here"
    )
    assert [*build_run(distilled(run, split_seed=1)).warnings] == [said]
    start = pulled(run, "dataset.split_seed=1")
    assert said.replace("distillation.teacher", "l2_sp.start") in build_run(start).warnings
    start["reg"]["l2_sp"] |= {"strength": 0.0, "head_strength": 0.0}
    assert not any("otherwise" in warning for warning in build_run(start).warnings)


def test_a_teacher_of_files_with_other_rows_is_warned_of_and_one_of_another_dataset_is_not(
    tmp_path: Path,
) -> None:
    run = finished_run(json.dumps(tiny("text")["dataset"]))
    assert not any("otherwise" in one for one in build_run(distilled(run, "text")).warnings)
    other = tmp_path / "other.csv"
    lines = CSV.read_text().splitlines()
    other.write_text("\n".join([lines[0], *reversed(lines[1:])]) + "\n")
    config = distilled(run, "text", path=str(other))
    (said,) = other_splits(config)
    assert "has split its dataset otherwise (its files hold other rows), so" in said
    elsewhere = tmp_path / "same.csv"
    shutil.copy(CSV, elsewhere)
    assert [*other_splits(distilled(run, "text", path=str(elsewhere)))] == []
    assert [*other_splits(distilled(run, split_seed=1))] == []
    assert [*other_splits(distilled(tmp_path / "gone", split_seed=1))] == []


# --- identity


def identity_of(config: dict[str, Any]) -> str:
    return identity(config, content_of(config))


def test_the_same_teacher_elsewhere_makes_the_same_run_and_another_in_its_place_another(
    tmp_path: Path,
) -> None:
    here, there = copied(digits_run(), tmp_path / "here"), copied(digits_run(), tmp_path / "there")
    assert identity_of(distilled(here)) == identity_of(distilled(there))
    before = identity_of(distilled(here))
    shutil.rmtree(here)
    copied(digits_run(seed=98), here)
    assert identity_of(distilled(here)) != before
    assert identity_of(pulled(here)) != identity_of(pulled(there))


def test_a_member_that_is_off_needs_no_folder_and_where_it_would_lie_makes_no_difference(
    tmp_path: Path,
) -> None:
    off = {"distillation": reg_node("distillation", share=0.0, teacher=str(tmp_path / "gone"))}
    config, other = tiny() | {"reg": off}, tiny() | {"reg": json.loads(json.dumps(off))}
    other["reg"]["distillation"]["teacher"] = str(digits_run())
    assert identity_of(config) == identity_of(other)
    assert content_of(config, content_of(other)) == content_of(other)
    assert build_run(config).reg.members["distillation"].runs == {}
    config["reg"]["distillation"]["share"] = {
        "_target_": "regbench.strengths.Ramp",
        "start": 0,
        "end": 0.5,
        "over": 1.0,
    }
    with pytest.raises(ConfigError, match=r"^reg\.distillation\.teacher: "):
        content_of(config)


def test_a_teacher_is_no_condition_of_what_is_compared() -> None:
    config = distilled(digits_run())
    assert conditions(config, content_of(config)) == conditions(tiny(), content_of(tiny()))
    assert parts_of_content(config, content_of(config)) == ("", "")


def test_what_was_recorded_counts_where_the_folder_is_gone_and_nothing_else_may_stand_there(
    tmp_path: Path,
) -> None:
    here = copied(digits_run(), tmp_path / "here")
    config = distilled(here)
    content = content_of(config)
    assert content_of(config, content) == content
    shutil.rmtree(here)
    assert content_of(config, content) == content
    copied(digits_run(seed=98), here)
    with pytest.raises(ConfigError) as caught:
        content_of(config, content)
    assert str(caught.value) == (
        f"reg.distillation.teacher: must be the run that this one has begun with, and {here} holds other "
        "weights by now; put them back, or train into a new folder"
    )

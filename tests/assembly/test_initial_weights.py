"""Weights to start from: whatever is not taken as it is, is said or refused."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from regbench.assembly.data import content_of
from regbench.assembly.initial_weights import InitialWeights, read_initial
from regbench.assembly.matched_weights import start_from
from regbench.assembly.model import build_net
from regbench.assembly.run import build_run
from regbench.composition.settings import resolved
from regbench.errors import ConfigError
from regbench.records.identity import conditions, identity
from regbench.weights import fresh_weights, starts_from_weights
from tests.conftest import compose, reg_node, tiny

State = dict[str, Tensor]


def net(outputs: int = 10, seed: int = 0) -> nn.Sequential:
    """A dense layer, a batch normalization, and a head."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, outputs))


def state(outputs: int = 10, seed: int = 1) -> State:
    """Of another net, its statistics moved."""
    other = net(outputs, seed)
    other(torch.randn(5, 4))
    return copy.deepcopy(other.state_dict())


def started(theirs: State, outputs: int = 10) -> tuple[nn.Sequential, str]:
    model = net(outputs)
    return model, start_from(model, InitialWeights(Path("w.pt"), theirs), outputs)


def refused(theirs: State) -> str:
    with pytest.raises(ConfigError) as raised:
        started(theirs)
    return str(raised.value)


def test_every_tensor_is_the_files_running_statistics_too() -> None:
    theirs = state()
    model, said = started(theirs)
    assert said == ""
    assert all(torch.equal(one, theirs[name]) for name, one in model.state_dict().items())
    assert starts_from_weights(model)
    assert fresh_weights(model) == []


def test_a_head_of_another_size_keeps_its_own_weights_and_that_is_said() -> None:
    theirs = state(outputs=7)
    model, said = started(theirs)
    assert said == (
        "model.init: its head 3.weight, 3.bias is new, for the file's has 7 outputs and the run 10"
    )
    assert torch.equal(model[3].weight, net()[3].weight)
    assert torch.equal(model[0].weight, theirs["0.weight"])
    assert [id(one) for one in fresh_weights(model)] == [id(model[3].weight), id(model[3].bias)]


def test_a_head_that_the_file_lacks_keeps_its_own_weights_and_that_is_said() -> None:
    theirs = {name: one for name, one in state().items() if not name.startswith("3.")}
    model, said = started(theirs)
    assert said == "model.init: its head 3.weight, 3.bias is new, for the file has none"
    assert torch.equal(model[3].weight, net()[3].weight)


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "model.", "net.", "module._orig_mod."])
def test_a_prefix_of_all_names_is_passed_over(prefix: str) -> None:
    theirs = state()
    model, _ = started({f"{prefix}{name}": one for name, one in theirs.items()})
    assert torch.equal(model[0].weight, theirs["0.weight"])


def test_a_prefix_that_the_model_has_itself_stays() -> None:
    model = nn.ModuleDict({"model": nn.Linear(2, 2)})
    theirs = {"model.weight": torch.ones(2, 2), "model.bias": torch.ones(2)}
    start_from(model, InitialWeights(Path("w.pt"), theirs), 2)
    assert model["model"].weight.tolist() == [[1, 1], [1, 1]]


def test_a_missing_count_of_batches_is_no_fault() -> None:
    theirs = {name: one for name, one in state().items() if not name.endswith("num_batches_tracked")}
    model, said = started(theirs)
    assert (said, model[1].num_batches_tracked.item()) == ("", 0)


def test_half_precision_is_widened() -> None:
    theirs = {name: one.half() if one.is_floating_point() else one for name, one in state().items()}
    model, _ = started(theirs)
    assert torch.equal(model[0].weight, theirs["0.weight"].float())


def test_of_a_tensor_that_the_model_has_tied_one_name_is_enough() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    theirs = {"0.weight": torch.eye(3), "0.bias": torch.ones(3), "1.bias": torch.ones(3)}
    assert start_from(model, InitialWeights(Path("w.pt"), theirs), 3) == ""
    assert torch.equal(model[1].weight, torch.eye(3))


def test_what_is_missing_is_refused_by_name() -> None:
    theirs = state()
    del theirs["0.bias"], theirs["1.running_mean"]
    assert refused(theirs) == (
        "model: init must hold the model's weights, and w.pt lacks 0.bias, 1.running_mean"
    )


def test_what_the_model_lacks_is_refused_with_what_it_may_stand_for() -> None:
    theirs = state()
    theirs["1.weights"] = theirs.pop("1.weight")
    assert refused(theirs) == (
        "model: init must hold the model's weights, and w.pt lacks 1.weight and has 1.weights, which the "
        "model lacks; did you mean '1.weight'?"
    )


def test_a_file_of_nothing_that_the_model_has_is_refused() -> None:
    model = nn.Sequential(nn.Linear(3, 3))
    with pytest.raises(ConfigError, match=r"lacks 0\.weight, 0\.bias and has other, which the model"):
        start_from(model, InitialWeights(Path("w.pt"), {"other": torch.ones(1)}), 3)


@pytest.mark.parametrize(
    ("name", "shape"), [("0.weight", (8, 5)), ("0.bias", (9,)), ("3.weight", (10, 9)), ("3.weight", (80,))]
)
def test_another_shape_is_refused_but_for_the_number_of_outputs(name: str, shape: tuple[int, ...]) -> None:
    own = tuple(net().state_dict()[name].shape)
    assert refused(state() | {name: torch.zeros(shape)}) == (
        f"model: init must hold weights of the model's shapes, and {name} is {shape} in w.pt and {own} in "
        "the model"
    )


def test_whole_numbers_for_weights_are_refused() -> None:
    assert "0.bias is torch.int64 in w.pt and torch.float32 in the model" in refused(
        state() | {"0.bias": torch.zeros(8, dtype=torch.int64)}
    )


def test_numbers_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    save_file({"a": torch.tensor([0.0, float("nan")])}, tmp_path / "w")
    with pytest.raises(ConfigError, match=r"init must hold finite numbers, and a in .*w has others$"):
        read_initial({"init": str(tmp_path / "w")})


@pytest.mark.parametrize(
    ("init", "said"),
    [
        ("nothing/there", "there is none at 'nothing/there'$"),
        ("", "there is none at ''$"),
        (["a"], r"a word, got \['a'\]$"),
        (__file__, "test_initial_weights.py is neither a safetensors file nor one of torch's$"),
        (str(Path(__file__).parent), "is a folder, and not that of a run that has kept weights$"),
        ("a\0b", "a file of weights, and "),
    ],
)
def test_what_is_no_file_of_weights_is_refused(init: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=f"^model: init must be .*{said}"):
        read_initial({"init": init})


# in a run


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Weights for `tiny`, of another seed."""
    model = build_run(tiny() | {"seed": 9}).model.net
    save_file(model.state_dict(), tmp_path / "w.safetensors")
    return tmp_path / "w.safetensors"


def starting(file: Path, **reg: Any) -> dict[str, Any]:
    config = tiny(reg=reg)
    return config | {"model": config["model"] | {"init": str(file)}}


def test_a_run_starts_from_the_files_weights_and_the_draws_of_its_members_are_the_same(file: Path) -> None:
    config = starting(file)
    loaded, other = build_run(config).model.net, build_run(tiny() | {"seed": 9}).model.net
    assert all(torch.equal(one, other.state_dict()[name]) for name, one in loaded.state_dict().items())


def test_without_the_file_nothing_is_read_where_a_checkpoints_weights_are_to_come(file: Path) -> None:
    config = starting(file)
    file.unlink()
    model, plain = build_run(config, initial=False).model, build_run(tiny()).model
    assert all(torch.equal(one, plain.state_dict()[name]) for name, one in model.state_dict().items())
    with pytest.raises(ConfigError, match="there is none at"):
        build_run(config)


def test_ties_take_the_files_weights_of_the_first_place(file: Path) -> None:
    config = compose("model=mlp", "model.width=64", "model.depth=3", "+model.tie=[[layers.1,layers.2]]")
    node = {name: value for name, value in config["model"].items() if name not in ("init", "tie")}
    theirs = {n: torch.randn_like(t) for n, t in build_net(node, (1, 8, 8), 10, None).state_dict().items()}

    def begin(made: nn.Module) -> None:
        start_from(made, InitialWeights(Path("w.pt"), theirs), 10)

    made: Any = build_net(config["model"], (1, 8, 8), 10, None, begin)
    assert made.layers[1].linear.weight is made.layers[2].linear.weight
    assert torch.equal(made.layers[2].linear.weight, theirs["layers.1.linear.weight"])


def test_the_audit_is_told_of_a_new_head(file: Path) -> None:
    tensors = build_run(tiny()).model.net.state_dict()
    tensors = {n: t[:3].clone() if n.startswith("head") else t for n, t in tensors.items()}
    save_file(tensors, file)
    assert build_run(starting(file)).model.note == (
        "model.init: its head head.weight, head.bias is new, for the file's has 3 outputs and the run 10"
    )


def test_l2_sp_is_told_what_is_new_before_it_and_behind_other_members(file: Path) -> None:
    tensors = build_run(tiny()).model.net.state_dict()
    save_file({n: t for n, t in tensors.items() if not n.startswith("head")}, file)
    run = build_run(starting(file, dropout=reg_node("dropout"), l2_sp=reg_node("l2_sp")))
    start = run.reg.members["l2_sp"].state_dict()["start"]
    assert sorted(start) == ["net.layers.0.linear.weight", "net.layers.1.linear.weight"]


# which run it is


def test_the_files_content_counts_and_not_where_it_lies(file: Path) -> None:
    config = starting(file)
    moved = file.with_name("moved")
    moved.write_bytes(file.read_bytes())
    other = starting(moved)
    made = [identity(one, content_of(one)) for one in (config, other, tiny())]
    assert made[0] == made[1] != made[2]
    assert conditions(config, content_of(config)) == conditions(other, content_of(other))
    save_file({"a": torch.zeros(1)}, file)
    assert identity(config, content_of(config)) != made[0]


def test_runs_from_other_weights_are_compared_under_other_conditions(file: Path) -> None:
    config = starting(file)
    named = conditions(config, content_of(config))
    assert named["model.init"] == content_of(config).rpartition(":")[2][:16]
    assert "dataset.content" not in named, "the digits are the same"


def test_a_file_that_is_gone_is_what_was_recorded_and_another_in_its_place_is_refused(file: Path) -> None:
    config = starting(file)
    recorded = content_of(config)
    assert content_of(config, recorded) == recorded
    file.unlink()
    assert content_of(config, recorded) == recorded
    with pytest.raises(ConfigError, match="there is none at"):
        content_of(config)
    save_file({"a": torch.zeros(1)}, file)
    with pytest.raises(
        ConfigError, match=r"must be the file that the run has started from, and .* holds others"
    ):
        content_of(config, recorded)


def test_the_path_is_made_absolute_like_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from omegaconf import OmegaConf

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/of/somebody")
    made = resolved(OmegaConf.create({"model": {"init": "w.pt"}, "dataset": {"init": "w.pt"}}))
    assert made == {"model": {"init": str(tmp_path / "w.pt")}, "dataset": {"init": "w.pt"}}
    assert (
        resolved(OmegaConf.create({"model": {"init": "~/w.pt"}}))["model"]["init"] == "/home/of/somebody/w.pt"
    )


def test_where_a_schedule_had_come_to_is_no_weight(tmp_path: Path) -> None:
    ramp = {"_target_": "regbench.strengths.Ramp", "start": 0.1, "end": 0.5, "over": 1.0}
    run = build_run(tiny("mlp", {"dropout": reg_node("dropout", mode="classic", p=ramp)}))
    held = run.model.state_dict()
    assert any("scheduled_" in name for name in held)
    torch.save(held, tmp_path / "weights.pt")
    weights = read_initial({"init": str(tmp_path / "weights.pt")})
    assert weights is not None
    model: Any = build_run(tiny("mlp") | {"seed": 1}).model
    assert start_from(model.net, weights, 10) == ""
    assert all(torch.equal(one, held[f"net.{name}"]) for name, one in model.net.state_dict().items())


def test_a_refusal_is_no_cause_of_itself(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read_initial({"init": str(tmp_path / "gone")})
    assert caught.value.__cause__ is None

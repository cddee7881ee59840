from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import regbench
from regbench.assembly.run import build_run
from regbench.errors import ConfigError
from regbench.nn.tying import tie
from regbench.training.loop import Run, fit
from regbench.types import ForwardPass
from tests import processes
from tests.conftest import compose, reg_node, tiny

PAIR = ["layers.1.linear.weight", "layers.2.linear.weight"]

OWN = """
from torch import nn

class Own(nn.Sequential):
    def __init__(self, num_classes: int):
        super().__init__(nn.Flatten(), nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, num_classes))
"""


def three() -> nn.Module:
    return nn.ModuleDict({name: nn.Linear(4, 4) for name in "abc"})


def run_of(pairs: list[list[str]] | None, reg: dict[str, Any] | None = None) -> Run:
    """Three dense layers of 16 units on the digits; None: nothing is said of tying."""
    config = tiny(reg=reg)
    config["model"] |= {"depth": 3} | ({} if pairs is None else {"tie": pairs})
    return build_run(config)


def weights_of(model: nn.Module) -> tuple[nn.Parameter, nn.Parameter]:
    return model.net.layers[1].linear.weight, model.net.layers[2].linear.weight


def trained(run: Run) -> Run:
    for _ in fit(run):
        pass
    return run


# --- the function


def test_two_parameters_become_the_first_one() -> None:
    net = three()
    first, bias = net["a"].weight, net["b"].bias
    tie(net, [["a.weight", "b.weight"]])
    assert net["a"].weight is first
    assert net["b"].weight is first
    assert net["b"].bias is bias


def test_two_modules_share_every_parameter_and_no_buffer() -> None:
    net = nn.ModuleDict({name: nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)) for name in "ab"})
    tie(net, [["a", "b"]])
    for mine, other in zip(net["a"].parameters(), net["b"].parameters(), strict=True):
        assert mine is other
    assert net["a"][1].running_mean is not net["b"][1].running_mean
    assert len(list(net.parameters())) == 4


@pytest.mark.parametrize(
    "pairs", [["ab", "bc"], ["ab", "cb"], ["ba", "bc"], ["ab", "bc", "ca"], ["cb", "ca"]]
)
def test_a_place_in_several_pairs_joins_them_all(pairs: list[str]) -> None:
    net = three()
    tie(net, [[f"{name}.weight" for name in pair] for pair in pairs])
    assert net["a"].weight is net["b"].weight is net["c"].weight
    assert len(list(net.parameters())) == 4  # and three biases


def test_the_gradient_is_the_sum_over_the_places() -> None:
    net, inputs = three(), torch.randn(5, 4)
    with torch.no_grad():
        net["b"].weight.copy_(net["a"].weight)
    apart = copy.deepcopy(net)
    tie(net, [["a.weight", "b.weight"]])
    for model in (net, apart):
        model["b"](model["a"](inputs).tanh()).square().sum().backward()
    torch.testing.assert_close(net["a"].weight.grad, apart["a"].weight.grad + apart["b"].weight.grad)


def test_a_recurrent_layer_computes_with_what_it_was_given() -> None:
    net = nn.ModuleDict({name: nn.LSTM(3, 2) for name in "ab"})
    tie(net, [["a", "b"]])
    inputs = torch.randn(4, 1, 3)
    assert torch.equal(net["a"](inputs)[0], net["b"](inputs)[0])


def test_no_pairs_change_nothing() -> None:
    net = three()
    tie(net, [])
    assert len(list(net.parameters())) == 6


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        (
            ["a.weigth", "b.weight"],
            "tie must name parameters or modules that hold some, got 'a.weigth'; did you mean 'a.weight'?",
        ),
        (["a.weight", "zzz"], "tie must name parameters or modules that hold some, got 'zzz'"),
        (["", "a"], "tie must name parameters or modules that hold some, got ''"),
        (["relu", "a"], "tie must name parameters or modules that hold some, got 'relu'"),
        (
            ["norm.running_mean", "norm.weight"],
            "tie must name parameters or modules that hold some, got 'norm.running_mean'",
        ),
        (
            ["a.weight", "wide.weight"],
            "tie must name parameters of one shape, got a.weight (4, 4) and wide.weight (8, 4)",
        ),
        (["a", "wide"], "tie must name parameters of one shape, got a.weight (4, 4) and wide.weight (8, 4)"),
        (
            ["a", "thin"],
            "tie must name places with the same parameters, got a (weight, bias) and thin (weight)",
        ),
        (
            ["a", "b.weight"],
            "tie must name places with the same parameters, got a (weight, bias) and "
            "b.weight (one parameter)",
        ),
        (["a.weight", "a.weight"], "tie must name two places, got 'a.weight' twice"),
        (["a", "a"], "tie must name two places, got 'a' twice"),
        (["a.weight"], "tie must list pairs of two paths, got ['a.weight']"),
        (["a", "b", "c"], "tie must list pairs of two paths, got ['a', 'b', 'c']"),
        ("ab", "tie must list pairs of two paths, got 'ab'"),
    ],
)
def test_what_cannot_be_tied_is_refused_in_one_sentence(pair: list[str], said: str) -> None:
    net = three()
    others = {"wide": nn.Linear(4, 8), "thin": nn.Linear(4, 4, bias=False), "relu": nn.ReLU()}
    net.update(others | {"norm": nn.BatchNorm1d(4)})
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        tie(net, [pair])


# --- in a run


def test_a_run_ties_what_its_model_s_node_lists() -> None:
    first, second = weights_of(run_of([PAIR]).model)
    assert first is second
    first, second = weights_of(run_of(None).model)
    assert first is not second


def test_a_tied_tensor_is_one_parameter_with_one_optimizer_state() -> None:
    tied, apart = (trained(run_of(pairs)) for pairs in ([PAIR], []))
    counts = [sum(p.numel() for p in run.model.parameters()) for run in (tied, apart)]
    assert counts == [64 * 16 + 16 + 2 * 16 + 16 * 16 + 170, 64 * 16 + 16 + 2 * 16 + 2 * 16 * 16 + 170]
    assert [len(run.optimizer.param_groups[0]["params"]) for run in (tied, apart)] == [7, 8]
    assert [len(run.optimizer.state_dict()["state"]) for run in (tied, apart)] == [7, 8]


def test_l2_decays_a_tied_tensor_once() -> None:
    run = run_of([PAIR], {"l2": reg_node("l2", strength=2.0, mode="decoupled")})  # lr 0.05
    weight, _ = weights_of(run.model)
    before = weight.detach().clone()
    for parameter in run.model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    run.optimizer.step()
    torch.testing.assert_close(weight.detach(), before * 0.9)


def test_l2_counts_a_tied_tensor_once_and_its_untied_counterpart_twice() -> None:
    penalties = []
    for pairs in ([PAIR], []):
        run = run_of(pairs, {"l2": reg_node("l2", strength=2.0, mode="penalty")})
        with torch.no_grad():
            for parameter in run.model.parameters():
                parameter.zero_()
            for weight in weights_of(run.model):
                weight.fill_(0.5)
        batch = run.data.train[:2]
        penalties.append(run.reg.penalty(ForwardPass(run.model, batch, torch.zeros(2, 10), [])).item())
    assert penalties == [256 * 0.25, 2 * 256 * 0.25]


def test_it_stays_tied_through_training_copying_and_loading() -> None:
    run = trained(run_of([PAIR], {"l2": reg_node("l2")}))
    first, second = weights_of(run.model)
    assert first is second
    assert not torch.equal(first, weights_of(run_of([PAIR]).model)[0]), "it has learned"
    again = run_of([PAIR]).model
    again.load_state_dict(run.model.state_dict())
    for model in (copy.deepcopy(run.model), again):
        ours, theirs = weights_of(model)
        assert ours is theirs
        assert ours is not first
        assert torch.equal(ours, first)


def test_an_average_of_tied_weights_is_evaluated_with_one_value_in_both_places() -> None:
    run = trained(run_of([PAIR], {"ema": reg_node("ema")}))
    state = run.reg.eval_model(run.model).state_dict()
    one, other = (state[f"net.{path}"] for path in PAIR)
    assert torch.equal(one, other)
    assert not torch.equal(one, weights_of(run.model)[0])


def test_the_command_line_ties() -> None:
    overrides = ["model=cnn", "model.connection=local", "model.width=4", "model.depth=3"]
    pairs = "[[blocks.0.local.bias,blocks.0.local.bias]]"
    with pytest.raises(ConfigError, match=r"^model: tie must name two places, got 'blocks\."):
        build_run(compose(*overrides, f"+model.tie={pairs}"))
    config = compose("model=mlp", "model.depth=3", "model.width=8", f"+model.tie=[[{','.join(PAIR)}]]")
    first, second = weights_of(build_run(config).model)
    assert first is second


def test_a_model_of_a_person_s_own_is_tied_without_being_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tied_models.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    model = {"_target_": "tied_models.Own", "tie": [["1", "2"]]}
    net = build_run(tiny() | {"model": model}).model.net
    assert net[1].weight is net[2].weight
    assert net[1].bias is net[2].bias


def test_a_loaded_model_is_tied_as_the_trained_one_was(tmp_path: Path) -> None:
    overrides = ["model.depth=3", "model.width=8", f"model.tie=[[{','.join(PAIR)}]]", "train.epochs=1"]
    words = ["train", *overrides, "hydra.run.dir=run", "threads=1", "device=cpu"]
    assert processes.run(*words, cwd=tmp_path).returncode == 0
    model = regbench.load(tmp_path / "run")
    first, second = weights_of(model)
    assert first is second
    assert model(torch.zeros(2, 1, 8, 8)).shape == (2, 10)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (
            [["layers.1.linear.weight", "layers.0.linear.weight"]],
            "model: tie must name parameters of one shape, got layers.1.linear.weight (16, 16) and "
            "layers.0.linear.weight (16, 64)",
        ),
        (
            [["layers.1.linear.weight", "layers.7.linear.weight"]],
            "model: tie must name parameters or modules that hold some, got 'layers.7.linear.weight'; "
            "did you mean 'layers.2.linear.weight'?",
        ),
        (PAIR, "model: tie must list pairs of two paths, got 'layers.1.linear.weight'"),
        ("layers", "model: tie must be a list, got 'layers'"),
        (None, "model: tie must be a list, got null"),
        ([[True, "a"]], "model: tie must be a word, got true"),
    ],
)
def test_a_wrong_list_is_refused_by_its_key(value: Any, said: str) -> None:
    config = tiny()
    config["model"] |= {"depth": 3, "tie": value}
    with pytest.raises(ConfigError) as caught:
        build_run(config)
    assert str(caught.value) == said

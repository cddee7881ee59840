import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from regbench.nn.snapshots import WithWeights
from regbench.regularizers.ema import EMA


def scalar(value=0.0):
    model = nn.Linear(1, 1, bias=False).double()
    nn.init.constant_(model.weight, value)
    return model


def averages(reg, values):
    """The average after each step of a weight that takes these values."""
    model, found = scalar(), []
    for value in values:
        model.weight.data.fill_(value)
        reg.end_step(model)
        found.append(reg.eval_model(model)(torch.ones(1, 1, dtype=torch.float64)).item())
    return found


def test_moves_the_share_one_minus_decay_of_the_way():
    assert averages(EMA(0.75, warmup=False), [4.0, 8.0, 0.0]) == [4.0, 5.0, 3.75]


def test_warmup_starts_with_a_small_decay():
    # d = 2/11 at t = 1, 3/12 at t = 2, and the limit 0.3 at t = 3, where 4/13 is above it
    found = averages(EMA(0.3, warmup=True), [0.0, 11.0, 1.0, 5.0])
    assert found == pytest.approx([0.0, 9.0, 3.0, 4.4])


def test_constant_weights_are_a_fixed_point():
    assert averages(EMA(0.9, warmup=True), [0.1] * 20) == [0.1] * 20


def test_lags_a_ramp_by_decay_over_one_minus_decay_steps():
    assert averages(EMA(0.9, warmup=False), range(300))[-1] == pytest.approx(299 - 9)


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))


def test_equals_the_averaged_model_of_torch_over_fifty_steps():
    model, reg = net(), EMA(0.95, warmup=False)
    theirs = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.95), use_buffers=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(50):
        optimizer.zero_grad()
        model(torch.randn(8, 3)).square().mean().backward()
        optimizer.step()
        reg.end_step(model)
        theirs.update_parameters(model)
    ours = reg.eval_model(model).state_dict()
    expected = theirs.module.state_dict()
    assert ours.pop("1.num_batches_tracked").item() == 50
    del expected["1.num_batches_tracked"]
    torch.testing.assert_close(ours, dict(expected), rtol=1e-6, atol=1e-7)
    assert not torch.equal(ours["0.weight"], model[0].weight)


def test_continues_from_its_state_as_if_never_stopped():
    values = [float(v * v % 7) for v in range(12)]
    whole = averages(EMA(0.9, warmup=True), values)
    first, second = EMA(0.9, warmup=True), EMA(0.9, warmup=True)
    averages(first, values[:5])
    state = first.state_dict()
    second.load_state_dict(state)
    averages(first, [1e6])  # what the first does next is none of the second's business
    assert averages(second, values[5:]) == whole[5:]


def test_follows_the_model_to_its_device():
    model, reg = nn.Linear(1, 1, bias=False, device="meta"), EMA(0.9, warmup=True)
    reg.load_state_dict({"t": 1, "average": {"weight": torch.zeros(1, 1)}})
    assert reg.eval_model(model).state_dict()["weight"].device.type == "meta"
    reg.end_step(model)
    assert reg.state_dict()["average"]["weight"].device.type == "meta"


def test_does_nothing_at_decay_zero_and_nothing_before_the_first_step():
    model, reg = scalar(), EMA(0.0, warmup=True)
    reg.end_step(model)
    assert reg.eval_model(model) is model
    assert reg.note() == ""
    assert EMA(0.9, warmup=True).eval_model(model) is model


@pytest.mark.parametrize("decay", [-0.1, 1.0])
def test_refuses_a_decay_outside_its_range(decay):
    with pytest.raises(ValueError, match=rf"^decay must lie in \[0, 1\), got {decay}$"):
        EMA(decay, warmup=True)


def test_notes_the_half_life():
    assert EMA(0.99, warmup=True).note() == "the average forgets half in 69 steps"


# regbench.snapshots: what is evaluated


def doubled(model):
    return {name: 2 * tensor for name, tensor in model.state_dict().items()}


def tied():
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    model[1].weight = model[0].weight
    return model


def shared():
    layer = nn.Linear(2, 2, bias=False)
    return nn.Sequential(layer, nn.ReLU(), layer)


def spectral():
    return nn.Sequential(parametrizations.weight_norm(nn.Linear(2, 2)), nn.BatchNorm1d(2))


@pytest.mark.parametrize("make", [tied, shared, spectral])
def test_computes_what_a_model_with_those_weights_loaded_computes(make):
    torch.manual_seed(0)
    model, plain = make().eval(), make().eval()
    plain.load_state_dict(doubled(model))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    own = list(model.parameters())
    inputs = torch.randn(3, 2)
    clean = model(inputs)
    seen = WithWeights(model, doubled(model))(inputs)
    torch.testing.assert_close(seen, plain(inputs))
    assert not torch.equal(seen, clean)
    assert torch.equal(model(inputs), clean)
    assert all(a is b for a, b in zip(model.parameters(), own, strict=True))
    torch.testing.assert_close(dict(model.state_dict()), before, rtol=0, atol=0)


def test_a_parametrized_lstm_is_seen_with_other_weights():
    model, plain = nn.LSTM(2, 3, batch_first=True), nn.LSTM(2, 3, batch_first=True)
    for lstm in (model, plain):
        parametrizations.weight_norm(lstm, "weight_hh_l0")
    plain.load_state_dict(doubled(model))
    inputs = torch.randn(1, 4, 2)
    clean = model(inputs)[0]
    torch.testing.assert_close(WithWeights(model, doubled(model))(inputs)[0], plain(inputs)[0])
    torch.testing.assert_close(model(inputs)[0], clean)


def test_training_and_evaluation_mode_reach_the_model():
    model = nn.Sequential(nn.Dropout(0.5))
    seen = WithWeights(model.eval(), {})
    assert not seen.training
    seen.train()
    assert model[0].training
    seen.eval()
    assert not model[0].training


def test_speaks_the_models_own_names_and_loads_clones():
    model = nn.Linear(1, 1, bias=False)
    state = {"weight": torch.tensor([[3.0]])}
    seen = WithWeights(model, state)
    state["weight"].fill_(4.0)
    assert seen.state_dict() == {"weight": torch.tensor([[4.0]])}
    loaded = {"weight": torch.tensor([[5.0]])}
    seen.load_state_dict(loaded)
    loaded["weight"].fill_(6.0)
    assert seen(torch.ones(1, 1)).item() == 5.0
    assert state["weight"].item() == 4.0


def test_around_another_it_takes_the_model_within():
    model = nn.Linear(1, 1, bias=False)
    inner = WithWeights(model, {"weight": torch.tensor([[3.0]])})
    outer = WithWeights(inner, {"weight": torch.tensor([[9.0]])})
    assert outer(torch.ones(1, 1)).item() == 9.0
    assert outer.model is model


def test_refuses_a_state_that_is_not_the_models():
    model = nn.Linear(2, 1, bias=False)
    with pytest.raises(ValueError, match=r"got a difference in \['bias', 'weight'\]$"):
        WithWeights(model, {"bias": torch.zeros(1)})
    seen = WithWeights(model, doubled(model))
    with pytest.raises(ValueError, match=r"^weight must have shape \(1, 2\), got \(1, 1\)$"):
        seen.load_state_dict({"weight": torch.zeros(1, 1)})

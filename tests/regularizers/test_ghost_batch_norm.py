import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from regbench.regularizers.ghost_batch_norm import GhostBatchNorm
from regbench.sites import Site, extra_pass
from regbench.types import Split


def make(**fields: float) -> GhostBatchNorm:
    return GhostBatchNorm(**({"enabled": True, "rows": 4, "eps": 1e-5, "momentum": 0.1} | fields))


def normalized(shape: tuple[int, ...], axis: int = 0, **fields: float) -> nn.Module:
    """What ghost batch normalization puts at one norm site."""
    return make(**fields).prepare_model(nn.Sequential(Site("norm", shape, axis)))


def batch_norm(inputs: Tensor, **fields: float) -> Tensor:
    """Torch's own, by the statistics of these inputs."""
    return F.batch_norm(inputs, None, None, training=True, **fields)


@pytest.mark.parametrize("shape", [(3,), (3, 5, 4), (3, 6)])
def test_a_chunk_of_the_whole_batch_is_batch_normalization(shape: tuple[int, ...]):
    torch.manual_seed(0)
    ours, theirs = normalized(shape, rows=8, eps=0.01, momentum=0.3), nn.BatchNorm2d(3, 0.01, 0.3)
    for _ in range(2):
        inputs = torch.randn(8, *shape) * 3 + 1
        maps = inputs.reshape(8, 3, -1, 1)
        torch.testing.assert_close(ours(inputs), theirs(maps).view(inputs.shape))
    torch.testing.assert_close(ours.eval()(inputs), theirs.eval()(maps).view(inputs.shape))


def test_each_chunk_is_batch_normalization_of_the_chunk():
    torch.manual_seed(0)
    inputs = torch.randn(10, 3, 2, 2) * 3 + 1
    expected = torch.cat([batch_norm(part) for part in (inputs[:4], inputs[4:8], inputs[8:])])
    torch.testing.assert_close(normalized((3, 2, 2), rows=4)(inputs), expected)


def test_a_single_row_left_over_joins_the_chunk_before_it():
    torch.manual_seed(0)
    inputs = torch.randn(9, 3) * 3 + 1
    expected = torch.cat([batch_norm(inputs[:4]), batch_norm(inputs[4:])])
    torch.testing.assert_close(normalized((3,), rows=4)(inputs), expected)


def test_tokens_are_normalized_over_the_chunk_and_every_position():
    torch.manual_seed(0)
    inputs = torch.randn(4, 5, 3) * 2 + 4
    outputs = normalized((5, 3), axis=1, rows=2)(inputs)
    for rows in (slice(0, 2), slice(2, 4)):
        part = inputs[rows]
        expected = (part - part.mean((0, 1))) / (part.var((0, 1), correction=0) + 1e-5).sqrt()
        torch.testing.assert_close(outputs[rows], expected)


def test_running_statistics_take_each_chunk_with_its_part_of_the_momentum():
    # chunks (1, 5) and (2, 10): means 3 and 6, unbiased variances 8 and 32; momentum 1/2 over 2 chunks is 1/4
    model = normalized((1,), rows=2, momentum=0.5)
    model(torch.tensor([[1.0], [5.0], [2.0], [10.0]]))
    assert model[0].body.running_mean.item() == pytest.approx(0.75 * (0.25 * 3) + 0.25 * 6)
    assert model[0].body.running_var.item() == pytest.approx(0.75 * (0.75 * 1 + 0.25 * 8) + 0.25 * 32)
    assert model[0].body.num_batches_tracked.item() == 1


def test_evaluation_uses_the_running_statistics_and_does_not_cut_the_batch():
    model = normalized((1,), rows=2, momentum=1.0, eps=1.0)
    model(torch.tensor([[1.0], [5.0]]))
    model.eval()
    # running mean 3, variance 8: (6 - 3) / sqrt(8 + 1), whoever stands beside it
    assert model(torch.tensor([[6.0], [100.0], [-7.0]]))[0].item() == pytest.approx(1.0)
    assert model[0].body.running_mean.item() == 3


def test_an_extra_pass_normalizes_by_the_chunk_and_records_nothing():
    torch.manual_seed(0)
    model, inputs = normalized((3,), rows=4), torch.randn(8, 3) * 3 + 1
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with extra_pass(model):
        outputs = model(inputs)
    torch.testing.assert_close(outputs, torch.cat([batch_norm(inputs[:4]), batch_norm(inputs[4:])]))
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize("rows", [8, 32])
def test_the_noise_of_a_fixed_value_falls_with_the_rows(rows: int):
    # a fixed standardized x among random mates varies by about (1 + x^2 / 2) / rows; measured for x = 1
    # with 8 and 32 rows: 0.173 and 0.048
    torch.manual_seed(0)
    mates = torch.randn(rows * 4000, 1)
    mates[::rows] = 1.0
    spread = normalized((1,), rows=rows)(mates)[::rows].var().item()
    assert spread == pytest.approx({8: 0.173, 32: 0.048}[rows], rel=0.1)


def test_says_that_a_batch_of_no_more_rows_is_batch_normalization():
    member = make(rows=4)
    model = member.prepare_model(nn.Sequential(Site("norm", (3,))))
    assert member.note() == ""
    model(torch.randn(4, 3))
    assert member.note() == "batches of 4 rows are one chunk of rows=4: it is batch normalization there"
    model(torch.randn(5, 3))
    assert member.note() == ""


def test_disabled_it_leaves_the_model_alone_and_says_so():
    model, member = nn.Sequential(Site("norm", (4,))), make(enabled=False)
    assert isinstance(member.prepare_model(model)[0].body, nn.Identity)
    assert member.inert() == "off (enabled=False)"


def test_refuses_what_it_cannot_act_on():
    with pytest.raises(ValueError, match="has no 'norm' site"):
        make().prepare_model(nn.Sequential(nn.Linear(2, 2)))
    with pytest.raises(ValueError, match=r"^rows must be at most the batch size, got 4 for 3 rows$"):
        make().check_data(Split(torch.zeros(3, 2), torch.zeros(3, dtype=torch.long), 2))


def test_refuses_values_outside_their_ranges():
    with pytest.raises(ValueError, match=r"^eps must be above 0, got 0\.0$"):
        make(eps=0.0)
    with pytest.raises(ValueError, match=r"^rows must be at least 2, got 1$"):
        make(rows=1)
    for momentum in (0.0, 1.5):
        with pytest.raises(ValueError, match=rf"^momentum must lie in \(0, 1\], got {momentum}$"):
            make(momentum=momentum)

"""A further pass of a step: its number format, its statistics, its weights."""

import pytest
import torch
from torch import Tensor, nn

from regbench.errors import ConfigError
from regbench.nn.passes import another_pass
from regbench.types import Batch, ForwardPass


class Seen(nn.Linear):
    """Keeps the type in which its product was computed."""

    def forward(self, inputs: Tensor) -> Tensor:
        outputs = super().forward(inputs)
        self.computed = outputs.dtype
        return outputs


def given(model: nn.Module, bf16: bool = False) -> ForwardPass:
    inputs = torch.tensor([[0.0], [1.0], [5.0]])
    return ForwardPass(model, Batch(inputs, torch.zeros(3, 2)), torch.zeros(3, 2), (), bf16=bf16)


@pytest.mark.parametrize(
    ("bf16", "exact", "computed"),
    [(False, False, torch.float32), (True, False, torch.bfloat16), (True, True, torch.float32)],
)
def test_it_is_in_the_number_format_of_the_first_unless_it_must_be_exact(
    bf16: bool, exact: bool, computed: torch.dtype
) -> None:
    model = Seen(1, 2)
    forward = given(model, bf16)
    logits = another_pass(forward, forward.batch.inputs, exact=exact)
    assert (model.computed, logits.dtype) == (computed, torch.float32)


def test_it_normalizes_by_its_own_rows_and_moves_no_statistics() -> None:
    model = nn.Sequential(nn.BatchNorm1d(1), nn.Linear(1, 2))
    forward = given(model)
    another_pass(forward, 10 + forward.batch.inputs)
    assert model[0].running_mean.item() == 0
    assert model[0].track_running_stats
    shifted, plain = (another_pass(forward, shift + forward.batch.inputs) for shift in (10, 0))
    torch.testing.assert_close(shifted, plain)


def test_it_is_of_another_model_where_one_is_given() -> None:
    one, other = nn.Linear(1, 2), nn.Linear(1, 2)
    forward = given(one)
    assert torch.equal(another_pass(forward, forward.batch.inputs, other), other(forward.batch.inputs))


def test_what_is_no_longer_logits_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^model: must return logits of shape \(B, 2\) always"):
        another_pass(given(nn.Linear(1, 3)), torch.zeros(3, 1))

from __future__ import annotations

import pytest
import torch
from torch import nn

from regbench.models.table_resnet import TableResNet
from regbench.regularizers.dropout import Dropout
from regbench.regularizers.stochastic_depth import StochasticDepth
from regbench.sites import select, sites
from regbench.streams import Clock, Stream


def make(width: int = 5, depth: int = 2, factor: float = 2.0, norm: str = "batch") -> TableResNet:
    return TableResNet((6,), 4, width, depth, factor, norm)  # type: ignore[arg-type]


def test_has_the_parameters_of_its_layers() -> None:
    block = (5 * 10 + 10) + (10 * 5 + 5) + 2 * 5
    expected = (6 * 5 + 5) + 2 * block + 2 * 5 + (5 * 4 + 4)
    assert sum(parameter.numel() for parameter in make().parameters()) == expected
    assert make()(torch.randn(7, 6)).shape == (7, 4)


def test_computes_what_the_paper_says() -> None:
    model = make(norm="layer").eval()
    rows = torch.randn(3, 6)
    stream = model.stem(rows)
    for block in model.blocks:
        body = block.branch.body
        scaled = nn.functional.layer_norm(stream, (5,), body.norm.body.weight, body.norm.body.bias)
        stream = stream + body.second(body.first(scaled).relu())
    last = nn.functional.layer_norm(stream, (5,), model.norm.body.weight, model.norm.body.bias)
    torch.testing.assert_close(model(rows), model.head(last.relu()))


def test_batches_are_normalized_before_each_block_and_the_head() -> None:
    assert [type(site.body) for _, site in sites(make(depth=3), "norm")] == [nn.BatchNorm1d] * 4


def test_a_branch_that_is_skipped_leaves_the_stream_alone() -> None:
    model = make(depth=1, norm="none")
    rows = torch.randn(4, 6)
    skipped = model.head(model.stem(rows).relu())
    for _, site in sites(model, "branch"):
        site.around.append(Skip())
    torch.testing.assert_close(model(rows), skipped)


class Skip(nn.Module):
    def forward(self, body: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
        return torch.zeros_like(inputs)


def test_noise_acts_within_the_blocks_and_before_the_head() -> None:
    model = make(depth=3)
    assert [site.shape for _, site in select(model, "hidden", "default")] == [(10,)] * 3 + [(5,)]
    for member in (Dropout(0.5, "inverted", "default"), StochasticDepth(0.5, "huang", "batch", "linear")):
        member.stream = Stream(0, "noise", Clock())
        member.prepare_model(model)
    model.train()
    rows = torch.randn(8, 6)
    assert not torch.equal(model(rows), model(rows))


@pytest.mark.parametrize(
    ("sizes", "text"),
    [
        ((0, 1, 2.0), "width must be at least 1, got 0"),
        ((1, 0, 2.0), "depth must be at least 1, got 0"),
        ((1, 1, 0.0), "hidden_factor must be above 0, got 0.0"),
    ],
)
def test_sizes_are_in_range(sizes: tuple[int, int, float], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        make(*sizes)

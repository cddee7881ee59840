"""Operations are counted as torch's own counter counts them, which imports much that a run does not need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode, flop_registry

from regbench.assembly.run import build_run
from regbench.training.flops import FORMULAS, FREE, TELLING, FlopCounter
from regbench.training.loop import train_step
from tests.conftest import reg_node, tiny


def both(act: Callable[[], Any]) -> tuple[int, int]:
    """The operations of what is done: as counted here, and by torch."""
    with FlopCounter() as ours:
        act()
    with FlopCounterMode(display=False) as torchs:
        act()
    return ours.total, torchs.get_total_flops()


def passes(module: nn.Module, *inputs: Tensor) -> Callable[[], None]:
    """A forward pass, and a backward one into weights and inputs."""

    def act() -> None:
        output = module(*inputs)
        (output[0] if isinstance(output, tuple) else output).square().sum().backward()

    return act


class Einsum(nn.Module):
    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.einsum("bij,bjk->bik", a, b) @ b.mT + torch.baddbmm(a, a, a.mT @ a)


class Attention(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(x, x, x)


def grown(*shape: int) -> Tensor:
    return torch.randn(*shape, requires_grad=True)


@pytest.mark.parametrize(
    ("module", "inputs"),
    [
        (nn.Linear(5, 7), [grown(3, 5)]),
        (nn.Linear(5, 7), [torch.randn(3, 5)]),  # whose gradient is not asked for
        (nn.Linear(5, 7, bias=False), [grown(3, 4, 5)]),
        (nn.Conv1d(4, 6, 3, stride=2), [grown(2, 4, 9)]),
        (nn.Conv2d(4, 6, 3, padding=1, groups=2, bias=False), [grown(2, 4, 5, 6)]),
        (nn.Conv2d(4, 6, 3, dilation=2), [torch.randn(2, 4, 9, 9)]),
        (nn.Conv3d(2, 3, 2), [grown(2, 2, 4, 4, 4)]),
        (nn.ConvTranspose2d(4, 6, 3, stride=2, groups=2), [grown(2, 4, 5, 6)]),
        (nn.LSTM(4, 5, num_layers=2, bidirectional=True), [grown(3, 2, 4)]),
        (nn.GRU(4, 5), [grown(3, 2, 4)]),
        (nn.Bilinear(3, 4, 5), [grown(2, 3), grown(2, 4)]),
        (nn.TransformerEncoderLayer(8, 2, 16), [grown(3, 2, 8)]),
        (Attention(), [grown(2, 2, 5, 4)]),
        (Einsum(), [grown(2, 3, 3), grown(2, 3, 3)]),
    ],
)
def test_layers_cost_what_torch_says(module: nn.Module, inputs: list[Tensor]) -> None:
    ours, torchs = both(passes(module, *inputs))
    assert ours == torchs


@pytest.mark.parametrize("model", ["mlp", "resnet", "transformer", "text"])
@pytest.mark.parametrize("member", ["", "sam", "dropconnect", "dropout", "confidence_penalty"])
def test_a_step_of_a_run_costs_what_torch_says(model: str, member: str) -> None:
    run = build_run(tiny(model, {member: reg_node(member)} if member else {}))
    ours, torchs = both(lambda: train_step(run, run.data.train[:8]))
    assert ours == torchs > 0


def test_without_gradients_composed_operations_are_taken_apart() -> None:
    layer, rows = nn.Linear(5, 7), torch.randn(3, 5)

    def act() -> None:
        with torch.inference_mode():
            layer(rows)

    assert both(act) == (2 * 3 * 5 * 7, 2 * 3 * 5 * 7)


def test_every_operation_of_torch_with_a_formula_is_known_here_or_left_to_torch() -> None:
    names = [packet.__name__ for packet in flop_registry if isinstance(packet, torch._ops.OpOverloadPacket)]
    assert len(names) > 15
    assert [
        name for name in names if name not in FORMULAS and not any(part in name for part in TELLING)
    ] == []
    assert not FREE & set(names)


def test_attention_on_a_gpu_costs_what_torchs_formulas_say() -> None:
    """By their own calls: there need be no GPU."""
    query, key, value, out = (torch.empty(2, 3, *size) for size in ((5, 4), (7, 4), (7, 6), (5, 6)))
    for name, given in [
        ("_scaled_dot_product_flash_attention", (query, key, value)),
        ("_scaled_dot_product_efficient_attention", (query, key, value, None, True)),
        ("_scaled_dot_product_cudnn_attention", (query, key, value, None, True)),
        ("_scaled_dot_product_flash_attention_backward", (out, query, key, value)),
        ("_scaled_dot_product_efficient_attention_backward", (out, query, key, value, None)),
        ("_scaled_dot_product_cudnn_attention_backward", (out, query, key, value)),
    ]:
        theirs = flop_registry[getattr(torch.ops.aten, name)]
        assert FORMULAS[name](out, *given) == theirs(*given, out_val=out) > 0


@torch.library.custom_op("regbench_tests::twice", mutates_args=())
def twice(x: Tensor) -> Tensor:
    return 2 * x


def test_an_operation_of_ones_own_costs_what_its_formula_says(monkeypatch: pytest.MonkeyPatch) -> None:
    packet = torch.ops.regbench_tests.twice
    monkeypatch.setitem(flop_registry, packet, lambda x, out_val: x.numel())
    assert both(lambda: packet(torch.ones(5))) == (5, 5)
    monkeypatch.setitem(flop_registry, torch.ops.aten.cos, lambda x, out_val: 3 * x.numel())
    assert both(lambda: torch.ones(5).cos()) == (15, 15)


def test_what_is_counted_leaves_the_results_as_they_are() -> None:
    torch.manual_seed(0)
    layer, rows = nn.Conv2d(2, 3, 3), torch.randn(2, 2, 5, 5)
    with FlopCounter():
        counted = layer(rows)
    assert torch.equal(counted, layer(rows))

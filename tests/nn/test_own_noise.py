"""Noise that models of others bring along: each form is seen, and switched off."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from regbench.nn.own_noise import own_noise, silence


class DropPath(nn.Module):
    def __init__(self, drop_prob: float) -> None:
        super().__init__()
        self.drop_prob = drop_prob


class StochasticDepth(nn.Module):
    def __init__(self, p: float) -> None:
        super().__init__()
        self.p, self.mode = p, "row"


class Functional(nn.Module):
    """Keeps a probability for F.dropout, as densenets and Hugging Face's attentions do."""

    def __init__(self, **rates: float) -> None:
        super().__init__()
        for name, value in rates.items():
            setattr(self, name, value)


class Configured(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.config = SimpleNamespace(hidden_dropout_prob=0.1, layerdrop=0.05, hidden_size=1.0, name="x")
        self.layer = nn.Dropout(0.1)


@pytest.mark.parametrize(
    ("module", "found"),
    [
        (nn.Dropout(0.3), ["the model (Dropout, p=0.3)"]),
        (nn.Dropout2d(0.2), ["the model (Dropout2d, p=0.2)"]),
        (nn.AlphaDropout(0.2), ["the model (AlphaDropout, p=0.2)"]),
        (DropPath(0.1), ["the model (DropPath, drop_prob=0.1)"]),
        (StochasticDepth(0.1), ["the model (StochasticDepth, p=0.1)"]),
        (nn.MultiheadAttention(4, 2, dropout=0.1), ["the model (MultiheadAttention, dropout=0.1)"]),
        (nn.LSTM(2, 2, 2, dropout=0.5), ["the model (LSTM, dropout=0.5)"]),
        (Functional(drop_rate=0.1), ["the model (Functional, drop_rate=0.1)"]),
        (Functional(attention_dropout=0.1), ["the model (Functional, attention_dropout=0.1)"]),
        (nn.Sequential(nn.Linear(1, 1), nn.Dropout(0.5)), ["1 (Dropout, p=0.5)"]),
        (
            Configured(),
            [
                "the model (SimpleNamespace, hidden_dropout_prob=0.1)",
                "the model (SimpleNamespace, layerdrop=0.05)",
                "layer (Dropout, p=0.1)",
            ],
        ),
        (nn.Dropout(1), ["the model (Dropout, p=1)"]),
        (nn.Dropout(0.0), []),
        (nn.LSTM(2, 2), []),
        (Functional(dropout=True), []),
        (Functional(p=0.5, momentum=0.1, raindrops=3.0), []),
    ],
)
def test_each_form_is_found_and_switched_off(module: nn.Module, found: list[str]) -> None:
    assert [str(rate) for rate in own_noise(module)] == found
    silence(module)
    assert own_noise(module) == []


def test_what_is_silenced_computes_the_same_twice_in_training() -> None:
    layer = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.5, batch_first=True)
    net, rows = nn.Sequential(layer, nn.Dropout(0.5)), torch.randn(2, 3, 4)

    def moved() -> Tensor:
        return (net(rows) - net(rows)).abs().max()

    assert moved() > 0
    silence(net)
    assert moved() == 0

"""Layers with the sites that follow them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

from torch import nn

from regbench.nn.norms import Norm, make_norm
from regbench.sites import Site


def named(parts: Mapping[str, nn.Module]) -> nn.Sequential:
    """The parts one after another, under their names."""
    return nn.Sequential(OrderedDict(parts))


def dense(inputs: int, outputs: int, norm: Norm) -> nn.Sequential:
    """Linear, norm site, hidden site (ReLU): (B, inputs) to (B, outputs)."""
    return named(
        {
            "linear": nn.Linear(inputs, outputs),
            "norm": Site("norm", (outputs,), body=make_norm(norm, (outputs,))),
            "hidden": Site("hidden", (outputs,), body=nn.ReLU()),
        }
    )


def conv(
    channels: int, shape: tuple[int, int, int], norm: Norm, stride: int = 1, kernel: int = 3
) -> dict[str, nn.Module]:
    """Convolution and norm site, to be put into a sequence.

    A normalization has a shift of its own, so the convolution has a bias only where there is none.

    Args:
        channels: channels of the input.
        shape: per-example shape (C, H, W) of the output.
        norm: what stands at the norm site.
        stride: the step in both directions.
        kernel: the side of the window, odd; padding keeps the map's size at stride 1.
    """
    bias = norm == "none"
    return {
        "conv": nn.Conv2d(channels, shape[0], kernel, stride, padding=kernel // 2, bias=bias),
        "norm": Site("norm", shape, body=make_norm(norm, shape)),
    }

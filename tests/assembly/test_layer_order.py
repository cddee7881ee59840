"""What counts as a layer, on networks whose layers can be told by looking at them."""

from __future__ import annotations

from collections import OrderedDict

import pytest
import torch
import torchvision
from torch import nn

from regbench.assembly.layer_order import layers_of
from regbench.assembly.run import build_run
from regbench.sites import Site
from tests.conftest import reg_node, tiny


def names(net: nn.Module) -> list[list[str]]:
    """Of each layer the paths of the modules whose parameters it has, shortened to two words."""
    called = {id(parameter): name for name, parameter in net.named_parameters()}
    return [
        list(OrderedDict.fromkeys(called[id(p)].rpartition(".")[0] for p in layer))
        for layer in layers_of(net)
    ]


def all_once(net: nn.Module) -> bool:
    held = [id(parameter) for layer in layers_of(net) for parameter in layer]
    return sorted(held) == sorted(id(parameter) for parameter in net.parameters())


def test_a_normalization_belongs_to_the_layer_before_it_and_to_the_first_where_none_is() -> None:
    net = nn.Sequential(
        nn.BatchNorm1d(4),
        nn.Linear(4, 4),
        nn.LayerNorm(4),
        nn.ReLU(),
        nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2)),
    )
    assert names(net) == [["0", "1", "2"], ["4.0"], ["4.1"]]


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.zeros(1, 4))
        self.blocks = nn.ModuleList([Block(), Block(), Block()])
        self.norm = nn.LayerNorm(4)


class Whole(nn.Module):
    """As those of transformers: a body in a module of its own, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(5, 4)
        self.encoder = Encoder()
        self.head = nn.Linear(4, 2)


def test_a_body_of_blocks_is_opened_and_a_block_is_not() -> None:
    assert names(Whole()) == [
        ["embedding"],
        ["encoder", "encoder.blocks.0.inner.0", "encoder.blocks.0.inner.1"],
        ["encoder.blocks.1.inner.0", "encoder.blocks.1.inner.1"],
        ["encoder.blocks.2.inner.0", "encoder.blocks.2.inner.1", "encoder.norm"],
        ["head"],
    ]


def test_a_tied_tensor_belongs_to_its_first_place() -> None:
    net = Whole()
    net.head = nn.Linear(4, 5)
    net.head.weight = net.embedding.weight
    assert names(net)[0] == ["embedding"]
    assert [len(layer) for layer in layers_of(net)] == [1, 5, 4, 7], "a bias alone is with the layer before"
    assert all_once(net)


def test_what_stands_at_a_site_counts_as_if_it_stood_there_alone() -> None:
    net = nn.Sequential(*(Site("branch", (4,), body=Block()) for _ in range(2)), nn.Linear(4, 2))
    net[1].after.append(nn.Linear(4, 4))
    assert names(net) == [
        ["0.body.inner.0", "0.body.inner.1"],
        ["1.body.inner.0", "1.body.inner.1", "1.after.0"],
        ["2"],
    ]


@pytest.mark.parametrize(
    ("make", "count"),
    [
        (lambda: torchvision.models.resnet18(num_classes=3), 1 + 8 + 1),  # stem, blocks, head
        (lambda: torchvision.models.vit_b_16(num_classes=3, image_size=32), 1 + 12 + 1),
        (lambda: torchvision.models.convnext_tiny(num_classes=3), 1 + 18 + 3 + 1),  # and three that halve
        (lambda: torchvision.models.efficientnet_b0(num_classes=3), 1 + 16 + 1 + 1),  # and a last convolution
        (lambda: torchvision.models.densenet121(num_classes=3), 1 + 58 + 3 + 1),  # and three that halve
    ],
    ids=["resnet18", "vit", "convnext", "efficientnet", "densenet"],
)
def test_the_layers_of_well_known_networks(make: object, count: int) -> None:
    with torch.device("meta"):
        net = make()  # type: ignore[operator]
    assert len(layers_of(net)) == count
    assert all_once(net)


@pytest.mark.parametrize(("family", "count"), [("mlp", 3), ("resnet", 5), ("transformer", 4), ("text", 3)])
def test_the_layers_of_our_own_with_members_in_them(family: str, count: int) -> None:
    for reg in ({}, {"layer_norm": reg_node("layer_norm")}):
        if not (reg and family in ("text", "transformer")):
            net = build_run(tiny(family, reg)).model.net
            assert len(layers_of(net)) == count
            assert all_once(net)

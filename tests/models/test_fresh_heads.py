"""A head that is new beside pretrained weights says so, for members that pull to where a model begins."""

from __future__ import annotations

from typing import Any

import pytest
import torchvision

from regbench.models.timm import timm_model
from regbench.models.torchvision import torchvision_model
from regbench.weights import fresh_weights


def without_download(make: Any) -> Any:
    """The same model, without the pretrained weights that would be downloaded."""

    def made(name: str, weights: Any = None, pretrained: bool = False, **given: Any) -> Any:
        return make(name, **given)

    return made


def test_of_torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torchvision.models, "get_model", without_download(torchvision.models.get_model))
    net: Any = torchvision_model((3, 32, 32), 5, "resnet18", pretrained=True)
    assert [id(one) for one in fresh_weights(net)] == [id(net.fc.weight), id(net.fc.bias)]
    assert fresh_weights(torchvision_model((3, 32, 32), 5, "resnet18")) == []


def test_of_timm_unless_it_is_the_pretrained_one(monkeypatch: pytest.MonkeyPatch) -> None:
    timm = pytest.importorskip("timm")
    monkeypatch.setattr(timm, "create_model", without_download(timm.create_model))
    net: Any = timm_model((3, 32, 32), 5, "resnet10t", pretrained=True)
    assert [id(one) for one in fresh_weights(net)] == [id(net.fc.weight), id(net.fc.bias)]
    assert fresh_weights(timm_model((3, 32, 32), 1000, "resnet10t", pretrained=True)) == []
    assert fresh_weights(timm_model((3, 32, 32), 5, "resnet10t")) == []

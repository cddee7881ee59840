"""Models of torchvision and timm by their names."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from regbench.errors import ConfigError
from regbench.models.timm import timm_model
from regbench.models.torchvision import torchvision_model
from tests import processes

SHAPES = [(1, 8, 8), (3, 32, 32), (1, 28, 28), (3, 64, 64)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["mobilenet_v3_small", "resnet18"])
def test_torchvisions_take_images_of_any_size_and_return_logits(name: str, shape: tuple[int, ...]) -> None:
    net = torchvision_model(shape, 7, name).eval()
    with torch.no_grad():
        assert net(torch.randn(2, *shape)).shape == (2, 7)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["resnet18", "vit_tiny_patch16_224", "convnext_atto"])
def test_timms_too(name: str, shape: tuple[int, ...]) -> None:
    net = timm_model(shape, 7, name).eval()
    with torch.no_grad():
        assert net(torch.randn(2, *shape)).shape == (2, 7)


@pytest.mark.long
def test_those_of_patches_are_made_for_as_many() -> None:
    for net in (torchvision_model((1, 8, 8), 7, "vit_b_32"), timm_model((1, 8, 8), 7, "mixer_s32_224")):
        with torch.no_grad():
            assert net.eval()(torch.randn(2, 1, 8, 8)).shape == (2, 7)


def test_on_small_images_a_residual_network_has_the_stem_of_cifars() -> None:
    net = torchvision_model((3, 32, 32), 10, "resnet18")
    assert (net.conv1.kernel_size, net.conv1.stride) == ((3, 3), (1, 1))
    assert isinstance(net.maxpool, torch.nn.Identity)
    assert net.layer2[0].conv1.stride == (2, 2)
    kept = torchvision_model((3, 32, 32), 10, "resnet18", stem="keep")
    assert (kept.conv1.kernel_size, kept.conv1.stride) == ((7, 7), (2, 2))


def test_what_a_models_own_function_takes_is_passed_on() -> None:
    net = torchvision_model((3, 32, 32), 10, "resnet18", norm_layer=torch.nn.Identity)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in net.modules())
    assert len(timm_model((1, 8, 8), 7, "vit_tiny_patch16_224", depth=3).blocks) == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            "model=torchvision model.name=resnt18",
            "model.name: must be a model of torchvision, got 'resnt18'; did you mean 'resnet18'?",
        ),
        (
            "model=timm model.name=resnt18",
            "model.name: must be a model of timm, got 'resnt18'; did you mean 'resnet18'?",
        ),
        ("model=torchvision model.stem=small", "model.stem: must be one of auto, keep, got 'small'"),
        (
            "model=torchvision +model.wdith=3",
            "model: ResNet.__init__() got an unexpected keyword argument 'wdith'",
        ),
        ("model=torchvision model.pretrained=yes", "model.pretrained: must be true or false, got 'yes'"),
    ],
)
def test_a_mistake_is_one_sentence(words: str, said: str, tmp_path: Path) -> None:
    ended = processes.run("train", *words.split(), cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (2, f"regbench: {said}\n")


@pytest.mark.parametrize("make", [torchvision_model, timm_model])
def test_text_is_refused(make: object) -> None:
    with pytest.raises(ValueError, match=r"^name=resnet18 takes images, got a text dataset$"):
        make((16,), 2, "resnet18", vocabulary=9)  # type: ignore[operator]


def test_without_timm_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ConfigError, match=r"^model=timm needs timm; type pip install 'regbench\[timm\]'$"):
        timm_model((3, 32, 32), 10, "resnet18")

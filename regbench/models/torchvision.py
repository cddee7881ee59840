"""Models of torchvision, adapted to the data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torchvision
from torch import nn

from regbench.errors import nearest
from regbench.nn.checks import require_image
from regbench.nn.small_inputs import (
    patch_projection,
    smaller_patch,
    with_channels,
    with_larger_maps,
    with_patches,
)
from regbench.weights import mark_fresh

Stem = Literal["auto", "keep"]
ADAPTING = ("in_shape", "vocabulary", "pretrained", "stem")  # what torchvision's own functions do not take


def torchvision_model(
    in_shape: Sequence[int],
    num_classes: int,
    name: str,
    pretrained: bool = False,
    stem: Stem = "auto",
    **more: Any,
) -> nn.Module:
    """Make a classifier of torchvision for these images and classes.

    Source: https://docs.pytorch.org/vision/stable/models.html#classification

    Args:
        in_shape: (channels, height, width) of an input.
        num_classes: C; the logits are (B, C).
        name: as in `torchvision.models.list_models()`.
        pretrained: whether to begin with its best weights on ImageNet, which are downloaded; the head is new.
        stem: auto adapts what comes first to small images, where nothing is pretrained; keep leaves it.
        more: what its own function takes beside.

    Raises:
        ValueError: there is no such model, or the inputs are no images.
    """
    if more.pop("vocabulary", None) is not None:
        raise ValueError(f"name={name} takes images, got a text dataset")
    image = require_image(in_shape)
    known = torchvision.models.list_models(module=torchvision.models)
    if name not in known:
        raise ValueError(f"name must be a model of torchvision, got {name!r}{nearest(name, known)}")
    small = stem == "auto" and not pretrained
    if name.startswith("vit_"):
        return _transformer(name, image, num_classes, pretrained, small, more)
    net = _made(name, num_classes, pretrained, more)
    with_channels(net, image[0], pretrained)
    if small:
        with_larger_maps(net, image)
    return net


def _made(name: str, num_classes: int, pretrained: bool, more: dict[str, Any]) -> nn.Module:
    if not pretrained:
        return torchvision.models.get_model(name, num_classes=num_classes, **more)
    net = torchvision.models.get_model(name, weights="DEFAULT", **more)
    found = [(path, module) for path, module in net.named_modules() if isinstance(module, nn.Linear)]
    path, head = found[-1]
    parent, _, own = path.rpartition(".")
    new = nn.Linear(head.in_features, num_classes)
    mark_fresh(new)
    setattr(net.get_submodule(parent), own, new)
    return net


def _transformer(
    name: str,
    image: tuple[int, int, int],
    num_classes: int,
    pretrained: bool,
    small: bool,
    more: dict[str, Any],
) -> nn.Module:
    """A vision transformer, which is made for images of one size: that, and its patches, are the data's."""
    channels, side, _ = image
    whole = int(name.rpartition("_")[2])  # the side of its patches
    patch = smaller_patch(image, whole) if small else whole
    if image[1] != image[2] or side % patch:
        raise ValueError(f"name={name} takes square images of a multiple of {patch} pixels, got {image}")
    if pretrained:
        net: Any = _made(name, num_classes, True, more)
    else:
        net = _made(name, num_classes, False, {"image_size": side // patch * whole, **more})
        net.image_size, net.patch_size = side, patch
    if patch != whole and patch_projection(net):
        with_patches(net, patch, channels)
    with_channels(net, channels, pretrained)
    return net


def plain_call(num_classes: int, name: str, **values: Any) -> dict[str, Any]:
    """The call of torchvision that makes the same model, if nothing of it was adapted.

    Args:
        num_classes: C.
        name: of the model.
        values: what `torchvision_model` was given beside.
    """
    more = {key: value for key, value in values.items() if key not in ADAPTING}
    return {"_target_": "torchvision.models.get_model", "name": name, "num_classes": num_classes, **more}

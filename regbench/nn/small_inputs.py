"""Networks written for images of 224 pixels, adapted to small ones and to other numbers of channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

WRITTEN_FOR = 224  # pixels, the side of the images of ImageNet's networks
FEWEST = 4  # pixels, the side of the last map: what CIFAR's residual networks have before their last pooling
MOST_PATCHES = 64
PATCH = 8  # a convolution whose side is its stride, and that long, cuts patches of an image
Reducing = nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d


@dataclass
class Step:
    """A module that makes maps smaller: its path, and the side of its inputs and outputs in pixels."""

    path: str
    before: int
    after: int


def patch_projection(net: nn.Module) -> tuple[str, nn.Conv2d] | None:
    """The convolution by which a network cuts an image into patches; None where it cuts none."""
    for path, module in net.named_modules():
        if isinstance(module, nn.Conv2d):
            side = module.stride[0]
            return (path, module) if module.kernel_size == module.stride and side >= PATCH else None
    return None


def smaller_patch(in_shape: Sequence[int], patch: int) -> int:
    """The side of patches for an image: the smallest from 2 on that leaves at most 64, and none larger."""
    _, height, width = in_shape
    sides = [side for side in range(2, patch + 1) if height % side == width % side == 0]
    few = (side for side in sides if (height // side) * (width // side) <= MOST_PATCHES)
    return next(few, patch)


def with_patches(net: nn.Module, patch: int, channels: int) -> None:
    """Cut patches of this side, from images with so many channels, in place."""
    found = patch_projection(net)
    if found is not None:
        path, old = found
        _replace(net, path, _convolution(old, channels, kernel=patch, stride=patch, padding=0))


def with_channels(net: nn.Module, channels: int, pretrained: bool) -> None:
    """Let the first convolution take so many channels, in place.

    Args:
        net: whose first convolution sees the image.
        channels: of the image.
        pretrained: whether the new weights are the mean of the old ones over their channels, each taking its
            share.
    """
    found = next(((n, m) for n, m in net.named_modules() if isinstance(m, nn.Conv2d)), None)
    if found is None or found[1].in_channels == channels:
        return
    path, old = found
    new = _convolution(old, channels)
    if pretrained:
        with torch.no_grad():
            mean = old.weight.mean(1, keepdim=True) * old.in_channels / channels
            new.weight.copy_(mean.expand_as(new.weight))
            if new.bias is not None and old.bias is not None:
                new.bias.copy_(old.bias)
    _replace(net, path, new)


def with_larger_maps(net: nn.Module, in_shape: Sequence[int]) -> None:
    """Leave out the first steps that make maps smaller, in place, until the last maps have 4x4 pixels.

    A convolution gets stride 1, and the size 3x3 where another would not keep the size of its maps or was the
    first of a network, and larger; a pooling is left out. Of modules that make maps of one size smaller,
    side by side as in a residual block, all are changed.

    Args:
        net: that takes images of 224 pixels too; another is left alone.
        in_shape: (channels, height, width) of the images.
    """
    steps = _steps(net, in_shape[0])
    sides = sorted({step.before for step in steps}, reverse=True)
    shortest = min(in_shape[1:])
    for number, side in enumerate(sides):
        level = [step for step in steps if step.before == side]
        if -(-shortest // _product(steps, sides[number:])) >= FEWEST:
            return
        for step in level:
            _keep_size(net, step.path, first=number == 0)


def _product(steps: Sequence[Step], sides: Sequence[int]) -> int:
    """By how much all steps from these sides on make maps smaller together."""
    last = min((step.after for step in steps if step.before in sides), default=1)
    return round(sides[0] / last)


def _keep_size(net: nn.Module, path: str, first: bool) -> None:
    old = net.get_submodule(path)
    if not isinstance(old, nn.Conv2d):
        _replace(net, path, nn.Identity())
        return
    kernel, dilated = old.kernel_size[0], old.dilation[0] * (old.kernel_size[0] - 1)
    keeps = old.kernel_size[0] == old.kernel_size[1] and old.padding == (dilated // 2, dilated // 2)
    if (keeps and dilated % 2 == 0 and not (first and kernel > 3)) or type(old) is not nn.Conv2d:
        old.stride = (1, 1)
        return
    _replace(net, path, _convolution(old, old.in_channels, kernel=3, stride=1, padding=1))


def _convolution(old: nn.Conv2d, channels: int, **sizes: int) -> nn.Conv2d:
    """A convolution like another one, with other sizes, and weights drawn as torch draws them."""
    kernel = sizes.get("kernel", old.kernel_size)
    stride, padding = sizes.get("stride", old.stride), sizes.get("padding", old.padding)
    return nn.Conv2d(
        channels,
        old.out_channels,
        kernel,  # type: ignore[arg-type]
        stride,  # type: ignore[arg-type]
        padding,  # type: ignore[arg-type]
        groups=old.groups,
        bias=old.bias is not None,
        device=old.weight.device,
    )


def _replace(net: nn.Module, path: str, new: nn.Module) -> None:
    parent, _, name = path.rpartition(".")
    setattr(net.get_submodule(parent), name, new)


def _steps(net: nn.Module, channels: int) -> list[Step]:
    """What makes maps smaller on an image of 224 pixels, in the order of calls; nothing where it fails."""
    found: list[Step] = []
    handles = []

    def look(path: str) -> Any:
        def hook(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
            before, after = inputs[0].shape[-1], output.shape[-1]
            if after < before and all(step.path != path for step in found):
                found.append(Step(path, before, after))

        return hook

    for path, module in net.named_modules():
        if isinstance(module, Reducing):
            handles.append(module.register_forward_hook(look(path)))
    try:
        with torch.no_grad():
            net.eval()(torch.zeros(1, channels, WRITTEN_FOR, WRITTEN_FOR))
    except RuntimeError:
        return []
    finally:
        net.train()
        for handle in handles:
            handle.remove()
    return found

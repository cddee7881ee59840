"""Families of models of torchvision and timm, cut to sizes that train in milliseconds."""

from __future__ import annotations

from typing import Any

import timm
from timm.models.convnext import ConvNeXt
from timm.models.mlp_mixer import MlpMixer
from timm.models.resnet import BasicBlock, ResNet
from torch import nn
from torchvision.models.efficientnet import EfficientNet, MBConvConfig
from torchvision.models.vision_transformer import VisionTransformer


def resnet18(in_shape: Any, num_classes: int) -> nn.Module:
    """Of timm, with few channels."""
    return ResNet(
        BasicBlock, [2, 2, 2, 2], num_classes, in_shape[0], channels=(4, 8, 8, 16), replace_stem_pool=True
    )


def convnext(in_shape: Any, num_classes: int) -> nn.Module:
    """Of timm, two stages."""
    return ConvNeXt(
        in_shape[0], num_classes, depths=(1, 1, 1, 1), dims=(8, 8, 16, 16), patch_size=in_shape[1] // 8
    )


def vit(in_shape: Any, num_classes: int) -> nn.Module:
    """Of timm, two blocks."""
    name, patch = "vit_tiny_patch16_224", in_shape[1] // 4
    return timm.create_model(
        name,
        img_size=in_shape[1],
        patch_size=patch,
        in_chans=in_shape[0],
        embed_dim=16,
        num_heads=2,
        depth=2,
        num_classes=num_classes,
    )


def torchvision_vit(in_shape: Any, num_classes: int) -> nn.Module:
    """Of torchvision, two blocks, whose attention is torch's; images of three channels alone."""
    patch = in_shape[1] // 4
    net = VisionTransformer(in_shape[1], patch, 2, 2, 16, 32, num_classes=num_classes)
    net.conv_proj = nn.Conv2d(in_shape[0], 16, patch, patch)
    nn.init.normal_(net.heads.head.weight, std=0.02)  # torchvision begins with zeros
    return net


def efficientnet(in_shape: Any, num_classes: int) -> nn.Module:
    """Of torchvision, two stages."""
    stages = [MBConvConfig(1, 3, 1, 8, 8, 2, 1.0, 1.0), MBConvConfig(2, 3, 2, 8, 16, 2, 1.0, 1.0)]
    net = EfficientNet(stages, dropout=0.2, num_classes=num_classes, last_channel=32)
    net.features[0][0] = nn.Conv2d(in_shape[0], 8, 3, 1, 1, bias=False)
    return net


def mixer(in_shape: Any, num_classes: int) -> nn.Module:
    """Of timm, two blocks."""
    return MlpMixer(
        num_classes, in_shape[1], in_shape[0], patch_size=in_shape[1] // 4, num_blocks=2, embed_dim=16
    )


FAMILIES = ["resnet18", "vit", "convnext", "efficientnet", "mixer"]

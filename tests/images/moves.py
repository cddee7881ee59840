"""Shears and shifts by torchvision."""

import math

from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as vision

BILINEAR = InterpolationMode.BILINEAR


def shear(image: Tensor, x: float = 0.0, y: float = 0.0) -> Tensor:
    angles = [math.degrees(math.atan(x)), math.degrees(math.atan(y))]
    return vision.affine(
        image, angle=0, translate=[0, 0], scale=1, shear=angles, center=[0, 0], interpolation=BILINEAR
    )


def shift(image: Tensor, x: int = 0, y: int = 0) -> Tensor:
    return vision.affine(image, angle=0, translate=[x, y], scale=1, shear=[0, 0])

"""What inputs are, told once for batches and splits."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from regbench.images.checks import require_images
from regbench.nn.checks import require_mixable
from regbench.types import Batch, Split


@pytest.mark.parametrize(
    ("inputs", "images", "mixable"),
    [
        (torch.zeros(2, 1, 3, 3), True, True),
        (torch.zeros(2, 3, 4, 4, dtype=torch.uint8), True, True),
        (torch.zeros(2, 5), False, True),
        (torch.zeros(2, 5, dtype=torch.long), False, False),
    ],
)
def test_a_split_is_what_its_batches_are(inputs: Tensor, images: bool, mixable: bool) -> None:
    split = Split(inputs, torch.zeros(2, dtype=torch.long), 2)
    rows: list[Batch | Split] = [split, split[slice(0, 2)]]
    for found in rows:
        assert (found.is_images, found.mixable) == (images, mixable)
        if images:
            require_images(found)
        else:
            with pytest.raises(
                ValueError, match=r"^inputs must be images of shape \(B, C, H, W\), got \(2, 5\)$"
            ):
                require_images(found)
        if mixable:
            require_mixable(found, "mixup")
        else:
            with pytest.raises(ValueError, match=r"^mixup needs float inputs, got torch\.int64$"):
                require_mixable(found, "mixup")

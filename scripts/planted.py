"""A dataset on which a technique is known to help: digits at random places of a larger canvas.

Training on few of them, a model that knows nothing of places gains from seeing its rows moved about
(`translation`), by how the rows were made. `scripts/search_proofs` searches on it.
"""

from __future__ import annotations

import torch
from sklearn.datasets import load_digits
from torch import Tensor
from torch.utils.data import Dataset

SIDE = 11  # of the canvas; a digit has 8


class MovedDigits(Dataset[tuple[Tensor, int]]):
    """The 1,797 digits of scikit-learn, each 8 x 8, at a place of a black canvas that its row decides.

    Args:
        side: of the canvas, in pixels, above 8.
    """

    def __init__(self, side: int = SIDE) -> None:
        images, labels = load_digits(return_X_y=True)
        generator = torch.Generator().manual_seed(0)
        places = torch.randint(side - 7, (len(images), 2), generator=generator)
        self._images = torch.zeros(len(images), 1, side, side)
        for row, (down, right) in enumerate(places.tolist()):
            pixels = torch.tensor(images[row], dtype=torch.float32).reshape(8, 8) / 16
            self._images[row, 0, down : down + 8, right : right + 8] = pixels
        self.targets = labels.tolist()
        self.classes = [str(digit) for digit in range(10)]

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        return self._images[row], self.targets[row]

"""The rows of a torch Dataset, checked one by one and read into memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from regbench.data.image_files.pixels import eight_bits
from regbench.data.keeping import COPIES, Keeping
from regbench.data.map_labels import Label, label_of
from regbench.data.memory import require_memory
from regbench.data.person_code import in_a_sentence
from regbench.data.stored_rows import Store
from regbench.terminal.bar import numbers

AGAIN = 32  # rows that are read twice, to see whether they are the same
LARGE = 2**24  # bytes of a row for which it is looked whether it fits into memory


@dataclass(frozen=True)
class Rows:
    """What was read.

    Attributes:
        store: inputs (N, ...), uint8 or float32.
        labels: N numbers or names of classes, or N times one or more numbers to predict.
    """

    store: Store
    labels: Sequence[Label]

    @property
    def inputs(self) -> Tensor:
        return self.store.values


def read_rows(dataset: Any, split: str, keeping: Keeping) -> Rows:
    """Read all rows, once, and a few of them again.

    Args:
        dataset: has rows by number.
        split: what they are called.
        keeping: where they are put.

    Raises:
        ValueError: a row is no pair of input and label, differs in shape or type from the first, holds NaN or
            infinity, or is another one when it is read again; or the rows do not fit where they are put.
    """
    number = _length(dataset)
    first, _ = _row(dataset, 0, split)
    what = f"{number} {split} rows of {tuple(first.shape)}"
    inputs = keeping.blank((number, *first.shape), first.dtype, what)
    labels: list[Label] = []
    for row in numbers(number, f"reading {split} rows"):
        value, label = _row(dataset, row, split)
        _require_like(value, first, f"{split} row {row}")
        inputs[row] = value
        labels.append(label)
    for row in sorted({round(place) for place in np.linspace(0, number - 1, AGAIN)}):
        value, label = _row(dataset, row, split)
        if label != labels[row] or value.shape != first.shape or not torch.equal(value, inputs[row]):
            raise ValueError(
                f"{split} row {row} must be the same whenever it is read, got another one the second time; "
                "leave out random transforms, and add regularizers such as flip_crop"
            )
    return Rows(Store(inputs), labels)


def _length(dataset: Any) -> int:
    name = type(dataset).__name__
    if not hasattr(dataset, "__len__"):
        raise ValueError(f"{name} must have __len__ and __getitem__, got no __len__")
    with in_a_sentence(f"{name}.__len__"):
        number = len(dataset)
    if number == 0:
        raise ValueError(f"{name} must have rows, got none")
    return number


def _row(dataset: Any, row: int, split: str) -> tuple[Tensor, Label]:
    what = f"{split} row {row}"
    with in_a_sentence(what):
        pair = dataset[row]
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        got = f"{type(pair).__name__} of {len(pair)}" if hasattr(pair, "__len__") else type(pair).__name__
        raise ValueError(f"{what} must be a pair of input and label, got a {got}")
    value = input_of(pair[0], what)
    if value.nbytes > LARGE:
        require_memory(value.nbytes * COPIES, f"{what} of {tuple(value.shape)}")
    if value.is_floating_point() and not value.isfinite().all():
        raise ValueError(f"{what} must hold finite numbers, got {value[~value.isfinite()][0].item()}")
    return value, label_of(pair[1], what)


def input_of(value: Any, what: str) -> Tensor:
    """An input as a tensor: an image as (C, H, W) with C 1 or 3, other numbers in their own shape.

    An array (H, W) has one channel; a NumPy array whose last axis is 1 or 3 long is (H, W, C), as torchvision
    has it; a tensor is taken as it is. Floats become float32.

    Raises:
        ValueError: it is neither an image nor uint8 nor floats.
    """
    from PIL import Image

    if isinstance(value, Image.Image):
        colours = value.mode not in ("1", "L", "LA", "F") and not value.mode.startswith("I")
        with in_a_sentence(what):
            plain = eight_bits(value)[0].convert("RGB" if colours else "L")
        value = np.array(plain).reshape(value.height, value.width, 3 if colours else 1)
    if isinstance(value, np.ndarray):
        turned = value.ndim == 3 and value.shape[2] in (1, 3)
        with in_a_sentence(what):
            value = torch.tensor(value.transpose(2, 0, 1) if turned else value)
    if not isinstance(value, Tensor):
        raise ValueError(f"{what} must hold an image, a tensor or an array, got a {type(value).__name__}")
    if value.layout != torch.strided or value.is_meta or value.is_quantized:
        raise ValueError(f"{what} must hold a dense tensor with values, got {_layout(value)}")
    if value.dtype != torch.uint8 and not value.is_floating_point():
        raise ValueError(f"{what} must hold uint8 pixels or floats, got {str(value.dtype).split('.')[-1]}")
    if value.numel() == 0 or value.ndim == 0:
        raise ValueError(f"{what} must hold numbers, got the shape {tuple(value.shape)}")
    value = value.detach().cpu()
    value = value if value.dtype == torch.uint8 else value.float()
    return value.unsqueeze(0) if value.ndim == 2 else value


def _layout(value: Tensor) -> str:
    odd = "meta" if value.is_meta else "quantized" if value.is_quantized else str(value.layout).split(".")[-1]
    return f"one that is {odd}"


def _require_like(value: Tensor, first: Tensor, what: str) -> None:
    if value.dtype != first.dtype:
        raise ValueError(f"{what} must be {first.dtype} as row 0 is, got {value.dtype}")
    if value.shape != first.shape:
        same_size = value.shape[1:] == first.shape[1:]
        cure = "Grayscale" if same_size else "Resize([32, 32])"
        raise ValueError(
            f"{what} must have the shape {tuple(first.shape)} of row 0, got {tuple(value.shape)}; "
            f"a transform such as torchvision's {cure} makes them alike"
        )

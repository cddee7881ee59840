"""What stands before a model and its rows: the standardization, and the datasets of the catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from regbench.assembly.data import load_data
from regbench.composition.named_option import named_option
from regbench.library.rows import Rows, columns
from regbench.nn.normalization import Normalization, Normalized
from regbench.types import Dataset, Split


def normalized(model: nn.Module, train: Rows) -> nn.Module:
    """A model behind the standardization of its inputs per channel, by mean and deviation of the train rows.

    So that members see images in [0, 1], as augmentations need them, and the model standardized ones; put
    the transform that standardizes out of the dataset.

    Args:
        model: takes standardized inputs (B, C, ...).
        train: rows of floats, or of bytes, which are pixels; as for `Stack.apply`.

    Raises:
        ConfigError: the rows cannot be read.
    """
    if not isinstance(train, Split):
        inputs, _ = columns(train, "train")
        train = Split(inputs, torch.zeros(len(inputs), dtype=torch.int64), 1)  # its labels are not asked for
    return Normalized(Normalization.of(train), model)


def dataset(name: str, *, config_dir: str | Path | None = None, **values: Any) -> Dataset:
    """A dataset by its name (`regbench list dataset`), cut into train, select and val as in `regbench train`.

    Args:
        name: of the option.
        config_dir: a folder of further options.
        **values: that count before those of its file, such as num_train=500, split_seed=1 or root.

    Raises:
        ConfigError: there is no such dataset, or it cannot be read.
    """
    return load_data(named_option("dataset", name, values, config_dir))

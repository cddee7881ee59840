"""What a person may type where a model and a dataset do not fit: found by trying."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd

from regbench.composition.settings import Config
from regbench.errors import ConfigError
from regbench.instantiation.boundary import refusing
from regbench.instantiation.locating import locate
from regbench.instantiation.signatures import takes
from regbench.nn.logits import checked_logits
from regbench.types import Dataset

# what others' models call the channels of an image, the length of its side, and the number of classes
CHANNELS = ("in_chans", "in_channels", "num_channels", "channels", "input_channels")
SIDES = ("image_size", "img_size", "input_size")
CLASSES = ("num_labels", "n_classes", "num_class", "nb_classes", "num_outputs", "out_features", "out_dim")
LARGER = (32, 64, 96, 128, 224, 299)  # sides that models of images are written for
Fits = Callable[[Config], None]


def remedy(complaint: str, node: Config, dataset: Config, data: Dataset, net: nn.Module, fits: Fits) -> str:
    """The end of a sentence that says which words would make a model fit its data; empty where none is known.

    Args:
        complaint: why it does not fit.
        node: the model's part of the configuration.
        dataset: the dataset's, whose `channels` and `size` may be set where it has them.
        data: the dataset itself.
        net: the model that does not fit.
        fits: makes the model with some more values and tries it, or raises a ConfigError.
    """
    found = _words_of_model(complaint, node, data, fits)
    if not found and complaint.startswith("model: must take"):
        found = _words_of_dataset(dataset, data, net)
    if found:
        return f"; type {' '.join(found)}"
    first = next((m for m in net.modules() if isinstance(m, _ConvNd)), None)
    if first is None or len(data.in_shape) != 3 or first.in_channels == data.in_shape[0]:
        return ""
    return (
        f"; its first convolution takes {first.in_channels} channels and the dataset has {data.in_shape[0]}: "
        "take another dataset, or put the model in a module of your own"
    )


def _words_of_model(complaint: str, node: Config, data: Dataset, fits: Fits) -> list[str]:
    """Values of its own under which it fits; a word that only gets it further is kept for the next."""
    target = locate(node["_target_"], "model")
    wanted = [(word, data.num_classes) for word in CLASSES]
    if len(data.in_shape) == 3:
        wanted += [(word, data.in_shape[-1]) for word in SIDES]  # which models compare before they compute
        wanted += [(word, data.in_shape[0]) for word in CHANNELS]
    kept: dict[str, int] = {}
    for word, value in wanted:
        if node.get(word) == value or not takes(target, word):
            continue
        try:
            fits({**kept, word: value})
        except ConfigError as error:
            if str(error) != complaint and str(error).startswith("model: must"):  # it was made, and tried
                complaint, kept = str(error), {**kept, word: value}
        else:
            return [f"{'' if w in node else '+'}model.{w}={v}" for w, v in [*kept.items(), (word, value)]]
    return []


def _words_of_dataset(dataset: Config, data: Dataset, net: nn.Module) -> list[str]:
    """Values of the dataset under which the model, as it is, takes its images."""
    if len(data.in_shape) != 3:
        return []
    channels, side, _ = data.in_shape
    others = (channels, 3, 1) if "channels" in dataset else (channels,)
    larger = (side, *(other for other in LARGER if other > side)) if "size" in dataset else (side,)
    for size, of in product(larger, others):
        if (of, size) != (channels, side) and _runs(net, (of, size, size), data):
            words = [("channels", of, channels), ("size", size, side)]
            return [f"dataset.{word}={value}" for word, value, now in words if value != now]
    return []


@torch.no_grad()
def _runs(net: nn.Module, shape: tuple[int, ...], data: Dataset) -> bool:
    try:
        with refusing("model: "):
            for training in (False, True):
                output = net.train(training)(torch.zeros(2, *shape))
                checked_logits(output, 2, data.num_classes, data.task.returned)
    except ConfigError:
        return False
    return True

"""A training loop as one would write it by hand."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F

from regbench.training.loop import Run


def bare_loop(run: Run, augment: bool) -> Iterator[None]:
    """The steps of a run's model over its train rows, epoch after epoch, without end.

    Args:
        run: of which model, rows, batch size and learning rate are used.
        augment: flip and crop each image, at random.
    """
    model, (inputs, labels) = run.model, (run.data.train.inputs, run.data.train.labels)
    optimizer = torch.optim.SGD(model.parameters(), lr=run.lr, momentum=0.9, nesterov=True)
    steps = run.epochs * math.ceil(len(labels) / run.batch_size)
    step = 0
    model.train()
    while True:
        for rows in torch.randperm(len(labels), device=labels.device).split(run.batch_size):
            for group in optimizer.param_groups:
                group["lr"] = run.lr * (1 + math.cos(math.pi * step / steps)) / 2
            shown = inputs[rows]
            if shown.dtype == torch.uint8:
                shown = shown.float().div_(255)
            if augment:
                shown = flip_and_crop(shown)
            optimizer.zero_grad()
            with run.autocast():
                loss = F.cross_entropy(model(shown), labels[rows])
            loss.backward()
            optimizer.step()
            step += 1
            yield


def flip_and_crop(images: torch.Tensor, pad: int = 2) -> torch.Tensor:
    """One flip and one crop drawn for each image, without a Python loop over them."""
    count, _, height, width = images.shape
    windows = F.pad(images, [pad] * 4).unfold(2, height, 1).unfold(3, width, 1)
    down, right = torch.randint(2 * pad + 1, (2, count))
    cropped = windows[torch.arange(count), :, down, right]
    return torch.where(torch.rand(count, 1, 1, 1) < 0.5, cropped.flip(-1), cropped)

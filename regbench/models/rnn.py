"""A recurrent network, for text and for images read row by row."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from regbench.nn.checks import require_positive, require_sequence
from regbench.nn.recurrence import Cell, Recurrence
from regbench.nn.tokens import lengths, trimmed, word_embedding
from regbench.sites import Site


class RNN(nn.Module):
    """Classify a sequence by the last state of `depth` recurrent layers of `width` units and a linear head.

    Text: token ids (B, T) are embedded; the last state is that of a row's last word, so padding, which comes
    after it, has no say. Images (C, H, W): a row of pixels, all channels of it, is a step, from the top.

    Args:
        in_shape: (T,) for token ids, (C, H, W) for images.
        num_classes: C; the logits are (B, C).
        vocabulary: number of token ids, or None for images.
        cell: lstm or gru.
        embedding: width of a word's vector, at least 1; of no account for images.
        width: units of each layer, at least 1.
        depth: recurrent layers, at least 1.

    Raises:
        ValueError: a size is below 1, or the inputs are neither text nor images.
    """

    def __init__(
        self,
        in_shape: Sequence[int],
        num_classes: int,
        vocabulary: int | None,
        cell: Cell,
        embedding: int,
        width: int,
        depth: int,
    ) -> None:
        super().__init__()
        require_positive(embedding=embedding, width=width, depth=depth)
        require_sequence(in_shape, vocabulary)
        if vocabulary is None:
            channels, steps, pixels = in_shape
            entering = channels * pixels
            self.input = Site("input", in_shape)
        else:
            (steps,), entering = in_shape, embedding
            self.embedding = word_embedding(steps, vocabulary, embedding)
        self.text = vocabulary is not None
        self.layers = nn.Sequential()
        for inputs, outputs in pairwise([entering] + [width] * depth):
            if len(self.layers):
                self.layers.append(Site("hidden", (steps, width), axis=1))
            body = Recurrence(cell, inputs, outputs)
            self.layers.append(Site("recurrent", (steps, outputs), axis=1, body=body))
        self.features = Site("hidden", (width,))
        self.head = nn.Linear(width, num_classes)

    def forward(self, inputs: Tensor) -> Tensor:
        if self.text:
            tokens = trimmed(inputs)
            states = self.layers(self.embedding(tokens))
            last = states[torch.arange(tokens.shape[0], device=tokens.device), lengths(tokens) - 1]
        else:
            rows = self.input(inputs).transpose(1, 2).flatten(2)  # (B, H, C * W)
            last = self.layers(rows)[:, -1]
        return self.head(self.features(last))

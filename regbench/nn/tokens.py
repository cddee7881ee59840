"""What models of token ids share."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from regbench.sites import Site
from regbench.types import PADDING


def word_embedding(length: int, vocabulary: int, width: int) -> Site:
    """The embedding site of (B, T) token ids: vectors (B, T, width), that of the padding always zero."""
    return Site(
        "embedding", (length, width), axis=1, body=nn.Embedding(vocabulary, width, padding_idx=PADDING)
    )


def lengths(tokens: Tensor) -> Tensor:
    """Tokens of each row (B,), padding at the end left out; 1 for an empty one."""
    return (tokens != PADDING).sum(1).clamp(min=1)


def trimmed(tokens: Tensor) -> Tensor:
    """The tokens (B, T) without the columns at the end that hold nothing but padding; one is kept.

    That saves time and changes nothing, so that a program of fixed shapes (torch.export) does without it.
    """
    if torch.compiler.is_exporting():
        return tokens
    return tokens[:, : int(lengths(tokens).max())]

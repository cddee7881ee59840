"""A transformer encoder, for text and for images cut into patches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from regbench.nn.checks import require_positive, require_sequence
from regbench.nn.layers import named
from regbench.nn.tokens import lengths, trimmed, word_embedding
from regbench.sites import Site

MOST_PATCHES = 64  # where the size of a patch is left to the model
EXPANSION = 4  # width of a block's hidden layer, in widths of the model
POSITION_STD = 0.5  # with the usual 0.02 a short run sees a bag of patches: 5 epochs of digits, 0.38 for 0.63
TokenNorm = Literal["none", "layer"]


class Transformer(nn.Module):
    """Classify by `depth` blocks of self-attention and a dense layer, the mean over tokens and a linear head.

    Each block is x + attention(norm(x)), then x + dense(norm(x)), with one hidden layer of 4 * width GELU
    units; a norm follows the last block. Tokens are words, or patches of an image under one linear map; a
    learned position is added to each. Padding is neither attended to nor averaged. Departures from the
    papers: norms before the branches (Xiong et al., 2020), a mean in place of a class token. Activation noise
    acts in the hidden layers of the blocks unless told where.

    Paper: Vaswani et al., 2017, https://arxiv.org/abs/1706.03762, section 3; Dosovitskiy et al., 2021,
    https://arxiv.org/abs/2010.11929, section 3.1; sharing across layers: Lan et al., 2020,
    https://arxiv.org/abs/1909.11942, section 3.1

    Args:
        in_shape: (T,) for token ids, (C, H, W) for images.
        num_classes: C; the logits are (B, C).
        vocabulary: number of token ids, or None for images.
        width: width of a token, a multiple of heads.
        depth: blocks that a token passes, at least 1.
        heads: heads of each attention, at least 1.
        patch: side of a patch in pixels, dividing both sides of the image; None: the smallest from 2 on that
            leaves at most 64 patches, or the largest where none does. Of no account for text.
        share_layers: how often in a row each block is used; 1 shares nothing. It divides depth.
        norm: what stands before each branch and before the mean.

    Raises:
        ValueError: a size is out of range, or the inputs are neither text nor images.
    """

    def __init__(
        self,
        in_shape: Sequence[int],
        num_classes: int,
        vocabulary: int | None,
        width: int,
        depth: int,
        heads: int,
        patch: int | None,
        share_layers: int,
        norm: TokenNorm,
    ) -> None:
        super().__init__()
        require_positive(width=width, depth=depth, heads=heads, share_layers=share_layers)
        require_sequence(in_shape, vocabulary)
        if width % heads:
            raise ValueError(f"width must be a multiple of the {heads} heads, got {width}")
        if depth % share_layers:
            raise ValueError(f"depth must be a multiple of share_layers={share_layers}, got {depth}")
        self.text, self.share_layers = vocabulary is not None, share_layers
        if vocabulary is None:
            self.input = Site("input", in_shape)
            body = Patches(in_shape, width, _patch(in_shape, patch))
            tokens = body.count
            self.embedding = Site("embedding", (tokens, width), axis=1, body=body)
        else:
            (tokens,) = in_shape
            self.embedding = word_embedding(tokens, vocabulary, width)
        self.positions = nn.Parameter(nn.init.trunc_normal_(torch.empty(tokens, width), std=POSITION_STD))
        self.padding = Padding()
        shape = (tokens, width)
        self.blocks = nn.Sequential(
            *(Block(shape, heads, norm, self.padding) for _ in range(depth // share_layers))
        )
        self.norm = _norm(norm, shape)
        self.features = Site("hidden", (width,), default=False)
        self.head = nn.Linear(width, num_classes)

    def forward(self, inputs: Tensor) -> Tensor:
        inputs = trimmed(inputs) if self.text else self.input(inputs)
        self.padding.see(lengths(inputs) if self.text else None, inputs.shape[1])
        tokens = self.embedding(inputs)
        tokens = tokens + self.positions[: tokens.shape[1]]
        for block in self.blocks:
            for _ in range(self.share_layers):
                tokens = block(tokens)
        return self.head(self.features(self.padding.mean(self.norm(tokens))))


class Patches(nn.Module):
    """Cut images (B, C, H, W) into squares and map each to a token: (B, count, width)."""

    def __init__(self, in_shape: Sequence[int], width: int, patch: int) -> None:
        super().__init__()
        channels, height, breadth = in_shape
        self.conv = nn.Conv2d(channels, width, patch, patch)
        self.count = (height // patch) * (breadth // patch)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.conv(inputs).flatten(2).transpose(1, 2)


class Padding(nn.Module):
    """Which tokens of the present batch are padding: written by the model, read by its attentions."""

    def __init__(self) -> None:
        super().__init__()
        self.mask: Tensor | None = None

    def see(self, lengths: Tensor | None, longest: int) -> None:
        """Take the rows' lengths (B,), or None where nothing is padding."""
        self.mask = None
        if lengths is not None:
            self.mask = torch.arange(longest, device=lengths.device) < lengths[:, None]  # True: a word

    def mean(self, tokens: Tensor) -> Tensor:
        """The mean over the words of each row: (B, T, width) to (B, width)."""
        if self.mask is None:
            return tokens.mean(1)
        words = self.mask[:, :, None].to(tokens.dtype)
        return (tokens * words).sum(1) / words.sum(1)

    def attended(self) -> Tensor | None:
        """A mask for attention, (B, 1, 1, T), True where a token may be attended to."""
        return None if self.mask is None else self.mask[:, None, None]


class Block(nn.Module):
    """One layer: self-attention, then a dense layer, each a branch beside the identity."""

    def __init__(self, shape: tuple[int, int], heads: int, norm: TokenNorm, padding: Padding) -> None:
        super().__init__()
        tokens, width = shape
        inner = (tokens, EXPANSION * width)
        attention = {"norm": _norm(norm, shape), "attention": SelfAttention(shape, heads, padding)}
        dense = {
            "norm": _norm(norm, shape),
            "first": nn.Linear(width, inner[1]),
            "hidden": Site("hidden", inner, axis=1, body=nn.GELU()),
            "second": nn.Linear(inner[1], width),
        }
        self.attention = Site("branch", shape, axis=1, body=named(attention))
        self.dense = Site("branch", shape, axis=1, body=named(dense))

    def forward(self, inputs: Tensor) -> Tensor:
        attended = inputs + self.attention(inputs)
        return attended + self.dense(attended)


class SelfAttention(nn.Module):
    """Let every token of (B, T, width) attend to the others: softmax(q k' / sqrt(d)) v in each head.

    The softmax is the body of a site of kind attention: what a member puts around it sees the logits
    (B, heads, T, T), -inf at padding, what it puts after it the probabilities. Where nobody does, torch's
    fused attention runs.
    """

    def __init__(self, shape: tuple[int, int], heads: int, padding: Padding) -> None:
        super().__init__()
        tokens, width = shape
        self.heads = heads
        self.entering = nn.Linear(width, 3 * width)
        self.probabilities = Site("attention", (heads, tokens, tokens), body=nn.Softmax(-1))
        self.leaving = nn.Linear(width, width)
        self.seen = [padding]  # in a list: it is the model's, and no part of this module

    def forward(self, inputs: Tensor) -> Tensor:
        query, key, value = self.entering(inputs).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mask = self.seen[0].attended()
        if self.probabilities.untouched:
            mixed = F.scaled_dot_product_attention(query, key, value, mask)
        else:
            logits = query @ key.transpose(2, 3) / query.shape[-1] ** 0.5
            if mask is not None:
                logits = logits.masked_fill(~mask, float("-inf"))
            mixed = self.probabilities(logits) @ value
        return self.leaving(mixed.transpose(1, 2).flatten(2))


def _norm(kind: TokenNorm, shape: tuple[int, int]) -> Site:
    body = nn.LayerNorm(shape[1]) if kind == "layer" else None
    return Site("norm", shape, axis=1, body=body)


def _patch(in_shape: Sequence[int], patch: int | None) -> int:
    """The side of a patch.

    Raises:
        ValueError: it does not divide the image, or none does.
    """
    _, height, width = in_shape
    sides = [side for side in range(1, min(height, width) + 1) if height % side == width % side == 0]
    if patch is not None and patch not in sides:
        raise ValueError(f"patch must divide the image's {height}x{width} pixels, got {patch}")
    few = (side for side in sides if side > 1 and height * width // side**2 <= MOST_PATCHES)
    return patch or next(few, sides[-1])
